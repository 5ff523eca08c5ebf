//! Questions in Cedar's own words: principal, action, resource and context as somebody wrote them, with no route and no
//! token behind them.
//!
//! This is where policy sets and requests from outside, such as Cedar's own tests, meet the engine. Reading and measuring
//! policies, cutting them by action, slicing entities, and refusing on every error are the steps of any request. What a
//! request has besides, and a question here has not, is a context that the filter built itself, and a policy set that
//! validates. So an answer is data: there is no [`super::Permit`] in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cedar_policy::{Context, EntityUid};
use serde_json::Value;

use super::super::entities::{Described, entities_in};
use super::super::{EntityId, PolicyFault, Source};
use super::{Caps, Engine, Neighbourhoods, Plan, Rules, Verdict, load_schema, read_policies, request, validate};
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
        let plan = Plan {
            rules: Rules::of(policies.policies()),
            action_name: action.to_string().into(),
            action,
            policies,
            base,
            principals,
            context: Vec::new(),
            number: 0,
            neighbourhoods: Neighbourhoods::default(),
        };
        let verdict = self.verdict(&plan, &question.principal, &question.resource, &context);
        Ok(DirectAnswer {
            refused: verdict.outcome.err().map(|refusal| refusal.cause),
            policies: verdict.policies.iter().map(ToString::to_string).collect(),
            errors: verdict.errors,
        })
    }

    fn verdict(&self, plan: &Plan, principal: &EntityId, resource: &EntityId, context: &Context) -> Verdict {
        if !plan.principals.contains(principal.0.type_name()) {
            return Verdict::without_policies(Cause::PolicyDenied, Vec::new());
        }
        let (attributes, parents) = (BTreeMap::new(), BTreeSet::new());
        let described = |id| Described { id, attributes: &attributes, parents: &parents };
        let asker = described(principal);
        let place = self.engine.place(plan, asker);
        let slice =
            place.and_then(|place| self.engine.store.slice(&plan.base, place.as_ref(), asker, described(resource)));
        match slice {
            Ok(entities) => {
                let asker = Arc::new(principal.0.as_ref().clone());
                Engine::answer(plan, request(asker, plan, resource, context.as_ref().clone()), &entities)
            }
            Err(error) => Verdict::without_policies(Cause::PolicyError, vec![error]),
        }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::EntityType;

    const SCHEMA: &str = "
        entity User = { level: Long };
        entity Doc;
        action view appliesTo { principal: [User], resource: [Doc], context: { on_behalf_of: User, limit: Long } };
    ";

    fn set(policies: &str) -> DirectSet {
        let user =
            |id: &str, level: i64| json!({"uid": {"type": "User", "id": id}, "attrs": {"level": level}, "parents": []});
        let source = Source {
            at: "policies".to_owned(),
            schema: SCHEMA.to_owned(),
            policies: vec![(String::new(), policies.to_owned())],
            entities: json!([user("alice", 1), user("bob", 7)]),
        };
        DirectSet::load(&source, Caps { depth: 32, chain: 1000 }).map_err(|faults| format!("{faults:?}")).unwrap()
    }

    /// Alice asks on behalf of Bob.
    fn ask(policies: &str, limit: i64) -> DirectAnswer {
        let id = |entity_type: &str, id: &str| EntityId::new(&EntityType::parse(entity_type).unwrap(), id);
        let context = json!({"on_behalf_of": {"__entity": {"type": "User", "id": "bob"}}, "limit": limit});
        let question = DirectQuestion {
            principal: id("User", "alice"),
            action: id("Action", "view"),
            resource: id("Doc", "report"),
            context,
        };
        set(policies).ask(&question).unwrap()
    }

    #[test]
    fn what_the_context_refers_to_is_in_the_slice() {
        let answer = ask("permit(principal, action, resource) when { context.on_behalf_of.level == 7 };", 0);
        assert_eq!((answer.refused, answer.errors), (None, Vec::new()));
    }

    #[test]
    fn an_error_refuses_even_what_is_permitted() {
        let policies = "
            permit(principal, action, resource);
            forbid(principal, action, resource) when { context.limit + 1 == 0 };
        ";
        assert_eq!(ask(policies, 0).refused, None);
        let answer = ask(policies, i64::MAX);
        assert_eq!((answer.refused, answer.errors.len()), (Some(Cause::PolicyError), 1));
    }

    #[test]
    fn a_set_that_does_not_validate_says_so_and_is_asked_nevertheless() {
        let policies = "permit(principal, action, resource) when { principal.name == \"alice\" };";
        assert_eq!(set(policies).invalid().len(), 1);
        assert_eq!(ask(policies, 0).refused, Some(Cause::PolicyError));
    }
}
