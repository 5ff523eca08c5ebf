//! `cedar-gate init`, and the project that it makes.
#![cfg(test)]

#[allow(dead_code, reason = "other tests use more of it")]
mod gateway;
#[allow(dead_code, reason = "other tests use more of it")]
mod page;
#[allow(dead_code, reason = "other tests use more of it")]
mod project;

use std::fs;
use std::path::Path;
use std::time::Duration;

use gateway::{Gateway, Ports};
use page::{Shell, Step};
use project::Project;
use serde_json::{Value, json};

/// How long a command may take: Envoy compiles the filter.
const BOUND: Duration = Duration::from_secs(120);

fn new() -> Project {
    let project = Project::empty();
    project.out(&["init", "."]);
    project
}

fn yaml(text: &str) -> Value {
    cedar_gate_author::yaml(text).expect("YAML")
}

/// The names of all files in a folder, those in folders below it included.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).expect("it is below").display().to_string());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_new_project_passes_check_and_test_as_it_is() {
    let project = new();
    project.out(&["check", "cedar-gate.yaml", "--deny-warnings"]);
    project.out(&["test", "--coverage-min", "100"]);
}

#[test]
fn each_file_is_named_that_is_made() {
    let project = Project::empty();
    let made = project.json(&["init", "deep/er/notes", "--format", "json"]);
    assert_eq!((&made["directory"], &made["name"]), (&json!("deep/er/notes"), &json!("notes")));
    let mut named: Vec<String> = serde_json::from_value(made["files"].clone()).expect("a list of names");
    named.sort();
    assert_eq!(named, files(&project.file("deep/er/notes")));
    assert!(named.contains(&".github/workflows/cedar-gate.yaml".to_owned()), "{named:?}");
}

#[test]
fn a_project_has_the_name_that_it_is_given() {
    let project = Project::empty();
    project.out(&["init", ".", "--name", "memos"]);
    let config = yaml(&project.read("cedar-gate.yaml"));
    assert_eq!(config["providers"]["corp"]["audiences"], json!(["https://memos.example.com"]));
    for file in files(&project.path()) {
        let text = project.read(&file);
        let is_filled = !text.replace("${{", "").contains("{{");
        assert!(is_filled, "{file} has a place that is not filled");
    }
    project.out(&["test", "--quiet"]);
}

#[test]
fn a_name_that_is_none_is_refused() {
    let project = Project::empty();
    assert_eq!(project.run(&["init", ".", "--name", "My Notes"]).code, Some(2));
    let ran = project.run(&["init", "My Notes"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.contains("give another one by --name"), "{}", ran.err);
    assert_eq!(files(&project.path()), Vec::<String>::new());
    project.out(&["init", "My Notes", "--name", "notes"]);
}

#[test]
fn no_file_is_overwritten_and_none_is_written_beside_it() {
    let project = Project::empty();
    project.write("README.md", "mine");
    project.write("dev.key.json", "mine");
    let ran = project.run(&["init", "."]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""));
    assert!(
        ran.err.contains(". has these files already, and nothing was written: README.md, dev.key.json"),
        "{}",
        ran.err
    );
    assert_eq!(files(&project.path()), ["README.md", "dev.key.json"]);
    assert_eq!(project.read("README.md"), "mine");
}

#[test]
fn a_link_that_leads_nowhere_is_not_written_through() {
    let project = Project::empty();
    let elsewhere = project.path().join("elsewhere");
    std::os::unix::fs::symlink(&elsewhere, project.file("envoy.yaml")).expect("a link can be made");
    assert_eq!(project.run(&["init", "."]).code, Some(3));
    assert!(!elsewhere.exists());
}

#[test]
fn what_else_lies_in_the_folder_stays() {
    let project = Project::empty();
    project.write("main.go", "mine");
    project.out(&["init", "."]);
    assert_eq!(project.read("main.go"), "mine");
}

#[test]
fn the_key_of_a_project_signs_for_its_gateway_and_for_no_other() {
    let (project, other) = (new(), new());
    let token = |key: &str| {
        let claims = ["--claim", "sub=rita", "--claim", r#"roles=["reader"]"#];
        project.out(&[&["token", "sign", "--config", "cedar-gate.yaml", "--key", key], &claims[..]].concat())
    };
    let decision = |token: &str| {
        project.write("token.jwt", token);
        let asked = ["explain", "cedar-gate.yaml", "--path", "/notes/7", "--token", "token.jwt", "--format", "json"];
        project.json(&asked)["explained"][0].clone()
    };
    assert_eq!(decision(&token("dev.key.json"))["decision"], "allow");
    let foreign = other.file("dev.key.json");
    assert_eq!(decision(&token(foreign.to_str().expect("text")))["cause"], "key_unknown");
}

#[test]
fn the_private_key_is_not_for_git() {
    let project = new();
    assert!(project.read(".gitignore").lines().any(|line| line == "*.key.json"));
    assert!(!project.read("cedar-gate.yaml").contains(project.read_json("dev.key.json")["d"].as_str().expect("a key")));
}

#[test]
fn envoy_is_hardened_as_in_the_example() {
    let manager = |text: &str| {
        let envoy = yaml(text);
        let listener = &envoy["static_resources"]["listeners"][0];
        let mut manager = listener["filter_chains"][0]["filters"][0]["typed_config"].clone();
        manager["buffer"] = listener["per_connection_buffer_limit_bytes"].clone();
        manager
    };
    let (project, example) = (manager(&new().read("envoy.yaml")), manager(&page::text("examples/envoy/envoy.yaml")));
    for (name, value) in example.as_object().expect("an object") {
        if !["access_log", "http_filters", "route_config", "stat_prefix"].contains(&name.as_str()) {
            assert_eq!(project[name], *value, "{name}");
        }
    }
}

#[test]
fn the_readme_says_what_works() {
    let Some(Gateway { envoy, wasm }) = Gateway::find() else { return };
    let project = new();
    fs::create_dir(project.file("build")).expect("a folder can be made");
    fs::copy(wasm, project.file("build/cedar_gate.wasm")).expect("it can be copied");
    let mut shell = shell(&project, &envoy);
    // The reader is asked to look at Envoy until it ends, which a test has no time for.
    let text = project.read("README.md").replace("$ envoy -c", "$ envoy --mode validate -c");
    let steps: Vec<Step> = page::sections(&text).into_iter().flat_map(|section| section.steps).collect();
    assert_eq!(steps.len(), 6);
    page::follow(&page::Section { heading: String::new(), steps }, &mut shell, BOUND);
}

#[test]
fn the_check_for_ci_passes_as_it_is() {
    let Some(Gateway { envoy, wasm }) = Gateway::find() else { return };
    let project = new();
    let ports = Ports::reserve();
    project.write("envoy.yaml", &ports.put_into(&project.read("envoy.yaml")));
    let workflow = yaml(&ports.put_into(&project.read(".github/workflows/cedar-gate.yaml")));
    fs::create_dir(project.file("build")).expect("a folder can be made");
    fs::copy(wasm, project.file("build/cedar_gate.wasm")).expect("it can be copied");
    let mut shell = shell(&project, &envoy);
    let mut ran = Vec::new();
    for step in workflow["jobs"]["check"]["steps"].as_array().expect("steps") {
        let (name, Some(script)) = (step["name"].as_str().unwrap_or_default(), step["run"].as_str()) else { continue };
        // What is built there is built already, and in its place.
        if script.contains(".tools/") {
            continue;
        }
        let result = shell.run(script, BOUND);
        assert_eq!(result.code, 0, "{name}:\n{}", result.printed);
        ran.push(name);
    }
    assert_eq!(ran, ["Check", "Test", "Render", "Validate the configuration of Envoy", "Serve"]);
    assert!(project.read("build/junit.xml").contains("<testsuite "));
}

#[test]
fn the_check_for_ci_may_read_and_nothing_else_and_takes_fixed_versions() {
    let text = new().read(".github/workflows/cedar-gate.yaml");
    let workflow = yaml(&text);
    assert_eq!(workflow["permissions"], json!({"contents": "read"}));
    assert!(!text.contains("secrets."));
    let steps = workflow["jobs"]["check"]["steps"].as_array().expect("steps");
    for action in steps.iter().filter_map(|step| step["uses"].as_str()) {
        let commit = action.split_once('@').map(|(_, commit)| commit).unwrap_or_default();
        assert!(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{action}");
    }
}

fn shell(project: &Project, envoy: &Path) -> Shell {
    Shell::start(&project.path(), &[("cedar-gate", Path::new(env!("CARGO_BIN_EXE_cedar-gate"))), ("envoy", envoy)])
}
