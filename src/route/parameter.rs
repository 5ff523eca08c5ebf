//! Grammars of path parameters. One id has one spelling, or else one object has several histories.

use std::fmt;

use regex::Regex;

/// What a path parameter may look like. A value that does not fit is malformed.
#[derive(Clone, Debug)]
pub enum ParameterKind {
    /// Decimal digits without leading zeros or sign, up to 39 of them.
    Integer,
    /// The rest of the path: canonical segments and the slashes between them.
    Path,
    /// Whatever matches as a whole.
    Pattern(Regex),
    /// Any canonical segment.
    Segment,
    /// Lower-case letters, digits, `-` and `_`, up to 128.
    Slug,
    /// A UUID in lower case.
    Uuid,
}

/// Compiled patterns are bounded, as a configuration may come from somebody careless.
const PATTERN_BYTES: usize = 1 << 16;

impl ParameterKind {
    /// The names of those that have one.
    pub const NAMES: [&str; 4] = ["integer", "segment", "slug", "uuid"];

    /// A kind by its configured name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "integer" => Some(Self::Integer),
            "segment" => Some(Self::Segment),
            "slug" => Some(Self::Slug),
            "uuid" => Some(Self::Uuid),
            _ => None,
        }
    }

    /// A regular expression that must match the whole value.
    ///
    /// # Errors
    ///
    /// The message of the parser.
    pub fn pattern(text: &str) -> Result<Self, String> {
        // By itself first, so that the message shows what was written, and no bracket can close ours.
        let message = |error: regex::Error| {
            let lines = error.to_string();
            let last = lines.lines().last().unwrap_or_default();
            format!("is no regular expression: {}", last.trim_start_matches("error: "))
        };
        regex::RegexBuilder::new(text).size_limit(PATTERN_BYTES).build().map_err(message)?;
        let whole = regex::RegexBuilder::new(&format!("^(?:{text})$")).size_limit(PATTERN_BYTES).build();
        whole.map(Self::Pattern).map_err(message)
    }

    /// Whether a value fits.
    #[must_use]
    pub fn fits(&self, value: &str) -> bool {
        match self {
            Self::Integer => {
                let digits = value.bytes().all(|byte| byte.is_ascii_digit());
                digits && !value.is_empty() && value.len() <= 39 && (value == "0" || !value.starts_with('0'))
            }
            Self::Path | Self::Segment => !value.is_empty(),
            Self::Pattern(pattern) => pattern.is_match(value),
            Self::Slug => {
                let slug =
                    |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
                !value.is_empty() && value.len() <= 128 && value.bytes().all(slug)
            }
            Self::Uuid => is_uuid(value),
        }
    }

    /// Whether values may contain any character but `/`, so that only a slash keeps two of them apart.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self {
            Self::Path | Self::Pattern(_) | Self::Segment => true,
            Self::Integer | Self::Slug | Self::Uuid => false,
        }
    }
}

fn is_uuid(value: &str) -> bool {
    let groups: Vec<&str> = value.split('-').collect();
    let lengths = groups.iter().map(|group| group.len());
    lengths.eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

impl fmt::Display for ParameterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integer => "integer",
            Self::Path => "path",
            Self::Pattern(_) => "pattern",
            Self::Segment => "segment",
            Self::Slug => "slug",
            Self::Uuid => "uuid",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_has_one_spelling() {
        assert!(ParameterKind::Integer.fits("0") && ParameterKind::Integer.fits("700"));
        for other in ["", "07", "-7", "+7", "7 ", "7.0", "0x7", "\u{ff17}", "seven"] {
            assert!(!ParameterKind::Integer.fits(other), "{other}");
        }
    }

    #[test]
    fn each_name_is_one_of_its_kind() {
        for name in ParameterKind::NAMES {
            assert_eq!(ParameterKind::of_name(name).map(|kind| kind.to_string()).as_deref(), Some(name));
        }
    }

    #[test]
    fn a_uuid_is_in_lower_case() {
        assert!(ParameterKind::Uuid.fits("123e4567-e89b-12d3-a456-426614174000"));
        assert!(!ParameterKind::Uuid.fits("123E4567-e89b-12d3-a456-426614174000"));
        assert!(!ParameterKind::Uuid.fits("123e4567e89b12d3a456426614174000"));
    }

    #[test]
    fn a_pattern_matches_as_a_whole() {
        let pattern = ParameterKind::pattern("inv-[0-9]{4}|x").unwrap();
        assert!(pattern.fits("inv-1234") && pattern.fits("x"));
        assert!(!pattern.fits("inv-12345") && !pattern.fits("yx") && !pattern.fits("inv-1234\n"));
    }
}
