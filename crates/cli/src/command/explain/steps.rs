//! The notes of a decision as steps that people read.

mod credential;
mod elsewhere;
mod policies;
mod possession;
mod request;
mod session;

use std::collections::BTreeMap;

use cedar_gate::config::Config;
use cedar_gate::harness::Harness;
use cedar_gate::journal::Note;
use serde_json::{Value, json};

use super::wording::{list, meaning};

/// One step.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// How it went.
    pub(super) mark: Mark,
    /// What it is about, in a word.
    pub(super) title: &'static str,
    /// What there was to see.
    pub(super) text: String,
    /// More about it.
    pub(super) details: Vec<Detail>,
}

/// A line below a step.
#[derive(Clone, Debug)]
pub(super) struct Detail {
    /// How it went.
    pub(super) mark: Mark,
    /// How far it is set in.
    pub(super) depth: usize,
    /// What there was to see.
    pub(super) text: String,
}

/// How something went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mark {
    /// The request is refused for it.
    Bad,
    /// It is as it has to be.
    Good,
    /// It is neither good nor bad.
    None,
}

/// Where policies stand, as far as the configuration tells: `file:line`.
#[derive(Clone, Debug)]
pub(super) struct Place(BTreeMap<String, String>);

impl Place {
    pub(super) fn of(harness: &Harness) -> Self {
        Self::of_config(harness.config())
    }

    pub(super) fn of_config(config: &Config) -> Self {
        let place = |policy: cedar_gate::policy::PolicyOutline| {
            let place = match policy.file {
                Some(file) => format!("{file}:{}", policy.line),
                None => format!("line {}", policy.line),
            };
            (policy.id, place)
        };
        Self(config.engine.catalogue().into_iter().map(place).collect())
    }

    pub(super) fn of_policy(&self, id: &str) -> &str {
        self.0.get(id).map_or("", String::as_str)
    }
}

/// The steps that the notes tell of, in order.
pub(super) fn of(notes: &[Note], place: &Place) -> Vec<Step> {
    let end = notes.iter().position(|note| matches!(note, Note::Outcome { .. })).unwrap_or(notes.len());
    let denied = notes.get(end).is_some_and(|note| matches!(note, Note::Outcome { decision: "deny", .. }));
    // A step notes what it sees before it judges it, so the last one is the one that refused.
    let blamed = end.checked_sub(1).filter(|_| denied);
    let unreadable = (denied && end == 0)
        .then(|| Step::new(Mark::Bad, "request", "its head cannot be read as that of one request, in one way"));
    let repeated = repeated(notes);
    let told = |(index, note): &(usize, &Note)| !repeated.contains(index) || elsewhere::is_awaited(note);
    let steps = notes.iter().enumerate().filter(told).filter_map(|(index, note)| {
        let mark = if blamed == Some(index) { Mark::Bad } else { Mark::Good };
        step(note, mark, place)
    });
    unreadable.into_iter().chain(steps).collect()
}

/// Who has waited is authenticated anew, from the credential on. It is told once, with what was waited for before it.
fn repeated(notes: &[Note]) -> std::ops::Range<usize> {
    let is_credential = |note: &Note| matches!(note, Note::Credential { .. });
    match (notes.iter().position(is_credential), notes.iter().rposition(is_credential)) {
        (Some(first), Some(last)) => first..last,
        (_, _) => 0..0,
    }
}

/// Nothing for a note that is of interest only where something is wrong with it.
fn step(note: &Note, mark: Mark, place: &Place) -> Option<Step> {
    match note {
        Note::Audience { .. }
        | Note::Credential { .. }
        | Note::Keys { .. }
        | Note::Lifetime { .. }
        | Note::Provider { .. }
        | Note::RequiredClaims { .. }
        | Note::Signature { .. }
        | Note::Times { .. }
        | Note::Token { .. } => credential::step(note, mark),
        Note::Binding { .. } | Note::Certificate { .. } | Note::Proof { .. } | Note::ProofMemory { .. } => {
            possession::step(note, mark)
        }
        Note::FetchedKeys { .. }
        | Note::Introspection { .. }
        | Note::NewKey { .. }
        | Note::OpaqueToken { .. }
        | Note::RevokedIds { .. }
        | Note::Status { .. }
        | Note::StatusList { .. } => elsewhere::step(note, mark),
        Note::Body { .. }
        | Note::BodyHead { .. }
        | Note::Clock { .. }
        | Note::DeclaredHeaders { .. }
        | Note::DeclaredQuery { .. }
        | Note::Head { .. }
        | Note::Host { .. }
        | Note::Meaning { .. }
        | Note::NoRoute { .. }
        | Note::Path { .. }
        | Note::Preflight { .. }
        | Note::ResourceMetadata { .. }
        | Note::Route { .. } => request::step(note, mark),
        Note::Claims { .. } | Note::Principal { .. } | Note::Scopes { .. } | Note::Separation { .. } => {
            session::step(note, mark)
        }
        Note::Policies { .. } | Note::Question { .. } | Note::Verdict { .. } => policies::step(note, mark, place),
        Note::Forward { removed, rewritten, set } => Some(forward(removed, rewritten, set, mark)),
        Note::Outcome { decision, cause, mode, status } => Some(outcome(decision, *cause, mode, *status)),
    }
}

fn forward(removed: &[String], rewritten: &[String], set: &[(String, String, bool)], mark: Mark) -> Step {
    let details = set.iter().map(|(name, claim, writable)| Detail {
        mark: if *writable { Mark::None } else { Mark::Bad },
        depth: 0,
        text: if *writable {
            format!("{name}, made of the claim {claim}")
        } else {
            format!("{name}: the claim {claim} cannot be written into a header")
        },
    });
    let mut details: Vec<Detail> = details.collect();
    if !removed.is_empty() {
        details.push(Detail { mark: Mark::None, depth: 0, text: format!("without {}, as it came", list(removed)) });
    }
    if !rewritten.is_empty() {
        let text = format!("with the credential taken out of {}", list(rewritten));
        details.push(Detail { mark: Mark::None, depth: 0, text });
    }
    let text = if details.is_empty() { "sees the request as it came" } else { "sees these headers:" };
    Step { mark, title: "upstream", text: text.to_owned(), details }
}

fn outcome(decision: &str, cause: Option<&str>, mode: &str, status: Option<u16>) -> Step {
    let because = cause.map(|cause| format!("{cause}: {}", meaning(cause).unwrap_or_default())).unwrap_or_default();
    let (mark, text) = match (decision, status) {
        ("allow", _) => (Mark::Good, "allowed: the request goes on".to_owned()),
        (_, Some(status)) => (Mark::Bad, format!("refused with {status}. {because}")),
        (_, None) => (Mark::Bad, format!("refused, but in the mode `{mode}` the request goes on. {because}")),
    };
    Step { mark, title: "decision", text, details: Vec::new() }
}

impl Step {
    pub(super) fn new(mark: Mark, title: &'static str, text: impl Into<String>) -> Self {
        Self { mark, title, text: text.into(), details: Vec::new() }
    }

    pub(super) fn with(mut self, details: impl IntoIterator<Item = Detail>) -> Self {
        self.details.extend(details);
        self
    }

    pub(super) fn to_json(&self) -> Value {
        let details: Vec<Value> =
            self.details.iter().map(|detail| json!({"mark": detail.mark.name(), "text": detail.text})).collect();
        json!({"mark": self.mark.name(), "title": self.title, "text": self.text, "details": details})
    }
}

impl Detail {
    pub(super) fn new(mark: Mark, text: impl Into<String>) -> Self {
        Self { mark, depth: 0, text: text.into() }
    }

    pub(super) fn deeper(self) -> Self {
        Self { depth: self.depth.saturating_add(1), ..self }
    }
}

impl Mark {
    fn of(good: bool) -> Self {
        if good { Self::Good } else { Self::Bad }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Good => "good",
            Self::None => "none",
        }
    }
}
