//! What can be made of a question before it is known what is asked about: the entities around the principal, and what
//! the context says about the identity. It is kept beside the token, so that the next request only adds its resource.
//!
//! A token that comes once needs none of it; so it is made from the second request on.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use cedar_policy_core::ast::EntityUID;

use super::context::Settled;
use super::entities::Surroundings;

/// What a plan needs to know of an identity.
pub(super) struct Preparation {
    pub(super) principal: Arc<EntityUID>,
    /// Nothing where the principal's place in the hierarchy depends on the resource.
    pub(super) surroundings: Option<Surroundings>,
    pub(super) context: Settled,
}

/// The preparations of one identity, for the few plans that it was asked about last.
#[derive(Default)]
pub struct Preparations {
    by_plan: RefCell<Vec<(usize, Rc<Preparation>)>>,
    asked_before: Cell<bool>,
}

/// An identity does a few things over and over; each preparation takes some kilobytes.
const MOST: usize = 4;

impl Preparations {
    /// The preparation for the plan of this number, made now if it is not there; nothing at the first request.
    pub(super) fn of(
        &self,
        plan: usize,
        make: impl FnOnce() -> Result<Preparation, String>,
    ) -> Result<Option<Rc<Preparation>>, String> {
        if !self.asked_before.replace(true) {
            return Ok(None);
        }
        let known = self.by_plan.borrow().iter().find(|(number, _)| *number == plan).map(|(_, known)| Rc::clone(known));
        if known.is_some() {
            return Ok(known);
        }
        let made = Rc::new(make()?);
        let mut all = self.by_plan.borrow_mut();
        if all.len() >= MOST {
            all.remove(0);
        }
        all.push((plan, Rc::clone(&made)));
        Ok(Some(made))
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
