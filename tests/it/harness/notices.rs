//! What people were told: open findings and mails.

use super::{TestApp, text};

impl TestApp {
    /// The kinds and subjects of open findings, sorted.
    pub async fn open_findings(&self) -> Vec<(String, String)> {
        let admin = self.admin().await;
        let list = self.get("/v1/ledger/findings?state=open").by(&admin);
        let list = list.expect(200).await;
        let all = list["data"].as_array().expect("findings").iter();
        let mut open: Vec<_> = all
            .map(|finding| (text(finding, "kind"), text(finding, "subject")))
            .collect();
        open.sort();
        open
    }

    /// How many mails with this headline were sent.
    pub fn mails_called(&self, headline: &str) -> usize {
        let all = self.mails().into_iter();
        all.filter(|(subject, _)| subject == headline).count()
    }

    /// The codes that were mailed to an address.
    pub fn codes_to(&self, address: &str) -> Vec<String> {
        let folder = self.app.config.data_dir.join("mail");
        let Ok(files) = std::fs::read_dir(folder) else {
            return vec![];
        };
        let mut codes = vec![];
        for file in files {
            let raw = std::fs::read_to_string(file.expect("a file").path()).expect("a mail");
            let to = raw.lines().find_map(|line| line.strip_prefix("To: "));
            if to.map(str::trim) != Some(address) {
                continue;
            }
            let code = raw.split_once("Your code is ");
            codes.extend(code.map(|(_, code)| code.chars().take(8).collect::<String>()));
        }
        codes
    }

    /// Headline and address of the mails that were sent, sorted.
    pub fn mails(&self) -> Vec<(String, String)> {
        let folder = self.app.config.data_dir.join("mail");
        let Ok(files) = std::fs::read_dir(folder) else {
            return vec![];
        };
        let read = |file: std::io::Result<std::fs::DirEntry>| {
            let path = file.expect("a file").path();
            let raw = std::fs::read_to_string(path).expect("a mail");
            let line = |name: &str| {
                let line = raw.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_default().trim().to_owned()
            };
            (line("Subject:"), line("To:"))
        };
        let mut mails: Vec<_> = files
            .map(read)
            .filter(|(subject, _)| !subject.is_empty())
            .collect();
        mails.sort();
        mails
    }
}
