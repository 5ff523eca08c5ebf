//! The issuer that both know: its keys, what it may do, and what both are told about it.

use cedar_gate_scenario::Forge;
use serde_json::{Value, json};

/// The time at which all tokens are verified: 2026-06-01T12:00:00Z, in seconds since the Unix epoch.
pub(crate) const NOW: i64 = 1_780_315_200;
/// The issuer.
pub(crate) const ISSUER: &str = "https://idp.example.com/";
/// The audience that is ours.
pub(crate) const AUDIENCE: &str = "https://api.example.com";
/// How far clocks may differ, in seconds.
pub(crate) const SKEW: i64 = 30;
/// The longest time between `iat` and `exp`, in seconds.
pub(crate) const LIFETIME: i64 = 3600;

/// The algorithms that both know. ES256K is ours alone; `Ed25519` and ML-DSA are jose's alone.
pub(crate) const ALGORITHMS: [&str; 13] = [
    "EdDSA", "ES256", "ES384", "ES512", "HS256", "HS384", "HS512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512",
];

/// A key that signs.
pub(crate) struct Signer {
    /// Its name, which is its `kid`.
    pub(crate) name: &'static str,
    description: &'static str,
    /// What it signs with.
    pub(crate) algorithms: &'static [&'static str],
    /// `alg` in its JWK.
    alg: Option<&'static str>,
    place: Place,
}

/// Whether the issuer publishes a key.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Place {
    /// Under its name.
    Named,
    /// Without a `kid`.
    Nameless,
    /// No.
    Stranger,
}

const RSA: &[&str] = &["PS256", "PS384", "PS512", "RS256", "RS384", "RS512"];
const RSA_KEY: &str = r#"{"kty":"RSA"}"#;
const P256: &str = r#"{"kty":"EC","crv":"P-256"}"#;
const P384: &str = r#"{"kty":"EC","crv":"P-384"}"#;
const P521: &str = r#"{"kty":"EC","crv":"P-521"}"#;
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519"}"#;

/// All keys. Five of them serve ES256, which is one more than a token without `kid` is tried against here.
pub(crate) const SIGNERS: [Signer; 19] = [
    signer("rsa", RSA_KEY, RSA, None, Place::Named),
    signer("rsa-rs256", RSA_KEY, &["RS256"], Some("RS256"), Place::Named),
    signer("rsa-ps384", RSA_KEY, &["PS384"], Some("PS384"), Place::Named),
    signer("secret", r#"{"kty":"oct","bytes":64}"#, &["HS256", "HS384", "HS512"], None, Place::Named),
    signer("secret-hs256", r#"{"kty":"oct","bytes":32}"#, &["HS256"], Some("HS256"), Place::Named),
    signer("p256-first", P256, &["ES256"], Some("ES256"), Place::Named),
    signer("p256-second", P256, &["ES256"], Some("ES256"), Place::Named),
    signer("p256-third", P256, &["ES256"], None, Place::Named),
    signer("p256-fourth", P256, &["ES256"], Some("ES256"), Place::Named),
    signer(FIFTH, P256, &["ES256"], Some("ES256"), Place::Named),
    signer("p384", P384, &["ES384"], Some("ES384"), Place::Named),
    signer("p521", P521, &["ES512"], None, Place::Named),
    signer("ed", ED25519, &["EdDSA"], Some("EdDSA"), Place::Named),
    signer(NAMELESS, ED25519, &["EdDSA"], Some("EdDSA"), Place::Nameless),
    signer("stranger-rsa", RSA_KEY, RSA, None, Place::Stranger),
    signer("stranger-secret", r#"{"kty":"oct","bytes":64}"#, &["HS256", "HS384", "HS512"], None, Place::Stranger),
    signer("stranger-p256", P256, &["ES256"], None, Place::Stranger),
    signer("stranger-p384", P384, &["ES384"], None, Place::Stranger),
    signer("stranger-ed", ED25519, &["EdDSA"], None, Place::Stranger),
];

/// The last key for ES256.
pub(crate) const FIFTH: &str = "p256-fifth";
/// The key without a `kid`.
pub(crate) const NAMELESS: &str = "ed-nameless";

const fn signer(
    name: &'static str,
    description: &'static str,
    algorithms: &'static [&'static str],
    alg: Option<&'static str>,
    place: Place,
) -> Signer {
    Signer { name, description, algorithms, alg, place }
}

/// The keys of the issuer that sign with an algorithm.
pub(crate) fn signers(algorithm: &str) -> Vec<&'static str> {
    keys(|signer| signer.place != Place::Stranger && signer.algorithms.contains(&algorithm))
}

/// The keys of somebody else that sign with an algorithm.
pub(crate) fn strangers(algorithm: &str) -> Vec<&'static str> {
    keys(|signer| signer.place == Place::Stranger && signer.algorithms.contains(&algorithm))
}

/// The names that stand in the issuer's set.
pub(crate) fn names() -> Vec<&'static str> {
    keys(|signer| signer.place == Place::Named)
}

fn keys(of: impl Fn(&Signer) -> bool) -> Vec<&'static str> {
    SIGNERS.iter().filter(|signer| of(signer)).map(|signer| signer.name).collect()
}

/// The means to sign with all of them.
pub(crate) fn forge() -> Forge {
    SIGNERS.iter().fold(Forge::new(), |forge, signer| {
        let description = serde_json::from_str(signer.description).expect("a description");
        forge.with_key(signer.name, description).expect("a key")
    })
}

/// What the issuer publishes, shared secrets included.
pub(crate) fn key_set(forge: &Forge) -> Value {
    let keys = SIGNERS.iter().filter(|signer| signer.place != Place::Stranger).map(|signer| {
        let mut jwk = forge.keys().public_jwk(signer.name).expect("a public key");
        let members = jwk.as_object_mut().expect("an object");
        if let Some(alg) = signer.alg {
            members.insert("alg".to_owned(), json!(alg));
        }
        if signer.place == Place::Nameless {
            members.remove("kid");
        }
        jwk
    });
    json!({ "keys": keys.collect::<Vec<_>>() })
}

/// What jose is told.
pub(crate) fn options(forge: &Forge) -> Value {
    json!({
        "keys": key_set(forge),
        "algorithms": ALGORITHMS,
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "now": NOW,
        "skew": SKEW,
        "lifetime": LIFETIME,
        "type": "at+jwt",
        "required": ["exp", "iat", "sub", "client_id"],
    })
}

/// What the filter is told: the same, and a policy that permits whatever is asked by somebody who is known.
pub(crate) fn configuration(forge: &Forge) -> Value {
    json!({
        "providers": { "corp": {
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "algorithms": ALGORITHMS,
            "local_jwks": { "inline": key_set(forge) },
            "clock_skew": format!("{SKEW}s"),
            "max_lifetime": format!("{LIFETIME}s"),
            "require_claims": ["client_id"],
        } },
        "routes": [{ "methods": ["GET"], "path": "/", "action": "view", "resource": { "type": "Page", "id": "front" } }],
        "policies": { "inline": {
            "schema": "entity User; entity Page; action view appliesTo { principal: [User], resource: [Page] };",
            "policies": "permit (principal, action, resource);",
        } },
    })
}
