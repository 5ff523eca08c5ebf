//! What came of scenarios.

use std::path::PathBuf;
use std::time::Duration;

use cedar_gate_scenario::{Difference, Document, ScenarioError};
use serde_json::Value;

use super::coverage::Sighting;
use super::files::Reading;

/// What came of one scenario file.
pub(super) struct Trial {
    /// The file.
    pub(super) path: PathBuf,
    /// What it was read from.
    pub(super) reading: Reading,
    /// Whether it was played.
    pub(super) course: Course,
}

/// How a trial went.
pub(super) enum Course {
    /// It is not for the native host.
    Elsewhere,
    /// It has nothing of what the filter asks for.
    Filtered,
    /// It was played.
    Played(Playing),
    /// The file is no scenario.
    Unreadable(ScenarioError),
}

/// A scenario that was played.
pub(super) struct Playing {
    /// What it shows.
    pub(super) story: String,
    /// What was checked, in order.
    pub(super) checks: Vec<Check>,
    /// How long all of it took.
    pub(super) took: Duration,
    /// What it has reached; nothing where nobody asks.
    pub(super) sighting: Option<Sighting>,
}

/// One thing that was checked.
pub(super) struct Check {
    /// Its name; no other of the same scenario has it.
    pub(super) name: String,
    /// What it is.
    pub(super) kind: Kind,
    /// What came of it.
    pub(super) verdict: Verdict,
    /// How long it took.
    pub(super) took: Duration,
    /// The audit record.
    pub(super) record: Option<Value>,
}

/// What is checked.
pub(super) enum Kind {
    /// A request.
    Request {
        /// What `cedar-gate explain` finds it by: its name, or its number where another one has that name.
        handle: String,
    },
    /// The start of the gateway.
    Start,
}

/// What came of a check.
pub(super) enum Verdict {
    /// Something differs from what was expected.
    Different {
        /// In what.
        differences: Vec<Difference>,
        /// The JSON bodies that differ.
        documents: Vec<Document>,
    },
    /// What happened cannot be compared with what was expected.
    Failed {
        /// What happened.
        message: String,
        /// What the filter logged.
        log: Vec<String>,
    },
    /// Something before it has failed.
    NotPlayed,
    /// It is as it should be.
    Passed,
}

/// How many came out how.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Summary {
    /// Scenarios that were played.
    pub(super) scenarios: usize,
    /// Requests in them.
    pub(super) requests: usize,
    /// Starts of the gateway that were checked.
    pub(super) starts: usize,
    /// Checks that passed.
    pub(super) passed: usize,
    /// Checks that did not.
    pub(super) failed: usize,
    /// Checks that were not made as something before them had failed.
    pub(super) not_played: usize,
    /// Scenarios that were not begun as another one had failed.
    pub(super) not_begun: usize,
    /// Scenarios for other hosts.
    pub(super) elsewhere: usize,
    /// Scenarios that the filter leaves out.
    pub(super) filtered: usize,
    /// Files that are no scenarios.
    pub(super) unreadable: usize,
}

impl Trial {
    /// What was checked; nothing where it was not played.
    pub(super) fn checks(&self) -> &[Check] {
        match &self.course {
            Course::Played(playing) => &playing.checks,
            Course::Elsewhere | Course::Filtered | Course::Unreadable(_) => &[],
        }
    }

    /// Whether something is not as it should be.
    pub(super) fn has_failed(&self) -> bool {
        matches!(self.course, Course::Unreadable(_)) || self.checks().iter().any(Check::has_failed)
    }
}

impl Check {
    /// Whether it is known not to be as it should be.
    pub(super) fn has_failed(&self) -> bool {
        matches!(self.verdict, Verdict::Different { .. } | Verdict::Failed { .. })
    }
}

impl Summary {
    /// Of so many files that were found.
    pub(super) fn of(trials: &[Trial], found: usize) -> Self {
        let mut summary = Self { not_begun: found - trials.len(), ..Self::default() };
        for trial in trials {
            match trial.course {
                Course::Elsewhere => summary.elsewhere += 1,
                Course::Filtered => summary.filtered += 1,
                Course::Played(_) => summary.scenarios += 1,
                Course::Unreadable(_) => summary.unreadable += 1,
            }
            for check in trial.checks() {
                match check.kind {
                    Kind::Request { .. } => summary.requests += 1,
                    Kind::Start => summary.starts += 1,
                }
                match check.verdict {
                    Verdict::Different { .. } | Verdict::Failed { .. } => summary.failed += 1,
                    Verdict::NotPlayed => summary.not_played += 1,
                    Verdict::Passed => summary.passed += 1,
                }
            }
        }
        summary
    }
}
