//! The form of a row in the tables of operations.

use super::super::attribute::Field;
use super::super::entity::EntityKind;
use super::super::kind::Kind;

/// One operation of a service.
#[derive(Debug)]
pub(super) struct Operation {
    /// Its `eventName`.
    pub(super) name: &'static str,
    /// Whom it changes.
    pub(super) of: Of,
    /// How.
    pub(super) act: Act,
    /// The kind of drift.
    pub(super) kind: Kind,
}

/// A row.
pub(super) const fn row(name: &'static str, of: Of, act: Act, kind: Kind) -> Operation {
    Operation { name, of, act, kind }
}

/// Where a call says whom it changes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of {
    /// A request parameter has the name.
    Named(EntityKind, &'static str),
    /// A request parameter has the ARN of IAM.
    Arn(EntityKind, &'static str),
    /// A request parameter has the id, by which the entity is printed.
    Id(EntityKind, &'static str),
    /// The answer has the id, or else a request parameter.
    MadeId(EntityKind, &'static str, &'static str),
    /// The user in `userName`, or else in the answer, or else who holds the credential, or else the caller.
    Owner {
        /// Where the answer names the user.
        answer: &'static str,
        /// The credential's field, and the request parameter with its id.
        held: Option<(Field, &'static str)>,
    },
    /// An entry of an identity store, by the request parameter, or else by the answer's, with its id.
    InStore(EntityKind, &'static str),
    /// The account itself.
    Account,
    /// The account in a request parameter.
    TargetAccount(&'static str),
    /// The root user of the account, or of the one in a request parameter.
    Root(&'static str),
    /// The organization.
    Organization,
    /// The caller.
    Caller,
}

/// How a call changes it. Texts are names of request parameters, where nothing else is said.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// It comes to be; the answer has its ARN and its unique id at these paths.
    Create { arn: &'static str, id: &'static str },
    /// It is gone.
    Delete,
    /// It is gone, if it was there.
    DeleteIfAny,
    /// A flag at a key is set, whether or not it was.
    On(Field, &'static str),
    /// A flag at a key is set that was not.
    OnNew(Field, &'static str),
    /// A flag at a key is taken away.
    Off(Field, &'static str),
    /// A flag at a key is taken away if it was there.
    OffIfAny(Field, &'static str),
    /// A flag without a key is set, or taken away.
    Turn(Field, bool),
    /// A value at a key is gone.
    Drop(Field, &'static str),
    /// A document at a key.
    PutDocument(Field, &'static str, &'static str),
    /// A document; an absent parameter changes nothing.
    SetDocument(Field, &'static str),
    /// A value; an absent parameter changes nothing.
    Set(Field, &'static str),
    /// Values, as `Set`.
    SetEach(&'static [(Field, &'static str)]),
    /// The field has no value any more.
    Clear(Field),
    /// A credential; the answer has its id.
    Issue(Field, &'static str),
    /// The status of a credential: its id, the status.
    Status(Field, &'static str, &'static str),
    /// `tags`.
    Tag,
    /// `tagKeys`.
    Untag,
    /// Its new name and path.
    Rename { name: &'static str, path: &'static str },
    /// A delegation request comes to this status.
    Delegation(&'static str),
    /// It happened, and what it set is not replayed; of a field with a key, a parameter has the key.
    Note(Field, &'static str),
    /// Evidence only.
    Nothing,
    /// Read by [`special`](super::special).
    Special(Special),
}

/// Calls that are like no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Special {
    CreateRole,
    CreateServiceLinkedRole,
    CreateUser,
    CreatePolicy,
    CreatePolicyVersion,
    SetDefaultPolicyVersion,
    CreateLoginProfile,
    UpdateLoginProfile,
    ChangePassword,
    EnableMfa,
    DeactivateMfa,
    ResetServiceCredential,
    CreateSamlProvider,
    UpdateSamlProvider,
    CreateOidcProvider,
    UpdateThumbprints,
    UpdatePasswordPolicy,
    ClearPasswordPolicy,
    CreateOrgPolicy,
    DisablePolicyType,
    LeaveOrganization,
    DelegatedAdmin(bool),
    ResourcePolicy,
    CreatePermissionSet,
    CustomerPolicyReference(bool),
    PermissionSetBoundary,
    Assignment(bool),
    CreateMembership,
    DeleteMembership,
    CreateTrustAnchor,
    UpdateTrustAnchor,
    CreateAnywhereProfile,
    UpdateAnywhereProfile,
    Session,
}
