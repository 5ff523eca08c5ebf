//! What is compared: a line of the table each.

use std::fmt;

/// What stands between the request and its answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Filter {
    /// Nothing but Envoy's router.
    Nothing,
    /// A Wasm filter that does nothing.
    Noop,
    /// Envoy's `jwt_authn`, with its cache of verified tokens, and its `rbac`.
    JwtCached,
    /// The same without the cache.
    JwtUncached,
    /// cedar-gate.
    CedarGate,
}

/// Whose token a request has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tokens {
    /// The same one over and over.
    One,
    /// One that has not been seen for as long as the list of tokens lasts.
    New,
}

/// A line of the table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Row {
    pub(crate) filter: Filter,
    pub(crate) tokens: Tokens,
    /// Whether each request leaves a record.
    pub(crate) audit: bool,
}

impl Filter {
    pub(crate) const ALL: [Self; 5] = [Self::Nothing, Self::Noop, Self::JwtCached, Self::JwtUncached, Self::CedarGate];

    /// Whether it knows good requests from bad ones.
    pub(crate) fn judges(self) -> bool {
        match self {
            Self::Nothing | Self::Noop => false,
            Self::CedarGate | Self::JwtCached | Self::JwtUncached => true,
        }
    }
}

impl Row {
    /// What everything else is compared with.
    pub(crate) const BASELINE: Self = Self { filter: Filter::Nothing, tokens: Tokens::One, audit: false };

    /// All lines, in the order of the table.
    pub(crate) fn all() -> Vec<Self> {
        let filters = [
            (Filter::Nothing, Tokens::One),
            (Filter::Noop, Tokens::One),
            (Filter::JwtCached, Tokens::One),
            (Filter::JwtCached, Tokens::New),
            (Filter::JwtUncached, Tokens::One),
            (Filter::CedarGate, Tokens::One),
            (Filter::CedarGate, Tokens::New),
        ];
        let with_audit = |(filter, tokens)| [false, true].map(|audit| Self { filter, tokens, audit });
        filters.into_iter().flat_map(with_audit).collect()
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Nothing => "no filter",
            Self::Noop => "Wasm that does nothing",
            Self::JwtCached => "jwt_authn with cache, rbac",
            Self::JwtUncached => "jwt_authn, rbac",
            Self::CedarGate => "cedar-gate",
        })
    }
}

impl fmt::Display for Tokens {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::One => "one",
            Self::New => "new",
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let audit = if self.audit { "on" } else { "off" };
        write!(to, "{}, {} token, audit {audit}", self.filter, self.tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_stands_in_the_table_once_with_audit_off_and_on() {
        let rows = Row::all();
        for row in &rows {
            assert_eq!(rows.iter().filter(|other| *other == row).count(), 1, "{row}");
            assert!(rows.contains(&Row { audit: !row.audit, ..*row }), "{row}");
        }
        assert_eq!(rows.first(), Some(&Row::BASELINE));
        assert!(Filter::ALL.iter().all(|filter| rows.iter().any(|row| row.filter == *filter)));
    }
}
