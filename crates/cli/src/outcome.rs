//! What a command ends with.

use std::process::ExitCode;

/// How a command has ended, for those who ask for its exit code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// Nothing is wrong with what was looked at.
    Fine,
    /// Something is wrong with it, and has been shown.
    Findings,
    /// The command could not do its work: a file cannot be read, or is not what it should be.
    Broken,
}

/// The exit codes, for `--help`. 2 is what clap ends with.
pub(crate) const HELP: &str = "Exit codes:
  0  nothing is wrong
  1  something is wrong with what was looked at, and has been shown
  2  the command line is not understood
  3  the command could not do its work";

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Fine => Self::SUCCESS,
            Outcome::Findings => Self::from(1),
            Outcome::Broken => Self::from(3),
        }
    }
}
