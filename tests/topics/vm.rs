//! The `.wasm` that is shipped, as a file and as a VM.

use std::collections::BTreeSet;

use cedar_gate_host::{Options, Vm};
use cedar_gate_scenario::Headers;
use serde_json::json;

use crate::fixture::{configuration, get, listed, payments};
use crate::hosts;

/// Every function that the filter takes from its host: first those that it calls, then those that only the default
/// methods of the SDK's traits refer to. All belong to ABI 0.2.1, or to the few of WASI that gateways have.
const IMPORTS: &[&str] = &[
    "env.proxy_call_foreign_function",
    "env.proxy_continue_stream",
    "env.proxy_define_metric",
    "env.proxy_get_buffer_bytes",
    "env.proxy_get_current_time_nanoseconds",
    "env.proxy_get_header_map_pairs",
    "env.proxy_get_log_level",
    "env.proxy_get_property",
    "env.proxy_http_call",
    "env.proxy_increment_metric",
    "env.proxy_log",
    "env.proxy_record_metric",
    "env.proxy_remove_header_map_value",
    "env.proxy_replace_header_map_value",
    "env.proxy_send_local_response",
    "env.proxy_set_effective_context",
    "env.proxy_set_tick_period_milliseconds",
    "wasi_snapshot_preview1.environ_get",
    "wasi_snapshot_preview1.environ_sizes_get",
    "wasi_snapshot_preview1.fd_write",
    "wasi_snapshot_preview1.proc_exit",
    "wasi_snapshot_preview1.random_get",
    "env.proxy_add_header_map_value",
    "env.proxy_call_foreign_function",
    "env.proxy_close_stream",
    "env.proxy_dequeue_shared_queue",
    "env.proxy_done",
    "env.proxy_enqueue_shared_queue",
    "env.proxy_get_header_map_value",
    "env.proxy_get_shared_data",
    "env.proxy_get_status",
    "env.proxy_grpc_call",
    "env.proxy_grpc_cancel",
    "env.proxy_grpc_close",
    "env.proxy_grpc_send",
    "env.proxy_grpc_stream",
    "env.proxy_register_shared_queue",
    "env.proxy_resolve_shared_queue",
    "env.proxy_set_buffer_bytes",
    "env.proxy_set_header_map_pairs",
    "env.proxy_set_property",
    "env.proxy_set_shared_data",
];

#[test]
fn the_module_imports_nothing_but_what_is_allowed() {
    let Some(module) = hosts::module() else { return };
    let allowed: BTreeSet<String> = IMPORTS.iter().map(ToString::to_string).collect();
    let imports: BTreeSet<String> = module.imports().iter().map(|(module, name)| format!("{module}.{name}")).collect();
    assert_eq!(imports.difference(&allowed).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn the_module_exports_what_gateways_must_call_and_not_more() {
    let Some(module) = hosts::module() else { return };
    let list = listed("exports.txt");
    let allowed: BTreeSet<&str> = list.iter().map(String::as_str).collect();
    let exports = module.exports();
    let exports: BTreeSet<&str> = exports.iter().map(AsRef::as_ref).collect();
    assert_eq!(exports, allowed);
}

/// A VM with the payments gateway, at the time of the scenarios.
fn vm(options: impl FnOnce(&mut Options)) -> Option<Result<Vm, cedar_gate_scenario::StartRefused>> {
    let module = hosts::module()?;
    let mut given = Options { now: 1_780_000_000_000_000_000, ..Options::default() };
    options(&mut given);
    Some(Vm::start(module, configuration().to_string().as_bytes(), given))
}

fn head(token: &str) -> Headers {
    let request = get("/payments/7", token, 1_780_000_000);
    let mut head: Headers = vec![
        (b":method".to_vec(), request.method),
        (b":path".to_vec(), request.path),
        (b":authority".to_vec(), request.authority),
    ];
    head.extend(request.headers);
    head
}

#[test]
fn memory_stays_flat_over_many_requests() {
    let Some(vm) = vm(|_| {}) else { return };
    let mut vm = vm.expect("it starts");
    let head = head("audrey");
    let mut send = |times: usize| {
        cedar_gate_host::on_wasm_stack(|| {
            for _ in 0..times {
                let id = vm.request_headers(head.clone(), true).expect("no trap");
                vm.respond(id, cedar_gate_host::Answer::new(200, "")).expect("no trap");
                vm.take(id).expect("the stream has ended");
                vm.take_log();
            }
        });
        vm.memory_size()
    };
    let warm = send(500);
    assert_eq!(send(2000), warm, "bytes of the VM");
}

#[test]
fn a_log_level_that_hides_audit_records_is_refused() {
    let Some(started) = vm(|options| options.log_level = cedar_gate_host::LogLevel::Warn) else { return };
    let refused = started.map(|_| ()).expect_err("records would be lost").log.join("\n");
    assert!(refused.contains("audit.log: the gateway's log level hides audit records"), "{refused}");
}

#[test]
fn l6_a_host_whose_clock_was_never_set_lets_nothing_through() {
    let Some(vm) = vm(|options| options.now = 0) else { return };
    let mut vm = vm.expect("the clock is not needed to start");
    let id = vm.request_headers(head("audrey"), true).expect("no trap");
    let stream = vm.take(id).expect("the stream has ended");
    assert_eq!(stream.status(), Some(503));
    assert!(stream.upstream().is_none());
}

#[test]
fn a_client_that_goes_away_while_it_waits_leaves_a_record_and_nothing_else() {
    let Some(vm) = vm(|_| {}) else { return };
    let mut vm = vm.expect("it starts");
    let mut head = head("mona");
    head.retain(|(name, _)| name != b":method" && name != b":path");
    head.push((b":method".to_vec(), b"POST".to_vec()));
    head.push((b":path".to_vec(), b"/payments".to_vec()));
    head.push((b"content-type".to_vec(), b"application/json".to_vec()));
    let id = vm.request_headers(head, false).expect("no trap");
    vm.disconnect(id).expect("no trap");
    vm.advance(std::time::Duration::from_secs(10)).expect("no trap");
    let log = format!("{:?}", vm.log());
    assert!(log.contains("body_not_delivered"), "{log}");
    assert_eq!(vm.live_streams(), 0);
}

#[test]
fn both_forms_of_a_configuration_start_the_same_gateway() {
    let Some(host) = hosts::host("wasm") else { return };
    let scenario = payments();
    for form in [cedar_gate_scenario::ConfigurationForm::Text, cedar_gate_scenario::ConfigurationForm::Struct] {
        let start = cedar_gate_scenario::Start { form, ..scenario.start().clone() };
        let mut gateway = host.start(&start).map_err(|refused| refused.log).expect("it starts");
        let now = gateway.now();
        let observed = gateway.send(&get("/payments/7", "audrey", now)).expect("an answer");
        assert_eq!(observed.status, 200, "{}", json!(observed.audit));
    }
}

#[test]
fn l6_a_host_call_that_fails_is_no_way_through() {
    for failing in [
        "proxy_get_header_map_pairs",
        "proxy_get_current_time_nanoseconds",
        "proxy_remove_header_map_value",
        "proxy_replace_header_map_value",
    ] {
        let Some(vm) = vm(|options| options.failing = vec![failing.to_owned()]) else { return };
        let mut vm = vm.expect("none of them is needed to start");
        let mut head = head("audrey");
        head.push((b"x-user".to_vec(), b"mallory".to_vec()));
        let id = vm.request_headers(head, false).unwrap_or_else(|trap| panic!("{failing}: {trap}"));
        // What follows must not set the request free either.
        vm.request_body(id, b"{}", true).unwrap_or_else(|trap| panic!("{failing}: {trap}"));
        let stream = vm.take(id).unwrap_or_else(|| panic!("{failing}: the stream has not ended"));
        assert_eq!(stream.status(), Some(503), "{failing}");
        assert!(stream.upstream().is_none(), "{failing}: it reached the upstream");
        let records = vm.log().iter().map(|line| line.message.as_str()).filter(|line| line.contains("decision_id"));
        let records: Vec<&str> = records.collect();
        assert_eq!(records.len(), 1, "{failing}: {records:?}");
        assert!(records[0].contains(r#""decision":"deny""#), "{failing}: {records:?}");
        let told = records[0].contains("host_failed") || records[0].contains("clock_unreliable");
        assert!(told, "{failing}: {records:?}");
    }
}

#[test]
fn l6_without_an_answer_of_its_own_the_filter_holds_the_request_back() {
    let Some(vm) = vm(|options| options.failing = vec!["proxy_send_local_response".to_owned()]) else { return };
    let mut vm = vm.expect("it is not needed to start");
    let mut head = head("nobody");
    head.push((b"content-length".to_vec(), b"2".to_vec()));
    let id = vm.request_headers(head, false).expect("no trap");
    vm.request_body(id, b"{}", true).expect("no trap");
    let stream = vm.stream(id).expect("it is held back");
    assert!(stream.is_waiting() && stream.upstream().is_none());
}
