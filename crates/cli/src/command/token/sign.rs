//! `cedar-gate token sign`

mod claim;
mod issuer;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use cedar_gate::jose::Algorithm;
use serde_json::{Map, Value, json};

use super::key_file::{self, KeyFile};
use super::now;
use crate::outcome::Outcome;
use crate::screen::{Format, Screen};
use claim::Claim;
use issuer::Issuer;

/// Print a token
#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Arguments {
    /// The file with the private JWK that signs
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The algorithm, where the file of the key does not say it, or another one
    #[arg(long, value_name = "ALG", value_parser = key_file::algorithm())]
    alg: Option<Algorithm>,
    /// A configuration of the filter, from which issuer, audience and type are taken
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// With --config: the provider, where there are several
    #[arg(long, value_name = "NAME", requires = "config")]
    provider: Option<String>,
    /// `iss`
    #[arg(long, value_name = "ISSUER", required_unless_present = "config")]
    issuer: Option<String>,
    /// `aud`; may be given several times
    #[arg(long, value_name = "AUDIENCE", required_unless_present = "config")]
    audience: Vec<String>,
    /// `typ` in the header, or `absent`; without it, at+jwt (RFC 9068)
    #[arg(long = "type", value_name = "TYPE")]
    token_type: Option<String>,
    /// From `iat`, which is now, to `exp`
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = humantime::parse_duration)]
    lifetime: Duration,
    /// A claim; may be given several times
    #[arg(long = "claim", value_name = "NAME=VALUE")]
    claim: Vec<Claim>,
    /// A file with claims: an object, in YAML or JSON
    #[arg(long, value_name = "FILE")]
    claims: Option<PathBuf>,
}

const HELP: &str = "\
Claims have three layers: `iss`, `aud`, `iat`, `exp` and a random `jti` below, those of --claims over them, those of
--claim on top. An object is laid over an object member by member, anything else replaces, and `null` removes.

The name in --claim may have members, separated by dots, and the value is JSON or, where it is not, text:
  --claim sub=alice  --claim 'realm_access.roles=[\"maker\"]'  --claim 'amr=[\"pwd\",\"mfa\"]'  --claim jti=null

A value {\"$now\": SECONDS} is a time so many seconds from now, so this token has expired:
  --claim 'exp={\"$now\": -60}'";

pub(crate) fn run(arguments: &Arguments, screen: &mut Screen) -> anyhow::Result<Outcome> {
    let key = KeyFile::read(&arguments.key)?;
    let algorithm = match arguments.alg {
        Some(algorithm) => algorithm.name(),
        None => key.algorithm().context("the key says no `alg`: give --alg")?,
    };
    let issuer = issuer(arguments)?;
    let lifetime = i64::try_from(arguments.lifetime.as_secs()).context("--lifetime is too long")?;
    let below = json!({
        "key": key.id(),
        "alg": algorithm,
        "header": {"typ": issuer.token_type},
        "claims": {
            "iss": issuer.issuer,
            "aud": match issuer.audiences.as_slice() {
                [only] => json!(only),
                several => json!(several),
            },
            "iat": {"$now": 0},
            "exp": {"$now": lifetime},
            "jti": key_file::random(16)?,
        },
    });
    let file = match &arguments.claims {
        Some(path) => read_claims(path)?,
        None => json!({}),
    };
    let mut claims = Map::new();
    for claim in &arguments.claim {
        claim.put_into(&mut claims);
    }
    let forge = key.forge().with_defaults(below).with_token("file", json!({ "claims": file }));
    let token = forge.mint(&json!({"like": "file", "claims": claims}), now())?;
    match screen.format() {
        Format::Json => screen.json(&json!({ "token": token }))?,
        Format::Text => writeln!(screen.out(), "{token}")?,
    }
    Ok(Outcome::Fine)
}

/// What the configuration says of the issuer, and the command line over it.
fn issuer(arguments: &Arguments) -> anyhow::Result<Issuer> {
    let mut issuer = match &arguments.config {
        Some(config) => Issuer::configured(config, arguments.provider.as_deref())?,
        None => Issuer::default(),
    };
    if let Some(name) = &arguments.issuer {
        issuer.issuer.clone_from(name);
    }
    if !arguments.audience.is_empty() {
        issuer.audiences.clone_from(&arguments.audience);
    }
    if let Some(token_type) = &arguments.token_type {
        issuer.token_type = (token_type != issuer::ABSENT).then(|| token_type.clone());
    }
    Ok(issuer)
}

fn read_claims(path: &Path) -> anyhow::Result<Value> {
    let place = || path.display().to_string();
    let text = fs::read_to_string(path).with_context(place)?;
    let claims = cedar_gate_author::yaml(&text).map_err(|error| anyhow!("{}: {error}", place()))?;
    ensure!(claims.is_object(), "{}: must be an object of claims", place());
    Ok(claims)
}
