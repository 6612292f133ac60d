//! Attributes of entities, and the values that replay holds for them.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value as Json;

use super::policy::{Document, PolicyDocument, Rank, StoredDocument};

/// How the absence and the presence of a field are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `true` or `false`.
    Flag,
    /// A value, or `null`.
    Value,
}

/// Makes the fields out of one table: name, what stands before the key, what after it, form.
macro_rules! fields {
    ($($name:ident $before:literal $after:literal $form:ident)*) => {
        /// A field of an entity; of those with a key, an entity has one for each key.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field {
            $(#[doc = concat!("`", $before, $after, "`")] $name,)*
        }

        impl Field {
            const fn parts(self) -> (&'static str, &'static str, Form) {
                match self {
                    $(Self::$name => ($before, $after, Form::$form),)*
                }
            }
        }
    };
}

fields! {
    Exists "exists" "" Flag
    Name "name" "" Value
    Path "path" "" Value
    UniqueId "unique_id" "" Value
    Boundary "permissions_boundary" "" Value
    InlinePolicy "inline_policies[" "]" Value
    AttachedPolicy "attached_policies[" "]" Flag
    Member "members[" "]" Flag
    AccessKey "access_keys[" "].status" Value
    LoginProfile "login_profile" "" Flag
    Password "login_profile.password" "" Value
    ResetRequired "login_profile.password_reset_required" "" Value
    MfaDevice "mfa_devices[" "]" Flag
    SshKey "ssh_public_keys[" "].status" Value
    ServiceCredential "service_credentials[" "].status" Value
    ServiceSecret "service_credentials[" "].secret" Value
    SigningCertificate "signing_certificates[" "].status" Value
    Tag "tags[" "]" Value
    TrustPolicy "trust_policy" "" Value
    MaxSession "max_session_duration" "" Value
    Description "description" "" Value
    DeletionPending "deletion_pending" "" Flag
    DefaultVersion "default_version" "" Value
    DefaultDocument "default_document" "" Value
    Version "versions[" "]" Value
    ProfileRole "role" "" Value
    MetadataDigest "metadata_sha256" "" Value
    EntityId "entity_id" "" Value
    SigningCertificates "signing_cert_sha256" "" Value
    EncryptionMode "encryption_mode" "" Value
    Url "url" "" Value
    ClientId "client_ids[" "]" Flag
    Thumbprints "thumbprints" "" Value
    AssignedTo "assigned_to" "" Value
    Alias "alias" "" Value
    PasswordPolicy "password_policy" "" Value
    PasswordRule "password_policy." "" Value
    StsTokenVersion "sts_global_token_version" "" Value
    RootCredentials "root_credentials_management" "" Flag
    RootSessions "root_sessions" "" Flag
    OutboundFederation "outbound_federation" "" Flag
    Delegation "delegation_requests[" "].status" Value
    Assignment "sso_assignments[" "]" Flag
    Document "document" "" Value
    Type "type" "" Value
    TargetPolicy "policies[" "]" Flag
    Parent "parent" "" Value
    PolicyType "policy_types[" "]" Flag
    OrgMember "member[" "]" Flag
    DelegatedAdmin "delegated_admin[" "]" Flag
    ServiceAccess "service_access[" "]" Flag
    ResourcePolicy "resource_policy" "" Value
    FeatureSet "feature_set" "" Value
    SetInlinePolicy "inline_policy" "" Value
    CustomerPolicy "customer_policies[" "]" Flag
    SessionDuration "session_duration" "" Value
    RelayState "relay_state" "" Value
    Enabled "enabled" "" Flag
    SourceDigest "source_sha256" "" Value
    RoleArn "role_arns[" "]" Flag
    ManagedPolicy "managed_policies[" "]" Flag
    SessionPolicy "session_policy" "" Value
    AcceptSessionName "accept_role_session_name" "" Value
    Setting "settings" "" Value
    Email "email" "" Value
    RootPassword "password" "" Value
    Session "(session)" "" Value
    Membership "memberships[" "]" Value
    InGroup "groups[" "]" Flag
    InProfile "instance_profiles[" "]" Flag
    AttachedTo "attached_to[" "]" Flag
    Child "children[" "]" Flag
}

/// A field, with its key where it has one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attribute {
    /// Which field.
    pub field: Field,
    /// Its key; empty for a field that has none.
    pub key: Arc<str>,
}

impl Attribute {
    /// A field that has no key.
    pub fn plain(field: Field) -> Self {
        // One empty text is shared by all, where a text of its own would be a new allocation each time.
        Self { field, key: Arc::default() }
    }

    /// A field at a key.
    pub fn keyed(field: Field, key: &str) -> Self {
        Self { field, key: Arc::from(key) }
    }

    /// Whether it is written as `true` and `false`.
    pub(super) const fn is_flag(&self) -> bool {
        matches!(self.field.parts().2, Form::Flag)
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after, _) = self.field.parts();
        write!(f, "{before}{}{after}", self.key)
    }
}

/// What is known of an attribute.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// Nothing: it may be there or not.
    #[default]
    Unknown,
    /// It is not there.
    Absent,
    /// It is there. Of a flag this says all; of others the value is not known.
    Present,
    /// A text, a number, a truth or a list.
    Json(Json),
    /// A policy document.
    Document(Arc<Document>),
    /// A secret, of which a change is all that can be known.
    Secret,
    /// The service hides it from its records.
    Redacted,
    /// Calls of one second leave more than one value possible.
    Ambiguous,
}

impl Value {
    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Json(Json::from(text))
    }

    /// The document in a text; [`Value::Unknown`] where it is absent or cannot be read.
    pub(crate) fn document(text: Option<&str>) -> Self {
        match text {
            Some(HIDDEN) => Self::Redacted,
            Some(text) => PolicyDocument::parse(text).map_or(Self::Unknown, |policy| Self::Document(Arc::new(Document::new(&policy)))),
            None => Self::Unknown,
        }
    }

    /// Whether the attribute is there; `None` where that is not known.
    pub const fn presence(&self) -> Option<bool> {
        match self {
            Self::Unknown | Self::Ambiguous => None,
            Self::Absent => Some(false),
            Self::Present | Self::Json(_) | Self::Document(_) | Self::Secret | Self::Redacted => Some(true),
        }
    }

    /// The policy document, where it is one.
    pub fn policy(&self) -> Option<&Document> {
        match self {
            Self::Document(document) => Some(document),
            _ => None,
        }
    }

    /// The rank of the policy document; `None` where it is none.
    pub fn rank(&self) -> Option<Rank> {
        match self {
            Self::Document(document) => Some(document.rank()),
            _ => None,
        }
    }

    /// The text, where it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Json(Json::String(text)) => Some(text),
            _ => None,
        }
    }

    /// How an item writes the value of that attribute.
    pub fn written(&self, attribute: &Attribute) -> Written {
        let json = match self {
            Self::Document(document) => return Written::Document(document.clone()),
            Self::Absent if attribute.is_flag() => return Written::Word(&FALSE),
            Self::Absent => return Written::Word(&NULL),
            Self::Present if attribute.is_flag() => return Written::Word(&TRUE),
            Self::Unknown | Self::Present => Json::from("<unknown>"),
            Self::Json(value) => value.clone(),
            Self::Secret => Json::from("<secret>"),
            Self::Redacted => Json::from("<redacted>"),
            Self::Ambiguous => Json::from("<ambiguous>"),
        };
        Written::Plain(Box::new(json))
    }
}

/// A value as an item writes it: JSON, which of a document is made when it is first looked at.
///
/// One document is the value after one change and before the next one. Both hold the same, and of most nobody ever looks
/// at the JSON.
#[derive(Debug, Clone)]
pub enum Written {
    /// A document.
    Document(Arc<Document>),
    /// `true`, `false` or `null`, which is what most are.
    Word(&'static Json),
    /// All else.
    Plain(Box<Json>),
}

/// A value as it is kept outside of memory.
#[derive(Serialize, Deserialize)]
pub(super) enum StoredValue<'v> {
    #[serde(borrow)]
    Document(StoredDocument<'v>),
    Null,
    Flag(bool),
    /// JSON text.
    Plain(Cow<'v, str>),
}

impl Written {
    pub(super) fn stored(&self) -> StoredValue<'_> {
        match self {
            Self::Document(document) => StoredValue::Document(document.stored()),
            Self::Word(json) => word(json),
            Self::Plain(json) => word(json),
        }
    }
}

fn word(json: &Json) -> StoredValue<'static> {
    match json {
        Json::Null => StoredValue::Null,
        Json::Bool(flag) => StoredValue::Flag(*flag),
        other => StoredValue::Plain(other.to_string().into()),
    }
}

impl From<StoredValue<'_>> for Written {
    fn from(stored: StoredValue<'_>) -> Self {
        match stored {
            StoredValue::Document(document) => Self::Document(Arc::new(document.into())),
            StoredValue::Null => Self::Word(&NULL),
            StoredValue::Flag(false) => Self::Word(&FALSE),
            StoredValue::Flag(true) => Self::Word(&TRUE),
            // It was written from JSON, so that it can be read.
            StoredValue::Plain(text) => Self::Plain(Box::new(serde_json::from_str(&text).unwrap_or_default())),
        }
    }
}

impl Deref for Written {
    type Target = Json;

    fn deref(&self) -> &Json {
        match self {
            Self::Document(document) => document.json(),
            Self::Word(json) => json,
            Self::Plain(json) => json,
        }
    }
}

impl PartialEq for Written {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl From<Json> for Written {
    fn from(json: Json) -> Self {
        Self::Plain(Box::new(json))
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(document) => f.write_str(document.text()),
            Self::Word(_) | Self::Plain(_) => fmt::Display::fmt(&**self, f),
        }
    }
}

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Document(document) => document.serialize(serializer),
            Self::Word(_) | Self::Plain(_) => (**self).serialize(serializer),
        }
    }
}

static FALSE: Json = Json::Bool(false);
static TRUE: Json = Json::Bool(true);
static NULL: Json = Json::Null;

/// What services write in place of what they hide.
pub(super) const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn attributes_are_written_as_paths() {
        assert_eq!(Attribute::keyed(Field::AccessKey, "AKIAEXAMPLE").to_string(), "access_keys[AKIAEXAMPLE].status");
        assert_eq!(Attribute::plain(Field::TrustPolicy).to_string(), "trust_policy");
        assert_eq!(Attribute::keyed(Field::PasswordRule, "hardExpiry").to_string(), "password_policy.hardExpiry");
    }

    #[test]
    fn absence_is_false_of_a_flag_and_null_of_a_value() {
        let (flag, value) = (Attribute::keyed(Field::Member, "alice"), Attribute::keyed(Field::InlinePolicy, "p"));
        let written = |held: Value| ((*held.written(&flag)).clone(), (*held.written(&value)).clone());
        assert_eq!(written(Value::Absent), (json!(false), json!(null)));
        assert_eq!(written(Value::Present), (json!(true), json!("<unknown>")));
        assert_eq!(written(Value::Unknown), (json!("<unknown>"), json!("<unknown>")));
    }

    #[test]
    fn documents_compare_by_what_they_mean() {
        let of = |text: &str| Value::document(Some(text));
        let plain = of(r#"{"Statement":{"Sid":"x","Effect":"Allow","Action":"S3:*","Resource":"*"}}"#);
        assert_eq!(plain, of(r#"{"Statement":[{"Effect":"Allow","Resource":["*"],"Action":["s3:*"]}]}"#));
        assert_eq!(of("no document"), Value::Unknown);
        assert_eq!(of(HIDDEN), Value::Redacted);
    }
}
