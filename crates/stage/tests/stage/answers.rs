//! What the client gets.

use cedar_gate_scenario::{Body, Protocol};
use serde_json::json;

use super::{gateway, get, headers, post, shared};

#[test]
fn an_answer_of_the_filter_reaches_the_client_with_its_details_and_its_record() {
    let Some(host) = shared() else { return };
    let observed = gateway(host, "deny").send(&get("/a")).expect("an answer");
    assert_eq!((observed.status, observed.body.as_slice()), (403, b"no".as_slice()));
    assert_eq!(observed.details.as_deref(), Some("denied_by_the_test"));
    assert_eq!(observed.audit.len(), 1, "{:?}", observed.audit);
    assert!(observed.upstream.is_none());
}

#[test]
fn an_answer_of_the_filter_to_grpc_has_a_grpc_status() {
    let Some(host) = shared() else { return };
    let mut request = post(&[&[0; 5]]);
    request.headers = headers(&[("content-type", b"application/grpc"), ("te", b"trailers")]);
    request.protocol = Protocol::Http2;
    let observed = gateway(host, "deny").send(&request).expect("an answer");
    // 7: PERMISSION_DENIED.
    assert_eq!((observed.status, observed.grpc_status), (200, Some(7)));
}

#[test]
fn an_answer_before_the_body_is_an_answer() {
    let Some(host) = shared() else { return };
    let mut gateway = gateway(host, "deny");
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for body in [Body::NeverArrives, Body::Parts(vec![vec![b'a'; 3_000_000], vec![b'b'; 3_000_000]])] {
            let mut request = post(&[]);
            request.body = body;
            request.protocol = protocol;
            let observed = gateway.send(&request).expect("an answer");
            assert_eq!(observed.status, 403, "{protocol:?}");
            assert!(observed.upstream.is_none());
            assert_eq!(observed.audit.len(), 1);
        }
    }
}

#[test]
fn a_request_that_envoy_cannot_parse_is_answered_without_a_record() {
    let Some(host) = shared() else { return };
    let mut gateway = gateway(host, "pass");
    for path in ["/a b", "/a\x01"] {
        let observed = gateway.send(&get(path)).expect("an answer");
        assert_eq!(observed.status, 400, "{path}");
        assert!(observed.upstream.is_none());
        assert_eq!(observed.audit, Vec::<serde_json::Value>::new());
        assert!(observed.details.is_some(), "Envoy says why");
    }
}

#[test]
fn a_record_of_the_last_callback_is_there_when_the_answer_is() {
    let Some(host) = shared() else { return };
    let mut gateway = gateway(host, "late");
    for _ in 0..100 {
        assert_eq!(gateway.send(&get("/a")).expect("an answer").audit.len(), 1);
    }
}

#[test]
fn a_request_may_bring_its_own_request_id() {
    let Some(host) = shared() else { return };
    let mut request = get("/a");
    request.headers = headers(&[("x-request-id", b"mine")]);
    let observed = gateway(host, "pass").send(&request).expect("an answer");
    assert_eq!(observed.audit, [json!({ "cedar_gate": "audit", "request_id": "mine" })]);
    let received = observed.upstream.expect("the request went through");
    assert_eq!(super::values(&received.headers, "x-request-id"), [b"mine"]);
}

#[test]
fn each_of_many_threads_sees_its_own_request() {
    let Some(host) = shared() else { return };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                let mut gateway = gateway(host, "pass");
                for number in 0..20 {
                    let path = format!("/{thread}/{number}");
                    let observed = gateway.send(&get(&path)).expect("an answer");
                    assert_eq!(observed.audit.len(), 1);
                    assert_eq!(observed.upstream.expect("it went through").path, path.as_bytes());
                }
            });
        }
    });
}
