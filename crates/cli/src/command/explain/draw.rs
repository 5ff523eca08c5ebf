//! Steps as text: numbered, marked, aligned.

use std::io::{self, Write};

use serde_json::Value;

use super::Explained;
use super::steps::Mark;
use crate::screen::{BAD, FAINT, GOOD};

/// Writes an explanation.
///
/// # Errors
///
/// Nobody reads any more.
pub(super) fn draw(explained: &Explained, out: &mut impl Write) -> io::Result<()> {
    let safe = |text: &str| explained.secrets.mask(&super::wording::printable(text));
    let record = |name: &str| explained.record.get(name).and_then(Value::as_str);
    let (style, decision) = match (record("decision"), record("cause")) {
        (Some("allow"), _) => (GOOD, "allowed".to_owned()),
        (_, cause) => (BAD, format!("refused, {}", cause.unwrap_or("for an unknown cause"))),
    };
    writeln!(out, "{}: {style}{}{style:#}", safe(&explained.title), safe(&decision))?;
    for remark in &explained.remarks {
        writeln!(out, "{FAINT}{}{FAINT:#}", safe(remark))?;
    }
    writeln!(out)?;
    let titles = explained.steps.iter().map(|step| step.title.len()).max().unwrap_or(0);
    let numbers = explained.steps.len().to_string().len();
    for (place, step) in explained.steps.iter().enumerate() {
        let number = place.saturating_add(1);
        let mark = mark(step.mark);
        writeln!(out, "{number:>numbers$} {mark} {:titles$}  {}", step.title, safe(&step.text))?;
        for detail in &step.details {
            let indent = numbers + titles + 5 + detail.depth * 2;
            let text = safe(&detail.text);
            match detail.mark {
                Mark::None => writeln!(out, "{:indent$}{FAINT}· {text}{FAINT:#}", "")?,
                Mark::Bad | Mark::Good => writeln!(out, "{:indent$}{} {text}", "", self::mark(detail.mark))?,
            }
        }
    }
    Ok(())
}

fn mark(mark: Mark) -> String {
    match mark {
        Mark::Bad => format!("{BAD}✗{BAD:#}"),
        Mark::Good => format!("{GOOD}✓{GOOD:#}"),
        Mark::None => format!("{FAINT}·{FAINT:#}"),
    }
}
