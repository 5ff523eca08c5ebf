//! The form of scenario files, what is sent for it, and how its faults are told.

use cedar_gate_author::Memory;
use cedar_gate_scenario::{Body, ConfigurationForm, Protocol, Scenario};
use serde_json::json;

use crate::stage::{Parrot, allowed, json_segment, parse, sent};

const PLAIN: &str = "{path: /, expect: {status: 200}}";

fn fault(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

fn fault_in_request(request: &str) -> String {
    fault(&format!("story: s\nconfiguration: {{}}\nrequests:\n  - {request}\n"))
}

#[test]
fn a_request_has_sensible_defaults() {
    let (now, request) = &sent(&format!("  - {PLAIN}"))[0];
    assert_eq!(*now, 1_780_315_200);
    assert_eq!((request.method.as_slice(), request.path.as_slice()), (b"GET".as_slice(), b"/".as_slice()));
    assert_eq!((request.authority.as_slice(), request.protocol), (b"api.example.com".as_slice(), Protocol::Http1));
    assert_eq!((request.headers.len(), &request.body), (0, &Body::None));
}

#[test]
fn bytes_are_sent_as_they_are_written() {
    let request = &sent(
        r"  - {path: '/a\x00\xff\\７', headers: ['x-raw: \xff', 'x-raw:  two'], trailers: ['x-t: 1'], expect: {status: 200}}",
    )[0]
    .1;
    assert_eq!(request.path, b"/a\x00\xff\\\xef\xbc\x97");
    let value = |value: &[u8]| (b"x-raw".to_vec(), value.to_vec());
    assert_eq!(request.headers, [value(b"\xff"), value(b" two")]);
    assert_eq!(request.trailers, [(b"x-t".to_vec(), b"1".to_vec())]);
}

#[test]
fn a_token_is_put_where_it_is_named() {
    let request = &sent(
        "  - {path: '/?access_token={token:alice}', token: {like: alice, claims: {sub: eve}}, scheme: DPoP, headers: \
         ['cookie: a={token:alice}; b'], expect: {status: 200}}",
    )[0]
    .1;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let authorization = text(&request.headers[0].1);
    let cookie = text(&request.headers[1].1);
    assert_eq!(json_segment(authorization.strip_prefix("DPoP ").unwrap(), 1)["sub"], "eve");
    let inner = cookie.strip_prefix("a=").unwrap().strip_suffix("; b").unwrap();
    assert_eq!(json_segment(inner, 1)["sub"], "alice");
    assert!(text(&request.path).ends_with(inner));
}

#[test]
fn a_grpc_request_looks_like_one() {
    let request = &sent("  - {path: /p.S/M, grpc: true, expect: {status: 200}}")[0].1;
    assert_eq!((request.method.as_slice(), request.protocol), (b"POST".as_slice(), Protocol::Http2));
    assert_eq!(request.headers[0], (b"content-type".to_vec(), b"application/grpc".to_vec()));
    assert_eq!(request.headers[1], (b"te".to_vec(), b"trailers".to_vec()));
}

#[test]
fn bodies_take_every_form() {
    let body = |body: &str| sent(&format!("  - {{path: /, body: {body}, expect: {{status: 200}}}}"))[0].1.body.clone();
    let parts = |parts: &[&[u8]]| Body::Parts(parts.iter().map(|part| part.to_vec()).collect());
    assert_eq!(body("never"), Body::NeverArrives);
    assert_eq!(body(r"{text: '{\x22a\x22:\u0041}'}"), parts(&[br#"{"a":\u0041}"#]));
    assert_eq!(body("{json: {a: [1]}}"), parts(&[br#"{"a":[1]}"#]));
    assert_eq!(body("{parts: [a, b]}"), parts(&[b"a", b"b"]));
    assert_eq!(body("{repeat: {text: ab, count: 3}}"), parts(&[b"ababab"]));
}

#[test]
fn the_clock_runs_before_a_request() {
    let requests = sent(
        "  - {path: /, token: alice, expect: {status: 200}}\n  - {path: /, after: 1m 2s, token: alice, expect: {status: \
         200}}\n  - {path: /, after: 1s, token: {like: alice, minted: start}, expect: {status: 200}}",
    );
    let issued = |index: usize| {
        let (now, request) = &requests[index];
        let value = String::from_utf8(request.headers[0].1.clone()).unwrap();
        json_segment(value.strip_prefix("Bearer ").unwrap(), 1)["iat"].as_i64().unwrap() - now
    };
    assert_eq!(requests[1].0 - requests[0].0, 62);
    assert_eq!((issued(0), issued(1), issued(2)), (0, 0, -63));
}

#[test]
fn keys_are_put_into_the_configuration() {
    let scenario = parse(&format!(
        "story: s\nform: struct\nnow: 2026-01-01T00:00:00Z\nkeys: {{a: {{kty: oct, bytes: 1}}}}\nconfiguration: {{deep: [{{$jwk: a, use: \
         sig}}], 'on': no, none: null}}\nrequests: [{PLAIN}]"
    ))
    .unwrap();
    let start = scenario.start();
    assert_eq!((start.form, start.now), (ConfigurationForm::Struct, 1_767_225_600));
    assert_eq!((&start.configuration["deep"][0]["kid"], &start.configuration["on"]), (&json!("a"), &json!("no")));
    assert!(start.configuration.as_object().unwrap().contains_key("none"));
}

#[test]
fn a_file_is_laid_over_its_bases() {
    let files: Memory = [
        (
            "base/b.yaml",
            "base: lower/c.yaml\nconfiguration: {a: 1, b: {c: 2, d: 3}}\ntokens: {t: {claims: {x: 1, y: 1}}}\n\
             token_defaults: {header: {typ: JWT}}",
        ),
        (
            "base/lower/c.yaml",
            "keys: {k: {kty: OKP, crv: Ed25519}}\nconfiguration_from: ../../written/envoy.yaml\n\
             configuration: {e: 5, a: 0}\ntoken_defaults: {key: k, alg: EdDSA}",
        ),
        ("written/envoy.yaml", "a: -1\nf: 6\npolicies: {directory: mine}"),
        ("written/mine/schema.cedarschema", "entity User;"),
        ("written/mine/one.cedar", "permit (principal, action, resource);"),
    ]
    .into_iter()
    .collect();
    let text = format!(
        "story: s\nbase: ../base/b.yaml\nconfiguration: {{b: {{c: null}}}}\ntokens: {{t: {{header: {{kid: null}}, claims: {{y: \
         null}}}}}}\nrequests: [{PLAIN}]"
    );
    let scenario = Scenario::parse(&text, "tests/s.yaml".as_ref(), &files).unwrap();
    let policies = json!({"inline": {
        "schema": "entity User;",
        "policies": {"one.cedar": "permit (principal, action, resource);"},
        "entities": [],
    }});
    assert_eq!(scenario.start().configuration, json!({"a": 1, "b": {"d": 3}, "e": 5, "f": 6, "policies": policies}));
    let token = scenario.forge().mint(&json!("t"), 0).unwrap();
    assert_eq!(json_segment(&token, 0), json!({"alg": "EdDSA", "typ": "JWT"}));
    assert_eq!(json_segment(&token, 1), json!({"x": 1}));
}

#[test]
fn a_fault_names_its_place() {
    for (request, expected) in [
        ("{path: /, expect: {}}", "requests[0].expect: `status` or `grpc_status` is missing (native)"),
        ("{path: /, expect: {statuss: 200}}", "requests[0].expect.statuss: unknown field `statuss`"),
        ("{path: /, expect: {status: 200, on: {envoi: {}}}}", "requests[0].expect.on: `envoi` is no host"),
        ("{expect: {status: 200}}", "requests[0]: missing field `path`"),
        ("{path: /, token: bob, expect: {status: 200}}", "requests[0].token: no token is named `bob`"),
        ("{path: /, headers: [x], expect: {status: 200}}", "requests[0].headers[0]: `x` is not `name: value`"),
        (r"{path: '/\q', expect: {status: 200}}", r"requests[0].path: `\q` is no escape"),
        (r#"{path: "/\xff", expect: {status: 200}}"#, "requests[0].path: `ÿ` (U+00FF) may be meant as a byte"),
        ("{path: /, after: 1.5s, expect: {status: 200}}", "requests[0].after: `1.5s` is no whole number"),
        ("{path: /, body: {jason: 1}, expect: {status: 200}}", "requests[0].body: unknown variant `jason`"),
        (
            "{path: /, expect: {status: 200, audit: {x: {$matches: '('}}}}",
            "requests[0].expect.audit.x: regex parse error",
        ),
        (
            "{path: /, expect: {status: 200, upstream: {heads: {}}}}",
            "requests[0].expect.upstream: heads: unknown field `heads`",
        ),
    ] {
        let message = fault_in_request(request);
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn a_file_must_be_whole() {
    for (text, expected) in [
        ("configuration: {}", "missing field `story`"),
        ("story: s\nrequests: []", "configuration: is missing"),
        ("story: s\nconfiguration: {}", "requests: are missing"),
        ("story: s\nconfiguration: {}\nconfiguration: {}", "duplicate"),
        (
            "story: s\nconfiguration: {}\nstarts: refused\nrequests: [{path: /, expect: {status: 1}}]",
            "requests: cannot be sent",
        ),
        ("story: s\nconfiguration: {k: {$jwk: a}}\nstarts: refused", "configuration: no key is named `a`"),
        (
            "story: s\nconfiguration: {}\nkeys: {a: {kty: RSA, size: 1}}\nstarts: refused",
            "keys.a: unknown field `size`",
        ),
        ("story: s\nconfiguration: {}\ntokens: {a: {key: b}}\nstarts: refused", "no key is named `b`"),
    ] {
        let message = fault(text);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_fault_in_a_base_names_the_base() {
    let files: Memory = [("b.yaml", "requests: []")].into_iter().collect();
    let error = Scenario::parse("story: s\nbase: b.yaml", "s.yaml".as_ref(), &files).unwrap_err().to_string();
    assert!(error.starts_with("b.yaml: requests: unknown field `requests`"), "{error}");
}

#[test]
fn files_are_found_and_loaded_from_disk() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("found");
    for (path, text) in [
        ("b/two.yaml", format!("story: s\nbase: ../base/low.yaml\nrequests: [{PLAIN}]")),
        ("a.yaml", "story: 7".to_owned()),
        ("base/low.yaml", "configuration: {a: 1}".to_owned()),
        ("notes.md", String::new()),
    ] {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let found = Scenario::find(&folder).unwrap();
    assert_eq!(found, [folder.join("a.yaml"), folder.join("b/two.yaml")]);
    assert_eq!(Scenario::load(&found[1]).unwrap().start().configuration, json!({"a": 1}));
    let error = Scenario::load(&found[0]).unwrap_err().to_string();
    assert!(
        error.ends_with("a.yaml: story: invalid type: number, expected a string") || error.contains("a.yaml: story"),
        "{error}"
    );
}

#[test]
fn a_host_that_is_not_meant_is_left_alone() {
    let mut text = String::from("story: s\nconfiguration: {}\nhosts: [envoy]\nrequests:\n");
    text.push_str(&format!("  - {PLAIN}"));
    let scenario = parse(&text).unwrap();
    let host = Parrot::saying(allowed());
    scenario.run(&host).unwrap();
    assert!(host.sent.borrow().is_empty() && scenario.is_for("envoy") && !scenario.is_for("native"));
}

#[test]
fn the_example_of_the_readme_is_a_scenario() {
    let readme = include_str!("../../README.md");
    let example = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let files: Memory =
        [("base/payments.yaml", "configuration: {policies: {embedded: payments}}")].into_iter().collect();
    let scenario = Scenario::parse(example, "requests/s.yaml".as_ref(), &files).unwrap();
    let configuration = &scenario.start().configuration;
    assert_eq!(configuration["providers"]["corp"]["local_jwks"]["inline"]["keys"][0]["kid"], "corp-ec");
    assert_eq!(configuration["policies"]["embedded"], "payments");
    let mut names = Vec::new();
    let _ = scenario.play(&Parrot::saying(allowed()), &mut |played| names.push(played.request.to_owned()));
    assert_eq!(names.len(), 3);
}
