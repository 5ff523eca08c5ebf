//! What the tests of several topics stand on: a forge with a key of each kind, and a host that says what it is told to.

use std::cell::RefCell;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use cedar_gate_author::Memory;
use cedar_gate_scenario::{
    Body, Called, Forge, Gateway, Host, Observed, Played, Received, Report, Request, Scenario, ScenarioError, Served,
    Services, Start, StartRefused,
};
use serde_json::{Value, json};

pub(crate) const NOW: i64 = 1_780_315_200;

pub(crate) fn forge() -> Forge {
    let keys = [
        ("rsa", json!({"kty": "RSA"})),
        ("rsa-other", json!({"kty": "RSA", "bits": 2048})),
        ("p256", json!({"kty": "EC", "crv": "P-256"})),
        ("p384", json!({"kty": "EC", "crv": "P-384"})),
        ("p521", json!({"kty": "EC", "crv": "P-521"})),
        ("k256", json!({"kty": "EC", "crv": "secp256k1"})),
        ("ed", json!({"kty": "OKP", "crv": "Ed25519"})),
        ("ed-small", json!({"kty": "OKP", "crv": "Ed25519", "ed_small_order": true})),
        ("shared", json!({"kty": "oct", "bytes": 64})),
        ("huge", json!({"kty": "RSA", "modulus_bits": 16384, "fake": true})),
    ];
    keys.into_iter().fold(Forge::new(), |forge, (name, key)| forge.with_key(name, key).unwrap())
}

pub(crate) fn mint(token: Value) -> String {
    forge().mint(&token, NOW).unwrap()
}

/// Why the token cannot be made.
pub(crate) fn refusal(token: Value) -> String {
    forge().mint(&token, NOW).unwrap_err().to_string()
}

pub(crate) fn segment(token: &str, index: usize) -> Vec<u8> {
    BASE64URL.decode(token.split('.').nth(index).unwrap()).unwrap()
}

pub(crate) fn json_segment(token: &str, index: usize) -> Value {
    serde_json::from_slice(&segment(token, index)).unwrap()
}

/// What is signed, and the signature.
pub(crate) fn signed(token: &str) -> (&[u8], Vec<u8>) {
    let (message, _) = token.rsplit_once('.').unwrap();
    (message.as_bytes(), segment(token, 2))
}

pub(crate) fn member(jwk: &Value, name: &str) -> Vec<u8> {
    BASE64URL.decode(jwk[name].as_str().unwrap()).unwrap()
}

pub(crate) fn jwk(key: &str) -> Value {
    forge().keys().public_jwk(key).unwrap()
}

/// A host whose gateway answers every request with `observed`, and remembers what it was sent.
pub(crate) struct Parrot {
    pub(crate) observed: Observed,
    pub(crate) log: Option<Vec<String>>,
    pub(crate) sent: RefCell<Vec<(i64, Request)>>,
}

impl Parrot {
    pub(crate) fn saying(observed: Observed) -> Self {
        Self { observed, log: None, sent: RefCell::default() }
    }

    pub(crate) fn refusing(log: &[&str]) -> Self {
        let log = log.iter().map(|line| (*line).to_owned()).collect();
        Self { log: Some(log), ..Self::saying(Observed::default()) }
    }
}

/// A request let through, with the record of it.
pub(crate) fn allowed() -> Observed {
    Observed {
        status: 200,
        headers: vec![(b"x-one".to_vec(), b"1".to_vec())],
        body: b"{\"paid\": true, \"amount\": 7}".to_vec(),
        upstream: Some(Received {
            method: b"GET".to_vec(),
            path: b"/payments/7".to_vec(),
            headers: vec![
                (b"x-auth-subject".to_vec(), b"alice".to_vec()),
                (b"x-list".to_vec(), b"a".to_vec()),
                (b"x-list".to_vec(), b"b".to_vec()),
            ],
            ..Received::default()
        }),
        audit: vec![json!({"decision": "allow", "cause": null, "action": "view", "policies": ["p0"], "micros": 17})],
        ..Observed::default()
    }
}

impl Host for Parrot {
    fn name(&self) -> &'static str {
        "native"
    }

    fn start(&self, start: &Start) -> Result<Box<dyn Gateway + '_>, StartRefused> {
        match &self.log {
            Some(log) => Err(StartRefused { log: log.clone() }),
            None => Ok(Box::new(Parroting { host: self, now: start.now })),
        }
    }
}

struct Parroting<'h> {
    host: &'h Parrot,
    now: i64,
}

impl Gateway for Parroting<'_> {
    fn now(&self) -> i64 {
        self.now
    }

    fn advance(&mut self, seconds: u64) {
        self.now += i64::try_from(seconds).unwrap();
    }

    fn send_together(&mut self, requests: &[Request]) -> anyhow::Result<Vec<Observed>> {
        self.host.sent.borrow_mut().extend(requests.iter().map(|request| (self.now, request.clone())));
        Ok(vec![self.host.observed.clone(); requests.len()])
    }
}

pub(crate) fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    Scenario::parse(text, "scenario.yaml".as_ref(), &Memory::default())
}

/// A scenario with one request, given as the lines below `requests:`.
pub(crate) fn with_requests(requests: &str) -> Scenario {
    let head = "story: s\nconfiguration: {}\nkeys: {corp: {kty: EC, crv: P-256}}\ntokens:\n  alice: {key: corp, alg: \
                ES256, claims: {sub: alice, iat: {$now: 0}}}\nrequests:\n";
    parse(&format!("{head}{requests}")).unwrap()
}

pub(crate) fn sent(requests: &str) -> Vec<(i64, Request)> {
    let host = Parrot::saying(allowed());
    with_requests(requests).run(&host).unwrap();
    host.sent.into_inner()
}

pub(crate) fn report(scenario: &Scenario, host: &Parrot) -> Report {
    scenario.run(host).unwrap_err()
}

pub(crate) fn count_played(scenario: &Scenario, host: &Parrot) -> usize {
    let mut count = 0;
    let _ = scenario.play(host, &mut |_: Played<'_>| count += 1);
    count
}

/// A host whose gateway makes, for each request, the calls that its headers `x-call: cluster METHOD /path` ask for, with
/// the request's body, and answers with the last answer: its status, or 504 where none came.
#[derive(Default)]
pub(crate) struct Caller {
    /// What came of each call.
    pub(crate) served: RefCell<Vec<Served>>,
}

impl Host for Caller {
    fn name(&self) -> &'static str {
        "native"
    }

    fn start(&self, start: &Start) -> Result<Box<dyn Gateway + '_>, StartRefused> {
        Ok(Box::new(Calling { host: self, services: start.services.clone(), now: start.now }))
    }
}

struct Calling<'h> {
    host: &'h Caller,
    services: Services,
    now: i64,
}

impl Gateway for Calling<'_> {
    fn now(&self) -> i64 {
        self.now
    }

    fn advance(&mut self, seconds: u64) {
        self.now += i64::try_from(seconds).unwrap();
    }

    fn send_together(&mut self, requests: &[Request]) -> anyhow::Result<Vec<Observed>> {
        Ok(requests.iter().map(|request| self.answer(request)).collect())
    }
}

impl Calling<'_> {
    fn answer(&self, request: &Request) -> Observed {
        let mut observed = Observed { status: 504, ..Observed::default() };
        for (_, call) in request.headers.iter().filter(|(name, _)| name == b"x-call") {
            let parts: Vec<_> = call.splitn(3, |byte| *byte == b' ').map(<[u8]>::to_vec).collect();
            let body = if let Body::Parts(parts) = &request.body { parts.concat() } else { Vec::new() };
            let headers = vec![(b"x-from".to_vec(), b"caller".to_vec())];
            let cluster = String::from_utf8(parts[0].clone()).unwrap();
            let called = Called { cluster, method: parts[1].clone(), path: parts[2].clone(), headers, body };
            let served = self.services.call(called, self.now);
            if let Served::Answered { status, headers, body, .. } = &served {
                (observed.status, observed.headers, observed.body) = (*status, headers.clone(), body.clone());
            }
            self.host.served.borrow_mut().push(served);
        }
        observed
    }
}
