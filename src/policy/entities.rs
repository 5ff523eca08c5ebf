//! Static entities, and the slice of them that one request needs.
//!
//! In Cedar a missing ancestor makes `in` false without an error, so a slice too small would switch a `forbid` off in
//! silence. A slice holds the principal, the action, the resource and every entity that a policy names, closed over
//! ancestors and over entities in attributes and tags; an expression can reach nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use cedar_policy::{Entities, Entity, EntityUid, EvalResult, Schema};
use cedar_policy_core::ast::{self, PartialValue};
use cedar_policy_core::entities::{Dereference, Entities as CoreEntities, NoEntitiesSchema, TCComputation};
use cedar_policy_core::extensions::Extensions;
use serde_json::Value;
use smol_str::SmolStr;

use super::{EntityId, TypedValue, with_causes};

/// An entity as a request describes it.
#[derive(Clone, Copy)]
pub(super) struct Described<'a> {
    pub(super) id: &'a EntityId,
    pub(super) attributes: &'a BTreeMap<String, TypedValue>,
    pub(super) parents: &'a BTreeSet<EntityId>,
}

/// The entities around principals of the same parents: those parents, what these descend from and mention, and what the
/// policies of a plan name. They are the same for many requests.
pub(super) struct Surroundings {
    entities: CoreEntities,
    /// What any of them descends from.
    ancestors: HashSet<ast::EntityUID>,
}

/// A principal, and its surroundings, in which it has no part.
pub(super) struct Place {
    pub(super) around: Rc<Surroundings>,
    pub(super) entity: Arc<ast::Entity>,
}

/// The static entities of a policy set.
pub(super) struct Store(HashMap<EntityUid, Node>);

struct Node {
    entity: Arc<ast::Entity>,
    ancestors: Vec<EntityUid>,
    /// Everything that can be reached from here, itself not included.
    reach: Vec<(EntityUid, Arc<ast::Entity>)>,
}

impl Store {
    /// Reads static entities.
    ///
    /// # Errors
    ///
    /// Cedar's message.
    pub(super) fn load(json: &Value, schema: &Schema) -> Result<Self, String> {
        let all = Entities::from_json_value(json.clone(), Some(schema)).map_err(|error| with_causes(&error))?;
        let (mut nodes, mut links) = (HashMap::new(), HashMap::new());
        for entity in all.iter() {
            links.insert(entity.uid(), mentioned(entity)?);
            let ancestors = all.ancestors(&entity.uid()).into_iter().flatten().cloned().collect();
            let entity = (entity.uid(), Arc::new(entity.as_ref().clone()));
            nodes.insert(entity.0, Node { entity: entity.1, ancestors, reach: Vec::new() });
        }
        let reached = |uid: EntityUid| nodes.get(&uid).map(|node| (uid, Arc::clone(&node.entity)));
        let reach: Vec<(EntityUid, Vec<_>)> = nodes
            .keys()
            .map(|uid| (uid.clone(), reachable(uid, &links).into_iter().filter_map(reached).collect()))
            .collect();
        for (uid, reach) in reach {
            nodes.get_mut(&uid).into_iter().for_each(|node| node.reach.clone_from(&reach));
        }
        Ok(Self(nodes))
    }

    /// What every request of a plan needs: what its policies name, with all that this reaches, and its actions.
    ///
    /// # Errors
    ///
    /// Cedar's message.
    pub(super) fn base(&self, named: &[EntityUid], actions: Vec<Entity>) -> Result<Entities, String> {
        let mut base = Gathered::new();
        for action in actions {
            base.insert(action.uid(), Arc::new(action.as_ref().clone()));
        }
        for uid in named {
            self.gather(uid, &mut base);
        }
        let base = base.into_values().map(|entity| Entity::from((*entity).clone()));
        Entities::from_entities(base, None).map_err(|error| with_causes(&error))
    }

    /// Whether an entity stands in the static entities.
    pub(super) fn contains(&self, id: &EntityId) -> bool {
        self.0.contains_key(&id.0)
    }

    /// The ids of all of them.
    pub(super) fn ids(&self) -> impl Iterator<Item = &EntityUid> {
        self.0.keys()
    }

    /// Every entity that stands in an attribute or a tag of one of them.
    pub(super) fn in_values(&self) -> BTreeSet<EntityUid> {
        let mut found = Vec::new();
        for node in self.0.values() {
            let entity = Entity::from((*node.entity).clone());
            let values = entity.attrs().chain(entity.tags()).filter_map(|(_, value)| value.ok()).collect::<Vec<_>>();
            values.iter().for_each(|value| entities_in(value, &mut found));
        }
        found.into_iter().collect()
    }

    /// Whether a static entity has an attribute of this name.
    pub(super) fn has_attribute(&self, id: &EntityId, name: &str) -> bool {
        self.0.get(&id.0).is_some_and(|node| node.entity.get(name).is_some())
    }

    /// Whether any static entity has this type.
    pub(super) fn has_type(&self, entity_type: &super::EntityType) -> bool {
        self.0.keys().any(|uid| *uid.type_name() == entity_type.0)
    }

    /// The given entities and all that they descend from.
    pub(super) fn inherited(&self, ids: &BTreeSet<EntityId>) -> BTreeSet<EntityId> {
        let ancestors = ids.iter().filter_map(|id| self.0.get(&id.0)).flat_map(|node| node.ancestors.iter().cloned());
        ids.iter().cloned().chain(ancestors.map(EntityId)).collect()
    }

    /// The entities around every principal of these parents, for any resource that has no part in them.
    ///
    /// # Errors
    ///
    /// Cedar's message.
    pub(super) fn surround(&self, base: &Entities, parents: &BTreeSet<EntityId>) -> Result<Surroundings, String> {
        let mut around = Gathered::new();
        parents.iter().for_each(|parent| self.gather_parent(parent, &mut around));
        around.retain(|uid, _| base.get(uid).is_none());
        let entities = with(base.as_ref().clone(), around.into_values())?;
        let ancestors = entities.iter().flat_map(ast::Entity::ancestors).cloned().collect();
        Ok(Surroundings { entities: with_room(entities)?, ancestors })
    }

    /// The entity of a principal among its surroundings; nothing where it has a part in them, or leads to more than they
    /// are.
    ///
    /// # Errors
    ///
    /// Cedar's message: a value that it does not take.
    pub(super) fn stranger(
        &self,
        around: &Surroundings,
        principal: Described<'_>,
    ) -> Result<Option<Arc<ast::Entity>>, String> {
        if self.0.contains_key(&principal.id.0) || around.has_part_in(principal.id.0.as_ref()) {
            return Ok(None);
        }
        let own = self.merged_entity(principal.id, principal.attributes, principal.parents)?;
        Ok((!descends(&own, own.uid())).then(|| Arc::new(own)))
    }

    /// The entities of one request. The place is that of its principal, where it has one; see [`Store::stranger`].
    ///
    /// They are not held against the schema again: what types, attributes and parents they can have was rehearsed when
    /// the configuration was loaded. Nor is the hierarchy closed again: every entity here knows all its ancestors. Both
    /// cost more than the decision itself, and can be left out through Cedar's inner package only.
    ///
    /// # Errors
    ///
    /// Cedar's message: a value that it does not take.
    pub(super) fn slice(
        &self,
        base: &Entities,
        place: Option<&Place>,
        principal: Described<'_>,
        resource: Described<'_>,
    ) -> Result<CoreEntities, String> {
        let beside = place.map(|place| self.beside(place, resource)).transpose()?.flatten();
        match (place, beside) {
            (Some(place), Some(beside)) => {
                let own = [Arc::clone(&place.entity)];
                with(place.around.entities.clone(), beside.into_iter().chain(own))
            }
            _ => self.whole_slice(base, principal, resource),
        }
    }

    /// What a resource adds to a principal and its surroundings; nothing where it has a part in them.
    fn beside(&self, place: &Place, resource: Described<'_>) -> Result<Option<Vec<Arc<ast::Entity>>>, String> {
        let (asker, asked) = (place.entity.uid(), resource.id.0.as_ref());
        if asker == asked || place.around.has_part_in(asked) {
            return Ok(None);
        }
        let mut beside = Gathered::new();
        self.gather_all(resource, &mut beside);
        beside.retain(|uid, _| uid.as_ref() != asked && !place.around.has(uid.as_ref()));
        let own = Arc::new(self.merged_entity(resource.id, resource.attributes, resource.parents)?);
        let all: Vec<Arc<ast::Entity>> = beside.into_values().chain([own]).collect();
        let reopens = all.iter().any(|entity| descends(entity, asker) || descends(entity, asked));
        Ok((!reopens && all.iter().all(|entity| entity.uid() != asker)).then_some(all))
    }

    fn whole_slice(
        &self,
        base: &Entities,
        principal: Described<'_>,
        resource: Described<'_>,
    ) -> Result<CoreEntities, String> {
        let mut slice = Gathered::new();
        self.gather_all(principal, &mut slice);
        self.gather_all(resource, &mut slice);
        slice.retain(|uid, _| *uid != principal.id.0 && *uid != resource.id.0 && base.get(uid).is_none());
        let mut own = Vec::with_capacity(2);
        if principal.id == resource.id {
            // Somebody asks about themselves: one entity, which is both.
            let attributes = resource.attributes.iter().chain(principal.attributes);
            let attributes = attributes.map(|(name, value)| (name.clone(), value.clone())).collect();
            let parents = principal.parents.union(resource.parents).cloned().collect();
            own.push(self.merged_entity(principal.id, &attributes, &parents)?);
        } else {
            own.push(self.merged_entity(principal.id, principal.attributes, principal.parents)?);
            own.push(self.merged_entity(resource.id, resource.attributes, resource.parents)?);
        }
        // Where something else descends from the principal or the resource, one of these from the other, or a policy
        // names one of them, the request's description changes the hierarchy of others: then it is closed once more.
        let all = slice.values().map(AsRef::as_ref).chain(base.as_ref().iter()).chain(&own);
        let below = all.into_iter().any(|entity| own.iter().any(|own| descends(entity, own.uid())));
        let reopened = below || own.iter().any(|own| base.as_ref().iter().any(|named| named.uid() == own.uid()));
        if !reopened {
            return with(base.as_ref().clone(), slice.into_values().chain(own.into_iter().map(Arc::new)));
        }
        let shared = slice.into_values().map(|entity| (*entity).clone()).chain(base.as_ref().iter().cloned());
        let shared = shared.filter(|entity| own.iter().all(|own| own.uid() != entity.uid()));
        let all: Vec<ast::Entity> = shared.chain(own.iter().cloned()).collect();
        let extensions = Extensions::all_available();
        CoreEntities::from_entities(all, None::<&NoEntitiesSchema>, TCComputation::ComputeNow, extensions)
            .map_err(|error| with_causes(&error))
    }

    /// Adds what an entity is described by: its own static one, its parents, and all that these reach.
    fn gather_all(&self, described: Described<'_>, into: &mut Gathered) {
        described.parents.iter().for_each(|parent| self.gather_parent(parent, into));
        self.gather(&described.id.0, into);
    }

    /// Adds a parent and all that it reaches. One that is not known exists all the same.
    fn gather_parent(&self, id: &EntityId, into: &mut Gathered) {
        if !self.gather(&id.0, into) {
            into.entry(id.0.clone()).or_insert_with(|| Arc::new(ast::Entity::with_uid(id.0.clone().into())));
        }
    }

    /// Adds a static entity and all that it reaches, if there is one.
    fn gather(&self, uid: &EntityUid, into: &mut Gathered) -> bool {
        let Some(node) = self.0.get(uid) else { return false };
        into.entry(uid.clone()).or_insert_with(|| Arc::clone(&node.entity));
        for (uid, entity) in &node.reach {
            into.entry(uid.clone()).or_insert_with(|| Arc::clone(entity));
        }
        true
    }

    /// An entity as a request describes it, over the static one of the same id: the static one wins.
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
        self.merged_entity(id, attributes, parents).map(Entity::from)
    }

    fn merged_entity(
        &self,
        id: &EntityId,
        attributes: &BTreeMap<String, TypedValue>,
        parents: &BTreeSet<EntityId>,
    ) -> Result<ast::Entity, String> {
        let own = self.0.get(&id.0);
        let mut values: Vec<(SmolStr, PartialValue)> = Vec::with_capacity(attributes.len());
        for (name, value) in attributes {
            values.push((name.into(), value.evaluated()?.into()));
        }
        // The static ones come last, and so win.
        let fixed = own.into_iter().flat_map(|node| node.entity.attrs());
        values.extend(fixed.map(|(name, value)| (name.clone(), value.clone())));
        let tags = own.into_iter().flat_map(|node| node.entity.tags());
        let tags = tags.map(|(name, value)| (name.clone(), value.clone()));
        // All ancestors stand as parents, so that the hierarchy is closed as it is.
        let mut ancestors: HashSet<ast::EntityUID> =
            own.into_iter().flat_map(|node| &node.ancestors).map(|uid| uid.as_ref().clone()).collect();
        for parent in parents {
            ancestors.insert(parent.0.as_ref().clone());
            let inherited = self.0.get(&parent.0).into_iter().flat_map(|node| &node.ancestors);
            ancestors.extend(inherited.map(|uid| uid.as_ref().clone()));
        }
        let uid = id.0.as_ref().clone();
        Ok(ast::Entity::new_with_attr_partial_value(uid, values, HashSet::new(), ancestors, tags))
    }
}

/// Entities by their ids; static ones are shared, not copied.
type Gathered = BTreeMap<EntityUid, Arc<ast::Entity>>;

/// The entities that an entity leads to by itself: its parents, whose ancestors are found from there, and those in its
/// attributes and tags.
fn mentioned(entity: &Entity) -> Result<Vec<EntityUid>, String> {
    let mut mentioned: Vec<EntityUid> = entity.as_ref().parents().map(|uid| uid.clone().into()).collect();
    for (_, value) in entity.attrs().chain(entity.tags()) {
        entities_in(&value.map_err(|error| error.to_string())?, &mut mentioned);
    }
    Ok(mentioned)
}

/// The same entities in a table with room for those of a request, which would otherwise be laid out anew for each.
fn with_room(entities: CoreEntities) -> Result<CoreEntities, String> {
    let Some(entity_type) = super::EntityType::parse("Room") else { return Ok(entities) };
    let rooms = (0..ROOM).map(|number| EntityId::new(&entity_type, &number.to_string()).0.as_ref().clone());
    let rooms: Vec<ast::EntityUID> = rooms.collect();
    let closed = TCComputation::AssumeAlreadyComputed;
    let widened = with(entities, rooms.iter().cloned().map(|uid| Arc::new(ast::Entity::with_uid(uid))))?;
    widened.remove_entities(rooms, closed).map_err(|error| with_causes(&error))
}

/// The principal, the resource, its parents.
const ROOM: usize = 4;

impl Surroundings {
    fn has(&self, uid: &ast::EntityUID) -> bool {
        matches!(self.entities.entity(uid), Dereference::Data(_))
    }

    /// Whether an entity is one of them, or one that they descend from, so that what a request says of it would change
    /// them.
    fn has_part_in(&self, uid: &ast::EntityUID) -> bool {
        self.has(uid) || self.ancestors.contains(uid)
    }
}

/// Whether an entity descends from another one. Each has a few ancestors, and they are compared sooner than hashed.
fn descends(entity: &ast::Entity, from: &ast::EntityUID) -> bool {
    entity.ancestors().any(|ancestor| ancestor == from)
}

/// Adds entities that are new, and that know all their ancestors.
fn with(entities: CoreEntities, further: impl IntoIterator<Item = Arc<ast::Entity>>) -> Result<CoreEntities, String> {
    let (closed, extensions) = (TCComputation::AssumeAlreadyComputed, Extensions::all_available());
    entities.add_entities(further, None::<&NoEntitiesSchema>, closed, extensions).map_err(|error| with_causes(&error))
}

pub(super) fn entities_in(value: &EvalResult, found: &mut Vec<EntityUid>) {
    match value {
        EvalResult::EntityUid(uid) => found.push(uid.clone()),
        EvalResult::Set(set) => set.iter().for_each(|item| entities_in(item, found)),
        EvalResult::Record(record) => record.iter().for_each(|(_, item)| entities_in(item, found)),
        EvalResult::Bool(_) | EvalResult::ExtensionValue(_) | EvalResult::Long(_) | EvalResult::String(_) => {}
    }
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
