//! Where policies come from.

use serde_json::Value;

/// A policy set as text, before anything about it has been judged.
#[derive(Clone, Debug)]
pub struct Source {
    /// The path in the configuration that faults are reported under.
    pub at: String,
    /// A Cedar schema in Cedar's own syntax.
    pub schema: String,
    /// Policies, each text with the name of its file, or with an empty name where there is only one.
    pub policies: Vec<(String, String)>,
    /// Static entities in Cedar's JSON form: an array.
    pub entities: Value,
}

/// The policy set of this name that is compiled in, from the folder `policies/<name>`.
#[must_use]
pub fn embedded(name: &str) -> Option<Source> {
    macro_rules! folder {
        ($name:literal) => {
            Source {
                at: "policies.embedded".to_owned(),
                schema: include_str!(concat!("../../policies/", $name, "/schema.cedarschema")).to_owned(),
                policies: vec![(
                    concat!($name, ".cedar").to_owned(),
                    include_str!(concat!("../../policies/", $name, "/", $name, ".cedar")).to_owned(),
                )],
                // Not parsed strictly: it is ours, and it is checked by the tests.
                entities: serde_json::from_str(include_str!(concat!("../../policies/", $name, "/entities.json")))
                    .unwrap_or(Value::Null),
            }
        };
    }
    match name {
        "documents" => Some(folder!("documents")),
        "payments" => Some(folder!("payments")),
        _ => None,
    }
}
