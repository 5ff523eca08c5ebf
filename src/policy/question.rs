//! What the rest of the filter tells the policy module: who may ask, on which routes, about what.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::EntityUid;

use super::{EntityId, EntityType, TextPlace, TypedValue, ValueType};

/// A kind of principal, as a provider makes it.
#[derive(Clone, Debug)]
pub struct Asker {
    /// Where it is configured, for faults.
    pub at: String,
    /// Its entity type.
    pub entity_type: EntityType,
    /// Its attributes: name, type, and whether it always has them.
    pub attributes: Vec<(String, ValueType, bool)>,
    /// Its possible parents.
    pub parents: Vec<Parents>,
}

impl Asker {
    /// The name of its provider, which stands before every id that it makes.
    pub(super) fn provider(&self) -> Option<&str> {
        self.at.strip_prefix("providers.")?.split('.').next()
    }
}

/// Parents of one type.
#[derive(Clone, Debug)]
pub struct Parents {
    /// Where they are configured, for faults.
    pub at: String,
    /// Their type.
    pub entity_type: EntityType,
    /// Their ids, where they are limited.
    pub allow: Option<Vec<String>>,
}

/// A route, as far as policies see it.
#[derive(Clone, Debug)]
pub struct RouteQuestion {
    /// Where it is configured, for faults.
    pub at: String,
    /// The action: an id, or `Namespace::Action::"id"`.
    pub action: String,
    /// The resource's type.
    pub resource_type: EntityType,
    /// The resource's id, where every request means the same one.
    pub resource_id: Option<String>,
    /// The types of the resource's parents.
    pub parents: Vec<EntityType>,
    /// The resource's attributes: name, type, and whether it always has them.
    pub attributes: Vec<(String, ValueType, bool)>,
    /// Declared members of the body: name, type, and whether they are always there.
    pub body: Vec<(String, ValueType, bool)>,
    /// Declared query parameters, likewise.
    pub query: Vec<(String, ValueType, bool)>,
    /// Declared headers, likewise.
    pub headers: Vec<(String, ValueType, bool)>,
}

impl RouteQuestion {
    /// The action that its name means.
    pub(super) fn action(&self) -> Result<EntityUid, PolicyFault> {
        // Cedar would read escapes in the id of a whole name as well. It has a parser for that alone, which would make a
        // hundredth of the module; nobody names actions so.
        let plain = |id: &&str| !id.contains(['"', '\\']);
        let (entity_type, id) = match self.action.split_once("::\"") {
            Some((entity_type, rest)) => (entity_type, rest.strip_suffix('"').filter(plain)),
            None => ("Action", Some(self.action.as_str()).filter(|id| !id.contains("::"))),
        };
        let entity_type = EntityType::parse(entity_type).filter(|found| found.0.basename() == "Action");
        let uid = entity_type.zip(id).map(|(entity_type, id)| EntityId::new(&entity_type, id).0);
        uid.ok_or_else(|| {
            let message = format!("`{}` is not an action: write `view` or `Bank::Action::\"view\"`", self.action);
            PolicyFault::new(format!("{}.action", self.at), message)
        })
    }
}

/// The resource of one request.
#[derive(Clone, Debug)]
pub struct Resource {
    /// What it is.
    pub id: EntityId,
    /// What it belongs to, besides what its static entity says.
    pub parents: BTreeSet<EntityId>,
    /// What the request says about it; the static entity wins.
    pub attributes: BTreeMap<String, TypedValue>,
}

/// Something wrong with a policy set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PolicyFault {
    /// The path in the configuration.
    pub at: String,
    /// What is wrong.
    pub message: String,
    /// Where in the texts of the policy set, as far as that is known.
    pub place: Option<TextPlace>,
}

impl PolicyFault {
    pub(super) fn new(at: impl Into<String>, message: impl Into<String>) -> Self {
        Self { at: at.into(), message: message.into(), place: None }
    }

    pub(super) fn in_text(self, place: Option<TextPlace>) -> Self {
        Self { place, ..self }
    }
}
