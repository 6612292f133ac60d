//! [`Corpus`]: files of a folder, inflated.

use std::io::Read as _;

use walkdir::WalkDir;

/// Inflated files, in the order of their names.
pub(crate) struct Corpus {
    pub(crate) files: Vec<Vec<u8>>,
}

impl Corpus {
    /// The first gzip files under `folder`, until they hold `limit` bytes.
    pub(crate) fn load(folder: &str, limit: u64) -> Result<Self, String> {
        let mut corpus = Self { files: Vec::new() };
        for entry in WalkDir::new(folder).sort_by_file_name() {
            let entry = entry.map_err(|error| error.to_string())?;
            if !entry.file_type().is_file() || corpus.bytes() >= limit {
                continue;
            }
            let stored = std::fs::read(entry.path()).map_err(|error| format!("read {}: {error}", entry.path().display()))?;
            if stored.starts_with(&[0x1f, 0x8b]) {
                let mut file = Vec::new();
                let inflated = flate2::read::MultiGzDecoder::new(stored.as_slice()).read_to_end(&mut file);
                inflated.map_err(|error| format!("inflate {}: {error}", entry.path().display()))?;
                corpus.files.push(file);
            }
        }
        if corpus.files.is_empty() { Err(format!("no gzip file under {folder}")) } else { Ok(corpus) }
    }

    /// Bytes of JSON.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.len() as u64).sum()
    }

    /// How much there is, in words.
    pub(crate) fn describe(&self) -> String {
        let (files, bytes) = (self.files.len(), self.bytes());
        format!("{files} files, {:.0} MB of JSON, {:.0} KB a file", bytes as f64 / 1e6, bytes as f64 / 1e3 / files as f64)
    }
}
