//! `cedar-gate test`: scenario files, played on the filter's own logic.

mod coverage;
mod difference;
mod files;
mod json;
mod junit;
mod play;
mod text;
mod trial;
mod watch;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::ensure;
use indicatif::{ProgressBar, ProgressStyle};

use crate::outcome::Outcome;
use crate::screen::{Format, Screen};
use coverage::Coverage;
use play::Filter;
use trial::{Summary, Trial};

/// Play scenario files, and show what is not as it should be
#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Arguments {
    /// Scenario files, or folders with them
    #[arg(value_name = "PATH", default_value = "tests")]
    paths: Vec<PathBuf>,
    /// Only scenarios in whose path, story or names of requests this occurs, as a text or as a regular expression
    #[arg(long, value_name = "PATTERN")]
    filter: Option<Filter>,
    /// Stop after the first scenario that fails
    #[arg(long)]
    fail_fast: bool,
    /// Say only what is not as it should be, and the summary
    #[arg(short, long)]
    quiet: bool,
    /// Write the results as JUnit XML as well
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Show what of policies and routes no scenario has reached
    #[arg(long)]
    coverage: bool,
    /// Show the coverage, and fail where it is lower
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    coverage_min: Option<f64>,
    /// Play them again whenever one of the files changes that they were read from, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

const HELP: &str = "\
Folders are searched for *.yaml, except what lies in folders named `base`. \
The requests of a scenario build upon one another, so a scenario is played as a whole; \
scenarios know nothing of each other and are played at the same time.

Coverage counts, for each policy set that scenarios were played with:
  routes       each was allowed once, and refused once unless it is public
  constraints  each of separation.static refused a session once
  policies     each determined a decision once
  scopes       each matched a request once
  conditions   each `when` and `unless` let its policy apply once, and kept it from applying once

Exit codes:
  0  all is as it should be
  1  something is not, or the coverage is lower than --coverage-min
  2  the command line is not understood
  3  a file is no scenario, or there is none to be played; the others are played nevertheless";

/// All that came of playing once.
struct Run {
    trials: Vec<Trial>,
    summary: Summary,
    coverage: Option<Coverage>,
    /// The least coverage that was asked for, in percent.
    coverage_min: Option<f64>,
    took: Duration,
}

pub(crate) fn run(arguments: &Arguments, screen: &mut Screen) -> anyhow::Result<Outcome> {
    if arguments.watch {
        return watch::watch(arguments, screen);
    }
    let found = files::find(&arguments.paths)?;
    let run = Run::play(&found, arguments, screen)?;
    run.show(arguments, screen)?;
    Ok(run.outcome())
}

impl Run {
    #[expect(clippy::disallowed_methods, reason = "how long tests take is told in real time; the filter has no clock")]
    fn play(found: &[PathBuf], arguments: &Arguments, screen: &mut Screen) -> anyhow::Result<Self> {
        let start = Instant::now();
        let covers = arguments.coverage || arguments.coverage_min.is_some() || screen.format() == Format::Json;
        let rules = play::Rules { filter: arguments.filter.as_ref(), fail_fast: arguments.fail_fast, covers };
        let bar = progress(found.len());
        let trials = play::all(found, &rules, &mut |trial| {
            bar.inc(1);
            match screen.format() {
                Format::Json => Ok(()),
                Format::Text => bar.suspend(|| text::trial(trial, arguments.quiet, screen.out())),
            }
        });
        bar.finish_and_clear();
        let trials = trials?;
        let summary = Summary::of(&trials, found.len());
        let coverage = covers.then(|| Coverage::of(&trials));
        Ok(Self { trials, summary, coverage, coverage_min: arguments.coverage_min, took: start.elapsed() })
    }

    /// Shows what came of it, and fails where there was nothing to be played: nobody should take that for success.
    fn show(&self, arguments: &Arguments, screen: &mut Screen) -> anyhow::Result<()> {
        let summary = &self.summary;
        ensure!(
            summary.scenarios + summary.unreadable > 0,
            "no scenario was played: {} for other hosts only, {} without what --filter asks for",
            summary.elsewhere,
            summary.filtered
        );
        if let Some(path) = &arguments.junit {
            junit::write(self, path)?;
        }
        match screen.format() {
            Format::Json => screen.json(&json::run(self))?,
            Format::Text => {
                if let Some(coverage) = &self.coverage {
                    text::coverage(coverage, self.coverage_min, screen.out())?;
                }
                text::summary(self, screen.out())?;
            }
        }
        Ok(())
    }

    /// Whether the coverage is not lower than it was asked to be.
    fn covers_enough(&self) -> bool {
        let reached = self.coverage.as_ref().map(Coverage::total);
        self.coverage_min.is_none_or(|least| reached.is_some_and(|reached| reached.percent() >= least))
    }

    fn outcome(&self) -> Outcome {
        if self.summary.unreadable > 0 {
            Outcome::Broken
        } else if self.summary.failed > 0 || self.summary.not_played > 0 || !self.covers_enough() {
            Outcome::Findings
        } else {
            Outcome::Fine
        }
    }
}

/// A bar on a terminal, beside the results; nothing elsewhere.
fn progress(scenarios: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(scenarios).unwrap_or(u64::MAX));
    match ProgressStyle::with_template("{bar:40} {pos}/{len} scenarios") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        Ok(_) | Err(_) => Err("is no percentage from 0 to 100".to_owned()),
    }
}
