use std::time::Duration;

use crate::filter::{headers, logged, post, start};

const REFUSES: &str = r#"
  (data (i32.const 100) "token is expired")
  (data (i32.const 120) "who are you?")
  (func $refuse
    (drop (call $reply (i32.const 401) (i32.const 100) (i32.const 16) (i32.const 120) (i32.const 12)
      (i32.const 0) (i32.const 0) (i32.const -1))))
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
    (call $report (i32.const 7)) (i32.const 0))
"#;

const REFUSES_AT_HEADERS: &str = r#"
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $refuse) (i32.const 0))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (call $report (i32.const 8)) (i32.const 0))
"#;

#[test]
fn a_local_reply_carries_details_and_the_rest_of_the_request_is_dropped() {
    let mut vm = start(&format!("{REFUSES}{REFUSES_AT_HEADERS}"));
    let id = vm.request_headers(post(), false).unwrap();
    vm.request_body(id, b"body", true).unwrap();
    let stream = vm.take(id).unwrap();
    let reply = stream.reply().unwrap();
    assert_eq!((reply.status, reply.grpc_status), (401, None));
    assert_eq!(reply.details.as_deref(), Some("token_is_expired"));
    let client = stream.client().unwrap();
    assert_eq!(client.header(":status"), Some(b"401".as_slice()));
    assert_eq!(client.header("content-type"), Some(b"text/plain".as_slice()));
    assert_eq!(client.body, b"who are you?");
    // Continue was returned, and still nothing went on: the reply stops everything.
    assert_eq!(stream.upstream(), None);
    // The filter's own response callback ran, its body callback did not.
    assert_eq!(logged(&vm), ["7"]);
}

#[test]
fn a_grpc_client_gets_the_reply_as_a_grpc_status() {
    let mut vm = start(&format!("{REFUSES}{REFUSES_AT_HEADERS}"));
    let mut request = post();
    request.extend(headers(&[("content-type", "application/grpc+proto")]));
    let id = vm.request_headers(request, false).unwrap();
    let stream = vm.take(id).unwrap();
    let client = stream.client().unwrap();
    assert_eq!(client.header(":status"), Some(b"200".as_slice()));
    assert_eq!(client.header("grpc-status"), Some(b"16".as_slice()));
    assert_eq!(client.header("grpc-message"), Some(b"who are you?".as_slice()));
    assert!(client.body.is_empty());
}

#[test]
fn a_paused_request_is_answered_from_the_tick_through_its_effective_context() {
    let mut vm = start(&format!(
        r#"{REFUSES}
        (global $waiting (mut i32) (i32.const 0))
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (drop (call $set_tick (i32.const 250)))
          (i32.const 1))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (global.set $waiting (local.get 0))
          (i32.const 1))
        (func (export "proxy_on_tick") (param i32)
          (drop (call $set_context (global.get $waiting)))
          (call $refuse))"#
    ));
    let id = vm.request_headers(post(), true).unwrap();
    vm.advance(Duration::from_millis(249)).unwrap();
    assert!(vm.stream(id).unwrap().is_waiting());
    vm.advance(Duration::from_millis(1)).unwrap();
    let stream = vm.take(id).unwrap();
    assert_eq!(stream.status(), Some(401));
    assert_eq!(stream.upstream(), None);
    // The next tick finds no such context, and its reply has nobody to go to.
    vm.advance(Duration::from_millis(250)).unwrap();
}

#[test]
fn a_context_that_does_not_exist_cannot_be_made_effective() {
    let mut vm = start(
        r#"(func (export "proxy_on_tick") (param i32)
          (call $report (call $set_context (i32.const 77)))
          (call $report (call $set_context (i32.const 1))))"#,
    );
    vm.tick().unwrap();
    assert_eq!(logged(&vm), ["2", "0"]);
}

#[test]
fn ticks_come_as_often_as_the_filter_asked() {
    let mut vm = start(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
          (drop (call $set_tick (i32.const 1000)))
          (i32.const 1))
        (func (export "proxy_on_tick") (param i32) (call $report (i32.const 1)))"#,
    );
    let began = vm.now();
    vm.advance(Duration::from_millis(3500)).unwrap();
    assert_eq!(vm.log().len(), 3);
    assert_eq!(vm.now() - began, 3_500_000_000);
}
