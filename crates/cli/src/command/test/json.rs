//! What came of scenarios, for machines.

use std::time::Duration;

use cedar_gate_scenario::{Difference, ScenarioError};
use serde_json::{Value, json};

use super::Run;
use super::trial::{Check, Course, Kind, Trial, Verdict};
use crate::outcome::Outcome;

/// All that came of playing once.
pub(super) fn run(run: &Run) -> Value {
    let summary = &run.summary;
    let mut value = json!({
        "ok": run.outcome() == Outcome::Fine,
        "summary": {
            "scenarios": summary.scenarios,
            "requests": summary.requests,
            "starts": summary.starts,
            "passed": summary.passed,
            "failed": summary.failed,
            "not_played": summary.not_played,
            "not_begun": summary.not_begun,
            "elsewhere": summary.elsewhere,
            "filtered": summary.filtered,
            "unreadable": summary.unreadable,
            "seconds": seconds(run.took),
        },
        "scenarios": run.trials.iter().map(trial).collect::<Vec<_>>(),
    });
    if let Some(coverage) = &run.coverage {
        let mut covered = coverage.json();
        covered["ok"] = json!(run.covers_enough());
        value["coverage"] = covered;
    }
    value
}

fn trial(trial: &Trial) -> Value {
    let file = trial.path.display().to_string();
    match &trial.course {
        Course::Elsewhere => json!({"file": file, "result": "elsewhere"}),
        Course::Filtered => json!({"file": file, "result": "filtered"}),
        Course::Played(playing) => json!({
            "file": file,
            "result": if trial.has_failed() { "failed" } else { "passed" },
            "story": playing.story.trim_end(),
            "seconds": seconds(playing.took),
            "checks": playing.checks.iter().map(check).collect::<Vec<_>>(),
        }),
        Course::Unreadable(ScenarioError { file: place, path, message }) => json!({
            "file": file,
            "result": "unreadable",
            "error": {"file": place, "path": path, "message": message},
        }),
    }
}

fn check(check: &Check) -> Value {
    let mut value = json!({
        "name": check.name,
        "kind": match check.kind {
            Kind::Request { .. } => "request",
            Kind::Start => "start",
        },
        "result": match check.verdict {
            Verdict::Different { .. } | Verdict::Failed { .. } => "failed",
            Verdict::NotPlayed => "not_played",
            Verdict::Passed => "passed",
        },
        "seconds": seconds(check.took),
    });
    match &check.verdict {
        Verdict::NotPlayed | Verdict::Passed => {}
        Verdict::Different { differences, .. } => {
            let difference = |difference: &Difference| json!({"what": difference.what, "expected": difference.expected, "actual": difference.seen});
            value["differences"] = differences.iter().map(difference).collect();
        }
        Verdict::Failed { message, log } => {
            value["message"] = json!(message);
            value["log"] = json!(log);
        }
    }
    if let Some(record) = &check.record {
        value["record"] = record.clone();
    }
    value
}

/// To the microsecond.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e6
}
