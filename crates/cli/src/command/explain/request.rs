//! A request that is given by flags.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use cedar_gate::client_certificate::PeerCertificate;
use cedar_gate::config::Config;
use cedar_gate::credential::{Credentials, Scheme};
use cedar_gate::harness::{Harness, Pairs, Passage};
use cedar_gate::secret::Environment;
use cedar_gate_author::Authored;
use serde_json::Value;

use super::elsewhere::Answers;
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
    /// With --claims: binds the token to a key that is made up, and sends a proof by that key (DPoP)
    #[arg(long, requires = "claims")]
    prove: bool,
    /// The file that has the proof of possession (DPoP) that comes with the token; `-` for standard input
    #[arg(long, value_name = "FILE|-", requires = "token")]
    dpop: Option<PathBuf>,
    /// The SHA-256 digest, in hexadecimal, of the certificate that the client shows and the gateway has verified
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    certificate: Option<String>,
    /// What a service answers when it is called at this URI: keys, metadata, an introspection, a list; may be given
    /// several times. Nobody is really called
    #[arg(long = "answer", value_name = "URI=FILE", value_parser = answer, conflicts_with = "claims")]
    answers: Vec<(String, PathBuf)>,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("is not `name: value`")?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

fn digest(text: &str) -> Result<String, String> {
    let digits: String = text.chars().filter(|character| *character != ':').collect();
    let hexadecimal = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hexadecimal { Ok(digits.to_ascii_lowercase()) } else { Err("is no SHA-256 digest in hexadecimal".to_owned()) }
}

fn answer(text: &str) -> Result<(String, PathBuf), String> {
    // A query may have a `=` in it, and the name of a file hardly does.
    let (uri, file) = text.rsplit_once('=').ok_or("is not `URI=FILE`")?;
    if uri.contains("://") { Ok((uri.to_owned(), PathBuf::from(file))) } else { Err("has no URI".to_owned()) }
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
    let mut proof = sent.dpop.as_deref().map(token::read).transpose()?;
    let token = match (&sent.token, &sent.claims) {
        (Some(file), _) => Some(token::read(file)?),
        (None, Some(claims)) => {
            let claims = token::claims(claims)?;
            let seconds = i64::try_from(now).unwrap_or(i64::MAX);
            let wanted = token::Wanted { provider: sent.provider.as_deref(), bound: sent.prove, now: seconds };
            let signed = token::sign(claims, &wanted, &config, &mut authored.configuration)?;
            remarks.push(format!(
                "The claims are signed with a key that was made up for this explanation, in place of the keys of the \
                 provider `{}`. What is said of the signature says nothing about a real token.",
                signed.provider
            ));
            if signed.has_lists {
                remarks.push(
                    "Nobody is asked whether it is revoked, as a `status` in the claims would demand.".to_owned(),
                );
            }
            if sent.prove {
                let url = url(&authored, sent, path);
                proof = Some(signed.proof(&sent.method, &url, config.sender.dpop.nonce(seconds), seconds)?);
            }
            Some(signed.token)
        }
        (None, None) => None,
    };
    let body = sent.body.as_deref().map(body).transpose()?;
    let shown = Shown { token: token.as_deref(), proof: proof.as_deref() };
    let headers = pairs(sent, path, &shown, body.as_deref(), &config);
    let secrets = Secrets::of_headers(&headers);
    let mut harness = Harness::start_in(authored.configuration.to_string().as_bytes(), &Environment::assumed(), now)
        .map_err(|faults| refused(faults.iter()))?
        .observed();
    remember_proofs(&mut harness, now);
    let sha256 = sent.certificate.as_ref().map(|digest| digest.clone().into_bytes());
    harness.show_certificate(PeerCertificate { is_valid: sha256.is_some(), sha256 });
    let answers = Answers::read(&sent.answers)?;
    let (mut passage, _) = harness.request_from(sent.source, headers, body.is_none());
    deliver(&mut passage, body.as_deref().unwrap_or_default());
    remarks.extend(answers.supply(&mut harness, &mut passage));
    let notes = passage.notes().to_vec();
    let record = passage.end().pop().context("no decision was made")?;
    let title = format!("{} {path} on {}", sent.method, sent.host);
    let steps = steps::of(&notes, &steps::Place::of(&harness));
    Ok(Explained { title, remarks, steps, notes, record, secrets })
}

/// Where the request is sent, as its sender knows it.
fn url(authored: &Authored, sent: &Sent, path: &str) -> String {
    let public = authored.configuration.pointer("/dpop/public_origin").and_then(Value::as_str);
    let origin =
        public.map_or_else(|| format!("https://{}", sent.host), |origin| origin.trim_end_matches('/').to_owned());
    format!("{origin}{}", path.split('?').next().unwrap_or_default())
}

/// The gateway has run for long enough to remember every proof that was used, and this one was not.
fn remember_proofs(harness: &mut Harness, now: u64) {
    const AGE: u64 = 3600;
    let since = i64::try_from(now.saturating_sub(AGE)).unwrap_or(i64::MAX);
    let shared = Rc::clone(harness.shared_data());
    harness.config().sender.dpop.replay.prepare(&mut *shared.borrow_mut(), since);
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

/// What its sender shows.
struct Shown<'s> {
    token: Option<&'s str>,
    proof: Option<&'s str>,
}

/// The head as a gateway holds it.
fn pairs(sent: &Sent, path: &str, shown: &Shown<'_>, body: Option<&[u8]>, config: &Config) -> Pairs {
    let (credential, path) = match shown.token {
        Some(token) => placed(token, path, &config.credentials, shown.proof.is_some()),
        None => (None, path.to_owned()),
    };
    let mut pairs = vec![
        (":method".to_owned(), sent.method.clone()),
        (":path".to_owned(), path),
        (":authority".to_owned(), sent.host.clone()),
        (":scheme".to_owned(), "https".to_owned()),
    ];
    pairs.extend(credential);
    pairs.extend(shown.proof.map(|proof| ("dpop".to_owned(), proof.to_owned())));
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

/// The token in the first place that there is for one, with a proof or without: the header for it, and the path with it.
fn placed(token: &str, path: &str, places: &Credentials, proved: bool) -> (Option<(String, String)>, String) {
    let wanted = if proved { Scheme::Dpop } else { Scheme::Bearer };
    let fitting = places.headers.iter().find(|place| place.schemes.contains(&wanted));
    if let Some(place) = fitting.or(places.headers.first()) {
        let scheme = place.schemes.iter().find(|scheme| **scheme == wanted).or(place.schemes.first());
        let scheme = scheme.map(|scheme| format!("{} ", scheme.name())).unwrap_or_default();
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
