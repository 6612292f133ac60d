//! Who makes a call: the `userIdentity` of a record, with the address and the program behind it.

use serde_json::{Value, json};

use crate::rng::{stable_id, stable_key};
use crate::time::{Time, iso};

/// A caller: identity, address and user agent of a record.
#[derive(Clone)]
pub(crate) struct Caller {
    /// `userIdentity`.
    pub(crate) identity: Value,
    /// The ARN that error messages name.
    pub(crate) arn: String,
    pub(crate) address: String,
    pub(crate) agent: String,
    /// The call is made by the console of a signed-in person.
    pub(crate) console: bool,
    /// The VPC endpoint through which the call comes.
    pub(crate) vpc_endpoint: Option<&'static str>,
}

impl Caller {
    /// An AWS service that calls on its own.
    pub(crate) fn service(principal: &str) -> Self {
        Self::new(json!({"type": "AWSService", "invokedBy": principal}), principal, principal, principal)
    }

    /// The source of an `AwsServiceEvent`, whose identity has no type.
    pub(crate) fn service_event(account: &str, principal: &str) -> Self {
        Self::new(json!({"accountId": account, "invokedBy": principal}), principal, principal, principal)
    }

    /// An IAM user with his long-term access key.
    pub(crate) fn user_with_key(account: &str, user: &str, address: &str, agent: &str) -> Self {
        let mut caller = Self::user_signing_in(account, user, address, agent);
        caller.set("accessKeyId", json!(stable_key(&format!("{account}/{user}"))));
        caller
    }

    /// An IAM user at the sign-in page: there is no access key yet.
    pub(crate) fn user_signing_in(account: &str, user: &str, address: &str, agent: &str) -> Self {
        let arn = format!("arn:aws:iam::{account}:user/{user}");
        let identity = json!({
            "type": "IAMUser",
            "principalId": stable_id("AIDA", &format!("{account}/{user}")),
            "arn": arn,
            "accountId": account,
            "userName": user,
        });
        Self::new(identity, &arn, address, agent)
    }

    /// An IAM user whose sign-in failed, or who is at the MFA step: neither ARN nor principal id.
    pub(crate) fn user_unproven(account: &str, user: &str, address: &str, agent: &str) -> Self {
        let identity = json!({"type": "IAMUser", "accountId": account, "accessKeyId": "", "userName": user});
        Self::new(identity, user, address, agent)
    }

    /// The root user at the sign-in page; CloudTrail writes an empty access key id here.
    pub(crate) fn root_signing_in(account: &str, address: &str, agent: &str) -> Self {
        let arn = format!("arn:aws:iam::{account}:root");
        let identity = json!({
            "type": "Root", "principalId": account, "arn": arn, "accountId": account, "accessKeyId": "",
        });
        Self::new(identity, &arn, address, agent)
    }

    /// A user or root in the console, with the temporary key `key` of a sign-in at `created`.
    pub(crate) fn in_console(mut self, key: &str, created: Time, mfa: bool) -> Self {
        self.set("accessKeyId", json!(key));
        self.set("sessionContext", json!({"attributes": attributes(created, mfa)}));
        self.console = true;
        self
    }

    /// A principal of another account, as the called account sees it.
    pub(crate) fn other_account(account: &str, principal_id: &str, address: &str, agent: &str) -> Self {
        let identity = json!({"type": "AWSAccount", "principalId": principal_id, "accountId": account});
        Self::new(identity, account, address, agent)
    }

    /// A user of an outside identity provider, who is about to get a role session.
    pub(crate) fn saml_user(provider: &str, user: &str, address: &str, agent: &str) -> Self {
        let identity = json!({
            "type": "SAMLUser",
            "principalId": format!("{}:{user}", stable_id("", provider)),
            "userName": user,
            "identityProvider": "https://idp.example.com/saml2",
        });
        Self::new(identity, user, address, agent)
    }

    /// A person of IAM Identity Center at the access portal.
    pub(crate) fn identity_center_user(account: &str, user_id: &str, address: &str, agent: &str) -> Self {
        let identity = json!({
            "type": "IdentityCenterUser",
            "accountId": account,
            "onBehalfOf": {
                "userId": user_id,
                "identityStoreArn": format!("arn:aws:identitystore::{account}:identitystore/d-90670example"),
            },
            "credentialId": "EXAMPLE-NOT-A-CREDENTIAL",
        });
        Self::new(identity, user_id, address, agent)
    }

    /// A role session.
    pub(crate) fn role(session: &RoleSession, address: &str, agent: &str) -> Self {
        Self::new(session.identity(), &session.arn(), address, agent)
    }

    /// The same session, used by an AWS service on the caller's behalf.
    pub(crate) fn through(&self, principal: &str) -> Self {
        let mut caller = self.clone();
        caller.set("invokedBy", json!(principal));
        principal.clone_into(&mut caller.address);
        principal.clone_into(&mut caller.agent);
        caller.console = false;
        caller.vpc_endpoint = None;
        caller
    }

    /// The same caller behind a VPC endpoint.
    pub(crate) fn via_endpoint(mut self, vpc_endpoint: &'static str) -> Self {
        self.vpc_endpoint = Some(vpc_endpoint);
        self
    }

    /// The same caller in the console.
    pub(crate) fn by_console(mut self) -> Self {
        self.console = true;
        self
    }

    /// The same caller with the program `agent`.
    pub(crate) fn with_agent(mut self, agent: &str) -> Self {
        agent.clone_into(&mut self.agent);
        self
    }

    /// The same caller at the sign-in, where a federated person has no access key.
    pub(crate) fn without_key(mut self) -> Self {
        if let Some(fields) = self.identity.as_object_mut() {
            fields.shift_remove("accessKeyId");
        }
        self
    }

    /// The call comes from an AWS service, which uses no public endpoint.
    pub(crate) fn is_service(&self) -> bool {
        self.identity.get("invokedBy").is_some()
    }

    fn new(identity: Value, arn: &str, address: &str, agent: &str) -> Self {
        Self { identity, arn: arn.to_owned(), address: address.to_owned(), agent: agent.to_owned(), console: false, vpc_endpoint: None }
    }

    fn set(&mut self, key: &str, value: Value) {
        if let Some(fields) = self.identity.as_object_mut() {
            // AWS writes the key before the user name.
            let index = if key == "accessKeyId" { 4.min(fields.len()) } else { fields.len() };
            fields.shift_insert(index, key.to_owned(), value);
        }
    }
}

/// A session of a role, as an `AssumeRole` call opens it.
#[derive(Clone)]
pub(crate) struct RoleSession {
    pub(crate) account: String,
    pub(crate) role: Role,
    /// The role session name.
    pub(crate) name: String,
    /// The access key id that the call has issued.
    pub(crate) key: String,
    pub(crate) created: Time,
}

/// A role: its path and name.
#[derive(Clone, Copy)]
pub(crate) struct Role {
    pub(crate) path: &'static str,
    pub(crate) name: &'static str,
}

impl Role {
    /// A role without a path.
    pub(crate) const fn named(name: &'static str) -> Self {
        Self { path: "/", name }
    }

    /// The ARN of the role in `account`.
    pub(crate) fn arn(self, account: &str) -> String {
        format!("arn:aws:iam::{account}:role{}{}", self.path, self.name)
    }

    /// The unique id of the role in `account`.
    pub(crate) fn id(self, account: &str) -> String {
        stable_id("AROA", &format!("{account}/{}", self.name))
    }
}

impl RoleSession {
    /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:sts::{}:assumed-role/{}/{}", self.account, self.role.name, self.name)
    }

    /// `AROA...:SESSION`.
    pub(crate) fn principal_id(&self) -> String {
        format!("{}:{}", self.role.id(&self.account), self.name)
    }

    /// A session that is named after an instance comes from the instance metadata service.
    pub(crate) fn is_of_instance(&self) -> bool {
        self.name.starts_with("i-")
    }

    fn identity(&self) -> Value {
        let mut context = json!({
            "sessionIssuer": {
                "type": "Role",
                "principalId": self.role.id(&self.account),
                "arn": self.role.arn(&self.account),
                "accountId": self.account,
                "userName": self.role.name,
            },
            "webIdFederationData": {},
            "attributes": attributes(self.created, false),
        });
        if self.is_of_instance()
            && let Some(fields) = context.as_object_mut()
        {
            fields.insert("ec2RoleDelivery".to_owned(), json!("2.0"));
        }
        json!({
            "type": "AssumedRole",
            "principalId": self.principal_id(),
            "arn": self.arn(),
            "accountId": self.account,
            "accessKeyId": self.key,
            "sessionContext": context,
        })
    }
}

/// `sessionContext.attributes`; the MFA answer is a string.
fn attributes(created: Time, mfa: bool) -> Value {
    json!({"creationDate": iso(created), "mfaAuthenticated": if mfa { "true" } else { "false" }})
}
