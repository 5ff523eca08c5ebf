//! The schema that fits providers and routes: what an author of policies begins with.
//!
//! It declares all that requests can bring and nothing else. Where no schema could fit, because one attribute would have
//! two types or Cedar keeps a name for itself, it says so. The filter itself does not use it.

mod text;

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::EntityUid;

use super::context::{self, Offers};
use super::engine::Engine;
use super::guard::Caps;
use super::question::{Asker, PolicyFault, RouteQuestion};
use super::source::Source;
use super::{EntityType, ValueType};

/// An entity type that something beside providers and routes names.
#[derive(Clone, Debug)]
pub struct NamedType {
    /// Where it is configured.
    pub at: String,
    /// The type.
    pub entity_type: EntityType,
}

/// A schema in Cedar's own syntax that these askers and routes fit.
///
/// # Errors
///
/// All reasons why there is none that can be seen together; what only Cedar sees stands at `policies.inline.schema`.
pub fn derived_schema(
    askers: &[Asker],
    routes: &[RouteQuestion],
    named: &[NamedType],
    caps: Caps,
) -> Result<String, Vec<PolicyFault>> {
    let schema = Outline::of(askers, routes, named)?.to_string();
    let source = Source {
        at: "policies.inline".to_owned(),
        schema: schema.clone(),
        policies: Vec::new(),
        entities: serde_json::Value::Array(Vec::new()),
    };
    Engine::load(&source, caps, askers, routes).map(|_| schema)
}

/// What the schema declares.
#[derive(Default)]
struct Outline {
    entities: BTreeMap<EntityType, Entities>,
    /// The types of principals. Each action applies to all of them: who may do what is for policies to say.
    principals: BTreeSet<EntityType>,
    actions: BTreeMap<EntityUid, Action>,
}

/// The entities of one type.
#[derive(Default)]
struct Entities {
    /// Where they are made.
    at: Vec<String>,
    parents: BTreeSet<EntityType>,
    attributes: Values,
}

/// An action on all of its routes.
#[derive(Default)]
struct Action {
    at: Vec<String>,
    resources: BTreeSet<EntityType>,
    body: Values,
    query: Values,
    headers: Values,
}

/// The typed values of a thing that is made at several places.
#[derive(Default)]
struct Values {
    places: usize,
    members: BTreeMap<String, Member>,
}

struct Member {
    value_type: ValueType,
    required: bool,
    /// Where it is declared first.
    at: String,
}

impl Outline {
    fn of(askers: &[Asker], routes: &[RouteQuestion], named: &[NamedType]) -> Result<Self, Vec<PolicyFault>> {
        let mut outline = Self::default();
        let mut faults = Vec::new();
        for asker in askers {
            outline.principals.insert(asker.entity_type.clone());
            let entities = outline.made(&asker.entity_type, &asker.at);
            entities.parents.extend(asker.parents.iter().map(|parents| parents.entity_type.clone()));
            entities.attributes.add(&format!("{}.attributes", asker.at), &asker.attributes, &mut faults);
            for parents in &asker.parents {
                // A claim says nothing of a parent but its id.
                outline.made(&parents.entity_type, &parents.at).attributes.add(&parents.at, &[], &mut faults);
            }
        }
        for route in routes {
            let resource = format!("{}.resource", route.at);
            let entities = outline.made(&route.resource_type, &resource);
            entities.parents.extend(route.parents.iter().cloned());
            entities.attributes.add(&format!("{resource}.attributes"), &route.attributes, &mut faults);
            for (index, parent) in route.parents.iter().enumerate() {
                // No policy reaches its attributes from the resource, so it does not make them optional.
                outline.made(parent, &format!("{resource}.parents[{index}]"));
            }
            outline.add_action(route, &mut faults);
        }
        for named in named {
            outline.made(&named.entity_type, &named.at);
        }
        if faults.is_empty() { Ok(outline) } else { Err(faults) }
    }

    /// The entities of a type, of which some are made at this place.
    fn made(&mut self, entity_type: &EntityType, at: &str) -> &mut Entities {
        let entities = self.entities.entry(entity_type.clone()).or_default();
        if !entities.at.iter().any(|known| known == at) {
            entities.at.push(at.to_owned());
        }
        entities
    }

    fn add_action(&mut self, route: &RouteQuestion, faults: &mut Vec<PolicyFault>) {
        let uid = match route.action() {
            Ok(uid) => uid,
            Err(fault) => {
                faults.push(fault);
                return;
            }
        };
        let action = self.actions.entry(uid).or_default();
        action.at.push(route.at.clone());
        action.resources.insert(route.resource_type.clone());
        action.body.add(&format!("{}.body", route.at), &route.body, faults);
        action.query.add(&format!("{}.query", route.at), &route.query, faults);
        action.headers.add(&format!("{}.headers", route.at), &route.headers, faults);
    }
}

impl Action {
    /// What the filter supplies to it, on whichever route.
    fn context(&self) -> Offers {
        context::offered(&self.body.list(), &self.query.list(), &self.headers.list())
    }
}

impl Values {
    /// Adds what one place declares. What another place lacks is optional.
    fn add(&mut self, at: &str, declared: &[(String, ValueType, bool)], faults: &mut Vec<PolicyFault>) {
        for (name, member) in &mut self.members {
            member.required &= declared.iter().any(|(other, _, always)| other == name && *always);
        }
        for (name, value_type, always) in declared {
            let at = format!("{at}.{name}");
            match self.members.get(name) {
                None => {
                    let member = Member { value_type: *value_type, required: *always && self.places == 0, at };
                    self.members.insert(name.clone(), member);
                }
                Some(known) if known.value_type == *value_type => {}
                Some(known) => {
                    let message = format!(
                        "is {}, but {} at `{}`: a schema gives it one type",
                        value_type.name(),
                        known.value_type.name(),
                        known.at
                    );
                    faults.push(PolicyFault::new(at, message));
                }
            }
        }
        self.places = self.places.saturating_add(1);
    }

    /// Name, type, and whether it is always there.
    fn list(&self) -> Vec<(String, ValueType, bool)> {
        self.members.iter().map(|(name, member)| (name.clone(), member.value_type, member.required)).collect()
    }
}
