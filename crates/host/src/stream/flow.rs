//! One direction of a stream: what came in, what the filter holds back, what went on.
//!
//! Request and response follow the same rules, those of Envoy's filter manager. A part that the filter answers with
//! Continue takes along whatever was held before it, which is how a body callback releases paused headers.

use std::collections::VecDeque;

use cedar_gate_scenario::Headers;

use crate::header_map::{HeaderMap, Kind};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Request,
    Response,
}

/// What comes in, in pieces.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    /// The head, and whether nothing follows.
    Headers(Headers, bool),
    /// A part of the body, and whether it is the last.
    Body(Vec<u8>, bool),
    Trailers(Headers),
}

/// Which callback a piece goes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Part {
    Body,
    Headers,
    Trailers,
}

/// What the filter answered, in Envoy's terms.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Continue,
    /// The piece is thrown away and nothing goes on.
    Drop,
    /// This piece is held; the filter still sees those that follow.
    Hold,
    /// Nothing more reaches the filter until it resumes.
    HoldAll,
}

/// A message as it went on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Message {
    /// The head at the moment of going on, pseudo-headers included.
    pub headers: Headers,
    /// The body so far.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Headers,
    /// Whether the whole message went on.
    pub complete: bool,
}

impl Message {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| value.as_slice())
    }

    /// Every value of a header.
    pub fn all(&self, name: &str) -> Vec<&[u8]> {
        let found = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| value.as_slice()).collect()
    }
}

#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) headers: HeaderMap,
    pub(crate) trailers: HeaderMap,
    /// The body that the filter can read: held parts, and the one it is being shown.
    pub(crate) body: Vec<u8>,
    /// Envoy forgets a map once the filter let it go on: it cannot be read or written any more.
    pub(crate) headers_open: bool,
    pub(crate) trailers_open: bool,
    pub(crate) body_open: bool,
    pub(crate) passed: Option<Message>,
    begun: bool,
    ended: bool,
    has_trailers: bool,
    stopped: bool,
    stopped_all: bool,
    /// What came in while nothing may reach the filter.
    waiting: VecDeque<Piece>,
}

impl Flow {
    pub(crate) fn new(side: Side) -> Self {
        let kind = match side {
            Side::Request => Kind::Request,
            Side::Response => Kind::Response,
        };
        Self {
            headers: HeaderMap::new(kind, Headers::new()),
            trailers: HeaderMap::new(Kind::Trailers, Headers::new()),
            body: Vec::new(),
            headers_open: false,
            trailers_open: false,
            body_open: false,
            passed: None,
            begun: false,
            ended: false,
            has_trailers: false,
            stopped: false,
            stopped_all: false,
            waiting: VecDeque::new(),
        }
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Takes a piece in, and says which callback it goes to and with which two numbers: the size, and the end of the
    /// stream. `None` where it has to wait.
    pub(crate) fn accept(&mut self, piece: Piece) -> Option<(Part, u32, bool)> {
        if self.stopped_all {
            self.waiting.push_back(piece);
            return None;
        }
        if self.ended {
            return None;
        }
        Some(match piece {
            Piece::Headers(headers, end) => {
                self.begun = true;
                self.ended = end;
                self.headers.replace_all(headers);
                self.headers_open = true;
                (Part::Headers, size(self.headers.entries().len()), end)
            }
            Piece::Body(part, end) => {
                self.ended = end;
                self.body.extend_from_slice(&part);
                self.body_open = true;
                (Part::Body, size(self.body.len()), end)
            }
            Piece::Trailers(trailers) => {
                self.ended = true;
                self.has_trailers = true;
                self.trailers.replace_all(trailers);
                self.trailers_open = true;
                (Part::Trailers, size(self.trailers.entries().len()), true)
            }
        })
    }

    pub(crate) fn apply(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Continue => self.release(),
            Verdict::Drop => {
                self.stopped = true;
                self.body.clear();
                self.body_open = false;
            }
            Verdict::Hold => self.stopped = true,
            Verdict::HoldAll => {
                self.stopped = true;
                self.stopped_all = true;
            }
        }
    }

    /// The filter resumes: what is held goes on. What it has not seen yet comes back, and is shown to it now.
    pub(crate) fn resume(&mut self) -> VecDeque<Piece> {
        if self.stopped {
            self.release();
        }
        std::mem::take(&mut self.waiting)
    }

    /// Resuming closes the maps at once, even before the held pieces go on.
    pub(crate) fn close(&mut self) {
        self.headers_open = false;
        self.body_open = false;
        self.trailers_open = false;
    }

    /// Nothing of this direction is wanted any more.
    pub(crate) fn abandon(&mut self) {
        self.waiting.clear();
        self.stopped = true;
        self.stopped_all = true;
    }

    /// A message that never passed through the filter.
    pub(crate) fn bypass(&mut self, headers: Headers, body: Vec<u8>) {
        self.begun = true;
        self.ended = true;
        self.passed = Some(Message { headers: headers.clone(), body, trailers: Headers::new(), complete: true });
        self.headers.replace_all(headers);
    }

    fn release(&mut self) {
        self.stopped = false;
        self.stopped_all = false;
        self.close();
        let passed = self
            .passed
            .get_or_insert_with(|| Message { headers: self.headers.entries().clone(), ..Message::default() });
        passed.body.append(&mut self.body);
        if self.has_trailers {
            passed.trailers = self.trailers.entries().clone();
        }
        // Pieces that wait are still to be shown to the filter: the message is complete when the last has been.
        passed.complete = self.ended && self.waiting.is_empty();
    }
}

fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
