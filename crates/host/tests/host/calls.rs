use std::time::Duration;

use cedar_gate_host::{Answer, Options};

use crate::filter::{logged, start, start_with};

/// Each tick makes a call with a timeout of five seconds; its answer is reported as: headers, size of the body.
/// The pairs at 200 are `:method: GET`, `:path: /keys`, `:authority: idp`; those at 300 are none.
const CALLS: &str = r#"
  (data (i32.const 100) "issuer")
  (data (i32.const 200)
    "\03\00\00\00\07\00\00\00\03\00\00\00\05\00\00\00\05\00\00\00\0a\00\00\00\03\00\00\00"
    ":method\00GET\00:path\00/keys\00:authority\00idp\00")
  (func (export "proxy_on_tick") (param i32)
    (call $report (call $call (i32.const 100) (i32.const 6) (i32.const 200) (i32.const 67)
      (i32.const 0) (i32.const 0) (i32.const 300) (i32.const 0) (i32.const 5000) (i32.const 16))))
  (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
    (call $report (local.get 2))
    (call $report (local.get 3))
    (call $report (call $get_buffer (i32.const 4) (i32.const 0) (i32.const -1) (i32.const 16) (i32.const 20))))
"#;

#[test]
fn a_call_is_recorded_and_answered() {
    let mut vm = start(CALLS);
    vm.tick().unwrap();
    let calls = vm.calls();
    assert_eq!(calls[0].cluster, "issuer");
    assert_eq!(calls[0].header(":path"), Some("/keys"));
    assert_eq!(calls[0].timeout, Some(Duration::from_secs(5)));
    vm.answer_call(calls[0].token, Answer::new(200, "{}")).unwrap();
    assert_eq!(logged(&vm), ["0", "2", "2", "0"]);
    assert!(vm.calls().is_empty());
    assert_eq!(vm.calls_made(), 1);
}

#[test]
fn an_answer_that_breaks_off_is_one_without_headers() {
    let mut vm = start(CALLS);
    vm.tick().unwrap();
    vm.answer_call(vm.calls()[0].token, Answer::lost()).unwrap();
    assert_eq!(logged(&vm), ["0", "0", "0", "1"]);
}

#[test]
fn a_call_that_nobody_answers_times_out() {
    let mut vm = start(CALLS);
    vm.tick().unwrap();
    vm.advance(Duration::from_millis(4999)).unwrap();
    assert_eq!(vm.calls().len(), 1);
    vm.advance(Duration::from_millis(1)).unwrap();
    assert!(vm.calls().is_empty());
    assert_eq!(vm.log().len(), 4);
}

#[test]
fn an_unknown_cluster_is_a_bad_argument_and_one_without_hosts_a_failure() {
    let mut vm = start_with(CALLS, Options { clusters: Some(Vec::new()), ..Options::default() });
    vm.tick().unwrap();
    assert_eq!(logged(&vm), ["2"]);

    let mut vm = start_with(CALLS, Options { empty_clusters: vec!["issuer".to_owned()], ..Options::default() });
    vm.tick().unwrap();
    // 10 is the character after 9.
    assert_eq!(logged(&vm), [":"]);
}
