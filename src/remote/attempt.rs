//! One attempt to get a document: the calls that it takes.

use super::discovery::{Discovery, Found};
use super::event::Failure;
use super::freshness::values;
use super::spec::{Media, Origin, Spec};
use crate::http::Endpoint;
use crate::outbox::{Answer, Call};

/// An attempt that is under way.
#[derive(Debug)]
pub(super) struct Attempt {
    /// The number of the call that is under way.
    pub(super) number: u32,
    /// The time until which it may take, in milliseconds since the Unix epoch.
    pub(super) deadline: i64,
    /// The name of its lease, which is random; nothing where there is no lease.
    pub(super) lease: Option<u64>,
    /// Random bits.
    pub(super) entropy: u64,
    /// The ids that are not known, and that it is made for.
    pub(super) ids: Vec<u64>,
    /// Where metadata were looked for last.
    pub(super) place: Place,
    step: Step,
}

/// What the call that is under way is to bring.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The document.
    Document,
    /// Metadata that lead to the document, from the first or the second of two places.
    Metadata {
        /// Whether it is the second.
        last: bool,
    },
}

/// One of the two places of metadata.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Place {
    /// RFC 8414.
    #[default]
    OAuth,
    /// OpenID Connect Discovery.
    OpenId,
}

/// What follows from an answer.
#[derive(Debug)]
pub(super) enum Next {
    /// This call.
    Call(Call),
    /// The end: here is the document.
    Document,
    /// The end.
    Failed(Failure),
}

/// Metadata are not longer than this, in bytes.
const LONGEST_METADATA: usize = 65_536;

impl Place {
    fn other(self) -> Self {
        match self {
            Self::OAuth => Self::OpenId,
            Self::OpenId => Self::OAuth,
        }
    }
}

impl Attempt {
    /// An attempt, and its first call. Metadata are looked for where they were found last.
    pub(super) fn begin(spec: &Spec, now: i64, number: u32, entropy: u64, place: Place) -> (Self, Call) {
        let deadline = now.saturating_add(millis(spec.timeout));
        let (step, endpoint, media) = match &spec.origin {
            Origin::Direct(endpoint) => (Step::Document, endpoint, spec.media),
            Origin::Discovery(discovery) => (Step::Metadata { last: false }, discovery.place(place), Media::JSON),
        };
        let attempt = Self { number, deadline, lease: None, entropy, ids: Vec::new(), place, step };
        let call = attempt.call(endpoint, media, now);
        (attempt, call)
    }

    /// Judges an answer.
    pub(super) fn judge(&mut self, spec: &Spec, answer: &Answer, now: i64) -> Next {
        match (self.step, &spec.origin) {
            (Step::Metadata { last }, Origin::Discovery(discovery)) => self.follow(spec, discovery, last, answer, now),
            (Step::Document | Step::Metadata { .. }, _) => match body(answer, spec.media, spec.longest_body) {
                Ok(_) => Next::Document,
                Err(failure) => Next::Failed(failure),
            },
        }
    }

    fn follow(&mut self, spec: &Spec, discovery: &Discovery, last: bool, answer: &Answer, now: i64) -> Next {
        let keys = match body(answer, Media::JSON, LONGEST_METADATA).map(|body| discovery.keys(body)) {
            Ok(Found::Keys(endpoint)) => endpoint,
            Ok(Found::Unusable(reason)) => return Next::Failed(Failure::Metadata(reason)),
            // Any definite "not here"; servers without this kind of metadata rarely agree on 404.
            Err(Failure::Status(400..=407 | 409..=428 | 430..=499)) if !last => {
                self.place = self.place.other();
                self.step = Step::Metadata { last: true };
                return self.next(discovery.place(self.place), Media::JSON, now);
            }
            Err(failure) => return Next::Failed(failure),
        };
        self.step = Step::Document;
        self.next(&keys, spec.media, now)
    }

    fn next(&mut self, endpoint: &Endpoint, media: Media, now: i64) -> Next {
        if now >= self.deadline {
            return Next::Failed(Failure::Lost);
        }
        self.number = self.number.wrapping_add(1);
        Next::Call(self.call(endpoint, media, now))
    }

    fn call(&self, endpoint: &Endpoint, media: Media, now: i64) -> Call {
        let mut headers = endpoint.head("GET");
        headers.push(("accept".to_owned(), media.accept()));
        let left = self.deadline.saturating_sub(now).max(1);
        Call {
            cluster: endpoint.cluster().to_owned(),
            headers,
            body: Vec::new(),
            timeout_ms: u32::try_from(left).unwrap_or(u32::MAX),
        }
    }
}

/// Milliseconds.
pub(super) fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The body of an answer that is one: status 200, one of the media types, not too long. A redirect is not followed, and a
/// page that tells of an error has no status 200, or is no such document.
pub(super) fn body(answer: &Answer, media: Media, longest: usize) -> Result<&[u8], Failure> {
    let Answer::Answered { status, headers, body } = answer else { return Err(Failure::Lost) };
    if *status != 200 {
        return Err(Failure::Status(*status));
    }
    let mut types = values(headers, "content-type");
    match (types.next(), types.next()) {
        (Some(content_type), None) if media.covers(content_type) => {}
        _ => return Err(Failure::MediaType),
    }
    if body.len() > longest {
        return Err(Failure::TooLong);
    }
    Ok(body)
}
