//! The payments gateway of the scenarios, for tests in Rust.

use std::path::PathBuf;

use cedar_gate_scenario::{Request, Scenario};
use serde_json::{Value, json};

/// The scenario that goes through the whole payments product.
pub(crate) fn payments() -> Scenario {
    let path = root().join("tests/scenarios/requests/a_payment_goes_through_its_hands.yaml");
    Scenario::load(&path).expect("the scenario loads")
}

/// The configuration of the payments gateway.
pub(crate) fn configuration() -> Value {
    payments().start().configuration.clone()
}

/// Every configuration in scenarios and examples that the filter takes, by its file.
pub(crate) fn accepted() -> Vec<(String, Value)> {
    let mut accepted = Vec::new();
    for path in ["tests/scenarios", "policies"]
        .into_iter()
        .flat_map(|folder| Scenario::find(root().join(folder)).expect("a folder"))
    {
        let name = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
        let scenario = Scenario::load(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        if !scenario.must_be_refused() {
            accepted.push((name, scenario.start().configuration.clone()));
        }
    }
    let example = root().join("examples/envoy/envoy.yaml");
    let authored = cedar_gate_author::configuration(&example, &cedar_gate_author::Disk).expect("the example");
    accepted.push(("examples/envoy/envoy.yaml".to_owned(), authored.configuration));
    accepted
}

/// A text of the project, by its path.
pub(crate) fn paper(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The project's folder.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A `GET` with a token of this name, minted for `now`.
pub(crate) fn get(path: &str, token: &str, now: i64) -> Request {
    let token = payments().forge().mint(&json!(token), now).expect("the token can be minted");
    Request {
        method: b"GET".to_vec(),
        path: path.as_bytes().to_vec(),
        authority: b"api.example.com".to_vec(),
        headers: vec![(b"authorization".to_vec(), format!("Bearer {token}").into_bytes())],
        ..Request::default()
    }
}

/// The time now, for hosts with a real clock.
#[expect(clippy::disallowed_methods, reason = "a real Envoy has a real clock")]
pub(crate) fn real_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is after 1970");
    since.as_secs().try_into().expect("it is before the year 9999")
}

/// The lines of a list in `tools/`, without comments.
pub(crate) fn listed(name: &str) -> Vec<String> {
    let list =
        std::fs::read_to_string(root().join("tools").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    list.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(str::to_owned).collect()
}
