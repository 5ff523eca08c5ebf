//! The token of a request that is given by flags: one that somebody has, or claims that somebody thinks of.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cedar_gate::config::Config;
use cedar_gate::token::{Provider, TokenType};
use cedar_gate_scenario::Forge;
use cedar_gate_testing::quickest_key;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The `kid` of the key that claims are signed with.
const KEY: &str = "cedar-gate-explain";

/// What of a provider leads elsewhere.
const ELSEWHERE: [&str; 5] = ["discovery", "introspection", "remote_jwks", "revoked", "status_list"];

/// How long a token of bare claims is valid, in seconds, if its provider lets it.
const LIFETIME: i64 = 300;

/// The key that the token is bound to, where it is.
const HOLDER: &str = "holder";

/// What token is wanted.
pub(super) struct Wanted<'w> {
    /// Of which provider, where the claims do not say it.
    pub(super) provider: Option<&'w str>,
    /// Whether it is bound to a key.
    pub(super) bound: bool,
    /// In seconds since the Unix epoch.
    pub(super) now: i64,
}

/// A token that was made here.
pub(super) struct Signed {
    pub(super) token: String,
    /// The name of the provider that it is of.
    pub(super) provider: String,
    /// Whether that provider keeps lists of revoked tokens, which nobody has asked.
    pub(super) has_lists: bool,
    forge: Forge,
    /// The algorithm of proofs.
    algorithm: &'static str,
}

/// The token that stands in a file, or comes in at standard input, without white space around it.
pub(super) fn read(from: &Path) -> anyhow::Result<String> {
    let text = text(from)?;
    let text = text.trim();
    if text.is_empty() {
        bail!("{}: has no token", from.display());
    }
    let token = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    Ok(token.map_or(text, |(_, token)| token.trim()).to_owned())
}

/// What stands in a file, or comes in at standard input.
pub(super) fn text(from: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    if from == Path::new("-") {
        io::stdin().read_to_string(&mut text).context("standard input")?;
    } else {
        text = fs::read_to_string(from).with_context(|| from.display().to_string())?;
    }
    Ok(text)
}

/// Claims as YAML or JSON: the text itself, or, where it is no object, the file that has it.
pub(super) fn claims(given: &str) -> anyhow::Result<Value> {
    let inline = cedar_gate_author::yaml(given).ok().filter(Value::is_object);
    let claims = match inline {
        Some(claims) => claims,
        None => {
            let file =
                text(Path::new(given)).context("--claims: is neither an object of claims nor a file that has one")?;
            cedar_gate_author::yaml(&file).with_context(|| given.to_owned())?
        }
    };
    if claims.is_object() { Ok(claims) } else { bail!("--claims: {given} has no object of claims") }
}

/// Signs claims with a key that is made up here, and makes the provider in the configuration trust that key alone. What
/// every token needs and the claims do not have is filled in. Nobody is asked about the token.
pub(super) fn sign(
    mut claims: Value,
    &Wanted { provider, bound, now }: &Wanted<'_>,
    config: &Config,
    configuration: &mut Value,
) -> anyhow::Result<Signed> {
    let provider = chosen(&claims, provider, config)?;
    let (proof_algorithm, holder) =
        quickest_key(config.sender.dpop.algorithms.iter().copied()).context("`dpop` has no algorithm")?;
    let key = quickest_key(provider.algorithms.iter().copied());
    let (algorithm, key) = key.with_context(|| format!("the provider `{}` has no algorithm", provider.name))?;
    let lifetime = LIFETIME.min(provider.max_lifetime);
    let missing = [
        ("iss", json!(provider.issuer)),
        ("aud", json!(provider.audiences.first())),
        ("iat", json!(now)),
        ("exp", json!(now.saturating_add(lifetime))),
    ];
    let members = claims.as_object_mut().context("--claims: is not an object of claims")?;
    for (name, value) in missing {
        members.entry(name).or_insert(value);
    }
    let forge = Forge::new().with_key(KEY, key)?.with_key(HOLDER, holder)?;
    if bound {
        members.insert("cnf".to_owned(), json!({ "jkt": forge.keys().thumbprint(HOLDER)? }));
    }
    let token_type = match provider.token_types.first() {
        Some(TokenType::Named(name)) => json!(name),
        Some(TokenType::Absent) | None => Value::Null,
    };
    let description =
        json!({"key": KEY, "alg": algorithm.name(), "header": {"typ": token_type}, "claims_raw": literal(&claims)});
    let token = forge.mint(&description, now)?;
    let jwk = forge.keys().public_jwk(KEY)?;
    let trusted = configuration
        .pointer_mut(&format!("/providers/{}", provider.name))
        .and_then(Value::as_object_mut)
        .with_context(|| format!("the configuration has no provider `{}`", provider.name))?;
    trusted.retain(|name, _| !ELSEWHERE.contains(&name.as_str()));
    trusted.insert("local_jwks".to_owned(), json!({"inline": {"keys": [jwk]}}));
    let has_lists = provider.revoked.is_some() || provider.status_lists.is_some();
    Ok(Signed { token, provider: provider.name.clone(), has_lists, forge, algorithm: proof_algorithm.name() })
}

impl Signed {
    /// A proof that the sender holds the key which the token is bound to (RFC 9449 §4.2).
    pub(super) fn proof(&self, method: &str, url: &str, nonce: Option<String>, now: i64) -> anyhow::Result<String> {
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(&self.token));
        let mut claims = json!({"jti": KEY, "htm": method, "htu": url, "iat": now, "ath": hash});
        if let (Some(nonce), Some(members)) = (nonce, claims.as_object_mut()) {
            members.insert("nonce".to_owned(), json!(nonce));
        }
        let header = json!({"typ": "dpop+jwt", "kid": null, "jwk": {"$jwk": HOLDER, "kid": null}});
        let description =
            json!({"key": HOLDER, "alg": self.algorithm, "header": header, "claims_raw": literal(&claims)});
        Ok(self.forge.mint(&description, now)?)
    }
}

/// Claims as the forge takes them when it is to change nothing about them: their text has neither the one nor the other
/// form that it would fill in.
fn literal(claims: &Value) -> String {
    claims.to_string().replace(r"\\", r"\u005c").replace("{now", r"\u007bnow")
}

/// The provider that the claims name, or the one that is named, or the only one.
fn chosen<'c>(claims: &Value, named: Option<&str>, config: &'c Config) -> anyhow::Result<&'c Provider> {
    let names = || config.providers.iter().map(|provider| provider.name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(name) = named {
        let provider = config.providers.iter().find(|provider| provider.name == name);
        return provider.ok_or_else(|| anyhow!("--provider: there is no `{name}`, but {}", names()));
    }
    if let Some(issuer) = claims.get("iss").and_then(Value::as_str) {
        let provider = config.providers.of_issuer(issuer);
        return provider.ok_or_else(|| {
            anyhow!(
                "--claims: `iss` is `{issuer}`, which is no provider's; --provider says whose key signs all the same"
            )
        });
    }
    let mut providers = config.providers.iter();
    match (providers.next(), providers.next()) {
        (Some(only), None) => Ok(only),
        (_, _) => bail!("--claims has no `iss`, and there are several providers; --provider names one of {}", names()),
    }
}
