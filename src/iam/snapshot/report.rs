//! The credential report: who has a password, a device and keys, but not which ones.
//!
//! # Source
//! IAM User Guide, "Getting credential reports for your AWS account".

use std::sync::Arc;

use super::super::attribute::{Attribute, Field, Value};
use super::super::entity::EntityKind;
use super::{Builder, KeySlot, LastUse};
use crate::time::EventTime;

impl Builder {
    /// Takes in a report. Columns are found by their names, and unknown ones are passed over; so are rows that cannot be read.
    pub(super) fn report(&mut self, text: &str) {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        let Ok(names) = reader.headers().cloned() else { return };
        for (index, row) in reader.records().flatten().enumerate() {
            let cell = |name: &str| names.iter().position(|column| column == name).and_then(|column| row.get(column)).unwrap_or_default();
            self.row(&cell, index);
        }
    }

    fn row<'r>(&mut self, cell: &dyn Fn(&str) -> &'r str, index: usize) {
        let name = cell("user");
        if name.is_empty() {
            return;
        }
        let described = self.user(name, &format!("CredentialReport row {}", index + 1));
        let principal = described.reference.clone();
        // The root user always has a password, of which the report says `not_supported`.
        if let (EntityKind::User, Some(enabled)) = (principal.kind, truth(cell("password_enabled"))) {
            described.covers.insert(Field::LoginProfile);
            described.attributes.insert(Attribute::plain(Field::LoginProfile), if enabled { Value::Present } else { Value::Absent });
        }
        let has_devices = described.attributes.keys().any(|attribute| attribute.field == Field::MfaDevice);
        match truth(cell("mfa_active")) {
            // That none is active covers all of them.
            Some(false) if !has_devices => {
                described.covers.insert(Field::MfaDevice);
            }
            answer => described.has_mfa = answer,
        }
        let slots = [("access_key_1_active", "access_key_1_last_rotated"), ("access_key_2_active", "access_key_2_last_rotated")];
        let dated = slots.map(|(active, rotated)| (truth(cell(active)), EventTime::parse(cell(rotated))));
        let slot = |((is_active, rotated), number): ((Option<bool>, Option<EventTime>), u8)| {
            Some(KeySlot { number, is_active: is_active?, last_rotated: rotated? })
        };
        described.key_slots = dated.into_iter().zip(1..).filter_map(slot).collect();
        let keys = dated.map(|(active, rotated)| (active, rotated.is_some()));
        let active = keys.iter().filter(|(active, _)| *active == Some(true)).count();
        let inactive = keys.iter().filter(|(active, was_made)| *active == Some(false) && *was_made).count();
        if keys.iter().all(|(active, _)| active.is_some()) {
            described.access_keys = Some((active, inactive));
            if active + inactive == 0 {
                described.covers.insert(Field::AccessKey);
            }
        }
        let told = |column: &str| Some(cell(column)).filter(|text| !text.is_empty() && !NO_ANSWERS.contains(text)).map(Arc::from);
        for (what, region, service) in USES {
            if let Some(time) = EventTime::parse(cell(what)) {
                self.uses.push(LastUse { principal: principal.clone(), what, time, region: told(region), service: told(service) });
            }
        }
    }
}

/// The columns of a last use: its time, its region, and its service.
const USES: [(&str, &str, &str); 3] = [
    ("password_last_used", "", ""),
    ("access_key_1_last_used_date", "access_key_1_last_used_region", "access_key_1_last_used_service"),
    ("access_key_2_last_used_date", "access_key_2_last_used_region", "access_key_2_last_used_service"),
];

/// What stands where there is no answer.
const NO_ANSWERS: [&str; 3] = ["N/A", "no_information", "not_supported"];

/// What is no answer is none of both.
fn truth(text: &str) -> Option<bool> {
    text.to_ascii_lowercase().parse().ok()
}
