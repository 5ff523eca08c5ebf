//! What can be made of a question before it is known what is asked about: the entities around the principal, and what
//! the context says about the identity. It is kept beside the token, so that the next request only adds its resource.

use std::cell::RefCell;
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
pub struct Preparations(RefCell<Vec<(usize, Rc<Preparation>)>>);

/// An identity does a few things over and over; each preparation takes some kilobytes.
const MOST: usize = 4;

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
        if all.len() >= MOST {
            all.remove(0);
        }
        all.push((plan, Rc::clone(&made)));
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
