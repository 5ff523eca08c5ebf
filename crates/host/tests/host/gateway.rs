use cedar_gate_host::{Module, WasmHost};
use cedar_gate_scenario::{Body, ConfigurationForm, Gateway, Host, Protocol, Request, Start};
use serde_json::json;

use crate::filter::{headers, wasm};

/// Writes an audit record for each request and holds it; answers 500 on the tick after ten seconds.
const AUDITS: &str = r#"
  (data (i32.const 100) "{\"cedar_gate\":\"audit\",\"decision\":\"allow\"}")
  (data (i32.const 200) "{\"cedar_gate\":\"other\"}")
  (data (i32.const 300) "body_missing")
  (global $waiting (mut i32) (i32.const 0))
  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $set_tick (i32.const 10000)))
    (i32.const 1))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (global.set $waiting (local.get 0))
    (drop (call $log (i32.const 2) (i32.const 100) (i32.const 41)))
    (drop (call $log (i32.const 2) (i32.const 200) (i32.const 22)))
    (i32.eqz (local.get 2)))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (i32.eqz (local.get 2)))
  (func (export "proxy_on_tick") (param i32)
    (if (i32.eqz (call $set_context (global.get $waiting)))
      (then (drop (call $reply (i32.const 500) (i32.const 300) (i32.const 12) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const -1))))))
"#;

fn host() -> WasmHost {
    WasmHost::new(Module::compile(&wasm(AUDITS)).unwrap())
}

fn start() -> Start {
    Start { configuration: json!({}), form: ConfigurationForm::Struct, now: 1_000_000, ..Start::default() }
}

fn request(body: Body) -> Request {
    Request {
        method: b"POST".to_vec(),
        path: b"/orders?id=1".to_vec(),
        authority: b"api.example".to_vec(),
        headers: headers(&[("Authorization", "Bearer a"), ("authorization", "Bearer b")]),
        body,
        trailers: Vec::new(),
        protocol: Protocol::Http1,
        ..Request::default()
    }
}

fn send(gateway: &mut dyn Gateway, body: Body) -> cedar_gate_scenario::Observed {
    gateway.send(&request(body)).unwrap()
}

#[test]
fn a_request_reaches_the_upstream_with_its_whole_body() {
    let host = host();
    let Ok(mut gateway) = host.start(&start()) else { panic!("refused") };
    let observed = send(gateway.as_mut(), Body::Parts(vec![b"ab".to_vec(), b"cd".to_vec()]));
    assert_eq!(observed.status, 200);
    assert_eq!(observed.audit, [json!({"cedar_gate": "audit", "decision": "allow"})]);
    let upstream = observed.upstream.unwrap();
    assert_eq!(
        (upstream.method.as_slice(), upstream.path.as_slice()),
        (b"POST".as_slice(), b"/orders?id=1".as_slice())
    );
    assert_eq!(upstream.body, b"abcd");
    assert_eq!(upstream.headers, headers(&[("authorization", "Bearer a,Bearer b"), ("transfer-encoding", "chunked")]));
}

#[test]
fn a_body_that_never_arrives_lets_the_clock_run_until_the_filter_answers() {
    let host = host();
    let Ok(mut gateway) = host.start(&start()) else { panic!("refused") };
    let observed = send(gateway.as_mut(), Body::NeverArrives);
    assert_eq!(observed.status, 500);
    assert_eq!(observed.details.as_deref(), Some("body_missing"));
    assert_eq!(observed.upstream.map(|upstream| upstream.body), None);
    assert_eq!(gateway.now(), 1_000_010);
    gateway.advance(90);
    assert_eq!(gateway.now(), 1_000_100);
}

#[test]
fn one_gateway_takes_many_requests() {
    let host = host();
    let Ok(mut gateway) = host.start(&start()) else { panic!("refused") };
    for _ in 0..100 {
        assert_eq!(send(gateway.as_mut(), Body::None).status, 200);
    }
}
