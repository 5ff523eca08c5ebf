//! What can be changed about a token: each part of it, in the ways that verifiers have been seen to differ about.
//!
//! A change does not say what must come of it. That is for the two to agree on, or for a [rule](crate::rule) to explain.

mod claims;
mod form;
mod header;
mod signature;
mod spelling;

use crate::dice::Dice;
use crate::recipe::Recipe;

/// A change.
#[derive(Clone, Copy)]
pub(crate) struct Change {
    /// What it is called in reports.
    pub(crate) name: &'static str,
    /// The algorithms that it makes sense with.
    pub(crate) fits: fn(&str) -> bool,
    /// Makes it.
    pub(crate) make: fn(&mut Recipe, &mut Dice),
}

/// All changes.
pub(crate) fn all() -> Vec<Change> {
    [header::CHANGES, spelling::CHANGES, claims::CHANGES, signature::CHANGES, form::CHANGES].concat()
}

const fn change(name: &'static str, make: fn(&mut Recipe, &mut Dice)) -> Change {
    Change { name, fits: |_| true, make }
}

const fn change_of(name: &'static str, fits: fn(&str) -> bool, make: fn(&mut Recipe, &mut Dice)) -> Change {
    Change { name, fits, make }
}
