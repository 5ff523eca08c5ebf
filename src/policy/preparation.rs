//! What can be made of a question before it is known what is asked about: who asks, and what the context says about that.
//! It is kept beside the token, so that the next request only adds its resource.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use cedar_policy_core::ast::EntityUID;

use super::EntityId;
use super::context::Settled;
use super::entities::{Place, Surroundings};

/// What a plan needs to know of an identity.
pub(super) struct Preparation {
    pub(super) principal: Arc<EntityUID>,
    /// Nothing where what the principal's place is depends on the resource.
    pub(super) place: Option<Place>,
    pub(super) context: Settled,
}

/// The preparations of one identity, for the few plans that it was asked about last.
#[derive(Default)]
pub struct Preparations(RefCell<Vec<(usize, Rc<Preparation>)>>);

/// The surroundings of principals of the same parents, in one plan.
#[derive(Default)]
pub(super) struct Neighbourhoods(RefCell<BTreeMap<BTreeSet<EntityId>, Rc<Surroundings>>>);

/// An identity does a few things over and over.
const MOST_PREPARATIONS: usize = 4;

/// Most principals have one of a few sets of roles. Who has more of them pays for each anew.
const MOST_NEIGHBOURHOODS: usize = 64;

impl Preparations {
    /// The preparation for the plan of this number, made now if it is not there.
    pub(super) fn of(
        &self,
        plan: usize,
        make: impl FnOnce() -> Result<Preparation, String>,
    ) -> Result<Rc<Preparation>, String> {
        let known = self.0.borrow().iter().find(|(number, _)| *number == plan).map(|(_, known)| Rc::clone(known));
        if let Some(known) = known {
            return Ok(known);
        }
        let made = Rc::new(make()?);
        let mut all = self.0.borrow_mut();
        if all.len() >= MOST_PREPARATIONS {
            all.remove(0);
        }
        all.push((plan, Rc::clone(&made)));
        Ok(made)
    }
}

impl Neighbourhoods {
    /// The surroundings of principals of these parents, made now if they are not there.
    pub(super) fn of(
        &self,
        parents: &BTreeSet<EntityId>,
        make: impl FnOnce() -> Result<Surroundings, String>,
    ) -> Result<Rc<Surroundings>, String> {
        if let Some(known) = self.0.borrow().get(parents) {
            return Ok(Rc::clone(known));
        }
        let made = Rc::new(make()?);
        let mut all = self.0.borrow_mut();
        if all.len() >= MOST_NEIGHBOURHOODS {
            all.clear();
        }
        all.insert(parents.clone(), Rc::clone(&made));
        Ok(made)
    }
}

/// A copy begins with none: they can be made again.
impl Clone for Preparations {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Preparations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preparations").finish_non_exhaustive()
    }
}
