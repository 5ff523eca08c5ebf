//! Loading a policy set, and asking it.

mod direct;

pub use direct::{DirectAnswer, DirectQuestion, DirectSet};

use std::collections::BTreeSet;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::{ActionConstraint, EntityUid, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use cedar_policy_core::ast::{Context, EntityUID, EntityUIDEntry, Request};
use cedar_policy_core::entities::Entities;
use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::challenge::{self, Challenge};
use super::context::{self, Facts, Plan};
use super::entities::{Described, Place, Store};
use super::guard::{self, Caps, Excess, Language};
use super::inspect::Origins;
use super::permit::Permit;
use super::place::TextPlace;
use super::preparation::{Neighbourhoods, Preparation};
use super::question::{Asker, Parents, PolicyFault, Resource, RouteQuestion};
use super::rules::Rules;
use super::source::Source;
use super::{EntityId, EntityType, TypedValue, schema, with_causes};
use crate::audit::hexadecimal;
use crate::refusal::{Cause, Refusal};
use crate::token::{Identity, Session};

/// A policy set that has been judged fit.
pub struct Engine {
    schema: Schema,
    policies: PolicySet,
    store: Store,
    origins: Origins,
    digest: Rc<str>,
}

/// What the policies say to a request.
#[derive(Debug)]
pub struct Verdict {
    /// The permit, or why there is none, and what would do.
    pub outcome: Result<Permit, Refusal>,
    /// The policies that determined it; none where nothing permits.
    pub policies: Vec<Rc<str>>,
    /// The `@reason`s of those policies.
    pub reasons: Vec<Rc<str>>,
    /// Errors of policies, each of which denies.
    pub errors: Vec<String>,
}

/// Everything that loading a policy set yields.
pub struct Loaded {
    /// The engine.
    pub engine: Engine,
    /// How the questions of each route are put; in the order of the routes.
    pub plans: Vec<Plan>,
    /// What is allowed, but worth a look.
    pub warnings: Vec<PolicyFault>,
}

/// An id that no static entity has.
const SAMPLE: &str = "cedar-gate: a sample";

/// Another one, for a parent of the same type.
const PARENT_SAMPLE: &str = "cedar-gate: a parent";

impl Engine {
    /// Judges a policy set against the routes and principals of a configuration.
    ///
    /// # Errors
    ///
    /// All faults that can be seen together.
    pub fn load(
        source: &Source,
        caps: Caps,
        askers: &[Asker],
        routes: &[RouteQuestion],
    ) -> Result<Loaded, Vec<PolicyFault>> {
        let schema = load_schema(source, caps)?;
        let (policies, mut warnings) = load_policies(source, caps, &schema)?;
        let engine = Self::assemble(source, schema, policies)?;
        let mut faults = Vec::new();
        // By what they mean, as `view` and `Action::"view"` are one action.
        let all_offers = |action: Option<EntityUid>| {
            context::union(routes.iter().filter(|route| route.action().ok() == action).map(context::offers))
        };
        let mut plans = Vec::new();
        for (number, route) in routes.iter().enumerate() {
            match engine.plan(number, route, &all_offers(route.action().ok())) {
                Ok(plan) => plans.push(plan),
                Err(found) => faults.extend(found),
            }
        }
        let (rehearsed, unsure) = engine.rehearse(askers, routes);
        faults.extend(rehearsed);
        warnings.extend(unsure);
        if faults.is_empty() && !plans.is_empty() {
            let unasked =
                askers.iter().filter(|asker| !plans.iter().any(|plan| plan.principals.contains(&asker.entity_type.0)));
            warnings.extend(
                unasked.map(|asker| {
                    PolicyFault::new(&asker.at, "no action of the schema applies to this type of principal")
                }),
            );
        }
        if faults.is_empty() { Ok(Loaded { engine, plans, warnings }) } else { Err(faults) }
    }

    fn assemble(source: &Source, schema: Schema, policies: PolicySet) -> Result<Self, Vec<PolicyFault>> {
        let store = Store::load(&source.entities, &schema)
            .map_err(|message| vec![PolicyFault::new(format!("{}.entities", source.at), message)])?;
        let (origins, digest) = (Origins::of(source, &policies), digest(source).into());
        Ok(Self { schema, policies, store, origins, digest })
    }

    /// A digest of schema, policies and static entities: SHA-256 in lower-case hex.
    #[must_use]
    pub fn digest(&self) -> &Rc<str> {
        &self.digest
    }

    /// All policies.
    pub(super) fn policies(&self) -> impl Iterator<Item = &cedar_policy::Policy> {
        self.policies.policies()
    }

    /// Where they came from.
    pub(super) fn origins(&self) -> &Origins {
        &self.origins
    }

    /// The schema.
    pub(super) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The static entities.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Whether a static entity has an attribute of this name.
    pub(super) fn has_attribute(&self, id: &EntityId, name: &str) -> bool {
        self.store.has_attribute(id, name)
    }

    /// Whether the schema has an entity type.
    #[must_use]
    pub fn has_type(&self, entity_type: &EntityType) -> bool {
        self.schema.entity_types().any(|known| *known == entity_type.0)
    }

    /// Whether an entity stands in the static entities.
    #[must_use]
    pub fn has_entity(&self, id: &EntityId) -> bool {
        self.store.contains(id)
    }

    /// What an identity's principal descends from: by its token, and by the static entities.
    #[must_use]
    pub fn held(&self, identity: &Identity) -> BTreeSet<EntityId> {
        let mut own = identity.parents.clone();
        own.insert(identity.principal.clone());
        self.store.inherited(&own)
    }

    /// Decides about one request.
    #[must_use]
    pub fn decide(&self, plan: &Plan, session: &Session, resource: &Resource, facts: &Facts) -> Verdict {
        if !plan.principals.contains(session.principal.0.type_name()) {
            return Verdict::without_policies(Cause::PolicyDenied, Vec::new());
        }
        match self.question(plan, session, resource, facts) {
            Ok((request, entities)) => Self::answer(plan, request, &entities),
            Err(error) => Verdict::without_policies(Cause::PolicyError, vec![error]),
        }
    }

    /// The question of one request to the policies of its plan.
    ///
    /// # Errors
    ///
    /// Cedar's message: a value that it does not take.
    pub(super) fn question(
        &self,
        plan: &Plan,
        session: &Session,
        resource: &Resource,
        facts: &Facts,
    ) -> Result<(Request, Entities), String> {
        let asker = Described { id: &session.principal, attributes: &session.attributes, parents: &session.parents };
        let asked = Described { id: &resource.id, attributes: &resource.attributes, parents: &resource.parents };
        let prepared = session.preparations.of(plan.number, || {
            Ok(Preparation {
                principal: Arc::new(asker.id.0.as_ref().clone()),
                place: self.place(plan, asker)?,
                context: plan.settled(session)?,
            })
        })?;
        let context = plan.context(&prepared.context, session, facts)?;
        let entities = self.store.slice(&plan.base, prepared.place.as_ref(), asker, asked)?;
        Ok((request(Arc::clone(&prepared.principal), plan, asked.id, context), entities))
    }

    fn place(&self, plan: &Plan, principal: Described<'_>) -> Result<Option<Place>, String> {
        let around =
            plan.neighbourhoods.of(principal.parents, || self.store.surround(&plan.base, principal.parents))?;
        Ok(self.store.stranger(&around, principal)?.map(|entity| Place { around, entity }))
    }

    /// Answers a question. There is no other way to an answer of the policies.
    fn answer(plan: &Plan, request: Request, entities: &Entities) -> Verdict {
        let answer = plan.rules.ask(&Evaluator::new(request, entities, Extensions::all_available()));
        let outcome = match (answer.allows, answer.errors.is_empty()) {
            // Cedar passes over a `forbid` that errs, and may allow. An error is never a reason to go on.
            (_, false) => Err(Refusal::from(Cause::PolicyError)),
            (true, true) => Ok(Permit::of_policy()),
            (false, true) => Err(challenge::refusal(answer.determining.iter().map(|rule| rule.challenge.as_ref()))),
        };
        let rules = answer.determining.iter();
        Verdict {
            outcome,
            policies: rules.clone().map(|rule| Rc::clone(&rule.name)).collect(),
            reasons: rules.filter_map(|rule| rule.reason.clone()).collect(),
            errors: answer.errors,
        }
    }

    fn plan(
        &self,
        number: usize,
        route: &RouteQuestion,
        elsewhere: &context::Offers,
    ) -> Result<Plan, Vec<PolicyFault>> {
        let fault = |field: &str, message: String| vec![PolicyFault::new(format!("{}.{field}", route.at), message)];
        let action = route.action().map_err(|fault| vec![fault])?;
        let principals: Vec<_> = match self.schema.principals_for_action(&action) {
            Some(principals) => principals.cloned().collect(),
            None => return Err(fault("action", format!("the schema has no action `{action}`"))),
        };
        let resources: Vec<_> = self.schema.resources_for_action(&action).into_iter().flatten().collect();
        if !resources.contains(&&route.resource_type.0) {
            let message =
                format!("the schema does not apply `{action}` to resources of type `{}`", route.resource_type);
            return Err(fault("resource.type", message));
        }
        let declared = schema::context(&self.schema, &action)
            .ok_or_else(|| fault("action", format!("the context of `{action}` is not a record")))?;
        let mut complaints = Vec::new();
        let context = context::matched("context", &declared, &context::offers(route), elsewhere, &mut complaints);
        if !complaints.is_empty() {
            return Err(complaints.into_iter().map(|complaint| PolicyFault::new(&route.at, complaint)).collect());
        }
        let (policies, base) =
            self.slice_policies(&action, &[]).map_err(|message| vec![PolicyFault::new(&route.at, message)])?;
        Ok(Plan {
            rules: Rules::of(policies.policies()),
            action_name: action.to_string().into(),
            action,
            policies,
            base,
            principals,
            context,
            number,
            neighbourhoods: Neighbourhoods::default(),
        })
    }

    /// The policies whose scope admits an action, and the entities that they name, or that are `named` besides.
    fn slice_policies(
        &self,
        action: &EntityUid,
        named: &[EntityUid],
    ) -> Result<(PolicySet, cedar_policy::Entities), String> {
        let actions = self.schema.action_entities().map_err(|error| with_causes(&error))?;
        let groups: Vec<&EntityUid> = actions.ancestors(action).into_iter().flatten().collect();
        let admits = |policy: &&cedar_policy::Policy| match policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(named) => named == *action,
            ActionConstraint::In(named) => named.iter().any(|named| named == action || groups.contains(&named)),
        };
        let admitted: Vec<_> = self.policies.policies().filter(admits).cloned().collect();
        let literals = admitted.iter().flat_map(cedar_policy::Policy::entity_literals);
        let named: Vec<EntityUid> = literals.chain(named.iter().cloned()).collect();
        let own = std::iter::once(action).chain(groups).filter_map(|uid| actions.get(uid)).cloned().collect();
        let base = self.store.base(&named, own)?;
        Ok((PolicySet::from_policies(admitted).map_err(|error| with_causes(&error))?, base))
    }

    /// Makes sample entities of all that requests can name, with all attributes and with the certain ones only, and has
    /// Cedar check them: what does not fit the schema would otherwise deny every request at run time.
    ///
    /// Yields faults and warnings.
    fn rehearse(&self, askers: &[Asker], routes: &[RouteQuestion]) -> (Vec<PolicyFault>, Vec<PolicyFault>) {
        let mut faults = Vec::new();
        let mut warnings = Vec::new();
        for asker in askers {
            let check = self.rehearse_entity(&asker.entity_type, None, &asker.attributes, &[]);
            let parents = asker.parents.iter();
            faults.extend(parents.filter_map(|parents| self.rehearse_parents(asker, check.is_ok(), parents)));
            faults.extend(check.err().map(|message| PolicyFault::new(&asker.at, message)));
        }
        for route in routes {
            let id = route.resource_id.as_deref();
            let fixed = id.map(|id| EntityId::new(&route.resource_type, id));
            for (name, _, _) in &route.attributes {
                if let Some(fixed) = fixed.as_ref().filter(|fixed| self.store.has_attribute(fixed, name)) {
                    let at = format!("{}.resource.attributes.{name}", route.at);
                    faults
                        .push(PolicyFault::new(at, format!("the static entity `{fixed}` has this attribute already")));
                }
            }
            let parents: Vec<EntityId> =
                route.parents.iter().map(|parent| EntityId::new(parent, PARENT_SAMPLE)).collect();
            let check = self.rehearse_entity(&route.resource_type, id, &route.attributes, &parents);
            let Err(message) = check else { continue };
            let at = format!("{}.resource", route.at);
            if id.is_none() && self.store.has_type(&route.resource_type) {
                let message = format!("only static entities can be asked about here; for others: {message}");
                warnings.push(PolicyFault::new(at, message));
            } else {
                faults.push(PolicyFault::new(at, message));
            }
        }
        (faults, warnings)
    }

    /// Whether the parents are fit by themselves, and for this asker. An asker who is not fit is asked about without
    /// attributes, or, if that does not help, not at all: their own fault says enough.
    fn rehearse_parents(&self, asker: &Asker, fit: bool, parents: &Parents) -> Option<PolicyFault> {
        let attributes = if fit { asker.attributes.as_slice() } else { &[] };
        let can_be_asked = fit || self.rehearse_entity(&asker.entity_type, None, &[], &[]).is_ok();
        let ids: Vec<&str> = match &parents.allow {
            Some(allow) => allow.iter().map(String::as_str).collect(),
            None => vec![SAMPLE],
        };
        for id in ids {
            let parent = EntityId::new(&parents.entity_type, id);
            if !self.store.contains(&parent)
                && let Err(message) = self.rehearse_entity(&parents.entity_type, Some(id), &[], &[])
            {
                return Some(PolicyFault::new(
                    &parents.at,
                    format!("`{parent}` needs a static entity (name the accepted ids by `allow`): {message}"),
                ));
            }
            if can_be_asked && let Err(message) = self.rehearse_entity(&asker.entity_type, None, attributes, &[parent])
            {
                return Some(PolicyFault::new(&parents.at, message));
            }
        }
        None
    }

    /// Checks an entity of this type as requests describe it, over the static one where the id is known.
    fn rehearse_entity(
        &self,
        entity_type: &EntityType,
        id: Option<&str>,
        attributes: &[(String, super::ValueType, bool)],
        parents: &[EntityId],
    ) -> Result<(), String> {
        let id = EntityId::new(entity_type, id.unwrap_or(SAMPLE));
        let parents = parents.iter().cloned().collect();
        for all in [true, false] {
            let sample = |(name, value_type, _): &(String, super::ValueType, bool)| {
                (name.clone(), TypedValue::sample(*value_type))
            };
            let attributes = attributes.iter().filter(|(_, _, always)| all || *always).map(sample).collect();
            let entity = self.store.merged(&id, &attributes, &parents)?;
            cedar_policy::Entities::from_entities([entity], Some(&self.schema)).map_err(|error| with_causes(&error))?;
        }
        Ok(())
    }
}

impl Verdict {
    fn without_policies(cause: Cause, errors: Vec<String>) -> Self {
        Self { outcome: Err(Refusal::from(cause)), policies: Vec::new(), reasons: Vec::new(), errors }
    }
}

fn load_schema(source: &Source, caps: Caps) -> Result<Schema, Vec<PolicyFault>> {
    let fault = |message: String| vec![PolicyFault::new(format!("{}.schema", source.at), message)];
    guard::measure(&source.schema, Language::Schema, caps).map_err(|excess| fault(excess_message(excess, caps)))?;
    let (schema, _) = Schema::from_cedarschema_str(&source.schema).map_err(|error| {
        let place = TextPlace::of_error("schema", &error);
        fault(with_causes(&error)).into_iter().map(|fault| fault.in_text(place.clone())).collect::<Vec<_>>()
    })?;
    Ok(schema)
}

fn load_policies(
    source: &Source,
    caps: Caps,
    schema: &Schema,
) -> Result<(PolicySet, Vec<PolicyFault>), Vec<PolicyFault>> {
    let (policies, mut faults) = read_policies(source, caps);
    let (invalid, warnings) = validate(source, &policies, schema);
    faults.extend(invalid);
    if faults.is_empty() { Ok((policies, warnings)) } else { Err(faults) }
}

/// The policies of a source that can be read, and what is wrong with the others.
fn read_policies(source: &Source, caps: Caps) -> (PolicySet, Vec<PolicyFault>) {
    let mut faults = Vec::new();
    let mut all = PolicySet::new();
    for (name, text) in &source.policies {
        let at = format!("{}.policies", source.at);
        let at = if name.is_empty() { at } else { format!("{at}.{name}") };
        let fault = |message: String| PolicyFault::new(&at, message);
        if let Err(excess) = guard::measure(text, Language::Policies, caps) {
            faults.push(fault(excess_message(excess, caps)));
            continue;
        }
        let parsed = match PolicySet::from_str(text) {
            Ok(parsed) => parsed,
            Err(error) => {
                let place = TextPlace::of_error(name, &error);
                faults.push(fault(with_causes(&error)).in_text(place));
                continue;
            }
        };
        if parsed.templates().next().is_some() {
            faults.push(fault("templates are not supported: nothing would link them".to_owned()));
        }
        for policy in parsed.policies() {
            let id = match policy.annotation("id") {
                Some(id) => id.to_owned(),
                None if name.is_empty() => policy.id().to_string(),
                None => format!("{name}:{}", policy.id()),
            };
            if id.starts_with("separation:") {
                faults.push(fault(format!("`@id(\"{id}\")`: ids with `separation:` belong to compiled constraints")));
            }
            let policy = policy.new_id(PolicyId::new(&id));
            for message in Challenge::read(&policy).err().into_iter().flatten() {
                let place = TextPlace::of_policy(source, &policy);
                faults.push(fault(format!("policy `{id}`: {message}")).in_text(place));
            }
            if all.add(policy).is_err() {
                faults.push(fault(format!("the policy id `{id}` occurs twice")));
            }
        }
    }
    (all, faults)
}

/// Faults and warnings of Cedar's strict validation.
fn validate(source: &Source, policies: &PolicySet, schema: &Schema) -> (Vec<PolicyFault>, Vec<PolicyFault>) {
    let at = format!("{}.policies", source.at);
    let result = Validator::new(schema.clone()).validate(policies, ValidationMode::Strict);
    let faults = result.validation_errors().map(|error| {
        let (message, id) = (with_causes(error), format!("policy `{}`", error.policy_id()));
        // Most of Cedar's messages name the policy; errors of types do not.
        let message = if message.contains(&id) { message } else { format!("for {id}, {message}") };
        PolicyFault::new(&at, message).in_text(TextPlace::of_policy_error(source, policies, error.policy_id(), error))
    });
    let mut warnings: Vec<_> = result
        .validation_warnings()
        .map(|warning| {
            let place = TextPlace::of_policy_error(source, policies, warning.policy_id(), warning);
            PolicyFault::new(&at, with_causes(warning)).in_text(place)
        })
        .collect();
    warnings.extend(policies.policies().filter(|policy| permits_everything(policy)).map(|policy| {
        let message = format!("policy `{}` permits everything to everyone", policy.id());
        PolicyFault::new(&at, message).in_text(TextPlace::of_policy(source, policy))
    }));
    (faults.collect(), warnings)
}

fn permits_everything(policy: &cedar_policy::Policy) -> bool {
    policy.effect() == cedar_policy::Effect::Permit
        && !policy.has_non_scope_constraint()
        && policy.principal_constraint() == cedar_policy::PrincipalConstraint::Any
        && policy.action_constraint() == cedar_policy::ActionConstraint::Any
        && policy.resource_constraint() == cedar_policy::ResourceConstraint::Any
}

fn excess_message(excess: Excess, caps: Caps) -> String {
    match excess {
        Excess::Chain(line) => {
            format!("line {line}: a chain of more than {} operators (limits.policy_chain)", caps.chain)
        }
        Excess::Depth(line) => format!("line {line}: nested deeper than {} (limits.policy_depth)", caps.depth),
        Excess::Unclosed(line) => format!("line {line}: a bracket or a string is not closed"),
    }
}

/// A question without the schema, which would check once more what cannot differ: the types of principal and resource are
/// those of the plan, and the context was matched with its declaration when the plan was made.
fn request(principal: Arc<EntityUID>, plan: &Plan, resource: &EntityId, context: Context) -> Request {
    Request::new_unchecked(
        EntityUIDEntry::Known { euid: principal, loc: None },
        EntityUIDEntry::known(plan.action.as_ref().clone(), None),
        EntityUIDEntry::known(resource.0.as_ref().clone(), None),
        Some(context),
    )
}

fn digest(source: &Source) -> String {
    let mut hash = Sha256::new();
    let entities = sorted(&source.entities).to_string();
    let policies = source.policies.iter().flat_map(|(name, text)| [name.as_str(), text.as_str()]);
    // Lengths keep the parts apart, so that text cannot move from one to the next.
    for part in [source.schema.as_str(), entities.as_str()].into_iter().chain(policies) {
        hash.update(part.len().to_string());
        hash.update(":");
        hash.update(part);
    }
    hexadecimal(&hash.finalize())
}

/// The same value with the members of every object in order: their order depends on how a configuration came.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_unstable();
            let member = |name: &String| Some((name.clone(), sorted(members.get(name)?)));
            Value::Object(names.into_iter().filter_map(member).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}
