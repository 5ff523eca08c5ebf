//! The filter's life in a real Envoy.

use std::path::{Path, PathBuf};
use std::process::Command;

use cedar_gate_scenario::{ConfigurationForm, Host, Request, Scenario};
use cedar_gate_stage::{EnvoyHost, EnvoyOptions};
use serde_json::{Value, json};

use crate::fixture::{configuration, get, listed, real_now, root};
use crate::hosts;

/// The shared Envoy; nothing, with a word about it, where `make test` does not supply one.
fn envoy() -> Option<&'static EnvoyHost> {
    let envoy = hosts::envoy();
    if envoy.is_none() {
        eprintln!("left out: CEDAR_GATE_ENVOY is not set, or the filter is not built");
    }
    envoy
}

#[test]
fn a_faulty_update_leaves_the_old_configuration_serving() {
    let Some(host) = envoy() else { return };
    let good = configuration();
    let port = host.envoy().add_listener("update", &good, ConfigurationForm::Struct).expect("a good configuration");
    let ask = || host.send("update", port, &get("/payments/7", "audrey", real_now())).expect("an answer").status;
    assert_eq!(ask(), 200);

    let mut bad = good.clone();
    bad["providers"]["corp"]["issuer"] = json!(5);
    bad["routes"][1]["action"] = json!("fly");
    bad["policy"] = json!({});
    let refused = host.envoy().update_listener("update", &bad).expect_err("a faulty configuration").to_string();
    for path in ["policy: unknown field", "providers.corp.issuer: must be a string, not a number"] {
        assert!(refused.contains(path), "{path} is not in:\n{refused}");
    }
    assert_eq!(ask(), 200, "the old configuration serves on");

    let mut closed = good;
    closed["routes"] = json!([{"methods": ["GET"], "path": "/healthz", "access": "public"}]);
    host.envoy().update_listener("update", &closed).expect("a good update");
    assert_eq!(ask(), 403, "the new configuration serves");
}

#[test]
fn counters_and_times_reach_the_metrics() {
    let Some(host) = envoy() else { return };
    let port = host.envoy().add_listener("metrics", &configuration(), ConfigurationForm::Struct).expect("it starts");
    host.send("metrics", port, &get("/payments/7", "audrey", real_now())).expect("an answer");
    host.send("metrics", port, &get("/payments/7", "nobody", real_now())).expect("an answer");
    let stats = host.envoy().admin("/stats?filter=cedar_gate").expect("statistics");
    for name in [
        "cedar_gate.decisions.allow",
        "cedar_gate.decisions.deny.policy_denied",
        "cedar_gate.micros.total",
        "cedar_gate.micros.signature",
    ] {
        assert!(stats.contains(name), "{name} is not in:\n{stats}");
    }
}

#[test]
fn g7_what_envoy_itself_writes_about_a_certificate_is_read() {
    let (Some(_), Some(binary), Some(wasm)) = (envoy(), EnvoyOptions::binary_from_env(), hosts::wasm_path()) else {
        return;
    };
    let told = EnvoyHost::start_with(&binary, &wasm, |options| options.tells_certificate = true).expect("Envoy starts");
    let scenario = Scenario::load(root().join("tests/data/a_certificate_that_envoy_tells_of.yaml")).expect("it loads");
    scenario.run(&told).unwrap_or_else(|report| panic!("{report}"));
}

#[test]
fn h2_of_copies_of_one_proof_that_come_at_once_one_passes() {
    let Some(host) = envoy() else { return };
    let scenario =
        Scenario::load(root().join("tests/scenarios/attacks/h2_a_proof_is_used_once.yaml")).expect("it loads");
    let mut gateway = Host::start(host, scenario.start()).expect("it starts");
    // Until then nobody knows which proofs were used before.
    gateway.advance(5);
    for round in 0..8 {
        let now = gateway.now();
        let token = scenario.forge().mint(&json!("bound"), now).expect("a token");
        let proof = scenario.forge().mint(&proof(&format!("round {round}")), now).expect("a proof");
        let request = Request {
            headers: vec![
                (b"authorization".to_vec(), format!("DPoP {token}").into_bytes()),
                (b"dpop".to_vec(), proof.into_bytes()),
            ],
            ..get("/payments/7", "audrey", now)
        };
        let answers = gateway.send_together(&vec![request; 24]).expect("answers");
        let passed = answers.iter().filter(|answer| answer.status == 200).count();
        let details: Vec<_> = answers.iter().map(|answer| answer.details.as_deref().unwrap_or_default()).collect();
        assert_eq!(passed, 1, "round {round}: {details:?}");
    }
}

/// A proof for `GET /payments/7` with the token `bound`. The members that tokens have by default are left out.
fn proof(id: &str) -> Value {
    let mut claims = json!({
        "jti": id,
        "htm": "GET",
        "htu": "https://api.example.com/payments/7",
        "iat": {"$now": 0},
        "ath": {"$ath": "bound"},
    });
    for name in ["iss", "aud", "client_id", "exp", "scope"] {
        claims[name] = Value::Null;
    }
    let header = json!({"typ": "dpop+jwt", "kid": null, "jwk": {"$jwk": "laptop", "kid": null}});
    json!({"key": "laptop", "alg": "ES256", "header": header, "claims": claims})
}

#[test]
fn after_a_trap_a_new_vm_takes_over() {
    let (Some(_), Some(binary), Some(wasm)) = (envoy(), EnvoyOptions::binary_from_env(), hosts::wasm_path()) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let trapping = with_a_trap(&wasm, folder.path());
    // An Envoy of its own: a trap hits every listener of the VM.
    let host = EnvoyHost::start_with(&binary, &trapping, |options| options.concurrency = 1).expect("Envoy starts");
    let port = host.envoy().add_listener("trap", &configuration(), ConfigurationForm::Struct).expect("it starts");
    let ask = |request: &Request| host.send("trap", port, request).expect("an answer").status;
    let honest = get("/payments/7", "audrey", real_now());
    assert_eq!(ask(&honest), 200);

    assert!(trap_in(&honest, ask), "a request traps");
    let recovered = (0..300).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        ask(&honest) == 200
    });
    assert!(recovered, "a new VM serves within seconds");
}

/// A request with so many headers traps, in a copy of the filter that is made for that.
const HEADERS_THAT_TRAP: usize = 77;
/// The callback that traps, and the name that the filter's own gets.
const CALLBACK: &str = "proxy_on_request_headers";
const HIDDEN: &str = "filter_on_request_header";

const ENVOYS_OWN_HEADERS: usize = 20;

/// Sends a request with ever more headers until one of them traps; whether one did.
pub(crate) fn trap_in(honest: &Request, ask: impl Fn(&Request) -> u16) -> bool {
    let mut fatal = honest.clone();
    while fatal.headers.len() < HEADERS_THAT_TRAP - ENVOYS_OWN_HEADERS {
        fatal.headers.push((format!("x-filler-{}", fatal.headers.len()).into_bytes(), b"x".to_vec()));
    }
    // Envoy adds headers of its own, in a number that is its business: one of these hits the trap.
    (0..ENVOYS_OWN_HEADERS * 2).any(|_| {
        fatal.headers.push((format!("x-filler-{}", fatal.headers.len()).into_bytes(), b"x".to_vec()));
        ask(&fatal) == 503
    })
}

/// The filter, with a trap before it: nothing in the filter itself is meant to trap, so one has to be made.
pub(crate) fn with_a_trap(wasm: &Path, folder: &Path) -> PathBuf {
    let wrapper = format!(
        r#"(module
            (import "filter" "{HIDDEN}" (func $filter (param i32 i32 i32) (result i32)))
            (func (export "{CALLBACK}") (param i32 i32 i32) (result i32)
                (if (i32.eq (local.get 1) (i32.const {HEADERS_THAT_TRAP})) (then (unreachable)))
                (call $filter (local.get 0) (local.get 1) (local.get 2))))"#
    );
    // The filter's own export gets another name of the same length, so that the wrapper can take its place.
    let mut filter = std::fs::read(wasm).expect("the filter");
    let place = filter.windows(CALLBACK.len()).position(|window| window == CALLBACK.as_bytes()).expect("the callback");
    filter[place..place + CALLBACK.len()].copy_from_slice(HIDDEN.as_bytes());
    let renamed = folder.join("filter.wasm");
    std::fs::write(&renamed, filter).expect("a file");
    let (source, merged) = (folder.join("wrapper.wat"), folder.join("trapping.wasm"));
    std::fs::write(&source, wrapper).expect("a file");
    let merge = root().join("tools/node_modules/.bin/wasm-merge");
    let status = Command::new(&merge)
        .args([source.as_os_str(), "wrapper".as_ref(), renamed.as_os_str(), "filter".as_ref()])
        .args(listed("features.txt").iter().map(|feature| format!("--enable-{feature}")))
        .args(["-o".as_ref(), merged.as_os_str()])
        .status()
        .unwrap_or_else(|error| panic!("{} does not run: {error}", merge.display()));
    assert!(status.success(), "wasm-merge fails");
    merged
}
