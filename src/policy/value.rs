//! The values of the policy vocabulary. They are built by type; JSON of a claim never reaches a Cedar parser, so that
//! `{"__entity": …}` in a claim is a refused value and not an entity.

use std::collections::BTreeSet;
use std::fmt;

use cedar_policy::{EntityTypeName, EntityUid, RestrictedExpression};
use cedar_policy_core::ast;
use cedar_policy_core::evaluator::RestrictedEvaluator;
use cedar_policy_core::extensions::Extensions;
use serde_json::Value;

/// The name of an entity type, with its namespace where it has one.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct EntityType(pub(super) EntityTypeName);

/// An entity: its type and its id, the id taken as it is.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EntityId(pub(super) EntityUid);

/// The types that claims, bodies, query parameters and headers can be declared with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ValueType {
    /// `true` or `false`.
    Boolean,
    /// A decimal number with one to four fractional digits, written as a string: `"12.50"`.
    Decimal,
    /// A 64-bit integer, written as such.
    Long,
    /// A list of strings.
    SetOfString,
    /// A string.
    String,
}

/// A value of one of these types.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TypedValue {
    /// See [`ValueType::Boolean`].
    Boolean(bool),
    /// See [`ValueType::Decimal`].
    Decimal(String),
    /// See [`ValueType::Long`].
    Long(i64),
    /// See [`ValueType::SetOfString`].
    SetOfString(BTreeSet<String>),
    /// See [`ValueType::String`].
    String(String),
}

impl EntityType {
    /// Reads a type name as Cedar writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

impl fmt::Display for EntityType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl EntityId {
    /// An entity of a type and an id. Never made by formatting text, so that no id can break out of its quotes.
    #[must_use]
    pub fn new(entity_type: &EntityType, id: &str) -> Self {
        Self(EntityUid::from_type_name_and_id(entity_type.0.clone(), cedar_policy::EntityId::new(id)))
    }
}

impl EntityId {
    /// The type.
    #[must_use]
    pub fn entity_type(&self) -> EntityType {
        EntityType(self.0.type_name().clone())
    }

    /// Whether it has this type, and one of these ids where they are limited.
    #[must_use]
    pub fn is_a(&self, entity_type: &EntityType, ids: Option<&[String]>) -> bool {
        *self.0.type_name() == entity_type.0 && ids.is_none_or(|ids| ids.iter().any(|id| id == self.0.id().unescaped()))
    }
}

impl fmt::Display for EntityId {
    /// As Cedar writes it: `Type::"id"`, with the id escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (entity_type, id) = (self.0.type_name(), self.0.id().unescaped());
        // Most ids have nothing to escape, which is quicker found out than Cedar does it.
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'|' | b'@' | b'/' | b':');
        if !id.bytes().all(plain) {
            return self.0.fmt(f);
        }
        entity_type.fmt(f)?;
        f.write_str("::\"")?;
        f.write_str(id)?;
        f.write_str("\"")
    }
}

impl ValueType {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 5] = [Self::Boolean, Self::Decimal, Self::Long, Self::SetOfString, Self::String];

    /// The name in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "Boolean",
            Self::Decimal => "Decimal",
            Self::Long => "Long",
            Self::SetOfString => "Set<String>",
            Self::String => "String",
        }
    }

    /// The type of a configured name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|value_type| value_type.name() == name)
    }
}

impl TypedValue {
    /// Reads a JSON value as a type, without any coercion.
    #[must_use]
    pub fn of_json(value: &Value, value_type: ValueType) -> Option<Self> {
        match value_type {
            ValueType::Boolean => value.as_bool().map(Self::Boolean),
            ValueType::Decimal => {
                value.as_str().filter(|text| is_decimal(text)).map(|text| Self::Decimal(text.to_owned()))
            }
            ValueType::Long => value.as_i64().map(Self::Long),
            ValueType::SetOfString => {
                let items = value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned));
                items.collect::<Option<_>>().map(Self::SetOfString)
            }
            ValueType::String => value.as_str().map(|text| Self::String(text.to_owned())),
        }
    }

    /// Reads the text of a query parameter or a header as a type. A list does not fit into one.
    #[must_use]
    pub fn of_text(text: &str, value_type: ValueType) -> Option<Self> {
        match value_type {
            ValueType::Boolean => text.parse().ok().map(Self::Boolean),
            ValueType::Decimal => is_decimal(text).then(|| Self::Decimal(text.to_owned())),
            // One spelling for one number: no sign but `-`, no leading zeros.
            ValueType::Long => text.parse::<i64>().ok().filter(|long| long.to_string() == text).map(Self::Long),
            ValueType::SetOfString => None,
            ValueType::String => Some(Self::String(text.to_owned())),
        }
    }

    /// Some value of the type.
    #[must_use]
    pub fn sample(value_type: ValueType) -> Self {
        match value_type {
            ValueType::Boolean => Self::Boolean(false),
            ValueType::Decimal => Self::Decimal("0.0".to_owned()),
            ValueType::Long => Self::Long(0),
            ValueType::SetOfString => Self::SetOfString(BTreeSet::new()),
            ValueType::String => Self::String(String::new()),
        }
    }

    /// The value as Cedar has it.
    ///
    /// # Errors
    ///
    /// Cedar's message about a value that it does not take.
    pub(super) fn evaluated(&self) -> Result<ast::Value, String> {
        Ok(match self {
            Self::Boolean(boolean) => ast::Value::from(*boolean),
            Self::Decimal(text) => evaluated(&RestrictedExpression::new_decimal(text))?,
            Self::Long(long) => ast::Value::from(*long),
            Self::SetOfString(items) => set_of_strings(items),
            Self::String(text) => ast::Value::from(text.as_str()),
        })
    }
}

/// A set of strings as Cedar has it.
pub(super) fn set_of_strings(items: &BTreeSet<String>) -> ast::Value {
    ast::Value::set(items.iter().map(|item| ast::Value::from(item.as_str())), None)
}

/// What an expression without variables amounts to: Cedar's own types, such as `datetime`, are made by its functions only.
///
/// # Errors
///
/// Cedar's message.
pub(super) fn evaluated(expression: &RestrictedExpression) -> Result<ast::Value, String> {
    let evaluator = RestrictedEvaluator::new(Extensions::all_available());
    evaluator.interpret(expression.as_ref().as_borrowed()).map_err(|error| error.to_string())
}

/// What Cedar's `decimal()` takes: digits, a point, one to four digits, within 64 bits. Whatever it would refuse must be
/// refused before it, as its error would be an error of the decision.
fn is_decimal(text: &str) -> bool {
    let Some((whole, fraction)) = text.strip_prefix('-').unwrap_or(text).split_once('.') else { return false };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    // 64 bits hold 922337203685477.5807; fourteen digits before the point stay clear of the edge.
    digits(whole) && digits(fraction) && whole.len() <= 14 && fraction.len() <= 4
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_is_coerced() {
        assert_eq!(TypedValue::of_json(&json!("5"), ValueType::Long), None);
        assert_eq!(TypedValue::of_json(&json!(5.0), ValueType::Long), None);
        assert_eq!(TypedValue::of_json(&json!(u64::MAX), ValueType::Long), None);
        assert_eq!(TypedValue::of_json(&json!({"__entity": {"type": "Role", "id": "admin"}}), ValueType::String), None);
        assert_eq!(TypedValue::of_text("05", ValueType::Long), None);
        assert_eq!(TypedValue::of_text("+5", ValueType::Long), None);
        assert_eq!(TypedValue::of_text("5", ValueType::Long), Some(TypedValue::Long(5)));
    }

    #[test]
    fn a_decimal_is_one_that_cedar_reads() {
        for text in ["0.0", "-12.5", "12.3456", "99999999999999.9999"] {
            assert!(is_decimal(text), "{text}");
        }
        for text in ["", "1", ".5", "1.", "1.23456", "1e5", "999999999999999999.0", "--1.0", "1.0 "] {
            assert!(!is_decimal(text), "{text}");
        }
    }

    #[test]
    fn an_id_stays_inside_of_its_quotes() {
        let role = EntityType::parse("Role").unwrap();
        let id = EntityId::new(&role, r#"x"::Role::"admin"#);
        assert_ne!(id, EntityId::new(&role, "admin"));
        assert_eq!(id.to_string(), r#"Role::"x\"::Role::\"admin""#);
    }

    #[test]
    fn an_id_is_written_as_cedar_writes_it() {
        for entity_type in ["Role", "Bank::Role", "A::B::C"].map(|name| EntityType::parse(name).unwrap()) {
            for id in
                ["admin", "corp|a-b_c.d@e/f:g", "", "a b", "\"", "\\", "\n", "\u{e9}", "'", "\u{202e}", "\u{7f}", "\0"]
            {
                let id = EntityId::new(&entity_type, id);
                assert_eq!(id.to_string(), id.0.to_string());
            }
        }
    }
}
