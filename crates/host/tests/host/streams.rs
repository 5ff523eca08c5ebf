use cedar_gate_host::{Answer, Options};

use crate::filter::{headers, logged, post, start, start_with};

const PAUSES_AT_HEADERS: &str = r#"
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 1))
"#;

/// Pauses at the headers and until the end of the body; reports the size of the body each time.
const READS_THE_BODY: &str = r#"
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 1))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (drop (call $get_buffer (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 16) (i32.const 20)))
    (call $report (i32.load (i32.const 20)))
    (i32.eqz (local.get 2)))
"#;

#[test]
fn a_filter_without_callbacks_lets_everything_pass() {
    let mut vm = start("");
    let id = vm.request_headers(post(), false).unwrap();
    vm.request_body(id, b"one", false).unwrap();
    vm.request_body(id, b"two", false).unwrap();
    vm.request_trailers(id, headers(&[("checksum", "1")])).unwrap();
    let upstream = vm.stream(id).unwrap().upstream().unwrap();
    assert_eq!(upstream.body, b"onetwo");
    assert_eq!(upstream.trailers, headers(&[("checksum", "1")]));
    assert!(upstream.complete);
    vm.respond(id, Answer::new(204, "")).unwrap();
    let stream = vm.take(id).unwrap();
    assert_eq!(stream.status(), Some(204));
    assert_eq!(vm.live_streams(), 0);
}

#[test]
fn a_paused_request_is_released_by_continue_from_the_body_callback() {
    let mut vm = start(PAUSES_AT_HEADERS);
    let id = vm.request_headers(post(), false).unwrap();
    assert!(vm.stream(id).unwrap().is_waiting());
    assert_eq!(vm.stream(id).unwrap().upstream(), None);
    // The filter has no export for the body, which is the same as returning Continue from it.
    vm.request_body(id, b"body", true).unwrap();
    let upstream = vm.stream(id).unwrap().upstream().unwrap();
    assert_eq!(upstream.body, b"body");
    assert!(upstream.complete);
}

#[test]
fn a_paused_request_is_released_by_continue_from_the_trailers_callback() {
    let mut vm = start(PAUSES_AT_HEADERS);
    let id = vm.request_headers(post(), false).unwrap();
    vm.request_trailers(id, headers(&[("a", "b")])).unwrap();
    assert!(vm.stream(id).unwrap().upstream().unwrap().complete);
}

#[test]
fn without_the_setting_no_body_comes_while_the_headers_are_paused() {
    let options = Options { allow_on_headers_stop_iteration: false, ..Options::default() };
    let mut vm = start_with(READS_THE_BODY, options);
    let id = vm.request_headers(post(), false).unwrap();
    vm.request_body(id, b"body", true).unwrap();
    assert!(vm.log().is_empty());
    assert!(vm.stream(id).unwrap().is_waiting());
}

#[test]
fn a_body_that_is_held_is_read_as_a_whole_and_goes_on_as_a_whole() {
    let mut vm = start(READS_THE_BODY);
    let id = vm.request_headers(post(), false).unwrap();
    vm.request_body(id, b"abc", false).unwrap();
    vm.request_body(id, b"de", false).unwrap();
    assert_eq!(vm.stream(id).unwrap().upstream(), None);
    vm.request_body(id, b"", true).unwrap();
    assert_eq!(logged(&vm), ["3", "5", "5"]);
    assert_eq!(vm.stream(id).unwrap().upstream().unwrap().body, b"abcde");
}

#[test]
fn a_filter_can_replace_the_body() {
    let mut vm = start(
        r#"
        (data (i32.const 100) "new")
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
          (call $report (call $set_buffer
            (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 100) (i32.const 3)))
          (i32.const 0))"#,
    );
    let id = vm.request_headers(post(), false).unwrap();
    vm.request_body(id, b"old body", true).unwrap();
    assert_eq!(logged(&vm), ["0"]);
    assert_eq!(vm.stream(id).unwrap().upstream().unwrap().body, b"new");
}

#[test]
fn request_headers_are_gone_once_the_request_went_on() {
    let mut vm = start(
        r#"
        (data (i32.const 100) ":path")
        (func $read
          (call $report (call $get_header
            (i32.const 0) (i32.const 100) (i32.const 5) (i32.const 16) (i32.const 20))))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $read) (i32.const 0))
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
          (call $read)
          (call $report (call $add_header
            (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 100) (i32.const 1)))
          (i32.const 0))
        (func (export "proxy_on_log") (param i32) (call $read))"#,
    );
    let id = vm.request_headers(post(), false).unwrap();
    vm.request_body(id, b"body", true).unwrap();
    vm.respond(id, Answer::new(200, "")).unwrap();
    // Readable in its callback and again in the access log; a bad argument (2) in between.
    assert_eq!(logged(&vm), ["0", "2", "2", "0"]);
}

#[test]
fn headers_written_before_resuming_reach_the_upstream() {
    let mut vm = start(
        r#"
        (data (i32.const 100) "X-User")
        (data (i32.const 110) "alice")
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (drop (call $add_header (i32.const 0) (i32.const 100) (i32.const 6) (i32.const 110) (i32.const 5)))
          (drop (call $continue (i32.const 0)))
          (i32.const 1))"#,
    );
    let id = vm.request_headers(post(), true).unwrap();
    let upstream = vm.stream(id).unwrap().upstream().unwrap();
    assert_eq!(upstream.header("x-user"), Some(b"alice".as_slice()));
    assert!(upstream.complete);
}

#[test]
fn a_client_that_goes_away_ends_the_stream() {
    let mut vm = start(
        r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 1))
        (func (export "proxy_on_log") (param i32) (call $report (i32.const 1)))
        (func (export "proxy_on_done") (param i32) (result i32) (call $report (i32.const 2)) (i32.const 0))
        (func (export "proxy_on_delete") (param i32) (call $report (i32.const 3)))"#,
    );
    let id = vm.request_headers(post(), false).unwrap();
    vm.disconnect(id).unwrap();
    vm.request_body(id, b"late", true).unwrap();
    assert_eq!(logged(&vm), ["1", "2", "3"]);
    let stream = vm.take(id).unwrap();
    assert_eq!((stream.upstream(), stream.client()), (None, None));
}

#[test]
fn properties_of_the_connection_are_seen_in_streams_only() {
    let mut vm = start(
        r#"
        (data (i32.const 100) "source\00address")
        (func $read
          (call $report (call $get_property (i32.const 100) (i32.const 14) (i32.const 16) (i32.const 20))))
        (func (export "proxy_on_tick") (param i32) (call $read))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $read) (i32.const 0))"#,
    );
    vm.tick().unwrap();
    vm.request_headers(post(), true).unwrap();
    assert_eq!(logged(&vm), ["1", "0"]);
}
