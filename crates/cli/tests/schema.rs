//! `cedar-gate schema`, as authors and their editors use it.
#![cfg(test)]

#[allow(dead_code, reason = "other tests use more of it")]
mod project;

use std::fs;
use std::path::Path;

use project::Project;
use serde_json::Value;

fn new() -> Project {
    let project = Project::empty();
    project.out(&["init", "."]);
    project
}

#[test]
fn a_project_works_with_the_schema_that_is_derived_for_it() {
    let project = new();
    let shipped = project.read("policies/schema.cedarschema");
    let arguments = ["schema", "cedar-gate.yaml", "-o", "policies/schema.cedarschema"];
    assert_eq!(project.out(&arguments), "written policies/schema.cedarschema\n");
    let derived = project.read("policies/schema.cedarschema");
    assert_ne!(derived, shipped);
    assert_eq!(project.out(&["schema", "cedar-gate.yaml"]), derived);
    assert_eq!(project.json(&["schema", "cedar-gate.yaml", "--format", "json"])["schema"], derived);

    // What stands in no route: roles that stand in for others, and groups of actions.
    project.replace(
        "policies/schema.cedarschema",
        "entity Role;",
        "entity Role in [Role]; action read; action change;",
    );
    for (action, group) in [("list", "read"), ("view", "read"), ("edit", "change"), ("delete", "change")] {
        let (from, to) = (format!("action {action} "), format!("action {action} in [{group}] "));
        project.replace("policies/schema.cedarschema", &from, &to);
    }
    project.out(&["check", "cedar-gate.yaml", "--deny-warnings"]);
    project.out(&["test"]);
}

#[test]
fn the_policies_need_not_be_there_yet() {
    let project = new();
    let derived = project.out(&["schema", "cedar-gate.yaml"]);
    // As a shell does it for `> policies/schema.cedarschema`, before the command starts.
    project.write("policies/schema.cedarschema", "");
    assert_eq!(project.out(&["schema", "cedar-gate.yaml"]), derived);
    fs::remove_dir_all(project.file("policies")).expect("a folder");
    assert_eq!(project.out(&["schema", "cedar-gate.yaml"]), derived);
}

#[test]
fn the_configuration_of_an_envoy_will_do() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/envoy/envoy.yaml");
    let derived = Project::empty().out(&["schema", &example.display().to_string()]);
    for line in ["entity User in [", "action approve appliesTo {", "// providers.corp.principal"] {
        assert!(derived.contains(&format!("\n{line}")), "no {line} in\n{derived}");
    }
}

#[test]
fn what_is_wrong_is_said_beside_standard_output() {
    let project = new();
    project.replace("cedar-gate.yaml", "issuer:", "isuer:");
    let ran = project.run(&["schema", "cedar-gate.yaml"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("providers.corp.isuer: unknown field"), "{}", ran.err);
    assert!(ran.err.contains("providers.corp.issuer: is missing"), "{}", ran.err);

    let ran = project.run(&["schema", "cedar-gate.yaml", "--format", "json"]);
    let value: Value = serde_json::from_str(&ran.out).expect("one JSON value");
    assert_eq!((ran.code, &value["ok"]), (Some(1), &Value::Bool(false)));
    assert_eq!(value["faults"][0]["path"], "providers.corp.issuer");

    assert_eq!(project.run(&["schema", "missing.yaml"]).code, Some(3));
    for misunderstood in [&["schema"][..], &["schema", "--configuration", "cedar-gate.yaml"]] {
        assert_eq!(project.run(misunderstood).code, Some(2), "{misunderstood:?}");
    }
}

#[test]
fn editors_get_a_json_schema() {
    let project = Project::empty();
    let printed = project.json(&["schema", "--configuration"]);
    assert_eq!(printed, cedar_gate::config::json_schema());
    assert_eq!(project.json(&["schema", "--configuration", "--format", "json"]), printed);
    project.out(&["schema", "--configuration", "-o", "editor/cedar-gate.schema.json"]);
    assert_eq!(project.read_json("editor/cedar-gate.schema.json"), printed);
}
