//! The file behind [`crate::State::File`]: JSON lines, one for each committed piece of work.
//!
//! A line is handed to the operating system before the request is answered. It is not synced to the
//! disk, so it survives the death of the process and not that of the machine. At start the file is
//! replayed and written anew in short; a torn last line was never answered and is dropped.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    api::namespace::Namespace,
    options::Error,
    store::{Record, Tx},
};

/// A saved answer of an idempotent request. Scope: account and key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub path: String,
    pub body: String,
    pub status: u16,
    /// The text of the answer; a file of an earlier day holds the object itself.
    #[serde(deserialize_with = "text")]
    pub answer: String,
    /// The `Request-Id` it was first asked under.
    #[serde(default)]
    pub request: String,
    pub at: i64,
}

/// Seconds after which a key is forgotten: Stripe may do so after 24 hours.
const KEY_LIFE: i64 = 24 * 3600;
/// In `/v2` keys live for 30 days (<https://docs.stripe.com/api-v2-overview#idempotency>).
const V2_KEY_LIFE: i64 = 30 * 24 * 3600;

impl Saved {
    /// Whether the key still has this answer.
    pub fn is_kept(&self, now: i64) -> bool {
        let life = match Namespace::of(&self.path) {
            Namespace::V1 => KEY_LIFE,
            Namespace::V2 => V2_KEY_LIFE,
        };
        self.at > now - life
    }
}

fn text<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => text,
        object => object.to_string(),
    })
}

/// The changes of one committed piece of work.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Line {
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "shared")]
    pub put: Vec<Arc<Record>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub del: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idem: Option<(String, Saved)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Meta>,
    /// The counter behind ids.
    pub n: u64,
}

impl Line {
    /// What a piece of work is about to commit.
    pub fn of(tx: &Tx<'_>, idem: Option<(String, Saved)>) -> Self {
        let mut line = Self {
            n: tx.store().counter,
            idem,
            ..Self::default()
        };
        for id in tx.changed() {
            match tx.get(id) {
                Some(record) => line.put.push(record),
                None => line.del.push(id.to_owned()),
            }
        }
        line
    }

    pub fn is_empty(&self) -> bool {
        self.put.is_empty() && self.del.is_empty() && self.idem.is_none() && self.meta.is_none()
    }
}

/// State that isn't an object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub seed: u64,
    pub platform: String,
    pub application: String,
    pub base_url: String,
    /// Seconds ahead of the wall clock (real), or unix seconds (manual).
    pub clock: i64,
}

pub(crate) struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Opens or creates the file and reads every whole line of it.
    ///
    /// # Errors
    /// When the file can't be opened, is in use by another process, or is damaged before its end.
    pub fn open(path: &Path) -> Result<(Self, Vec<Line>), Error> {
        if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .read(true)
            .open(path)?;
        file.try_lock().map_err(|_| Error::InUse(path.into()))?;
        let lines = read(BufReader::new(&file), path)?;
        Ok((
            Self {
                file,
                path: path.into(),
            },
            lines,
        ))
    }

    /// Hands a line to the operating system. A partly written line is truncated again.
    pub fn append(&mut self, line: &Line) -> Result<(), Error> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        let before = self.file.metadata()?.len();
        if let Err(error) = self.file.write_all(&bytes) {
            self.file.set_len(before)?;
            return Err(error.into());
        }
        Ok(())
    }

    /// Replaces the whole file by `lines`, atomically.
    pub fn rewrite(&mut self, lines: impl Iterator<Item = Line>) -> Result<(), Error> {
        let beside = self.path.with_extension("compact");
        let mut out = BufWriter::new(File::create(&beside)?);
        for line in lines {
            serde_json::to_writer(&mut out, &line)?;
            out.write_all(b"\n")?;
        }
        out.into_inner().map_err(|e| e.into_error())?.sync_all()?;
        std::fs::rename(&beside, &self.path)?;
        self.file = OpenOptions::new()
            .append(true)
            .read(true)
            .open(&self.path)?;
        self.file
            .try_lock()
            .map_err(|_| Error::InUse(self.path.clone()))
    }
}

fn read(mut file: impl BufRead, path: &Path) -> Result<Vec<Line>, Error> {
    let mut lines = Vec::new();
    let mut text = Vec::new();
    loop {
        text.clear();
        if file.read_until(b'\n', &mut text)? == 0 {
            return Ok(lines);
        }
        match serde_json::from_slice(&text) {
            Ok(line) if text.ends_with(b"\n") => lines.push(line),
            // Never answered: the process died while writing it.
            _ if file.fill_buf()?.is_empty() => return Ok(lines),
            Ok(_) | Err(_) => {
                return Err(Error::Damaged {
                    path: path.into(),
                    line: lines.len() + 1,
                });
            }
        }
    }
}

/// Serde for shared records, without serde's `rc` feature, which a whole workspace would get.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serializer};

    use crate::store::Record;

    pub fn serialize<S: Serializer>(records: &[Arc<Record>], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(records.iter().map(Arc::as_ref))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Arc<Record>>, D::Error> {
        Ok(Vec::<Record>::deserialize(from)?
            .into_iter()
            .map(Arc::new)
            .collect())
    }
}
