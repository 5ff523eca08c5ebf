//! What a filter sees of services: in Envoy, where they are servers, as in Wasmtime, where they are a table.

use std::sync::OnceLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use cedar_gate_author::Memory;
use cedar_gate_host::{Module, WasmHost};
use cedar_gate_scenario::{Forge, Scenario};
use cedar_gate_stage::{EnvoyHost, EnvoyOptions};
use serde_json::json;

/// All that can come of a call. Each request makes one, and is answered with its status.
const CALLS: &str = r#"
story: s
configuration: {cluster: idp}
services:
  idp:
    "GET /keys": [{json: {keys: []}, headers: ["cache-control: max-age=60"]}, {status: 404}]
requests:
  - {name: an answer, path: /, expect: {status: 200, audit_records: 0, upstream: none, calls: {idp: 1},
     received: {idp: [{method: GET, path: /keys, headers: {content-length: null}, body: ''}]}}}
  - {name: the answer after it, path: /, expect: {status: 404, audit_records: 0}}
  - {name: and again, path: /, expect: {status: 404, audit_records: 0, calls: {idp: {"GET /keys": 1, "GET /other": 0}}}}
  - {name: a redirect, path: /, services: {idp: {"GET /keys": {status: 302, headers: ["location: /other"]}}},
     expect: {status: 302, audit_records: 0, calls: {idp: 1}}}
  - {name: ten megabytes, path: /, services: {idp: {"GET /keys": {repeat: {text: a, count: 10000000}}}},
     expect: {status: 200, audit_records: 0, upstream: none}}
  - {name: forty megabytes, path: /, services: {idp: {"GET /keys": {repeat: {text: a, count: 40000000}}}},
     expect: {status: 590, audit_records: 0}}
  - {name: a broken connection, path: /, services: {idp: {"GET /keys": {fault: reset}}},
     expect: {status: 503, audit_records: 0, calls: {idp: 1}}}
  - {name: half an answer, path: /, services: {idp: {"GET /keys": {fault: cut}}},
     expect: {status: 590, audit_records: 0, calls: {idp: 1}}}
  - {name: no answer, path: /, services: {idp: {"GET /keys": {fault: never}}},
     expect: {status: 504, audit_records: 0, calls: {idp: 1}}}
  - {name: an answer that is too late, path: /, services: {idp: {"GET /keys": {json: {}, delay: 3s}}},
     expect: {status: 504, audit_records: 0}}
  - {name: nobody listens, path: /, services: {idp: refused}, expect: {status: 503, audit_records: 0, calls: {idp: 0}}}
  - {name: no answers at all, path: /, services: {idp: never}, expect: {status: 504, audit_records: 0}}
  - {name: up again, path: /, services: {idp: {"GET /keys": {status: 204}}}, expect: {status: 204, audit_records: 0}}
"#;

const EMPTY: &str = r#"
story: s
configuration: {cluster: idp}
services: {idp: empty}
requests:
  - {path: /, expect: {status: 560, audit_records: 0, calls: {idp: 0}}}
"#;

const UNKNOWN: &str = r#"
story: s
configuration: {cluster: idp}
requests:
  - {path: /, expect: {status: 552, audit_records: 0}}
"#;

const TOGETHER: &str = r#"
story: s
configuration: {cluster: idp}
services:
  idp: {"GET /keys": {status: 200}}
requests:
  - concurrent: [{times: 8, path: /, expect: {status: 200, audit_records: 0, upstream: none}}]
    expect: {calls: {idp: 8}}
"#;

/// Alternative names of a certificate, of which filters are told the first.
const DNS: [&str; 2] = ["alice.example.com", "alias.example.com"];
const URI: &str = "spiffe://example.com/alice";

/// Requests are answered with what the filter is told of the connection.
const CERTIFICATES: &str = r#"
story: s
configuration: {cluster: idp}
keys: {laptop: {kty: EC, crv: P-256}, rack: {kty: RSA}}
certificates:
  alice: {key: laptop, dns: [alice.example.com, alias.example.com], uri: ["spiffe://example.com/alice"]}
  robot: {key: rack, subject: "robot 7"}
  mallory: {key: laptop, trusted: false, subject: alice}
  old: {key: laptop, expired: true}
requests:
  - {name: digest of nobody, path: /, headers: ["x-property: connection.sha256_peer_certificate_digest"],
     expect: {status: 404, audit_records: 0}}
  - {name: scheme, path: /, headers: ["x-property: request.scheme"],
     expect: {status: 200, audit_records: 0, upstream: none, body: https}}
  - {name: over HTTP/2, path: /, protocol: http2, certificate: alice, headers: ["x-property: connection.mtls"],
     expect: {status: 200, audit_records: 0, upstream: none, body: '\x01'}}
"#;

const PLAIN: &str = r#"
story: s
configuration: {cluster: idp}
requests:
  - {path: /, headers: ["x-property: connection.mtls"],
     expect: {status: 200, audit_records: 0, upstream: none, body: '\x00'}}
  - {path: /, headers: ["x-property: connection.peer_certificate_valid"],
     expect: {status: 200, audit_records: 0, upstream: none, body: '\x00'}}
"#;

fn module() -> Vec<u8> {
    wat::parse_str(include_str!("caller.wat")).expect("a module")
}

fn envoy() -> Option<&'static EnvoyHost> {
    static HOST: OnceLock<Option<EnvoyHost>> = OnceLock::new();
    let start = || {
        let directory = tempfile::tempdir().expect("a directory");
        let wasm = directory.path().join("caller.wasm");
        std::fs::write(&wasm, module()).expect("a file");
        let host =
            EnvoyOptions::binary_from_env().map(|binary| EnvoyHost::start(&binary, &wasm).expect("Envoy starts"));
        if host.is_none() {
            super::skipped();
        }
        host
    };
    HOST.get_or_init(start).as_ref()
}

fn play(text: &str) {
    let scenario = Scenario::parse(text, "scenario.yaml".as_ref(), &Memory::default()).expect("a scenario");
    if let Some(envoy) = envoy() {
        scenario.run(envoy).expect("as expected");
    }
    let wasm = WasmHost::new(Module::compile(&module()).expect("a module"));
    scenario.run(&wasm).expect("as expected");
}

#[test]
fn every_fault_of_a_service_is_seen_alike() {
    play(CALLS);
}

#[test]
fn a_cluster_without_hosts_takes_no_call() {
    play(EMPTY);
}

#[test]
fn an_unknown_cluster_takes_no_call() {
    play(UNKNOWN);
}

#[test]
fn requests_that_are_sent_together_are_answered_when_all_have_arrived() {
    play(TOGETHER);
}

#[test]
fn a_certificate_is_told_of_alike() {
    let forge = Forge::new().with_key("laptop", json!({"kty": "EC", "crv": "P-256"})).expect("a key");
    let description = json!({"key": "laptop", "dns": DNS, "uri": [URI]});
    let forge = forge.with_certificate("alice", &description).expect("a certificate");
    let digest = forge.resolve(&json!({"$x5t": "alice"})).expect("a digest");
    let digest = BASE64URL.decode(digest.as_str().expect("a text")).expect("base64url");
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();

    let mut requests = String::new();
    for (name, property, value) in [
        ("alice", "mtls", r"\x01"),
        ("alice", "peer_certificate_valid", r"\x01"),
        ("alice", "sha256_peer_certificate_digest", &digest),
        ("alice", "subject_peer_certificate", "CN=alice"),
        ("alice", "dns_san_peer_certificate", DNS[0]),
        ("alice", "uri_san_peer_certificate", URI),
        ("robot", "peer_certificate_valid", r"\x01"),
        ("robot", "subject_peer_certificate", "CN=robot 7"),
        ("mallory", "mtls", r"\x01"),
        ("mallory", "peer_certificate_valid", r"\x00"),
        ("mallory", "subject_peer_certificate", "CN=alice"),
        ("old", "mtls", r"\x01"),
        ("old", "peer_certificate_valid", r"\x00"),
        ("null", "mtls", r"\x00"),
        ("null", "peer_certificate_valid", r"\x00"),
    ] {
        requests.push_str(&format!(
            "  - {{name: {name} {property}, path: /, certificate: {name}, headers: ['x-property: connection.{property}'],\n     \
             expect: {{status: 200, audit_records: 0, upstream: none, body: '{value}'}}}}\n"
        ));
    }
    play(&format!("{CERTIFICATES}{requests}"));
}

#[test]
fn a_connection_in_plain_text_has_no_certificate() {
    play(PLAIN);
}
