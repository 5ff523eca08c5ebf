//! Policies taken apart, to say of each one why it applies to a request, or why not.
//!
//! Cedar names the policies that determined a decision. Who wants to know why a `permit` did *not* apply, or which of its
//! conditions no test has ever seen fail, needs more. So each part of a policy, every line of its scope and every `when`
//! and `unless`, is put to the same Cedar as a policy of its own, with the same request and the same entities.
//!
//! Nothing in here decides anything, and no gateway calls it.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Authorizer, Decision, Entities, Policy, PolicyId, PolicySet, Request};
use cedar_policy_core::parser::Loc;
use cedar_policy_core::parser::cst;
use cedar_policy_core::parser::text_to_cst::parse_policy;
use serde::Serialize;
use serde_json::Value;

use super::EntityId;
use super::context::{Facts, Plan};
use super::engine::Engine;
use super::place::TextPlace;
use super::question::Resource;
use super::source::Source;
use crate::token::Session;

/// What a policy does where it applies.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It forbids, whatever permits.
    Forbid,
    /// It permits, unless something forbids.
    Permit,
}

/// A policy as its author wrote it, in parts.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct PolicyOutline {
    /// Its id: `@id`, or what takes its place.
    pub id: String,
    /// What it does.
    pub effect: Effect,
    /// `@reason`.
    pub reason: Option<String>,
    /// The file that it stands in, where its text has several.
    pub file: Option<String>,
    /// The line of its beginning in that text, from 1.
    pub line: usize,
    /// The whole.
    pub text: String,
    /// The lines of its scope: about the principal, the action, the resource.
    pub scope: Vec<Part>,
    /// Its conditions, in order.
    pub conditions: Vec<Part>,
}

/// A part of a policy's text.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Part {
    /// As it is written: `principal in Role::"maker"`, or `when { … }` with the word before it.
    pub text: String,
    /// The line of its beginning, from 1.
    pub line: usize,
}

/// What a policy says to one request.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct PolicyInspection {
    /// See [`PolicyOutline::id`].
    pub id: String,
    /// See [`PolicyOutline::effect`].
    pub effect: Effect,
    /// See [`PolicyOutline::reason`].
    pub reason: Option<String>,
    /// Whether it was asked at all. It is not where its scope is about other actions, nor where the schema does not
    /// apply the action to this type of principal.
    pub asked: bool,
    /// Whether its whole scope matches the request; never where it was not asked.
    pub scope: bool,
    /// The lines of its scope.
    pub parts: Vec<ScopeInspection>,
    /// Its conditions, in order.
    pub conditions: Vec<ConditionInspection>,
}

/// What a line of a scope says to one request.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ScopeInspection {
    /// See [`Part::text`].
    pub text: String,
    /// Whether it matches. For a policy that was not asked, this is known of the action only.
    pub matches: Option<bool>,
}

/// What a condition says to one request, by itself: Cedar stops at the first one that does not hold.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ConditionInspection {
    /// See [`Part::text`].
    pub text: String,
    /// What it says.
    pub outcome: ConditionOutcome,
    /// Whether Cedar came to it: the scope matches, and all conditions before hold.
    pub reached: bool,
}

/// What a condition says.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConditionOutcome {
    /// It could not be evaluated, and why. Where Cedar reaches it, the request is refused.
    Erred(String),
    /// It lets the policy apply: what is behind `when` is true, or what is behind `unless` is false.
    Held,
    /// It was not asked, as the scope does not match.
    NotAsked,
    /// It keeps the policy from applying.
    NotHeld,
}

impl PolicyInspection {
    /// Whether the policy applies: its scope matches and all its conditions hold.
    #[must_use]
    pub fn applies(&self) -> bool {
        self.scope && self.conditions.iter().all(|condition| condition.outcome == ConditionOutcome::Held)
    }

    /// Why it could not be evaluated.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.conditions.iter().filter(|condition| condition.reached).find_map(|condition| match &condition.outcome {
            ConditionOutcome::Erred(message) => Some(message.as_str()),
            ConditionOutcome::Held | ConditionOutcome::NotAsked | ConditionOutcome::NotHeld => None,
        })
    }
}

/// A question as Cedar gets it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QuestionOutline {
    /// Who asks.
    pub principal: EntityOutline,
    /// About what.
    pub resource: EntityOutline,
    /// Under which circumstances, in Cedar's JSON form.
    pub context: Value,
}

/// An entity as Cedar gets it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntityOutline {
    /// As Cedar writes it.
    pub id: String,
    /// All that it descends from.
    pub ancestors: Vec<String>,
    /// Its attributes, in Cedar's JSON form.
    pub attributes: BTreeMap<String, Value>,
    /// Those of them that its static entity has.
    pub fixed: BTreeSet<String>,
}

impl Engine {
    /// Whether the policies stand in the configuration itself, and are not compiled in. Gateways do not know.
    #[must_use]
    pub fn is_written_here(&self) -> bool {
        self.origins().written_here()
    }

    /// All policies in parts, in the order of their ids.
    #[must_use]
    pub fn catalogue(&self) -> Vec<PolicyOutline> {
        let mut catalogue: Vec<_> = self.policies().filter_map(|policy| self.outline(policy)).collect();
        catalogue.sort_by(|one, other| one.id.cmp(&other.id));
        catalogue
    }

    /// The policies that a route asks, in parts, in the order of their ids.
    #[must_use]
    pub fn asked_by(&self, plan: &Plan) -> Vec<PolicyOutline> {
        let mut asked: Vec<_> = plan.policies.policies().filter_map(|policy| self.outline(policy)).collect();
        asked.sort_by(|one, other| one.id.cmp(&other.id));
        asked
    }

    /// What each policy of the whole set says to a request, in the order of their ids.
    #[must_use]
    pub fn inspect(&self, plan: &Plan, session: &Session, resource: &Resource, facts: &Facts) -> Vec<PolicyInspection> {
        let applies = plan.principals.contains(session.principal.0.type_name());
        let question = self.put(plan, session, resource, facts).filter(|_| applies);
        let mut inspections = Vec::new();
        for policy in self.policies() {
            let Some(outline) = self.outline(policy) else { continue };
            let asked = plan.policies.policy(policy.id()).is_some();
            let inspection = match question.as_ref().filter(|_| asked) {
                Some((request, entities)) => outline.asked(policy.id(), request, entities),
                None => outline.unasked(asked),
            };
            inspections.push(inspection);
        }
        inspections.sort_by(|one, other| one.id.cmp(&other.id));
        inspections
    }

    /// The question that a request puts; nothing where it cannot be put, or not to policies.
    #[must_use]
    pub fn describe(
        &self,
        plan: &Plan,
        session: &Session,
        resource: &Resource,
        facts: &Facts,
    ) -> Option<QuestionOutline> {
        let (request, entities) = self.put(plan, session, resource, facts)?;
        let entity = |id: &EntityId| {
            let mut ancestors: Vec<String> =
                entities.ancestors(&id.0).into_iter().flatten().map(ToString::to_string).collect();
            ancestors.sort_unstable();
            let json = entities.get(&id.0).and_then(|entity| entity.to_json_value().ok()).unwrap_or_default();
            let attributes = json.get("attrs").and_then(Value::as_object).cloned().unwrap_or_default();
            let fixed = attributes.keys().filter(|name| self.has_attribute(id, name)).cloned().collect();
            EntityOutline { id: id.to_string(), ancestors, attributes: attributes.into_iter().collect(), fixed }
        };
        Some(QuestionOutline {
            principal: entity(&session.principal),
            resource: entity(&resource.id),
            context: request.context()?.to_json_value().ok()?,
        })
    }

    fn put(&self, plan: &Plan, session: &Session, resource: &Resource, facts: &Facts) -> Option<(Request, Entities)> {
        let (request, entities) = self.question(plan, session, resource, facts).ok()?;
        Some((request.into(), entities.into()))
    }

    /// Nothing for a policy without a text, which none is that came from one.
    fn outline(&self, policy: &Policy) -> Option<PolicyOutline> {
        let text = policy.to_cedar()?;
        let parsed = parse_policy(&text).ok()?;
        let cst::Policy::Policy(written) = parsed.node?;
        let place = self.origins().place(policy.id());
        let first = place.map_or(1, |place| place.line);
        let part = |loc: Option<&Loc>| {
            let loc = loc?;
            let line = first.saturating_add(text.get(..loc.start())?.matches('\n').count());
            Some(Part { text: loc.snippet()?.to_owned(), line })
        };
        Some(PolicyOutline {
            id: policy.id().to_string(),
            effect: match policy.effect() {
                cedar_policy::Effect::Forbid => Effect::Forbid,
                cedar_policy::Effect::Permit => Effect::Permit,
            },
            reason: policy.annotation("reason").map(str::to_owned),
            file: place.map(|place| place.text.clone()).filter(|file| !file.is_empty()),
            line: first,
            scope: written.variables.iter().filter_map(|variable| part(variable.loc())).collect(),
            conditions: written.conds.iter().filter_map(|condition| part(condition.loc())).collect(),
            text,
        })
    }
}

impl PolicyOutline {
    fn asked(&self, id: &PolicyId, request: &Request, entities: &Entities) -> PolicyInspection {
        let holds = |text: &str| ask(id, text, request, entities);
        let scope = holds(&with_scope(&self.scope, None)) == ConditionOutcome::Held;
        let part = |(place, part): (usize, &Part)| ScopeInspection {
            text: part.text.clone(),
            matches: Some(holds(&with_scope(&self.scope, Some(place))) == ConditionOutcome::Held),
        };
        let parts = self.scope.iter().enumerate().map(part).collect();
        let mut reached = scope;
        let condition = |part: &Part| {
            let outcome = if scope {
                holds(&format!("permit (principal, action, resource) {};", part.text))
            } else {
                ConditionOutcome::NotAsked
            };
            let inspected = ConditionInspection { text: part.text.clone(), outcome, reached };
            reached &= inspected.outcome == ConditionOutcome::Held;
            inspected
        };
        let conditions = self.conditions.iter().map(condition).collect();
        self.inspection(true, scope, parts, conditions)
    }

    /// A policy that was not asked, although (or because) its scope admits the action.
    fn unasked(&self, admits_action: bool) -> PolicyInspection {
        let part = |(place, part): (usize, &Part)| ScopeInspection {
            text: part.text.clone(),
            matches: (place == ACTION).then_some(admits_action),
        };
        let condition = |part: &Part| ConditionInspection {
            text: part.text.clone(),
            outcome: ConditionOutcome::NotAsked,
            reached: false,
        };
        let parts = self.scope.iter().enumerate().map(part).collect();
        self.inspection(false, false, parts, self.conditions.iter().map(condition).collect())
    }

    fn inspection(
        &self,
        asked: bool,
        scope: bool,
        parts: Vec<ScopeInspection>,
        conditions: Vec<ConditionInspection>,
    ) -> PolicyInspection {
        let (id, reason) = (self.id.clone(), self.reason.clone());
        PolicyInspection { id, effect: self.effect, reason, asked, scope, parts, conditions }
    }
}

/// The place of the action among the lines of a scope; Cedar demands the order.
const ACTION: usize = 1;

/// A policy with this scope and no conditions; with one line of it only, where a place is given.
fn with_scope(scope: &[Part], only: Option<usize>) -> String {
    let variables = ["principal", "action", "resource"].into_iter().enumerate();
    let line = |(place, open): (usize, &'static str)| {
        let wanted = only.is_none_or(|only| only == place);
        scope.get(place).filter(|_| wanted).map_or(open.to_owned(), |part| part.text.clone())
    };
    format!("permit ({});", variables.map(line).collect::<Vec<_>>().join(", "))
}

/// Asks a permit of its own whether it holds.
fn ask(id: &PolicyId, text: &str, request: &Request, entities: &Entities) -> ConditionOutcome {
    let policy = Policy::parse(Some(id.clone()), text).map_err(|error| error.to_string());
    let set = policy.and_then(|policy| PolicySet::from_policies([policy]).map_err(|error| error.to_string()));
    let set = match set {
        Ok(set) => set,
        Err(error) => return ConditionOutcome::Erred(error),
    };
    let response = Authorizer::new().is_authorized(request, &set, entities);
    let error = response.diagnostics().errors().next().map(ToString::to_string);
    match (error, response.decision()) {
        (Some(error), _) => ConditionOutcome::Erred(error),
        (None, Decision::Allow) => ConditionOutcome::Held,
        (None, Decision::Deny) => ConditionOutcome::NotHeld,
    }
}

/// Where each policy stands. Gateways do not keep it.
#[derive(Debug, Default)]
pub(super) struct Origins {
    #[cfg(not(target_os = "wasi"))]
    places: BTreeMap<PolicyId, TextPlace>,
    #[cfg(not(target_os = "wasi"))]
    written_here: bool,
}

#[cfg(not(target_os = "wasi"))]
impl Origins {
    pub(super) fn of(source: &Source, policies: &PolicySet) -> Self {
        let place = |policy: &Policy| Some((policy.id().clone(), TextPlace::of_policy(source, policy)?));
        let written_here = source.at != "policies.embedded";
        Self { places: policies.policies().filter_map(place).collect(), written_here }
    }

    fn written_here(&self) -> bool {
        self.written_here
    }

    pub(super) fn place(&self, id: &PolicyId) -> Option<&TextPlace> {
        self.places.get(id)
    }
}

#[cfg(target_os = "wasi")]
impl Origins {
    #[inline(always)]
    pub(super) fn of(_: &Source, _: &PolicySet) -> Self {
        Self {}
    }

    fn written_here(&self) -> bool {
        false
    }

    pub(super) fn place(&self, _: &PolicyId) -> Option<&TextPlace> {
        None
    }
}
