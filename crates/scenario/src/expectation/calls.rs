//! How often services were called, and with what.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::Difference;
use crate::{
    error::ScenarioError,
    file::{HostName, typed},
    notation,
    service::{Called, ReceivedCheck, Target},
};

/// What must have reached services meanwhile.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallChecks {
    #[serde(default)]
    calls: BTreeMap<String, Value>,
    #[serde(default)]
    received: BTreeMap<String, Vec<ReceivedCheck>>,
}

/// So many calls and no more, or from so many to so many.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    #[serde(default)]
    at_least: usize,
    at_most: Option<usize>,
}

impl CallChecks {
    pub(super) fn new(calls: BTreeMap<String, Value>, received: BTreeMap<String, Vec<ReceivedCheck>>) -> Self {
        Self { calls, received }
    }

    /// Those of the hosts, for requests that are sent together.
    pub(crate) fn read(
        line: &serde_json::Map<String, Value>,
        clusters: &[String],
    ) -> Result<BTreeMap<HostName, Self>, ScenarioError> {
        super::for_each_host(line, |merged, _| {
            let checks: Self = typed(merged)?;
            checks.check(clusters)?;
            Ok(checks)
        })
    }

    /// Refuses what nothing could ever be compared with.
    pub(super) fn check(&self, clusters: &[String]) -> Result<(), ScenarioError> {
        for (member, name) in
            self.calls.keys().map(|name| ("calls", name)).chain(self.received.keys().map(|name| ("received", name)))
        {
            if !clusters.contains(name) {
                return Err(ScenarioError::new(member, format!("no service is named `{name}`")));
            }
        }
        for (name, count) in &self.calls {
            Count::read(count).map_err(|error| error.below(&format!("calls.{name}")))?;
        }
        for (name, checks) in &self.received {
            for (position, check) in checks.iter().enumerate() {
                let place = || format!("received.{name}[{position}]");
                check.check_patterns().map_err(|message| ScenarioError::new(place(), message))?;
            }
        }
        Ok(())
    }

    /// Compares with what was called.
    pub(crate) fn compare(&self, called: &[Called], found: &mut Vec<Difference>) {
        for (name, count) in &self.calls {
            let here = || called.iter().filter(|called| called.cluster == *name);
            // Checked when the file was read.
            for count in Count::read(count).unwrap_or_default() {
                let seen = here().filter(|called| count.covers(called)).count();
                if !count.bounds.hold(seen) {
                    found.push(Difference::new(count.what(name), count.bounds, shown(seen, here())));
                }
            }
        }
        for (name, checks) in &self.received {
            compare_received(name, checks, called, found);
        }
    }
}

/// Each check with the next call that fits it.
fn compare_received(name: &str, checks: &[ReceivedCheck], called: &[Called], found: &mut Vec<Difference>) {
    let mut rest: Vec<&Called> = called.iter().filter(|called| called.cluster == name).collect();
    for (position, check) in checks.iter().enumerate() {
        if let Some(fitting) = rest.iter().position(|called| check.differences(called).is_empty()) {
            rest.drain(..=fitting);
            continue;
        }
        let what = format!("received.{name}[{position}]");
        match rest.first() {
            None => found.push(Difference::new(what, "a call", "no further one")),
            // What it is compared with is only a guess, and a helpful one where there is one call.
            Some(nearest) => found.extend(
                check
                    .differences(nearest)
                    .into_iter()
                    .map(|difference| Difference { what: format!("{what}.{}", difference.what), ..difference }),
            ),
        }
        return;
    }
}

fn shown<'c>(count: usize, called: impl Iterator<Item = &'c Called>) -> String {
    let calls: Vec<_> =
        called.map(|call| format!("{} {}", notation::show(&call.method), notation::show(&call.path))).collect();
    if calls.is_empty() { count.to_string() } else { format!("{count} (in all: {})", calls.join(", ")) }
}

/// How many calls there must be: of all to a service, or of those to one of its endpoints.
struct Count<'c> {
    endpoint: Option<(&'c str, Target)>,
    bounds: Bounds,
}

impl<'c> Count<'c> {
    /// What is said of one service.
    fn read(line: &'c Value) -> Result<Vec<Self>, ScenarioError> {
        let by_endpoint = line.as_object().filter(|members| members.keys().any(|name| name.contains(' ')));
        let Some(members) = by_endpoint else {
            return Ok(vec![Self { endpoint: None, bounds: Bounds::read(line)? }]);
        };
        let read = |(name, count): (&'c String, &Value)| {
            let target = Target::read(name).map_err(|message| ScenarioError::new("", message))?;
            let bounds = Bounds::read(count).map_err(|error| error.below(&format!("`{name}`")))?;
            Ok(Self { endpoint: Some((name, target)), bounds })
        };
        members.iter().map(read).collect()
    }

    fn covers(&self, called: &Called) -> bool {
        self.endpoint.as_ref().is_none_or(|(_, target)| target.fits(called))
    }

    fn what(&self, cluster: &str) -> String {
        match self.endpoint {
            Some((name, _)) => format!("calls.{cluster}.`{name}`"),
            None => format!("calls.{cluster}"),
        }
    }
}

impl Bounds {
    fn read(count: &Value) -> Result<Self, ScenarioError> {
        match count.as_u64().and_then(|count| usize::try_from(count).ok()) {
            Some(count) => Ok(Self { at_least: count, at_most: Some(count) }),
            None => typed(count),
        }
    }

    fn hold(self, count: usize) -> bool {
        count >= self.at_least && self.at_most.is_none_or(|most| count <= most)
    }
}

impl std::fmt::Display for Bounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self { at_least, at_most: Some(most) } if at_least == most => write!(f, "{most}"),
            Self { at_least, at_most: Some(most) } => write!(f, "{at_least} to {most}"),
            Self { at_least, at_most: None } => write!(f, "{at_least} or more"),
        }
    }
}
