//! Plays every scenario file on every host: `native::…`, `wasm::…`, `envoy::…`.
#![cfg(test)]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::print_stderr,
    reason = "the filter's own walls against traps; a test that traps has failed"
)]

mod hosts;

use std::path::{Path, PathBuf};

use cedar_gate_scenario::Scenario;
use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut trials = Vec::new();
    for folder in [root.join("tests/scenarios"), root.join("policies")] {
        for path in Scenario::find(&folder).expect("scenario files can be listed") {
            trials.extend(trials_of(&folder, &path));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    conclusion.exit();
}

fn trials_of(folder: &Path, path: &Path) -> Vec<Trial> {
    let name = path.strip_prefix(folder).unwrap_or(path).with_extension("").display().to_string().replace('/', "::");
    let scenario = match Scenario::load(path) {
        Ok(scenario) => scenario,
        Err(error) => return vec![Trial::test(name, move || Err(Failed::from(error.to_string())))],
    };
    let scenario = std::sync::Arc::new(scenario);
    let hosts = hosts::names().into_iter().filter(|host| scenario.is_for(host));
    hosts
        .map(|host| {
            let scenario = std::sync::Arc::clone(&scenario);
            Trial::test(format!("{host}::{name}"), move || play(&scenario, &host))
        })
        .collect()
}

fn play(scenario: &Scenario, name: &str) -> Result<(), Failed> {
    let host = hosts::host(name).ok_or_else(|| format!("the host `{name}` is not there; see `make test`"))?;
    scenario.run(host).map_err(|report| Failed::from(report.to_string()))
}
