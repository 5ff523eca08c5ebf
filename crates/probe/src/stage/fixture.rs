//! What the stages work on: a gateway, a request and its tokens, made once.
//!
//! `fixture.json` is written by `cargo run -p cedar-gate-probe --example fixture`. Its keys are those of the scenarios,
//! which anybody can make.

use std::cell::RefCell;
use std::collections::BTreeMap;

use cedar_gate::client_certificate::PeerCertificate;
use cedar_gate::config::Config;
use cedar_gate::harness::{Harness, Pairs};
use cedar_gate::http::{CanonicalPath, Headers, Query};
use cedar_gate::jose::{Algorithm, CompactToken, InVm, Key, SignatureVerifier};
use cedar_gate::journal::Journal;
use cedar_gate::policy::{Facts, Plan, Resource};
use cedar_gate::remote::Epoch;
use cedar_gate::route::Access;
use cedar_gate::sender::{Presented, SenderConstraint};
use cedar_gate::token::{Admission, ProviderKeys, Session, Standing, UntrustedToken};
use serde::Deserialize;
use serde_json::Value;

use crate::signature::usable;

/// What the request asks for.
pub(super) const TARGET: &str = "/payments/7";

/// The algorithm of the token that stands for all where the algorithm does not matter.
const USUAL: &str = "RS256";

#[derive(Deserialize)]
struct Written {
    /// Seconds since the Unix epoch.
    now: u64,
    configuration: Value,
    /// By the names of their algorithms.
    tokens: BTreeMap<String, String>,
}

pub(super) struct Fixture {
    pub(super) configuration: Value,
    pub(super) config: Config,
    pub(super) tokens: BTreeMap<String, String>,
    pub(super) headers: Headers,
    pub(super) claims: Vec<u8>,
    pub(super) session: Session,
    pub(super) path: CanonicalPath,
    pub(super) resource: Resource,
    pub(super) facts: Facts,
    pub(super) harness: RefCell<Harness>,
    pub(super) head: Pairs,
    pub(super) now: i64,
    keys: Vec<Key>,
    route: usize,
}

impl Fixture {
    pub(super) fn make() -> Result<Self, String> {
        let written: Written =
            serde_json::from_str(include_str!("fixture.json")).map_err(|error| format!("fixture.json: {error}"))?;
        let configuration = written.configuration.to_string();
        let config = Config::load(configuration.as_bytes()).map_err(|faults| listed(faults.iter()))?;
        let harness = Harness::start(configuration.as_bytes(), written.now).map_err(|faults| listed(faults.iter()))?;
        let keys = written.configuration.pointer("/providers/corp/local_jwks/inline/keys");
        let keys = keys.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
        let keys = keys.map(usable).collect::<Result<Vec<_>, _>>()?;
        let now = i64::try_from(written.now).map_err(|_| "the time is out of range")?;
        let token = written.tokens.get(USUAL).ok_or("fixture.json has no RS256 token")?;
        let credential = vec![(b"authorization".to_vec(), format!("Bearer {token}").into_bytes())];
        let headers = Headers::from_pairs(credential.clone()).map_err(|_| "the headers are malformed")?;
        let claims = CompactToken::parse(token, config.limits.claims_depth).map_err(|_| "the token is malformed")?;
        let claims = Value::Object(claims.into_claims()).to_string().into_bytes();
        let session = session(&config, &headers, now, &InVm).ok_or("the token does not verify")?;
        let (path, _) = CanonicalPath::parse(TARGET.as_bytes()).map_err(|_| "the path is malformed")?;
        let facts = Facts {
            method: "GET".to_owned(),
            host: "api.example.com".to_owned(),
            path: path.as_str().to_owned(),
            now,
            ..Facts::default()
        };
        let (route, resource) = {
            let (index, route, parameters) = config.routes.find("GET", &path).map_err(|_| "the path has no route")?;
            let Access::Protected(protected) = &route.access else { return Err("the route is public".to_owned()) };
            (index, protected.resource.fill(&parameters, &facts))
        };
        let pseudo = [(":method", "GET"), (":path", TARGET), (":authority", "api.example.com"), (":scheme", "https")];
        let pseudo = pseudo.into_iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        let head = pseudo.chain(credential).collect();
        let harness = RefCell::new(harness);
        let (configuration, tokens) = (written.configuration, written.tokens);
        Ok(Self {
            configuration,
            config,
            tokens,
            headers,
            claims,
            session,
            path,
            resource,
            facts,
            harness,
            head,
            now,
            keys,
            route,
        })
    }

    /// The key of a token's signature.
    pub(super) fn key(&self, algorithm: Algorithm, key_id: Option<&str>) -> Option<&Key> {
        self.keys.iter().find(|key| key.serves(algorithm) && (key_id.is_none() || key.id.as_deref() == key_id))
    }

    pub(super) fn plan(&self) -> Option<&Plan> {
        self.config.routes.protected(self.route).map(|protected| &protected.plan)
    }
}

/// From the headers to a session.
pub(super) fn session(
    config: &Config,
    headers: &Headers,
    now: i64,
    verifier: &dyn SignatureVerifier,
) -> Option<Session> {
    let credential = config.credentials.extract(headers, Query::new(None)).ok()?;
    let journal = &mut Journal::default();
    let untrusted = UntrustedToken::parse(&credential, &config.providers, config.limits.claims_depth, journal).ok()?;
    let provider = untrusted.provider();
    let ProviderKeys::Local(keys) = &provider.keys else { return None };
    let authentic = untrusted.authenticate(keys, Epoch::default(), verifier, journal).ok()?;
    let timely = authentic.timely(now, journal).ok()?;
    let standing = Standing::of_unlisted(provider, timely.claims()).ok()?;
    let (path, _) = CanonicalPath::parse(TARGET.as_bytes()).ok()?;
    let presented = Presented {
        token: credential.token(),
        scheme: credential.scheme(),
        method: "GET",
        authority: b"api.example.com",
        path: &path,
        headers,
        certificate: &PeerCertificate::default(),
    };
    let bound = timely.unrevoked(standing);
    let bound = bound.bound(&config.sender, SenderConstraint::ANY, &presented, now, verifier, journal).ok()?;
    match bound.admission(journal).ok()? {
        Admission::Session(session) => Some(*session),
        Admission::Asking(..) => None,
    }
}

fn listed(faults: impl Iterator<Item = impl ToString>) -> String {
    faults.map(|fault| fault.to_string()).collect::<Vec<_>>().join("; ")
}
