//! Plays a story in a real Envoy, prints what came of it, and then keeps the gateway for whoever wants to try more.
//!
//! Nothing in it is made up for the show: Envoy gets the configuration that users are given (`examples/envoy`), and the
//! table says what a client, the upstream and an auditor have seen.

mod serve;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use cedar_gate_scenario::{Report, Scenario};
use cedar_gate_stage::{Deployment, EnvoyFile};
use clap::Parser;

use table::Table;

/// Plays a story in a real Envoy and keeps it running for more.
#[derive(Parser)]
struct Arguments {
    /// End after the story; with an error, if something was not as expected.
    #[arg(long)]
    once: bool,
    /// Envoy's binary.
    #[arg(long, env = "CEDAR_GATE_ENVOY")]
    envoy: PathBuf,
    /// The filter.
    #[arg(long, env = "CEDAR_GATE_WASM", default_value = "target/cedar_gate.wasm")]
    wasm: PathBuf,
    /// The folder with `envoy.yaml` and `story.yaml`.
    #[arg(long, default_value = "examples/envoy")]
    example: PathBuf,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let file = EnvoyFile::load(&arguments.example.join("envoy.yaml"))?;
    let story = Scenario::load(arguments.example.join("story.yaml"))?;

    println!("{}", story.story().trim_end());
    println!("\nEnvoy starts, which takes some seconds, because it compiles the filter.");
    let deployment = Deployment::start(&arguments.envoy, &file, &arguments.wasm, &story.start().services)?;
    let outcome = play(&story, &deployment);
    if let Err(report) = &outcome {
        println!("\n{report}");
    }
    if !arguments.once {
        serve::serve(&deployment, story.forge())?;
    }
    Ok(if arguments.once && outcome.is_err() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn play(story: &Scenario, deployment: &Deployment) -> Result<(), Box<Report>> {
    let mut table = Table::new();
    let outcome = story.play(deployment, &mut |played| table.add(&played));
    println!("{table}");
    outcome.map_err(Box::new)
}
