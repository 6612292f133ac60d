//! [`CloudTrail`]: the one call to another service than S3, `ListPublicKeys`, as a signed request.
//!
//! The SDK has a crate for `CloudTrail` with all of its 60 operations, which takes as long to compile as the one for S3.
//! Its parts that sign, send and repeat are here already; the request and the answer are a few fields of JSON.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime::client::stalled_stream_protection::StalledStreamProtectionInterceptor;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver};
use aws_smithy_runtime_api::client::identity::{SharedIdentityCache, SharedIdentityResolver};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata as _};
use aws_smithy_types::retry::RetryConfig;
use aws_types::SigningName;
use aws_types::region::{Region, SigningRegion};
use aws_types::service_config::ServiceConfigKey;
use serde_json::{Map, Value};

use super::Limits;
use super::client::{stall_protection, timeouts};
use super::failure::Failure;
use super::standing::identity_cache;

/// `CloudTrail` in one region.
pub(super) struct CloudTrail {
    list_public_keys: Operation<Value, Map<String, Value>, ErrorMetadata>,
}

/// Who signs: the user, whose credentials are asked for once for all regions.
pub(super) struct Signer {
    credentials: SharedIdentityResolver,
    cache: SharedIdentityCache,
}

impl Signer {
    /// The user of a configuration.
    pub(super) fn new(config: &SdkConfig) -> Result<Self, Failure> {
        let credentials = config.credentials_provider();
        let credentials = credentials.ok_or_else(|| Failure::new("public keys are told only to those who sign their requests"))?;
        Ok(Self { credentials: SharedIdentityResolver::new(credentials), cache: identity_cache() })
    }
}

impl CloudTrail {
    /// Gets ready to ask; `AWS_ENDPOINT_URL_CLOUDTRAIL`, or the profile, may name another address than AWS's.
    pub(super) fn new(config: &SdkConfig, signer: &Signer, region: &str, limits: &Limits) -> Self {
        let mut components = RuntimeComponentsBuilder::new("CloudTrail");
        components.push_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()));
        components.set_identity_resolver(SCHEME_ID, signer.credentials.clone());
        components.set_identity_cache(Some(signer.cache.clone()));
        let schemes = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
        components.set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(schemes)));
        let mut layer = Layer::new("CloudTrail");
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_put(SigV4OperationSigningConfig {
            region: Some(SigningRegion::from(Region::new(region.to_owned()))),
            name: Some(SigningName::from_static("cloudtrail")),
            ..SigV4OperationSigningConfig::default()
        });
        let retry = RetryConfig::standard().with_max_attempts(limits.attempts).with_max_backoff(limits.backoff);
        let list_public_keys = Operation::builder()
            .service_name("CloudTrail")
            .operation_name("ListPublicKeys")
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(&endpoint_url(config, region))
            .standard_retry(&retry)
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(TransientErrorClassifier::<ErrorMetadata>::new())
            .retry_classifier(AwsErrorCodeClassifier::<ErrorMetadata>::new())
            .timeout_config(timeouts(limits))
            .stalled_stream_protection(stall_protection(limits))
            .interceptor(StalledStreamProtectionInterceptor::default())
            .runtime_plugin(StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components))
            .serializer(|fields: Value| request(&fields))
            .deserializer(answer)
            .build();
        Self { list_public_keys }
    }

    /// Sends one request.
    pub(super) async fn list_public_keys(&self, fields: Value) -> Result<Map<String, Value>, Failure> {
        self.list_public_keys.invoke(fields).await.map_err(|error| match error.code() {
            Some(code) if code.starts_with("AccessDenied") => Failure::new("access denied; this needs cloudtrail:ListPublicKeys"),
            _ => Failure::of(&error),
        })
    }
}

/// Where the service is in a region.
///
/// # Source
/// AWS General Reference, "`CloudTrail` endpoints and quotas", and the partitions of the SDK's endpoint rules.
fn endpoint_url(config: &SdkConfig, region: &str) -> String {
    let key = ServiceConfigKey::builder().service_id("CloudTrail").env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let own = key.ok().and_then(|key| config.service_config().and_then(|service| service.load_config(key)));
    let own = own.or_else(|| config.endpoint_url().map(str::to_owned));
    own.unwrap_or_else(|| {
        let partition = PARTITIONS.iter().find(|(start, _)| region.starts_with(start)).map_or("amazonaws.com", |(_, suffix)| suffix);
        format!("https://cloudtrail.{region}.{partition}")
    })
}

fn request(fields: &Value) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(fields.to_string()));
    request.set_method("POST")?;
    request.set_uri("/")?;
    request.headers_mut().try_insert("content-type", "application/x-amz-json-1.1")?;
    request.headers_mut().try_insert("x-amz-target", TARGET)?;
    Ok(request)
}

fn answer(response: &HttpResponse) -> Result<Map<String, Value>, OrchestratorError<ErrorMetadata>> {
    let fields = response.body().bytes().and_then(|body| serde_json::from_slice::<Map<String, Value>>(body).ok());
    if response.status().is_success() {
        return fields.ok_or_else(|| OrchestratorError::other("the answer is no JSON object"));
    }
    let fields = fields.unwrap_or_default();
    let text = |names: [&str; 2]| names.iter().find_map(|name| fields.get(*name)).and_then(Value::as_str);
    let code = response.headers().get("x-amzn-errortype").or_else(|| text(["__type", "code"])).unwrap_or_default();
    // `namespace#Code:address`.
    let code = code.split(':').next().and_then(|code| code.rsplit('#').next()).unwrap_or_default();
    let error = ErrorMetadata::builder().code(code).message(text(["message", "Message"]).unwrap_or_default()).build();
    Err(OrchestratorError::operation(error))
}

/// The operation's name in the protocol of the service.
const TARGET: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.ListPublicKeys";
/// What follows the region in the names of servers, by the start of the region.
const PARTITIONS: [(&str, &str); 6] = [
    ("cn-", "amazonaws.com.cn"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("us-iso-", "c2s.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("eusc-", "amazonaws.eu"),
];

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;
    use std::time::Duration;

    use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};

    use super::*;

    #[test]
    fn regions_have_servers() {
        let config = SdkConfig::builder().build();
        for (region, server) in [
            ("eu-west-1", "https://cloudtrail.eu-west-1.amazonaws.com"),
            ("us-gov-west-1", "https://cloudtrail.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", "https://cloudtrail.cn-north-1.amazonaws.com.cn"),
            ("us-isob-east-1", "https://cloudtrail.us-isob-east-1.sc2s.sgov.gov"),
        ] {
            assert_eq!(endpoint_url(&config, region), server);
        }
    }

    /// A service that sends half of its first answers and then nothing more, and after that whole ones.
    fn stalling(times: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                thread::spawn(move || {
                    let mut stream = stream;
                    let body: &[u8] = br#"{"PublicKeyList":[]}"#;
                    let mut request = Vec::new();
                    while !request.ends_with(b"}") {
                        let mut byte = [0];
                        stream.read_exact(&mut byte).unwrap();
                        request.extend(byte);
                    }
                    let sent = if number < times { body.split_at(7).0 } else { body };
                    write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len()).unwrap();
                    stream.write_all(sent).unwrap();
                    // Until the client hangs up.
                    let _ = stream.read(&mut [0]);
                });
            }
        });
        address
    }

    #[test]
    fn an_answer_that_stalls_is_asked_for_again_and_at_last_given_up() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let limits = Limits { read: Duration::from_millis(500), attempts: 2, backoff: Duration::from_millis(1), ..Limits::default() };
        for (times, answered) in [(1, true), (2, false)] {
            let credentials = SharedCredentialsProvider::new(Credentials::new("AKIAEXAMPLE", "made-up", None, None, "test"));
            let config = SdkConfig::builder().endpoint_url(stalling(times)).credentials_provider(credentials).build();
            let service = CloudTrail::new(&config, &Signer::new(&config).unwrap(), "eu-west-1", &limits);
            let answer = runtime.block_on(service.list_public_keys(Value::Object(Map::new())));
            match answer {
                Ok(fields) => assert!(answered && fields.contains_key("PublicKeyList"), "{fields:?}"),
                Err(failure) => assert!(!answered && failure.to_string().contains("fell silent"), "{failure}"),
            }
        }
    }
}
