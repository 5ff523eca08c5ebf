//! Call-outs that a filter made.

use std::collections::BTreeMap;
use std::time::Duration;

use cedar_gate_scenario::Headers;

/// A call-out that waits for its answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// What the answer has to name.
    pub token: u32,
    /// The cluster that the filter named.
    pub cluster: String,
    /// The head, pseudo-headers included.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Headers,
    /// When the filter gives up; `None` is never.
    pub timeout: Option<Duration>,
    /// When it was made, in nanoseconds since the Unix epoch.
    pub made_at: u64,
}

impl Call {
    pub(crate) fn deadline(&self) -> Option<u64> {
        let timeout = u64::try_from(self.timeout?.as_nanos()).unwrap_or(u64::MAX);
        Some(self.made_at.saturating_add(timeout))
    }

    /// The first value of a header, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name.as_bytes())?;
        std::str::from_utf8(value).ok()
    }
}

/// An answer to a call-out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Answer {
    /// The head, `:status` included. With no headers at all the answer was lost: it broke off after its head, or was too
    /// large.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// An answer with a status and a body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let headers = vec![
            (b":status".to_vec(), status.to_string().into_bytes()),
            (b"content-length".to_vec(), body.len().to_string().into_bytes()),
        ];
        Self { headers, body }
    }

    /// What the filter sees of an answer that breaks off, or is larger than Envoy's buffer.
    pub fn lost() -> Self {
        Self::default()
    }

    /// What Envoy makes of a cluster in which nobody listens, or where the connection breaks before there are headers.
    pub(crate) fn failed() -> Self {
        Self::from_envoy(503, "upstream connect error or disconnect/reset before headers")
    }

    /// What Envoy makes of a call that took too long.
    pub(crate) fn timed_out() -> Self {
        Self::from_envoy(504, "upstream request timeout")
    }

    fn from_envoy(status: u16, text: &str) -> Self {
        let mut answer = Self::new(status, text);
        answer.headers.push((b"content-type".to_vec(), b"text/plain".to_vec()));
        answer
    }
}

/// The calls of one VM.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    pub(crate) pending: BTreeMap<u32, Call>,
    pub(crate) made: usize,
    last_token: u32,
}

impl Calls {
    pub(crate) fn next_token(&mut self) -> u32 {
        self.last_token = self.last_token.checked_add(1).unwrap_or(1);
        self.last_token
    }

    pub(crate) fn next_deadline(&self) -> Option<(u64, u32)> {
        self.pending.values().filter_map(|call| Some((call.deadline()?, call.token))).min()
    }
}
