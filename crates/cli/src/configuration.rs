//! Configurations given on the command line.

use std::path::Path;

use cedar_gate::config::{Config, Faults};
use cedar_gate::secret::Environment;
use cedar_gate_author::{Authored, Disk};
use serde_json::Value;

/// Reads a configuration as its author keeps it.
pub(crate) fn read(path: &Path) -> anyhow::Result<Authored> {
    Ok(cedar_gate_author::configuration(path, &Disk)?)
}

/// Reads a configuration whose policies may not be there yet.
pub(crate) fn read_without_policies(path: &Path) -> anyhow::Result<Value> {
    Ok(cedar_gate_author::written(path, &Disk)?)
}

/// Loads it as a gateway would whose environment has every secret that is named.
pub(crate) fn load(authored: &Authored) -> Result<Config, Faults> {
    Config::load_in(authored.configuration.to_string().as_bytes(), &Environment::assumed())
}
