//! The rank of a document: whether it makes its holder an administrator, or lets the holder become one.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::pattern::{is_everything, matches, overlap};
use super::{PolicyDocument, Statement};

/// What a document's holder can come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Rank {
    /// Nothing that this ranking knows of.
    None,
    /// It can be used to get more rights than it gives.
    Privesc,
    /// Everything is allowed.
    Admin,
}

impl Rank {
    /// The word of the column `policy_rank`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Privesc => "privesc",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A rank, and what has to be said beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranking {
    /// The highest rank that a statement, or statements together, give.
    pub rank: Rank,
    /// A statement allows everything under a condition, which was not evaluated.
    pub conditional_admin: bool,
    /// The document has `Deny` statements, which were not weighed: it may grant less than its rank says.
    pub denies_ignored: bool,
}

impl PolicyDocument {
    /// Ranks the document by its `Allow` statements, one by one.
    ///
    /// A resource without a wildcard in its name counts as one of low rank, as the document does not
    /// tell more about it. `NotAction` is judged only by whether it leaves IAM open.
    ///
    /// # Source
    /// Rhino Security Labs, "AWS IAM Privilege Escalation Methods", and the API references of the services named.
    pub fn ranking(&self) -> Ranking {
        let shapes: Vec<Shape<'_>> = self.allows().map(Shape::of).collect();
        let conditional_admin = shapes.iter().any(|shape| shape.allows_all && shape.conditional);
        let passes_role = shapes.iter().any(|shape| shape.escalates("iam:PassRole"));
        let launches = || LAUNCHERS.iter().any(|launcher| shapes.iter().any(|shape| shape.allows(launcher)));
        let rank = if shapes.iter().any(|shape| shape.allows_all && !shape.conditional) {
            Rank::Admin
        } else if conditional_admin || shapes.iter().any(Shape::is_privesc) || (passes_role && launches()) {
            Rank::Privesc
        } else {
            Rank::None
        };
        Ranking { rank, conditional_admin, denies_ignored: self.denies() > 0 }
    }
}

/// The parts of an `Allow` statement that its rank is decided on.
struct Shape<'s> {
    actions: Vec<&'s str>,
    /// The actions of `NotAction`, where the statement has it.
    exclusions: Option<Vec<&'s str>>,
    resources: Vec<&'s str>,
    /// The resources of `NotResource`, where the statement has it.
    excluded_resources: Option<Vec<&'s str>>,
    conditional: bool,
    /// Every action on every resource.
    allows_all: bool,
}

impl<'s> Shape<'s> {
    fn of(statement: &'s Statement) -> Self {
        let list = |element| statement.texts(element).collect::<Vec<_>>();
        let (actions, resources) = (list("Action"), list("Resource"));
        let allows_all = actions.iter().any(|action| is_every_action(action)) && resources.iter().any(|resource| is_everything(resource));
        Self {
            exclusions: statement.has("NotAction").then(|| list("NotAction")),
            excluded_resources: statement.has("NotResource").then(|| list("NotResource")),
            conditional: statement.has_condition(),
            actions,
            resources,
            allows_all,
        }
    }

    fn is_privesc(&self) -> bool {
        self.actions.iter().any(|action| is_all_of_iam(action))
            || self.leaves_iam_open()
            || ESCALATIONS.iter().any(|action| self.escalates(action))
            || (self.acts("sts:AssumeRole") && self.covers("arn:aws:iam::\u{1}:role/\u{1}"))
    }

    /// Whether an action of the list is this one.
    fn acts(&self, action: &str) -> bool {
        self.actions.iter().any(|pattern| matches(pattern, action))
    }

    /// Whether the statement allows the action on some resource.
    fn allows(&self, action: &str) -> bool {
        let excluded = |exclusions: &Vec<&str>| exclusions.iter().any(|pattern| matches(pattern, action));
        self.acts(action) || self.exclusions.as_ref().is_some_and(|exclusions| !excluded(exclusions))
    }

    /// Whether the action is allowed on a resource of its service that the statement leaves open.
    fn escalates(&self, action: &str) -> bool {
        self.acts(action) && self.reaches(action.split(':').next().unwrap_or_default())
    }

    /// Whether the resources are everything, or can be some resource of the service that is not named.
    fn reaches(&self, service: &str) -> bool {
        // A command of SSM is sent to an instance.
        let services: &[&str] = if service == "ssm" { &["ssm", "ec2"] } else { &[service] };
        let open = |resource: &&str| {
            is_everything(resource) || (!is_fixed(resource) && services.iter().any(|service| may_be_of(resource, service)))
        };
        let any = if service == "iam" { "arn:aws:iam::\u{1}:\u{1}".to_owned() } else { format!("arn:aws:{service}:\u{1}:\u{1}:\u{1}") };
        let left = |excluded: &Vec<&str>| !excluded.iter().any(|resource| is_everything(resource) || overlap(resource, &any));
        self.resources.iter().any(open) || self.excluded_resources.as_ref().is_some_and(left)
    }

    /// Whether a resource that stands for any of its kind is among the resources.
    fn covers(&self, resource: &str) -> bool {
        self.resources.iter().any(|pattern| overlap(pattern, resource))
            || self.excluded_resources.as_ref().is_some_and(|excluded| !excluded.iter().any(|pattern| overlap(pattern, resource)))
    }

    /// Whether `NotAction` leaves out less than all of IAM.
    fn leaves_iam_open(&self) -> bool {
        self.exclusions.as_ref().is_some_and(|exclusions| !exclusions.iter().any(|pattern| covers_iam(pattern))) && self.reaches("iam")
    }
}

/// `*` or `*:*`, with any number of stars.
fn is_every_action(pattern: &str) -> bool {
    is_everything(pattern) || pattern.split_once(':').is_some_and(|(service, name)| is_everything(service) && is_everything(name))
}

/// `iam:*` itself. A wider pattern counts only with the resources that it is allowed on.
fn is_all_of_iam(pattern: &str) -> bool {
    pattern.split_once(':').is_some_and(|(service, name)| service.eq_ignore_ascii_case("iam") && is_everything(name))
}

/// Whether a pattern has all actions of IAM in it: it matches a name that is shorter than any, and a very long one.
fn covers_iam(pattern: &str) -> bool {
    [1, 128].iter().all(|length| matches(pattern, &format!("iam:{}", "\u{1}".repeat(*length))))
}

/// Whether a resource can be one of a service, which the third part of its ARN names. IAM lets no wildcard reach
/// from an earlier part into that one; a text that has no third part is taken for the widest that it can be.
fn may_be_of(resource: &str, service: &str) -> bool {
    match resource.splitn(3, ':').nth(2) {
        Some(from_service) => overlap(from_service, &format!("{service}:*")),
        None => overlap(resource, &format!("arn:*:{service}:*")),
    }
}

/// Whether a resource is named: its ARN has no wildcard in the part after the account, such as
/// `user/alice`, or `user/${aws:username}`, which is the caller.
fn is_fixed(resource: &str) -> bool {
    resource.splitn(6, ':').nth(5).is_some_and(|name| !name.contains(['*', '?']))
}

/// Actions that lead to more rights by themselves.
const ESCALATIONS: &[&str] = &[
    "iam:CreatePolicyVersion",
    "iam:SetDefaultPolicyVersion",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:UpdateLoginProfile",
    "iam:AttachUserPolicy",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:PutUserPolicy",
    "iam:PutGroupPolicy",
    "iam:PutRolePolicy",
    "iam:AddUserToGroup",
    "iam:UpdateAssumeRolePolicy",
    "iam:DeleteUserPermissionsBoundary",
    "iam:DeleteRolePermissionsBoundary",
    "iam:PutUserPermissionsBoundary",
    "iam:PutRolePermissionsBoundary",
    "iam:DeactivateMFADevice",
    "iam:UpdateAccessKey",
    "iam:CreateServiceSpecificCredential",
    "iam:ResetServiceSpecificCredential",
    "iam:UploadSSHPublicKey",
    "iam:CreateSAMLProvider",
    "iam:UpdateSAMLProvider",
    "iam:CreateOpenIDConnectProvider",
    "iam:UpdateOpenIDConnectProviderThumbprint",
    "iam:AddClientIDToOpenIDConnectProvider",
    "iam:DetachUserPolicy",
    "iam:DetachRolePolicy",
    "iam:DeleteUserPolicy",
    "iam:DeleteRolePolicy",
    "lambda:UpdateFunctionCode",
    "lambda:UpdateFunctionConfiguration",
    "ssm:SendCommand",
    "ssm:StartSession",
    "sso:CreateAccountAssignment",
    "sso:PutInlinePolicyToPermissionSet",
    "sso:AttachManagedPolicyToPermissionSet",
    "organizations:DetachPolicy",
    "organizations:UpdatePolicy",
    "organizations:DisablePolicyType",
    "organizations:LeaveOrganization",
];

/// Actions that run something under a role that `iam:PassRole` hands over.
pub(super) const LAUNCHERS: &[&str] = &[
    "ec2:RunInstances",
    "lambda:CreateFunction",
    "glue:CreateDevEndpoint",
    "glue:CreateJob",
    "cloudformation:CreateStack",
    "datapipeline:CreatePipeline",
    "sagemaker:CreateNotebookInstance",
    "sagemaker:CreateTrainingJob",
    "ecs:RunTask",
    "codebuild:CreateProject",
    "states:CreateStateMachine",
    "scheduler:CreateSchedule",
    "apprunner:CreateService",
    "batch:RegisterJobDefinition",
    "bedrock:CreateAgent",
    "ssm:CreateAssociation",
];

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::canonical::tests::any_document;
    use super::*;

    fn ranking(statements: &Value) -> Ranking {
        let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        PolicyDocument::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}")).ranking()
    }

    fn rank(statements: &Value) -> Rank {
        ranking(statements).rank
    }

    /// The rank of one statement that allows an action on a resource.
    fn on(action: &str, resource: &str) -> Rank {
        rank(&json!([{"Effect": "Allow", "Action": action, "Resource": resource}]))
    }

    #[test]
    fn admin_is_every_action_on_every_resource() {
        for action in ["*", "*:*", "**", "**:*"] {
            assert_eq!(on(action, "*"), Rank::Admin, "{action}");
        }
        assert_eq!(rank(&json!({"Effect": "Allow", "Action": ["s3:Get*", "*"], "Resource": ["arn:aws:s3:::b", "*"]})), Rank::Admin);
        assert_eq!(rank(&json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {}})), Rank::Admin);
        assert_eq!(rank(&json!({"Effect": "Deny", "Action": "*", "Resource": "*"})), Rank::None);
        assert_eq!(rank(&json!({"Effect": "allow", "Action": "*", "Resource": "*"})), Rank::None);
        assert_eq!(rank(&json!({"Effect": "Allow", "Action": "*"})), Rank::None);
        assert_eq!(on("*", "arn:aws:s3:::reports/*"), Rank::None);
        assert_eq!(on("s3:*", "*"), Rank::None);
    }

    #[test]
    fn a_condition_on_everything_is_said() {
        let found = ranking(
            &json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": true}}}),
        );
        assert_eq!(found, Ranking { rank: Rank::Privesc, conditional_admin: true, denies_ignored: false });
        assert!(ranking(&json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": "odd"})).conditional_admin);
        assert!(!ranking(&json!({"Effect": "Allow", "Action": "*", "Resource": "*"})).conditional_admin);
        assert!(ranking(&json!([{"Effect": "Deny", "Action": "iam:*", "Resource": "*"}])).denies_ignored);
    }

    #[test]
    fn escalations_by_name_and_by_pattern() {
        for action in ESCALATIONS {
            assert_eq!(on(action, "*"), Rank::Privesc, "{action}");
            assert_eq!(on(&action.to_ascii_lowercase(), "*"), Rank::Privesc, "{action}");
        }
        for action in ["iam:*", "IAM:*", "iam:Put*", "i*:*", "*:PutUserPolicy", "iam:?reateAccessKey", "ssm:*", "iam:Attach*Policy"] {
            assert_eq!(on(action, "*"), Rank::Privesc, "{action}");
        }
        for action in ["iam:Get*", "iam:List*", "ec2:*", "iam:PassRole", "iam:CreateUser", "sts:GetCallerIdentity", "iam:", "", "iam"] {
            assert_eq!(on(action, "*"), Rank::None, "{action}");
        }
    }

    #[test]
    fn a_named_resource_is_no_way_up_and_an_open_one_is() {
        let fixed = [
            "arn:aws:iam::111122223333:user/alice",
            "arn:aws:iam::*:user/${aws:username}",
            "arn:aws:s3:::*",
            "arn:*:s3:::*/iam:*",
            "arn:aws:s3*",
            "x*",
        ];
        for resource in fixed {
            assert_eq!(on("iam:CreateAccessKey", resource), Rank::None, "{resource}");
        }
        let open = ["arn:aws:iam::111122223333:user/*", "arn:aws:iam::*", "arn:*", "arn:aws:iam::*:user/team/?", "*:user/*", "***"];
        for resource in open {
            assert_eq!(on("iam:CreateAccessKey", resource), Rank::Privesc, "{resource}");
        }
        // `iam:*` spelt out counts by itself.
        assert_eq!(on("iam:*", "arn:aws:iam::111122223333:user/alice"), Rank::Privesc);
        assert_eq!(on("*", "arn:aws:iam::111122223333:role/*"), Rank::Privesc);
        assert_eq!(on("ssm:SendCommand", "arn:aws:ec2:*:*:instance/*"), Rank::Privesc);
        assert_eq!(on("ssm:SendCommand", "arn:aws:ssm:*:*:document/AWS-RunShellScript"), Rank::None);
        assert_eq!(on("lambda:UpdateFunctionCode", "arn:aws:lambda:eu-west-1:111122223333:function:web-*"), Rank::Privesc);
        assert_eq!(on("lambda:UpdateFunctionCode", "arn:aws:lambda:eu-west-1:111122223333:function:web"), Rank::None);
    }

    #[test]
    fn roles_to_assume() {
        assert_eq!(on("sts:AssumeRole", "*"), Rank::Privesc);
        assert_eq!(on("sts:*", "arn:aws:iam::*:role/*"), Rank::Privesc);
        assert_eq!(on("sts:AssumeRole", "arn:aws:iam::*:role/cdk-*"), Rank::None);
        assert_eq!(on("sts:AssumeRole", "arn:aws:iam::111122223333:role/reader"), Rank::None);
    }

    #[test]
    fn what_is_excluded() {
        let not = |actions: Value, resource: &str| rank(&json!({"Effect": "Allow", "NotAction": actions, "Resource": resource}));
        for actions in [json!([]), json!("s3:*"), json!(["iam:Create*", "iam:Put*"]), json!("iam:???"), json!("organizations:*")] {
            assert_eq!(not(actions.clone(), "*"), Rank::Privesc, "{actions}");
        }
        for actions in [json!("iam:*"), json!(["organizations:*", "IAM:*"]), json!("*"), json!("i*")] {
            assert_eq!(not(actions.clone(), "*"), Rank::None, "{actions}");
        }
        assert_eq!(not(json!("s3:DeleteBucket"), "arn:aws:s3:::reports"), Rank::None);
        let besides = |resources: Value| rank(&json!({"Effect": "Allow", "Action": "iam:PutRolePolicy", "NotResource": resources}));
        assert_eq!(besides(json!("arn:aws:iam::111122223333:role/admin")), Rank::Privesc);
        assert_eq!(besides(json!("arn:aws:iam::*")), Rank::None);
        assert_eq!(besides(json!("*")), Rank::None);
    }

    #[test]
    fn passing_a_role_needs_a_launcher() {
        let with = |action: &str, role: &str| {
            rank(
                &json!([{"Effect": "Allow", "Action": "iam:PassRole", "Resource": role}, {"Effect": "Allow", "Action": action, "Resource": "*"}]),
            )
        };
        for launcher in LAUNCHERS {
            assert_eq!(with(launcher, "*"), Rank::Privesc, "{launcher}");
            assert_eq!(with(launcher, "arn:aws:iam::111122223333:role/web"), Rank::None, "{launcher}");
        }
        assert_eq!(with("lambda:Create*", "arn:aws:iam::111122223333:role/*"), Rank::Privesc);
        assert_eq!(with("s3:*", "*"), Rank::None);
        let by_exclusion = json!([{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}, {"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}]);
        assert_eq!(rank(&by_exclusion), Rank::Privesc);
    }

    #[test]
    fn hostile_documents_take_bounded_time() {
        let start = Instant::now();
        let pattern = "*a".repeat(60_000);
        let many: Vec<String> = (0..11_000).map(|number| format!("i*{number}")).collect();
        for (actions, resources) in
            [(json!(pattern), json!("*")), (json!("*"), json!(pattern)), (json!(many), json!("*")), (json!("iam:P*"), json!(many))]
        {
            rank(&json!({"Effect": "Allow", "Action": actions, "Resource": resources}));
            rank(&json!({"Effect": "Allow", "NotAction": actions, "NotResource": resources}));
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }

    proptest! {
        #[test]
        fn more_statements_never_lower_the_rank(document in any_document(), more in any_document()) {
            let rank_of = |document: &Value| PolicyDocument::parse(&document.to_string()).expect("a document").ranking().rank;
            let before = rank_of(&document);
            let with = |added: &[Value]| {
                let mut longer = document.clone();
                longer["Statement"].as_array_mut().expect("a list").extend(added.iter().cloned());
                rank_of(&longer)
            };
            prop_assert!(with(more["Statement"].as_array().expect("a list")) >= before);
            prop_assert_eq!(with(&[json!({"Effect": "Allow", "Action": "*", "Resource": "*"})]), Rank::Admin);
        }
    }
}
