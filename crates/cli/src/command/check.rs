//! `cedar-gate check`: everything that is wrong with a configuration, and what deserves a look.

mod finding;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};

use crate::configuration;
use crate::outcome::Outcome;
use crate::screen::{BAD, FAINT, Format, GOOD, Screen, WARNING};
use finding::{Finding, Kind};

/// Show all faults of configurations, each with its path, and what deserves a look
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// Configurations of the filter, or of an Envoy that has the filter; YAML or JSON
    #[arg(required = true)]
    configurations: Vec<PathBuf>,
    /// Take warnings for faults
    #[arg(long)]
    deny_warnings: bool,
}

const HELP: &str = "A fault keeps a gateway from taking the configuration. A warning does not; it says that something \
works, but hardly as it is meant:
  a route that no policy permits to anybody
  a policy that no request comes under, or that permits everything to everyone
  a role of a constraint that nobody can hold, or that no policy knows
  a value that a route, a provider or an `allow` declares, and nothing reads
  keys, tokens or lists that go over a network without TLS, or are believed for days without their issuer
  a key that serves no algorithm, and the like";

/// A configuration that has been looked at.
struct Checked {
    file: PathBuf,
    /// Sorted by their places; or why it cannot be read.
    findings: anyhow::Result<Vec<Finding>>,
}

pub(crate) fn run(arguments: &Arguments, screen: &mut Screen) -> anyhow::Result<Outcome> {
    let checked: Vec<Checked> = arguments.configurations.iter().map(|file| check(file)).collect();
    let outcomes = checked.iter().map(|one| one.outcome(arguments.deny_warnings));
    let outcome = outcomes.max_by_key(|outcome| *outcome as u8).context("no configuration is given")?;
    match screen.format() {
        Format::Json => {
            let each: Vec<Value> = checked.iter().map(|one| one.to_json(arguments.deny_warnings)).collect();
            screen.json(&json!({"ok": outcome == Outcome::Fine, "checked": each}))?;
        }
        Format::Text => checked.iter().try_for_each(|one| one.draw(screen))?,
    }
    Ok(outcome)
}

fn check(file: &Path) -> Checked {
    let findings = configuration::read(file).map(|authored| {
        let of = |kind, fault: &cedar_gate::config::Fault| Finding::of(kind, fault, &authored);
        let mut findings: Vec<Finding> = match configuration::load(&authored) {
            Ok(config) => {
                let lints = cedar_gate::config::lint(&config);
                config.warnings.iter().chain(&lints).map(|warning| of(Kind::Warning, warning)).collect()
            }
            Err(faults) => faults.iter().map(|fault| of(Kind::Fault, fault)).collect(),
        };
        findings.sort();
        findings
    });
    Checked { file: file.to_owned(), findings }
}

impl Checked {
    fn outcome(&self, deny_warnings: bool) -> Outcome {
        match &self.findings {
            Err(_) => Outcome::Broken,
            Ok(findings) if findings.iter().any(|finding| finding.is_bad(deny_warnings)) => Outcome::Findings,
            Ok(_) => Outcome::Fine,
        }
    }

    fn to_json(&self, deny_warnings: bool) -> Value {
        let file = self.file.display().to_string();
        match &self.findings {
            Ok(findings) => {
                let of =
                    |kind| findings.iter().filter(|one| one.kind == kind).map(Finding::to_json).collect::<Vec<_>>();
                let ok = self.outcome(deny_warnings) == Outcome::Fine;
                json!({"file": file, "ok": ok, "faults": of(Kind::Fault), "warnings": of(Kind::Warning)})
            }
            Err(error) => json!({"file": file, "ok": false, "error": format!("{error:#}")}),
        }
    }

    fn draw(&self, screen: &mut Screen) -> io::Result<()> {
        let file = self.file.display();
        let findings = match &self.findings {
            Ok(findings) => findings,
            Err(error) => return writeln!(screen.out(), "{BAD}error{BAD:#}   {error:#}"),
        };
        for finding in findings {
            let (style, kind) = match finding.kind {
                Kind::Fault => (BAD, "fault"),
                Kind::Warning => (WARNING, "warning"),
            };
            let (place, message) = (finding.place(), finding.message());
            writeln!(screen.out(), "{style}{kind:7}{style:#} {FAINT}{place}:{FAINT:#} {message}")?;
        }
        let count = |kind| findings.iter().filter(|finding| finding.kind == kind).count();
        match (count(Kind::Fault), count(Kind::Warning)) {
            (0, 0) => writeln!(screen.out(), "{GOOD}ok{GOOD:#}      {file}"),
            (0, warnings) => {
                writeln!(screen.out(), "{GOOD}ok{GOOD:#}      {file}, with {}", plural(warnings, "warning"))
            }
            (faults, _) => writeln!(screen.out(), "{BAD}refused{BAD:#} {file}, for {}", plural(faults, "fault")),
        }
    }
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
