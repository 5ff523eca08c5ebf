use std::fmt::{self, Display};

/// One point in which what was seen is not what was expected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// What was compared, such as `upstream.headers.x-user`.
    pub what: String,
    /// What was expected of it.
    pub expected: String,
    /// What it was.
    pub seen: String,
}

impl Difference {
    pub(crate) fn new(what: impl Into<String>, expected: impl Display, seen: impl Display) -> Self {
        Self { what: what.into(), expected: expected.to_string(), seen: seen.to_string() }
    }

    pub(super) fn unless_equal<T: Display + PartialEq>(found: &mut Vec<Self>, what: &str, expected: &T, seen: &T) {
        if expected != seen {
            found.push(Self::new(what, expected, seen));
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, saw {}", self.what, self.expected, self.seen)
    }
}
