//! What a call must be: for an answer to be given, or for a test to pass.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Called;
use crate::{
    error::ScenarioError,
    expectation::{BodyCheck, Difference, TextCheck, compare_headers},
};

/// What a scenario demands of a call.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConditionLine {
    #[serde(default)]
    headers: BTreeMap<String, TextCheck>,
    #[serde(default)]
    form: BTreeMap<String, TextCheck>,
    #[serde(default)]
    query: BTreeMap<String, TextCheck>,
    body: Option<BodyCheck>,
}

/// The same, looked through for checks that cannot be.
#[derive(Clone, Debug)]
pub(crate) struct Condition(ConditionLine);

/// What a scenario expects a service to have received.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReceivedCheck {
    method: Option<TextCheck>,
    path: Option<TextCheck>,
    #[serde(default)]
    headers: BTreeMap<String, TextCheck>,
    #[serde(default)]
    form: BTreeMap<String, TextCheck>,
    #[serde(default)]
    query: BTreeMap<String, TextCheck>,
    body: Option<BodyCheck>,
}

impl Condition {
    pub(super) fn read(line: &ConditionLine) -> Result<Self, ScenarioError> {
        if let Some(body) = &line.body {
            body.check_patterns().map_err(|message| ScenarioError::new("body", message))?;
        }
        Ok(Self(line.clone()))
    }

    pub(super) fn holds(&self, called: &Called) -> bool {
        self.differences(called).is_empty()
    }

    fn differences(&self, called: &Called) -> Vec<Difference> {
        let mut found = Vec::new();
        let Self(ConditionLine { headers, form, query, body }) = self;
        compare_headers("headers", headers, &called.headers, &mut found);
        let asked = called.path.splitn(2, |byte| *byte == b'?').nth(1).unwrap_or_default();
        for (what, checks, encoded) in [("form", form, called.body.as_slice()), ("query", query, asked)] {
            for (name, check) in checks {
                let values: Vec<_> =
                    form_urlencoded::parse(encoded).filter(|(seen, _)| seen == name).map(|(_, value)| value).collect();
                let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
                check.compare(&format!("{what}.{name}"), &values, &mut found);
            }
        }
        if let Some(check) = body {
            check.compare("body", &called.body, &mut found);
        }
        found
    }
}

impl ReceivedCheck {
    /// In what a call is another than this one.
    pub(crate) fn differences(&self, called: &Called) -> Vec<Difference> {
        let Self { method, path, headers, form, query, body } = self.clone();
        let mut found = Condition(ConditionLine { headers, form, query, body }).differences(called);
        for (what, check, seen) in [("method", method, &called.method), ("path", path, &called.path)] {
            if let Some(check) = check {
                check.compare(what, &[seen], &mut found);
            }
        }
        found
    }

    pub(crate) fn check_patterns(&self) -> Result<(), String> {
        self.body.as_ref().map_or(Ok(()), BodyCheck::check_patterns)
    }
}
