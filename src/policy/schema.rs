//! What a schema says about the context of an action.

use std::collections::BTreeMap;

use cedar_policy::{EntityUid, Schema};
use cedar_policy_core::validator::ValidatorSchema;
use cedar_policy_core::validator::types::{AttributeType, Attributes, Type};
use smol_str::SmolStr;

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

/// The declared context of an action; nothing where the schema does not say what it is.
///
/// Cedar's own types are read, in which common types are resolved already, by its rules for names; see
/// docs/adr/0005-declared-types-from-cedars-inner-package.md.
#[must_use]
pub(super) fn context(schema: &Schema, action: &EntityUid) -> Option<BTreeMap<String, Attribute>> {
    let schema: &ValidatorSchema = schema.as_ref();
    match schema.context_type(action.as_ref())? {
        Type::Record { attrs, .. } => attributes(attrs),
        Type::Bool(_)
        | Type::Entity(_)
        | Type::ExtensionType { .. }
        | Type::Long
        | Type::Never
        | Type::Set { .. }
        | Type::String => None,
    }
}

/// Recursion ends, as Cedar's own has ended that made the type.
fn attributes(attributes: &Attributes) -> Option<BTreeMap<String, Attribute>> {
    let attribute = |(name, attribute): (&SmolStr, &AttributeType)| {
        let declared = declared(&attribute.attr_type)?;
        Some((name.to_string(), Attribute { declared, required: attribute.is_required }))
    };
    attributes.iter().map(attribute).collect()
}

fn declared(declared_type: &Type) -> Option<Declared> {
    Some(match declared_type {
        Type::Bool(_) => Declared::Boolean,
        Type::Entity(_) => Declared::Entity,
        Type::ExtensionType { name } => Declared::Extension(name.to_string()),
        Type::Long => Declared::Long,
        Type::Record { attrs, .. } => Declared::Record(attributes(attrs)?),
        Type::Set { element_type } => Declared::Set(Box::new(declared(element_type.as_ref()?)?)),
        Type::String => Declared::String,
        // Only Cedar's type checker makes it.
        Type::Never => return None,
    })
}

impl std::fmt::Display for Declared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Boolean => f.write_str("Bool"),
            Self::Entity => f.write_str("an entity"),
            Self::Extension(name) => f.write_str(name),
            Self::Long => f.write_str("Long"),
            Self::Record(attributes) => {
                let member = |(name, attribute): (&String, &Attribute)| {
                    format!("{name}{}: {}", if attribute.required { "" } else { "?" }, attribute.declared)
                };
                write!(f, "{{ {} }}", attributes.iter().map(member).collect::<Vec<_>>().join(", "))
            }
            Self::Set(element) => write!(f, "Set<{element}>"),
            Self::String => f.write_str("String"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(schema: &str, action: &str) -> BTreeMap<String, Attribute> {
        super::context(&schema.parse().unwrap(), &action.parse().unwrap()).unwrap()
    }

    #[test]
    fn common_types_are_resolved() {
        let schema = "type Token = { scopes: Set<String>, acr?: String };
            entity User; entity Doc;
            action view appliesTo { principal: [User], resource: [Doc], context: { token: Token, time: { now: datetime } } };";
        let context = context(schema, r#"Action::"view""#);
        let Declared::Record(token) = &context["token"].declared else { panic!("{context:?}") };
        assert_eq!(token["scopes"].declared, Declared::Set(Box::new(Declared::String)));
        assert!(!token["acr"].required);
        let Declared::Record(time) = &context["time"].declared else { panic!("{context:?}") };
        assert_eq!(time["now"].declared, Declared::Extension("datetime".to_owned()));
    }

    #[test]
    fn names_are_resolved_across_namespaces() {
        let schema = "type Flag = Bool;
            namespace Bank {
                type Level = String;
                entity User, Doc;
                action view appliesTo {
                    principal: [User],
                    resource: [Doc],
                    context: { own: Level, outer: Flag, built_in: __cedar::String, user: Bank::User },
                };
            }";
        let context = context(schema, r#"Bank::Action::"view""#);
        let types = ["own", "outer", "built_in", "user"].map(|name| &context[name].declared);
        assert_eq!(types, [&Declared::String, &Declared::Boolean, &Declared::String, &Declared::Entity]);
    }

    #[test]
    fn an_action_without_a_context_has_an_empty_one() {
        let schema = "entity User; action view appliesTo { principal: [User], resource: [User] };";
        assert_eq!(context(schema, r#"Action::"view""#), BTreeMap::new());
    }
}
