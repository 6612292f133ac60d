//! The columns of the event frame: the one list that the reader fills, the
//! frame builds, rules name and `trailsift sql --schema` prints.
//!
//! Names are CloudTrail's own field names in snake case. The module stands
//! beside `error` and `time`, left of all stages, because the reader writes
//! straight into columns and so has to know them before the frame does.

use std::fmt;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// The compact JSON of the value as the record spells it, as text.
    Json,
    /// A truth value.
    Flag,
    /// A whole number.
    Int,
    /// A point in time, microseconds since 1970 in UTC.
    Time,
    /// A list of texts, each of which may be null.
    TextList,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Text => "str",
            Self::Json => "json",
            Self::Flag => "bool",
            Self::Int => "i64",
            Self::Time => "ts",
            Self::TextList => "list[str]",
        })
    }
}

// At most 128: an `Event` keeps one bit a column in a `u128`. A test holds the list to that.
macro_rules! columns {
    ($($variant:ident $name:literal $kind:ident $source:literal $null:literal;)*) => {
        /// One column of the event frame, in the order of the frame.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Column {
            $(
                #[doc = concat!("`", $name, "`, ", stringify!($kind), ", from ", $source, ". Null: ", $null, ".")]
                $variant,
            )*
        }

        impl Column {
            /// Every column, in the order of the frame.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// How many columns there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The column's name in frames, rules and SQL.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// What the column holds.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind),* }
            }

            /// The JSON field, path or other column that it is made from.
            pub const fn source(self) -> &'static str {
                match self { $(Self::$variant => $source),* }
            }

            /// What it means where the column is null.
            pub const fn null_means(self) -> &'static str {
                match self { $(Self::$variant => $null),* }
            }

            /// The column of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

columns! {
    // What the call was.
    EventTime "event_time" Time "eventTime, else @timestamp or the envelope's time" "no time that could be read";
    EventTimeRaw "event_time_raw" Text "eventTime" "it was in the plain form YYYY-MM-DDTHH:MM:SSZ";
    EventEpoch "event_epoch" Int "event_time" "no time that could be read";
    EventHour "event_hour" Text "event_time as YYYY-MM-DDTHH" "no time that could be read";
    Dt "dt" Text "event_time as YYYY-MM-DD, `unknown` without one" "never";
    EventId "event_id" Text "eventID" "absent: record_sha256 stands in";
    EventVersion "event_version" Text "eventVersion" "absent";
    EventSource "event_source" Text "eventSource, in small letters; the evidence keeps the record as it came" "absent, as in Insights events";
    EventName "event_name" Text "eventName" "absent, as in Insights events";
    EventStem "event_stem" Text "eventName without the API date at its end" "no eventName";
    EventType "event_type" Text "eventType" "absent";
    EventCategory "event_category" Text "eventCategory" "absent, as before version 1.07";
    AwsRegion "aws_region" Text "awsRegion" "absent";
    RecipientAccountId "recipient_account_id" Text "recipientAccountId" "absent, or lost by a spreadsheet";
    ReadOnly "read_only" Flag "readOnly" "absent";
    Write "write" Flag "readOnly, else the verb of eventName" "neither readOnly nor eventName";
    ManagementEvent "management_event" Flag "managementEvent" "absent, as before version 1.06";
    Ok "ok" Flag "errorCode, errorMessage and, for sign-in events, responseElements" "a sign-in event of a download without an error code: its outcome is not in the row";
    Denied "denied" Flag "errorCode" "never";
    ErrorCode "error_code" Text "errorCode" "absent or empty";
    ErrorMessage "error_message" Text "errorMessage" "absent or empty";
    RequestId "request_id" Text "requestID" "absent, as in sign-in events";
    ApiVersion "api_version" Text "apiVersion" "absent";
    SharedEventId "shared_event_id" Text "sharedEventID" "absent: one account's call";
    // Where it came from.
    SourceIpAddress "source_ip_address" Text "sourceIPAddress" "absent";
    SourceIpKind "source_ip_kind" Text "sourceIPAddress: public, private, aws_service, aws_internal, other" "no sourceIPAddress";
    SourceIpHex "source_ip_hex" Text "sourceIPAddress as 32 hex digits, IPv4 mapped" "not an address";
    SourceIpNet "source_ip_net" Text "sourceIPAddress: its /24, IPv6 its /48" "not an address";
    SourceIpNet16 "source_ip_net16" Text "sourceIPAddress: its /16, IPv6 its /32" "not an address";
    HumanIp "human_ip" Flag "source_ip_kind is public and there is no vpcEndpointId" "never";
    UserAgent "user_agent" Text "userAgent" "absent";
    UaFamily "ua_family" Text "tool and system named by userAgent" "no userAgent";
    VpcEndpointId "vpc_endpoint_id" Text "vpcEndpointId" "not through a VPC endpoint";
    VpcEndpointAccountId "vpc_endpoint_account_id" Text "vpcEndpointAccountId" "absent";
    TlsVersion "tls_version" Text "tlsDetails.tlsVersion" "absent";
    TlsCipherSuite "tls_cipher_suite" Text "tlsDetails.cipherSuite" "absent";
    TlsClientHost "tls_client_host" Text "tlsDetails.clientProvidedHostHeader" "absent";
    // Who did it.
    UserType "user_type" Text "userIdentity.type, a known one in AWS's spelling; user_identity keeps it as it came" "absent, as in service events";
    Principal "principal" Text "userIdentity, without the session name" "no userIdentity";
    Actor "actor" Text "first of user_arn, issuer_arn, user_on_behalf_of_id, user_invoked_by, user_account_id, user_principal_id" "none of them";
    SessionName "session_name" Text "userIdentity.arn of an AssumedRole, after the last /" "not a role session";
    SessionIssuer "session_issuer" Text "sessionIssuer.arn of an AssumedRole" "not a role session, or not named";
    UserArn "user_arn" Text "userIdentity.arn" "absent";
    UserAccountId "user_account_id" Text "userIdentity.accountId" "absent";
    UserPrincipalId "user_principal_id" Text "userIdentity.principalId" "absent";
    UserAccessKeyId "user_access_key_id" Text "userIdentity.accessKeyId" "absent or empty";
    UserName "user_name" Text "userIdentity.userName" "absent";
    UserInvokedBy "user_invoked_by" Text "userIdentity.invokedBy" "not called through a service";
    UserIdentityProvider "user_identity_provider" Text "userIdentity.identityProvider" "absent";
    UserCredentialId "user_credential_id" Text "userIdentity.credentialId" "absent";
    UserOnBehalfOfId "user_on_behalf_of_id" Text "userIdentity.onBehalfOf.userId" "absent";
    UserIdentityStoreArn "user_identity_store_arn" Text "userIdentity.onBehalfOf.identityStoreArn" "absent";
    SessionMfaAuthenticated "session_mfa_authenticated" Flag "sessionContext.attributes.mfaAuthenticated" "no session, so not said; not the same as false";
    SessionCreationTime "session_creation_time" Time "sessionContext.attributes.creationDate" "no session, or not readable";
    SessionSourceIdentity "session_source_identity" Text "sessionContext.sourceIdentity" "absent";
    SessionAssumedRoot "session_assumed_root" Flag "sessionContext.assumedRoot" "absent";
    SessionCredentialFromConsole "session_credential_from_console" Flag "sessionCredentialFromConsole" "absent; not the same as false";
    IssuerType "issuer_type" Text "sessionIssuer.type" "absent";
    IssuerPrincipalId "issuer_principal_id" Text "sessionIssuer.principalId" "absent";
    IssuerArn "issuer_arn" Text "sessionIssuer.arn" "absent";
    IssuerAccountId "issuer_account_id" Text "sessionIssuer.accountId" "absent";
    IssuerUserName "issuer_user_name" Text "sessionIssuer.userName" "absent";
    WebFederatedProvider "web_federated_provider" Text "webIdFederationData.federatedProvider" "absent";
    Ec2RoleDelivery "ec2_role_delivery" Text "sessionContext.ec2RoleDelivery" "not an instance profile's session, or an old record";
    ServiceCall "service_call" Flag "userIdentity and eventType: an AWS service called, not a person" "never";
    LongTermKey "long_term_key" Flag "userIdentity, in accessKeyId and session, says that a long-term key signed the call" "never";
    FromConsole "from_console" Flag "sessionCredentialFromConsole or userAgent say that the console made the call" "never";
    // What the credentials proved.
    MfaUsed "mfa_used" Text "additionalEventData.MFAUsed" "absent, as in federated and some failed sign-ins; not No";
    MfaIdentifier "mfa_identifier" Text "additionalEventData.MFAIdentifier" "absent; proves nothing";
    ConsoleLoginResult "console_login_result" Text "responseElements.ConsoleLogin" "not a console sign-in";
    MfaVerdict "mfa_verdict" Text "result, identity, MFAUsed and session of a sign-in: mfa, no_mfa, session_no_mfa, idp_unknown, failed, failed_mfa_step, unknown, not_login" "never";
    ApiMfa "api_mfa" Text "credential and session of a call: yes, no, n/a, idp_unknown, unknown" "never";
    RootClass "root_class" Text "identity, event and session: none, console_login, console_login_failed, console_login_unknown (a download does not tell the outcome), api, console_action, long_term_key, root_credential_event, assume_root_call, assumed_root, service, on_behalf" "never";
    SensitiveWrite "sensitive_write" Flag "write, event_source and event_stem: a change to identities, keys, logging or guards" "never";
    OriginVerdict "origin_verdict" Text "the calls that made the session, after loading: mfa, no_mfa, idp_unknown, unknown, not_in_log" "not a temporary session";
    OriginEventId "origin_event_id" Text "event_id of the first of these calls, after loading" "not a temporary session, not in the log, or without an id";
    OriginPrincipal "origin_principal" Text "principal of the first of these calls, after loading" "not a temporary session, or not in the log";
    // What the call hands out, and to whom. The `trust` columns need all of the log and are filled after loading.
    IssuedKey "issued_key" Text "responseElements.credentials.accessKeyId of STS, accessKey.accessKeyId of CreateAccessKey" "no key was issued, or it is not named";
    PolicyRank "policy_rank" Text "requestParameters.policyDocument of IAM calls but UpdateAssumeRolePolicy: none, privesc, admin; conditions and Deny are not weighed" "no document that could be read";
    TrustExternal "trust_external" Text "the trust policy that CreateRole or UpdateAssumeRolePolicy asks for: accounts outside one's own, with commas between, or *; Deny is not weighed" "nobody from outside is let in, or no document that could be read";
    TrustGuarded "trust_guarded" Flag "the same: each statement that lets outsiders in asks for sts:ExternalId or aws:PrincipalOrgID" "trust_external is null";
    // The parts that stay JSON.
    UserIdentity "user_identity" Json "userIdentity" "absent or null";
    RequestParameters "request_parameters" Json "requestParameters" "absent or null";
    ResponseElements "response_elements" Json "responseElements" "absent or null, as for reads";
    AdditionalEventData "additional_event_data" Json "additionalEventData" "absent or null";
    ResourceArns "resource_arns" TextList "resources[].ARN, arn or ARNPrefix" "no resources";
    ResourceTypes "resource_types" TextList "resources[].type" "no resources";
    ResourceAccountIds "resource_account_ids" TextList "resources[].accountId" "no resources";
    ServiceEventDetails "service_event_details" Json "serviceEventDetails" "absent or null";
    InsightDetails "insight_details" Json "insightDetails" "not an Insights event";
    Addendum "addendum" Json "addendum" "neither late nor corrected";
    AddendumOriginalEventId "addendum_original_event_id" Text "addendum.originalEventID" "corrects no other record";
    EdgeDeviceDetails "edge_device_details" Json "edgeDeviceDetails" "absent or null";
    EventContext "event_context" Json "eventContext" "absent or null";
    Extra "extra" Json "all top-level keys without a column of their own" "there are none";
    // Where the record stands.
    HasDuplicateKeys "has_duplicate_keys" Flag "the record's bytes" "never";
    RecordSha256 "record_sha256" Text "the record's bytes as they came" "event_id is there, and no other record differs under it";
    Object "object" Text "the file's path or key" "never";
    RecordIndex "record_index" Int "the record's place among the file's records, from 0" "never";
    Envelope "envelope" Text "the form that held the record" "never";
    FileRegion "file_region" Text "the file's name" "the name is not in AWS's form";
    FileAccountId "file_account_id" Text "the file's name" "the name is not in AWS's form";
    FileDeliveryTime "file_delivery_time" Time "the file's name" "the name is not in AWS's form";
    FileIntegrity "file_integrity" Text "the digests, after loading: valid, invalid, unverified, undigested" "digests were not looked at, or say nothing of the file";
}

impl Column {
    /// The columns that follow from `source_ip_address` alone.
    pub(crate) const ADDRESS: [Self; 4] = [Self::SourceIpKind, Self::SourceIpHex, Self::SourceIpNet, Self::SourceIpNet16];
    /// The columns that are read from `tlsDetails`.
    pub(crate) const TLS: [Self; 3] = [Self::TlsVersion, Self::TlsCipherSuite, Self::TlsClientHost];
    /// The columns of text that are read from `userIdentity` and from nothing else.
    pub(crate) const IDENTITY: &'static [Self] = &[
        Self::UserType,
        Self::UserPrincipalId,
        Self::UserArn,
        Self::UserAccountId,
        Self::UserAccessKeyId,
        Self::UserName,
        Self::UserInvokedBy,
        Self::UserIdentityProvider,
        Self::UserCredentialId,
        Self::UserOnBehalfOfId,
        Self::UserIdentityStoreArn,
        Self::SessionSourceIdentity,
        Self::IssuerType,
        Self::IssuerPrincipalId,
        Self::IssuerArn,
        Self::IssuerAccountId,
        Self::IssuerUserName,
        Self::WebFederatedProvider,
        Self::Ec2RoleDelivery,
    ];

    /// The column's place in the frame.
    #[expect(clippy::as_conversions, reason = "the discriminant of a fieldless enum")]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The name among `known` that a misspelt `name` most likely meant, if one is near.
///
/// Near means at most a third of its letters changed, added, lost or swapped.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let name = name.to_ascii_lowercase();
    let limit = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (edit_distance(&name, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance between two short texts, in characters.
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        let mut next = vec![before];
        for (b, above) in right.iter().zip(row.iter().skip(1)) {
            let cost = diagonal + usize::from(a != *b);
            diagonal = *above;
            before = cost.min(above + 1).min(before + 1);
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for column in Column::ALL {
            assert_eq!(Column::from_name(column.name()), Some(*column));
        }
        const { assert!(Column::COUNT <= 128) };
    }

    #[test]
    fn a_misspelt_name_finds_its_neighbour() {
        let names = || Column::ALL.iter().map(|column| column.name());
        assert_eq!(nearest("event_nme", names()), Some("event_name"));
        assert_eq!(nearest("user_agnet", names()), Some("user_agent"));
        assert_eq!(nearest("nothing_like_it", names()), None);
    }
}
