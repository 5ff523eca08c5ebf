//! The files of a new project.

use serde_json::Value;

use super::Name;

/// A file of a new project.
pub(super) struct File {
    /// Its path within the project.
    pub(super) path: &'static str,
    pub(super) text: String,
}

/// The files as they are kept in `skeleton`. There, none has a name that would mean something to git or to a CI here.
const FILES: [(&str, &str); 12] = [
    ("README.md", include_str!("../../../skeleton/README.md")),
    ("cedar-gate.yaml", include_str!("../../../skeleton/cedar-gate.yaml")),
    ("policies/schema.cedarschema", include_str!("../../../skeleton/policies/schema.cedarschema")),
    ("policies/notes.cedar", include_str!("../../../skeleton/policies/notes.cedar")),
    ("policies/entities.json", include_str!("../../../skeleton/policies/entities.json")),
    ("tests/base/gateway.yaml", include_str!("../../../skeleton/tests/base/gateway.yaml")),
    ("tests/editors.yaml", include_str!("../../../skeleton/tests/editors.yaml")),
    ("tests/readers.yaml", include_str!("../../../skeleton/tests/readers.yaml")),
    ("tests/strangers.yaml", include_str!("../../../skeleton/tests/strangers.yaml")),
    ("envoy.yaml", include_str!("../../../skeleton/envoy.yaml")),
    (".github/workflows/cedar-gate.yaml", include_str!("../../../skeleton/workflow.yaml")),
    (".gitignore", include_str!("../../../skeleton/gitignore")),
];

/// All files but the private key, whose public half is `jwk`.
pub(super) fn files(name: &Name, jwk: &Value) -> Vec<File> {
    let name = name.to_string();
    let jwk = as_yaml(jwk);
    let fill = |text: &str| text.replace("{{name}}", &name).replace("{{jwk}}", &jwk);
    FILES.iter().map(|(path, text)| File { path, text: fill(text) }).collect()
}

/// The members of a key, one in a line, as an item of the list in `cedar-gate.yaml`.
fn as_yaml(jwk: &Value) -> String {
    // JSON strings are YAML strings too; base64url may begin with a character that YAML gives a meaning to.
    let lines = jwk.as_object().into_iter().flatten().map(|(name, value)| format!("{name}: {value}"));
    lines.collect::<Vec<_>>().join("\n            ")
}
