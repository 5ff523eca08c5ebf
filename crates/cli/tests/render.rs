//! `cedar-gate render`, as its users and their gateways see it.
#![cfg(test)]

#[allow(dead_code, reason = "other tests use more of it")]
mod gateway;
#[allow(dead_code, reason = "other tests use more of it")]
mod page;
#[allow(dead_code, reason = "other tests use more of it")]
mod project;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use std::{fs, iter};

use gateway::{Gateway, Ports};
use page::{Shell, shell};
use project::Project;
use serde_json::{Value, json};

const FOR_ENVOY: [&str; 9] = [
    "render",
    "cedar-gate.yaml",
    "--envoy",
    "--wasm",
    "build/cedar_gate.wasm",
    "--vm-id",
    "notes",
    "-o",
    "build/cedar-gate.json",
];

fn new() -> Project {
    let project = Project::empty();
    project.out(&["init", "."]);
    project
}

#[test]
fn a_configuration_comes_in_one_piece() {
    let project = new();
    let rendered = project.json(&["render", "cedar-gate.yaml"]);
    assert_eq!(rendered["policies"]["inline"]["schema"], project.read("policies/schema.cedarschema"));
    assert_eq!(rendered["policies"]["inline"]["policies"]["notes.cedar"], project.read("policies/notes.cedar"));
    assert_eq!(rendered["policies"]["inline"]["entities"], project.read_json("policies/entities.json"));
    assert_eq!(rendered["providers"]["corp"]["issuer"], "https://idp.example.com/");
    // It is a configuration itself.
    project.write("rendered.json", &rendered.to_string());
    project.out(&["check", "rendered.json", "--deny-warnings"]);
    assert_eq!(project.json(&["render", "rendered.json"]), rendered);
}

#[test]
fn a_resource_for_envoy_has_the_filter_in_it() {
    let project = new();
    assert_eq!(project.out(&FOR_ENVOY), "written build/cedar-gate.json\n");
    let resource = &project.read_json("build/cedar-gate.json")["resources"][0];
    let plugin = &resource["typed_config"]["config"];
    assert_eq!(resource["name"], "cedar-gate");
    assert_eq!(plugin["failure_policy"], "FAIL_RELOAD");
    assert_eq!(plugin["vm_config"]["vm_id"], "notes");
    assert_eq!(plugin["vm_config"]["code"]["local"]["filename"], "build/cedar_gate.wasm");
    assert_eq!(plugin["configuration"]["value"], project.json(&["render", "cedar-gate.yaml"]));
}

#[test]
fn what_has_a_fault_is_not_rendered_and_the_file_stays_as_it_was() {
    let project = new();
    project.out(&FOR_ENVOY);
    let before = project.read("build/cedar-gate.json");
    project.replace("policies/notes.cedar", "Role::\"reader\"", "Rolle::\"reader\"");
    let ran = project.run(&FOR_ENVOY);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("fault   policies.inline.policies"), "{}", ran.err);
    assert_eq!(project.read("build/cedar-gate.json"), before);

    let ran = project.run(&[&FOR_ENVOY[..], &["--format", "json"]].concat());
    let told: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!((ran.code, &told["ok"]), (Some(1), &json!(false)));
    assert!(told["faults"][0]["path"].as_str().expect("a path").starts_with("policies.inline.policies"));
}

#[test]
fn a_file_is_replaced_as_a_whole() {
    let project = new();
    project.out(&FOR_ENVOY);
    let before = project.read("build/cedar-gate.json");
    // Whoever has opened the file goes on reading what it was.
    let mut reader = File::open(project.file("build/cedar-gate.json")).expect("it is there");
    project.replace("cedar-gate.yaml", "max_lifetime: 1h", "max_lifetime: 2h");
    project.out(&FOR_ENVOY);
    let mut read = String::new();
    reader.read_to_string(&mut read).expect("it can be read");
    assert_eq!(read, before);
    assert!(project.read("build/cedar-gate.json").contains(r#""max_lifetime": "2h""#));
    let beside: Vec<_> = fs::read_dir(project.file("build")).expect("a folder").collect();
    assert_eq!(beside.len(), 1);
}

#[test]
fn a_resource_needs_a_module_and_a_vm_of_its_own() {
    let project = new();
    for arguments in [
        &["--envoy"][..],
        &["--envoy", "--wasm", "x.wasm"],
        &["--envoy", "--vm-id", "notes"],
        &["--envoy", "--wasm", "x.wasm", "--vm-id", ""],
        &["--wasm", "x.wasm"],
    ] {
        let ran = project.run(&[&["render", "cedar-gate.yaml"], arguments].concat());
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{arguments:?}");
    }
}

#[test]
fn envoy_takes_what_is_rendered_and_refuses_what_would_not_have_been() {
    let Some(Gateway { envoy, wasm }) = Gateway::find() else { return };
    let project = new();
    project.out(&FOR_ENVOY);
    let resource = project.read_json("build/cedar-gate.json")["resources"][0].clone();
    // `--mode validate` looks into filters that stand in the configuration itself, and not into those of a file.
    let bootstrap = |mut filter: Value| {
        filter["config"]["vm_config"]["code"]["local"]["filename"] = json!(wasm);
        let mut bootstrap: Value = cedar_gate_author::yaml(&project.read("envoy.yaml")).expect("YAML");
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
        let place = bootstrap.pointer_mut(&format!("{manager}/http_filters/0")).expect("the filter");
        *place = json!({"name": "cedar-gate", "typed_config": filter});
        project.write("static.json", &bootstrap.to_string());
        let mut command = Command::new(&envoy);
        command.args(["--mode", "validate", "-l", "info", "-c", "static.json"]).current_dir(project.path());
        command.output().expect("Envoy runs")
    };
    let mut filter = resource["typed_config"].clone();
    let taken = bootstrap(filter.clone());
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));

    filter["config"]["configuration"]["value"]["routes"][1]["action"] = json!("fly");
    let refused = bootstrap(filter);
    let log = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1));
    assert!(log.contains("configuration refused: routes[1].action: the schema has no action"), "{log}");
}

#[test]
fn an_update_that_the_filter_refuses_changes_nothing() {
    let Some(Gateway { envoy, wasm }) = Gateway::find() else { return };
    let project = new();
    let ports = Ports::reserve();
    project.write("envoy.yaml", &ports.put_into(&project.read("envoy.yaml")));
    project.out(&FOR_ENVOY);
    fs::copy(wasm, project.file("build/cedar_gate.wasm")).expect("it can be copied");
    let mut shell = Shell::start(&project.path(), &[("envoy", &envoy)]);
    let bound = Duration::from_secs(120);
    let status = |shell: &mut Shell| {
        let curl = "curl --silent --output /dev/null --write-out '%{http_code}'";
        let wait = "--retry 60 --retry-delay 1 --retry-connrefused";
        let ran = shell.run(&ports.put_into(&format!("{curl} {wait} http://localhost:10000/healthz")), bound);
        ran.printed.trim().to_owned()
    };
    shell.run("envoy -c envoy.yaml --disable-hot-restart > build/envoy.log 2>&1 &", bound);
    assert_eq!(status(&mut shell), "200");

    // Nobody but `render` should write this file; somebody has.
    let mut spoilt = project.read_json("build/cedar-gate.json");
    spoilt["resources"][0]["typed_config"]["config"]["configuration"]["value"]["routes"][0]["path"] = json!("/ready");
    spoilt["resources"][0]["typed_config"]["config"]["configuration"]["value"]["routes"][1]["action"] = json!("fly");
    project.write("build/spoilt.json", &spoilt.to_string());
    fs::rename(project.file("build/spoilt.json"), project.file("build/cedar-gate.json")).expect("it can be moved");
    let told = iter::from_fn(|| Some(project.read("build/envoy.log")));
    let is_refused = |log: &String| log.contains("Filesystem config update rejected");
    assert!(shell::within(Duration::from_secs(30), told, is_refused), "{}", project.read("build/envoy.log"));
    assert!(project.read("build/envoy.log").contains("configuration refused: routes[1].action"));
    assert_eq!(status(&mut shell), "200");

    project.replace("cedar-gate.yaml", "path: /healthz", "path: /ready");
    project.out(&FOR_ENVOY);
    let asked = iter::from_fn(|| Some(status(&mut shell)));
    assert!(shell::within(Duration::from_secs(30), asked, |status| status == "403"), "the next good one is taken");
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let project = new();
    project.write("build", "a file where a folder should be");
    let ran = project.run(&FOR_ENVOY);
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.contains("build"), "{}", ran.err);
    assert!(Path::new(&project.file("build")).is_file());
}
