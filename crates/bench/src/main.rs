//! The yardstick: one Envoy worker on one core, `wrk` on another, and the same request through no filter, through the
//! filters that Envoy brings, and through cedar-gate.
//!
//! What is compared is measured in one round, in turns, because a machine is not equally fast all the time: a ratio is
//! one of two figures of the same round, and what is reported is the median over the rounds. A filter that lets the
//! wrong requests pass, or refuses the right ones, is not measured at all; see [`gateway::Gateway::check`].

mod busy;
mod cores;
mod filter;
mod gateway;
mod issuer;
mod machine;
mod report;
mod round;
mod row;
mod spread;
mod wrk;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Parser;
use clap::builder::FalseyValueParser;

use cores::Cores;
use gateway::Gateway;
use issuer::{Algorithm, Issuer};
use machine::Machine;
use report::{Report, Settings};
use round::Course;

/// Measures what a request costs in one Envoy worker, with cedar-gate and with other filters.
#[derive(Debug, Parser)]
struct Arguments {
    /// Envoy's binary.
    #[arg(long, env = "CEDAR_GATE_ENVOY")]
    envoy: PathBuf,
    /// The filter.
    #[arg(long, env = "CEDAR_GATE_WASM", default_value = "target/cedar_gate.wasm")]
    wasm: PathBuf,
    /// How often everything is measured; 5, or 1 with --quick.
    #[arg(long, env = "ROUNDS")]
    rounds: Option<usize>,
    /// One short round, to see that everything works. Its figures are worth little.
    #[arg(long, env = "QUICK", value_parser = FalseyValueParser::new())]
    quick: bool,
    /// How the tokens are signed.
    #[arg(long, env = "ALGORITHM", default_value = "RS256")]
    algorithm: Algorithm,
    /// The file that the report is written to; with --quick one below `target`.
    #[arg(long, env = "OUT")]
    out: Option<PathBuf>,
}

impl Arguments {
    fn settings(&self) -> Settings {
        let quick = self.quick;
        Settings {
            rounds: self.rounds.unwrap_or(if quick { 1 } else { 5 }).max(1),
            seconds: if quick { 1 } else { 4 },
            seconds_alone: if quick { 1 } else { 2 },
            connections: 32,
            tokens: if quick { 4_000 } else { 20_000 },
            algorithm: self.algorithm,
        }
    }

    fn out(&self) -> PathBuf {
        match (&self.out, self.quick) {
            (Some(out), _) => out.clone(),
            (None, true) => "target/bench/gateway.md".into(),
            (None, false) => "docs/benchmarks/gateway.md".into(),
        }
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let settings = arguments.settings();
    // Whatever may be missing is missed before the long part begins.
    let wrk = wrk::Wrk::find()?;
    let cores = Cores::choose()?;
    let machine = Machine::look(&arguments.envoy, &arguments.wasm, &wrk, &cores)?;

    eprintln!("{} tokens are signed ({}).", settings.tokens, settings.algorithm);
    let issuer = Issuer::new(settings.algorithm, machine.began)?;
    let list = issuer.list(settings.tokens)?;

    eprintln!("Envoy starts, which takes some seconds, because it compiles the filters.");
    Cores::pin(cores.gateway)?;
    let gateway = Gateway::start(&arguments.envoy, &arguments.wasm, &issuer)?;
    Cores::pin(cores.client)?;
    gateway.check(&issuer)?;

    let course = Course { gateway: &gateway, wrk: &wrk, issuer: &issuer, list: &list, settings: &settings };
    let lanes = course.run()?;
    let report = Report { machine: &machine, settings: &settings, lanes: &lanes }.to_string();
    println!("{report}");
    write(&arguments.out(), &report)
}

fn write(file: &Path, report: &str) -> anyhow::Result<()> {
    let name = || format!("{} cannot be written", file.display());
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(name)?;
    }
    fs::write(file, report).with_context(name)?;
    eprintln!("This stands in {}.", file.display());
    Ok(())
}
