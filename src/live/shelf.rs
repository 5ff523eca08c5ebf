//! A fetched document, and the question whether there is news for those who wait for it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Incident, Lookup, Surroundings, Ticket};
use crate::outbox::Answer;
use crate::remote::{Dispatch, Epoch, Moment, Progress, Reader, Reading, Refresh, Remote, Source, Spec};

/// Calls under way: the errand's number, what it is for, and the number that it has there.
pub(super) type Calls = BTreeMap<u64, (Ticket, u32)>;

/// A document on its shelf.
pub(super) struct Shelf<T> {
    source: Source<T>,
    /// What [`Remote::settlements`] said when those who wait were told last.
    told: u64,
    /// Whether somebody was told to wait since then. So it is at the start: the first request should find the document.
    awaited: Cell<bool>,
}

impl<T> Shelf<T> {
    pub(super) fn new(spec: Spec, record_key: &[u8], reader: Reader<T>) -> Self {
        Self { source: Source::new(spec, record_key, reader), told: 0, awaited: Cell::new(true) }
    }

    /// The document, for a decision.
    pub(super) fn current(&self, ticket: Ticket, now: i64) -> Lookup<(Rc<T>, Epoch)> {
        match self.source.current(now) {
            Reading::Ready(document, epoch) => Lookup::Ready((document, epoch)),
            Reading::Pending => {
                self.awaited.set(true);
                Lookup::Wait(ticket)
            }
            Reading::Unavailable { retry_in } => Lookup::Unavailable { retry_in },
        }
    }

    /// See [`Source::refresh_for`].
    pub(super) fn refresh_for(&mut self, id: &[u8], now: i64) -> Refresh {
        let refresh = self.source.refresh_for(id, now);
        if refresh == Refresh::Wait {
            self.awaited.set(true);
        }
        refresh
    }

    /// Whether somebody waits for it.
    pub(super) fn is_awaited(&self) -> bool {
        self.awaited.get()
    }

    /// Does what is due; whether there is news.
    pub(super) fn tick(&mut self, around: &mut Surroundings<'_>, calls: &mut Calls, ticket: Ticket) -> bool {
        let mut moment = moment(around);
        if let Some(dispatch) = self.source.tick(&mut moment) {
            self.leave(dispatch, around, calls, ticket);
        }
        self.is_news()
    }

    /// Takes an answer; whether there is news.
    pub(super) fn answered(
        &mut self,
        number: u32,
        answer: &Answer,
        around: &mut Surroundings<'_>,
        calls: &mut Calls,
        ticket: Ticket,
    ) -> bool {
        let mut moment = moment(around);
        if let Progress::Call(dispatch) = self.source.answered(number, answer, &mut moment) {
            self.leave(dispatch, around, calls, ticket);
        }
        self.is_news()
    }

    pub(super) fn take_incidents(&mut self) -> Vec<Incident> {
        let events = self.source.take_events();
        events.iter().map(|event| Incident::of_document(self.source.name(), event)).collect()
    }

    /// Leaves a call to be made; one that there is no room for is lost at once.
    fn leave(&mut self, dispatch: Dispatch, around: &mut Surroundings<'_>, calls: &mut Calls, ticket: Ticket) {
        match around.outbox.leave(dispatch.call) {
            Ok(errand) => {
                calls.insert(errand, (ticket, dispatch.number));
            }
            Err(_) => {
                self.source.answered(dispatch.number, &Answer::Lost, &mut moment(around));
            }
        }
    }

    fn is_news(&mut self) -> bool {
        let settlements = self.source.settlements();
        let news = settlements != self.told;
        if news {
            self.told = settlements;
            self.awaited.set(false);
        }
        news
    }
}

fn moment<'m>(around: &'m mut Surroundings<'_>) -> Moment<'m> {
    Moment { now_millis: around.now.millis(), entropy: around.entropy, store: around.store }
}
