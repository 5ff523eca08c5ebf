//! The issuer of the tokens: the right ones, the wrong ones, and the long list of new ones.

use std::fmt;
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, anyhow};
use cedar_gate_scenario::{Forge, Scenario};
use clap::ValueEnum;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The algorithm of all signatures.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Algorithm {
    #[value(name = "RS256")]
    Rs256,
    #[value(name = "ES256")]
    Es256,
    #[value(name = "EdDSA")]
    EdDsa,
}

/// An issuer with one key, whom every filter trusts.
#[derive(Debug)]
pub(crate) struct Issuer {
    forge: Forge,
    configuration: Value,
    now: i64,
}

/// Tokens in a file, one a line, each of them used once before the first one comes again.
#[derive(Debug)]
pub(crate) struct List {
    directory: TempDir,
    pub(crate) length: usize,
}

/// The name of the key, hence its `kid`.
const KEY: &str = "yardstick";

/// A token that lives as long as cedar-gate and `jwt_authn` let it: measuring takes minutes.
const LIFETIME: i64 = 3595;

/// The provider in the scenario.
const PROVIDER: &str = "/providers/corp";

impl Issuer {
    /// The issuer of the scenarios about payments, with another key; `now` is in seconds since the Unix epoch.
    pub(crate) fn new(algorithm: Algorithm, now: i64) -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let scenario = Scenario::load(root.join("tests/scenarios/requests/a_payment_goes_through_its_hands.yaml"))?;
        let like = |like: &str| json!({ "like": like, "key": KEY, "alg": algorithm.to_string(), "claims": { "exp": { "$now": LIFETIME } } });
        let forge = scenario
            .forge()
            .clone()
            .with_key(KEY, algorithm.key())?
            .with_key("another", algorithm.key())?
            .with_token("good", like("audrey"))
            .with_token("outsider", like("nobody"));

        let mut jwk = forge.keys().public_jwk(KEY)?;
        jwk["alg"] = json!(algorithm.to_string());
        jwk["use"] = json!("sig");
        let mut configuration = scenario.start().configuration.clone();
        let provider = configuration.pointer_mut(PROVIDER).ok_or_else(|| anyhow!("no provider at {PROVIDER}"))?;
        provider["algorithms"] = json!([algorithm.to_string()]);
        provider["local_jwks"] = json!({ "inline": { "keys": [jwk] } });
        Ok(Self { forge, configuration, now })
    }

    /// The `iss` of the tokens.
    pub(crate) fn name(&self) -> &Value {
        &self.provider()["issuer"]
    }

    /// The `aud` of the tokens.
    pub(crate) fn audience(&self) -> &Value {
        &self.provider()["audiences"][0]
    }

    /// The key to verify with.
    pub(crate) fn public_jwk(&self) -> &Value {
        &self.provider()["local_jwks"]["inline"]["keys"][0]
    }

    /// The configuration of cedar-gate, with which it trusts this issuer.
    pub(crate) fn gate_configuration(&self) -> &Value {
        &self.configuration
    }

    /// The token of an auditor, who may read payments.
    pub(crate) fn good(&self) -> anyhow::Result<String> {
        self.mint(&json!("good"))
    }

    /// The same token with a signature that does not hold.
    pub(crate) fn forged(&self) -> anyhow::Result<String> {
        self.mint(&json!({ "like": "good", "sign_with": "another" }))
    }

    /// A valid token of somebody without a role, and so without a right.
    pub(crate) fn outsider(&self) -> anyhow::Result<String> {
        self.mint(&json!("outsider"))
    }

    /// So many tokens like the good one, of an auditor each, on all cores.
    pub(crate) fn list(&self, length: usize) -> anyhow::Result<List> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let numbers: Vec<usize> = (0..length).collect();
        let tokens = thread::scope(|scope| {
            let mint = |numbers: &[usize]| numbers.iter().map(|number| self.numbered(*number)).collect();
            let parts = numbers.chunks(length.div_ceil(threads).max(1));
            let running: Vec<_> = parts.map(|part| scope.spawn(move || mint(part))).collect();
            running
                .into_iter()
                .map(|thread| thread.join().map_err(|_| anyhow!("a thread has panicked"))?)
                .collect::<anyhow::Result<Vec<Vec<String>>>>()
        })?;
        let directory = tempfile::Builder::new().prefix("cedar-gate-tokens-").tempdir()?;
        let list = List { directory, length };
        let lines: String = tokens.into_iter().flatten().map(|token| token + "\n").collect();
        fs::write(list.file(), lines).context("no space for the tokens")?;
        Ok(list)
    }

    fn numbered(&self, number: usize) -> anyhow::Result<String> {
        self.mint(&json!({
            "like": "good",
            "claims": { "sub": format!("auditor-{number}"), "jti": format!("{number:08x}") },
        }))
    }

    fn mint(&self, token: &Value) -> anyhow::Result<String> {
        Ok(self.forge.mint(token, self.now)?)
    }

    fn provider(&self) -> &Value {
        self.configuration.pointer(PROVIDER).unwrap_or(&Value::Null)
    }
}

impl List {
    pub(crate) fn file(&self) -> PathBuf {
        self.directory.path().join("tokens")
    }
}

impl Algorithm {
    fn key(self) -> Value {
        match self {
            Self::EdDsa => json!({ "kty": "OKP", "crv": "Ed25519" }),
            Self::Es256 => json!({ "kty": "EC", "crv": "P-256" }),
            Self::Rs256 => json!({ "kty": "RSA", "bits": 2048 }),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_token_of_a_list_comes_twice() {
        let issuer = Issuer::new(Algorithm::EdDsa, 1_780_000_000).unwrap();
        let list = issuer.list(5).unwrap();
        let text = fs::read_to_string(list.file()).unwrap();
        assert_eq!(text.lines().collect::<BTreeSet<_>>().len(), 5);
        assert!(text.lines().all(|token| token.split('.').count() == 3));
    }

    #[test]
    fn the_filters_are_given_the_key_that_signs() {
        let issuer = Issuer::new(Algorithm::Es256, 1_780_000_000).unwrap();
        assert_eq!(issuer.public_jwk()["kid"], KEY);
        assert_eq!(issuer.public_jwk()["alg"], "ES256");
        assert!(issuer.public_jwk()["d"].is_null(), "no private part");
        assert_eq!(issuer.name(), "https://idp.example.com/");
    }
}
