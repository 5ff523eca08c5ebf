//! `cedar-gate explain`: how a decision comes about, step by step.
//!
//! A request, given by flags or by a scenario, goes through the filter itself, which tells what each step looks at. Of
//! an audit record, what it says is told, with the text of the policies behind it. Tokens are never shown.

mod audit;
mod draw;
mod elsewhere;
mod masked;
mod request;
mod scenario;
mod steps;
mod token;
mod wording;

use std::io::Write;
use std::path::PathBuf;

use anyhow::bail;
use cedar_gate::journal::Note;
use serde_json::{Value, json};

use crate::configuration;
use crate::outcome::Outcome;
use crate::screen::{Format, Screen};
use masked::Secrets;
use steps::Step;

/// Tell how a decision comes about, from the credential to the policies behind it
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// The configuration of the filter, or of an Envoy that has the filter; YAML or JSON
    #[arg(required_unless_present = "scenario", conflicts_with = "scenario")]
    configuration: Option<PathBuf>,
    /// A scenario file, whose requests are explained
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// With --scenario: only this request, by its name or its number (from 1)
    #[arg(long, value_name = "NAME|NUMBER", requires = "scenario")]
    request: Option<String>,
    /// Audit records as a gateway logs them, whatever stands before them in a line; `-` for standard input
    #[arg(long, value_name = "FILE|-", requires = "configuration")]
    audit: Option<PathBuf>,
    /// With --audit: only the record with this decision id
    #[arg(long, value_name = "ID", requires = "audit")]
    decision: Option<String>,
    #[command(flatten)]
    sent: request::Sent,
}

const HELP: &str = "Whatever the decision is, an explanation of it is a success.

Examples:
  cedar-gate explain gate.yaml --path /documents/7 --token token.jwt
  cedar-gate explain gate.yaml --method POST --path /payments/7/approval \\
      --claims '{sub: carl, roles: [checker]}' --body '{\"amount\": 100}'
  cedar-gate explain --scenario tests/approval.yaml --request 2
  kubectl logs deploy/envoy | grep 1f0c2a | cedar-gate explain gate.yaml --audit -";

/// A decision that is explained.
struct Explained {
    /// What is asked for.
    title: String,
    /// What has to be known about the explanation itself.
    remarks: Vec<String>,
    /// The steps, for people.
    steps: Vec<Step>,
    /// What the steps are made from, for machines.
    notes: Vec<Note>,
    /// The audit record.
    record: Value,
    /// What must not be shown.
    secrets: Secrets,
}

pub(crate) fn run(arguments: &Arguments, screen: &mut Screen) -> anyhow::Result<Outcome> {
    let explained = match (&arguments.scenario, &arguments.configuration, &arguments.audit) {
        (Some(scenario), _, _) => scenario::explain(scenario, arguments.request.as_deref())?,
        (None, Some(file), Some(log)) => {
            let authored = configuration::read(file)?;
            audit::explain(&authored, log, arguments.decision.as_deref())?
        }
        (None, Some(file), None) => vec![request::explain(configuration::read(file)?, &arguments.sent)?],
        (None, None, _) => bail!("neither a configuration nor a scenario is given"),
    };
    match screen.format() {
        Format::Json => {
            let explained: Vec<Value> = explained.iter().map(Explained::to_json).collect();
            screen.json(&json!({ "explained": explained }))?;
        }
        Format::Text => {
            for (place, one) in explained.iter().enumerate() {
                if place > 0 {
                    writeln!(screen.out())?;
                }
                draw::draw(one, screen.out())?;
            }
        }
    }
    Ok(Outcome::Fine)
}

impl Explained {
    fn to_json(&self) -> Value {
        let cause = self.record.get("cause").and_then(Value::as_str);
        let mut value = json!({
            "request": self.title,
            "decision": self.record.get("decision"),
            "cause": cause,
            "meaning": cause.and_then(wording::meaning),
            "remarks": self.remarks,
            "notes": self.notes,
            "steps": self.steps.iter().map(Step::to_json).collect::<Vec<_>>(),
            "record": self.record,
        });
        self.secrets.mask_json(&mut value);
        value
    }
}
