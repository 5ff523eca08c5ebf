//! What a step observes: data that it appends, and that its host writes down afterwards.

use crate::audit::Record;

/// The observations of one step.
#[derive(Debug, Default)]
pub struct Journal(Vec<Entry>);

/// One observation.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A decision was made; exactly one for each request.
    Decision(Box<Record>),
}

impl Journal {
    /// Appends an observation.
    pub fn note(&mut self, entry: Entry) {
        self.0.push(entry);
    }

    /// The id of the decision that was made.
    #[must_use]
    pub fn decision_id(&self) -> &str {
        self.0.iter().map(|Entry::Decision(record)| record.decision_id.as_str()).next().unwrap_or_default()
    }

    /// Takes all observations, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = Entry> + '_ {
        self.0.drain(..)
    }
}
