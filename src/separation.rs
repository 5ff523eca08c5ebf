//! Separation of duties. So far the static kind: roles that one session must not hold together (the conflict sets of
//! NIST RBAC's SSD, INCITS 359, applied to a session).
//!
//! What it does not promise: somebody who obtains two tokens, each with one of the roles, is not seen here.

use std::collections::BTreeSet;

use crate::policy::EntityId;

/// Roles of which one session may hold a few at most.
#[derive(Clone, Debug)]
pub struct StaticConstraint {
    /// Its name.
    pub id: String,
    /// The conflicting roles.
    pub roles: Vec<EntityId>,
    /// How many of them a session may hold, at least 1.
    pub at_most: usize,
}

/// Static constraints.
#[derive(Clone, Debug, Default)]
pub struct Separation {
    /// Each must hold.
    pub constraints: Vec<StaticConstraint>,
}

impl Separation {
    /// The first constraint that a session violates which holds these roles, inherited ones included.
    ///
    /// A session over the limit is refused whole, whatever it asks for: the conflict lies in who it is.
    #[must_use]
    pub fn violated(&self, held: &BTreeSet<EntityId>) -> Option<&StaticConstraint> {
        self.constraints
            .iter()
            .find(|constraint| constraint.roles.iter().filter(|role| held.contains(role)).count() > constraint.at_most)
    }
}
