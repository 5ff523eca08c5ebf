//! What came of scenarios, for people.

use std::io::{self, Write};
use std::path::Path;

use serde_json::Value;

use super::Run;
use super::coverage::Coverage;
use super::difference::{Contrast, Line, comparisons};
use super::trial::{Check, Course, Kind, Playing, Trial, Verdict};
use crate::screen::{BAD, FAINT, GOOD, WARNING};

/// One scenario; with `quiet`, only if it is not as it should be.
pub(super) fn trial(trial: &Trial, quiet: bool, out: &mut impl Write) -> io::Result<()> {
    let path = trial.path.display();
    match &trial.course {
        Course::Filtered => Ok(()),
        Course::Unreadable(error) => writeln!(out, "{BAD}error{BAD:#}   {error}"),
        Course::Played(playing) if trial.has_failed() => {
            writeln!(out, "{BAD}failed{BAD:#}  {path}")?;
            writeln!(out, "        {FAINT}{}{FAINT:#}", on_one_line(&playing.story))?;
            playing.checks.iter().filter(|check| check.has_failed()).try_for_each(|failed| {
                writeln!(out, "\n  {}", failed.name)?;
                check(failed, &trial.path, out)
            })?;
            unplayed(playing, out)?;
            writeln!(out)
        }
        _ if quiet => Ok(()),
        Course::Elsewhere => writeln!(out, "{FAINT}skipped {path} (for other hosts only){FAINT:#}"),
        Course::Played(playing) => {
            let requests = playing.checks.iter().filter(|check| matches!(check.kind, Kind::Request { .. })).count();
            match requests {
                0 => writeln!(out, "{GOOD}ok{GOOD:#}      {path}"),
                _ => writeln!(out, "{GOOD}ok{GOOD:#}      {path} {FAINT}({}){FAINT:#}", count(requests, "request")),
            }
        }
    }
}

/// Why a check failed, and how to go on.
pub(super) fn check(check: &Check, file: &Path, out: &mut impl Write) -> io::Result<()> {
    match &check.verdict {
        Verdict::NotPlayed | Verdict::Passed => return Ok(()),
        Verdict::Failed { message, log } => {
            writeln!(out, "    {message}")?;
            log.iter().try_for_each(|line| writeln!(out, "    log: {line}"))?;
        }
        Verdict::Different { differences, documents } => {
            for comparison in comparisons(differences, documents) {
                match comparison.contrast {
                    Contrast::Values { expected, seen } => {
                        writeln!(out, "    {}", comparison.what)?;
                        writeln!(out, "      expected  {expected}")?;
                        writeln!(out, "      actual    {seen}")?;
                    }
                    Contrast::Lines(lines) => {
                        writeln!(out, "    {} (- expected, + actual)", comparison.what)?;
                        lines.iter().try_for_each(|each| line(each, out))?;
                    }
                }
            }
        }
    }
    if let Some(record) = &check.record {
        recorded(record, out)?;
    }
    if let Kind::Request { handle } = &check.kind {
        let (file, handle) = (quoted(&file.display().to_string()), quoted(handle));
        writeln!(out, "    to go on: cedar-gate explain --scenario {file} --request {handle}")?;
    }
    Ok(())
}

fn line(line: &Line, out: &mut impl Write) -> io::Result<()> {
    match line {
        Line::Expected(text) => writeln!(out, "      {BAD}- {text}{BAD:#}"),
        Line::Omission => writeln!(out, "      {FAINT}  …{FAINT:#}"),
        Line::Same(text) => writeln!(out, "        {text}"),
        Line::Seen(text) => writeln!(out, "      {GOOD}+ {text}{GOOD:#}"),
    }
}

/// What the audit record says about the decision.
fn recorded(record: &Value, out: &mut impl Write) -> io::Result<()> {
    let text = |member: &str| record.get(member).and_then(Value::as_str);
    let list = |member: &str| record.get(member).and_then(Value::as_array).into_iter().flatten();
    write!(out, "    recorded: {}", text("decision").unwrap_or("no decision"))?;
    if let Some(cause) = text("cause") {
        write!(out, ", {cause}")?;
    }
    match text("route") {
        Some(route) => writeln!(out, ", on the route {route}")?,
        None => writeln!(out, ", on no route")?,
    }
    for member in ["principal", "action", "resource"] {
        if let Some(text) = text(member) {
            writeln!(out, "      {member:9} {text}")?;
        }
    }
    for (member, label) in [("policies", "policy"), ("reasons", "reason"), ("errors", "error")] {
        for item in list(member).filter_map(Value::as_str) {
            writeln!(out, "      {label:9} {item}")?;
        }
    }
    Ok(())
}

fn unplayed(playing: &Playing, out: &mut impl Write) -> io::Result<()> {
    let unplayed = playing.checks.iter().filter(|check| matches!(check.verdict, Verdict::NotPlayed)).count();
    match unplayed {
        0 => Ok(()),
        _ => writeln!(out, "\n  {WARNING}{} after it not played{WARNING:#}", count(unplayed, "request")),
    }
}

/// What all came to, in one line.
pub(super) fn summary(run: &Run, out: &mut impl Write) -> io::Result<()> {
    let summary = &run.summary;
    let good = summary.failed == 0 && summary.unreadable == 0 && summary.not_played == 0;
    let style = if good { GOOD } else { BAD };
    write!(out, "{style}{}, {}", count(summary.scenarios, "scenario"), count(summary.requests, "request"))?;
    if summary.starts > 0 {
        write!(out, ", {}", count(summary.starts, "start"))?;
    }
    write!(out, ": {} passed, {} failed", summary.passed, summary.failed)?;
    if summary.not_played > 0 {
        write!(out, ", {} not played", summary.not_played)?;
    }
    for (number, what, why) in [
        (summary.not_begun, "scenario", "not begun"),
        (summary.elsewhere, "scenario", "for other hosts"),
        (summary.filtered, "scenario", "left out"),
        (summary.unreadable, "file", "without a scenario"),
    ] {
        if number > 0 {
            write!(out, ", {} {why}", count(number, what))?;
        }
    }
    writeln!(out, " ({:.1} s){style:#}", run.took.as_secs_f64())
}

/// What was reached, and what was not.
pub(super) fn coverage(coverage: &Coverage, least: Option<f64>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\n{}", coverage.table())?;
    for set in coverage.sets() {
        let gaps = set.gaps();
        if gaps.is_empty() {
            continue;
        }
        writeln!(out, "\n{WARNING}not reached{WARNING:#} in {}:", set.name)?;
        gaps.iter().try_for_each(|gap| writeln!(out, "  {gap}"))?;
    }
    let total = coverage.total();
    writeln!(out)?;
    match least {
        Some(least) if total.percent() < least => {
            writeln!(out, "{BAD}coverage {}, which is less than {least} %{BAD:#}", total.rounded())
        }
        Some(_) | None => writeln!(out, "coverage {}", total.rounded()),
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// A text without its line ends.
pub(super) fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A word that a shell takes as it is.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+,=".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
