//! A small PDF of lines of text: one font that every reader has, nothing compressed.

const LINES_A_PAGE: usize = 48;
const LONGEST: usize = 78;

/// Writes lines of a text and, at the right, an amount.
pub(super) fn write(lines: &[(String, String)]) -> Vec<u8> {
    let pages: Vec<String> = lines.chunks(LINES_A_PAGE).map(page).collect();
    // 1 is the catalog, 2 the pages, 3 the font; each page has itself and what it shows.
    let kids: Vec<String> = (0..pages.len())
        .map(|n| format!("{} 0 R", 4 + 2 * n))
        .collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!(
            "<< /Type /Pages /Kids [{}] /Count {} >>",
            kids.join(" "),
            kids.len()
        ),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_owned(),
    ];
    for (n, shown) in pages.iter().enumerate() {
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents {} 0 R >>",
            5 + 2 * n
        ));
        objects.push(format!(
            "<< /Length {} >>\nstream\n{shown}\nendstream",
            shown.len()
        ));
    }
    let mut out = "%PDF-1.4\n".to_owned();
    let mut places = String::new();
    for (n, object) in objects.iter().enumerate() {
        places.push_str(&format!("{:010} 00000 n \n", out.len()));
        out.push_str(&format!("{} 0 obj\n{object}\nendobj\n", n + 1));
    }
    let (count, start) = (objects.len() + 1, out.len());
    out.push_str(&format!("xref\n0 {count}\n0000000000 65535 f \n{places}trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    ));
    out.into_bytes()
}

/// The drawing of one page.
fn page(lines: &[(String, String)]) -> String {
    let mut out = "BT\n/F1 10 Tf".to_owned();
    let mut y = 790;
    for (text, sum) in lines {
        let text: String = text.chars().take(LONGEST).collect();
        out.push_str(&format!("\n1 0 0 1 50 {y} Tm ({}) Tj", escaped(&text)));
        if !sum.is_empty() {
            out.push_str(&format!("\n1 0 0 1 460 {y} Tm ({}) Tj", escaped(sum)));
        }
        y -= 15;
    }
    out.push_str("\nET");
    out
}

/// Text in a PDF's parentheses, in the encoding of its font; what that hasn't got is `?`.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for char in text.chars() {
        match char {
            '(' | ')' | '\\' => {
                out.push('\\');
                out.push(char);
            }
            ' '..='~' => out.push(char),
            '€' => out.push_str("\\200"),
            '\u{a0}'..='\u{ff}' => out.push_str(&format!("\\{:03o}", u32::from(char))),
            _ => out.push('?'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_stands_where_the_table_says() {
        let lines: Vec<_> = (0..100)
            .map(|n| (format!("2 × Tea (€{n})"), format!("{n}.00 EUR")))
            .collect();
        let bytes = write(&lines);
        let text = String::from_utf8(bytes).expect("only ASCII");
        assert!(text.contains("/Count 3"));
        assert!(text.contains("(2 \\327 Tea \\(\\20099\\)) Tj"), "{text}");
        let (_, table) = text.split_once("\n0000000000 65535 f \n").expect("a table");
        let places = table.lines().take_while(|line| line.ends_with(" n "));
        let mut seen = 0;
        for (n, line) in places.enumerate() {
            let at: usize = line[..10].parse().expect("a number");
            assert!(text[at..].starts_with(&format!("{} 0 obj\n", n + 1)));
            seen += 1;
        }
        assert_eq!(seen, 9);
        let start = text.lines().rev().nth(1).expect("a start");
        assert!(text[start.parse::<usize>().expect("a number")..].starts_with("xref\n"));
    }
}
