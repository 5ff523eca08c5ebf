//! A member that may be absent or wrong without spoiling what stands beside it.

use serde_json::{Map, Value};

use super::fault::At;

/// A member of a raw mirror. Reading it never fails; what is wrong is told when it is taken.
#[derive(Debug, Default)]
pub(super) enum Field<T> {
    #[default]
    Absent,
    Given(T),
    Wrong(String),
}

/// The members of an object whose names are the user's.
#[derive(Debug)]
pub(super) struct Members<T>(pub(super) Vec<(String, Field<T>)>);

/// A member that is one of two words. The one that switches nothing on holds where the member is absent.
pub(super) struct Switch {
    pub(super) words: [&'static str; 2],
    pub(super) on: &'static str,
}

/// What can be read from a value, or say what it should have been.
pub(super) trait FromValue: Sized {
    /// # Errors
    ///
    /// What is wrong with this value, without regard to what stands in it: members carry their own faults.
    fn from_value(value: Value) -> Result<Self, String>;
}

impl Switch {
    /// Takes the member; another word is a fault.
    pub(super) fn is_on(&self, at: &At, name: &str, field: Field<String>) -> bool {
        let Some(word) = at.take(name, field) else { return false };
        if !self.words.contains(&word.as_str()) {
            let [one, other] = self.words;
            at.field(name).fault(format!("must be `{one}` or `{other}`"));
        }
        word == self.on
    }
}

impl<T> Default for Members<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: FromValue> Field<T> {
    /// Takes a member out of an object.
    pub(super) fn take(members: &mut Map<String, Value>, name: &str) -> Self {
        members.remove(name).map_or(Self::Absent, Self::read)
    }

    /// Whether nothing is said, neither right nor wrong.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub(super) fn read(value: Value) -> Self {
        match T::from_value(value) {
            Ok(value) => Self::Given(value),
            Err(message) => Self::Wrong(message),
        }
    }
}

fn expected<T>(what: &str, value: &Value) -> Result<T, String> {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Err(format!("must be {what}, not {found}"))
}

impl FromValue for Value {
    fn from_value(value: Value) -> Result<Self, String> {
        Ok(value)
    }
}

impl FromValue for String {
    fn from_value(value: Value) -> Result<Self, String> {
        if let Value::String(text) = value { Ok(text) } else { expected("a string", &value) }
    }
}

impl FromValue for bool {
    fn from_value(value: Value) -> Result<Self, String> {
        value.as_bool().map_or_else(|| expected("true or false", &value), Ok)
    }
}

impl FromValue for usize {
    fn from_value(value: Value) -> Result<Self, String> {
        let number = value.as_u64().and_then(|number| Self::try_from(number).ok());
        match (number, &value) {
            (Some(number), _) => Ok(number),
            (None, Value::Number(number)) => Err(format!("must be a whole number of 0 or more, not {number}")),
            (None, _) => expected("a whole number", &value),
        }
    }
}

impl FromValue for Map<String, Value> {
    fn from_value(value: Value) -> Result<Self, String> {
        if let Value::Object(members) = value { Ok(members) } else { expected("an object", &value) }
    }
}

impl<T: FromValue> FromValue for Vec<Field<T>> {
    fn from_value(value: Value) -> Result<Self, String> {
        if let Value::Array(items) = value {
            Ok(items.into_iter().map(Field::read).collect())
        } else {
            expected("a list", &value)
        }
    }
}

impl<T: FromValue> FromValue for Members<T> {
    fn from_value(value: Value) -> Result<Self, String> {
        let members = Map::from_value(value)?;
        Ok(Self(members.into_iter().map(|(name, value)| (name, Field::read(value))).collect()))
    }
}
