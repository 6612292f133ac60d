//! [`Standing`]: how a bucket has answered so far, and what follows for requests that failed.
//!
//! The SDK repeats what may succeed another time. This adds what it does not do: credentials that ran out are asked for
//! again, and a server that nobody has heard of yet is given up soon.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::interceptors::InterceptorContext;
use aws_sdk_s3::config::{ConfigBag, IdentityCache, RuntimeComponents};
use aws_smithy_runtime_api::client::identity::{IdentityFuture, ResolveCachedIdentity, SharedIdentityCache, SharedIdentityResolver};
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority};

/// What is known of a server and of the credentials that are shown to it; all clones know the same.
#[derive(Debug, Clone)]
pub(super) struct Standing(Arc<Known>);

#[derive(Debug)]
struct Known {
    has_answered: AtomicBool,
    has_granted: AtomicBool,
    /// Tries that met no server.
    unanswered: AtomicUsize,
    /// Answers since the last success that the credentials have expired.
    expired: AtomicUsize,
    /// How many of those may come before they are believed: those under way when credentials run out all get one.
    most_expired: usize,
    credentials: RwLock<Credentials>,
}

/// Credentials, kept until they run out by their own word or by that of S3.
#[derive(Debug)]
struct Credentials {
    cache: SharedIdentityCache,
    renewed: Option<Instant>,
}

impl Standing {
    /// Of a server of which nothing is known, for so many requests at once.
    pub(super) fn new(requests: usize) -> Self {
        Self(Arc::new(Known {
            has_answered: AtomicBool::new(false),
            has_granted: AtomicBool::new(false),
            unanswered: AtomicUsize::new(0),
            expired: AtomicUsize::new(0),
            most_expired: requests.saturating_mul(2).max(FIRST_TRIES),
            credentials: RwLock::new(Credentials { cache: identity_cache(), renewed: None }),
        }))
    }

    /// Takes note of a try and of its answer, if there was one.
    pub(super) fn note(&self, answer: Option<&HttpResponse>, now: Instant) {
        let Some(answer) = answer else {
            self.0.unanswered.fetch_add(1, Ordering::Relaxed);
            return;
        };
        self.0.has_answered.store(true, Ordering::Relaxed);
        if is_expired(answer) {
            self.0.expired.fetch_add(1, Ordering::Relaxed);
            self.renew(now);
        } else if answer.status().is_success() {
            self.0.has_granted.store(true, Ordering::Relaxed);
            self.0.expired.store(0, Ordering::Relaxed);
        }
    }

    /// Forgets the credentials, so that the next request asks for them where they come from; answers to those that were
    /// signed before count once.
    fn renew(&self, now: Instant) {
        let mut credentials = self.0.credentials.write().unwrap_or_else(PoisonError::into_inner);
        if credentials.renewed.is_none_or(|before| now.duration_since(before) >= WAVE) {
            *credentials = Credentials { cache: identity_cache(), renewed: Some(now) };
        }
    }

    fn judge(&self, answer: Option<&HttpResponse>) -> RetryAction {
        let expired = self.0.expired.load(Ordering::Relaxed);
        match answer {
            None if !self.0.has_answered.load(Ordering::Relaxed) && self.0.unanswered.load(Ordering::Relaxed) >= FIRST_TRIES => {
                RetryAction::RetryForbidden
            }
            Some(answer) if is_expired(answer) => {
                let most = if self.0.has_granted.load(Ordering::Relaxed) { self.0.most_expired } else { FIRST_TRIES };
                if expired < most { RetryAction::transient_error() } else { RetryAction::RetryForbidden }
            }
            _ => RetryAction::NoActionIndicated,
        }
    }
}

impl ClassifyRetry for Standing {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        self.judge(context.response())
    }

    fn name(&self) -> &'static str {
        "Standing"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

impl ResolveCachedIdentity for Standing {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        config: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let cache = self.0.credentials.read().unwrap_or_else(PoisonError::into_inner).cache.clone();
        IdentityFuture::new(async move { cache.resolve_cached_identity(resolver, components, config).await })
    }
}

/// Keeps credentials until they run out by their own word.
pub(super) fn identity_cache() -> SharedIdentityCache {
    IdentityCache::lazy().load_timeout(LOAD_TIMEOUT).build()
}

/// Whether S3 says that the credentials have run out.
fn is_expired(answer: &HttpResponse) -> bool {
    let says = |body: &[u8]| EXPIRED.iter().any(|code| memchr::memmem::find(body, code).is_some());
    !answer.status().is_success() && answer.body().bytes().is_some_and(says)
}

/// S3's codes for credentials that have run out (Amazon S3 API Reference, "Error responses").
const EXPIRED: [&[u8]; 2] = [b"<Code>ExpiredToken", b"<Code>TokenRefreshRequired<"];
/// Tries before the first answer: somebody who wrote a wrong address waits a few seconds and not a minute.
const FIRST_TRIES: usize = 3;
/// How long answers to expired credentials count as one.
const WAVE: Duration = Duration::from_secs(1);
/// How long credentials may take to come: a process that yields them may ask its user for a code.
const LOAD_TIMEOUT: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use aws_sdk_s3::primitives::SdkBody;

    use super::*;

    fn answer(status: u16, code: &str) -> HttpResponse {
        HttpResponse::new(status.try_into().unwrap(), SdkBody::from(format!("<Error><Code>{code}</Code></Error>")))
    }

    #[test]
    fn a_server_that_never_answered_is_given_up_soon() {
        let standing = Standing::new(8);
        for _ in 0..FIRST_TRIES {
            assert_eq!(standing.judge(None), RetryAction::NoActionIndicated);
            standing.note(None, Instant::now());
        }
        assert_eq!(standing.judge(None), RetryAction::RetryForbidden);
        standing.note(Some(&answer(503, "SlowDown")), Instant::now());
        assert_eq!(standing.judge(None), RetryAction::NoActionIndicated);
    }

    #[test]
    fn expired_credentials_are_renewed_and_at_last_believed() {
        let (standing, expired) = (Standing::new(8), answer(400, "ExpiredToken"));
        let renewed = || standing.0.credentials.read().unwrap().renewed;
        let mut now = Instant::now();
        standing.note(Some(&answer(200, "")), now);
        for _ in 0..15 {
            standing.note(Some(&expired), now);
            assert_eq!(standing.judge(Some(&expired)), RetryAction::transient_error());
        }
        assert_eq!(renewed(), Some(now));
        now += WAVE;
        standing.note(Some(&expired), now);
        assert_eq!((renewed(), standing.judge(Some(&expired))), (Some(now), RetryAction::RetryForbidden));
        standing.note(Some(&answer(206, "")), now);
        assert_eq!(standing.judge(Some(&expired)), RetryAction::transient_error());
        assert_eq!(standing.judge(Some(&answer(403, "AccessDenied"))), RetryAction::NoActionIndicated);
    }
}
