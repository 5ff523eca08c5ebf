//! What authors write, and what the filter gets.

use std::path::{Path, PathBuf};

use cedar_gate_author::{Memory, configuration};
use serde_json::{Value, json};

fn read(files: &[(&str, &str)]) -> Result<Value, String> {
    let files: Memory = files.iter().copied().collect();
    let authored = configuration(Path::new("gate/it.yaml"), &files).map_err(|error| error.to_string())?;
    Ok(authored.configuration)
}

/// An Envoy with filters of these names and configurations.
fn envoy(filters: &[(&str, &str)]) -> String {
    let filter = |(name, configuration): &(&str, &str)| {
        format!(
            "- name: {name}\n  typed_config:\n    '@type': \
             type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n    config: {{name: x, configuration: \
             {configuration}}}\n"
        )
    };
    let filters: String = filters.iter().map(filter).collect();
    format!(
        "static_resources:\n  listeners:\n{}",
        filters.lines().map(|line| format!("  {line}\n")).collect::<String>()
    )
}

#[test]
fn a_configuration_is_given_as_it_stands() {
    assert_eq!(read(&[("gate/it.yaml", "mode: shadow\non: no")]), Ok(json!({"mode": "shadow", "on": "no"})));
}

#[test]
fn the_policies_of_a_folder_are_put_in_by_their_names() {
    let files = [
        ("gate/it.yaml", "policies: {directory: ../mine}"),
        ("mine/schema.cedarschema", "entity User;"),
        ("mine/b.cedar", "forbid (principal, action, resource);"),
        ("mine/a.cedar", "permit (principal, action, resource);"),
        ("mine/entities.json", "[{\"uid\": {}}]"),
        ("mine/README.md", "not read"),
        ("mine/old/c.cedar", "not read either"),
    ];
    let inline = json!({
        "schema": "entity User;",
        "policies": {
            "a.cedar": "permit (principal, action, resource);",
            "b.cedar": "forbid (principal, action, resource);",
        },
        "entities": [{"uid": {}}],
    });
    assert_eq!(read(&files), Ok(json!({"policies": {"inline": inline}})));
    let files: Memory = files.into_iter().collect();
    let authored = configuration(Path::new("gate/it.yaml"), &files).unwrap();
    let read: Vec<_> = authored.files.iter().map(|path| path.display().to_string()).collect();
    assert_eq!(read, ["gate/it.yaml", "mine/a.cedar", "mine/b.cedar", "mine/entities.json", "mine/schema.cedarschema"]);
}

#[test]
fn what_stands_beside_a_directory_is_left_for_the_filter_to_refuse() {
    let both = "policies: {directory: mine, embedded: payments}";
    assert_eq!(read(&[("gate/it.yaml", both)]), Ok(json!({"policies": {"directory": "mine", "embedded": "payments"}})));
}

#[test]
fn a_folder_without_a_schema_or_without_policies_is_a_fault() {
    let written = ("gate/it.yaml", "policies: {directory: mine}");
    let message = read(&[written, ("gate/mine/a.cedar", "")]).unwrap_err();
    assert_eq!(message, "gate/mine: has no schema.cedarschema");
    let message = read(&[written, ("gate/mine/schema.cedarschema", "")]).unwrap_err();
    assert_eq!(message, "gate/mine: has no policies: no file ends with .cedar");
    let message = read(&[written]).unwrap_err();
    assert!(message.starts_with("gate/mine: "), "{message}");
}

#[test]
fn the_filters_part_is_taken_out_of_an_envoys_configuration() {
    let written = envoy(&[("cedar-gate", "{'@type': x, value: {mode: enforce}}")]);
    assert_eq!(read(&[("gate/it.yaml", &written)]), Ok(json!({"mode": "enforce"})));
    let text = envoy(&[("cedar-gate", r#"{'@type': x, value: '{"mode": "shadow"}'}"#)]);
    assert_eq!(read(&[("gate/it.yaml", &text)]), Ok(json!({"mode": "shadow"})));
}

#[test]
fn among_several_wasm_filters_the_name_decides() {
    let other = ("metrics", "{value: {port: 1}}");
    let written = envoy(&[other, ("cedar-gate", "{value: {mode: enforce}}")]);
    assert_eq!(read(&[("gate/it.yaml", &written)]), Ok(json!({"mode": "enforce"})));
    let message = read(&[("gate/it.yaml", &envoy(&[other, other]))]).unwrap_err();
    assert!(message.contains("none of its filters is `cedar-gate`"), "{message}");
    let twice = ("cedar-gate", "{value: {mode: enforce}}");
    let message = read(&[("gate/it.yaml", &envoy(&[twice, twice]))]).unwrap_err();
    assert!(message.contains("configures 2 filters `cedar-gate`"), "{message}");
}

#[test]
fn what_is_no_yaml_is_told_with_its_file_and_line() {
    let message = read(&[("gate/it.yaml", "mode: [\n")]).unwrap_err();
    assert!(message.starts_with("gate/it.yaml: ") && message.contains("line"), "{message}");
    let message = read(&[]).unwrap_err();
    assert!(message.starts_with("gate/it.yaml: "), "{message}");
}

#[test]
fn the_disk_is_read_as_memory_is() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("authored");
    std::fs::create_dir_all(folder.join("mine")).unwrap();
    for (path, text) in [
        ("it.yaml", "policies: {directory: mine}"),
        ("mine/schema.cedarschema", "entity User;"),
        ("mine/a.cedar", "permit (principal, action, resource);"),
    ] {
        std::fs::write(folder.join(path), text).unwrap();
    }
    let authored = configuration(&folder.join("it.yaml"), &cedar_gate_author::Disk).unwrap();
    assert_eq!(authored.configuration["policies"]["inline"]["schema"], "entity User;");
}
