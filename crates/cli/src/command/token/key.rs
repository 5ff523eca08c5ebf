//! `cedar-gate token key`

use std::io::Write;
use std::path::PathBuf;

use cedar_gate::jose::Algorithm;
use clap::builder::NonEmptyStringValueParser;
use serde_json::json;

use super::key_file::{KeyFile, RSA_BITS, algorithm};
use crate::outcome::Outcome;
use crate::screen::{Format, GOOD, Screen};

/// Make a private key for development, as a JWK
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The algorithm that it signs with
    #[arg(long, value_name = "ALG", default_value = "ES256", value_parser = algorithm())]
    alg: Algorithm,
    /// The file to write; one that is there already is left as it is
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The name that tokens call it by; without it, `development-` and the begin of its thumbprint
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    kid: Option<String>,
    /// How long an RSA key is
    #[arg(long, value_name = "BITS", default_value_t = RSA_BITS, value_parser = clap::value_parser!(u16).range(2048..=4096))]
    bits: u16,
}

pub(crate) fn run(arguments: &Arguments, screen: &mut Screen) -> anyhow::Result<Outcome> {
    let key = KeyFile::make(arguments.alg, arguments.kid.as_deref(), arguments.bits)?;
    key.write(&arguments.output)?;
    let file = arguments.output.display().to_string();
    match screen.format() {
        Format::Json => screen.json(&json!({"file": file, "kid": key.id(), "alg": arguments.alg.name()}))?,
        Format::Text => {
            let alg = arguments.alg;
            writeln!(screen.out(), "{GOOD}made{GOOD:#}    {file}, the {alg} key `{}`, for development only", key.id())?;
        }
    }
    Ok(Outcome::Fine)
}
