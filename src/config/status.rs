//! Lists of revoked tokens.

use std::time::Duration;

use super::fault::At;
use super::field::Field;
use super::limits::{Bounded, duration};
use super::raw::{RawRevoked, RawStatusList};
use super::remote::{self, FETCH_TIMEOUT};
use crate::http::Endpoint;
use crate::status::{Revoked, StatusLists, Times};

/// How long a revocation may take to arrive.
pub(super) const LIST_DURATION: Bounded<Duration> =
    Bounded { default: Duration::from_secs(60), range: Duration::from_secs(1)..=Duration::from_secs(86_400) };
/// And how much longer, where the list is out of reach.
pub(super) const LIST_STALE: Bounded<Duration> =
    Bounded { default: Duration::from_secs(300), range: Duration::ZERO..=Duration::from_secs(7 * 86_400) };

pub(super) fn status_lists(at: &At, raw: RawStatusList, has_keys: bool) -> Option<StatusLists> {
    at.unknown(&raw.unknown);
    let cluster = remote::cluster(at, raw.cluster);
    let list = at.require("uris", raw.uris);
    let uris = at.field("uris");
    if list.as_ref().is_some_and(Vec::is_empty) {
        uris.fault("must not be empty");
    }
    let list = uris.items(list.unwrap_or_default()).into_iter().filter_map(|(at, uri)| {
        match Endpoint::parse(&uri, "") {
            // `https://lists.example.com` would cover `https://lists.example.com.evil.example`, were it a beginning.
            Ok(endpoint) if endpoint.to_string() != uri => at.fault("needs a path; write `/` for every path"),
            Ok(_) => return Some(uri),
            Err(fault) => at.fault(fault),
        }
        None
    });
    let list: Vec<String> = list.collect();
    if !has_keys {
        at.fault("the provider has no keys to verify status lists with");
    }
    let required = at.take("required", raw.required).unwrap_or(false);
    let times = times(at, raw.timeout, raw.cache_duration, raw.max_stale);
    Some(StatusLists { cluster: cluster?, uris: list, required, times })
}

pub(super) fn revoked(at: &At, raw: RawRevoked) -> Option<Revoked> {
    at.unknown(&raw.unknown);
    let endpoint = remote::endpoint(at, raw.uri, raw.cluster);
    let times = times(at, raw.timeout, raw.cache_duration, raw.max_stale);
    Some(Revoked { endpoint: endpoint?, times })
}

fn times(at: &At, timeout: Field<String>, cache_duration: Field<String>, max_stale: Field<String>) -> Times {
    Times {
        timeout: duration(at, "timeout", timeout, &FETCH_TIMEOUT),
        cache_duration: duration(at, "cache_duration", cache_duration, &LIST_DURATION),
        max_stale: duration(at, "max_stale", max_stale, &LIST_STALE),
    }
}
