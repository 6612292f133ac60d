//! [`Source`]: where to look, as the user wrote it.

use std::fmt;
use std::path::{Path, PathBuf};

#[cfg(feature = "s3")]
use super::s3::S3Url;
use crate::error::Error;

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, a folder, or `-` for standard input.
    Path(PathBuf),
    /// A bucket, and what to look at in it.
    #[cfg(feature = "s3")]
    S3(S3Url),
}

impl Source {
    /// Tells a bucket from a path.
    ///
    /// # Errors
    /// [`Error::Setting`] where no bucket can have that name, or where reading buckets was not compiled in.
    pub fn parse(text: &Path) -> Result<Self, Error> {
        let start = text.as_os_str().as_encoded_bytes().get(..SCHEME.len());
        if !start.is_some_and(|start| start.eq_ignore_ascii_case(SCHEME.as_bytes())) {
            return Ok(Self::Path(text.to_owned()));
        }
        let url = text.to_str().ok_or_else(|| Error::setting(text.display().to_string(), "the key is not UTF-8"))?;
        Self::parse_url(url)
    }

    #[cfg(feature = "s3")]
    fn parse_url(url: &str) -> Result<Self, Error> {
        S3Url::parse(url).map(Self::S3)
    }

    #[cfg(not(feature = "s3"))]
    fn parse_url(url: &str) -> Result<Self, Error> {
        let reason = format!("this trailsift was built without reading S3: copy it with `aws s3 sync {url} FOLDER` and give the folder");
        Err(Error::setting(url, reason))
    }

    /// The path; `None` for a bucket.
    pub fn as_path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            #[cfg(feature = "s3")]
            Self::S3(_) => None,
        }
    }

    /// Whether objects keep here the bucket and key that they were delivered to, so that one that lies elsewhere was
    /// moved. The ARN of an access point does not tell the bucket.
    pub fn keeps_places(&self) -> bool {
        match self {
            Self::Path(_) => false,
            #[cfg(feature = "s3")]
            Self::S3(url) => !url.is_access_point(),
        }
    }
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl From<&Path> for Source {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            #[cfg(feature = "s3")]
            Self::S3(url) => url.fmt(f),
        }
    }
}

const SCHEME: &str = "s3://";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_buckets() {
        let parse = |text: &str| Source::parse(Path::new(text)).map(|source| (source.as_path().is_some(), source.to_string()));
        for path in ["-", "./s3:/b", "logs/AWSLogs", "s3"] {
            assert_eq!(parse(path).unwrap(), (true, path.to_owned()));
        }
        #[cfg(feature = "s3")]
        assert_eq!(parse("s3://b/AWSLogs/").unwrap(), (false, "s3://b/AWSLogs/".to_owned()));
        #[cfg(not(feature = "s3"))]
        assert!(parse("s3://b/AWSLogs/").unwrap_err().to_string().contains("built without reading S3"));
        assert!(parse("S3://b").is_err() && parse("s3://").is_err());
    }
}
