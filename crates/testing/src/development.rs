//! Development keys in the place of an issuer's, so that a test can make the tokens that it needs.

use std::collections::BTreeMap;

use cedar_gate::jose::Algorithm;
use cedar_gate_scenario::{Forge, ForgeError};
use serde_json::{Map, Value, json};

/// Issuers whose keys are known, one for each provider of a configuration.
#[derive(Clone, Debug)]
pub struct Development {
    configuration: Value,
    forge: Forge,
    issuers: BTreeMap<String, Issuer>,
}

/// What tokens of one provider have in common.
#[derive(Clone, Debug)]
struct Issuer {
    key: String,
    algorithm: Algorithm,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

/// Why no token can be made.
#[derive(Debug, thiserror::Error)]
pub enum DevelopmentError {
    /// The configuration has no provider of that name.
    #[error("the configuration has no provider `{0}`")]
    NoProvider(String),
    /// The provider allows no algorithm that a key can be made for.
    #[error("the provider `{0}` allows no algorithm that is known")]
    NoAlgorithm(String),
    /// The token or its key cannot be made.
    #[error(transparent)]
    Forge(#[from] ForgeError),
}

/// Seconds that a token lives, where its provider lets it.
const LIFETIME: u64 = 300;

impl Development {
    /// Puts a development key in the place of each provider's keys.
    ///
    /// # Errors
    ///
    /// A provider allows no algorithm that is known.
    pub fn of(configuration: &Value) -> Result<Self, DevelopmentError> {
        let mut configuration = configuration.clone();
        let mut forge = Forge::new();
        let mut issuers = BTreeMap::new();
        let providers = configuration.get_mut("providers").and_then(Value::as_object_mut);
        for (name, provider) in providers.into_iter().flatten() {
            let Some(members) = provider.as_object_mut() else { continue };
            let (algorithm, description) =
                quickest_key(algorithms(members)).ok_or_else(|| DevelopmentError::NoAlgorithm(name.clone()))?;
            let key = format!("development-{name}");
            forge = forge.with_key(&key, description)?;
            let jwk = json!({ "$jwk": key, "alg": algorithm.name(), "use": "sig" });
            // Tokens are verified by the development key, and nobody is asked.
            members.retain(|name, _| !["remote_jwks", "discovery", "introspection"].contains(&name.as_str()));
            members.insert("local_jwks".to_owned(), forge.resolve(&json!({ "inline": { "keys": [jwk] } }))?);
            issuers.insert(name.clone(), Issuer::of(members, key, algorithm));
        }
        Ok(Self { configuration, forge, issuers })
    }

    /// The configuration with the development keys.
    pub fn configuration(&self) -> &Value {
        &self.configuration
    }

    /// The names of the providers.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.issuers.keys().map(String::as_str)
    }

    /// Makes a token of a provider with these claims, laid over those that its configuration asks for; `null` removes.
    /// It is issued at `now` (seconds since the Unix epoch) and lives for five minutes, or as long as the provider lets it.
    ///
    /// # Errors
    ///
    /// There is no such provider, or the claims are none.
    pub fn token(&self, provider: &str, claims: &Value, now: i64) -> Result<String, DevelopmentError> {
        let issuer = self.issuers.get(provider).ok_or_else(|| DevelopmentError::NoProvider(provider.to_owned()))?;
        let like = json!({
            "key": issuer.key,
            "alg": issuer.algorithm.name(),
            "header": issuer.header,
            "claims": issuer.claims,
        });
        Ok(self.forge.mint(&json!({ "like": like, "claims": claims }), now)?)
    }
}

impl Issuer {
    fn of(provider: &Map<String, Value>, key: String, algorithm: Algorithm) -> Self {
        let first = |name: &str| provider.get(name).and_then(|list| list.get(0)).cloned();
        let mut header = Map::new();
        // `absent` stands for tokens that have no `typ`.
        let token_type = first("token_types").map(|name| if name == "absent" { Value::Null } else { name });
        header.extend(token_type.map(|token_type| ("typ".to_owned(), token_type)));
        let mut claims = Map::new();
        claims.extend(provider.get("issuer").map(|issuer| ("iss".to_owned(), issuer.clone())));
        claims.extend(first("audiences").map(|audience| ("aud".to_owned(), audience)));
        claims.insert("iat".to_owned(), json!({ "$now": 0 }));
        let longest = provider.get("max_lifetime").and_then(Value::as_str);
        let longest = longest.and_then(|text| humantime::parse_duration(text).ok());
        let lifetime = longest.map_or(LIFETIME, |longest| longest.as_secs().min(LIFETIME));
        claims.insert("exp".to_owned(), json!({ "$now": lifetime }));
        claims.insert("client_id".to_owned(), json!("development"));
        Self { key, algorithm, header, claims }
    }
}

/// The algorithm among these whose key is made most quickly (an RSA key takes longest), and the description of a key for
/// it, as [`Forge`] takes it.
pub fn quickest_key(algorithms: impl IntoIterator<Item = Algorithm>) -> Option<(Algorithm, Value)> {
    let curve = |name: &str| json!({"kty": "EC", "crv": name});
    let of = |algorithm: Algorithm| match algorithm {
        Algorithm::EdDsa => (0, json!({"kty": "OKP", "crv": "Ed25519"})),
        Algorithm::Es256 => (1, curve("P-256")),
        Algorithm::Es256K => (2, curve("secp256k1")),
        Algorithm::Es384 => (3, curve("P-384")),
        Algorithm::Es512 => (4, curve("P-521")),
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => (5, json!({"kty": "oct", "bytes": 64})),
        Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512
        | Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512 => (6, json!({"kty": "RSA"})),
    };
    let quickest = algorithms.into_iter().min_by_key(|algorithm| of(*algorithm).0)?;
    Some((quickest, of(quickest).1))
}

fn algorithms(provider: &Map<String, Value>) -> impl Iterator<Item = Algorithm> {
    let names = provider.get("algorithms").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(|name| Algorithm::of_name(name.as_str()?))
}
