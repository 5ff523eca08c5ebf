//! Tokens, from the credential to the session.
//!
//! The input is a token as it stands in a header. Or it begins with `!` (signed with a shared secret) or `@` (with
//! Ed25519), then come a header, a line feed and claims, as they are, and the signature is made here, so that what comes
//! after the signature is reached. Or it begins with `#`, then come the number of a genuine token and the bytes of a
//! signature that takes the place of its own.
//!
//! Of a token that is signed here, the oracle knows whether there must be a session, and which. Of the others, the
//! filter believes the genuine ones only, as they are.

mod oracle;

use cedar_gate::client_certificate::PeerCertificate;
use cedar_gate::config::Config;
use cedar_gate::http::{CanonicalPath, Headers, Query};
use cedar_gate::jose::{Algorithm, CompactToken, InVm};
use cedar_gate::journal::Journal;
use cedar_gate::refusal::Cause;
use cedar_gate::remote::Epoch;
use cedar_gate::sender::{Presented, SenderConstraint};
use cedar_gate::token::{Admission, ProviderKeys, Session, Standing, UntrustedToken};
use serde_json::{Value, json};

use crate::mint::{NOW, SigningKey, encoded};
use oracle::Expected;

/// Tokens of [`NOW`] by the keys of `public.json`, one for each asymmetric algorithm, made by the forge of
/// `crates/scenario`. Nothing in here can sign like that.
const GENUINE: &str = include_str!("token/genuine.txt");

/// Reads a token, and says whether it becomes a session.
pub fn check(input: &[u8]) -> bool {
    let key = match input.first() {
        Some(b'!') => SigningKey::CorpSecret,
        Some(b'@') => SigningKey::CorpEd25519,
        Some(b'#') => return check_foreign(&with_signature(&input[1..])),
        _ => return check_foreign(input),
    };
    let mut parts = input[1..].splitn(2, |byte| *byte == b'\n');
    let (header, claims) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let token = key.sign(header, claims);
    let expected = oracle::session(key.algorithm(), header, claims).filter(|_| token.len() <= LONGEST);
    let found = session(token.as_bytes());
    assert_eq!(found.as_ref().ok().map(Expected::of), expected, "{found:?}");
    found.is_ok()
}

/// One of the genuine tokens, by its number, with another signature.
fn with_signature(input: &[u8]) -> Vec<u8> {
    let (number, signature) = input.split_first().unwrap_or((&0, &[]));
    let tokens: Vec<&str> = GENUINE.lines().collect();
    let token = tokens[usize::from(*number) % tokens.len()];
    let (signed, _) = token.rsplit_once('.').expect("a token has parts");
    format!("{signed}.{}", encoded(signature)).into_bytes()
}

/// A token that is not signed here.
fn check_foreign(input: &[u8]) -> bool {
    if let Ok(text) = std::str::from_utf8(input) {
        // Without the filter for characters that no credential has.
        let _ = CompactToken::parse(text, 16);
    }
    let session = session(input);
    let believed = !matches!(
        session,
        Err(Cause::AlgorithmNotAllowed
            | Cause::CredentialMalformed
            | Cause::CredentialMissing
            | Cause::IssuerUnknown
            | Cause::KeyUnknown
            | Cause::SignatureInvalid
            | Cause::TokenCritical
            | Cause::TokenMalformed
            | Cause::TokenTooLarge
            | Cause::TokenTypeNotAllowed)
    );
    let genuine = GENUINE.lines().any(|token| token.as_bytes() == input);
    assert!(!believed || genuine, "nobody signed this, and it is believed");
    session.is_ok()
}

/// The longest token that the configuration takes, in bytes.
const LONGEST: usize = 16_384;

fn session(token: &[u8]) -> Result<Session, Cause> {
    let config = CONFIG.with(|config| *config);
    let authorization = (b"authorization".to_vec(), [b"Bearer ", token].concat());
    let headers = Headers::from_pairs(vec![authorization]).expect("the name is ASCII");
    let credential = config.credentials.extract(&headers, Query::new(None))?;
    let (path, _) = CanonicalPath::parse(b"/").expect("the root is a path");
    let presented = Presented {
        token: credential.token(),
        scheme: credential.scheme(),
        method: "GET",
        authority: b"api.example.com",
        path: &path,
        headers: &headers,
        certificate: &PeerCertificate::default(),
    };
    let session = |journal: &mut Journal| {
        let untrusted = UntrustedToken::parse(&credential, &config.providers, config.limits.claims_depth, journal)?;
        let provider = untrusted.provider();
        let ProviderKeys::Local(keys) = &provider.keys else { panic!("the keys are in the configuration") };
        let timely = untrusted.authenticate(keys, Epoch::default(), &InVm, journal)?.timely(NOW, journal)?;
        let standing = Standing::of_unlisted(provider, timely.claims())?;
        let unrevoked = timely.unrevoked(standing);
        let bound = unrevoked.bound(&config.sender, SenderConstraint::ANY, &presented, NOW, &InVm, journal)?;
        match bound.admission(journal)? {
            Admission::Session(session) => Ok(*session),
            Admission::Asking(..) => panic!("no proof was taken, so none has to be remembered"),
        }
    };
    let (told, untold) = (session(&mut Journal::observed()), session(&mut Journal::default()));
    assert_eq!(told.as_ref().err(), untold.as_ref().err(), "who takes notes decides");
    untold
}

thread_local! {
    static CONFIG: &'static Config = Box::leak(Box::new(config()));
}

/// One issuer with keys of all kinds.
fn config() -> Config {
    let mut keys: Vec<Value> = serde_json::from_str(include_str!("token/public.json")).expect("the keys are JSON");
    keys.extend([SigningKey::CorpSecret.jwk(), SigningKey::CorpEd25519.jwk()]);
    let algorithms: Vec<&str> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
    let configuration = json!({
        "providers": {"corp": {
            "issuer": "https://idp.example.com/",
            "audiences": ["https://api.example.com"],
            "algorithms": algorithms,
            "local_jwks": {"inline": {"keys": keys}},
            "require_claims": ["client_id"],
            "principal": {"attributes": {
                "department": {"claim": "dept", "type": "String"},
                "limit": {"claim": "limits.daily", "type": "Long"},
            }},
            "parents": [{"claim": "realm_access.roles", "type": "Role", "allow": ["maker", "checker"]}],
            "clients": {"type": "Client", "when": {"claim": "sub", "equals_claim": "client_id"}},
        }},
        "routes": [{"methods": ["GET"], "path": "/", "access": "public"}],
        "policies": {"inline": {
            "schema": "entity Role; entity Client in Role; entity User in Role = { department?: String, limit?: Long };",
            "policies": "",
        }},
    });
    Config::load(configuration.to_string().as_bytes())
        .unwrap_or_else(|faults| panic!("{:?}", faults.iter().collect::<Vec<_>>()))
}
