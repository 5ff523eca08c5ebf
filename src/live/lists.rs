//! The lists of one provider by which tokens are revoked.

use std::rc::Rc;

use super::shelf::{Driven, Shelf};
use super::{Lookup, Ticket, notes};
use crate::jose::KeySet;
use crate::journal::Journal;
use crate::refusal::Cause;
use crate::status::{Place, Reference, RevokedIds, SharedKeys, Slots, StatusList, StatusListTerms, StatusLists};
use crate::status::{revoked_ids, without_lists};
use crate::token::{ClaimSet, Provider, Standing};

/// What is known of a provider's lists.
pub(super) struct Lists {
    revoked: Option<Shelf<RevokedIds>>,
    slots: Slots,
    /// By their slots.
    statuses: Vec<Shelf<StatusList>>,
    /// What status lists are verified with.
    keys: Rc<SharedKeys>,
}

impl Lists {
    /// The lists of a provider; nothing where it keeps none.
    pub(super) fn of(provider: &Provider, record_key: &[u8]) -> Option<Self> {
        if provider.revoked.is_none() && provider.status_lists.is_none() {
            return None;
        }
        let revoked = provider.revoked.as_ref().map(|revoked| {
            let ticket = Ticket::Revoked(provider.index);
            Shelf::new(ticket, revoked.spec(&provider.name), record_key, Box::new(revoked_ids))
        });
        Some(Self { revoked, slots: Slots::default(), statuses: Vec::new(), keys: Rc::default() })
    }

    /// Whether a token still stands; `now` is in seconds since the Unix epoch.
    pub(super) fn standing(
        &mut self,
        provider: &Provider,
        claims: &ClaimSet,
        now: i64,
        record_key: &[u8],
        journal: &mut Journal,
    ) -> Result<Lookup<Standing>, Cause> {
        if let (Some(shelf), Some(revoked)) = (&self.revoked, &provider.revoked) {
            let found = shelf.current(now);
            journal.note(|| notes::revoked_ids(revoked, claims, &found));
            match found {
                Lookup::Ready((ids, _)) => ids.judge(claims)?,
                Lookup::Wait(ticket) => return Ok(Lookup::Wait(ticket)),
                Lookup::Unavailable { retry_in } => return Ok(Lookup::Unavailable { retry_in }),
            }
        }
        journal.note(|| notes::status(provider.status_lists.as_ref(), claims));
        let Some(lists) = &provider.status_lists else {
            without_lists(claims)?;
            return Ok(Lookup::Ready(Standing::confirmed()));
        };
        let Some(reference) = lists.reference(claims)? else { return Ok(Lookup::Ready(Standing::confirmed())) };
        let found = match self.status(provider, lists, &reference, now, record_key) {
            Some(shelf) => shelf.current(now),
            // All places are taken by lists that are in use.
            None => Lookup::Unavailable { retry_in: std::time::Duration::ZERO },
        };
        journal.note(|| notes::status_list(&reference, &found));
        match found {
            Lookup::Ready((list, _)) => match list.status(reference.index) {
                Some(0) => Ok(Lookup::Ready(Standing::confirmed())),
                Some(_) => Err(Cause::TokenRevoked),
                // Beyond its end, a list says nothing (draft-ietf-oauth-status-list-21 §8.3).
                None => Err(Cause::StatusUnverified),
            },
            Lookup::Wait(ticket) => Ok(Lookup::Wait(ticket)),
            Lookup::Unavailable { retry_in } => Ok(Lookup::Unavailable { retry_in }),
        }
    }

    /// The list that a token refers to.
    fn status(
        &mut self,
        provider: &Provider,
        lists: &StatusLists,
        reference: &Reference,
        now: i64,
        record_key: &[u8],
    ) -> Option<&Shelf<StatusList>> {
        let slot = match self.slots.place(&reference.uri, now, lists.idle_after())? {
            Place::Known(slot) => slot,
            Place::New(slot) => {
                let terms = StatusListTerms {
                    uri: reference.uri.clone(),
                    algorithms: provider.algorithms.clone(),
                    keys: Rc::clone(&self.keys),
                    clock_skew: provider.clock_skew,
                };
                let spec = lists.spec(&provider.name, slot, &reference.uri)?;
                let ticket = Ticket::Status(provider.index, slot);
                let shelf = Shelf::new(ticket, spec, record_key, terms.into_reader());
                match self.statuses.get_mut(slot) {
                    Some(place) => *place = shelf,
                    None => self.statuses.push(shelf),
                }
                slot
            }
        };
        self.statuses.get(slot)
    }

    /// Status lists are verified with these keys from now on; a `kid` that they lacked, if there was one.
    pub(super) fn use_keys(&self, keys: Option<Rc<KeySet>>) -> Option<String> {
        self.keys.set(keys);
        self.keys.take_missed()
    }

    pub(super) fn shelves(&mut self) -> impl Iterator<Item = &mut dyn Driven> {
        let revoked = self.revoked.iter_mut().map(|shelf| -> &mut dyn Driven { shelf });
        revoked.chain(self.statuses.iter_mut().map(|shelf| -> &mut dyn Driven { shelf }))
    }
}
