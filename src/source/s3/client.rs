//! [`Bucket`]: a client that asks one bucket in its region.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_s3::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Builder, ConfigBag, Intercept, Region, ResponseChecksumValidation, RuntimeComponents, StalledStreamProtectionConfig,
};
use aws_sdk_s3::types::RequestPayer;

use super::failure::Failure;
use super::standing::Standing;
use super::{Limits, Settings, Wire};

/// One bucket, and how it is asked.
pub(super) struct Bucket {
    pub(super) name: String,
    pub(super) client: Client,
    pub(super) payer: Option<RequestPayer>,
    pub(super) wire: Arc<Wire>,
}

impl Bucket {
    /// Finds the bucket's region, which S3 tells also where it denies all else.
    pub(super) async fn find(name: &str, config: &SdkConfig, settings: &Settings, wire: &Arc<Wire>) -> Result<Self, Failure> {
        let bucket = |client| Self {
            name: name.to_owned(),
            client,
            payer: settings.request_payer.then_some(RequestPayer::Requester),
            wire: wire.clone(),
        };
        let first = client(config, settings, wire, None);
        if settings.endpoint_url.is_some() || config.endpoint_url().is_some() {
            return Ok(bucket(first));
        }
        let answer = first.head_bucket().bucket(name).send().await;
        let told = match &answer {
            Ok(head) => head.bucket_region().map(str::to_owned),
            Err(error) => error.raw_response().and_then(|raw| raw.headers().get(REGION_HEADER)).map(str::to_owned),
        };
        match (told, answer) {
            (Some(region), _) if config.region().is_some_and(|asked| asked.as_ref() == region) => Ok(bucket(first)),
            (Some(region), _) => Ok(bucket(client(config, settings, wire, Some(region)))),
            (None, Ok(_)) => Ok(bucket(first)),
            // `HEAD` has no body that would say what is bad about a request (Amazon S3 API Reference, "HeadBucket"); a
            // listing has one.
            (None, Err(error)) if error.raw_response().is_some_and(|raw| raw.status().as_u16() == 400) => Ok(bucket(first)),
            (None, Err(error)) => Err(Failure::of(&error)),
        }
    }
}

// What a client would show of itself fills pages, and objects show their bucket.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&self.name).finish()
    }
}

/// The user's configuration and where credentials come from: the environment, the profile with its SSO, roles and
/// processes, web identity, containers and instances, in the order that the SDK has; that of a named profile alone.
pub(super) async fn load(settings: &Settings) -> SdkConfig {
    let profile = settings.profile.as_deref();
    let mut from_profile = ProfileFileRegionProvider::builder();
    if let Some(profile) = profile {
        from_profile = from_profile.profile_name(profile);
    }
    // An instance is not asked for its region: a machine that is none would wait for the answer, and S3 tells better.
    let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(from_profile.build())
        .or_else(Region::from_static(FIRST_REGION));
    let region = region.region().await;
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).region(region.clone());
    if let Some(profile) = profile {
        // Who names a profile means it, whatever credentials the environment has, which come first in the SDK's order.
        let from_region = ProviderConfig::without_region().with_region(region);
        let credentials = ProfileFileCredentialsProvider::builder().configure(&from_region).profile_name(profile).build();
        loader = loader.profile_name(profile).credentials_provider(credentials);
    }
    if settings.no_sign_request {
        loader = loader.no_credentials();
    }
    loader.load().await
}

fn client(config: &SdkConfig, settings: &Settings, wire: &Arc<Wire>, region: Option<String>) -> Client {
    let limits = settings.limits;
    let retry = RetryConfig::standard().with_max_attempts(limits.attempts).with_max_backoff(limits.backoff);
    // Evidence must not be given up because many other requests failed too; the pace is what spares the server.
    let partition = RetryPartition::custom("trailsift").token_bucket(TokenBucket::unlimited()).build();
    let standing = Standing::new(limits.requests);
    let mut builder = Builder::from(config)
        .retry_config(retry)
        .retry_partition(partition)
        .timeout_config(timeouts(&limits))
        .stalled_stream_protection(stall_protection(&limits))
        // gzip has a checksum of its own and digests have the log's SHA-256; other stores answer in their own ways.
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .identity_cache(standing.clone())
        .retry_classifier(standing.clone())
        .interceptor(Watch { wire: wire.clone(), standing });
    if let Some(region) = region {
        builder = builder.region(Region::new(region));
    }
    if let Some(url) = &settings.endpoint_url {
        builder = builder.endpoint_url(url);
    }
    if settings.endpoint_url.is_some() || config.endpoint_url().is_some() {
        builder = builder.force_path_style(true);
    }
    Client::from_conf(builder.build())
}

/// How long parts of a try may take. What of an answer comes after its head is no part of it, where objects are read.
pub(super) fn timeouts(limits: &Limits) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(limits.connect).read_timeout(limits.read).operation_attempt_timeout(limits.attempt).build()
}

/// Has an answer broken off of which nothing comes any more, once its head is there; the timeout of reading ends with that.
pub(super) fn stall_protection(limits: &Limits) -> StalledStreamProtectionConfig {
    StalledStreamProtectionConfig::enabled().upload_enabled(false).grace_period(limits.read).build()
}

/// Sees the answer to each try, also to those that the SDK repeats and says nothing of.
#[derive(Debug)]
struct Watch {
    wire: Arc<Wire>,
    standing: Standing,
}

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), aws_sdk_s3::error::BoxError> {
        let (response, now) = (context.response(), Instant::now());
        if response.is_some_and(|response| matches!(response.status().as_u16(), 429 | 503)) {
            self.wire.pace.slow_down(now);
        }
        self.standing.note(response, now);
        Ok(())
    }
}

/// A wait before a broken answer is taken up again, longer each time and of another length for each object.
pub(super) fn backoff(breaks: u32, key: &str, longest: Duration) -> Duration {
    let spread = key.bytes().fold(breaks, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % 100;
    let full = FIRST_WAIT.saturating_mul(1 << breaks.min(10)).min(longest);
    full.mul_f64(0.5 + f64::from(spread) / 200.0)
}

const FIRST_WAIT: Duration = Duration::from_millis(25);
/// Where the first request goes if the user names no region; S3 answers there for all of AWS's main partition.
const FIRST_REGION: &str = "us-east-1";
const REGION_HEADER: &str = "x-amz-bucket-region";

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use aws_sdk_s3::config::http::{HttpRequest, HttpResponse};
    use aws_sdk_s3::primitives::SdkBody;
    use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
    use tokio::sync::Semaphore;

    use super::*;
    use crate::source::s3::pace::Pace;

    /// What stands for S3: a bucket that is in Ireland, and what it was asked.
    #[derive(Debug, Clone)]
    struct Ireland {
        /// How other regions answer for it.
        status: u16,
        asked: Arc<Mutex<Vec<String>>>,
    }

    impl HttpConnector for Ireland {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            self.asked.lock().unwrap().push(format!("{} {}", request.method(), request.uri()));
            let status = if request.uri().contains(".eu-west-1.") { 200 } else { self.status };
            let body = if request.method() == "HEAD" { "" } else { "<ListBucketResult/>" };
            let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
            if status != 400 {
                response.headers_mut().insert(REGION_HEADER, "eu-west-1");
            }
            HttpConnectorFuture::ready(Ok(response))
        }
    }

    #[test]
    fn a_bucket_is_asked_in_its_own_region() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for (first, status, second) in [
            ("us-east-1", 301, "eu-west-1"),
            ("us-east-1", 403, "eu-west-1"),
            ("us-east-1", 200, "eu-west-1"),
            ("eu-west-1", 200, "eu-west-1"),
            // Only a listing says what is bad about a request.
            ("us-east-1", 400, "us-east-1"),
        ] {
            let ireland = Ireland { status, asked: Arc::default() };
            let connector = SharedHttpConnector::new(ireland.clone());
            let config = SdkConfig::builder()
                .behavior_version(BehaviorVersion::v2026_01_12())
                .region(Region::from_static(first))
                .http_client(http_client_fn(move |_, _| connector.clone()))
                .build();
            let limits = Limits::default();
            let wire = Wire { pace: Pace::new(1), room: Arc::new(Semaphore::new(1)), rooms: 1, limits, kept: None };
            let listed = runtime.block_on(async {
                let bucket = Bucket::find("trail-bucket", &config, &Settings::default(), &Arc::new(wire)).await?;
                bucket.client.list_objects_v2().bucket(&bucket.name).send().await.map_err(|error| Failure::of(&error))
            });
            assert_eq!(listed.is_ok(), status != 400);
            let asked = ireland.asked.lock().unwrap();
            assert_eq!(asked.len(), 2, "{asked:?}");
            assert_eq!(asked[0], format!("HEAD https://trail-bucket.s3.{first}.amazonaws.com/"));
            assert!(asked[1].starts_with(&format!("GET https://trail-bucket.s3.{second}.amazonaws.com/?list-type=2")), "{asked:?}");
        }
    }
}
