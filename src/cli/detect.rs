//! `trailsift detect`: what happened that should not?

use std::io::{self, Write};

use anyhow::Result;
use trailsift::report::json;

use super::args::DetectArgs;
use super::exit::Exit;
use super::findings::{self, Found};
use super::output::line;
use super::session::Session;

pub(crate) fn run(args: &DetectArgs) -> Result<Exit> {
    let (mut session, catalog) = Session::with_rules(&args.logs)?;
    let (case, display) = session.read()?;
    display.stage("detecting");
    let detections = case.detect(&catalog)?;
    drop(display);
    let mut found = Found::new(detections, args.logs.rules.min_severity, args.logs.run.fail_on);
    found.hide_tables(&catalog);
    let table = |out: &mut dyn Write| -> io::Result<()> {
        let screen = session.output.screen();
        if !found.detections.findings.is_empty() {
            findings::write_table(out, &found.detections.findings, &screen)?;
            line(out, "")?;
        }
        line(out, &findings::count_line(&found, &case))?;
        findings::write_accepted(out, &found.detections, &screen)?;
        let tables = findings::shown_tables(&found, &catalog);
        findings::write_rule_tables(out, &tables, &catalog, &screen)
    };
    found.write(&session.output, |detections| json::detect(&case, detections), table)?;
    findings::say_tables(session.messages, session.output.format, &found);
    findings::say_rules(session.messages, &found.detections);
    Ok(session.end(&case, found.alert, true, "-v, or --format json")?)
}
