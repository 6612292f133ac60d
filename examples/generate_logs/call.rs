//! What is called: an API call, sign-in or service event, before it is a record.

use serde_json::{Value, json};

/// The kind of event, which decides `eventType`, `eventCategory` and which fields are there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Api,
    Data,
    SignIn,
    ServiceEvent,
}

/// One call. Made by [`Call::read`] and its siblings, then filled by the chained methods.
#[derive(Clone)]
pub(crate) struct Call {
    /// The first label of `eventSource`.
    pub(crate) service: &'static str,
    pub(crate) name: &'static str,
    pub(crate) read_only: bool,
    pub(crate) kind: Kind,
    pub(crate) request: Value,
    pub(crate) response: Value,
    pub(crate) additional: Option<Value>,
    pub(crate) details: Option<Value>,
    pub(crate) resources: Option<Value>,
    pub(crate) error_code: Option<&'static str>,
    pub(crate) error_message: Option<String>,
    /// `tlsDetails.clientProvidedHostHeader`, where it is not the service's usual one.
    pub(crate) host: Option<String>,
    pub(crate) shared_event_id: Option<String>,
    /// The request id, where two records tell of one request.
    pub(crate) request_id: Option<String>,
}

impl Call {
    /// A call that only reads.
    pub(crate) fn read(service: &'static str, name: &'static str) -> Self {
        Self::new(service, name, true, Kind::Api)
    }

    /// A call that changes something.
    pub(crate) fn write(service: &'static str, name: &'static str) -> Self {
        Self::new(service, name, false, Kind::Api)
    }

    /// An event of the sign-in page, with its outcome in the response.
    pub(crate) fn sign_in(name: &'static str, success: bool) -> Self {
        let mut call = Self::new("signin", name, false, Kind::SignIn);
        call.response = json!({name: if success { "Success" } else { "Failure" }});
        if !success {
            call.error_message = Some("Failed authentication".to_owned());
        }
        call
    }

    /// A `ConsoleLogin` to the console's home page.
    pub(crate) fn console_login(success: bool, mfa: bool, state: &str) -> Self {
        let target =
            format!("https://console.aws.amazon.com/console/home?hashArgs=%23&isauthcode=true&state=hashArgsFromTB_us-east-1_{state}");
        Self::sign_in("ConsoleLogin", success).additional(json!({
            "LoginTo": target,
            "MobileVersion": "No",
            "MFAUsed": if mfa { "Yes" } else { "No" },
        }))
    }

    /// An event that a service writes about itself, with its `serviceEventDetails`.
    pub(crate) fn service_event(service: &'static str, name: &'static str, details: Value) -> Self {
        let mut call = Self::new(service, name, false, Kind::ServiceEvent);
        call.details = Some(details);
        call
    }

    /// A management call on a bucket; `marker` is the sub-resource, which S3 logs as an empty parameter.
    pub(crate) fn bucket(mut self, account: &str, bucket: &str, region: &str, marker: &str) -> Self {
        let host = bucket_host(bucket, region);
        let mut request = json!({"bucketName": bucket, "Host": host});
        if !marker.is_empty()
            && let Some(fields) = request.as_object_mut()
        {
            fields.insert(marker.to_owned(), json!(""));
        }
        self.request = request;
        self.resources = Some(json!([bucket_resource(account, bucket)]));
        self.host = Some(host);
        self
    }

    /// A data event on an object, with the bytes that went in and out.
    pub(crate) fn object(name: &'static str, account: &str, object: &Object<'_>, bytes: (u64, u64)) -> Self {
        let read_only = name.starts_with("Get") || name.starts_with("Head");
        let host = bucket_host(object.bucket, object.region);
        let mut call = Self::new("s3", name, read_only, Kind::Data)
            .request(json!({"bucketName": object.bucket, "Host": host, "key": object.key}))
            .additional(json!({
                "SignatureVersion": "SigV4",
                "CipherSuite": "TLS_AES_128_GCM_SHA256",
                "bytesTransferredIn": decimal(bytes.0),
                "AuthenticationMethod": "AuthHeader",
                "bytesTransferredOut": decimal(bytes.1),
            }));
        call.resources = Some(json!([
            {"type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::{}/{}", object.bucket, object.key)},
            bucket_resource(account, object.bucket),
        ]));
        call.host = Some(host);
        call
    }

    pub(crate) fn request(mut self, request: Value) -> Self {
        self.request = request;
        self
    }

    pub(crate) fn response(mut self, response: Value) -> Self {
        self.response = response;
        self
    }

    pub(crate) fn additional(mut self, additional: Value) -> Self {
        self.additional = Some(additional);
        self
    }

    /// One entry of `resources`.
    pub(crate) fn resource(mut self, account: &str, kind: &str, arn: &str) -> Self {
        self.resources = Some(json!([{"accountId": account, "type": kind, "ARN": arn}]));
        self
    }

    /// The call fails; where it is denied, CloudTrail keeps no parameters.
    pub(crate) fn error(mut self, code: &'static str, message: String) -> Self {
        self.response = Value::Null;
        self.resources = None;
        self.error_code = Some(code);
        self.error_message = Some(message);
        self
    }

    /// The caller has no right to make the call.
    pub(crate) fn denied(self, arn: &str) -> Self {
        let action = format!("{}:{}", self.service, self.name);
        let (code, message) = if self.service == "ec2" {
            ("Client.UnauthorizedOperation", "You are not authorized to perform this operation.".to_owned())
        } else {
            let text =
                format!("User: {arn} is not authorized to perform: {action} because no identity-based policy allows the {action} action");
            ("AccessDenied", text)
        };
        self.request(Value::Null).error(code, message)
    }

    /// The record shares this id with the record of the same call in another account or service.
    pub(crate) fn shared(mut self, shared_event_id: &str) -> Self {
        self.shared_event_id = Some(shared_event_id.to_owned());
        self
    }

    pub(crate) fn request_id(mut self, request_id: &str) -> Self {
        self.request_id = Some(request_id.to_owned());
        self
    }

    fn new(service: &'static str, name: &'static str, read_only: bool, kind: Kind) -> Self {
        Self {
            service,
            name,
            read_only,
            kind,
            request: Value::Null,
            response: Value::Null,
            additional: None,
            details: None,
            resources: None,
            error_code: None,
            error_message: None,
            host: None,
            shared_event_id: None,
            request_id: None,
        }
    }
}

/// The name of an S3 object.
pub(crate) struct Object<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) region: &'a str,
    pub(crate) key: &'a str,
}

fn bucket_host(bucket: &str, region: &str) -> String {
    format!("{bucket}.s3.{region}.amazonaws.com")
}

fn bucket_resource(account: &str, bucket: &str) -> Value {
    json!({"accountId": account, "type": "AWS::S3::Bucket", "ARN": format!("arn:aws:s3:::{bucket}")})
}

/// Byte counts of data events are written with a decimal point.
fn decimal(bytes: u64) -> Value {
    // Exact: no object here is larger than 4 GiB.
    json!(f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)))
}
