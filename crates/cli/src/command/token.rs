//! `cedar-gate token`: keys and tokens to develop with, where an issuer is not at hand.

mod inspect;
mod jwks;
mod key;
pub(crate) mod key_file;
mod sign;

use std::time::{SystemTime, UNIX_EPOCH};

use crate::outcome::Outcome;
use crate::screen::Screen;

/// Make keys and tokens for development, and look into tokens
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Key(key::Arguments),
    Jwks(jwks::Arguments),
    Sign(sign::Arguments),
    Inspect(inspect::Arguments),
}

pub(crate) fn run(arguments: &Arguments, screen: &mut Screen) -> anyhow::Result<Outcome> {
    match &arguments.command {
        Command::Key(arguments) => key::run(arguments, screen),
        Command::Jwks(arguments) => jwks::run(arguments, screen),
        Command::Sign(arguments) => sign::run(arguments, screen),
        Command::Inspect(arguments) => inspect::run(arguments, screen),
    }
}

/// Seconds since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "tokens for development are made now; the filter has no clock")]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
