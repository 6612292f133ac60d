//! The columns about trust, which need all of the log: only with it is known which accounts are one's own.

use std::collections::BTreeSet;
use std::sync::Arc;

use bumpalo::Bump;
use polars::prelude::{DataFrame, PolarsResult};

use super::policy::{Outsiders, PolicyDocument};
use crate::event::reader::request_document;
use crate::frame::{EventFrame, Late};
use crate::schema::Column;

/// Fills `trust_external` and `trust_guarded`, given one's own accounts.
///
/// Only calls to `CreateRole` and `UpdateAssumeRolePolicy` have them, also those that failed: the document
/// shows what was tried.
///
/// # Errors
/// What polars says.
pub fn late_columns(events: &mut EventFrame, own: &BTreeSet<String>) -> PolarsResult<()> {
    let mut external: Late<String> = Late::new();
    let mut guarded: Late<bool> = Late::new();
    for batch in events.batches() {
        for (object, index, found) in outsiders(batch, own)? {
            external.entry(object.clone()).or_default().insert(index, found.accounts);
            guarded.entry(object).or_default().insert(index, found.guarded);
        }
    }
    events.set_late_text(Column::TrustExternal, &external)?;
    events.set_late_flag(Column::TrustGuarded, &guarded)
}

/// The records of a batch whose trust policy lets outsiders in, each with its place.
fn outsiders(batch: &DataFrame, own: &BTreeSet<String>) -> PolarsResult<Vec<(Arc<str>, u64, Outsiders)>> {
    let text = |column: Column| batch.column(column.name())?.str();
    let (sources, names) = (text(Column::EventSource)?, text(Column::EventName)?);
    let (requests, objects) = (text(Column::RequestParameters)?, text(Column::Object)?);
    let indices = batch.column(Column::RecordIndex.name())?.i64()?;
    let of_iam = |(_, source): &(usize, Option<&str>)| source.is_some_and(|source| source.eq_ignore_ascii_case("iam.amazonaws.com"));
    let mut arena = Bump::new();
    let mut found = Vec::new();
    for (row, _) in sources.iter().enumerate().filter(of_iam) {
        let parameter = names.get(row).and_then(trust_parameter);
        let document = parameter.zip(requests.get(row)).and_then(|(parameter, request)| request_document(request, parameter, &arena));
        let outsiders = document.and_then(|text| PolicyDocument::parse(text).ok()).and_then(|document| document.trust().outsiders(own));
        let place = objects.get(row).zip(indices.get(row).and_then(|index| u64::try_from(index).ok()));
        if let Some((outsiders, (object, index))) = outsiders.zip(place) {
            found.push((Arc::from(object), index, outsiders));
        }
        arena.reset();
    }
    Ok(found)
}

/// The request parameter in which a call carries a trust policy.
fn trust_parameter(event_name: &str) -> Option<&'static str> {
    match event_name {
        name if name.eq_ignore_ascii_case("CreateRole") => Some("assumeRolePolicyDocument"),
        name if name.eq_ignore_ascii_case("UpdateAssumeRolePolicy") => Some("policyDocument"),
        _ => None,
    }
}
