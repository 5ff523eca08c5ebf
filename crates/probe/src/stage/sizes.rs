//! Stages whose time depends on how much is configured, a body, and requests that are refused.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::rc::Rc;

use cedar_gate::config::Config;
use cedar_gate::exchange::body;
use cedar_gate::harness::{Pairs, Verdict};
use cedar_gate::http::CanonicalPath;
use cedar_gate::policy::embedded;
use serde_json::{Value, json};

use super::fixture::Fixture;
use super::{Make, Stage};

/// Where a number stands in a name, it is how many are configured.
pub(super) const STAGES: [(&str, Make); 8] = [
    ("body", body),
    ("decide_1", decide::<1>),
    ("decide_12", decide::<12>),
    ("decide_200", decide::<200>),
    ("request_denied", request_denied),
    ("request_forged", request_forged),
    ("route_lookup_10", route_lookup::<10>),
    ("route_lookup_1000", route_lookup::<1000>),
];

/// The members of a body that a route declares, from its bytes.
fn body(fixture: &Fixture) -> Option<Stage<'_>> {
    let text = json!({
        "amount": 5000,
        "currency": "EUR",
        "debtor": { "iban": "DE02120300000000202051", "name": "Example Corporation" },
        "creditor": { "iban": "DE02500105170137075030", "name": "Example Supplies" },
        "references": ["INV-2026-0815", "PO-4711"],
    });
    let text = text.to_string();
    let (path, _) = CanonicalPath::parse(b"/payments").ok()?;
    let (index, ..) = fixture.config.routes.find("POST", &path).ok()?;
    let declared = &fixture.config.routes.protected(index)?.body;
    Some(Box::new(move || body::read(black_box(text.as_bytes()), declared).is_ok_and(|values| values.len() == 1)))
}

/// The question to so many policies, each for one role and all of them for the action that is asked about, so that none
/// can be left out. The last one permits.
fn decide<const POLICIES: usize>(fixture: &Fixture) -> Option<Stage<'_>> {
    let config = kept(&format!("{POLICIES} policies"), || {
        let payments = embedded("payments")?;
        let role = |number: usize| if number == POLICIES { "maker".to_owned() } else { format!("team-{number}") };
        let policy = |number: usize| {
            let role = role(number);
            format!(
                "permit (principal in Role::\"{role}\", action == Action::\"view\", resource)\n\
                 when {{ context.token.scopes.contains(\"payments:read\") }};\n"
            )
        };
        let policies: String = (1..=POLICIES).map(policy).collect();
        let mut configuration = fixture.configuration.clone();
        configuration["policies"] = json!({
            "inline": { "schema": payments.schema, "policies": policies, "entities": payments.entities },
        });
        Some(configuration)
    })?;
    let (index, ..) = config.routes.find("GET", &fixture.path).ok()?;
    Some(Box::new(move || {
        config.routes.protected(index).is_some_and(|route| {
            let session = black_box(&fixture.session);
            config.engine.decide(&route.plan, session, &fixture.resource, &fixture.facts).outcome.is_ok()
        })
    }))
}

/// The route of a path among so many.
fn route_lookup<const ROUTES: usize>(fixture: &Fixture) -> Option<Stage<'_>> {
    let last = format!("/service-{ROUTES}/items/7");
    let (path, _) = CanonicalPath::parse(last.as_bytes()).ok()?;
    let config = kept(&format!("{ROUTES} routes"), || {
        let mut configuration = fixture.configuration.clone();
        let routes = configuration["routes"].as_array_mut()?;
        let route = |number| json!({ "methods": ["GET"], "path": format!("/service-{number}/items/{{id}}"), "access": "public" });
        routes.extend((routes.len() + 1..=ROUTES).map(route));
        Some(configuration)
    })?;
    Some(Box::new(move || {
        config.routes.find(black_box("GET"), black_box(&path)).is_ok_and(|(index, ..)| index + 1 == ROUTES)
    }))
}

/// The whole request, where the policies say no: a maker does not release payments.
fn request_denied(fixture: &Fixture) -> Option<Stage<'_>> {
    let changed = |name: &[u8], value: Vec<u8>| match name {
        b":method" => b"POST".to_vec(),
        b":path" => b"/payments/7/release".to_vec(),
        _ => value,
    };
    Some(refused(fixture, 403, changed))
}

/// The whole request, where the signature does not hold.
fn request_forged(fixture: &Fixture) -> Option<Stage<'_>> {
    let changed = |name: &[u8], mut value: Vec<u8>| {
        // Not the last character, some of whose bits are no part of the signature.
        let place = value.len().saturating_sub(100);
        if let (b"authorization", Some(character)) = (name, value.get_mut(place)) {
            *character = if *character == b'A' { b'B' } else { b'A' };
        }
        value
    };
    Some(refused(fixture, 401, changed))
}

fn refused(fixture: &Fixture, status: u16, change: impl Fn(&[u8], Vec<u8>) -> Vec<u8>) -> Stage<'_> {
    let change = |(name, value): (Vec<u8>, Vec<u8>)| {
        let value = change(&name, value);
        (name, value)
    };
    let head: Pairs = fixture.head.clone().into_iter().map(change).collect();
    Box::new(move || {
        let mut harness = fixture.harness.borrow_mut();
        let (passage, verdict) = harness.request(black_box(head.clone()), true);
        matches!(verdict, Verdict::Replied(reply) if reply.status == status) && passage.end().len() == 1
    })
}

/// A configuration by its name, loaded once.
fn kept(name: &str, make: impl FnOnce() -> Option<Value>) -> Option<Rc<Config>> {
    thread_local! {
        static KEPT: RefCell<BTreeMap<String, Rc<Config>>> = const { RefCell::new(BTreeMap::new()) };
    }
    KEPT.with_borrow_mut(|kept| {
        if let Some(config) = kept.get(name) {
            return Some(Rc::clone(config));
        }
        let config = Rc::new(Config::load(make()?.to_string().as_bytes()).ok()?);
        kept.insert(name.to_owned(), Rc::clone(&config));
        Some(config)
    })
}
