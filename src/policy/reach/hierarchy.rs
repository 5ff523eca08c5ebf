//! What can descend from what, over all requests at once.
//!
//! A request adds to the static entities: its principal gets parents from the token, and its resource from the route. So
//! a document can belong to a person, and through them to a role that stands in a token alone. Everything that some
//! request can link is linked here.

use std::collections::BTreeSet;

use cedar_policy::{EntityTypeName, EntityUid};

use super::Asked;
use crate::policy::EntityId;
use crate::policy::entities::Store;
use crate::policy::question::Asker;

/// All links together.
pub(super) struct Hierarchy<'e> {
    pub(super) store: &'e Store,
    pub(super) askers: &'e [Asker],
    /// What is asked about, on whatever route.
    pub(super) resources: Vec<&'e Asked<'e>>,
}

/// One entity, or one of several.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Node {
    /// Any entity of a type.
    Any(EntityTypeName),
    /// Anybody who can be this asker, by its place.
    Asker(usize),
    /// This one.
    One(EntityUid),
}

impl Hierarchy<'_> {
    /// Everything that a node can be or descend from, itself included.
    pub(super) fn above(&self, start: Node) -> BTreeSet<Node> {
        let mut seen = BTreeSet::from([start.clone()]);
        let mut waiting = vec![start];
        while let Some(node) = waiting.pop() {
            for parent in self.parents(&node) {
                if seen.insert(parent.clone()) {
                    waiting.push(parent);
                }
            }
        }
        seen
    }

    /// Whether a node can be an entity, or descend from it.
    pub(super) fn is_in(&self, start: Node, uid: &EntityUid) -> bool {
        self.above(start).iter().any(|node| self.is(node, uid))
    }

    /// Whether a node can be an entity.
    pub(super) fn is(&self, node: &Node, uid: &EntityUid) -> bool {
        match node {
            Node::Any(entity_type) => entity_type == uid.type_name(),
            Node::Asker(place) => self.askers.get(*place).is_some_and(|asker| can_be(asker, uid)),
            Node::One(one) => one == uid,
        }
    }

    /// Whoever can ask.
    pub(super) fn all_askers(&self) -> impl Iterator<Item = (Node, &Asker)> {
        self.askers.iter().enumerate().map(|(place, asker)| (Node::Asker(place), asker))
    }

    fn parents(&self, node: &Node) -> Vec<Node> {
        let mut parents = Vec::new();
        // Whatever is known of the entities that the node can be.
        match node {
            Node::One(uid) => {
                let ancestors = self.store.inherited(&BTreeSet::from([EntityId(uid.clone())]));
                parents.extend(ancestors.into_iter().map(|id| Node::One(id.0)));
            }
            Node::Any(_) | Node::Asker(_) => {
                let known = self.store.ids().filter(|known| self.is(node, known));
                parents.extend(known.map(|known| Node::One(known.clone())));
            }
        }
        for (place, asker) in self.all_askers() {
            if self.can_be_asker(node, &place, asker) {
                parents.extend(by_token(asker));
            }
        }
        for asked in self.resources.iter().filter(|asked| self.can_be_asked(node, asked)) {
            parents.extend(asked.parents.iter().map(|(parent, id)| of_template(&parent.0, *id)));
        }
        parents
    }

    fn can_be_asker(&self, node: &Node, place: &Node, asker: &Asker) -> bool {
        match node {
            Node::Any(entity_type) => *entity_type == asker.entity_type.0,
            Node::Asker(_) => node == place,
            Node::One(uid) => can_be(asker, uid),
        }
    }

    fn can_be_asked(&self, node: &Node, asked: &Asked<'_>) -> bool {
        match (node, of_template(&asked.entity_type.0, asked.id)) {
            (node, Node::One(uid)) => self.is(node, &uid),
            (Node::Any(entity_type), _) => *entity_type == asked.entity_type.0,
            (Node::Asker(place), _) => {
                self.askers.get(*place).is_some_and(|asker| asker.entity_type == *asked.entity_type)
            }
            (Node::One(uid), _) => *uid.type_name() == asked.entity_type.0,
        }
    }
}

/// The parents that tokens give.
fn by_token(asker: &Asker) -> Vec<Node> {
    let of = |parents: &crate::policy::question::Parents| match &parents.allow {
        Some(allow) => allow.iter().map(|id| Node::One(EntityId::new(&parents.entity_type, id).0)).collect(),
        None => vec![Node::Any(parents.entity_type.0.clone())],
    };
    asker.parents.iter().flat_map(of).collect()
}

/// An entity whose id is the same for every request, or is not.
pub(super) fn of_template(entity_type: &EntityTypeName, id: Option<&str>) -> Node {
    match id {
        Some(id) => Node::One(EntityUid::from_type_name_and_id(entity_type.clone(), cedar_policy::EntityId::new(id))),
        None => Node::Any(entity_type.clone()),
    }
}

/// Whether an asker can have this id: the provider's name stands before it.
pub(super) fn can_be(asker: &Asker, uid: &EntityUid) -> bool {
    let id = uid.id().unescaped();
    let own = id.split_once('|').is_some_and(|(provider, id)| Some(provider) == asker.provider() && !id.is_empty());
    *uid.type_name() == asker.entity_type.0 && own
}
