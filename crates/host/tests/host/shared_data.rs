use std::sync::Arc;

use cedar_gate_host::{Options, SharedData};

use crate::filter::{logged, start_with};

/// Each tick claims a key with the cas that creates or fails, then reads it.
const CLAIMS: &str = r#"
  (data (i32.const 100) "lease")
  (func (export "proxy_on_tick") (param i32)
    (call $report (call $get_shared
      (i32.const 100) (i32.const 5) (i32.const 16) (i32.const 20) (i32.const 24)))
    (call $report (call $set_shared
      (i32.const 100) (i32.const 5) (i32.const 100) (i32.const 1) (i32.const -1)))
    (call $report (call $get_shared
      (i32.const 100) (i32.const 5) (i32.const 16) (i32.const 20) (i32.const 24))))
"#;

#[test]
fn of_two_vms_that_claim_a_key_one_gets_it() {
    let shared = Arc::new(SharedData::default());
    let options = Options { shared: Arc::clone(&shared), ..Options::default() };
    let mut first = start_with(CLAIMS, options.clone());
    let mut second = start_with(CLAIMS, options);
    first.tick().unwrap();
    second.tick().unwrap();
    // Not found (1), created, found; then found, a cas mismatch (8), found.
    assert_eq!(logged(&first), ["1", "0", "0"]);
    assert_eq!(logged(&second), ["0", "8", "0"]);
    assert_eq!(shared.keys(), [b"lease"]);
}

#[test]
fn vms_without_a_common_store_share_nothing() {
    let mut first = start_with(CLAIMS, Options::default());
    let mut second = start_with(CLAIMS, Options::default());
    first.tick().unwrap();
    second.tick().unwrap();
    assert_eq!(logged(&first), logged(&second));
}
