use cedar_gate_host::{Module, Options, Vm};

use crate::filter::{logged, module, post, start, start_with};

#[test]
fn a_pointer_out_of_memory_is_a_status() {
    let mut vm = start(
        r#"(func (export "proxy_on_tick") (param i32)
          (call $report (call $log (i32.const 2) (i32.const -8) (i32.const 64)))
          (call $report (call $log (i32.const 2) (i32.const 0) (i32.const -1)))
          (call $report (call $get_property (i32.const 65530) (i32.const 11) (i32.const 0) (i32.const 4)))
          (call $report (call $get_buffer
            (i32.const 6) (i32.const 0) (i32.const 9) (i32.const -1) (i32.const -1))))"#,
    );
    vm.tick().unwrap();
    // The VM configuration is empty, so nothing is written for it.
    assert_eq!(logged(&vm), ["6", "6", "6", "0"]);
}

#[test]
fn a_result_that_cannot_be_written_is_a_status() {
    let mut vm = start(
        r#"(data (i32.const 100) "plugin_name")
        (func (export "proxy_on_tick") (param i32)
          (call $report (call $get_property (i32.const 100) (i32.const 11) (i32.const -1) (i32.const 4))))"#,
    );
    vm.tick().unwrap();
    assert_eq!(logged(&vm), ["6"]);
}

#[test]
fn a_trap_is_reported_and_leaves_a_dead_vm() {
    let mut vm = start(
        r#"(func $inner unreachable)
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $inner) (i32.const 0))"#,
    );
    let trap = vm.request_headers(post(), true).unwrap_err();
    assert_eq!(trap.callback, "proxy_on_request_headers");
    assert!(trap.backtrace.contains("unreachable"), "{trap}");
    assert!(trap.backtrace.contains("inner"), "{trap}");
    assert_eq!(vm.tick(), Err(trap.clone()));
    assert_eq!(vm.trapped(), Some(&trap));
}

#[test]
fn endless_recursion_is_a_trap_and_not_the_end_of_the_process() {
    let mut vm = start(
        r#"(func $deeper (param i32) (result i32)
          (i32.add (i32.const 1) (call $deeper (local.get 0))))
        (func (export "proxy_on_tick") (param i32) (drop (call $deeper (i32.const 0))))"#,
    );
    let trap = vm.tick().unwrap_err();
    assert!(trap.backtrace.contains("stack"), "{trap}");
}

#[test]
fn memory_does_not_grow_beyond_its_limit() {
    let options = Options { memory_limit: 3 << 16, ..Options::default() };
    let mut vm = start_with(
        r#"(func (export "proxy_on_tick") (param i32)
          (call $report (i32.add (i32.const 1) (memory.grow (i32.const 1)))))"#,
        options,
    );
    for _ in 0..3 {
        vm.tick().unwrap();
    }
    // Pages before growing, plus one; the third attempt gives -1.
    assert_eq!(logged(&vm), ["2", "3", "0"]);
    assert_eq!(vm.memory_size(), 3 << 16);
}

#[test]
fn a_module_larger_than_the_limit_does_not_start() {
    let options = Options { memory_limit: 1000, ..Options::default() };
    let refused = Vm::start(&module(""), b"", options).unwrap_err();
    assert!(refused.log.concat().contains("memory"), "{refused:?}");
}

#[test]
fn a_refused_configuration_says_what_was_logged() {
    let module = module(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
          (call $report (i32.const 4)) (i32.const 0))"#,
    );
    assert_eq!(Vm::start(&module, b"", Options::default()).unwrap_err().log, ["4"]);
}

#[test]
fn a_trap_while_configuring_is_a_refusal() {
    let module = module(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
          (call $report (i32.const 4)) unreachable)"#,
    );
    let refused = Vm::start(&module, b"", Options::default()).unwrap_err();
    assert_eq!(refused.log[0], "4");
    assert!(refused.log[1].contains("unreachable"), "{refused:?}");
}

#[test]
fn a_module_that_imports_what_envoy_lacks_does_not_start() {
    let wasm = wat::parse_str(
        r#"(module
          (import "wasi_snapshot_preview1" "sock_accept" (func (param i32 i32 i32) (result i32)))
          (func (export "proxy_abi_version_0_2_1")))"#,
    );
    let module = Module::compile(&wasm.unwrap()).unwrap();
    assert_eq!(module.imports(), [("wasi_snapshot_preview1".to_owned(), "sock_accept".to_owned())]);
    let refused = Vm::start(&module, b"", Options::default()).unwrap_err();
    assert!(refused.log.concat().contains("sock_accept"), "{refused:?}");
}

#[test]
fn a_module_without_the_abi_version_does_not_start() {
    let module = Module::compile(&wat::parse_str("(module)").unwrap()).unwrap();
    let refused = Vm::start(&module, b"", Options::default()).unwrap_err();
    assert!(refused.log.concat().contains("proxy_abi_version_0_2_1"), "{refused:?}");
}
