//! Questions in Cedar's own words: principal, action, resource and context as somebody wrote them, with no route and no
//! token behind them.
//!
//! This is where policy sets and requests from outside, such as Cedar's own tests, meet the engine. Reading and measuring
//! policies, cutting them by action, slicing entities, and refusing on every error are the steps of any request. What a
//! request has besides, and a question here has not, is a context that the filter built itself, and a policy set that
//! validates. So an answer is data: there is no [`super::Permit`] in it.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Context, EntityUid};
use serde_json::Value;

use super::super::entities::{Described, entities_in};
use super::super::{EntityId, PolicyFault, Source};
use super::{Caps, Engine, Plan, load_schema, read_policies, validate};
use crate::refusal::Cause;

/// A policy set that can be read, whether or not it validates.
pub struct DirectSet {
    engine: Engine,
    invalid: Vec<PolicyFault>,
    warnings: Vec<PolicyFault>,
}

/// One question.
#[derive(Clone, Debug)]
pub struct DirectQuestion {
    /// Who asks.
    pub principal: EntityId,
    /// What for.
    pub action: EntityId,
    /// About what.
    pub resource: EntityId,
    /// The context in Cedar's JSON form.
    pub context: Value,
}

/// What the policies say to a question.
#[derive(Clone, Debug)]
pub struct DirectAnswer {
    /// Why it is refused; nothing where it is allowed.
    pub refused: Option<Cause>,
    /// The policies that determined the answer.
    pub policies: Vec<String>,
    /// Errors of policies, each of which refuses.
    pub errors: Vec<String>,
}

impl DirectSet {
    /// Reads a policy set.
    ///
    /// # Errors
    ///
    /// Whatever [`Engine::load`] refuses to read, beyond the caps included. A set that merely does not validate is read.
    pub fn load(source: &Source, caps: Caps) -> Result<Self, Vec<PolicyFault>> {
        let schema = load_schema(source, caps)?;
        let (policies, faults) = read_policies(source, caps);
        if !faults.is_empty() {
            return Err(faults);
        }
        let (invalid, warnings) = validate(source, &policies, &schema);
        Ok(Self { engine: Engine::assemble(source, schema, policies)?, invalid, warnings })
    }

    /// What strict validation found, for which [`Engine::load`] would refuse the set.
    #[must_use]
    pub fn invalid(&self) -> &[PolicyFault] {
        &self.invalid
    }

    /// What is valid, but worth a look.
    #[must_use]
    pub fn warnings(&self) -> &[PolicyFault] {
        &self.warnings
    }

    /// Asks one question.
    ///
    /// # Errors
    ///
    /// Cedar's message about a question that the schema does not know.
    pub fn ask(&self, question: &DirectQuestion) -> Result<DirectAnswer, String> {
        let schema = &self.engine.schema;
        let action = question.action.0.clone();
        let principals = schema.principals_for_action(&action);
        let principals = principals.ok_or_else(|| format!("the schema has no action `{action}`"))?.cloned().collect();
        let context = Context::from_json_value(question.context.clone(), Some((schema, &action)));
        let context = context.map_err(|error| super::with_causes(&error))?;
        let (policies, base) = self.engine.slice_policies(&action, &named(&context))?;
        let plan = Plan { action, policies, base, principals, context: Vec::new() };
        let (attributes, parents) = (BTreeMap::new(), BTreeSet::new());
        let described = |id| Described { id, attributes: &attributes, parents: &parents };
        let (principal, resource) = (described(&question.principal), described(&question.resource));
        let verdict = self.engine.answer(&plan, principal, resource, || Ok(context));
        Ok(DirectAnswer { refused: verdict.outcome.err(), policies: verdict.policies, errors: verdict.errors })
    }
}

/// The entities that a context refers to, which belong into the slice. Those that the filter builds refer to none.
fn named(context: &Context) -> Vec<EntityUid> {
    let mut named = Vec::new();
    for (name, _) in context.clone() {
        if let Some(value) = context.get(&name) {
            entities_in(&value, &mut named);
        }
    }
    named
}
