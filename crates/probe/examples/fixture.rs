//! Writes `src/stage/fixture.json`: the configuration and the tokens of the scenario in which every algorithm verifies.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cedar_gate_scenario::Scenario;
use serde_json::json;

const ALGORITHMS: [&str; 14] = [
    "EdDSA", "ES256", "ES256K", "ES384", "ES512", "HS256", "HS384", "HS512", "PS256", "PS384", "PS512", "RS256",
    "RS384", "RS512",
];

fn main() -> anyhow::Result<()> {
    let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let scenario = Scenario::load(package.join("../../tests/scenarios/requests/every_algorithm_verifies.yaml"))?;
    let now = scenario.start().now;
    let token = |name: &str| {
        let token = scenario.forge().mint(&json!(name.to_ascii_lowercase()), now)?;
        anyhow::Ok((name.to_owned(), token))
    };
    let tokens: BTreeMap<String, String> = ALGORITHMS.into_iter().map(token).collect::<Result<_, _>>()?;
    let fixture = json!({ "now": now, "configuration": scenario.start().configuration, "tokens": tokens });
    std::fs::write(package.join("src/stage/fixture.json"), format!("{fixture:#}\n"))?;
    Ok(())
}
