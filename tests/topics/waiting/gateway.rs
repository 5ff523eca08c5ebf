//! A gateway whose decisions depend on much from elsewhere, its clients, and its services.

use std::sync::OnceLock;

use cedar_gate_scenario::{Forge, Headers};
use serde_json::{Value, json};

use super::Shape;

/// Seconds since the Unix epoch.
pub(super) const START: u64 = 1_780_000_000;
/// How long a request may wait, in milliseconds: for what comes from elsewhere, then for its body; and what the filter may
/// take to notice.
pub(super) const PATIENCE: u64 = 3_000 + 2_000 + 600;
/// How long a set of keys or a list serves, in milliseconds, with the time for which it may be stale.
pub(super) const SERVES: u64 = 4_000 + 3_000;
/// How long a word about an opaque token serves at most, with the time for those who waited for it.
pub(super) const WORD_SERVES: u64 = 4_000;

/// What a client shows.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Token {
    /// Signed by the issuer's first key.
    Corp,
    /// Named after that key, and signed by another.
    Forged,
    /// Signed by the issuer's next key.
    Next,
    /// Nothing.
    None,
    /// Opaque.
    Opaque,
    /// Opaque, too.
    Other,
    /// Of an issuer with metadata and a list of revoked tokens.
    Partner,
    /// Signed by a key that nobody has published.
    Stranger,
}

/// What a service may say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reply {
    /// What it should.
    Good,
    /// Something else that is good: another set of keys, another verdict.
    Different,
    /// That, and what it should: both keys, where there are keys.
    Both,
    Empty,
    Garbage,
    Lost,
    NotFound,
    Redirect,
    Unavailable,
    WrongType,
}

/// A call of the filter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Asked {
    pub(super) number: u64,
    pub(super) cluster: String,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
}

/// What a service answers; nothing where the answer is lost.
pub(super) type Answered = Option<(u16, Headers, Vec<u8>)>;

impl Token {
    pub(super) const ALL: [Self; 8] =
        [Self::Corp, Self::Forged, Self::Next, Self::None, Self::Opaque, Self::Other, Self::Partner, Self::Stranger];

    pub(super) fn text(self) -> Option<&'static str> {
        static TOKENS: OnceLock<Vec<String>> = OnceLock::new();
        let tokens = TOKENS.get_or_init(|| {
            let signed = |key: &str, kid: &str, issuer: &str| {
                json!({ "key": key, "alg": "EdDSA", "header": { "kid": kid }, "claims": {
                    "iss": issuer, "aud": "https://docs.example.com", "sub": "rita", "client_id": "web", "jti": key,
                    "iat": { "$now": 0 }, "exp": { "$now": 3000 },
                } })
            };
            let of = |token: &Self| match token {
                Self::Corp => signed("corp", "corp", "https://idp.example.com/"),
                Self::Forged => signed("mallory", "corp", "https://idp.example.com/"),
                Self::Next => signed("next", "next", "https://idp.example.com/"),
                Self::Partner => signed("partner", "partner", "https://partner.example.com"),
                Self::Stranger => signed("mallory", "mallory", "https://idp.example.com/"),
                Self::None | Self::Opaque | Self::Other => Value::Null,
            };
            let mint = |token: &Self| match token {
                Self::Opaque => "opaque".to_owned(),
                Self::Other => "other".to_owned(),
                Self::None => String::new(),
                Self::Corp | Self::Forged | Self::Next | Self::Partner | Self::Stranger => {
                    forge().mint(&of(token), START.cast_signed()).expect("a token")
                }
            };
            Self::ALL.iter().map(mint).collect()
        });
        let place = Self::ALL.iter().position(|token| *token == self)?;
        tokens.get(place).map(String::as_str).filter(|text| !text.is_empty())
    }
}

impl Reply {
    pub(super) const ALL: [Self; 10] = [
        Self::Good,
        Self::Different,
        Self::Both,
        Self::Empty,
        Self::Garbage,
        Self::Lost,
        Self::NotFound,
        Self::Redirect,
        Self::Unavailable,
        Self::WrongType,
    ];

    /// Whether it can be used.
    pub(super) fn is_good(self) -> bool {
        matches!(self, Self::Both | Self::Different | Self::Good)
    }

    /// What comes of a call.
    pub(super) fn to(self, asked: &Asked) -> Answered {
        let body = document(asked, self).to_string().into_bytes();
        let headers = |more: &[(&str, &str)]| {
            let all = [("content-type", "application/json")].iter().chain(more);
            all.rev().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
        };
        match self {
            Self::Both | Self::Different | Self::Good => Some((200, headers(&[]), body)),
            Self::Empty => Some((200, headers(&[]), Vec::new())),
            Self::Garbage => Some((200, headers(&[]), b"{\"keys\":[{\"kty\":".to_vec())),
            Self::Lost => None,
            Self::NotFound => Some((404, headers(&[]), body)),
            Self::Redirect => Some((302, headers(&[("location", "/elsewhere")]), body)),
            Self::Unavailable => Some((503, headers(&[]), body)),
            Self::WrongType => Some((200, vec![(b"content-type".to_vec(), b"text/html".to_vec())], body)),
        }
    }
}

fn forge() -> &'static Forge {
    static FORGE: OnceLock<Forge> = OnceLock::new();
    FORGE.get_or_init(|| {
        let mut forge = Forge::new();
        for name in ["corp", "mallory", "next", "partner"] {
            forge = forge.with_key(name, json!({ "kty": "OKP", "crv": "Ed25519" })).expect("a key");
        }
        forge
    })
}

/// What a good service says; bad ones say it too, and are not believed.
fn document(asked: &Asked, reply: Reply) -> Value {
    let keys = |names: &[&str]| {
        let keys = names.iter().map(|name| forge().keys().public_jwk(name).expect("a key"));
        json!({ "keys": keys.collect::<Vec<_>>() })
    };
    match (asked.cluster.as_str(), reply) {
        ("idp", Reply::Different) => keys(&["next"]),
        ("idp", Reply::Both) => keys(&["corp", "next"]),
        ("idp", _) => keys(&["corp"]),
        ("partner", _) if asked.path.starts_with("/.well-known/") => {
            json!({ "issuer": "https://partner.example.com", "jwks_uri": "https://partner.example.com/jwks" })
        }
        ("partner", _) => keys(&["partner"]),
        ("lists", Reply::Different) => json!({ "revoked": ["partner"] }),
        ("lists", _) => json!({ "revoked": [] }),
        ("words", Reply::Different) => json!({ "active": false }),
        ("words", _) => json!({
            "active": true, "aud": "https://docs.example.com", "sub": "rita", "client_id": "web",
            "token_type": "Bearer", "iat": START, "exp": START + 3000,
        }),
        (cluster, _) => panic!("no configuration names `{cluster}`"),
    }
}

pub(super) const SECRET: (&str, &str) = ("GATE_SECRET", "a secret of the gateway's");

pub(super) fn configuration() -> Vec<u8> {
    let times = json!({ "timeout": "1s", "cache_duration": "4s", "max_stale": "3s" });
    let with = |more: Value| {
        let mut place = times.clone();
        place.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        place
    };
    let provider = |issuer: &str, more: Value| {
        let mut provider = json!({
            "issuer": issuer,
            "audiences": ["https://docs.example.com"],
            "algorithms": ["EdDSA"],
            "clients": { "type": "Client", "when": { "claim": "sub", "equals_claim": "client_id" } },
        });
        provider.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        provider
    };
    let route = |method: &str, action: &str, body: Value| {
        json!({
            "methods": [method], "path": "/docs/{id}", "action": action, "resource": { "type": "Doc", "id": "{id}" },
            "body": body,
        })
    };
    let configuration = json!({
        "host": { "body_before_headers": true },
        "providers": {
            "corp": provider("https://idp.example.com/", json!({
                "remote_jwks": with(json!({ "uri": "https://idp.example.com/jwks", "cluster": "idp", "cooldown": "2s" })),
            })),
            "partner": provider("https://partner.example.com", json!({
                "discovery": with(json!({ "cluster": "partner", "cooldown": "2s" })),
                "revoked": with(json!({ "uri": "https://partner.example.com/revoked", "cluster": "lists" })),
            })),
            "words": provider("https://words.example.com", json!({ "introspection": {
                "uri": "https://words.example.com/introspect", "cluster": "words", "timeout": "1s",
                "client_id": "gate", "client_secret": { "env": SECRET.0 },
                "cache_duration": "2s", "negative_cache_duration": "1s",
            } })),
        },
        "routes": [
            route("GET", "view", json!({})),
            route("PUT", "store", json!({})),
            route("POST", "change", json!({ "amount": { "pointer": "/amount", "type": "Long", "required": true } })),
        ],
        "policies": { "inline": {
            "schema": "entity User, Client; entity Doc;
                action view, store appliesTo { principal: [User, Client], resource: [Doc] };
                action change appliesTo { principal: [User, Client], resource: [Doc], context: {} };",
            "policies": "permit (principal is User, action, resource);",
        } },
        "forward": { "headers": { "x-auth-subject": "sub" } },
        "limits": { "wait_timeout": "3s", "body_timeout": "2s" },
    });
    configuration.to_string().into_bytes()
}

/// The head of a request.
pub(super) fn head(token: Token, shape: Shape) -> Headers {
    let method = match shape {
        Shape::Bare => "GET",
        Shape::Decisive => "POST",
        Shape::Idle | Shape::Trailing => "PUT",
    };
    let mut head = vec![
        (":method", method.to_owned()),
        (":path", "/docs/7".to_owned()),
        (":authority", "docs.example.com".to_owned()),
        ("content-type", "application/json".to_owned()),
        ("x-auth-subject", "mallory".to_owned()),
    ];
    head.extend(token.text().map(|token| ("authorization", format!("Bearer {token}"))));
    head.into_iter().map(|(name, value)| (name.as_bytes().to_vec(), value.into_bytes())).collect()
}

/// The parts of the bodies.
pub(super) const PARTS: [&[u8]; 3] = [b"{\"amount\":", b" 5000", b"}"];

/// The trailers that some requests have.
pub(super) fn trailers() -> Headers {
    [("x-auth-subject", "mallory"), ("x-checksum", "7")]
        .into_iter()
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
        .collect()
}
