//! The calls of other services that are ways to more rights, one row a pattern and place of the role.
//!
//! # Source
//! Rhino Security Labs, "AWS IAM Privilege Escalation Methods", for the patterns with an `R`; the API references of the
//! services for the parameters.

use super::things::Kind;

/// One pattern in calls of one service.
pub(super) struct Row {
    pub(super) pattern: &'static str,
    pub(super) service: &'static str,
    pub(super) calls: &'static [&'static str],
    pub(super) of: Of,
    pub(super) when: When,
}

/// Where the role is found.
#[derive(Clone, Copy)]
pub(super) enum Of {
    /// Request parameters name it; a call that does not is none of these.
    Named(&'static [&'static str]),
    /// It is that of a thing that request parameters name, as the log or the answer tells it.
    Thing(Kind, &'static [&'static str]),
    /// The call does not tell it.
    Nothing,
}

/// What else has to be so.
#[derive(Clone, Copy)]
pub(super) enum When {
    /// Nothing.
    Always,
    /// One of these parameters is there, and not empty.
    Has(&'static [&'static str]),
    /// The log has the making of the thing.
    Made,
    /// The log has it with a role.
    UnderRole,
    /// It has a role from before, and the call names no other.
    UnderOldRole,
    /// Somebody of another account may call it.
    LetsOutsiderIn,
    /// It gets a layer that it did not have.
    NewLayer,
    /// It was stopped before, and gets other user data.
    Stopped,
    /// It decides for others who may come in.
    Authorizer,
    /// A tag is given that conditions of known documents ask for.
    AskedTag,
}

/// The service in the name of an event source.
pub(in crate::iam::drift) fn service(event_source: &str) -> &str {
    event_source.strip_suffix(".amazonaws.com").unwrap_or(event_source)
}

/// Whether a call of a service is looked at.
pub(in crate::iam::drift) fn is_wanted(service: &str, event_name: &str) -> bool {
    ROWS.iter().any(|row| row.service == service && row.calls.contains(&event_name)) || NOTED.contains(&(service, event_name))
}

const fn row(pattern: &'static str, service: &'static str, calls: &'static [&'static str], of: Of, when: When) -> Row {
    Row { pattern, service, calls, of, when }
}

/// Where calls of EC2 name an instance profile.
pub(super) const PROFILES: &[&str] = &[
    "iamInstanceProfile.arn",
    "iamInstanceProfile.name",
    "AssociateIamInstanceProfileRequest.IamInstanceProfile.Arn",
    "AssociateIamInstanceProfileRequest.IamInstanceProfile.Name",
    "ReplaceIamInstanceProfileAssociationRequest.IamInstanceProfile.Arn",
    "ReplaceIamInstanceProfileAssociationRequest.IamInstanceProfile.Name",
];

const FUNCTION: Of = Of::Thing(Kind::Function, &["functionName"]);
const FAMILY: Of = Of::Thing(Kind::TaskFamily, &["taskDefinition"]);
const INSTANCES: Of = Of::Thing(Kind::Instance, &["instanceIds[]", "target", "instanceId", "targets[].values[]"]);
const INSTANCE: Of = Of::Thing(Kind::Instance, &["instanceId"]);
const STACK: Of = Of::Thing(Kind::Stack, &["stackName"]);

pub(super) const ROWS: &[Row] = &[
    row(
        "R03",
        "ec2",
        &["RunInstances", "AssociateIamInstanceProfile", "ReplaceIamInstanceProfileAssociation"],
        Of::Named(PROFILES),
        When::Always,
    ),
    row("R15", "lambda", &["CreateFunction20150331"], Of::Named(&["role"]), When::Always),
    row("R16", "lambda", &["AddPermission20150331v2"], FUNCTION, When::LetsOutsiderIn),
    row("R17", "lambda", &["CreateEventSourceMapping20150331"], FUNCTION, When::Made),
    row("R18", "lambda", &["UpdateFunctionCode20150331v2"], FUNCTION, When::Always),
    row("R19", "glue", &["CreateDevEndpoint"], Of::Named(&["roleArn"]), When::Always),
    row("R20", "glue", &["UpdateDevEndpoint"], Of::Thing(Kind::Endpoint, &["endpointName"]), When::Has(&["publicKey", "addPublicKeys"])),
    row("R21", "cloudformation", &["CreateStack", "UpdateStack", "CreateChangeSet"], Of::Named(&["roleARN"]), When::Always),
    row("R22", "datapipeline", &["PutPipelineDefinition"], Of::Thing(Kind::Pipeline, &["pipelineId"]), When::Made),
    row("R23", "codestar", &["CreateProjectFromTemplate"], Of::Nothing, When::Always),
    row("R24", "codestar", &["CreateProject"], Of::Nothing, When::Always),
    row("R25", "codestar", &["AssociateTeamMember"], Of::Nothing, When::Always),
    row("R26", "lambda", &["UpdateFunctionConfiguration20150331v2"], FUNCTION, When::NewLayer),
    row("R27", "sagemaker", &["CreateNotebookInstance"], Of::Named(&["roleArn"]), When::Always),
    row("R28", "sagemaker", &["CreatePresignedNotebookInstanceUrl"], Of::Thing(Kind::Notebook, &["notebookInstanceName"]), When::Always),
    row("N06", "ecs", &["RegisterTaskDefinition"], Of::Named(&["taskRoleArn"]), When::Always),
    row("N06", "ecs", &["RunTask", "StartTask"], Of::Named(&["overrides.taskRoleArn"]), When::Always),
    row("N06", "ecs", &["RunTask", "StartTask", "CreateService", "UpdateService"], FAMILY, When::UnderRole),
    row("N06", "ecs", &["ExecuteCommand"], Of::Nothing, When::Always),
    row("N07", "codebuild", &["CreateProject", "UpdateProject"], Of::Named(&["serviceRole"]), When::Always),
    row("N07", "codebuild", &["StartBuild"], Of::Thing(Kind::Project, &["projectName"]), When::Has(&["buildspecOverride"])),
    row("N08", "states", &["CreateStateMachine"], Of::Named(&["roleArn"]), When::Always),
    row("N08", "events", &["PutTargets"], Of::Named(&["targets[].roleArn"]), When::Always),
    row("N08", "scheduler", &["CreateSchedule"], Of::Named(&["target.roleArn"]), When::Always),
    row("N09", "apprunner", &["CreateService"], Of::Named(&["instanceConfiguration.instanceRoleArn"]), When::Always),
    row("N09", "batch", &["RegisterJobDefinition"], Of::Named(&["containerProperties.jobRoleArn"]), When::Always),
    row("N09", "elasticmapreduce", &["RunJobFlow"], Of::Named(&["jobFlowRole", "serviceRole"]), When::Always),
    row("N09", "glue", &["CreateJob", "CreateSession"], Of::Named(&["role"]), When::Always),
    row(
        "N09",
        "sagemaker",
        &["CreateTrainingJob", "CreateProcessingJob", "CreateUserProfile", "CreateDomain"],
        Of::Named(&["roleArn", "userSettings.executionRole", "defaultUserSettings.executionRole"]),
        When::Always,
    ),
    row("N09", "bedrock", &["CreateAgent"], Of::Named(&["agentResourceRoleArn"]), When::Always),
    row("N09", "bedrock-agentcore", &["CreateCodeInterpreter"], Of::Named(&["executionRoleArn"]), When::Always),
    row("N10", "ssm", &["SendCommand", "StartSession", "CreateAssociation"], INSTANCES, When::Always),
    row("N11", "ec2", &["ModifyInstanceAttribute"], INSTANCE, When::Stopped),
    row("N11", "ec2-instance-connect", &["SendSSHPublicKey", "SendSerialConsoleSSHPublicKey"], INSTANCE, When::Always),
    row("N18", "sts", &["AssumeRole"], Of::Named(&["roleArn"]), When::AskedTag),
    row("N24", "cloudformation", &["UpdateStack"], STACK, When::UnderOldRole),
    row("N24", "lambda", &["UpdateFunctionCode20150331v2"], FUNCTION, When::Authorizer),
];

/// Calls that are no way to more rights, and tell what later ones work on.
const NOTED: &[(&str, &str)] = &[
    ("lambda", "Invoke"),
    ("datapipeline", "CreatePipeline"),
    ("apigateway", "CreateAuthorizer"),
    ("ec2", "StopInstances"),
    ("ec2", "StartInstances"),
];
