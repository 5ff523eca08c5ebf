//! What the filter makes of a request.

use std::fmt;

use cedar_gate::harness::{Pairs, Verdict};
use cedar_gate::refusal::Reply;
use serde_json::Value;

/// What the filter has made of a request. Printed, it says what happened and why.
#[derive(Clone, Debug)]
pub struct Answer {
    verdict: Verdict,
    records: Vec<Value>,
}

impl Answer {
    pub(crate) fn new(verdict: Verdict, records: Vec<Value>) -> Self {
        Self { verdict, records }
    }

    /// Whether the request goes on to the upstream.
    pub fn is_allowed(&self) -> bool {
        matches!(self.verdict, Verdict::Continued(_))
    }

    /// The status that the sender gets, where the request does not go on.
    pub fn status(&self) -> Option<u16> {
        self.reply().map(|reply| reply.status)
    }

    /// The reply, where the request does not go on.
    pub fn reply(&self) -> Option<&Reply> {
        match &self.verdict {
            Verdict::Replied(reply) => Some(reply),
            Verdict::Closed | Verdict::Continued(_) | Verdict::Waiting => None,
        }
    }

    /// The audit record.
    pub fn record(&self) -> &Value {
        self.records.last().unwrap_or(&Value::Null)
    }

    /// Why it was refused: the cause in the audit record.
    pub fn cause(&self) -> Option<&str> {
        self.record()["cause"].as_str()
    }

    /// The policies that determined the decision.
    pub fn policies(&self) -> Vec<&str> {
        self.record()["policies"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// A header as the upstream gets it, where the request goes on: the first of that name.
    pub fn forwarded(&self, name: &str) -> Option<&str> {
        let pairs: &Pairs = match &self.verdict {
            Verdict::Continued(pairs) => pairs,
            Verdict::Closed | Verdict::Replied(_) | Verdict::Waiting => return None,
        };
        let (_, value) = pairs.iter().find(|(each, _)| each.eq_ignore_ascii_case(name.as_bytes()))?;
        std::str::from_utf8(value).ok()
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verdict {
            Verdict::Continued(_) => writeln!(f, "allowed")?,
            Verdict::Replied(reply) => writeln!(f, "refused with {}: {}", reply.status, reply.body)?,
            Verdict::Closed => writeln!(f, "allowed, and ended later")?,
            Verdict::Waiting => writeln!(f, "still waiting")?,
        }
        write!(f, "{:#}", self.record())
    }
}
