//! `cedar-gate init`: a project to start from.

mod name;
mod skeleton;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use cedar_gate::jose::Algorithm;
use serde_json::json;

use super::token::key_file::{self, KeyFile};
use crate::outcome::Outcome;
use crate::screen::{FAINT, Format, GOOD, Screen};
use name::Name;

/// Make a project: a configuration, policies, scenarios, an Envoy that enforces them, and a check for CI
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The folder, which is made if it is not there; files in it are never overwritten
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// What the gateway is called, as a part of host names; without it, what the folder is called
    #[arg(long, value_name = "NAME")]
    name: Option<Name>,
}

/// The file with the private key that the project's tokens are signed with.
const KEY: &str = "dev.key.json";

pub(crate) fn run(arguments: &Arguments, screen: &mut Screen) -> anyhow::Result<Outcome> {
    let directory = &arguments.directory;
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => Name::of(directory)?,
    };
    let key = KeyFile::make(Algorithm::Es256, None, key_file::RSA_BITS)?;
    let files = skeleton::files(&name, &key.public()?);
    let paths = || files.iter().map(|file| file.path).chain([KEY]);
    refuse_conflicts(directory, paths())?;

    for file in &files {
        write(&directory.join(file.path), &file.text)?;
    }
    key.write(&directory.join(KEY))?;
    match screen.format() {
        Format::Json => screen.json(&json!({
            "directory": directory.display().to_string(),
            "name": name.to_string(),
            "files": paths().collect::<Vec<_>>(),
        }))?,
        Format::Text => {
            for path in paths() {
                writeln!(screen.out(), "{GOOD}made{GOOD:#}    {path}")?;
            }
            writeln!(screen.out(), "{FAINT}README.md says how to go on.{FAINT:#}")?;
        }
    }
    Ok(Outcome::Fine)
}

/// Nothing is written where a single file is in the way: half of one project in another is worse than none.
fn refuse_conflicts<'p>(directory: &Path, paths: impl Iterator<Item = &'p str>) -> anyhow::Result<()> {
    // A link that leads nowhere is in the way as well.
    let is_there = |path: &&str| fs::symlink_metadata(directory.join(path)).is_ok();
    let conflicts: Vec<&str> = paths.filter(is_there).collect();
    if !conflicts.is_empty() {
        bail!("{} has these files already, and nothing was written: {}", directory.display(), conflicts.join(", "));
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let place = || path.display().to_string();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).with_context(place)?;
    file.write_all(text.as_bytes()).with_context(place)
}
