//! Path templates, and which of two is more specific.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use super::ParameterKind;
use crate::http::CanonicalPath;

/// A path with parameters: `/payments/{id}`, `/files/{*rest}`.
#[derive(Clone, Debug)]
pub struct PathTemplate {
    text: String,
    segments: Vec<Segment>,
    kinds: BTreeMap<String, ParameterKind>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Segment {
    Literal(String),
    Parameter(String),
    Rest(String),
}

/// Why a template is none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TemplateError {
    /// A segment is neither canonical text nor one parameter.
    Segment(String),
    /// It does not begin with `/`.
    Start,
    /// A parameter occurs twice.
    Twice(String),
    /// A kind is given for a parameter that the template lacks.
    Unknown(String),
}

impl PathTemplate {
    /// Reads a template; parameters without a kind are slugs.
    ///
    /// # Errors
    ///
    /// [`TemplateError`].
    pub fn parse(text: &str, mut given: BTreeMap<String, ParameterKind>) -> Result<Self, TemplateError> {
        let path = text.strip_prefix('/').ok_or(TemplateError::Start)?;
        let mut segments = Vec::new();
        let mut kinds = BTreeMap::new();
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            let segment = segment(part, parts.peek().is_none())?;
            if let Segment::Parameter(name) | Segment::Rest(name) = &segment {
                let kind = match &segment {
                    Segment::Rest(_) => ParameterKind::Path,
                    Segment::Literal(_) | Segment::Parameter(_) => given.remove(name).unwrap_or(ParameterKind::Slug),
                };
                if kinds.insert(name.clone(), kind).is_some() {
                    return Err(TemplateError::Twice(name.clone()));
                }
            }
            segments.push(segment);
        }
        match given.into_keys().next() {
            Some(unknown) => Err(TemplateError::Unknown(unknown)),
            None => Ok(Self { text: text.to_owned(), segments, kinds }),
        }
    }

    /// The parameters and their kinds.
    #[must_use]
    pub fn kinds(&self) -> &BTreeMap<String, ParameterKind> {
        &self.kinds
    }

    /// The template as configured.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn segment(part: &str, last: bool) -> Result<Segment, TemplateError> {
    let wrong = || TemplateError::Segment(part.to_owned());
    let Some(inner) = part.strip_prefix('{') else {
        let canonical = !part.contains(['{', '}', '%', '?'])
            && CanonicalPath::parse(format!("/{part}").as_bytes()).is_ok()
            && (last || !part.is_empty());
        return if canonical { Ok(Segment::Literal(part.to_owned())) } else { Err(wrong()) };
    };
    let name = inner.strip_suffix('}').ok_or_else(wrong)?;
    let (name, rest) = match name.strip_prefix('*') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let valid = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && name.starts_with(|first: char| first.is_ascii_lowercase());
    match (valid, rest) {
        (true, true) if last => Ok(Segment::Rest(name.to_owned())),
        (true, false) => Ok(Segment::Parameter(name.to_owned())),
        (true | false, _) => Err(wrong()),
    }
}

/// Which of two templates takes precedence where both match a path: `Less` for the first, `Greater` for the second.
///
/// Nothing where no path matches both. `Equal` where neither is more specific: an ambiguity.
#[must_use]
pub fn precedence(one: &PathTemplate, other: &PathTemplate) -> Option<Ordering> {
    let (mut first, mut second) = (one.segments.iter(), other.segments.iter());
    let mut verdict = Ordering::Equal;
    let mut ambiguous = false;
    let mut lean = |towards: Ordering| {
        ambiguous |= verdict != Ordering::Equal && verdict != towards;
        verdict = towards;
    };
    loop {
        match (first.next(), second.next()) {
            (None, None) => break,
            (None, Some(_)) | (Some(_), None) => return None,
            // The rest of a path takes whatever the other one has left, which is at least one segment.
            (Some(Segment::Rest(_)), Some(Segment::Rest(_))) => break,
            (Some(Segment::Rest(_)), Some(_)) => {
                lean(Ordering::Greater);
                break;
            }
            (Some(_), Some(Segment::Rest(_))) => {
                lean(Ordering::Less);
                break;
            }
            (Some(Segment::Literal(one)), Some(Segment::Literal(other))) => {
                if one != other {
                    return None;
                }
            }
            (Some(Segment::Literal(_)), Some(Segment::Parameter(_))) => lean(Ordering::Less),
            (Some(Segment::Parameter(_)), Some(Segment::Literal(_))) => lean(Ordering::Greater),
            (Some(Segment::Parameter(_)), Some(Segment::Parameter(_))) => {}
        }
    }
    Some(if ambiguous { Ordering::Equal } else { verdict })
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segment(segment) => write!(
                f,
                "`{segment}` is neither canonical text nor one parameter (`{{name}}`, or `{{*name}}` at the end)"
            ),
            Self::Start => f.write_str("a path begins with `/`"),
            Self::Twice(name) => write!(f, "the parameter `{name}` occurs twice"),
            Self::Unknown(name) => write!(f, "the path has no parameter `{name}` that could have a kind"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(one: &str, other: &str) -> Option<Ordering> {
        let parse = |text| PathTemplate::parse(text, BTreeMap::new()).unwrap();
        precedence(&parse(one), &parse(other))
    }

    #[test]
    fn literals_come_before_parameters_and_those_before_the_rest() {
        assert_eq!(compare("/a/b", "/a/{x}"), Some(Ordering::Less));
        assert_eq!(compare("/{*r}", "/a/{x}"), Some(Ordering::Greater));
        assert_eq!(compare("/a", "/b"), None);
        assert_eq!(compare("/a", "/a/b"), None);
        assert_eq!(compare("/a/b/{x}", "/{y}/b/c"), Some(Ordering::Equal));
        assert_eq!(compare("/a/{x}", "/a/{y}"), Some(Ordering::Equal));
        assert_eq!(compare("/a/{*r}", "/{x}/b"), Some(Ordering::Equal));
    }

    #[test]
    fn a_template_is_canonical() {
        for wrong in ["a", "/a//b", "/a/../b", "/{A}", "/{*r}/a", "/x{a}", "/{a", "/%41", "/a?b", "/{a}/{a}"] {
            assert!(PathTemplate::parse(wrong, BTreeMap::new()).is_err(), "{wrong}");
        }
    }
}
