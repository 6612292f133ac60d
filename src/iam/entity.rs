//! Entities: what they are keyed by, and how drift names them.

use std::fmt;
use std::sync::Arc;

/// What an entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntityKind {
    /// A user of IAM.
    User,
    /// An account's root user.
    Root,
    /// A group of IAM.
    Group,
    /// A role.
    Role,
    /// A managed policy of a customer.
    Policy,
    /// An instance profile.
    InstanceProfile,
    /// A SAML provider.
    SamlProvider,
    /// An `OpenID` Connect provider.
    OidcProvider,
    /// A server certificate.
    ServerCertificate,
    /// A virtual MFA device.
    MfaDevice,
    /// What is set for an account as a whole.
    Account,
    /// An organization, by its management account.
    Organization,
    /// A policy of an organization.
    OrgPolicy,
    /// A root, unit or account that such a policy can be attached to.
    OrgTarget,
    /// A permission set.
    PermissionSet,
    /// A group of an identity store.
    StoreGroup,
    /// A user of an identity store.
    StoreUser,
    /// A trust anchor of Roles Anywhere.
    TrustAnchor,
    /// A profile of Roles Anywhere.
    AnywhereProfile,
    /// A revocation list of Roles Anywhere.
    RevocationList,
    /// Something else that is named by its ARN or id, such as an application.
    Other,
}

impl EntityKind {
    /// The word before the path in the ARNs of IAM, where the kind has such ARNs.
    const fn word(self) -> Option<&'static str> {
        match self {
            Self::User => Some("user"),
            Self::Group => Some("group"),
            Self::Role => Some("role"),
            Self::Policy => Some("policy"),
            Self::InstanceProfile => Some("instance-profile"),
            Self::SamlProvider => Some("saml-provider"),
            Self::OidcProvider => Some("oidc-provider"),
            Self::ServerCertificate => Some("server-certificate"),
            Self::MfaDevice => Some("mfa"),
            _ => None,
        }
    }

    /// Whether such an entity is made and deleted, and is not just there.
    pub(super) const fn has_lifetime(self) -> bool {
        !matches!(self, Self::Root | Self::Account | Self::Organization | Self::OrgTarget | Self::Other)
    }

    const WITH_ARNS: [Self; 9] = [
        Self::User,
        Self::Group,
        Self::Role,
        Self::Policy,
        Self::InstanceProfile,
        Self::SamlProvider,
        Self::OidcProvider,
        Self::ServerCertificate,
        Self::MfaDevice,
    ];
}

/// An entity as a call or a snapshot names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityRef {
    /// What it is.
    pub kind: EntityKind,
    /// The account it is in; empty for what has an id of its own in all of AWS.
    pub account: Arc<str>,
    /// The partition of its ARN.
    pub partition: Arc<str>,
    /// Its name, or its ARN or id where it has no name.
    pub name: Arc<str>,
    /// The path of its ARN, with a slash at both ends, where that was seen.
    pub path: Option<Arc<str>>,
}

impl EntityRef {
    /// An entity of an account by its name.
    pub fn named(kind: EntityKind, partition: &str, account: &str, name: &str) -> Self {
        Self { kind, account: account.into(), partition: partition.into(), name: name.into(), path: None }
    }

    /// An entity that an id names in all of AWS.
    pub fn by_id(kind: EntityKind, id: &str) -> Self {
        Self::named(kind, "aws", "", id)
    }

    /// The entity that an ARN of IAM names; `None` for other texts and for what AWS owns.
    pub fn from_arn(arn: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let ("arn", partition, "iam", "", account, resource) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?)
        else {
            return None;
        };
        if account.is_empty() || account == "aws" {
            return None;
        }
        if resource == "root" {
            return Some(Self::named(EntityKind::Root, partition, account, "root"));
        }
        let (word, rest) = resource.split_once('/')?;
        let kind = EntityKind::WITH_ARNS.into_iter().find(|kind| kind.word() == Some(word))?;
        // An address is the name of such a provider, with all of its slashes.
        let (path, name) = if kind == EntityKind::OidcProvider { ("", rest) } else { rest.rsplit_once('/').unwrap_or(("", rest)) };
        let path = if path.is_empty() { "/".to_owned() } else { format!("/{path}/") };
        Some(Self { path: Some(path.into()), ..Self::named(kind, partition, account, name) })
    }

    /// Whether it is printed with a path that was never seen.
    pub(super) const fn has_assumed_path(&self) -> bool {
        self.kind.word().is_some() && self.path.is_none()
    }

    /// What an index finds it by: names compare without case.
    pub(super) fn key(&self) -> EntityKey {
        // Most names are in lower case already, and keys are made for each look at the state.
        let is_folded = self.name.bytes().all(|letter| letter.is_ascii() && !letter.is_ascii_uppercase());
        let name = if is_folded { self.name.clone() } else { self.name.to_lowercase().into() };
        EntityKey { account: self.account.clone(), kind: self.kind, name }
    }
}

impl fmt::Display for EntityRef {
    /// The key that drift items print; a path that was never seen is taken for `/`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, account, partition, name, path } = self;
        if let Some(word) = kind.word() {
            return write!(f, "arn:{partition}:iam::{account}:{word}{}{name}", path.as_deref().unwrap_or("/"));
        }
        match kind {
            EntityKind::Root => write!(f, "arn:{partition}:iam::{account}:root"),
            EntityKind::Account => write!(f, "account/{account}"),
            EntityKind::Organization => write!(f, "org/{account}"),
            EntityKind::OrgPolicy => write!(f, "org-policy/{name}"),
            EntityKind::OrgTarget => write!(f, "org-target/{name}"),
            EntityKind::StoreGroup => write!(f, "idstore/{account}/group/{name}"),
            EntityKind::StoreUser => write!(f, "idstore/{account}/user/{name}"),
            _ => f.write_str(name),
        }
    }
}

/// A name in an account, as an index has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct EntityKey {
    pub(super) account: Arc<str>,
    pub(super) kind: EntityKind,
    pub(super) name: Arc<str>,
}

/// Whether an ARN is that of a managed policy that AWS owns.
pub(super) fn is_aws_managed(arn: &str) -> bool {
    arn.split(':').nth(4) == Some("aws")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_read_and_written_alike() {
        for arn in [
            "arn:aws:iam::111122223333:user/bob",
            "arn:aws:iam::111122223333:user/team/x/bob",
            "arn:aws-cn:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_A_1",
            "arn:aws:iam::111122223333:oidc-provider/example.com/id/7",
            "arn:aws:iam::111122223333:root",
            "arn:aws:iam::111122223333:mfa/phone",
        ] {
            assert_eq!(EntityRef::from_arn(arn).map(|entity| entity.to_string()).as_deref(), Some(arn));
        }
    }

    #[test]
    fn other_texts_name_nothing() {
        for arn in [
            "",
            "arn",
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
            "arn:aws:s3:::x",
            "arn:aws:iam::111122223333:odd/x",
            "arn:aws:iam::1:user",
        ] {
            assert_eq!(EntityRef::from_arn(arn), None, "{arn}");
        }
        assert!(is_aws_managed("arn:aws:iam::aws:policy/ReadOnlyAccess"));
    }

    #[test]
    fn names_fold_and_kinds_do_not_mix() {
        let key = |kind, name: &str| EntityRef::named(kind, "aws", "111122223333", name).key();
        assert_eq!(key(EntityKind::User, "Bob"), key(EntityKind::User, "bOB"));
        assert_ne!(key(EntityKind::User, "bob"), key(EntityKind::Role, "bob"));
    }
}
