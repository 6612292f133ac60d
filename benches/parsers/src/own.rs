//! Trailsift's own parser: the scanner alone, and the whole reader that stands on it.

use std::hint::black_box;

use crate::contenders::{Scratch, checked};
use crate::event::envelope::{Found, RecordSpan, Sink, Walker};
use crate::event::json::{Fault, Scanner};
use crate::fields::{Tally, is_identity_text, is_text};
use crate::schema::Column;

pub(crate) fn scanner(file: &[u8], scratch: &mut Scratch) -> Result<Tally, String> {
    scratch.arena.reset();
    let mut scanner = Scanner::new(checked(file)?, &scratch.arena);
    let mut tally = Tally::default();
    let read: Result<(), Fault> = scanner.object(1, |scanner, key| {
        if key != "Records" {
            return scanner.skip_value(1);
        }
        scanner.array(2, |scanner| {
            tally.records += 1;
            record(scanner, &mut tally)
        })
    });
    read.map_err(|fault| format!("{fault:?}"))?;
    Ok(tally)
}

fn record(scanner: &mut Scanner<'_>, tally: &mut Tally) -> Result<(), Fault> {
    scanner.object(3, |scanner, key| {
        if scanner.peek() == Some(b'"') && is_text(key) {
            tally.text(scanner.string()?);
            Ok(())
        } else if scanner.peek() == Some(b'{') && key == "userIdentity" {
            scanner.object(4, |scanner, key| {
                if scanner.peek() == Some(b'"') && is_identity_text(key) {
                    tally.text(scanner.string()?);
                    return Ok(());
                }
                scanner.skip_value(4)
            })
        } else {
            black_box(scanner.json(3)?);
            Ok(())
        }
    })
}

pub(crate) fn reader(file: &[u8], scratch: &mut Scratch) -> Result<Tally, String> {
    scratch.arena.reset();
    let mut count = Count(Tally::default());
    let mut walker = Walker::default();
    walker.walk(checked(file)?, true, &scratch.arena, &mut count);
    walker.broken().map_or(Ok(count.0), |broken| Err(broken.message.clone()))
}

/// Counts the texts that all contenders find among those of the event.
struct Count(Tally);

impl<'a> Sink<'a> for Count {
    fn record(&mut self, _: RecordSpan<'a>, found: Found<'_, 'a>) {
        self.0.records += 1;
        if let Found::Event(event, _) = black_box(found) {
            COLUMNS.iter().filter_map(|column| event.text(*column)).for_each(|text| self.0.text(text));
            // A time is a number by now; as a text it had this length.
            if event.has(Column::EventTime) && !event.has(Column::EventTimeRaw) {
                self.0.text("2026-03-01T00:00:00Z");
            }
        }
    }
}

/// The columns of the fields in [`crate::fields`].
const COLUMNS: [Column; 24] = [
    Column::EventVersion,
    Column::EventTimeRaw,
    Column::EventSource,
    Column::EventName,
    Column::AwsRegion,
    Column::SourceIpAddress,
    Column::UserAgent,
    Column::ErrorCode,
    Column::ErrorMessage,
    Column::RequestId,
    Column::EventId,
    Column::EventType,
    Column::ApiVersion,
    Column::RecipientAccountId,
    Column::SharedEventId,
    Column::VpcEndpointId,
    Column::EventCategory,
    Column::UserType,
    Column::UserPrincipalId,
    Column::UserArn,
    Column::UserAccountId,
    Column::UserAccessKeyId,
    Column::UserName,
    Column::UserInvokedBy,
];
