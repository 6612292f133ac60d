//! [`Failure`]: why S3 did not answer, in one sentence that says what to do.

use std::error::Error;
use std::fmt;
use std::io;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// Why a request came to nothing, after all that retrying could do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    sentence: String,
}

impl Failure {
    /// A failure that this program found out itself.
    pub(super) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into() }
    }

    /// What S3 or the way to it said.
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let sentence = match error {
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status().as_u16();
                let (code, message) = (answer.err().code().unwrap_or_default(), answer.err().message().unwrap_or_default());
                said(status, code, message)
            }
            SdkError::TimeoutError(_) => LATE.to_owned(),
            other => unsent(&causes(other)),
        };
        Self { sentence }
    }

    /// As an error of reading.
    pub(super) fn into_io(self) -> io::Error {
        io::Error::other(self.sentence)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// Why an answer ended in its middle.
pub(super) fn breach(error: &(dyn Error + 'static)) -> String {
    let chain = causes(error);
    if chain.contains(STALL) { "nothing more came in time".to_owned() } else { chain }
}

/// What an error says with all of its causes, without the words that libraries have for parts of themselves.
fn causes(error: &(dyn Error + 'static)) -> String {
    let (mut parts, mut next) = (Vec::new(), Some(error));
    while let Some(error) = next {
        let part = error.to_string();
        // The system's number says nothing that its words do not.
        parts.push(part.split(" (os error").next().unwrap_or_default().to_owned());
        next = error.source();
    }
    parts.retain(|part| !PARTS.contains(&part.as_str()));
    parts.dedup();
    parts.join(": ")
}

/// What an answer of S3 means. `HEAD` has no body and so neither code nor message.
fn said(status: u16, code: &str, message: &str) -> String {
    let known = SENTENCES.iter().find(|(known, _)| *known == code).map(|(_, sentence)| *sentence);
    let first = match (status, code) {
        _ if code.starts_with("KMS.") || (status == 403 && message.contains("kms:")) => Some(KMS),
        (403, "") => Some(DENIED),
        (404, "") => Some("there is no such bucket or key"),
        (301 | 307, _) => Some("the bucket is in another region, which it does not name; set AWS_REGION"),
        (412, _) => Some(CHANGED),
        _ => known,
    };
    let message = one_line(message);
    match (first, message.as_str()) {
        (Some(first), "") => first.to_owned(),
        (Some(first), message) => format!("{first} ({message})"),
        (None, "") => format!("the server answered {status} {code}").trim_end().to_owned(),
        (None, message) => format!("the server answered {status} {code}: {message}"),
    }
}

/// Why a request was not sent, or its answer not understood. The libraries have no kinds for the causes that users
/// meet, so their words decide.
fn unsent(chain: &str) -> String {
    let lower = chain.to_ascii_lowercase();
    let has = |words: &str| lower.contains(words);
    // The token of a sign-in is spoken of where it has run out.
    let first = if has("expired") || has("token has been revoked") || has("token not found") {
        EXPIRED
    } else if has("/sso/cache/") {
        "nobody is signed in; do so (aws sso login) and repeat the command"
    } else if has("was not defined") {
        "there is no such profile"
    } else if has("no providers in chain provided credentials") || has("no credentials") || has("imds") {
        "no AWS credentials were found; give --profile, set AWS_PROFILE, or read a public bucket with --no-sign-request"
    } else if has("provider was not enabled") {
        // That of a profile; where none is named, it is one of many.
        "the profile has no credentials"
    } else if has("identity resolver timed out") {
        "the credentials did not come in time; does what gives them wait for an answer?"
    } else if has("loading credentials") {
        "the credentials cannot be had from where they are kept"
    } else if has("valid uri") {
        "the address of the server is none; write it as https://HOST"
    } else if has("dns") || has("resolve") {
        "the name of the server cannot be resolved; is there a network?"
    } else if has(STALL) {
        return STALLED.to_owned();
    } else if has("read timeout") {
        return LATE.to_owned();
    } else if has("response error") || has("reset by peer") {
        "the connection broke, also after many tries"
    } else if has("connect") {
        "no connection to the server"
    } else {
        return one_line(chain);
    };
    format!("{first} ({})", one_line(chain))
}

/// Text of others, on one line and not longer than a screen has room for.
fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let mut words = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((at, _)) = words.char_indices().nth(LINE_LETTERS) {
        words.truncate(at);
        words.push('…');
    }
    words.trim_end_matches('.').to_owned()
}

/// What the SDK and its client call the place of an error, with the cause behind it.
const PARTS: [&str; 5] = ["dispatch failure", "io error", "other", "client error (Connect)", "client error (SendRequest)"];
const LINE_LETTERS: usize = 300;
/// What the SDK says where nothing more of an answer came.
const STALL: &str = "minimum throughput";
const STALLED: &str = "the server began to answer and then fell silent, also after many tries";
const LATE: &str = "no answer in time, also after many tries";
const DENIED: &str = "access denied; listing needs s3:ListBucket, reading s3:GetObject";
const EXPIRED: &str = "the credentials have expired; sign in again (aws sso login) and repeat the command";
const KMS: &str = "encrypted with a KMS key that may not or cannot be used; ask its owner for kms:Decrypt, or enable the key";
const ARCHIVED: &str =
    "archived in a Glacier storage class; restore it first (aws s3api restore-object --restore-request Days=7) and repeat the command";
/// What `If-Match` found out.
const CHANGED: &str = "the object was changed after it was listed; what was read of it is not used further";

/// S3's error codes with what they mean for somebody who reads.
///
/// # Source
/// Amazon S3 API Reference, "Error responses".
const SENTENCES: [(&str, &str); 18] = [
    ("AccessDenied", DENIED),
    ("AllAccessDisabled", "all access to the bucket is disabled"),
    ("AuthorizationHeaderMalformed", "the bucket is in another region; set AWS_REGION"),
    ("ExpiredToken", EXPIRED),
    ("ExpiredTokenException", EXPIRED),
    ("TokenRefreshRequired", EXPIRED),
    ("InvalidAccessKeyId", "the access key is not known to AWS"),
    ("InvalidObjectState", ARCHIVED),
    ("InvalidToken", "the session token is not one of AWS"),
    ("NoSuchBucket", "there is no such bucket"),
    ("NoSuchKey", "the object was deleted after it was listed"),
    ("PermanentRedirect", "the bucket is in another region; set AWS_REGION"),
    ("PreconditionFailed", CHANGED),
    ("RequestTimeTooSkewed", "this machine's clock is more than 15 minutes off"),
    ("SignatureDoesNotMatch", "the secret access key does not fit the access key"),
    ("SlowDown", "S3 asked to slow down, also after many tries"),
    ("InternalError", "S3 had a failure of its own, also after many tries"),
    ("InvalidRequest", "S3 does not take the request; is a requester-pays bucket read without --request-payer?"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_say_what_to_do() {
        let kms = "User: arn:aws:iam::111122223333:user/x is not authorized to perform: kms:Decrypt on the resource.";
        for (status, code, message, part) in [
            (403, "AccessDenied", "Access Denied", "access denied; listing needs s3:ListBucket, reading s3:GetObject (Access Denied)"),
            (403, "", "", DENIED),
            (403, "AccessDenied", kms, "kms:Decrypt, or enable"),
            (400, "KMS.DisabledException", "x", "encrypted with a KMS key"),
            (403, "InvalidObjectState", "", "restore-object"),
            (400, "ExpiredToken", "The provided token has expired.", "aws sso login"),
            (412, "", "", "changed after it was listed"),
            (418, "Teapot", "short\nand stout", "the server answered 418 Teapot: short and stout"),
            (418, "", "", "the server answered 418"),
        ] {
            let sentence = said(status, code, message);
            assert!(sentence.contains(part) && !sentence.contains('\n'), "{sentence}");
        }
    }

    #[test]
    fn what_was_not_sent() {
        for (chain, part) in [
            (
                "the credential provider was not enabled: no credentials found in chain. Attempted: Environment: the credential provider was \
                 not enabled: environment variable not set",
                "--no-sign-request",
            ),
            ("an error occurred while loading credentials: failed to load IMDS session token: request forbidden", "--no-sign-request"),
            ("the credential provider was not enabled: profile `x` was not defined: could not find source profile", "no such profile"),
            ("failed to read `/home/x/.aws/sso/cache/39.json`: No such file or directory", "aws sso login"),
            ("an error occurred while loading credentials: external process exited with code 1", "cannot be had"),
            ("identity resolver timed out after 60s", "the credentials did not come in time"),
            ("the credential provider was not enabled", "the profile has no credentials"),
            ("Custom endpoint `x` was not a valid URI", "https://HOST"),
            ("tcp connect error: Connection refused", "no connection"),
            ("response error: error reading a body from connection: Connection reset by peer", "the connection broke"),
            (
                "response error: minimum throughput was specified at 1 B/s, but throughput of 0 B/s was observed",
                "began to answer and then fell silent",
            ),
            ("timeout: HTTP read timeout occurred after 30s", "no answer in time"),
            ("timeout: client error (Connect): HTTP connect timeout occurred after 10s", "no connection to the server"),
            ("dns error: failed to lookup address", "resolved"),
            ("The SSO session has expired or is invalid", "aws sso login"),
        ] {
            assert!(unsent(chain).contains(part), "{}", unsent(chain));
        }
        assert!(unsent(&"x".repeat(9_999)).chars().count() < 310);
    }
}
