//! What a command shows: text for people, coloured on a terminal only, or JSON for machines.

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use serde_json::{Value, json};

/// Whom it is shown to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// People.
    Text,
    /// Machines: one JSON value on standard output.
    Json,
}

/// Something is refused, or does not hold.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Something deserves a look.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// Something holds.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Something matters less.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// Standard output, and standard error for what is not a result.
pub(crate) struct Screen {
    format: Format,
    out: AutoStream<io::Stdout>,
    err: AutoStream<io::Stderr>,
}

impl Screen {
    pub(crate) fn new(format: Format, color: clap::ColorChoice) -> Self {
        let choice = match color {
            clap::ColorChoice::Always => ColorChoice::Always,
            clap::ColorChoice::Auto => ColorChoice::Auto,
            clap::ColorChoice::Never => ColorChoice::Never,
        };
        Self { format, out: AutoStream::new(io::stdout(), choice), err: AutoStream::new(io::stderr(), choice) }
    }

    /// Whom it is shown to.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Where text goes that may be coloured: the stream leaves the colours out where nobody would see them.
    pub(crate) fn out(&mut self) -> &mut impl Write {
        &mut self.out
    }

    /// A result for machines.
    ///
    /// # Errors
    ///
    /// Standard output is closed.
    pub(crate) fn json(&mut self, value: &Value) -> io::Result<()> {
        writeln!(self.out, "{value:#}")
    }

    /// Why the command could not do its work.
    pub(crate) fn error(&mut self, error: &anyhow::Error) {
        // A closed pipe leaves nobody to tell.
        let _ = match self.format {
            Format::Json => self.json(&json!({ "error": format!("{error:#}") })),
            Format::Text => writeln!(self.err, "{BAD}error:{BAD:#} {error:#}"),
        };
    }
}
