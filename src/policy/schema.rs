//! What a schema says about the context of an action.

use std::collections::BTreeMap;

use cedar_policy::SchemaFragment;
use serde_json::{Map, Value};

/// A type as the schema declares it, with common types resolved.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Declared {
    /// `Bool`.
    Boolean,
    /// An entity type; the filter puts none into the context.
    Entity,
    /// `datetime`, `decimal`, `ipaddr`, `duration`.
    Extension(String),
    /// `Long`.
    Long,
    /// A record.
    Record(BTreeMap<String, Attribute>),
    /// A set.
    Set(Box<Declared>),
    /// `String`.
    String,
}

/// An attribute of a record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Attribute {
    /// Its type.
    pub(super) declared: Declared,
    /// Whether it must be present.
    pub(super) required: bool,
}

/// The schema in Cedar's JSON form, in which types can be looked up.
pub(super) struct SchemaTypes(Value);

/// Common types that refer to one another are followed so far.
const MOST_STEPS: usize = 64;

impl SchemaTypes {
    /// Reads the types of a schema.
    ///
    /// # Errors
    ///
    /// Cedar's message.
    pub(super) fn of(schema: &str) -> Result<Self, String> {
        let (fragment, _) = SchemaFragment::from_cedarschema_str(schema).map_err(|error| error.to_string())?;
        fragment.to_json_value().map(Self).map_err(|error| error.to_string())
    }

    /// The declared context of an action, by its namespace (empty for none) and id.
    #[must_use]
    pub(super) fn context(&self, namespace: &str, action: &str) -> Option<BTreeMap<String, Attribute>> {
        let applies = self.0.get(namespace)?.get("actions")?.get(action)?.get("appliesTo")?;
        match applies.get("context") {
            None => Some(BTreeMap::new()),
            Some(context) => match self.resolve(context, namespace, MOST_STEPS)? {
                Declared::Record(attributes) => Some(attributes),
                Declared::Boolean
                | Declared::Entity
                | Declared::Extension(_)
                | Declared::Long
                | Declared::Set(_)
                | Declared::String => None,
            },
        }
    }

    fn resolve(&self, json: &Value, namespace: &str, steps: usize) -> Option<Declared> {
        let steps = steps.checked_sub(1)?;
        let members = json.as_object()?;
        let named = || members.get("name").and_then(Value::as_str);
        match members.get("type")?.as_str()? {
            "String" => Some(Declared::String),
            "Long" => Some(Declared::Long),
            "Boolean" | "Bool" => Some(Declared::Boolean),
            "Set" => self.resolve(members.get("element")?, namespace, steps).map(Box::new).map(Declared::Set),
            "Record" => self.record(members, namespace, steps),
            "Entity" => Some(Declared::Entity),
            "Extension" => Some(Declared::Extension(named()?.to_owned())),
            "EntityOrCommon" => self.common(named()?, namespace, steps),
            name => self.common(name, namespace, steps),
        }
    }

    fn record(&self, members: &Map<String, Value>, namespace: &str, steps: usize) -> Option<Declared> {
        let mut attributes = BTreeMap::new();
        if let Some(declared) = members.get("attributes") {
            for (name, attribute) in declared.as_object()? {
                let required = attribute.get("required").and_then(Value::as_bool).unwrap_or(true);
                let declared = self.resolve(attribute, namespace, steps)?;
                attributes.insert(name.clone(), Attribute { declared, required });
            }
        }
        Some(Declared::Record(attributes))
    }

    /// A name without a namespace means a type of this namespace, then one without namespace, then a built-in one.
    fn common(&self, name: &str, namespace: &str, steps: usize) -> Option<Declared> {
        let (own, name) = match name.rsplit_once("::") {
            Some(("__cedar", name)) => return built_in(name),
            Some((namespace, name)) => (namespace, name),
            None => (namespace, name),
        };
        for namespace in [own, ""] {
            let Some(definitions) = self.0.get(namespace) else { continue };
            if let Some(common) = definitions.get("commonTypes").and_then(|types| types.get(name)) {
                return self.resolve(common, namespace, steps);
            }
            if definitions.get("entityTypes").and_then(|types| types.get(name)).is_some() {
                return Some(Declared::Entity);
            }
        }
        built_in(name)
    }
}

fn built_in(name: &str) -> Option<Declared> {
    match name {
        "String" => Some(Declared::String),
        "Long" => Some(Declared::Long),
        "Bool" | "Boolean" => Some(Declared::Boolean),
        "datetime" | "decimal" | "duration" | "ipaddr" => Some(Declared::Extension(name.to_owned())),
        _ => None,
    }
}

impl std::fmt::Display for Declared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Boolean => f.write_str("Bool"),
            Self::Entity => f.write_str("an entity"),
            Self::Extension(name) => f.write_str(name),
            Self::Long => f.write_str("Long"),
            Self::Record(_) => f.write_str("a record"),
            Self::Set(element) => write!(f, "Set<{element}>"),
            Self::String => f.write_str("String"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_types_are_resolved() {
        let schema = "type Token = { scopes: Set<String>, acr?: String };
            entity User; entity Doc;
            action view appliesTo { principal: [User], resource: [Doc], context: { token: Token, time: { now: datetime } } };";
        let context = SchemaTypes::of(schema).unwrap().context("", "view").unwrap();
        let Declared::Record(token) = &context["token"].declared else { panic!("{context:?}") };
        assert_eq!(token["scopes"].declared, Declared::Set(Box::new(Declared::String)));
        assert!(!token["acr"].required);
        let Declared::Record(time) = &context["time"].declared else { panic!("{context:?}") };
        assert_eq!(time["now"].declared, Declared::Extension("datetime".to_owned()));
    }
}
