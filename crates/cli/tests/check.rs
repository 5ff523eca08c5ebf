//! `cedar-gate check`, as its users see it.
#![cfg(test)]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use cedar_gate::config::{Config, lint};
use cedar_gate::journal::Note;
use cedar_gate_scenario::Scenario;
use cedar_gate_testing::{NativeHost, Seen};
use serde_json::{Value, json};
use tempfile::TempDir;

const CONFIGURATION: &str = r#"
host: {body_before_headers: true}
providers:
  corp:
    issuer: https://idp.example.com/
    audiences: [https://api.example.com]
    algorithms: [HS256]
    local_jwks: {inline: {keys: [{kty: oct, alg: HS256, k: cUFaTXZyTjhoUkt3M2s1ZFVqWXRQeDI3R2ZTc0NiVmU}]}}
    principal: {attributes: {department: {claim: dept, type: String}}}
    parents: [{claim: roles, type: Role, allow: [maker, checker, auditor]}]
routes:
  - methods: [GET]
    path: "/payments/{id}"
    action: view
    resource: {type: Payment, id: "{id}", attributes: {colour: {query: colour}}}
    query: {draft: {type: Boolean}, colour: {type: String}}
    headers: {x-trace: {type: String}}
  - methods: [POST]
    path: /payments
    action: submit
    resource: {type: Ledger, id: main}
    body: {amount: {pointer: /amount, type: Long, required: true}, note: {pointer: /note, type: String}}
separation: {static: [{id: maker-checker, roles: [maker, checker], at_most: 1}]}
policies: {directory: policies}
"#;

const SCHEMA: &str = r#"
entity Role in [Role];
entity User in [Role] = { department?: String };
entity Payment = { colour?: String };
entity Ledger;
action view appliesTo {
    principal: [User],
    resource: [Payment],
    context: { http: { query: { draft?: Bool, colour?: String }, headers: { "x-trace"?: String } } },
};
action submit appliesTo {
    principal: [User],
    resource: [Ledger],
    context: { body: { amount: Long, note?: String } },
};
action release appliesTo { principal: [User], resource: [Payment], context: {} };
"#;

/// Policies to which all of the configuration makes a difference.
const STAFF: &str = r#"@id("staff-view")
permit (principal in Role::"staff", action == Action::"view", resource)
when { context.http.query has draft && !context.http.query.draft }
when { resource has colour && resource.colour == "red" }
unless { context.http.headers has "x-trace" };
"#;

const MAKERS: &str = r#"@id("makers-submit")
permit (principal in Role::"maker", action == Action::"submit", resource == Ledger::"main")
when { context.body.amount < 1000 && principal has department }
when { context.body has note };
"#;

/// Makers, checkers and auditors are staff.
const ENTITIES: &str = r#"[
    {"uid": {"type": "Role", "id": "maker"}, "attrs": {}, "parents": [{"type": "Role", "id": "staff"}]},
    {"uid": {"type": "Role", "id": "checker"}, "attrs": {}, "parents": [{"type": "Role", "id": "staff"}]},
    {"uid": {"type": "Role", "id": "auditor"}, "attrs": {}, "parents": [{"type": "Role", "id": "staff"}]},
    {"uid": {"type": "Role", "id": "staff"}, "attrs": {}, "parents": []}
]"#;

/// A folder of a user.
struct Bank(TempDir);

struct Ran {
    code: i32,
    out: String,
}

impl Bank {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("policies")).unwrap();
        let bank = Self(folder);
        for (name, text) in [
            ("gate.yaml", CONFIGURATION),
            ("policies/schema.cedarschema", SCHEMA),
            ("policies/staff.cedar", STAFF),
            ("policies/makers.cedar", MAKERS),
            ("policies/entities.json", ENTITIES),
        ] {
            bank.write(name, text);
        }
        bank
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    fn replaced(self, name: &str, from: &str, to: &str) -> Self {
        let text = fs::read_to_string(self.0.path().join(name)).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        self.write(name, &text.replace(from, to));
        self
    }

    fn check(&self, arguments: &[&str]) -> Ran {
        check(self.0.path(), arguments)
    }

    /// The lines of findings, each without the begin of its path.
    fn findings(&self) -> Vec<String> {
        let ran = self.check(&["gate.yaml"]);
        let lines = ran.out.lines().filter(|line| line.starts_with("warning") || line.starts_with("fault"));
        lines.map(str::to_owned).collect()
    }
}

fn check(folder: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cedar-gate"));
    let output = command.current_dir(folder).arg("check").args(arguments).output().expect("the command runs");
    Ran { code: output.status.code().unwrap(), out: String::from_utf8(output.stdout).unwrap() }
}

#[test]
fn a_configuration_without_faults_passes() {
    let ran = Bank::new().check(&["gate.yaml"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "ok      gate.yaml\n"));
}

#[test]
fn every_fault_is_shown_at_its_file_and_line() {
    let bank = Bank::new().replaced("policies/staff.cedar", "unless { context.http", "unless { contxt.http").replaced(
        "gate.yaml",
        "type: Ledger,",
        "typ: Ledger,",
    );
    assert_eq!(
        bank.findings(),
        [
            "fault   gate.yaml: routes[1].resource.typ: unknown field",
            "fault   gate.yaml: routes[1].resource.type: is missing",
            "fault   policies/staff.cedar:5: invalid member access `contxt.http`, `contxt` has no fields or methods",
        ]
    );
    assert_eq!(bank.check(&["gate.yaml"]).code, 1);
    let summary = bank.check(&["gate.yaml"]).out;
    assert!(summary.ends_with("refused gate.yaml, for 3 faults\n"), "{summary}");
}

#[test]
fn what_the_schema_does_not_know_is_shown_at_its_line() {
    let bank = Bank::new().replaced("policies/makers.cedar", "context.body.amount", "context.body.amont");
    let findings = bank.findings();
    assert_eq!(findings.len(), 1, "{findings:?}");
    let begin = "fault   policies/makers.cedar:3: for policy `makers-submit`, attribute `body.amont` in context for";
    assert!(findings[0].starts_with(begin), "{findings:?}");
}

#[test]
fn a_fault_of_the_schema_is_shown_in_the_schema() {
    let bank = Bank::new().replaced("policies/schema.cedarschema", "entity Ledger;", "entity Ledger");
    let findings = bank.findings();
    assert!(findings[0].starts_with("fault   policies/schema.cedarschema:6: "), "{findings:?}");
    let bank = Bank::new().replaced("policies/entities.json", "\"attrs\": {}", "\"attrs\": {\"a\": 1}");
    assert!(bank.findings()[0].starts_with("fault   policies/entities.json: "), "{:?}", bank.findings());
}

#[test]
fn the_line_within_a_text_of_the_configuration_is_no_line_of_the_file() {
    let bank = Bank::new();
    let inline = json!({"inline": {"schema": SCHEMA, "policies": format!("\n\n{}", MAKERS.replace("when", "wen"))}});
    let bank = bank.replaced("gate.yaml", "{directory: policies}", &inline.to_string());
    let findings = bank.findings();
    assert!(findings[0].starts_with("fault   gate.yaml: policies.inline.policies: line 5: "), "{findings:?}");
}

#[test]
fn a_cap_is_shown_at_its_line() {
    let bank = Bank::new().replaced(
        "gate.yaml",
        "policies: {directory: policies}",
        "policies: {directory: policies}\nlimits: {policy_chain: 6}",
    );
    let findings = bank.findings();
    assert!(
        findings.iter().any(|line| line.starts_with("fault   policies/staff.cedar:3: a chain of more than 6")),
        "{findings:?}"
    );
}

#[test]
fn a_route_that_no_policy_permits_to_anybody_is_warned_of() {
    for (from, to) in [
        (r#"Action::"submit""#, r#"Action::"release""#),
        (r#"Ledger::"main""#, r#"Ledger::"other""#),
        (r#"Role::"maker""#, r#"Role::"treasurer""#),
        (r#"principal in Role::"maker""#, r#"principal == User::"mona""#),
        ("context.body.amount < 1000", "false"),
    ] {
        let bank = Bank::new().replaced("policies/makers.cedar", from, to);
        let bank = if to.contains("release") {
            bank.replaced("policies/makers.cedar", r#"resource == Ledger::"main""#, "resource")
                .replaced("policies/makers.cedar", "context.body.amount < 1000 && ", "")
                .replaced("policies/makers.cedar", "when { context.body has note }", "")
        } else {
            bank
        };
        let expected = "warning gate.yaml: routes[1]: no policy can permit Action::\"submit\" on a `Ledger` to anybody, so \
                        every request to POST /payments is refused";
        assert!(bank.findings().contains(&expected.to_owned()), "{to}: {:#?}", bank.findings());
    }
}

#[test]
fn a_policy_that_no_request_comes_under_is_warned_of_with_the_reason() {
    let without = |policy: &str| {
        let bank = Bank::new();
        bank.write("policies/more.cedar", policy);
        let findings = bank.findings();
        let [only] = findings.as_slice() else { panic!("{policy}: {findings:#?}") };
        only.strip_prefix("warning policies/more.cedar:1: policy `more.cedar:policy0` applies to no request: ")
            .unwrap_or_else(|| panic!("{only}"))
            .to_owned()
    };
    assert_eq!(
        without(r#"forbid (principal, action == Action::"release", resource);"#),
        "no route asks about its action"
    );
    assert_eq!(
        without(
            r#"forbid (principal, action in [Action::"view", Action::"release"], resource) unless { context has http };"#
        ),
        "for whatever routes ask about, and whoever asks, it is false from the outset"
    );
    assert_eq!(
        without(r#"forbid (principal == User::"mona", action, resource);"#),
        "nobody is `User::\"mona\"`: the id of a principal is `<provider>|<claim>`, with a provider of its type"
    );
    assert_eq!(
        without(r#"forbid (principal in Role::"treasurer", action, resource);"#),
        "nobody is in `Role::\"treasurer\"`: no token and no static entity leads to it"
    );
    assert_eq!(
        without(r#"forbid (principal, action, resource == Ledger::"other");"#),
        "no route that asks about its action has its resource, for those whom it is about"
    );
    // These come under something.
    for policy in [
        r#"forbid (principal == User::"corp|mona", action, resource == Ledger::"main");"#,
        r#"forbid (principal in Role::"auditor", action, resource is Payment);"#,
        r#"forbid (principal, action, resource == Payment::"7");"#,
    ] {
        let bank = Bank::new();
        bank.write("policies/more.cedar", policy);
        assert_eq!(bank.findings(), [] as [&str; 0], "{policy}");
    }
}

#[test]
fn a_permit_of_everything_is_warned_of_once() {
    let bank = Bank::new();
    bank.write("policies/more.cedar", "permit (principal, action, resource);");
    let expected = "warning policies/more.cedar:1: policy `more.cedar:policy0` permits everything to everyone";
    assert_eq!(bank.findings(), [expected]);
}

#[test]
fn values_that_nothing_reads_are_warned_of() {
    let unread = |from: &str, to: &str| {
        let file = if MAKERS.contains(from) { "policies/makers.cedar" } else { "policies/staff.cedar" };
        let findings = Bank::new().replaced(file, from, to).findings();
        let [only] = findings.as_slice() else { panic!("{from}: {findings:#?}") };
        only.strip_prefix("warning gate.yaml: ").unwrap().to_owned()
    };
    let missing = "it may be missing, and no policy that this route asks reads it";
    assert_eq!(unread("when { context.body has note }", ""), format!("routes[1].body.note: {missing}"));
    assert_eq!(
        unread("when { context.http.query has draft && !context.http.query.draft }", ""),
        format!("routes[0].query.draft: {missing}")
    );
    assert_eq!(
        unread(r#"unless { context.http.headers has "x-trace" }"#, ""),
        format!("routes[0].headers.x-trace: {missing}")
    );
    assert_eq!(
        unread(r#"when { resource has colour && resource.colour == "red" }"#, ""),
        "routes[0].resource.attributes.colour: no policy reads it"
    );
    assert_eq!(
        unread(" && principal has department", ""),
        "providers.corp.principal.attributes.department: no policy reads it"
    );
}

#[test]
fn a_value_that_is_read_as_a_part_of_another_is_read() {
    let whole = "when { context.body == context.body }";
    let bank = Bank::new().replaced("policies/makers.cedar", "when { context.body has note }", whole);
    assert_eq!(bank.findings(), [] as [&str; 0]);
}

#[test]
fn roles_that_make_no_difference_are_warned_of() {
    let unread = "nothing depends on `Role::\"pilot\"`: no policy, no static entity and no constraint names it, or what it \
                  belongs to";
    let bank = Bank::new().replaced("gate.yaml", "auditor]", "auditor, pilot]");
    assert_eq!(bank.findings(), [format!("warning gate.yaml: providers.corp.parents[0].allow: {unread}")]);
    let constraint = |roles: &str| {
        let bank = Bank::new().replaced("gate.yaml", "roles: [maker, checker]", &format!("roles: [{roles}]"));
        bank.replaced("gate.yaml", "auditor]", "auditor, pilot]").findings()
    };
    let at = "warning gate.yaml: separation.static.maker-checker:";
    assert_eq!(
        constraint("maker, pilot"),
        [format!("{at} no policy knows `Role::\"pilot\"`: holding it permits and forbids nothing")]
    );
    assert_eq!(
        constraint("maker, staff")[1..],
        [format!("{at} whoever holds `Role::\"maker\"` holds 2 of the roles, so that nobody may hold it")]
    );
    let bank = Bank::new().replaced("gate.yaml", "allow: [maker, checker, auditor]", "allow: [maker, auditor]");
    assert_eq!(
        bank.findings(),
        [format!("{at} nobody can hold `Role::\"checker\"`: no token and no static entity leads to it")]
    );
}

#[test]
fn what_comes_from_elsewhere_without_tls_is_warned_of() {
    let with = |members: &str| {
        let local =
            "local_jwks: {inline: {keys: [{kty: oct, alg: HS256, k: cUFaTXZyTjhoUkt3M2s1ZFVqWXRQeDI3R2ZTc0NiVmU}]}}";
        Bank::new()
            .replaced("gate.yaml", "algorithms: [HS256]", "algorithms: [ES256]")
            .replaced("gate.yaml", local, members)
            .replaced("gate.yaml", "routes:\n", "secret: {env: SECRET}\nroutes:\n")
    };
    let client = "cluster: idp, client_id: gate, client_secret: {env: SECRET}";
    for (members, finding) in [
        (
            "remote_jwks: {uri: 'http://idp.example.com/jwks', cluster: idp}".to_owned(),
            "providers.corp.remote_jwks.uri: keys come without TLS: whoever is on the way can put others in their place",
        ),
        (
            format!("introspection: {{uri: 'http://idp.example.com/ask', {client}}}"),
            "providers.corp.introspection.uri: tokens go there without TLS: whoever is on the way sees them, and can answer \
             in the issuer's place",
        ),
        (
            "discovery: {cluster: idp}\n    revoked: {uri: 'http://idp.example.com/revoked', cluster: idp}".to_owned(),
            "providers.corp.revoked.uri: the list comes without TLS: whoever is on the way can leave out what is revoked",
        ),
    ] {
        assert_eq!(with(&members).findings(), [format!("warning gate.yaml: {finding}")]);
        for fine in ["https://idp.example.com", "http://localhost:8080", "http://127.0.0.1:80", "http://[::1]"] {
            assert_eq!(with(&members.replace("http://idp.example.com", fine)).findings(), [""; 0]);
        }
    }
    let bare_issuer = with("discovery: {cluster: idp}").replaced("gate.yaml", "https://idp", "http://idp");
    assert_eq!(
        bare_issuer.findings(),
        [
            "warning gate.yaml: providers.corp.issuer: keys come without TLS: whoever is on the way can put others in their place"
        ]
    );
}

#[test]
fn what_is_believed_for_days_without_its_issuer_is_warned_of() {
    let bank = |stale: &str| {
        let members = format!(
            "discovery: {{cluster: idp, max_stale: {stale}}}\n    \
             status_list: {{cluster: idp, uris: ['https://idp.example.com/'], max_stale: {stale}}}\n    \
             revoked: {{uri: 'https://idp.example.com/revoked', cluster: idp, max_stale: {stale}}}"
        );
        let local =
            "local_jwks: {inline: {keys: [{kty: oct, alg: HS256, k: cUFaTXZyTjhoUkt3M2s1ZFVqWXRQeDI3R2ZTc0NiVmU}]}}";
        Bank::new()
            .replaced("gate.yaml", "algorithms: [HS256]", "algorithms: [ES256]")
            .replaced("gate.yaml", local, &members)
            .replaced("gate.yaml", "routes:\n", "secret: {env: SECRET}\nroutes:\n")
    };
    assert_eq!(bank("1d").findings(), [""; 0]);
    let revoked = "a token that was revoked passes for 2d more where no newer answer can be had";
    assert_eq!(
        bank("2d").findings(),
        [
            "warning gate.yaml: providers.corp.discovery.max_stale: a key that the issuer has taken back verifies for 2d more \
             where no newer answer can be had"
                .to_owned(),
            format!("warning gate.yaml: providers.corp.revoked.max_stale: {revoked}"),
            format!("warning gate.yaml: providers.corp.status_list.max_stale: {revoked}"),
        ]
    );
}

#[test]
fn records_that_everybody_can_forge_are_warned_of() {
    let missing = "warning gate.yaml: secret: is missing: every plugin with the same `vm_id` can forge what workers share, which \
                   is keys and lists that were fetched, and used proofs";
    let shares =
        |member: &str| Bank::new().replaced("gate.yaml", "    principal:", &format!("    {member}\n    principal:"));
    let proofs = shares("sender_constraint: {dpop: optional}").replaced(
        "gate.yaml",
        "routes:\n",
        "credentials: {from_headers: [{name: authorization, schemes: [Bearer, DPoP]}]}\n\
         dpop: {public_origin: 'https://api.example.com'}\nroutes:\n",
    );
    let list = shares("revoked: {uri: 'https://idp.example.com/revoked', cluster: idp}");
    for bank in [proofs, list] {
        assert_eq!(bank.findings(), [missing]);
        assert_eq!(bank.replaced("gate.yaml", "routes:\n", "secret: {env: SECRET}\nroutes:\n").findings(), [""; 0]);
    }
}

#[test]
fn warnings_count_as_faults_if_that_is_wanted() {
    let bank = Bank::new().replaced("gate.yaml", "auditor]", "auditor, pilot]");
    let ran = bank.check(&["gate.yaml"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.ends_with("ok      gate.yaml, with 1 warning\n"), "{}", ran.out);
    assert_eq!(bank.check(&["gate.yaml", "--deny-warnings"]).code, 1);
    assert_eq!(Bank::new().check(&["gate.yaml", "--deny-warnings"]).code, 0);
}

#[test]
fn several_configurations_are_looked_at_and_the_worst_counts() {
    let bank = Bank::new();
    bank.write("bad.yaml", "{}");
    let both = bank.check(&["gate.yaml", "bad.yaml"]);
    assert_eq!(both.code, 1);
    assert!(both.out.starts_with("ok      gate.yaml\n"), "{}", both.out);
    assert!(both.out.contains("fault   bad.yaml: providers: is missing\n"), "{}", both.out);
    let all = bank.check(&["none.yaml", "gate.yaml", "bad.yaml"]);
    assert_eq!(all.code, 3, "what cannot be read is worse than what is wrong");
    assert!(all.out.contains("ok      gate.yaml\n") && all.out.contains("error   none.yaml: "), "{}", all.out);
}

#[test]
fn machines_get_files_lines_and_paths() {
    let bank = Bank::new().replaced("gate.yaml", "auditor]", "auditor, pilot]");
    bank.write("bad.yaml", "policies: {directory: nowhere}");
    let ran = bank.check(&["gate.yaml", "bad.yaml", "--format", "json"]);
    let checked: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(checked["ok"], false);
    assert_eq!(checked["checked"][0]["ok"], true);
    assert_eq!(checked["checked"][0]["faults"], json!([]));
    let warning = &checked["checked"][0]["warnings"][0];
    assert_eq!((&warning["file"], &warning["line"]), (&json!("gate.yaml"), &Value::Null));
    assert_eq!(warning["path"], "providers.corp.parents[0].allow");
    assert!(checked["checked"][1]["error"].as_str().unwrap().contains("nowhere"), "{checked}");
    let bank = Bank::new().replaced("policies/makers.cedar", "amount", "amont");
    let ran = bank.check(&["gate.yaml", "--format", "json"]);
    let checked: Value = serde_json::from_str(&ran.out).unwrap();
    let fault = &checked["checked"][0]["faults"][0];
    assert_eq!((&fault["file"], &fault["line"]), (&json!("policies/makers.cedar"), &json!(3)));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn what_ships_is_clean() {
    let file = "examples/envoy/envoy.yaml";
    let ran = check(&root(), &[file, "--deny-warnings"]);
    assert_eq!((ran.code, ran.out), (0, format!("ok      {file}\n")));
    let project = tempfile::tempdir().unwrap();
    let mut init = Command::new(env!("CARGO_BIN_EXE_cedar-gate"));
    assert!(init.args(["init", "--name", "notes"]).arg(project.path()).output().unwrap().status.success());
    let ran = check(project.path(), &["cedar-gate.yaml", "--deny-warnings"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "ok      cedar-gate.yaml\n"));
    for file in Scenario::find(root().join("policies")).expect("scenario files can be listed") {
        let scenario = Scenario::load(&file).expect("a scenario");
        let config = Config::load(scenario.start().configuration.to_string().as_bytes()).expect("a configuration");
        let findings: Vec<String> = config.warnings.iter().chain(&lint(&config)).map(ToString::to_string).collect();
        assert_eq!(findings, [] as [&str; 0], "{}", file.display());
    }
}

/// What a scenario's requests have shown about its configuration.
#[derive(Default)]
struct Shown {
    findings: Vec<String>,
    /// Policies that have applied.
    applied: BTreeSet<String>,
    /// Routes that somebody was permitted.
    permitted: BTreeSet<usize>,
}

#[test]
fn no_request_of_any_scenario_contradicts_a_warning() {
    let play = || {
        let mut refuted = 0;
        for folder in ["tests/scenarios", "policies"] {
            for file in Scenario::find(root().join(folder)).expect("scenario files can be listed") {
                refuted += observe(&file);
            }
        }
        refuted
    };
    // Policies may nest as deep as the filter in a gateway takes them, which has a stack of this size.
    let played = thread::Builder::new().stack_size(16 << 20).spawn(play).expect("a thread").join().expect("it ends");
    assert!(played > 300, "{played} policies and routes are too few for all scenarios");
}

/// Plays a scenario, and yields how much could have been contradicted.
fn observe(file: &Path) -> usize {
    let scenario = Scenario::load(file).expect("a scenario");
    let shown = RefCell::new(Shown::default());
    let observer = |seen: &Seen<'_>| {
        let mut shown = shown.borrow_mut();
        match seen {
            Seen::Started { config, .. } => shown.findings = findings(config),
            Seen::Request { notes } => shown.see(notes),
        }
    };
    let _ = scenario.play(&NativeHost::observed(&observer), &mut |_| ());
    let shown = shown.into_inner();
    for policy in &shown.applied {
        let never = format!("policy `{policy}` applies to no request");
        assert!(!shown.findings.iter().any(|finding| finding.contains(&never)), "{}: {never}", file.display());
    }
    for route in &shown.permitted {
        let never = format!("routes[{route}]: no policy can permit");
        assert!(!shown.findings.iter().any(|finding| finding.starts_with(&never)), "{}: {never}", file.display());
    }
    shown.applied.len() + shown.permitted.len()
}

fn findings(config: &Config) -> Vec<String> {
    lint(config).iter().map(ToString::to_string).collect()
}

impl Shown {
    fn see(&mut self, notes: &[Note]) {
        let mut here = None;
        for note in notes {
            match note {
                Note::Route { index, .. } => here = Some(*index),
                Note::Policies { policies } => {
                    let applied = policies.iter().filter(|policy| policy.applies());
                    self.applied.extend(applied.map(|policy| policy.id.clone()));
                }
                Note::Verdict { cause: None, .. } => self.permitted.extend(here),
                _ => {}
            }
        }
    }
}
