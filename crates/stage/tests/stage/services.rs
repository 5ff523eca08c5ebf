//! What a filter sees of services: in Envoy, where they are servers, as in Wasmtime, where they are a table.

use std::sync::OnceLock;

use cedar_gate_author::Memory;
use cedar_gate_host::{Module, WasmHost};
use cedar_gate_scenario::Scenario;
use cedar_gate_stage::{EnvoyHost, EnvoyOptions};

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

fn module() -> Vec<u8> {
    wat::parse_str(include_str!("caller.wat")).expect("a module")
}

fn envoy() -> Option<&'static EnvoyHost> {
    static HOST: OnceLock<Option<EnvoyHost>> = OnceLock::new();
    let start = || {
        let directory = tempfile::tempdir().expect("a directory");
        let wasm = directory.path().join("caller.wasm");
        std::fs::write(&wasm, module()).expect("a file");
        let host = EnvoyOptions::binary_from_env()
            .map(|binary| EnvoyHost::start(&binary, &wasm).expect("Envoy starts"));
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
