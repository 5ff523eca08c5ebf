//! Static entities, and the slice of them that one request needs.
//!
//! In Cedar a missing ancestor makes `in` false without an error, so a slice too small would switch a `forbid` off in
//! silence. A slice holds the principal, the action, the resource and every entity that a policy names, closed over
//! ancestors and over entities in attributes and tags; an expression can reach nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cedar_policy::{Entities, Entity, EntityUid, EvalResult, RestrictedExpression, Schema};
use serde_json::Value;

use super::question::Resource;
use super::{EntityId, TypedValue};
use crate::token::Session;

/// The static entities of a policy set.
pub(super) struct Store {
    nodes: HashMap<EntityUid, Node>,
    /// What every request needs: actions, and what the policies name.
    base: Entities,
}

struct Node {
    entity: Entity,
    attributes: HashMap<String, RestrictedExpression>,
    tags: Vec<(String, RestrictedExpression)>,
    ancestors: Vec<EntityUid>,
    /// Everything that can be reached from here, itself not included.
    reach: Vec<EntityUid>,
}

impl Store {
    /// Reads static entities and prepares what every request needs.
    ///
    /// # Errors
    ///
    /// Cedar's message.
    pub(super) fn load(
        json: &Value,
        schema: &Schema,
        named: impl IntoIterator<Item = EntityUid>,
    ) -> Result<Self, String> {
        let all = Entities::from_json_value(json.clone(), Some(schema)).map_err(|error| message(&error))?;
        let mut nodes = HashMap::new();
        for entity in all.iter() {
            nodes.insert(entity.uid(), Node::read(entity, &all)?);
        }
        let links: HashMap<EntityUid, Vec<EntityUid>> =
            nodes.iter().map(|(uid, node)| (uid.clone(), node.reach.clone())).collect();
        for (uid, node) in &mut nodes {
            node.reach = reachable(uid, &links);
        }
        let mut store = Self { nodes, base: Entities::empty() };
        let mut base = BTreeMap::new();
        for uid in named {
            store.gather(&uid, &mut base);
        }
        store.base = Entities::from_entities(base.into_values(), Some(schema)).map_err(|error| message(&error))?;
        Ok(store)
    }

    /// Whether an entity stands in the static entities.
    pub(super) fn contains(&self, id: &EntityId) -> bool {
        self.nodes.contains_key(&id.0)
    }

    /// Whether any static entity has this type.
    pub(super) fn has_type(&self, entity_type: &super::EntityType) -> bool {
        self.nodes.keys().any(|uid| *uid.type_name() == entity_type.0)
    }

    /// The given entities and all that they descend from.
    pub(super) fn inherited(&self, ids: &BTreeSet<EntityId>) -> BTreeSet<EntityId> {
        let ancestors =
            ids.iter().filter_map(|id| self.nodes.get(&id.0)).flat_map(|node| node.ancestors.iter().cloned());
        ids.iter().cloned().chain(ancestors.map(EntityId)).collect()
    }

    /// The entities of one request.
    ///
    /// # Errors
    ///
    /// Cedar's message: an entity that is not as the schema says.
    pub(super) fn slice(&self, session: &Session, resource: &Resource, schema: &Schema) -> Result<Entities, String> {
        let mut extra = BTreeMap::new();
        let principal = self.merged(&session.principal, &session.attributes, &session.parents)?;
        for id in session.parents.iter().chain(&resource.parents) {
            self.gather(&id.0, &mut extra);
            if !self.nodes.contains_key(&id.0) {
                extra.entry(id.0.clone()).or_insert_with(|| Entity::new_no_attrs(id.0.clone(), HashSet::new()));
            }
        }
        for id in [&session.principal, &resource.id] {
            for uid in self.nodes.get(&id.0).iter().flat_map(|node| &node.reach) {
                self.gather(uid, &mut extra);
            }
        }
        if session.principal == resource.id {
            // Somebody asks about themselves: one entity, which is both.
            let attributes = session.attributes.iter().chain(&resource.attributes);
            let attributes = attributes.map(|(name, value)| (name.clone(), value.clone())).collect();
            let parents = session.parents.union(&resource.parents).cloned().collect();
            extra.insert(session.principal.0.clone(), self.merged(&session.principal, &attributes, &parents)?);
        } else {
            extra.insert(session.principal.0.clone(), principal);
            let resource_entity = self.merged(&resource.id, &resource.attributes, &resource.parents)?;
            extra.insert(resource.id.0.clone(), resource_entity);
        }
        let replaced = [&session.principal, &resource.id].into_iter().any(|id| self.base.get(&id.0).is_some());
        extra.retain(|uid, _| *uid == session.principal.0 || *uid == resource.id.0 || self.base.get(uid).is_none());
        let base = self.base.clone();
        let sliced = if replaced {
            base.upsert_entities(extra.into_values(), Some(schema))
        } else {
            base.add_entities(extra.into_values(), Some(schema))
        };
        sliced.map_err(|error| message(&error))
    }

    /// Adds a static entity and all that it reaches.
    fn gather(&self, uid: &EntityUid, into: &mut BTreeMap<EntityUid, Entity>) {
        let Some(node) = self.nodes.get(uid) else { return };
        into.entry(uid.clone()).or_insert_with(|| node.entity.clone());
        for reached in &node.reach {
            if let Some(node) = self.nodes.get(reached) {
                into.entry(reached.clone()).or_insert_with(|| node.entity.clone());
            }
        }
    }

    /// An entity as the request describes it, over the static one of the same id: the static one wins.
    ///
    /// # Errors
    ///
    /// Cedar's message: a value that it does not take.
    pub(super) fn merged(
        &self,
        id: &EntityId,
        attributes: &BTreeMap<String, TypedValue>,
        parents: &BTreeSet<EntityId>,
    ) -> Result<Entity, String> {
        let mut values: HashMap<String, RestrictedExpression> =
            attributes.iter().map(|(name, value)| (name.clone(), value.expression())).collect();
        let mut parents: HashSet<EntityUid> = parents.iter().map(|parent| parent.0.clone()).collect();
        let mut tags = Vec::new();
        if let Some(node) = self.nodes.get(&id.0) {
            values.extend(node.attributes.iter().map(|(name, value)| (name.clone(), value.clone())));
            parents.extend(node.ancestors.iter().cloned());
            tags.clone_from(&node.tags);
        }
        Entity::new_with_tags(id.0.clone(), values, parents, tags).map_err(|error| message(&error))
    }
}

/// Cedar's error with the reasons behind it, which its first line alone leaves out.
fn message(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl Node {
    /// At first with the direct links only.
    fn read(entity: &Entity, all: &Entities) -> Result<Self, String> {
        let (uid, attributes, _) = entity.clone().into_inner();
        let ancestors: Vec<EntityUid> = all.ancestors(&uid).into_iter().flatten().cloned().collect();
        let mut reach = ancestors.clone();
        let mut tags = Vec::new();
        for (_, value) in entity.attrs() {
            entities_in(&value.map_err(|error| error.to_string())?, &mut reach);
        }
        for (name, value) in entity.tags() {
            let value = value.map_err(|error| error.to_string())?;
            entities_in(&value, &mut reach);
            tags.push((name.to_owned(), expression(&value)?));
        }
        Ok(Self { entity: entity.clone(), attributes, tags, ancestors, reach })
    }
}

fn entities_in(value: &EvalResult, found: &mut Vec<EntityUid>) {
    match value {
        EvalResult::EntityUid(uid) => found.push(uid.clone()),
        EvalResult::Set(set) => set.iter().for_each(|item| entities_in(item, found)),
        EvalResult::Record(record) => record.iter().for_each(|(_, item)| entities_in(item, found)),
        EvalResult::Bool(_) | EvalResult::ExtensionValue(_) | EvalResult::Long(_) | EvalResult::String(_) => {}
    }
}

fn expression(value: &EvalResult) -> Result<RestrictedExpression, String> {
    Ok(match value {
        EvalResult::Bool(boolean) => RestrictedExpression::new_bool(*boolean),
        EvalResult::EntityUid(uid) => RestrictedExpression::new_entity_uid(uid.clone()),
        EvalResult::ExtensionValue(text) => text.parse().map_err(|_| format!("cannot read `{text}` back"))?,
        EvalResult::Long(long) => RestrictedExpression::new_long(*long),
        EvalResult::Record(record) => {
            let fields = record.iter().map(|(name, item)| Ok((name.clone(), expression(item)?)));
            let fields = fields.collect::<Result<Vec<_>, String>>()?;
            RestrictedExpression::new_record(fields).map_err(|error| error.to_string())?
        }
        EvalResult::Set(set) => {
            RestrictedExpression::new_set(set.iter().map(expression).collect::<Result<Vec<_>, String>>()?)
        }
        EvalResult::String(text) => RestrictedExpression::new_string(text.clone()),
    })
}

fn reachable(from: &EntityUid, links: &HashMap<EntityUid, Vec<EntityUid>>) -> Vec<EntityUid> {
    let mut seen = HashSet::from([from.clone()]);
    let mut waiting = vec![from.clone()];
    let mut reached = Vec::new();
    while let Some(uid) = waiting.pop() {
        for next in links.get(&uid).into_iter().flatten() {
            if seen.insert(next.clone()) {
                reached.push(next.clone());
                waiting.push(next.clone());
            }
        }
    }
    reached
}
