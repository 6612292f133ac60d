//! The place where calls happen: it stamps them with time, account and region, and keeps the records.

use serde_json::{Map, Value, json};

use crate::call::{Call, Kind};
use crate::identity::{Caller, Role, RoleSession};
use crate::rng::{ALPHANUMERIC, BASE32, Rng, UPPER};
use crate::time::{HOUR, MINUTE, Time, iso, prose};

/// A finished record with what delivery and counting need to know of it.
#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) time: Time,
    pub(crate) account: String,
    pub(crate) region: &'static str,
    pub(crate) id: String,
    pub(crate) name: &'static str,
    pub(crate) user_type: String,
    pub(crate) fact: Fact,
    pub(crate) is_data: bool,
    /// The record as compact JSON.
    pub(crate) json: String,
}

/// What the truth file counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fact {
    /// Root acts in person: no service on its behalf, no service event.
    pub(crate) is_root_usage: bool,
    pub(crate) login: Login,
}

/// The kind of console login that a record tells of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login {
    None,
    Failed,
    WithMfa,
    /// By an IAM user or root: the only ones of whom AWS can know it.
    WithoutMfa,
    Federated,
}

/// Time, place and the records so far.
pub(crate) struct Scene {
    pub(crate) account: String,
    /// The account of the access portal of IAM Identity Center.
    pub(crate) portal_account: String,
    pub(crate) region: &'static str,
    pub(crate) now: Time,
    pub(crate) rng: Rng,
    /// Number of people; zero for the small fixed cast of the sample.
    pub(crate) crowd: u64,
    pub(crate) events: Vec<Event>,
}

impl Scene {
    /// An empty scene.
    pub(crate) fn new(account: &str, region: &'static str, rng: Rng) -> Self {
        Self { account: account.to_owned(), portal_account: account.to_owned(), region, now: 0, rng, crowd: 0, events: Vec::new() }
    }

    /// Lets `low` to `high` seconds pass.
    pub(crate) fn wait(&mut self, low: u64, high: u64) {
        self.now += self.rng.seconds(low, high);
    }

    /// Records `call` by `caller` now, and returns its event id.
    pub(crate) fn record(&mut self, caller: &Caller, call: Call) -> String {
        let id = self.rng.uuid();
        let mut event = Event {
            time: self.now,
            account: self.account.clone(),
            region: if is_global(call.service) { "us-east-1" } else { self.region },
            id: id.clone(),
            name: call.name,
            user_type: text(&caller.identity, "type").to_owned(),
            fact: fact(caller, &call),
            is_data: call.kind == Kind::Data,
            json: String::new(),
        };
        let record = self.assemble(caller, call, event.region, &id);
        event.json = Value::Object(record).to_string();
        self.events.push(event);
        id
    }

    /// Records that `caller` assumes `role` of this account, and returns the session.
    pub(crate) fn assume_role(&mut self, caller: &Caller, role: Role, name: &str) -> RoleSession {
        let session = self.new_session(role, name);
        let call = assume_role_call(&session);
        let call = if caller.is_service() { call.shared(&self.rng.uuid()) } else { call };
        self.record(caller, call);
        session
    }

    /// A session of a role of this account that begins now.
    pub(crate) fn new_session(&mut self, role: Role, name: &str) -> RoleSession {
        RoleSession { account: self.account.clone(), role, name: name.to_owned(), key: self.temporary_key(), created: self.now }
    }

    /// The id of a temporary access key.
    pub(crate) fn temporary_key(&mut self) -> String {
        format!("ASIA{}EXAMPLE", self.rng.text(BASE32, 9))
    }

    fn assemble(&mut self, caller: &Caller, call: Call, region: &str, id: &str) -> Map<String, Value> {
        let is_data = call.kind == Kind::Data;
        let is_api = is_data || call.kind == Kind::Api;
        let is_s3 = call.service == "s3";
        let from_outside = !caller.is_service() && call.kind != Kind::ServiceEvent;
        let host = host(&call, region);
        let mut record = Map::with_capacity(24);
        let mut put = |key: &str, value: Value| record.insert(key.to_owned(), value);
        put("eventVersion", version(&call).into());
        put("userIdentity", caller.identity.clone());
        put("eventTime", iso(self.now).into());
        put("eventSource", format!("{}.amazonaws.com", call.service).into());
        put("eventName", call.name.into());
        put("awsRegion", region.into());
        put("sourceIPAddress", caller.address.as_str().into());
        // S3 puts what the client sent in brackets.
        let agent = if is_s3 && from_outside { format!("[{}]", caller.agent) } else { caller.agent.clone() };
        put("userAgent", agent.into());
        if let Some(code) = call.error_code {
            put("errorCode", code.into());
        }
        if let Some(message) = call.error_message {
            put("errorMessage", message.into());
        }
        put("requestParameters", call.request);
        put("responseElements", call.response);
        if let Some(mut additional) = call.additional {
            if is_s3 && let Some(fields) = additional.as_object_mut() {
                let host_id = format!("{}=", self.rng.text(ALPHANUMERIC, 75));
                fields.insert("x-amz-id-2".to_owned(), host_id.into());
            }
            put("additionalEventData", additional);
        }
        if is_api {
            let request_id = match call.request_id {
                Some(request_id) => request_id,
                None if is_s3 => self.rng.text(UPPER, 16),
                None => self.rng.uuid(),
            };
            put("requestID", request_id.into());
        }
        put("eventID", id.into());
        put("readOnly", call.read_only.into());
        if let Some(resources) = call.resources {
            put("resources", resources);
        }
        put("eventType", event_type(call.kind).into());
        put("managementEvent", (!is_data).into());
        put("recipientAccountId", self.account.as_str().into());
        if let Some(shared) = call.shared_event_id {
            put("sharedEventID", shared.into());
        }
        if let Some(endpoint) = caller.vpc_endpoint {
            put("vpcEndpointId", endpoint.into());
        }
        if let Some(details) = call.details {
            put("serviceEventDetails", details);
        }
        put("eventCategory", if is_data { "Data" } else { "Management" }.into());
        if from_outside {
            put(
                "tlsDetails",
                json!({
                    "tlsVersion": "TLSv1.3",
                    "cipherSuite": "TLS_AES_128_GCM_SHA256",
                    "clientProvidedHostHeader": host,
                }),
            );
        }
        if caller.console && is_api {
            put("sessionCredentialFromConsole", "true".into());
        }
        record
    }
}

/// The `AssumeRole` call that opens `session`.
pub(crate) fn assume_role_call(session: &RoleSession) -> Call {
    let mut request = json!({
        "roleArn": session.role.arn(&session.account),
        "roleSessionName": session.name,
    });
    if !session.is_of_instance()
        && let Some(fields) = request.as_object_mut()
    {
        fields.insert("durationSeconds".to_owned(), json!(3600));
    }
    session_call("AssumeRole", session).request(request)
}

/// A call named `name` that issues the credentials of `session`; its request is still empty.
pub(crate) fn session_call(name: &'static str, session: &RoleSession) -> Call {
    // EC2 renews the credentials of instances only every few hours.
    let lifetime = if session.is_of_instance() { 6 * HOUR + 20 * MINUTE } else { HOUR };
    let response = json!({
        "credentials": {
            "accessKeyId": session.key,
            // No token of any kind: only the place where one stands.
            "sessionToken": "EXAMPLE-NOT-A-TOKEN",
            "expiration": prose(session.created + lifetime),
        },
        "assumedRoleUser": {"assumedRoleId": session.principal_id(), "arn": session.arn()},
    });
    let arn = session.role.arn(&session.account);
    Call::read("sts", name).response(response).resource(&session.account, "AWS::IAM::Role", &arn)
}

/// Services whose records are written in us-east-1, wherever the call came from.
fn is_global(service: &str) -> bool {
    matches!(service, "iam" | "signin")
}

/// Services move to a newer record version at their own pace.
fn version(call: &Call) -> &'static str {
    match (call.service, call.kind) {
        (_, Kind::SignIn) | ("sts" | "signin", _) => "1.08",
        ("s3" | "cloudtrail" | "kms" | "secretsmanager", _) => "1.11",
        ("ec2" | "lambda" | "dynamodb", _) => "1.10",
        _ => "1.09",
    }
}

fn event_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Api | Kind::Data => "AwsApiCall",
        Kind::SignIn => "AwsConsoleSignIn",
        Kind::ServiceEvent => "AwsServiceEvent",
    }
}

fn host(call: &Call, region: &str) -> String {
    match (&call.host, call.service) {
        (Some(host), _) => host.clone(),
        (None, "iam") => "iam.amazonaws.com".to_owned(),
        (None, "signin") => format!("{region}.signin.aws.amazon.com"),
        (None, service) => format!("{service}.{region}.amazonaws.com"),
    }
}

fn fact(caller: &Caller, call: &Call) -> Fact {
    let user_type = text(&caller.identity, "type");
    let login = if call.name != "ConsoleLogin" {
        Login::None
    } else if call.error_message.is_some() {
        Login::Failed
    } else if !matches!(user_type, "IAMUser" | "Root") {
        Login::Federated
    } else if call.additional.as_ref().is_some_and(|data| text(data, "MFAUsed") == "Yes") {
        Login::WithMfa
    } else {
        Login::WithoutMfa
    };
    let is_root_usage = user_type == "Root" && !caller.is_service() && call.kind != Kind::ServiceEvent;
    Fact { is_root_usage, login }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or("")
}
