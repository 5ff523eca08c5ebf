//! Several workers: their memory is their own, what they share they share at once, and their clock is one.

use cedar_gate_author::Memory;
use cedar_gate_host::{Module, WasmHost};
use cedar_gate_scenario::Scenario;

use crate::filter::wasm;

/// Answers each request with 200, the number of requests that this worker has had, and 10 for each key that it could
/// still claim in the data that all share: there is one. Every tick adds 100 to the next answer.
const COUNTS: &str = r#"
  (data (i32.const 100) "key")
  (data (i32.const 110) "mine")
  (global $requests (mut i32) (i32.const 0))
  (global $ticks (mut i32) (i32.const 0))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $set_tick (i32.const 10000)))
    (i32.const 1))
  (func (export "proxy_on_tick") (param i32)
    (global.set $ticks (i32.add (global.get $ticks) (i32.const 1))))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (local $status i32)
    (global.set $requests (i32.add (global.get $requests) (i32.const 1)))
    (local.set $status (i32.add (i32.const 200) (global.get $requests)))
    (if (i32.eqz (call $set_shared (i32.const 100) (i32.const 3) (i32.const 110) (i32.const 4) (i32.const -1)))
      (then (local.set $status (i32.add (local.get $status) (i32.const 10)))))
    (local.set $status (i32.add (local.get $status) (i32.mul (i32.const 100) (global.get $ticks))))
    (drop (call $reply (local.get $status) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const -1)))
    (i32.const 0))
"#;

fn host() -> WasmHost {
    WasmHost::new(Module::compile(&wasm(COUNTS)).unwrap())
}

fn play(host: &WasmHost, text: &str) {
    let scenario = Scenario::parse(text, "scenario.yaml".as_ref(), &Memory::default()).unwrap();
    scenario.run(host).unwrap();
}

#[test]
fn each_request_meets_the_worker_that_it_names() {
    play(
        &host(),
        "{story: s, configuration: {}, workers: 2, requests: [
          {path: /, expect: {status: 211, audit_records: 0}},
          {path: /, worker: 2, expect: {status: 201, audit_records: 0}},
          {path: /, worker: 2, expect: {status: 202, audit_records: 0}},
          {path: /, worker: 1, after: 25s, expect: {status: 402, audit_records: 0}},
          {path: /, worker: 2, expect: {status: 403, audit_records: 0}}]}",
    );
}

#[test]
fn a_gateway_shares_nothing_with_another() {
    let text = "{story: s, configuration: {}, requests: [{path: /, expect: {status: 211, audit_records: 0}}]}";
    let host = host();
    play(&host, text);
    play(&host, text);
}
