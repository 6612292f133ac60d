//! What calls of other services work on, and the roles that it was made with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::super::event::Parameters;
use super::{Call, named};

/// What a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Function,
    Stack,
    Project,
    TaskFamily,
    Endpoint,
    Notebook,
    Pipeline,
    Instance,
}

/// What the log tells of a thing.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) role: Option<Arc<str>>,
    pub(super) layers: BTreeSet<Arc<str>>,
    pub(super) is_stopped: bool,
    pub(super) is_authorizer: bool,
    /// The launch that its making was.
    pub(super) launch: Option<usize>,
}

/// Things by kind, account, region and name.
#[derive(Debug, Default)]
pub(super) struct Things(BTreeMap<(Kind, String), Known>);

impl Things {
    /// What is known of the things that parameters of a call name.
    pub(super) fn named(&self, call: &Call<'_>, kind: Kind, paths: &[&str]) -> Vec<&Known> {
        let names = named(&call.request, paths);
        names.iter().filter_map(|name| self.0.get(&(kind, key(call, kind, name)))).collect()
    }

    /// Notes what a call made or changed.
    pub(super) fn learn(&mut self, call: &Call<'_>, launch: Option<usize>) {
        let name = &*call.event.event_name;
        for made in MADE.iter().filter(|made| made.service == call.service && made.calls.contains(&name)) {
            let role = named(&call.request, made.roles).into_iter().next().or_else(|| call.response.text("role").map(str::to_owned));
            let names = [&call.request, &call.response].map(|parameters| named(parameters, made.names));
            for name in names.into_iter().flatten() {
                let Some(known) = self.known(call, made.kind, &name) else { return };
                // A new revision of a task without a role has none; an update of others keeps what it does not name.
                if role.is_some() || made.kind == Kind::TaskFamily {
                    known.role = role.as_deref().map(Arc::from);
                }
                known.launch = launch.or(known.launch);
            }
        }
        self.learn_more(call, name);
    }

    fn learn_more(&mut self, call: &Call<'_>, name: &str) {
        match (call.service, name) {
            ("lambda", "CreateFunction20150331" | "UpdateFunctionConfiguration20150331v2") if call.request.has("layers") => {
                let layers: BTreeSet<Arc<str>> = call.request.texts("layers[]").into_iter().map(Arc::from).collect();
                self.each(call, Kind::Function, &call.request, &["functionName"], &|known| known.layers.clone_from(&layers));
            }
            ("lambda", "AddPermission20150331v2") => {
                let source = call.request.text("sourceArn").unwrap_or_default();
                if call.request.text("principal") == Some("apigateway.amazonaws.com") && source.contains("/authorizers/") {
                    self.each(call, Kind::Function, &call.request, &["functionName"], &|known| known.is_authorizer = true);
                }
            }
            ("apigateway", "CreateAuthorizer") => {
                let uris = ["authorizerUri", "createAuthorizerInput.authorizerUri"].map(|path| call.request.text(path));
                // `arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/FUNCTION-ARN/invocations`
                let function = uris.into_iter().flatten().next().and_then(|uri| uri.split("functions/").nth(1)?.split('/').next());
                if let Some(known) = function.and_then(|function| self.known(call, Kind::Function, function)) {
                    known.is_authorizer = true;
                }
            }
            ("ec2", "StopInstances" | "StartInstances") => {
                let is_stopped = name == "StopInstances";
                self.each(call, Kind::Instance, &call.request, &["instancesSet.items[].instanceId"], &|known| {
                    known.is_stopped = is_stopped;
                });
            }
            _ => {}
        }
    }

    fn each(&mut self, call: &Call<'_>, kind: Kind, parameters: &Parameters, paths: &[&str], change: &dyn Fn(&mut Known)) {
        for name in named(parameters, paths) {
            if let Some(known) = self.known(call, kind, &name) {
                change(known);
            }
        }
    }

    /// The thing by that name, which is begun where it is new; `None` where there is no room for it.
    fn known(&mut self, call: &Call<'_>, kind: Kind, name: &str) -> Option<&mut Known> {
        let key = (kind, key(call, kind, name));
        if self.0.len() >= MAX_THINGS && !self.0.contains_key(&key) {
            return None;
        }
        Some(self.0.entry(key).or_default())
    }
}

/// Account, region and name, which a call may write as an ARN, with a version or without.
fn key(call: &Call<'_>, kind: Kind, name: &str) -> String {
    let plain = match kind {
        Kind::Function if name.starts_with("arn:") => name.split(':').nth(6),
        Kind::Function => name.split(':').next(),
        Kind::Stack if name.starts_with("arn:") => name.split('/').nth(1),
        Kind::TaskFamily => name.rsplit('/').next().and_then(|name| name.split(':').next()),
        _ => Some(name),
    };
    format!("{}/{}/{}", call.event.recipient_account_id, call.event.aws_region, plain.unwrap_or(name))
}

/// Calls that make a thing, or give it another role.
struct Made {
    service: &'static str,
    calls: &'static [&'static str],
    kind: Kind,
    /// Where the request or the answer names the thing.
    names: &'static [&'static str],
    roles: &'static [&'static str],
}

const fn made(
    service: &'static str,
    calls: &'static [&'static str],
    kind: Kind,
    names: &'static [&'static str],
    roles: &'static [&'static str],
) -> Made {
    Made { service, calls, kind, names, roles }
}

const MADE: &[Made] = &[
    made("lambda", &["CreateFunction20150331"], Kind::Function, &["functionName"], &["role"]),
    made(
        "lambda",
        &["UpdateFunctionConfiguration20150331v2", "UpdateFunctionCode20150331v2"],
        Kind::Function,
        &["functionName"],
        &["role"],
    ),
    made("cloudformation", &["CreateStack", "UpdateStack"], Kind::Stack, &["stackName"], &["roleARN"]),
    made("codebuild", &["CreateProject", "UpdateProject"], Kind::Project, &["name"], &["serviceRole"]),
    made("ecs", &["RegisterTaskDefinition"], Kind::TaskFamily, &["family"], &["taskRoleArn"]),
    made("glue", &["CreateDevEndpoint"], Kind::Endpoint, &["endpointName"], &["roleArn"]),
    made("sagemaker", &["CreateNotebookInstance"], Kind::Notebook, &["notebookInstanceName"], &["roleArn"]),
    made("datapipeline", &["CreatePipeline"], Kind::Pipeline, &["pipelineId"], &[]),
    made("ec2", &["RunInstances"], Kind::Instance, &["instancesSet.items[].instanceId"], super::rows::PROFILES),
    made(
        "ec2",
        &["AssociateIamInstanceProfile"],
        Kind::Instance,
        &["AssociateIamInstanceProfileRequest.InstanceId", "instanceId"],
        super::rows::PROFILES,
    ),
];

/// Functions, instances and the like that are remembered; a log may name any number of them.
const MAX_THINGS: usize = 100_000;
