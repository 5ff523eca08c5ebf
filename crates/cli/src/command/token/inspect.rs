//! `cedar-gate token inspect`

use std::io::{self, Read, Write};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use cedar_gate::jose::{CompactError, CompactToken};
use serde_json::{Map, Value, json};

use super::now;
use crate::outcome::Outcome;
use crate::screen::{FAINT, Format, Screen, WARNING};

/// Show what a token says; nothing of it is verified
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The token; without it, or with `-`, standard input
    token: Option<String>,
}

/// Claims that are times, in seconds since the Unix epoch (RFC 7519 §2, OpenID Connect Core §2 and §5.1).
const TIMES: [&str; 5] = ["auth_time", "exp", "iat", "nbf", "updated_at"];

/// The deepest claims that a configuration may allow, and the deepest that any has by default.
const DEPTH: usize = 16;

pub(crate) fn run(arguments: &Arguments, screen: &mut Screen) -> anyhow::Result<Outcome> {
    let text = match arguments.token.as_deref() {
        None | Some("-") => io::read_to_string(io::stdin().lock().take(1 << 20)).context("standard input")?,
        Some(token) => token.to_owned(),
    };
    let token = text.trim();
    let mut segments = token.split('.');
    let mut object = |name| object(segments.next().unwrap_or_default()).with_context(|| format!("the {name}"));
    let (header, claims) = (object("header")?, object("claims")?);
    let objection = match CompactToken::parse(token, DEPTH) {
        Ok(_) => None,
        Err(CompactError::Critical) => Some("token_critical"),
        Err(CompactError::Malformed) => Some("token_malformed"),
    };
    match screen.format() {
        Format::Json => {
            let times: Map<String, Value> = TIMES
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), json!(date(claims.get(*name)?.as_u64()?)))))
                .collect();
            screen.json(&json!({
                "verified": false,
                "refused": objection,
                "header": header,
                "claims": claims,
                "times": times,
            }))?;
        }
        Format::Text => {
            section("header", &header, screen.out())?;
            section("claims", &claims, screen.out())?;
            writeln!(screen.out(), "{WARNING}not verified{WARNING:#}: anybody can write such a token")?;
            if let Some(cause) = objection {
                writeln!(screen.out(), "{WARNING}refused{WARNING:#} by the filter for its form: {cause}")?;
            }
        }
    }
    Ok(Outcome::Fine)
}

fn object(segment: &str) -> anyhow::Result<Map<String, Value>> {
    let bytes = BASE64URL.decode(segment).context("is no base64url without padding, so this is no compact JWS")?;
    serde_json::from_slice(&bytes).context("is no JSON object, so this is no JWT")
}

fn section(name: &str, members: &Map<String, Value>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{name}")?;
    let width = members.keys().map(|name| name.chars().count()).max().unwrap_or_default();
    for (name, value) in members {
        write!(out, "  {name:width$}  {value}")?;
        match value.as_u64() {
            Some(seconds) if TIMES.contains(&name.as_str()) => {
                writeln!(out, "  {FAINT}{}, {}{FAINT:#}", date(seconds), distance(seconds))?;
            }
            Some(_) | None => writeln!(out)?,
        }
    }
    Ok(())
}

/// In UTC, as RFC 3339 writes it; the last second that it can write, where the time is beyond.
fn date(seconds: u64) -> String {
    const LAST: u64 = 253_402_300_799;
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds.min(LAST))).to_string()
}

fn distance(seconds: u64) -> String {
    let now = u64::try_from(now()).unwrap_or_default();
    let apart = humantime::format_duration(Duration::from_secs(seconds.abs_diff(now)));
    match seconds.cmp(&now) {
        std::cmp::Ordering::Equal => "now".to_owned(),
        std::cmp::Ordering::Greater => format!("in {apart}"),
        std::cmp::Ordering::Less => format!("{apart} ago"),
    }
}
