//! Configurations that come, change and are refused.

use cedar_gate_scenario::{ConfigurationForm, Host};
use cedar_gate_stage::ListenerError;
use serde_json::json;

use super::{gateway, get, shared, start};

#[test]
fn a_rejected_listener_leaves_the_others_serving() {
    let Some(host) = shared() else { return };
    let mut other = gateway(host, "deny");
    let Err(refused) = host.start(&start("fail")) else { panic!("the filter refuses") };
    assert!(refused.log.iter().any(|line| line.contains(r#"{"do":"fail"}"#)), "{:?}", refused.log);
    assert_eq!(other.send(&get("/")).expect("an answer").status, 403);
    assert_eq!(gateway(host, "pass").send(&get("/")).expect("an answer").status, 200);
}

#[test]
fn a_faulty_update_leaves_the_old_configuration_serving() {
    let Some(host) = shared() else { return };
    let envoy = host.envoy();
    let add = envoy.add_listener("faulty-update", &json!({ "do": "deny" }), ConfigurationForm::Text);
    let port = add.expect("the configuration is good");
    let Err(ListenerError::Rejected(rejected)) = envoy.update_listener("faulty-update", &json!({ "do": "fail" }))
    else {
        panic!("the filter refuses")
    };
    assert!(rejected.log.iter().any(|line| line.contains("fail")), "{rejected:?}");
    assert!(rejected.host.iter().any(|line| line.contains("faulty-update")), "{rejected:?}");
    assert_eq!(host.send("faulty-update", port, &get("/")).expect("an answer").status, 403);
}

#[test]
fn a_good_update_is_in_force_when_it_is_reported() {
    let Some(host) = shared() else { return };
    let envoy = host.envoy();
    let add = envoy.add_listener("good-update", &json!({ "do": "deny" }), ConfigurationForm::Text);
    let first = add.expect("the configuration is good");
    for (what, status) in [("pass", 200), ("pass", 200), ("deny", 403), ("pass", 200), ("deny", 403)] {
        let port = envoy.update_listener("good-update", &json!({ "do": what })).expect("the configuration is good");
        assert_eq!(port, first, "clients go on with the port that they know");
        for _ in 0..5 {
            assert_eq!(host.send("good-update", port, &get("/")).expect("an answer").status, status);
        }
    }
}

#[test]
fn a_configuration_as_a_struct_reaches_the_filter_as_protobuf() {
    let Some(host) = shared() else { return };
    let add = host.envoy().add_listener("as-struct", &json!({ "do": "pass" }), ConfigurationForm::Struct);
    add.expect("the filter takes it");
    let log = host.envoy().filter_log().expect("a log");
    let line = log.iter().find(|line| line.listener == "as-struct").expect("the filter logs its configuration");
    assert!(line.message.contains("pass") && !line.message.contains('{'), "{line:?}");
}

#[test]
fn listeners_of_gateways_that_are_gone_go_too() {
    let Some(host) = shared() else { return };
    let envoy = host.envoy();
    let add = |name: &str| envoy.add_listener(name, &json!({ "do": "pass" }), ConfigurationForm::Text).expect("good");
    add("retired");
    envoy.retire_listener("retired");
    let ports = [add("next"), add("after-next")];
    assert_ne!(ports[0], ports[1], "a port for each");
    let bound = envoy.admin("/listeners").expect("listeners");
    assert!(bound.contains("after-next::") && !bound.contains("retired::"), "{bound}");
}
