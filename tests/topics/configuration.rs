//! Configurations, judged as a whole.

use cedar_gate::config::Config;
use serde_json::json;

use crate::fixture::configuration;

fn faults(change: impl FnOnce(&mut serde_json::Value)) -> Vec<String> {
    let mut configuration = configuration();
    change(&mut configuration);
    match Config::load(configuration.to_string().as_bytes()) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn the_payments_configuration_is_sound() {
    let config = Config::load(configuration().to_string().as_bytes());
    assert_eq!(config.map(|config| config.warnings).map_err(|faults| format!("{faults:?}")), Ok(Vec::new()));
}

#[test]
fn all_faults_are_reported_together_in_the_order_of_their_paths() {
    let found = faults(|configuration| {
        configuration["mode"] = json!("maybe");
        configuration["providers"]["corp"]["clock_skew"] = json!("soon");
        configuration["providers"]["corp"]["algorithms"] = json!(["RS256", "none"]);
        configuration["routes"][2]["params"] = json!({"id": "number", "x": "slug"});
        configuration["limits"] = json!({"token_bytes": 1, "typo": 2});
        configuration["separation"]["static"][0]["at_most"] = json!(2);
    });
    let starts = [
        "limits.token_bytes: must be 256 to 65536",
        "limits.typo: unknown field",
        "mode: must be `enforce` or `shadow`",
        "providers.corp.algorithms[1]: `none` is none of",
        "providers.corp.clock_skew: `soon` is no duration",
        "routes[2].params.id: `number` is none of",
        "routes[2].path: the path has no parameter `x`",
        "separation.static[0].at_most: must be at least 1",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (found, start) in found.iter().zip(starts) {
        assert!(found.starts_with(start), "{found} does not start with {start}");
    }
}

#[test]
fn i10_a_policy_that_permits_everything_is_warned_about() {
    let mut configuration = configuration();
    configuration["policies"] = json!({"inline": {
        "schema": include_str!("../../policies/payments/schema.cedarschema"),
        "policies": "permit(principal, action, resource);",
        "entities": serde_json::from_str::<serde_json::Value>(include_str!("../../policies/payments/entities.json")).unwrap(),
    }});
    let Ok(config) = Config::load(configuration.to_string().as_bytes()) else { panic!("it can be served") };
    let warnings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    assert!(warnings.iter().any(|warning| warning.contains("permits everything to everyone")), "{warnings:?}");
}

#[test]
fn what_the_schema_asks_for_and_nothing_supplies_is_a_fault() {
    let schema =
        include_str!("../../policies/payments/schema.cedarschema").replace("client?: String", "client: String");
    let found = faults(|configuration| {
        configuration["policies"] = json!({"inline": {
            "schema": schema,
            "policies": include_str!("../../policies/payments/payments.cedar"),
            "entities": serde_json::from_str::<serde_json::Value>(include_str!("../../policies/payments/entities.json")).unwrap(),
        }});
    });
    assert!(found.iter().any(|fault| fault.contains("`context.token.client` is not always there")), "{found:?}");
}

#[test]
fn an_attribute_that_a_static_entity_has_cannot_come_from_the_request() {
    let found = faults(|configuration| {
        configuration["routes"][3]["resource"]["attributes"] = json!({"payment_limit": {"body": "/amount"}});
    });
    let expected =
        "routes[3].resource.attributes.payment_limit: the static entity `Ledger::\"main\"` has this attribute already";
    assert_eq!(found, [expected]);
}

#[test]
fn a_constraint_that_can_never_be_violated_is_seen() {
    let found = faults(|configuration| configuration["separation"]["static"][0]["type"] = json!("Rolle"));
    assert_eq!(found, ["separation.static.maker-checker: the schema has no entity type `Rolle`"]);

    let mut configuration = configuration();
    configuration["separation"]["static"][0]["roles"] = json!(["maker", "chequer"]);
    let Ok(config) = Config::load(configuration.to_string().as_bytes()) else { panic!("it can be served") };
    let warnings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    assert!(warnings.iter().any(|warning| warning.contains("nobody can hold `Role::\"chequer\"`")), "{warnings:?}");
}

#[test]
fn a15_sound_rsa_keys_are_taken_whatever_their_modulus() {
    // A check that looks at a part of a number refuses some keys and takes others; so there are several.
    let mut forge = cedar_gate_scenario::Forge::new();
    let names: Vec<String> = (0..12).map(|number| format!("sound-{number}")).collect();
    for name in &names {
        forge = forge.with_key(name, json!({"kty": "RSA", "bits": 2048})).expect("a key");
    }
    let keys: Vec<_> = names.iter().map(|name| json!({"$jwk": name, "alg": "RS256", "use": "sig"})).collect();
    let keys = forge.resolve(&json!(keys)).expect("public keys");
    let found = faults(|configuration| configuration["providers"]["corp"]["local_jwks"]["inline"]["keys"] = keys);
    assert_eq!(found, Vec::<String>::new());
}
