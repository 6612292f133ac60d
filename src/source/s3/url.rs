//! [`S3Url`]: a bucket and what to look at in it, as the user wrote them.

use std::fmt;

use crate::error::Error;

/// `s3://bucket/prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Url {
    /// The bucket's name, or the ARN or alias of an access point.
    pub bucket: String,
    /// A key, or a folder with or without its last `/`; empty for the whole bucket.
    pub prefix: String,
}

impl S3Url {
    /// Reads `s3://bucket/prefix`.
    ///
    /// # Errors
    /// [`Error::Setting`] where no bucket can have that name.
    ///
    /// # Examples
    /// ```
    /// use trailsift::source::s3::S3Url;
    /// let url = S3Url::parse("s3://trail-bucket/org/AWSLogs/").expect("a bucket's name");
    /// assert_eq!((url.bucket.as_str(), url.prefix.as_str()), ("trail-bucket", "org/AWSLogs/"));
    /// ```
    pub fn parse(source: &str) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::setting(source, reason);
        let rest = source.strip_prefix(SCHEME).ok_or_else(|| wrong("expected s3://bucket/prefix"))?;
        let (bucket, prefix) = match rest.strip_prefix(ARN) {
            // The ARN of an access point has slashes of its own: arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME.
            Some(_) => {
                let second = rest.match_indices('/').nth(1).and_then(|(at, _)| rest.split_at_checked(at));
                second.map_or((rest, ""), |(arn, prefix)| (arn, prefix.trim_start_matches('/')))
            }
            None => rest.split_once('/').unwrap_or((rest, "")),
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if bucket.is_empty() {
            return Err(wrong("no bucket is named; expected s3://bucket/prefix"));
        }
        if !bucket.starts_with(ARN) && !bucket.bytes().all(is_name) {
            return Err(wrong("a bucket's name has only letters, digits, dots and hyphens"));
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// Whether the bucket is named by an access point of it.
    pub(crate) fn is_access_point(&self) -> bool {
        self.bucket.starts_with(ARN)
    }

    /// The prefix as a folder, with its last `/`; empty for the whole bucket.
    pub(super) fn folder(&self) -> String {
        if self.prefix.is_empty() || self.prefix.ends_with('/') { self.prefix.clone() } else { format!("{}/", self.prefix) }
    }
}

impl fmt::Display for S3Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.bucket, self.prefix)
    }
}

/// The name that findings, problems and tables have for a key.
pub(super) fn name_of(bucket: &str, key: &str) -> String {
    format!("{SCHEME}{bucket}/{key}")
}

const SCHEME: &str = "s3://";
const ARN: &str = "arn:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_and_prefixes() {
        for (source, bucket, prefix, folder) in [
            ("s3://b", "b", "", ""),
            ("s3://b/", "b", "", ""),
            ("s3://b/p/q", "b", "p/q", "p/q/"),
            ("s3://b//p/", "b", "/p/", "/p/"),
            (
                "s3://arn:aws:s3:eu-west-1:111122223333:accesspoint/ir/AWSLogs/",
                "arn:aws:s3:eu-west-1:111122223333:accesspoint/ir",
                "AWSLogs/",
                "AWSLogs/",
            ),
            ("s3://arn:aws:s3:eu-west-1:111122223333:accesspoint/ir", "arn:aws:s3:eu-west-1:111122223333:accesspoint/ir", "", ""),
        ] {
            let url = S3Url::parse(source).unwrap();
            assert_eq!((url.bucket.as_str(), url.prefix.as_str(), url.folder().as_str()), (bucket, prefix, folder), "{source}");
        }
    }

    #[test]
    fn what_is_no_bucket() {
        for source in ["s3://", "s3:///p", "s3://b?x/p", "s3://b c", "b/p", "S3://b"] {
            assert!(S3Url::parse(source).is_err(), "{source}");
        }
    }
}
