//! The places for the lists of a provider: a fixed number, because each costs memory, fetches, and a record in shared data
//! that is never forgotten.

/// Which list is in which place.
#[derive(Debug)]
pub struct Slots {
    slots: Vec<Slot>,
    most: usize,
}

#[derive(Debug)]
struct Slot {
    uri: String,
    /// When it was asked for last, in seconds since the Unix epoch.
    asked: i64,
}

/// A list's place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// There it is.
    Known(usize),
    /// There it is from now on; whatever was there is gone.
    New(usize),
}

/// Lists of one provider that are in use together.
const MOST: usize = 16;

impl Default for Slots {
    fn default() -> Self {
        Self { slots: Vec::new(), most: MOST }
    }
}

impl Slots {
    /// The place of a list. One that nobody has asked for in `idle_after` seconds makes place for a new one; nothing where
    /// all are in use.
    pub fn place(&mut self, uri: &str, now: i64, idle_after: i64) -> Option<Place> {
        if let Some((index, slot)) = self.slots.iter_mut().enumerate().find(|(_, slot)| slot.uri == uri) {
            slot.asked = now;
            return Some(Place::Known(index));
        }
        let slot = Slot { uri: uri.to_owned(), asked: now };
        if self.slots.len() < self.most {
            self.slots.push(slot);
            return Some(Place::New(self.slots.len().saturating_sub(1)));
        }
        let is_idle = |slot: &Slot| now.saturating_sub(slot.asked) > idle_after || slot.asked > now;
        let (index, place) = self.slots.iter_mut().enumerate().find(|(_, slot)| is_idle(slot))?;
        *place = slot;
        Some(Place::New(index))
    }
}
