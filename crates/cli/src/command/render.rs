//! `cedar-gate render`: a configuration as gateways take it, in one piece.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cedar_gate::config::{Fault, Faults};
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Value, json};

use crate::configuration;
use crate::outcome::Outcome;
use crate::screen::{BAD, Format, GOOD, Screen};

/// Write a configuration in one piece, with its policies inside, as gateways take it
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The configuration of the filter; YAML or JSON
    configuration: PathBuf,
    /// As a resource of Envoy's extension configuration discovery, which an Envoy reloads whenever the file changes
    #[arg(long, requires_all = ["wasm", "vm_id"])]
    envoy: bool,
    /// With --envoy: the path of cedar_gate.wasm on the gateway
    #[arg(long, value_name = "PATH", requires = "envoy", value_parser = NonEmptyStringValueParser::new())]
    wasm: Option<String>,
    /// With --envoy: a name that no other Wasm filter of the gateway has
    #[arg(long, value_name = "ID", requires = "envoy", value_parser = NonEmptyStringValueParser::new())]
    vm_id: Option<String>,
    /// The file to write, replaced as a whole; without it, standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, screen: &mut Screen) -> anyhow::Result<Outcome> {
    let authored = configuration::read(&arguments.configuration)?;
    if let Err(faults) = configuration::load(&authored) {
        // What a gateway would refuse is not handed to it: Envoy answers everything with 500 when its first one is bad.
        refuse(&faults, screen)?;
        return Ok(Outcome::Findings);
    }
    let rendered = match (&arguments.wasm, &arguments.vm_id) {
        (Some(wasm), Some(vm_id)) => envoy(authored.configuration, wasm, vm_id),
        _ => authored.configuration,
    };
    let Some(path) = &arguments.output else {
        screen.json(&rendered)?;
        return Ok(Outcome::Fine);
    };
    replace(path, &format!("{rendered:#}\n"))?;
    let file = path.display();
    match screen.format() {
        Format::Json => screen.json(&json!({"ok": true, "file": file.to_string()}))?,
        Format::Text => writeln!(screen.out(), "{GOOD}written{GOOD:#} {file}")?,
    }
    Ok(Outcome::Fine)
}

/// Standard output is for what was rendered, so for people the faults go elsewhere.
pub(super) fn refuse(faults: &Faults, screen: &mut Screen) -> anyhow::Result<()> {
    match screen.format() {
        Format::Json => {
            let fault = |fault: &Fault| json!({"path": fault.path, "message": fault.message});
            screen.json(&json!({"ok": false, "faults": faults.iter().map(fault).collect::<Vec<_>>()}))?;
        }
        Format::Text => faults.iter().for_each(|fault| anstream::eprintln!("{BAD}fault{BAD:#}   {fault}")),
    }
    Ok(())
}

/// A `DiscoveryResponse` with the filter, for `config_discovery` with a `path_config_source`.
fn envoy(configuration: Value, wasm: &str, vm_id: &str) -> Value {
    json!({
        "resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": "cedar-gate",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                "config": {
                    "name": "cedar-gate",
                    "root_id": "cedar-gate",
                    "failure_policy": "FAIL_RELOAD",
                    "allow_on_headers_stop_iteration": true,
                    "vm_config": {
                        "vm_id": vm_id,
                        "runtime": "envoy.wasm.runtime.v8",
                        "code": {"local": {"filename": wasm}},
                    },
                    "configuration": {
                        "@type": "type.googleapis.com/google.protobuf.Struct",
                        "value": configuration,
                    },
                },
            },
        }],
    })
}

/// Replaces a file in one step: a gateway that watches it never sees a half, and Envoy looks for just such a step.
pub(super) fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut name = path.file_name().context("the output has no name")?.to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::write(&new, text).with_context(|| new.display().to_string())?;
    fs::rename(&new, path).with_context(|| path.display().to_string())
}
