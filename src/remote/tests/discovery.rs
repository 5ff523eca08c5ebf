//! A set of keys by the metadata of its issuer.

use super::world::{Server, World, answered, document, header, says, spec};
use crate::outbox::{Answer, Call};
use crate::remote::{Discovery, Event, Failure, Origin, Spec};

const ISSUER: &str = "https://idp.example.com/a";
const OAUTH: &str = "/.well-known/oauth-authorization-server/a";
const OPEN_ID: &str = "/a/.well-known/openid-configuration";

fn discovered() -> Spec {
    Spec { origin: Origin::Discovery(Discovery::new(ISSUER, "idp").unwrap()), ..spec() }
}

fn metadata(issuer: &str, keys: &str) -> Answer {
    let body = format!(r#"{{"issuer": "{issuer}", "jwks_uri": "{keys}", "response_types_supported": ["code"]}}"#);
    answered(200, &[("content-type", "application/json; charset=utf-8")], &body)
}

/// A server with these answers below their paths, and 404 elsewhere.
fn serves(answers: Vec<(&'static str, Answer)>) -> Server {
    Box::new(move |_, call: &Call| {
        let path = header(call, ":path");
        let known = answers.iter().find(|(each, _)| *each == path);
        let missing = || answered(404, &[("content-type", "text/html")], "<html></html>");
        (known.map_or_else(missing, |(_, answer)| answer.clone()), 50)
    })
}

fn paths(world: &World) -> Vec<&str> {
    world.calls.iter().map(|(_, call)| header(call, ":path")).collect()
}

fn failure(world: &World) -> Option<&Failure> {
    let mut events = world.workers[0].events.iter();
    events.find_map(|event| if let Event::Failed { failure, .. } = event { Some(failure) } else { None })
}

#[test]
fn keys_are_where_the_metadata_say() {
    let keys = "https://keys.example.net:8443/k?of=a";
    let server = serves(vec![(OAUTH, metadata(ISSUER, keys)), ("/k?of=a", document("a"))]);
    let mut world = World::new(1, &discovered(), server);
    world.pass(500);
    assert_eq!(world.document(0).as_deref(), Some("a"));
    assert_eq!(paths(&world), [OAUTH, "/k?of=a"]);
    let calls: Vec<(&str, &str)> =
        world.calls.iter().map(|(_, call)| (call.cluster.as_str(), header(call, ":authority"))).collect();
    assert_eq!(calls, [("idp", "idp.example.com"), ("idp", "keys.example.net:8443")]);
}

#[test]
fn open_id_metadata_are_asked_for_where_the_others_are_missing_and_at_first_from_then_on() {
    let keys = "https://idp.example.com/k";
    let mut world =
        World::new(1, &discovered(), serves(vec![(OPEN_ID, metadata(ISSUER, keys)), ("/k", document("a"))]));
    world.pass(600_000);
    assert_eq!(world.document(0).as_deref(), Some("a"));
    assert_eq!(paths(&world), [OAUTH, OPEN_ID, "/k", OPEN_ID, "/k"]);
    // The server moves to the other kind.
    world.server = serves(vec![(OAUTH, metadata(ISSUER, keys)), ("/k", document("b"))]);
    world.pass(600_000);
    assert_eq!(world.document(0).as_deref(), Some("b"));
}

#[test]
fn metadata_that_are_nowhere_are_a_failure() {
    let mut world = World::new(1, &discovered(), serves(Vec::new()));
    world.pass(500);
    assert_eq!(paths(&world), [OAUTH, OPEN_ID]);
    assert_eq!(failure(&world), Some(&Failure::Status(404)));
}

#[test]
fn a_server_that_fails_is_not_asked_for_the_other_kind_of_metadata() {
    for bad in [
        Answer::Lost,
        answered(503, &[], ""),
        answered(429, &[], ""),
        answered(408, &[], ""),
        answered(302, &[("location", "/")], ""),
    ] {
        let mut world = World::new(1, &discovered(), says(bad));
        world.pass(500);
        assert_eq!(paths(&world), [OAUTH]);
    }
}

#[test]
fn metadata_of_another_issuer_are_not_followed() {
    let keys = "https://idp.example.com/k";
    let server = serves(vec![(OAUTH, metadata("https://idp.example.com/b", keys)), ("/k", document("a"))]);
    let mut world = World::new(1, &discovered(), server);
    world.pass(500);
    assert_eq!(paths(&world), [OAUTH]);
    assert_eq!(failure(&world), Some(&Failure::Metadata("are those of another issuer")));
    assert_eq!(world.document(0), None);
}

#[test]
fn d6_whatever_the_metadata_say_calls_go_to_the_configured_cluster() {
    for keys in ["https://169.254.169.254/k", "https://evil.example.com/k", "http://idp.example.com/k", "ftp://a/k"] {
        let server = serves(vec![(OAUTH, metadata(ISSUER, keys)), ("/k", document("a"))]);
        let mut world = World::new(1, &discovered(), server);
        world.pass(500);
        assert!(world.calls.iter().all(|(_, call)| call.cluster == "idp"));
        assert_eq!(world.document(0).is_some(), keys.starts_with("https:"), "{keys}");
    }
}

#[test]
fn keys_that_move_are_found_with_the_next_refresh() {
    let at = |path: &'static str, keys: &str| {
        serves(vec![(OAUTH, metadata(ISSUER, &format!("https://idp.example.com{path}"))), (path, document(keys))])
    };
    let mut world = World::new(1, &discovered(), at("/old", "a"));
    world.pass(1_000);
    world.server = at("/new", "b");
    world.pass(600_000);
    assert_eq!(world.document(0).as_deref(), Some("b"));
}

#[test]
fn all_calls_of_an_attempt_together_take_no_longer_than_the_timeout() {
    let keys = metadata(ISSUER, "https://idp.example.com/k");
    let mut world = World::new(
        1,
        &discovered(),
        Box::new(move |_, call| match header(call, ":path") {
            OAUTH => (answered(404, &[], ""), 900),
            OPEN_ID => (keys.clone(), 900),
            _ => (answered(504, &[], ""), 60_000),
        }),
    );
    world.pass(2_500);
    let timeouts: Vec<u32> = world.calls.iter().map(|(_, call)| call.timeout_ms).collect();
    assert_eq!(timeouts[0], 2_000);
    assert!(timeouts.windows(2).all(|pair| pair[1] < pair[0]), "{timeouts:?}");
    assert_eq!(failure(&world), Some(&Failure::Status(504)));
    let first = world.calls[0].0;
    assert!(world.calls.iter().all(|(at, call)| at + i64::from(call.timeout_ms) <= first + 2_000));
    // No time is left for the keys.
    let keys = metadata(ISSUER, "https://idp.example.com/k");
    let mut world = World::new(1, &discovered(), Box::new(move |_, _| (keys.clone(), 2_000)));
    world.pass(2_500);
    assert_eq!(paths(&world), [OAUTH]);
    assert_eq!(failure(&world), Some(&Failure::Lost));
}
