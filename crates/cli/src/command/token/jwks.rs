//! `cedar-gate token jwks`

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::ensure;
use serde_json::json;

use super::key_file::KeyFile;
use crate::outcome::Outcome;
use crate::screen::{Screen, WARNING};

/// Print the public halves of private keys as a JWK set, which `local_jwks.inline` takes
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Files with a private JWK
    #[arg(required = true, value_name = "FILE")]
    keys: Vec<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, screen: &mut Screen) -> anyhow::Result<Outcome> {
    let mut ids = BTreeSet::new();
    let mut keys = Vec::new();
    for path in &arguments.keys {
        let key = KeyFile::read(path)?;
        let file = path.display();
        ensure!(ids.insert(key.id().to_owned()), "{file}: another key has the `kid` `{}` as well", key.id());
        if key.is_secret() {
            anstream::eprintln!(
                "{WARNING}warning{WARNING:#} {file}: has no public half; what is printed is the secret"
            );
        }
        keys.push(key.public()?);
    }
    screen.json(&json!({ "keys": keys }))?;
    Ok(Outcome::Fine)
}
