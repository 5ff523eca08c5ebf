//! The resource of a request, made of its path, query and body.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{ParameterKind, Parameters};
use crate::policy::{EntityId, EntityType, Facts, Resource, TypedValue};

/// How the resource of a route is made.
#[derive(Clone, Debug)]
pub struct ResourceTemplate {
    /// Its type.
    pub entity_type: EntityType,
    /// Its id.
    pub id: TextTemplate,
    /// What it belongs to.
    pub parents: Vec<(EntityType, TextTemplate)>,
    /// What the request says about it.
    pub attributes: BTreeMap<String, AttributeSource>,
}

/// Where an attribute of a resource comes from.
#[derive(Clone, Debug)]
pub enum AttributeSource {
    /// A declared member of the body.
    Body(String),
    /// A path parameter.
    Parameter(String),
    /// A declared query parameter.
    Query(String),
    /// A fixed text.
    Text(String),
}

/// A text with path parameters in it: `{id}`, `{tenant}/{id}`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TextTemplate(Vec<Part>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Literal(String),
    Parameter(String),
}

/// Why a text template is none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TextTemplateError {
    /// Two parameters could run into one another, so that two objects had one id.
    Alias(String, String),
    /// A brace without its counterpart.
    Brace,
    /// Nothing at all.
    Empty,
    /// A parameter that the path lacks.
    Unknown(String),
}

impl TextTemplate {
    /// Reads a template over the parameters of a path.
    ///
    /// # Errors
    ///
    /// [`TextTemplateError`].
    pub fn parse(text: &str, kinds: &BTreeMap<String, ParameterKind>) -> Result<Self, TextTemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or(TextTemplateError::Brace)?;
            if !kinds.contains_key(name) {
                return Err(TextTemplateError::Unknown(name.to_owned()));
            }
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            parts.push(Part::Parameter(name.to_owned()));
            rest = after;
        }
        if rest.contains('}') || parts.iter().any(|part| matches!(part, Part::Literal(text) if text.contains('}'))) {
            return Err(TextTemplateError::Brace);
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        if parts.is_empty() {
            return Err(TextTemplateError::Empty);
        }
        check_separation(&parts, kinds)?;
        Ok(Self(parts))
    }

    /// The text, where it has no parameters.
    #[must_use]
    pub fn fixed(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// The text for the parameters of a request.
    #[must_use]
    pub fn fill(&self, parameters: &Parameters) -> String {
        let part = |part: &Part| match part {
            Part::Literal(text) => text.clone(),
            Part::Parameter(name) => parameters.get(name).cloned().unwrap_or_default(),
        };
        self.0.iter().map(part).collect()
    }
}

/// Between two parameters there must be a character that neither can contain: `/` for any, `|` or `:` for those of a
/// closed grammar.
fn check_separation(parts: &[Part], kinds: &BTreeMap<String, ParameterKind>) -> Result<(), TextTemplateError> {
    let mut before: Option<(&str, String)> = None;
    for part in parts {
        match part {
            Part::Literal(text) => {
                if let Some((_, between)) = &mut before {
                    between.push_str(text);
                }
            }
            Part::Parameter(name) => {
                if let Some((earlier, between)) = &before {
                    let open = |name: &str| kinds.get(name).is_none_or(ParameterKind::is_open);
                    let any_path = [*earlier, name.as_str()]
                        .into_iter()
                        .any(|name| matches!(kinds.get(name), Some(ParameterKind::Path)));
                    let apart = if any_path {
                        false
                    } else if open(earlier) || open(name) {
                        between.contains('/')
                    } else {
                        between.contains(['/', '|', ':'])
                    };
                    if !apart {
                        return Err(TextTemplateError::Alias((*earlier).to_owned(), name.clone()));
                    }
                }
                before = Some((name, String::new()));
            }
        }
    }
    Ok(())
}

impl ResourceTemplate {
    /// The resource of a request. Attributes whose source is absent are left out.
    #[must_use]
    pub fn fill(&self, parameters: &Parameters, facts: &Facts) -> Resource {
        let attribute = |source: &AttributeSource| match source {
            AttributeSource::Body(name) => facts.body.get(name).cloned(),
            AttributeSource::Parameter(name) => parameters.get(name).cloned().map(TypedValue::String),
            AttributeSource::Query(name) => facts.query.get(name).cloned(),
            AttributeSource::Text(text) => Some(TypedValue::String(text.clone())),
        };
        let parents: BTreeSet<EntityId> =
            self.parents.iter().map(|(entity_type, id)| EntityId::new(entity_type, &id.fill(parameters))).collect();
        let attributes = self.attributes.iter();
        Resource {
            id: EntityId::new(&self.entity_type, &self.id.fill(parameters)),
            parents,
            attributes: attributes.filter_map(|(name, source)| Some((name.clone(), attribute(source)?))).collect(),
        }
    }
}

impl fmt::Display for TextTemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alias(one, other) => {
                write!(f, "`{{{one}}}` and `{{{other}}}` could run into one another; put a `/` between them")
            }
            Self::Brace => f.write_str("a brace lacks its counterpart"),
            Self::Empty => f.write_str("must not be empty"),
            Self::Unknown(name) => write!(f, "the path has no parameter `{name}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds() -> BTreeMap<String, ParameterKind> {
        [("a", ParameterKind::Slug), ("b", ParameterKind::Slug), ("s", ParameterKind::Segment)]
            .into_iter()
            .map(|(name, kind)| (name.to_owned(), kind))
            .collect()
    }

    #[test]
    fn two_objects_never_get_one_id() {
        let parse = |text| TextTemplate::parse(text, &kinds());
        for apart in ["{a}", "x{a}", "{a}/{b}", "{a}:{b}", "{a}/{s}"] {
            assert!(parse(apart).is_ok(), "{apart}");
        }
        for together in ["{a}{b}", "{a}-{b}", "{a}:{s}", "{a}_x_{b}"] {
            assert!(matches!(parse(together), Err(TextTemplateError::Alias(..))), "{together}");
        }
        assert_eq!(parse("{c}"), Err(TextTemplateError::Unknown("c".to_owned())));
        assert_eq!(parse("{a"), Err(TextTemplateError::Brace));
        assert_eq!(parse(""), Err(TextTemplateError::Empty));
    }
}
