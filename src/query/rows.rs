//! A result as JSON rows.

use polars::prelude::{AnyValue, DataFrame, Series, TimeUnit};
use serde_json::{Map, Value};

use crate::event::redact;
use crate::time::EventTime;

/// The rows of a frame as JSON objects, in the order of its rows and columns.
///
/// # Shape
/// Times are RFC 3339 in UTC, dates `YYYY-MM-DD`, spans of time seconds, lists
/// arrays; null, and a float that is no number, are `null`. Session tokens are redacted, whatever was asked for.
pub fn rows(frame: &DataFrame) -> Vec<Map<String, Value>> {
    let row = |index: usize| {
        let value = |column: &polars::prelude::Column| column.get(index).map_or(Value::Null, |value| json(&value));
        frame.columns().iter().map(|column| (column.name().to_string(), value(column))).collect()
    };
    (0..frame.height()).map(row).collect()
}

fn json(value: &AnyValue<'_>) -> Value {
    match value {
        AnyValue::Null => Value::Null,
        AnyValue::Boolean(flag) => Value::from(*flag),
        AnyValue::String(text) => Value::from(redact(text).0.as_ref()),
        AnyValue::StringOwned(text) => Value::from(redact(text).0.as_ref()),
        AnyValue::Int8(number) => Value::from(*number),
        AnyValue::Int16(number) => Value::from(*number),
        AnyValue::Int32(number) => Value::from(*number),
        AnyValue::Int64(number) => Value::from(*number),
        AnyValue::UInt32(number) => Value::from(*number),
        AnyValue::UInt64(number) => Value::from(*number),
        AnyValue::Float32(number) => Value::from(*number),
        AnyValue::Float64(number) => Value::from(*number),
        AnyValue::Datetime(time, unit, _) | AnyValue::DatetimeOwned(time, unit, _) => {
            EventTime::from_micros(micros(*time, *unit)).map_or(Value::Null, |time| Value::from(time.to_string()))
        }
        AnyValue::Date(days) => date(*days),
        AnyValue::Duration(span, unit) => seconds(micros(*span, *unit)),
        AnyValue::List(items) => list(items),
        other => Value::from(other.to_string()),
    }
}

fn micros(value: i64, unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Nanoseconds => value.div_euclid(1_000),
        TimeUnit::Microseconds => value,
        TimeUnit::Milliseconds => value.saturating_mul(1_000),
    }
}

fn date(days: i32) -> Value {
    let time = EventTime::from_micros(i64::from(days).saturating_mul(86_400_000_000));
    time.and_then(|time| time.hour_text().get(..10).map(Value::from)).unwrap_or_default()
}

fn seconds(micros: i64) -> Value {
    if micros % 1_000_000 == 0 {
        return Value::from(micros / 1_000_000);
    }
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "exact below 285 years")]
    Value::from(micros as f64 / 1e6)
}

fn list(items: &Series) -> Value {
    items.iter().map(|item| json(&item)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_stay_inside() {
        let value = json(&AnyValue::String(r#"{"credentials":{"sessionToken":"FwoG"}}"#));
        assert_eq!(value, Value::from(r#"{"credentials":{"sessionToken":"REDACTED"}}"#));
    }
}
