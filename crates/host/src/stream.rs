//! One HTTP request and its answer, seen from between client and upstream.

mod flow;

use std::collections::BTreeMap;

pub use flow::Message;
pub(crate) use flow::{Flow, Part, Piece, Side, Verdict};

use crate::local_reply::LocalReply;
use crate::property::Properties;

/// Names a stream; also the id of its context.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StreamId(pub(crate) u32);

impl StreamId {
    /// The id of the stream's context, as the filter knows it.
    pub fn context_id(self) -> u32 {
        self.0
    }
}

/// A stream and everything that came of it.
#[derive(Debug)]
pub struct Stream {
    pub(crate) request: Flow,
    pub(crate) response: Flow,
    pub(crate) properties: Properties,
    /// When it began, in nanoseconds since the Unix epoch.
    pub(crate) started: u64,
    pub(crate) filter_state: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) reply: Option<LocalReply>,
    pub(crate) reset: bool,
    /// Within `proxy_on_log`, where both heads can be read again.
    pub(crate) logging: bool,
    pub(crate) life: Life,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Life {
    Live,
    /// The last callbacks run.
    Finishing,
    Over,
}

impl Stream {
    pub(crate) fn new(started: u64, properties: Properties) -> Self {
        Self {
            request: Flow::new(Side::Request),
            response: Flow::new(Side::Response),
            properties,
            started,
            filter_state: BTreeMap::new(),
            reply: None,
            reset: false,
            logging: false,
            life: Life::Live,
        }
    }

    /// What the upstream received so far; `None` while nothing has gone on.
    pub fn upstream(&self) -> Option<&Message> {
        self.request.passed.as_ref()
    }

    /// What the client received so far, from the upstream or from the filter.
    pub fn client(&self) -> Option<&Message> {
        self.response.passed.as_ref()
    }

    /// The answer that the filter gave itself, as it gave it.
    pub fn reply(&self) -> Option<&LocalReply> {
        self.reply.as_ref()
    }

    /// Whether something of the request is held back by the filter.
    pub fn is_waiting(&self) -> bool {
        self.request.is_stopped() && self.reply.is_none()
    }

    /// Whether the filter, or an answer that came too late, broke the stream off.
    pub fn is_reset(&self) -> bool {
        self.reset
    }

    /// Whether the last callback has run.
    pub fn is_over(&self) -> bool {
        self.life == Life::Over
    }

    /// What the filter set with `proxy_set_property`: in Envoy the filter state `wasm.<name>`.
    pub fn filter_state(&self, name: &str) -> Option<&[u8]> {
        self.filter_state.get(name.as_bytes()).map(Vec::as_slice)
    }

    /// The response-code details: the filter's, or Envoy's for what the upstream answered.
    pub fn details(&self) -> Option<&str> {
        match &self.reply {
            Some(reply) => reply.details.as_deref(),
            None => self.response.has_begun().then_some("via_upstream"),
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> Option<u16> {
        std::str::from_utf8(self.response.headers.get(b":status")?).ok()?.parse().ok()
    }

    pub(crate) fn is_live(&self) -> bool {
        self.life != Life::Over
    }

    pub(crate) fn flow(&mut self, side: Side) -> &mut Flow {
        match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        }
    }
}
