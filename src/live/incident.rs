//! What an operator should know of.

use std::fmt;

use crate::introspection;
use crate::remote::Event;

/// Something that happened outside of a request. A host writes it down and counts it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Incident {
    /// What it happened to: `keys/<provider>`, `introspection/<provider>`.
    pub subject: String,
    /// A word for what happened, for counters.
    pub code: &'static str,
    /// Whether somebody should look at it.
    pub is_trouble: bool,
    text: String,
}

impl Incident {
    pub(super) fn of_document(name: &str, event: &Event) -> Self {
        Self { subject: name.to_owned(), code: event.code(), is_trouble: event.is_trouble(), text: event.to_string() }
    }

    pub(super) fn of_introspection(provider: &str, failure: &introspection::Failure) -> Self {
        Self {
            subject: format!("introspection/{provider}"),
            code: "failed",
            is_trouble: true,
            text: failure.reason.to_string(),
        }
    }
}

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.text)
    }
}
