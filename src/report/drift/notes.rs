//! What has to be said beside an item: how certain it is, what it belongs to, where to look it up, and what else it may be.

use crate::iam::drift::{Certainty, Doubt, Evidence, Item, Ordering};
use crate::iam::kind::Kind;
use crate::time::EventTime;

/// What there is to say beside the sentence, a line each.
pub fn notes(item: &Item) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let missing = item.missing.as_deref();
    let certainty = missing.and_then(|missing| missing.certainty);
    lines.extend(certainty.map(|certainty| format!("{}: {}", certainty_name(certainty), certainty_words(certainty))));
    lines.extend(missing.iter().flat_map(|missing| &missing.gaps).map(|gap| format!("gap of the log: {gap}")));
    lines.extend(missing.map(|missing| window(missing.window)));
    lines.extend(missing.iter().filter_map(|missing| missing.contradicts.as_ref()).map(|event| format!("event {event} said otherwise")));
    lines.extend(item.patterns.iter().map(|pattern| format!("{pattern}: {}", pattern_words(pattern))));
    lines.extend(item.approved_by.iter().map(|change| format!("approved by {change}")));
    lines.extend(
        item.near_miss.iter().map(|change| format!("near miss: {change} approves such a change, but not this value or not so many")),
    );
    lines.extend(item.caused_by.iter().map(|event| format!("follows from event {event} of Identity Center")));
    if item.net == Some(false) {
        let by = item.reverted_by.as_ref().map_or_else(String::new, |event| format!(", by event {event}"));
        lines.push(format!("undone later{by}: it was there only for a time"));
    }
    // Of a role's session the record says so also where nobody could be asked.
    if item.by.as_ref().is_some_and(|by| by.mfa == Some(false) && by.actor_type.as_deref() != Some("AssumedRole")) {
        lines.push("without MFA".to_owned());
    }
    lines.extend(order_words(item.order).map(str::to_owned));
    lines.extend(item.confidence.iter().map(|doubt| doubt_words(*doubt).to_owned()));
    lines
}

fn window(window: (Option<EventTime>, EventTime)) -> String {
    match window {
        (Some(since), until) if since == until => format!("it happened at {until}"),
        (Some(since), until) => format!("it happened between {since} and {until}"),
        (None, until) => format!("it happened before {until}"),
    }
}

/// The label of a certainty, as JSON has it.
pub const fn certainty_name(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::ProvenGap => "proven_gap",
        Certainty::Contradiction => "contradiction",
        Certainty::Unbounded => "unbounded",
        Certainty::ExplainedByAws => "explained_by_aws",
    }
}

/// What a certainty means.
pub const fn certainty_words(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::ProvenGap => "the log is known to lack something in that time",
        Certainty::Contradiction => {
            "the digest chain is intact and verified over that time, so the event was never delivered or the snapshot is wrong"
        }
        Certainty::Unbounded => "no digest data says what was delivered in that time",
        Certainty::ExplainedByAws => "AWS changes such things without an event",
    }
}

/// What makes an item less than certain.
pub const fn doubt_words(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::PathAssumed => "path_assumed: the path of the ARN was never seen and is taken for /",
        Doubt::Pending => "pending: the call only starts what the service does later",
        Doubt::UncertainOrder => "uncertain_order: it came so near to a snapshot that it may be in it or not",
        Doubt::BeforeUnknown => "before_unknown: the value before is not known, so that all of the value after counts as new",
        Doubt::DocumentUnknown => "document_unknown: the record lacks the document, or it could not be read",
        Doubt::Medium => "medium: what reads data leaves no event by default",
    }
}

const fn order_words(order: Ordering) -> Option<&'static str> {
    match order {
        Ordering::Exact => None,
        Ordering::SameSecond => Some("same_second: other calls on the same entities came in its second, and their order was worked out"),
        Ordering::Reordered => Some("reordered: only calls of later seconds, put before it, make it possible"),
    }
}

/// Where to look something up.
pub fn evidence(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Record { object, record_index: Some(index), event_id } => format!("event {event_id}, record {index} of {object}"),
        Evidence::Record { object, record_index: None, event_id } => format!("event {event_id} in {object}"),
        Evidence::Snapshot { file, pointer } if pointer.is_empty() => format!("absent from {file}"),
        Evidence::Snapshot { file, pointer } => format!("{pointer} of {file}"),
    }
}

/// What else a contradiction may be, and what is known of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// The innocent cause.
    pub cause: &'static str,
    /// What is known of it.
    pub standing: Standing,
}

/// What is known of an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It fits what is known of the log.
    Likely,
    /// Nothing speaks for it or against it.
    Open,
    /// The digest chain, which is intact over that time, rules it out.
    RuledOut,
}

impl Standing {
    /// The word for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Likely => "fits what is known",
            Self::Open => "open",
            Self::RuledOut => "ruled out by the digest chain",
        }
    }
}

/// The innocent explanations of an item that the log does not explain; none of what somebody did.
///
/// The chain proves that delivered files are here as they were, and that digests, which come hourly while a trail runs,
/// did not stop. It does not prove that every event was delivered. Where no window says when an event is missing, it
/// rules out nothing.
pub fn explanations(item: &Item) -> Vec<Explanation> {
    if !item.kind.is_contradiction() {
        return Vec::new();
    }
    let certainty = item.missing.as_ref().and_then(|missing| missing.certainty);
    let by_chain = match certainty {
        Some(Certainty::Contradiction) => Standing::RuledOut,
        Some(Certainty::ProvenGap) => Standing::Likely,
        Some(Certainty::Unbounded | Certainty::ExplainedByAws) | None => Standing::Open,
    };
    let open = |cause| Explanation { cause, standing: Standing::Open };
    let mut found = vec![
        Explanation { cause: "a log file with the event was not copied, or was lost later", standing: by_chain },
        Explanation { cause: "the trail was stopped at that time", standing: by_chain },
        open("the trail does not record such events: other regions, global services or management events are left out"),
        open("CloudTrail never delivered the event"),
    ];
    if item.missing.is_some() || item.evidence.iter().any(|evidence| matches!(evidence, Evidence::Snapshot { .. })) {
        found.push(open("the snapshot was taken at another time than it says, or is not of this account as it was"));
    }
    if certainty == Some(Certainty::ExplainedByAws) {
        found.push(Explanation { cause: "AWS made the change itself, which it does without an event", standing: Standing::Likely });
    }
    if item.order != Ordering::Exact {
        found.push(open("calls of one second came in another order than the one that was worked out"));
    }
    found.extend(of_kind(item.kind).map(open));
    found
}

const fn of_kind(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::VersionGap => Some("a version was begun and AWS did not use its number"),
        Kind::IdentityRecreated => Some("it was deleted and made again by somebody whose events another trail has"),
        Kind::ActorContradiction => Some("the credential was made active or given anew by a call that is not here"),
        Kind::UsageWithoutEvents => Some("it was used only for calls that read or write data, which a trail leaves out by default"),
        Kind::PreconditionViolation => Some("what was left was taken away in a way that this replay does not know"),
        _ => None,
    }
}

/// The method that a pattern's id stands for.
///
/// # Source
/// Rhino Security Labs, "AWS IAM Privilege Escalation Methods", for those that begin with R.
pub fn pattern_words(pattern: &str) -> &'static str {
    PATTERNS.iter().find(|(id, _)| *id == pattern).map_or("a way to more rights", |(_, words)| words)
}

const PATTERNS: [(&str, &str); 53] = [
    ("R01", "a new policy version of one's own, made the default"),
    ("R02", "the default set to an older version of one's own"),
    ("R03", "EC2 with an existing profile"),
    ("R04", "an access key for another user"),
    ("R05", "a console password for another user"),
    ("R06", "the password of another changed"),
    ("R07", "a policy attached to one's own user"),
    ("R08", "a policy attached to one's own group"),
    ("R09", "a policy attached to one's own role"),
    ("R10", "an inline policy on one's own user"),
    ("R11", "an inline policy on one's own group"),
    ("R12", "an inline policy on one's own role"),
    ("R13", "added to a group with more rights"),
    ("R14", "a trust policy rewritten to let oneself in"),
    ("R15", "a role passed to a Lambda function, and invoked"),
    ("R16", "a role passed to a Lambda function that another account invokes"),
    ("R17", "a role passed to a Lambda function that a table triggers"),
    ("R18", "the code of a Lambda function overwritten"),
    ("R19", "a role passed to a Glue endpoint"),
    ("R20", "keys of a Glue endpoint replaced"),
    ("R21", "a role passed to CloudFormation"),
    ("R22", "a role passed to a data pipeline"),
    ("R23", "a CodeStar project from a template"),
    ("R24", "a CodeStar project"),
    ("R25", "a CodeStar team member"),
    ("R26", "a layer put under a Lambda function"),
    ("R27", "a role passed to a SageMaker notebook"),
    ("R28", "an existing SageMaker notebook opened"),
    ("N01", "one's own permissions boundary dropped or widened"),
    ("N02", "a Deny on oneself removed"),
    ("N03", "another one's MFA device replaced, or password changed after it was taken away"),
    ("N04", "a key revived"),
    ("N05", "service credentials for another user"),
    ("N06", "a role passed to an ECS task, or a task entered"),
    ("N07", "a role passed to CodeBuild, or a build specification replaced"),
    ("N08", "a role passed to Step Functions, EventBridge or Scheduler"),
    ("N09", "a role passed to another service that runs code"),
    ("N10", "commands or sessions of SSM on an instance with more rights"),
    ("N11", "user data of an instance, or a key sent to it"),
    ("N12", "an identity provider changed that a role trusts"),
    ("N13", "Roles Anywhere with an outside authority"),
    ("N14", "trust in an OIDC provider without a subject"),
    ("N15", "Identity Center used for oneself"),
    ("N16", "a service control policy lifted"),
    ("N17", "root sessions turned on or used"),
    ("N18", "a tag that a policy asks for"),
    ("N19", "a role that can assume itself"),
    ("N20", "a session with all rights, which outlives its key"),
    ("N21", "a name taken over by a rename"),
    ("N22", "a delegation to a partner accepted and sent"),
    ("N23", "a policy version staged for later"),
    ("N24", "code or a stack replaced that runs with other rights"),
    ("aws_quarantine", "AWS's own containment of a leaked key"),
];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::tests::made;
    use super::*;
    use crate::iam::drift::{Caller, Missing};

    #[test]
    fn the_chain_rules_out_lost_files_and_nothing_more() {
        let told = |certainty| {
            let mut item = made(Kind::UnexplainedChange, "exists", false.into(), true.into());
            let until = EventTime::parse("2026-03-02T18:00:00Z").expect("a time");
            item.missing = Some(Box::new(Missing { window: (None, until), contradicts: None, certainty, gaps: Vec::new() }));
            explanations(&item).iter().map(|found| format!("{}: {}", found.cause, found.standing.words())).collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(told(Some(Certainty::Contradiction)), @"
        a log file with the event was not copied, or was lost later: ruled out by the digest chain
        the trail was stopped at that time: ruled out by the digest chain
        the trail does not record such events: other regions, global services or management events are left out: open
        CloudTrail never delivered the event: open
        the snapshot was taken at another time than it says, or is not of this account as it was: open
        ");
        assert_eq!(told(Some(Certainty::Unbounded)), told(None));
        assert_eq!(told(Some(Certainty::ProvenGap)).matches("fits what is known").count(), 2);
        assert!(told(Some(Certainty::ExplainedByAws)).ends_with("without an event: fits what is known"));
        assert!(explanations(&made(Kind::UserCreated, "exists", false.into(), true.into())).is_empty());
    }

    #[test]
    fn all_that_is_known_is_said() {
        let mut item = made(Kind::UnexplainedChange, "exists", false.into(), true.into());
        let time = |text| EventTime::parse(text).expect("a time");
        item.missing = Some(Box::new(Missing {
            window: (Some(time("2026-03-02T06:00:00Z")), time("2026-03-02T18:00:00Z")),
            contradicts: Some("e-1".into()),
            certainty: Some(Certainty::ProvenGap),
            gaps: vec!["digests are missing".to_owned()],
        }));
        item.patterns = vec!["R07", "N99"];
        item.approved_by = Some("CHG-1".into());
        item.near_miss = Some("CHG-2".into());
        item.caused_by = Some("e-2".into());
        item.net = Some(false);
        item.reverted_by = Some("e-3".into());
        item.by = Some(Arc::new(Caller { mfa: Some(false), ..Caller::default() }));
        item.order = Ordering::Reordered;
        item.confidence =
            vec![Doubt::PathAssumed, Doubt::Pending, Doubt::UncertainOrder, Doubt::BeforeUnknown, Doubt::DocumentUnknown, Doubt::Medium];
        insta::assert_snapshot!(notes(&item).join("\n"), @"
        proven_gap: the log is known to lack something in that time
        gap of the log: digests are missing
        it happened between 2026-03-02T06:00:00Z and 2026-03-02T18:00:00Z
        event e-1 said otherwise
        R07: a policy attached to one's own user
        N99: a way to more rights
        approved by CHG-1
        near miss: CHG-2 approves such a change, but not this value or not so many
        follows from event e-2 of Identity Center
        undone later, by event e-3: it was there only for a time
        without MFA
        reordered: only calls of later seconds, put before it, make it possible
        path_assumed: the path of the ARN was never seen and is taken for /
        pending: the call only starts what the service does later
        uncertain_order: it came so near to a snapshot that it may be in it or not
        before_unknown: the value before is not known, so that all of the value after counts as new
        document_unknown: the record lacks the document, or it could not be read
        medium: what reads data leaves no event by default
        ");
    }

    #[test]
    fn evidence_can_be_found_again() {
        let record = |record_index| Evidence::Record { object: "a.json.gz".into(), record_index, event_id: "e-1".into() };
        let snapshot = |pointer: &str| Evidence::Snapshot { file: "s.json".into(), pointer: pointer.into() };
        let told = [record(Some(7)), record(None), snapshot("/UserDetailList/0"), snapshot("")].map(|found| evidence(&found)).join("\n");
        insta::assert_snapshot!(told, @"
        event e-1, record 7 of a.json.gz
        event e-1 in a.json.gz
        /UserDetailList/0 of s.json
        absent from s.json
        ");
    }
}
