//! What a call hands out: `issued_key`, and `policy_rank` of a policy document in the request.

use super::super::Event;
use super::super::reader::{lookup, request_document};
use super::call::Call;
use crate::iam::policy::PolicyDocument;
use crate::schema::Column;

/// Records of other services than IAM and STS pay for two short comparisons.
pub(super) fn set(event: &mut Event<'_>, call: Call<'_>) {
    if call.service.eq_ignore_ascii_case("iam") {
        rank(event, call);
        if call.stem.eq_ignore_ascii_case("CreateAccessKey") {
            issued_key(event, &["accessKey", "accessKeyId"]);
        }
    } else if call.service.eq_ignore_ascii_case("sts") {
        issued_key(event, &["credentials", "accessKeyId"]);
    }
}

fn issued_key(event: &mut Event<'_>, path: &[&str]) {
    let arena = event.arena();
    let key = event.text(Column::ResponseElements).and_then(|json| lookup(json, path, arena));
    event.set_optional(Column::IssuedKey, key.filter(|key| !key.is_empty()));
}

fn rank(event: &mut Event<'_>, call: Call<'_>) {
    // A trust policy says who, not what: it has no rank.
    if call.stem.eq_ignore_ascii_case("UpdateAssumeRolePolicy") {
        return;
    }
    let arena = event.arena();
    let text = event.text(Column::RequestParameters).and_then(|request| request_document(request, "policyDocument", arena));
    if let Some(document) = text.and_then(|text| PolicyDocument::parse(text).ok()) {
        event.set_text(Column::PolicyRank, document.ranking().rank.name());
    }
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::super::sample;
    use super::*;

    const IAM: (Column, &str) = (Column::EventSource, "iam.amazonaws.com");
    const STS: (Column, &str) = (Column::EventSource, "sts.amazonaws.com");

    fn of(column: Column, fields: &[(Column, &str)]) -> Option<String> {
        let arena = Bump::new();
        sample(&arena, fields).text(column).map(str::to_owned)
    }

    fn rank_of(source: (Column, &str), name: &str, request: &str) -> Option<String> {
        of(Column::PolicyRank, &[source, (Column::EventName, name), (Column::RequestParameters, request)])
    }

    #[test]
    fn ranks() {
        let admin = r#"{"userName":"a","policyDocument":"{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}"}"#;
        for name in ["PutUserPolicy", "PutRolePolicy", "PutGroupPolicy", "CreatePolicy", "CreatePolicyVersion"] {
            assert_eq!(rank_of(IAM, name, admin).as_deref(), Some("admin"), "{name}");
        }
        let rank = |request: &str| rank_of(IAM, "PutUserPolicy", request);
        assert_eq!(
            rank(r#"{"policyDocument":{"Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]}}"#).as_deref(),
            Some("privesc")
        );
        assert_eq!(rank(r#"{"policyDocument":"%7B%22Statement%22%3A%5B%5D%7D"}"#).as_deref(), Some("none"));
        for request in [
            "null",
            "{}",
            "[]",
            r#"{"policyDocument":null}"#,
            r#"{"policyDocument":7}"#,
            r#"{"policyDocument":"HIDDEN_DUE_TO_SECURITY_REASONS"}"#,
            r#"{"policyDocument":"{\"Statement\":"}"#,
            r#"{"policyDocument":["a"]}"#,
        ] {
            assert_eq!(rank(request), None, "{request}");
        }
        assert_eq!(rank_of((Column::EventSource, "s3.amazonaws.com"), "PutBucketPolicy", admin), None);
        assert_eq!(rank_of(IAM, "UpdateAssumeRolePolicy", admin), None);
    }

    #[test]
    fn issued_keys() {
        let issued =
            |source, name, response| of(Column::IssuedKey, &[source, (Column::EventName, name), (Column::ResponseElements, response)]);
        let session = r#"{"credentials":{"accessKeyId":"ASIAEXAMPLE","sessionToken":"x"}}"#;
        let key = r#"{"accessKey":{"accessKeyId":"AKIAEXAMPLE","userName":"a"}}"#;
        for name in ["AssumeRole", "AssumeRoleWithSAML", "AssumeRoot", "GetSessionToken", "GetFederationToken"] {
            assert_eq!(issued(STS, name, session).as_deref(), Some("ASIAEXAMPLE"), "{name}");
        }
        assert_eq!(issued(IAM, "CreateAccessKey", key).as_deref(), Some("AKIAEXAMPLE"));
        assert_eq!(issued(IAM, "UpdateAccessKey", key), None);
        assert_eq!(issued(STS, "AssumeRole", key), None);
        assert_eq!(issued((Column::EventSource, "s3.amazonaws.com"), "AssumeRole", session), None);
        for response in
            ["null", "{}", r#"{"credentials":{"accessKeyId":""}}"#, r#"{"credentials":{"accessKeyId":{}}}"#, r#"{"credentials":"x"}"#]
        {
            assert_eq!(issued(STS, "AssumeRole", response), None, "{response}");
        }
    }
}
