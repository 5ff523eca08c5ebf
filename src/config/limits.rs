//! Limits, and durations.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::Limits;
use super::fault::At;
use super::field::Field;
use super::raw::{RawLimits, RawTokenCache};
use crate::policy::Caps;
use crate::token::CacheBounds;

/// A number or a duration that may be chosen within a range.
pub(super) struct Bounded<T> {
    pub(super) default: T,
    pub(super) range: RangeInclusive<T>,
}

pub(super) const TOKEN_BYTES: Bounded<usize> = Bounded { default: 16_384, range: 256..=65_536 };
pub(super) const CLAIMS_DEPTH: Bounded<usize> = Bounded { default: 16, range: 1..=32 };
pub(super) const POLICY_DEPTH: Bounded<usize> = Bounded { default: 32, range: 1..=32 };
pub(super) const POLICY_CHAIN: Bounded<usize> = Bounded { default: 1000, range: 1..=1000 };
pub(super) const BODY_BYTES: Bounded<usize> = Bounded { default: 65_536, range: 1..=1_048_576 };
pub(super) const BODY_TIMEOUT: Bounded<Duration> =
    Bounded { default: Duration::from_secs(5), range: Duration::from_millis(100)..=Duration::from_secs(60) };

pub(super) const WAIT_TIMEOUT: Bounded<Duration> =
    Bounded { default: Duration::from_secs(5), range: Duration::from_millis(100)..=Duration::from_secs(60) };

pub(super) const CACHED_TOKENS: Bounded<usize> = Bounded { default: 4096, range: 0..=262_144 };
pub(super) const CACHED_BYTES: Bounded<usize> = Bounded { default: 16_777_216, range: 65_536..=268_435_456 };

/// How many verified tokens are remembered.
pub(super) fn token_cache(at: &At, raw: RawTokenCache) -> CacheBounds {
    at.unknown(&raw.unknown);
    CacheBounds {
        entries: number(at, "entries", raw.entries, &CACHED_TOKENS),
        bytes: number(at, "bytes", raw.bytes, &CACHED_BYTES),
    }
}

/// The limits of requests, of policies, and of a token's length in bytes.
pub(super) fn limits(at: &At, raw: RawLimits) -> (Limits, Caps, usize) {
    at.unknown(&raw.unknown);
    let body_timeout = duration(at, "body_timeout", raw.body_timeout, &BODY_TIMEOUT);
    let wait_timeout = duration(at, "wait_timeout", raw.wait_timeout, &WAIT_TIMEOUT);
    let limits = Limits {
        claims_depth: number(at, "claims_depth", raw.claims_depth, &CLAIMS_DEPTH),
        body_bytes: number(at, "body_bytes", raw.body_bytes, &BODY_BYTES),
        body_timeout_nanos: nanos(body_timeout),
        wait_timeout_nanos: nanos(wait_timeout),
    };
    let caps = Caps {
        depth: number(at, "policy_depth", raw.policy_depth, &POLICY_DEPTH),
        chain: number(at, "policy_chain", raw.policy_chain, &POLICY_CHAIN),
    };
    (limits, caps, number(at, "token_bytes", raw.token_bytes, &TOKEN_BYTES))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

pub(super) fn number(at: &At, name: &str, field: Field<usize>, Bounded { default, range }: &Bounded<usize>) -> usize {
    let Some(value) = at.take(name, field) else { return *default };
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
    Bounded { default, range }: &Bounded<Duration>,
) -> Duration {
    let Some(text) = at.take(name, field) else { return *default };
    match humantime::parse_duration(&text) {
        Ok(duration) if range.contains(&duration) => duration,
        Ok(_) => {
            at.field(name).fault(format!("must be {} to {}", written(*range.start()), written(*range.end())));
            *default
        }
        Err(_) => {
            at.field(name).fault(format!("`{text}` is no duration such as 30s, 10m or 1h"));
            *default
        }
    }
}

/// A duration as a configuration writes it, in the largest unit of which it is a multiple.
pub(super) fn written(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    let unit = units.into_iter().find(|(unit, _)| milliseconds > 0 && milliseconds.is_multiple_of(*unit));
    match unit {
        Some((unit, name)) => format!("{}{name}", milliseconds.checked_div(unit).unwrap_or_default()),
        None if milliseconds == 0 => "0s".to_owned(),
        None => format!("{milliseconds}ms"),
    }
}
