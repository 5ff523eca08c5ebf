//! What was expected beside what was seen, line by line where there are several.

use cedar_gate_scenario::{Difference, Document};
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

/// One point in which something differs.
pub(super) struct Comparison {
    /// What was compared, such as `headers.www-authenticate`.
    pub(super) what: String,
    /// In what it differs.
    pub(super) contrast: Contrast,
}

/// In what something differs.
pub(super) enum Contrast {
    /// As a whole.
    Values {
        /// What was expected of it.
        expected: String,
        /// What it was.
        seen: String,
    },
    /// In some of its lines.
    Lines(Vec<Line>),
}

/// A line of what was compared.
pub(super) enum Line {
    /// Expected only.
    Expected(String),
    /// Some lines that do not differ are left out.
    Omission,
    /// Expected and seen.
    Same(String),
    /// Seen only.
    Seen(String),
}

/// Values are shown in lines from so many characters on.
const WIDE: usize = 80;

/// Lines that do not differ are shown around those that do.
const AROUND: usize = 3;

/// What a reader is shown: bodies of JSON as a whole, everything else one by one.
pub(super) fn comparisons(differences: &[Difference], documents: &[Document]) -> Vec<Comparison> {
    let mut shown: Vec<Comparison> = Vec::new();
    for difference in differences {
        let Some(document) = documents.iter().find(|document| is_within(&difference.what, document.what)) else {
            shown.push(Comparison { what: difference.what.clone(), contrast: Contrast::of(difference) });
            continue;
        };
        if !shown.iter().any(|comparison| comparison.what == document.what) {
            let contrast = Contrast::Lines(lines(&document.expected, &document.seen));
            shown.push(Comparison { what: document.what.to_owned(), contrast });
        }
    }
    shown
}

fn is_within(what: &str, document: &str) -> bool {
    what.strip_prefix(document).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

impl Contrast {
    fn of(difference: &Difference) -> Self {
        let Difference { expected, seen, .. } = difference;
        let is_wide = expected.len().max(seen.len()) > WIDE;
        match (pretty(expected), pretty(seen)) {
            (Some(expected), Some(seen)) if is_wide => Self::Lines(lines(&expected, &seen)),
            _ => Self::Values { expected: expected.clone(), seen: seen.clone() },
        }
    }
}

/// Arrays and objects on several lines.
fn pretty(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    (value.is_array() || value.is_object()).then(|| format!("{value:#}"))
}

fn lines(expected: &str, seen: &str) -> Vec<Line> {
    let diff = TextDiff::from_lines(expected, seen);
    let mut lines = Vec::new();
    let mut shown_until = 0;
    for group in diff.grouped_ops(AROUND) {
        if group.first().is_some_and(|first| first.old_range().start > shown_until) {
            lines.push(Line::Omission);
        }
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let text = change.value().trim_end_matches('\n').to_owned();
            lines.push(match change.tag() {
                ChangeTag::Delete => Line::Expected(text),
                ChangeTag::Equal => Line::Same(text),
                ChangeTag::Insert => Line::Seen(text),
            });
        }
        shown_until = group.last().map_or(shown_until, |last| last.old_range().end);
    }
    if shown_until < expected.lines().count() {
        lines.push(Line::Omission);
    }
    lines
}
