//! Ids that a document was asked for in vain.

/// Ids by their tags, and the time (in milliseconds) until which each is known to be unknown. A tag has eight bytes, however
/// long an id a sender may think of.
#[derive(Debug, Default)]
pub(super) struct Unknown(Vec<(u64, i64)>);

/// More at one time are a flood, and for floods there is the cooldown.
const MOST: usize = 256;

impl Unknown {
    /// Remembers that nothing is known of an id. Where there is no room, what would be forgotten first goes.
    pub(super) fn remember(&mut self, tag: u64, until: i64) {
        if let Some((_, known)) = self.0.iter_mut().find(|(known, _)| *known == tag) {
            *known = until.max(*known);
        } else if self.0.len() < MOST {
            self.0.push((tag, until));
        } else if let Some(first) = self.0.iter_mut().min_by_key(|(_, until)| *until) {
            *first = (tag, until);
        }
    }

    /// Whether it is known that nothing is known of an id.
    pub(super) fn holds(&self, tag: u64, now: i64) -> bool {
        self.0.iter().any(|(known, until)| *known == tag && *until > now)
    }

    /// Forgets all: the document has changed.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Moves all times back.
    pub(super) fn set_back(&mut self, by: i64) {
        for (_, until) in &mut self.0 {
            *until = until.saturating_sub(by);
        }
    }

    /// Those that are remembered longest, at most so many.
    pub(super) fn latest(&self, now: i64, most: usize) -> Vec<(u64, i64)> {
        let mut entries: Vec<(u64, i64)> = self.0.iter().copied().filter(|(_, until)| *until > now).collect();
        entries.sort_unstable_by_key(|(_, until)| std::cmp::Reverse(*until));
        entries.truncate(most);
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_remembered_for_a_time() {
        let mut unknown = Unknown::default();
        unknown.remember(1, 100);
        assert!(unknown.holds(1, 99));
        assert!(!unknown.holds(1, 100));
        assert!(!unknown.holds(2, 0));
        unknown.remember(1, 50);
        assert!(unknown.holds(1, 99), "what is remembered is not cut short");
        unknown.set_back(50);
        assert!(!unknown.holds(1, 50));
        unknown.remember(1, 100);
        unknown.clear();
        assert!(!unknown.holds(1, 0));
    }

    #[test]
    fn a_flood_of_ids_takes_bounded_room() {
        let mut unknown = Unknown::default();
        for tag in 0..10_000 {
            unknown.remember(tag, i64::try_from(tag).unwrap());
        }
        assert_eq!(unknown.0.len(), MOST);
        assert!(unknown.holds(9_999, 0) && !unknown.holds(0, -1));
        assert_eq!(unknown.latest(9_990, 32).len(), 9);
        assert_eq!(unknown.latest(0, 2), [(9_999, 9_999), (9_998, 9_998)]);
    }
}
