//! The story of the sample: its steps, and `story.json`.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::time::{Time, iso};

/// The steps, in order.
#[derive(Default)]
pub(crate) struct Story {
    pub(crate) steps: Vec<Step>,
}

/// One step: who did what, when and from where, and what a reader of the logs should find.
pub(crate) struct Step {
    pub(crate) title: &'static str,
    pub(crate) what: String,
    pub(crate) time: Time,
    pub(crate) account: &'static str,
    pub(crate) principal: String,
    pub(crate) address: &'static str,
    /// The key events.
    pub(crate) event_ids: Vec<String>,
    /// Detections that have at least one event of this step as evidence, without a baseline.
    pub(crate) rules: &'static [&'static str],
}

impl Story {
    /// Adds the next step.
    pub(crate) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// The part `steps` of `story.json`; `files` tells the log file of each event.
    pub(crate) fn to_json(&self, files: &HashMap<String, String>) -> Value {
        let steps = self.steps.iter().zip(1..).map(|(step, number): (_, u32)| {
            json!({
                "step": number,
                "title": step.title,
                "time": iso(step.time),
                "account_id": step.account,
                "principal": step.principal,
                "source_ip_address": step.address,
                "event_ids": step.event_ids,
                "rules": step.rules,
                "files": step.files(files),
            })
        });
        steps.collect()
    }
}

impl Step {
    /// The log files that hold the key events, in order and without repetition.
    pub(crate) fn files<'a>(&self, files: &'a HashMap<String, String>) -> Vec<&'a str> {
        let mut found: Vec<&str> = self.event_ids.iter().filter_map(|id| files.get(id)).map(String::as_str).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}
