//! `--fetch-keys` where nothing may be asked over the network: there is no such flag.

#![expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "the forms are those with S3")]

use std::path::Path;
use std::sync::Arc;

use trailsift::Error;
use trailsift::case::KeySource;
use trailsift::time::EventTime;

use super::args::{AwsArgs, TrustArgs};
use super::messages::Messages;

/// Nobody is asked.
#[derive(Debug)]
pub(crate) struct Keys;

impl Keys {
    pub(crate) const fn wanted(_: &TrustArgs, _: &AwsArgs, _: EventTime, _: Option<&Path>, _: bool) -> Result<Self, Error> {
        Ok(Self)
    }

    pub(crate) fn source(&self) -> Option<Arc<dyn KeySource>> {
        None
    }

    pub(crate) const fn say(&self, _: Messages) {}

    pub(crate) const fn case_file(&self) -> Option<(&'static str, String)> {
        None
    }
}
