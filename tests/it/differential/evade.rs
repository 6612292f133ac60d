//! The rules about evasion.

use super::Rule;
use super::plain::{calls, no_error_code};

pub(super) const RULES: &[Rule] =
    &[("EVADE-001", |event, _| calls(event, "cloudtrail", &["StopLogging", "DeleteTrail"]) && no_error_code(event))];
