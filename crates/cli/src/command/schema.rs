//! `cedar-gate schema`: what policies are written against, and what configurations are written against.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cedar_gate::config::{derive_schema, json_schema};
use serde_json::{Value, json};

use super::render::{refuse, replace};
use crate::configuration;
use crate::outcome::Outcome;
use crate::screen::{Format, GOOD, Screen};

/// Derive the Cedar schema of a configuration, or print the JSON Schema of all configurations
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// The configuration whose providers and routes the Cedar schema is derived from; YAML or JSON
    #[arg(value_name = "CONFIGURATION", required_unless_present = "configuration")]
    file: Option<PathBuf>,
    /// The JSON Schema of configurations instead, by which editors complete and check them
    #[arg(long, conflicts_with = "file")]
    configuration: bool,
    /// The file to write, replaced as a whole; without it, standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

const HELP: &str = "The Cedar schema says all that policies may ask for. The policies of the configuration need not be \
there yet. What static entities have beside it, you add yourself.";

pub(crate) fn run(arguments: &Arguments, screen: &mut Screen) -> anyhow::Result<Outcome> {
    if arguments.configuration {
        let schema = json_schema();
        return show(&format!("{schema:#}\n"), &schema, arguments.output.as_deref(), screen);
    }
    let file = arguments.file.as_deref().context("no configuration is given")?;
    match derive_schema(configuration::read_without_policies(file)?.to_string().as_bytes()) {
        Ok(schema) => show(&schema, &json!({"ok": true, "schema": schema}), arguments.output.as_deref(), screen),
        Err(faults) => {
            refuse(&faults, screen)?;
            Ok(Outcome::Findings)
        }
    }
}

fn show(text: &str, value: &Value, output: Option<&Path>, screen: &mut Screen) -> anyhow::Result<Outcome> {
    match (output, screen.format()) {
        (None, Format::Json) => screen.json(value)?,
        (None, Format::Text) => write!(screen.out(), "{text}")?,
        (Some(path), format) => {
            replace(path, text)?;
            let file = path.display();
            match format {
                Format::Json => screen.json(&json!({"ok": true, "file": file.to_string()}))?,
                Format::Text => writeln!(screen.out(), "{GOOD}written{GOOD:#} {file}")?,
            }
        }
    }
    Ok(Outcome::Fine)
}
