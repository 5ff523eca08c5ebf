//! The schema that is derived from a configuration fits it.

use std::collections::{BTreeMap, BTreeSet};

use cedar_gate::config::{Config, derive_schema};
use cedar_gate::secret::Environment;
use cedar_policy::Schema;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixture::{accepted, paper};

fn derived(configuration: &Value) -> Result<String, Vec<String>> {
    derive_schema(configuration.to_string().as_bytes())
        .map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

/// The configuration with these policies and no others.
fn with_policies(configuration: &Value, schema: &str, policies: &str) -> Value {
    let mut configuration = configuration.clone();
    configuration["policies"] = json!({"inline": {"schema": schema, "policies": policies}});
    configuration
}

/// A policy for each action, which permits it.
fn permits(schema: &str) -> String {
    let schema: Schema = schema.parse().expect("a schema");
    schema.actions().map(|action| format!("permit (principal, action == {action}, resource);\n")).collect()
}

/// What is said against a configuration with its derived schema, with and without policies.
fn complaints(configuration: &Value) -> Result<Vec<String>, Vec<String>> {
    let schema = derived(configuration)?;
    let mut complaints = Vec::new();
    for policies in ["", &permits(&schema)] {
        let configuration = with_policies(configuration, &schema, policies).to_string();
        match Config::load_in(configuration.as_bytes(), &Environment::assumed()) {
            Ok(config) => complaints.extend(config.warnings.iter().map(ToString::to_string)),
            Err(faults) => complaints.extend(faults.iter().map(ToString::to_string)),
        }
    }
    Ok(complaints)
}

#[test]
fn every_accepted_configuration_fits_the_schema_that_is_derived_from_it() {
    for (name, configuration) in accepted() {
        let complaints = complaints(&configuration).unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
        // Of keys, of proofs, and of roles that static entities would make: none is a matter of the schema.
        let of_others = |complaint: &&String| {
            complaint.contains(".local_jwks.") || complaint.starts_with("dpop:") || complaint.contains("can hold")
        };
        let of_the_schema: Vec<_> = complaints.iter().filter(|complaint| !of_others(complaint)).collect();
        assert!(of_the_schema.is_empty(), "{name}: {of_the_schema:?}");
    }
}

/// A key that anybody can sign with, and one issuer.
fn corp() -> Value {
    json!({
        "issuer": "https://idp.example.com/",
        "audiences": ["https://api.example.com"],
        "algorithms": ["ES256"],
        "local_jwks": {"inline": {"keys": [{
            "kty": "EC",
            "crv": "P-256",
            "x": "RnfuZnuXWWuVC_W6Degm0E4zhohSSHDUZ1PCl4lFXiY",
            "y": "lAS4tIAt-qL_uI4HFYhYVknuU4YfPNkny1AC8Q3H86w",
        }]}},
    })
}

fn payments() -> Value {
    let mut corp = corp();
    corp["principal"] = json!({"attributes": {
        "department": {"claim": "dept", "type": "String", "required": true},
        "limit": {"claim": "limit", "type": "Decimal"},
    }});
    corp["parents"] = json!([{"claim": "roles", "type": "Role"}, {"claim": "groups", "type": "Group"}]);
    corp["clients"] = json!({"type": "Client", "when": {"claim": "sub", "equals_claim": "client_id"}});
    json!({
        "host": {"body_before_headers": true},
        "providers": {"corp": corp},
        "routes": [
            {"methods": ["GET"], "path": "/healthz", "access": "public"},
            {
                "methods": ["GET"],
                "path": "/payments/{id}",
                "action": "view",
                "resource": {"type": "Payment", "id": "{id}", "parents": [{"type": "Ledger", "id": "main"}]},
                "query": {"currency": {"type": "String"}},
                "headers": {"x-tenant": {"type": "String", "required": true}},
            },
            {
                "methods": ["GET"],
                "path": "/invoices/{id}",
                "action": "Action::\"view\"",
                "resource": {"type": "Bank::Invoice", "id": "{id}"},
                "headers": {"x-tenant": {"type": "String", "required": true}},
            },
            {
                "methods": ["POST"],
                "path": "/payments/{id}/approval",
                "action": "Bank::Action::\"approve and pay\"",
                "resource": {"type": "Payment", "id": "{id}", "attributes": {"amount": {"body": "/amount"}}},
                "body": {"amount": {"pointer": "/amount", "type": "Long", "required": true}},
            },
        ],
        "separation": {"static": [{"id": "hands", "type": "Duty", "roles": ["a", "b"], "at_most": 1}]},
    })
}

const PAYMENTS: &str = r#"// What policies may ask for: derived from the providers and routes of a configuration. Add what static entities
// have beside it, and take out of the contexts what no policy reads, since all of it is made for each request.

type Http = {
  host: String,
  method: String,
  path: String,
};

type Source = {
  ip?: ipaddr,
};

type Time = {
  now: datetime,
};

type Token = {
  acr?: String,
  actor: {
    client?: String,
    issuer?: String,
    subject?: String,
  },
  actors: Set<{ client: String, issuer: String, subject: String }>,
  amr: Set<String>,
  audience: Set<String>,
  auth_time?: datetime,
  binding: String,
  client?: String,
  expires_at: datetime,
  id?: String,
  issued_at: datetime,
  issuer: String,
  may_act: {
    client?: String,
    issuer?: String,
    subject?: String,
  },
  scopes: Set<String>,
};

// providers.corp.clients
entity Client in [Group, Role];

// separation.static.hands
entity Duty;

// providers.corp.parents[1]
entity Group;

// routes[1].resource.parents[0]
entity Ledger;

// routes[1].resource, routes[3].resource
entity Payment in [Ledger] = {
  amount?: Long,
};

// providers.corp.parents[0]
entity Role;

// providers.corp.principal
entity User in [Group, Role] = {
  department: String,
  limit?: decimal,
};

// routes[1], routes[2]
action view appliesTo {
  principal: [Client, User],
  resource: [Bank::Invoice, Payment],
  context: {
    http: {
      headers: {
        "x-tenant": String,
      },
      host: String,
      method: String,
      path: String,
      query: {
        currency?: String,
      },
    },
    source: Source,
    time: Time,
    token: Token,
  },
};

namespace Bank {
  // routes[2].resource
  entity Invoice;

  // routes[3]
  action "approve and pay" appliesTo {
    principal: [Client, User],
    resource: [Payment],
    context: {
      body: {
        amount: Long,
      },
      http: Http,
      source: Source,
      time: Time,
      token: Token,
    },
  };
}
"#;

#[test]
fn a_schema_says_where_each_thing_comes_from() {
    assert_eq!(derived(&payments()).as_deref(), Ok(PAYMENTS));
    assert_eq!(complaints(&payments()), Ok(vec![nobody("a"), nobody("b"), nobody("a"), nobody("b")]));
}

fn nobody(duty: &str) -> String {
    format!("separation.static.hands: nobody can hold `Duty::\"{duty}\"`: no provider and no static entity makes it")
}

#[test]
fn the_policies_that_are_there_do_not_matter() {
    for policies in [json!({"embedded": "documents"}), json!({"inline": {"schema": "entity"}}), json!(7)] {
        let mut configuration = payments();
        configuration["policies"] = policies;
        assert_eq!(derived(&configuration).as_deref(), Ok(PAYMENTS));
    }
}

#[test]
fn what_is_wrong_with_providers_and_routes_is_said() {
    let mut configuration = payments();
    configuration["providers"]["corp"]["clock_skew"] = json!("soon");
    configuration["routes"][1]["resource"]["typ"] = json!("Payment");
    configuration["routes"][3]["action"] = json!("Bank::approve");
    let faults = derived(&configuration).expect_err("three faults");
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].starts_with("providers.corp.clock_skew: `soon` is no duration"), "{faults:?}");
    assert_eq!(faults[1], "routes[1].resource.typ: unknown field");

    let mut configuration = payments();
    configuration["routes"][3]["action"] = json!("Bank::approve");
    let expected = "routes[3].action: `Bank::approve` is not an action: write `view` or `Bank::Action::\"view\"`";
    assert_eq!(derived(&configuration), Err(vec![expected.to_owned()]));
}

#[test]
fn an_attribute_that_would_have_two_types_is_a_fault() {
    let mut configuration = payments();
    configuration["providers"]["more"] = corp();
    configuration["providers"]["more"]["issuer"] = json!("https://more.example.com/");
    configuration["providers"]["more"]["principal"] =
        json!({"attributes": {"department": {"claim": "dept", "type": "Long"}}});
    configuration["routes"][2]["query"] = json!({"currency": {"type": "Boolean"}});
    let expected = [
        "providers.more.principal.attributes.department: is Long, but String at \
         `providers.corp.principal.attributes.department`: a schema gives it one type",
        "routes[2].query.currency: is Boolean, but String at `routes[1].query.currency`: a schema gives it one type",
    ];
    assert_eq!(derived(&configuration), Err(expected.map(str::to_owned).to_vec()));
}

#[test]
fn a_name_that_cedar_does_not_take_is_a_fault() {
    for (entity_type, said) in [("Action", "Action"), ("Bank::Payment", "Payment")] {
        let mut configuration = payments();
        configuration["routes"][2]["resource"]["type"] = json!(entity_type);
        let faults = derived(&configuration).expect_err(entity_type);
        assert!(faults[0].starts_with("policies.inline.schema: ") && faults[0].contains(said), "{faults:?}");
    }
}

#[test]
fn the_context_is_the_one_that_is_documented() {
    let schema = derived(&payments()).expect("a schema");
    let names = [("http", "Http"), ("source", "Source"), ("time", "Time"), ("token", "Token")];
    let mut records: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for row in paper("docs/configuration.md").lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let Some((record, attribute)) = cells.get(1).and_then(|path| path.split_once('.')) else { continue };
        let name = names.into_iter().find_map(|(known, name)| (known == record).then_some(name));
        if let (Some(name), [_, _, written, always @ ("yes" | "no"), ..]) = (name, cells.as_slice()) {
            let written = written.replace('{', "{ ").replace('}', " }");
            let optional = if *always == "no" { "?" } else { "" };
            records.entry(name).or_default().insert(format!("{attribute}{optional}: {written},"));
        }
    }
    assert_eq!(records.len(), names.len());
    for (name, documented) in records {
        let (_, rest) = schema.split_once(&format!("type {name} = {{\n")).expect("a common type");
        let declared = flattened(rest.lines().take_while(|line| *line != "};"));
        assert_eq!(declared, documented, "{name}");
    }
}

/// The members of a record, those of a record inside of it with its name before them.
fn flattened<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let (mut within, mut members) = (String::new(), BTreeSet::new());
    for line in lines.map(str::trim) {
        match line.strip_suffix(": {") {
            Some(record) => within = format!("{record}."),
            None if line == "}," => within.clear(),
            None => {
                members.insert(format!("{within}{line}"));
            }
        }
    }
    members
}

/// Names that Cedar takes as they are, and such that it does not; each has one type everywhere.
const VALUES: [(&str, &str); 6] = [
    ("amount", "Long"),
    ("if", "Boolean"),
    ("tenant \"id\"", "String"),
    ("größe", "Decimal"),
    ("__cedar", "String"),
    ("Set", "Long"),
];

const TYPES: [&str; 8] = ["User", "Doc", "Token", "Http", "Bank::Payment", "Bank::Audit::Entry", "action", "Role"];

fn values(names: &[usize], required: &[bool], of: impl Fn(&str) -> Value) -> Value {
    let value = |(index, required): (&usize, &bool)| {
        let (name, value_type) = VALUES[*index];
        let mut value = of(name);
        value["type"] = json!(value_type);
        value["required"] = json!(required);
        (name.to_owned(), value)
    };
    Value::Object(names.iter().zip(required).map(value).collect())
}

fn some_values() -> impl Strategy<Value = (Vec<usize>, Vec<bool>)> {
    (prop::collection::vec(0..VALUES.len(), 0..4), prop::collection::vec(any::<bool>(), 4))
}

fn provider() -> impl Strategy<Value = Value> {
    let parents = prop::sample::subsequence(vec!["Role", "Group", "Source", "Bank::Unit"], 0..4);
    (0..3_usize, some_values(), parents, any::<bool>()).prop_map(|(principal, (names, required), parents, clients)| {
        let mut provider = corp();
        let attributes = values(&names, &required, |name| json!({"claim": [name]}));
        provider["principal"] = json!({"type": TYPES[principal], "attributes": attributes});
        provider["parents"] =
            parents.iter().map(|parent| json!({"claim": "roles", "type": parent, "allow": ["a"]})).collect();
        if clients {
            provider["clients"] = json!({"type": "Client", "when": {"claim": "sub", "equals_claim": "client_id"}});
        }
        provider
    })
}

fn route() -> impl Strategy<Value = Value> {
    let actions = ["view", "Action::\"view\"", "Bank::Action::\"pay\"", "if", "a \"quoted\" name", "action"];
    (
        prop::sample::select(actions.to_vec()),
        0..TYPES.len(),
        prop::collection::vec(0..TYPES.len(), 0..3),
        some_values(),
        some_values(),
        prop::option::of(any::<bool>()),
    )
        .prop_map(|(action, resource, parents, (body, body_required), (query, query_required), header)| {
            let parents: Vec<Value> =
                parents.iter().map(|parent| json!({"type": TYPES[*parent], "id": "main"})).collect();
            let mut attributes = json!({"kind": {"text": "x"}});
            for name in body.iter().map(|index| VALUES[*index].0) {
                attributes[name] = json!({"body": format!("/{name}")});
            }
            json!({
                "methods": ["GET"],
                "action": action,
                "resource": {"type": TYPES[resource], "id": "{id}", "parents": parents, "attributes": attributes},
                "body": values(&body, &body_required, |name| json!({"pointer": format!("/{name}")})),
                "query": values(&query, &query_required, |_| json!({})),
                "headers": header.map_or(json!({}), |required| json!({"x-a": {"type": "String", "required": required}})),
            })
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_derived_schema_fits_its_configuration(
        providers in prop::collection::vec(provider(), 1..4),
        routes in prop::collection::vec(route(), 0..6),
    ) {
        let name = |(index, mut provider): (usize, Value)| {
            provider["issuer"] = json!(format!("https://{index}.example.com/"));
            (format!("p{index}"), provider)
        };
        let providers: serde_json::Map<String, Value> = providers.into_iter().enumerate().map(name).collect();
        let mut routes = routes;
        for (index, route) in routes.iter_mut().enumerate() {
            route["path"] = json!(format!("/{index}/{{id}}"));
        }
        routes.push(json!({"methods": ["GET"], "path": "/healthz", "access": "public"}));
        let configuration =
            json!({"host": {"body_before_headers": true}, "providers": providers, "routes": routes});
        prop_assert_eq!(complaints(&configuration), Ok(Vec::new()), "{}", configuration);
        prop_assert_eq!(derived(&configuration), derived(&configuration));
    }
}
