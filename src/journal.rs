//! What a step observes: data that it appends, and that its host writes down afterwards.
//!
//! Entries are what a gateway is told. Notes are for somebody who asks how a single decision came about: the steps that
//! make the decision say what they look at, right before they judge it, so that no second telling can differ from what
//! happened. Notes are taken where a host asks for them; in gateways they do not exist.

mod note;

pub use note::{
    AtHand, Carrier, ClaimNote, CredentialPlace, Declared, Demands, EntityNote, MemoryAnswer, Mint, NearRoute, Note,
    ParentsNote, Place, ProofClaims, RolesNote, TokenHead,
};

use crate::audit::Record;

/// The observations of one step.
#[derive(Debug, Default)]
pub struct Journal {
    entries: Vec<Entry>,
    /// Nothing where nobody asked for notes.
    #[cfg(not(target_os = "wasi"))]
    notes: Option<Vec<Note>>,
}

/// One observation.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A decision was made; exactly one for each request.
    Decision(Box<Record>),
}

impl Journal {
    /// Appends an observation.
    pub fn write(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// The id of the decision that was made.
    #[must_use]
    pub fn decision_id(&self) -> &str {
        self.entries.iter().map(|Entry::Decision(record)| record.decision_id.as_str()).next().unwrap_or_default()
    }

    /// Takes all observations, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = Entry> + '_ {
        self.entries.drain(..)
    }
}

#[cfg(not(target_os = "wasi"))]
impl Journal {
    /// A journal that takes notes as well.
    #[must_use]
    pub fn observed() -> Self {
        Self { notes: Some(Vec::new()), ..Self::default() }
    }

    /// Whether notes are taken.
    #[must_use]
    pub fn takes_notes(&self) -> bool {
        self.notes.is_some()
    }

    /// Takes a note, which is made only where notes are taken.
    pub fn note(&mut self, note: impl FnOnce() -> Note) {
        if let Some(notes) = &mut self.notes {
            notes.push(note());
        }
    }

    /// The notes so far, in order.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        self.notes.as_deref().unwrap_or_default()
    }
}

#[cfg(target_os = "wasi")]
impl Journal {
    /// As any other.
    #[must_use]
    pub fn observed() -> Self {
        Self::default()
    }

    /// They are not.
    #[must_use]
    pub const fn takes_notes(&self) -> bool {
        false
    }

    /// Takes no note: what is never called is not compiled.
    #[inline(always)]
    pub fn note(&mut self, _: impl FnOnce() -> Note) {}

    /// None.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_made_only_where_notes_are_taken() {
        let mut journal = Journal::default();
        journal.note(|| panic!("nobody asked"));
        assert_eq!(journal.notes(), []);
        let mut observed = Journal::observed();
        observed.note(|| Note::Host { host: None });
        assert_eq!(observed.notes(), [Note::Host { host: None }]);
        assert_eq!(observed.drain().count(), 0, "a note is no entry");
    }
}
