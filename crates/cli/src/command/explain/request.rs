//! A request that is given by flags.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use cedar_gate::config::Config;
use cedar_gate::credential::Credentials;
use cedar_gate::harness::{Harness, Pairs, Passage};
use cedar_gate::secret::Environment;
use cedar_gate_author::Authored;

use super::masked::Secrets;
use super::{Explained, steps, token};
use crate::configuration;

/// The request that is explained.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The request")]
pub(super) struct Sent {
    /// Its method
    #[arg(long, default_value = "GET")]
    method: String,
    /// Its path, with the query
    #[arg(long, required_unless_present_any = ["scenario", "audit"], conflicts_with_all = ["scenario", "audit"])]
    path: Option<String>,
    /// Its host
    #[arg(long, default_value = "localhost")]
    host: String,
    /// A header, as `name: value`; may be given several times
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// The body: a file, or the text itself; without a `content-type`, it goes as application/json
    #[arg(long, value_name = "FILE|TEXT")]
    body: Option<String>,
    /// The address that it comes from
    #[arg(long, value_name = "IP")]
    source: Option<IpAddr>,
    /// When it comes, as in `2026-06-01T12:00:00Z`; without it, now
    #[arg(long, value_name = "TIME", value_parser = time)]
    now: Option<u64>,
    /// The file that has the token; `-` for standard input
    #[arg(long, value_name = "FILE|-", conflicts_with = "claims")]
    token: Option<PathBuf>,
    /// The claims of a token, as YAML or JSON, or a file that has them. A key that is made up signs them, and stands for
    /// the keys of their provider; `iss`, `aud`, `iat` and `exp` are filled in where they are missing
    #[arg(long, value_name = "CLAIMS|FILE")]
    claims: Option<String>,
    /// With --claims: the provider whose token it is, where `iss` does not say it
    #[arg(long, value_name = "NAME", requires = "claims")]
    provider: Option<String>,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("is not `name: value`")?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

/// Seconds since the Unix epoch.
fn time(text: &str) -> Result<u64, String> {
    let time = humantime::parse_rfc3339_weak(text).map_err(|error| error.to_string())?;
    Ok(time.duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?.as_secs())
}

/// Explains what the filter does with a request.
///
/// # Errors
///
/// The request cannot be put, or not to this configuration.
pub(super) fn explain(mut authored: Authored, sent: &Sent) -> anyhow::Result<Explained> {
    let path = sent.path.as_deref().unwrap_or("/");
    let now = sent.now.unwrap_or_else(clock);
    let config = accepted(&authored)?;
    let mut remarks = Vec::new();
    let token = match (&sent.token, &sent.claims) {
        (Some(file), _) => Some(token::read(file)?),
        (None, Some(claims)) => {
            let claims = token::claims(claims)?;
            let seconds = i64::try_from(now).unwrap_or(i64::MAX);
            let (token, provider) =
                token::sign(claims, sent.provider.as_deref(), &config, &mut authored.configuration, seconds)?;
            remarks.push(format!(
                "The claims are signed with a key that was made up for this explanation, in place of the keys of the \
                 provider `{provider}`. What is said of the signature says nothing about a real token."
            ));
            Some(token)
        }
        (None, None) => None,
    };
    let body = sent.body.as_deref().map(body).transpose()?;
    let headers = pairs(sent, path, token.as_deref(), body.as_deref(), &config);
    let secrets = Secrets::of_headers(&headers);
    let mut harness = Harness::start_in(authored.configuration.to_string().as_bytes(), &Environment::assumed(), now)
        .map_err(|faults| refused(faults.iter()))?
        .observed();
    let (mut passage, _) = harness.request_from(sent.source, headers, body.is_none());
    deliver(&mut passage, body.as_deref().unwrap_or_default());
    let notes = passage.notes().to_vec();
    let record = passage.end().pop().context("no decision was made")?;
    let title = format!("{} {path} on {}", sent.method, sent.host);
    let steps = steps::of(&notes, &steps::Place::of(&harness));
    Ok(Explained { title, remarks, steps, notes, record, secrets })
}

/// The configuration as a gateway takes it.
pub(super) fn accepted(authored: &Authored) -> anyhow::Result<Config> {
    configuration::load(authored).map_err(|faults| refused(faults.iter()))
}

fn refused<'f>(faults: impl Iterator<Item = &'f cedar_gate::config::Fault>) -> anyhow::Error {
    let faults: Vec<String> = faults.map(|fault| format!("\n  {fault}")).collect();
    anyhow::anyhow!("no gateway takes this configuration, so it decides nothing:{}", faults.concat())
}

#[expect(clippy::disallowed_methods, reason = "a command has a clock; the filter has none")]
fn clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn body(given: &str) -> anyhow::Result<Vec<u8>> {
    let path = Path::new(given);
    if path.is_file() { fs::read(path).with_context(|| given.to_owned()) } else { Ok(given.as_bytes().to_vec()) }
}

/// The head as a gateway holds it.
fn pairs(sent: &Sent, path: &str, token: Option<&str>, body: Option<&[u8]>, config: &Config) -> Pairs {
    let (credential, path) = match token {
        Some(token) => placed(token, path, &config.credentials),
        None => (None, path.to_owned()),
    };
    let mut pairs = vec![
        (":method".to_owned(), sent.method.clone()),
        (":path".to_owned(), path),
        (":authority".to_owned(), sent.host.clone()),
        (":scheme".to_owned(), "https".to_owned()),
    ];
    pairs.extend(credential);
    pairs.extend(sent.headers.iter().cloned());
    if let Some(body) = body {
        let has = |name: &str| sent.headers.iter().any(|(each, _)| each == name);
        if !has("content-type") {
            pairs.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        if !has("content-length") {
            pairs.push(("content-length".to_owned(), body.len().to_string()));
        }
    }
    pairs.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes())).collect()
}

/// The token in the first place that there is for one: the header for it, and the path with it.
fn placed(token: &str, path: &str, places: &Credentials) -> (Option<(String, String)>, String) {
    if let Some(place) = places.headers.first() {
        let scheme = place.schemes.first().map(|scheme| format!("{} ", scheme.name())).unwrap_or_default();
        return (Some((place.name.as_str().to_owned(), format!("{scheme}{token}"))), path.to_owned());
    }
    if let Some(name) = places.cookies.first() {
        return (Some(("cookie".to_owned(), format!("{}={token}", name.as_str()))), path.to_owned());
    }
    let with = |name: &str| format!("{path}{}{name}={token}", if path.contains('?') { '&' } else { '?' });
    (None, places.parameters.first().map_or(path.to_owned(), |name| with(name.as_str())))
}

fn deliver(passage: &mut Passage, body: &[u8]) {
    if passage.is_waiting() {
        passage.body(body, true);
    }
}
