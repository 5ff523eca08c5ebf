//! The stages of a request, each by itself, to be timed by somebody who has a clock.
//!
//! All of them work on one request: `GET /payments/7` with a token of every algorithm, at the payments gateway.

mod fixture;
mod sizes;

use std::cell::OnceCell;
use std::hint::black_box;

use cedar_gate::http::{CanonicalPath, Query};
use cedar_gate::jose::{Algorithm, CompactJws, InVm, SignatureVerifier, VerifyingKey, holds};
use cedar_gate::journal::Journal;
use cedar_gate::json::{self, Bounds};
use cedar_gate::token::UntrustedToken;
use serde_json::{Value, json};

use fixture::{Fixture, TARGET};

/// Stages besides the signatures, which are `verify_` and the algorithm's name in lower case.
const STAGES: [(&str, Make); 7] = [
    ("canonical_path", canonical_path),
    ("decide", decide),
    ("json_scan", json_scan),
    ("parse_token", parse_token),
    ("request", request),
    ("route_lookup", route_lookup),
    ("session", session),
];

/// One repetition; whether it came out as it must.
type Stage<'a> = Box<dyn Fn() -> bool + 'a>;

type Make = for<'a> fn(&'a Fixture) -> Option<Stage<'a>>;

/// All stages.
pub(crate) fn names() -> Vec<String> {
    let signatures = Algorithm::ALL.into_iter().map(of_signature);
    let mut names: Vec<String> = all().map(|(name, _)| (*name).to_owned()).collect();
    names.sort_unstable();
    names.extend(signatures);
    names
}

/// All stages but the signatures.
fn all() -> impl Iterator<Item = &'static (&'static str, Make)> {
    STAGES.iter().chain(&sizes::STAGES)
}

/// Does a stage so many times.
pub(crate) fn repeat(name: &str, times: u32) -> Result<Value, String> {
    thread_local! {
        static FIXTURE: OnceCell<Result<Fixture, String>> = const { OnceCell::new() };
    }
    FIXTURE.with(|fixture| {
        let fixture = fixture.get_or_init(Fixture::make).as_ref().map_err(Clone::clone)?;
        let made = match all().find(|(each, _)| *each == name) {
            Some((_, make)) => make(fixture),
            None => {
                let algorithm = Algorithm::ALL.into_iter().find(|algorithm| of_signature(*algorithm) == name);
                verify(fixture, algorithm.ok_or_else(|| format!("there is no stage `{name}`"))?)
            }
        };
        let stage = made.ok_or_else(|| format!("the stage `{name}` cannot be prepared"))?;
        for _ in 0..times {
            if !stage() {
                return Err(format!("the stage `{name}` did not come out as it must"));
            }
        }
        Ok(json!({ "stage": name, "times": times }))
    })
}

fn of_signature(algorithm: Algorithm) -> String {
    format!("verify_{}", algorithm.name().to_ascii_lowercase())
}

/// The request's target, turned into a canonical path.
fn canonical_path(_: &Fixture) -> Option<Stage<'_>> {
    Some(Box::new(|| CanonicalPath::parse(black_box(TARGET.as_bytes())).is_ok()))
}

/// The path's route and its parameters.
fn route_lookup(fixture: &Fixture) -> Option<Stage<'_>> {
    Some(Box::new(|| fixture.config.routes.find(black_box("GET"), black_box(&fixture.path)).is_ok()))
}

/// The strict scan of the token's claims.
fn json_scan(fixture: &Fixture) -> Option<Stage<'_>> {
    let bounds = Bounds { depth: fixture.config.limits.claims_depth, values: 1024 };
    Some(Box::new(move || json::parse_object(black_box(&fixture.claims), bounds).is_ok()))
}

/// From the headers to a well-formed token of a known issuer: the scan of header and claims included.
fn parse_token(fixture: &Fixture) -> Option<Stage<'_>> {
    let config = &fixture.config;
    Some(Box::new(|| {
        let credential = config.credentials.extract(black_box(&fixture.headers), Query::new(None));
        credential.is_ok_and(|credential| {
            let depth = config.limits.claims_depth;
            UntrustedToken::parse(&credential, &config.providers, depth, &mut Journal::default()).is_ok()
        })
    }))
}

/// From the headers to a session, except for the signature, which is taken on trust here.
fn session(fixture: &Fixture) -> Option<Stage<'_>> {
    Some(Box::new(|| fixture::session(&fixture.config, black_box(&fixture.headers), fixture.now, &Trusting).is_some()))
}

/// The signature of a token that has been read, with its key.
fn verify(fixture: &Fixture, algorithm: Algorithm) -> Option<Stage<'_>> {
    let jws = CompactJws::parse(fixture.tokens.get(algorithm.name())?).ok()?;
    let key = fixture.key(algorithm, jws.header().key_id.as_deref())?;
    Some(Box::new(move || holds(black_box(&jws), algorithm, key, &InVm)))
}

/// The question to Cedar: its context, its slice of entities, the answer.
fn decide(fixture: &Fixture) -> Option<Stage<'_>> {
    let plan = fixture.plan()?;
    Some(Box::new(move || {
        let verdict =
            fixture.config.engine.decide(plan, black_box(&fixture.session), &fixture.resource, &fixture.facts);
        verdict.outcome.is_ok()
    }))
}

/// The whole request with an RS256 token, from its head to the record of its decision.
fn request(fixture: &Fixture) -> Option<Stage<'_>> {
    Some(Box::new(|| {
        let mut harness = fixture.harness.borrow_mut();
        let (passage, verdict) = harness.request(black_box(fixture.head.clone()), true);
        matches!(verdict, cedar_gate::harness::Verdict::Continued(_)) && passage.end().len() == 1
    }))
}

/// Takes every signature on trust.
struct Trusting;

impl SignatureVerifier for Trusting {
    fn verify(&self, _: Algorithm, _: &VerifyingKey, _: &[u8], _: &[u8]) -> bool {
        true
    }
}
