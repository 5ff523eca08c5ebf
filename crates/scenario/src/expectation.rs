//! What must come of a request, and how what came of it differs.

mod calls;
mod difference;
mod document;
mod record;
mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, de::Error as _};
use serde_json::{Map, Value};

use self::record::check_patterns;
pub(crate) use self::{calls::CallChecks, text::TextCheck};
pub use self::{difference::Difference, document::Document};
use crate::{
    error::ScenarioError,
    file::{HostName, typed},
    gateway::{Headers, Observed, Received},
    notation,
    request::seconds,
    service::ReceivedCheck,
};

/// What a scenario demands of one request on one host.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    status: Option<u16>,
    grpc_status: Option<u32>,
    decision: Option<Value>,
    cause: Option<Value>,
    details: Option<TextCheck>,
    #[serde(default)]
    headers: BTreeMap<String, TextCheck>,
    body: Option<BodyCheck>,
    upstream: Option<Upstream>,
    closed_after: Option<String>,
    #[serde(default)]
    audit: Map<String, Value>,
    #[serde(default = "one")]
    audit_records: usize,
    #[serde(default)]
    calls: BTreeMap<String, Value>,
    #[serde(default)]
    received: BTreeMap<String, Vec<ReceivedCheck>>,
}

/// What must have reached the upstream.
#[derive(Clone, Debug)]
enum Upstream {
    None,
    Request(Box<UpstreamRequest>),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct UpstreamRequest {
    method: Option<TextCheck>,
    path: Option<TextCheck>,
    #[serde(default)]
    headers: BTreeMap<String, TextCheck>,
    body: Option<BodyCheck>,
    #[serde(default)]
    trailers: BTreeMap<String, TextCheck>,
}

/// A body as text, or as JSON of which some members are given.
#[derive(Clone, Debug)]
pub(crate) enum BodyCheck {
    Json(Value),
    Text(TextCheck),
}

fn one() -> usize {
    1
}

impl Expectation {
    /// The expectations of the hosts, each with its patch applied. `clusters` are the services that there are.
    pub(crate) fn read(
        line: &Map<String, Value>,
        clusters: &[String],
    ) -> Result<BTreeMap<HostName, Self>, ScenarioError> {
        for_each_host(line, |merged, host| {
            let expectation: Self = typed(merged)?;
            if expectation.status.is_none() && expectation.grpc_status.is_none() {
                return Err(ScenarioError::new(
                    "",
                    format!("`status` or `grpc_status` is missing ({})", host.as_str()),
                ));
            }
            for (path, value) in expectation.patterns() {
                check_patterns(value).map_err(|message| ScenarioError::new(path, message))?;
            }
            if let Some(text) = &expectation.closed_after {
                seconds("closed_after", text)?;
            }
            expectation.call_checks().check(clusters)?;
            Ok(expectation)
        })
    }

    /// The HTTP status, if one is demanded.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// The gRPC status, if one is demanded.
    pub fn grpc_status(&self) -> Option<u32> {
        self.grpc_status
    }

    /// The decision and the cause in the audit record, as far as they are demanded.
    pub fn decision_and_cause(&self) -> (Option<&Value>, Option<&Value>) {
        (self.decision.as_ref(), self.cause.as_ref())
    }

    /// Everything in which `observed` differs.
    pub fn differences(&self, observed: &Observed) -> Vec<Difference> {
        let mut found = Vec::new();
        if let Some(status) = self.status {
            Difference::unless_equal(&mut found, "status", &status, &observed.status);
        }
        if let Some(status) = self.grpc_status {
            let seen = observed.grpc_status.map_or_else(|| "none".to_owned(), |status| status.to_string());
            Difference::unless_equal(&mut found, "grpc_status", &status.to_string(), &seen);
        }
        if let (Some(check), Some(details)) = (&self.details, &observed.details) {
            check.compare("details", &[details.as_bytes()], &mut found);
        }
        compare_headers("headers", &self.headers, &observed.headers, &mut found);
        if let Some(check) = &self.body {
            check.compare("body", &observed.body, &mut found);
        }
        self.compare_upstream(observed.upstream.as_ref(), &mut found);
        self.compare_end(observed.closed_after, &mut found);
        self.compare_audit(&observed.audit, &mut found);
        self.call_checks().compare(&observed.calls, &mut found);
        found
    }

    fn call_checks(&self) -> CallChecks {
        CallChecks::new(self.calls.clone(), self.received.clone())
    }

    /// The JSON bodies in which `observed` differs, each as a whole.
    pub fn documents(&self, observed: &Observed) -> Vec<Document> {
        let upstream = match (&self.upstream, &observed.upstream) {
            (Some(Upstream::Request(expected)), Some(received)) => expected.body.as_ref().zip(Some(&received.body)),
            _ => None,
        };
        let bodies = [("body", self.body.as_ref().zip(Some(&observed.body))), ("upstream.body", upstream)];
        bodies.into_iter().filter_map(|(what, body)| Document::of(what, body?.0, body?.1)).collect()
    }

    /// A second more or less is nobody's fault: clocks are read at the beginning of theirs.
    fn compare_end(&self, closed_after: Option<u64>, found: &mut Vec<Difference>) {
        // Checked when the file was read.
        let expected = self.closed_after.as_ref().and_then(|text| seconds("", text).ok());
        let agree = match (expected, closed_after) {
            (Some(expected), Some(seen)) => expected.abs_diff(seen) <= 1,
            (expected, seen) => expected.is_none() && seen.is_none(),
        };
        if !agree {
            let say = |seconds: Option<u64>| seconds.map_or_else(|| "not at all".to_owned(), |s| format!("{s}s"));
            found.push(Difference::new("closed_after", say(expected), say(closed_after)));
        }
    }

    fn compare_upstream(&self, received: Option<&Received>, found: &mut Vec<Difference>) {
        match (&self.upstream, received) {
            (None, _) => {
                let reached = [101, 200].contains(&self.status.unwrap_or(200)) && self.grpc_status.unwrap_or(0) == 0;
                let say = |reached| if reached { "reached" } else { "not reached" };
                Difference::unless_equal(found, "upstream", &say(reached), &say(received.is_some()));
            }
            (Some(Upstream::None), None) => {}
            (Some(Upstream::None), Some(received)) => {
                let seen = format!("{} {}", notation::show(&received.method), notation::show(&received.path));
                found.push(Difference::new("upstream", "not reached", seen));
            }
            (Some(Upstream::Request(_)), None) => found.push(Difference::new("upstream", "reached", "not reached")),
            (Some(Upstream::Request(expected)), Some(received)) => {
                if let Some(check) = &expected.method {
                    check.compare("upstream.method", &[&received.method], found);
                }
                if let Some(check) = &expected.path {
                    check.compare("upstream.path", &[&received.path], found);
                }
                compare_headers("upstream.headers", &expected.headers, &received.headers, found);
                if let Some(check) = &expected.body {
                    check.compare("upstream.body", &received.body, found);
                }
                compare_headers("upstream.trailers", &expected.trailers, &received.trailers, found);
            }
        }
    }

    fn compare_audit(&self, records: &[Value], found: &mut Vec<Difference>) {
        Difference::unless_equal(found, "audit_records", &self.audit_records, &records.len());
        if self.audit_records == 0 {
            return;
        }
        let last = records.last();
        for (member, expected) in [("decision", &self.decision), ("cause", &self.cause)] {
            if let Some(expected) = expected {
                record::compare(member, expected, last.and_then(|record| record.get(member)), found);
            }
        }
        if !self.audit.is_empty() {
            record::compare("audit", &Value::Object(self.audit.clone()), last, found);
        }
    }

    /// The values in which `$matches` and its like may stand.
    fn patterns(&self) -> impl Iterator<Item = (String, &Value)> {
        let members = self.audit.iter().map(|(name, value)| (format!("audit.{name}"), value));
        let single = [("decision", self.decision.as_ref()), ("cause", self.cause.as_ref())];
        let bodies = [
            ("body.json", self.body.as_ref()),
            (
                "upstream.body.json",
                match &self.upstream {
                    Some(Upstream::Request(request)) => request.body.as_ref(),
                    _ => None,
                },
            ),
        ];
        members.chain(single.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)))).chain(
            bodies.into_iter().filter_map(|(name, body)| match body? {
                BodyCheck::Json(value) => Some((name.to_owned(), value)),
                BodyCheck::Text(_) => None,
            }),
        )
    }
}

/// Reads what is expected for each host: what all have in common, with the host's patch under `on` merged over it.
fn for_each_host<T>(
    line: &Map<String, Value>,
    read: impl Fn(&Value, HostName) -> Result<T, ScenarioError>,
) -> Result<BTreeMap<HostName, T>, ScenarioError> {
    let mut common = line.clone();
    let patches: BTreeMap<String, Map<String, Value>> = match common.remove("on") {
        Some(patches) => typed(&patches).map_err(|error: ScenarioError| error.below("on"))?,
        None => BTreeMap::new(),
    };
    if let Some(name) = patches.keys().find(|name| HostName::ALL.iter().all(|host| host.as_str() != *name)) {
        return Err(ScenarioError::new("on", format!("`{name}` is no host: `native`, `wasm` or `envoy`")));
    }
    let common = Value::Object(common);
    let mut expectations = BTreeMap::new();
    for host in HostName::ALL {
        let mut merged = common.clone();
        if let Some(patch) = patches.get(host.as_str()) {
            json_patch::merge(&mut merged, &Value::Object(patch.clone()));
        }
        expectations.insert(host, read(&merged, host)?);
    }
    Ok(expectations)
}

impl BodyCheck {
    /// Refuses, when the file is read, what could not be compared later.
    pub(crate) fn check_patterns(&self) -> Result<(), String> {
        match self {
            Self::Json(value) => check_patterns(value),
            Self::Text(_) => Ok(()),
        }
    }

    pub(crate) fn compare(&self, what: &str, body: &[u8], found: &mut Vec<Difference>) {
        match self {
            Self::Json(expected) => match serde_json::from_slice::<Value>(body) {
                Ok(seen) => record::compare(what, expected, Some(&seen), found),
                Err(_) => found.push(Difference::new(what, expected, format!("`{}`", notation::show(body)))),
            },
            Self::Text(check) => check.compare(what, &[body], found),
        }
    }
}

impl<'de> Deserialize<'de> for BodyCheck {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match value.as_object().and_then(|members| members.get("json")) {
            Some(json) if value.as_object().is_some_and(|members| members.len() == 1) => Ok(Self::Json(json.clone())),
            _ => TextCheck::read_body(&value).map(Self::Text).map_err(D::Error::custom),
        }
    }
}

impl<'de> Deserialize<'de> for Upstream {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value == "none" {
            return Ok(Self::None);
        }
        typed(&value).map(|request| Self::Request(Box::new(request))).map_err(D::Error::custom)
    }
}

pub(crate) fn compare_headers(
    what: &str,
    checks: &BTreeMap<String, TextCheck>,
    headers: &Headers,
    found: &mut Vec<Difference>,
) {
    for (name, check) in checks {
        let values: Vec<&[u8]> = headers
            .iter()
            .filter(|(seen, _)| seen.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.as_slice())
            .collect();
        check.compare(&format!("{what}.{name}"), &values, found);
    }
}
