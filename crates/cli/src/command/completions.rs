//! `cedar-gate completions`

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::outcome::Outcome;
use crate::screen::Screen;

/// Print a script that completes this command in a shell
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, screen: &mut Screen) -> anyhow::Result<Outcome> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::Arguments::command(), "cedar-gate", &mut script);
    screen.out().write_all(&script)?;
    Ok(Outcome::Fine)
}
