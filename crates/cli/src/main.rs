//! `cedar-gate`: configurations and policies checked, tested and explained with the filter's own logic, before a gateway
//! has them.

mod command;
mod configuration;
mod outcome;
mod screen;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use outcome::Outcome;
use screen::{Format, Screen};

/// Checks, tests and explains configurations and policies of cedar-gate.
#[derive(Debug, Parser)]
#[command(name = "cedar-gate", version, after_help = outcome::HELP, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// For people, or for machines.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Whether colours are used.
    #[arg(long, global = true, value_enum, default_value_t = clap::ColorChoice::Auto)]
    color: clap::ColorChoice,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(command::check::Arguments),
    Completions(command::completions::Arguments),
    Explain(Box<command::explain::Arguments>),
    Init(command::init::Arguments),
    Render(command::render::Arguments),
    Schema(command::schema::Arguments),
    Test(command::test::Arguments),
    Token(command::token::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut screen = Screen::new(arguments.format, arguments.color);
    let outcome = match &arguments.command {
        Command::Check(arguments) => command::check::run(arguments, &mut screen),
        Command::Completions(arguments) => command::completions::run(arguments, &mut screen),
        Command::Explain(arguments) => command::explain::run(arguments, &mut screen),
        Command::Init(arguments) => command::init::run(arguments, &mut screen),
        Command::Render(arguments) => command::render::run(arguments, &mut screen),
        Command::Schema(arguments) => command::schema::run(arguments, &mut screen),
        Command::Test(arguments) => command::test::run(arguments, &mut screen),
        Command::Token(arguments) => command::token::run(arguments, &mut screen),
    };
    outcome
        .unwrap_or_else(|error| {
            if is_closed_pipe(&error) {
                return Outcome::Fine;
            }
            screen.error(&error);
            Outcome::Broken
        })
        .into()
}

/// `cedar-gate explain … | head` has all that it wanted.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
