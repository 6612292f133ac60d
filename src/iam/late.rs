//! The columns about trust, which need all of the log: only with it is known which accounts are one's own.

use std::collections::{BTreeSet, HashMap};

use bumpalo::Bump;
use polars::prelude::{BooleanChunked, DataFrame, IntoColumn as _, IntoSeries as _, PlSmallStr, PolarsResult, StringChunked};

use super::policy::{Outsiders, PolicyDocument};
use crate::error::Error;
use crate::event::reader::request_document;
use crate::frame::{EventFrame, TRUST};
use crate::schema::Column;

/// Fills `trust_external` and `trust_guarded`, given one's own accounts.
///
/// Only calls to `CreateRole` and `UpdateAssumeRolePolicy` have them, also those that failed: the document
/// shows what was tried.
///
/// # Errors
/// [`Error::Frame`] where the table engine fails.
pub fn late_columns(events: &mut EventFrame, own: &BTreeSet<String>) -> Result<(), Error> {
    let columns = [Column::EventSource, Column::EventName, Column::RequestParameters];
    events.fill(&columns, &TRUST, |_, batch| Ok(outsiders(batch, own)?))
}

/// Both columns of a batch; `None` where no trust policy in it lets outsiders in.
fn outsiders(batch: &DataFrame, own: &BTreeSet<String>) -> PolarsResult<Option<DataFrame>> {
    let text = |column: Column| batch.column(column.name())?.str();
    let (sources, names, requests) = (text(Column::EventSource)?, text(Column::EventName)?, text(Column::RequestParameters)?);
    let of_iam = |(_, source): &(usize, Option<&str>)| source.is_some_and(|source| source.eq_ignore_ascii_case("iam.amazonaws.com"));
    let mut arena = Bump::new();
    let mut found: HashMap<usize, Outsiders> = HashMap::new();
    for (row, _) in sources.iter().enumerate().filter(of_iam) {
        let parameter = names.get(row).and_then(trust_parameter);
        let document = parameter.zip(requests.get(row)).and_then(|(parameter, request)| request_document(request, parameter, &arena));
        let outsiders = document.and_then(|text| PolicyDocument::parse(text).ok()).and_then(|document| document.trust().outsiders(own));
        found.extend(outsiders.map(|outsiders| (row, outsiders)));
        arena.reset();
    }
    if found.is_empty() {
        return Ok(None);
    }
    let rows = || (0..batch.height()).map(|row| found.get(&row));
    let accounts: StringChunked = rows().map(|outsiders| outsiders.map(|outsiders| outsiders.accounts.as_str())).collect();
    let guarded: BooleanChunked = rows().map(|outsiders| outsiders.map(|outsiders| outsiders.guarded)).collect();
    let columns = [(Column::TrustExternal, accounts.into_series()), (Column::TrustGuarded, guarded.into_series())];
    let columns = columns.map(|(column, values)| values.with_name(PlSmallStr::from_static(column.name())).into_column());
    DataFrame::new(batch.height(), columns.into()).map(Some)
}

/// The request parameter in which a call carries a trust policy.
fn trust_parameter(event_name: &str) -> Option<&'static str> {
    match event_name {
        name if name.eq_ignore_ascii_case("CreateRole") => Some("assumeRolePolicyDocument"),
        name if name.eq_ignore_ascii_case("UpdateAssumeRolePolicy") => Some("policyDocument"),
        _ => None,
    }
}
