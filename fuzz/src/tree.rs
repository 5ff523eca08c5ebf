//! A JSON document with all that a map would hide: members that occur twice.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// A JSON value, its members in order.
#[derive(Debug)]
pub enum Tree {
    /// An array.
    Array(Vec<Tree>),
    /// An object.
    Object(Vec<(String, Tree)>),
    /// Everything else.
    Scalar,
}

/// A JSON object without twins, of a bounded size.
#[must_use]
pub fn object(text: &[u8], depth: usize, values: usize) -> Option<Map<String, Value>> {
    Tree::read(text).filter(|tree| !tree.is_excessive(depth, values))?;
    match serde_json::from_slice(text) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    }
}

impl Tree {
    /// Reads a document, by serde_json's own rules.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }

    /// Whether it is deeper than `depth` levels of arrays and objects, has more values, or a member twice.
    #[must_use]
    pub fn is_excessive(&self, depth: usize, values: usize) -> bool {
        self.depth() > depth || self.values() > values || self.has_twins()
    }

    fn depth(&self) -> usize {
        self.inner().map(|inner| 1 + inner.iter().map(|value| value.depth()).max().unwrap_or(0)).unwrap_or(0)
    }

    fn values(&self) -> usize {
        1 + self.inner().unwrap_or_default().iter().map(|value| value.values()).sum::<usize>()
    }

    fn has_twins(&self) -> bool {
        let twins = match self {
            Self::Object(members) => {
                let mut names: Vec<&String> = members.iter().map(|(name, _)| name).collect();
                names.sort();
                names.windows(2).any(|pair| pair[0] == pair[1])
            }
            Self::Array(_) | Self::Scalar => false,
        };
        twins || self.inner().unwrap_or_default().iter().any(|value| value.has_twins())
    }

    fn inner(&self) -> Option<Vec<&Self>> {
        match self {
            Self::Array(items) => Some(items.iter().collect()),
            Self::Object(members) => Some(members.iter().map(|(_, value)| value).collect()),
            Self::Scalar => None,
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Everything)
    }
}

struct Everything;

impl<'de> Visitor<'de> for Everything {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_str<E>(self, _: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Tree::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Tree::Object(object))
    }
}
