//! What came of scenarios, as continuous integration reads it: JUnit XML, with a suite for each file and a case for each
//! request.

use std::fs;
use std::path::Path;

use anyhow::Context;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::Run;
use super::text;
use super::trial::{Check, Course, Trial, Verdict};

/// Writes all that came of playing once.
pub(super) fn write(run: &Run, path: &Path) -> anyhow::Result<()> {
    let mut report = Report::new("cedar-gate test");
    report.set_time(run.took);
    for trial in &run.trials {
        report.add_test_suites(suite(trial)?);
    }
    let xml = report.to_string().context("the results cannot be written as XML")?;
    fs::write(path, xml).with_context(|| path.display().to_string())
}

/// Nothing for what was left out by the filter.
fn suite(trial: &Trial) -> anyhow::Result<Option<TestSuite>> {
    let file = trial.path.display().to_string();
    let mut suite = TestSuite::new(&file);
    match &trial.course {
        Course::Filtered => return Ok(None),
        Course::Elsewhere => {
            let mut status = TestCaseStatus::skipped();
            status.set_message("for other hosts only");
            suite.add_test_case(case(&file, "the scenario", status));
        }
        Course::Unreadable(error) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type("unreadable").set_message(error.to_string());
            suite.add_test_case(case(&file, "the file is a scenario", status));
        }
        Course::Played(playing) => {
            suite.set_time(playing.took);
            suite.add_property(("story", text::on_one_line(&playing.story).as_str()));
            for check in &playing.checks {
                let mut case = case(&file, &check.name, status(check, &trial.path)?);
                case.set_time(check.took);
                suite.add_test_case(case);
            }
        }
    }
    Ok(Some(suite))
}

fn case(file: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(file);
    case.extra.insert("file".into(), file.into());
    case
}

fn status(check: &Check, file: &Path) -> anyhow::Result<TestCaseStatus> {
    let mut status = match &check.verdict {
        Verdict::Passed => return Ok(TestCaseStatus::success()),
        Verdict::NotPlayed => {
            let mut status = TestCaseStatus::skipped();
            status.set_message("something before it has failed");
            return Ok(status);
        }
        Verdict::Different { differences, .. } => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let told: Vec<String> = differences.iter().map(ToString::to_string).collect();
            status.set_type("different").set_message(told.join("; "));
            status
        }
        Verdict::Failed { message, .. } => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type("failed").set_message(message);
            status
        }
    };
    let mut details = Vec::new();
    text::check(check, file, &mut details)?;
    status.set_description(anstream::adapter::strip_str(&String::from_utf8_lossy(&details)).to_string());
    Ok(status)
}
