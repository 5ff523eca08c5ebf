//! Limits, and durations.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Limits;
use super::fault::At;
use super::field::Field;
use super::raw::RawLimits;
use crate::policy::Caps;

/// The limits of requests, of policies, and of a token's length in bytes.
pub(super) fn limits(at: &At, raw: RawLimits) -> (Limits, Caps, usize) {
    at.unknown(&raw.unknown);
    let timeout = Duration::from_millis(100)..=Duration::from_secs(60);
    let body_timeout = duration(at, "body_timeout", raw.body_timeout, Duration::from_secs(5), timeout);
    let limits = Limits {
        claims_depth: number(at, "claims_depth", raw.claims_depth, 16, 1..=32),
        body_bytes: number(at, "body_bytes", raw.body_bytes, 65_536, 1..=1_048_576),
        body_timeout_nanos: u64::try_from(body_timeout.as_nanos()).unwrap_or(u64::MAX),
    };
    let caps = Caps {
        depth: number(at, "policy_depth", raw.policy_depth, 32, 1..=32),
        chain: number(at, "policy_chain", raw.policy_chain, 1000, 1..=1000),
    };
    (limits, caps, number(at, "token_bytes", raw.token_bytes, 16_384, 256..=65_536))
}

fn number(at: &At, name: &str, field: Field<usize>, default: usize, range: RangeInclusive<usize>) -> usize {
    let Some(value) = at.take(name, field) else { return default };
    if !range.contains(&value) {
        at.field(name).fault(format!("must be {} to {}", range.start(), range.end()));
    }
    value
}

/// A duration such as `30s`, `10m`, `1h`, `250ms`.
pub(super) fn duration(
    at: &At,
    name: &str,
    field: Field<String>,
    default: Duration,
    range: RangeInclusive<Duration>,
) -> Duration {
    let Some(text) = at.take(name, field) else { return default };
    match humantime::parse_duration(&text) {
        Ok(duration) if range.contains(&duration) => duration,
        Ok(_) => {
            at.field(name).fault(format!("must be {} to {}", written(*range.start()), written(*range.end())));
            default
        }
        Err(_) => {
            at.field(name).fault(format!("`{text}` is no duration such as 30s, 10m or 1h"));
            default
        }
    }
}

/// A duration as a configuration writes it, in the largest unit of which it is a multiple.
fn written(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    let unit = units.into_iter().find(|(unit, _)| milliseconds > 0 && milliseconds.is_multiple_of(*unit));
    match unit {
        Some((unit, name)) => format!("{}{name}", milliseconds.checked_div(unit).unwrap_or_default()),
        None if milliseconds == 0 => "0s".to_owned(),
        None => format!("{milliseconds}ms"),
    }
}
