//! `cedar-gate explain`, as its users see it.
#![cfg(test)]

use std::cell::RefCell;
use std::fs;
use std::io::Write;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use cedar_gate_scenario::{Forge, Gateway, Host, Observed, Request, Scenario, Start, StartRefused};
use cedar_gate_testing::NativeHost;
use serde_json::{Value, json};
use tempfile::TempDir;

/// When requests are sent.
const NOW: i64 = 1_780_315_200;
const NOW_TEXT: &str = "2026-06-01T12:00:00Z";

const CONFIGURATION: &str = r#"
host: {body_before_headers: true}
providers:
  corp:
    issuer: https://idp.example.com/
    audiences: [https://api.example.com]
    algorithms: [ES256]
    local_jwks: {inline: {keys: [KEY]}}
    max_lifetime: 1h
    require_claims: [client_id]
    principal: {attributes: {department: {claim: dept, type: String}}}
    parents: [{claim: roles, type: Role, allow: [maker, checker]}]
    clients: {type: Client, when: {claim: sub, equals_claim: client_id}}
routes:
  - {methods: [GET], path: /healthz, access: public}
  - methods: [GET]
    path: "/payments/{id}"
    params: {id: integer}
    action: view
    resource: {type: Payment, id: "{id}"}
    query: {draft: {type: Boolean}}
  - methods: [POST]
    path: "/payments/{id}/approval"
    params: {id: integer}
    action: approve
    resource: {type: Payment, id: "{id}"}
    scopes: [payments:approve]
    body: {amount: {pointer: /amount, type: Long, required: true}}
separation: {static: [{id: maker-checker, roles: [maker, checker], at_most: 1}]}
forward: {headers: {x-subject: sub}}
policies: {directory: policies}
"#;

const SCHEMA: &str = r#"
entity Role;
entity User in [Role] = { department?: String };
entity Client in [Role];
entity Payment;
action view appliesTo { principal: [User, Client], resource: [Payment], context: { http: { query: { draft?: Bool } } } };
action approve appliesTo { principal: [User], resource: [Payment], context: { body: { amount: Long } } };
"#;

const CHECKERS: &str = r#"// Who may approve.
@id("checkers-approve")
@reason("Checkers approve what is small.")
permit (principal in Role::"checker", action == Action::"approve", resource)
when { context.body.amount > 0 }
when {
    // Larger ones take two.
    context.body.amount <= 1000
};

@id("not-from-outside")
forbid (principal, action == Action::"approve", resource)
unless { principal has department && principal.department == "finance" };
"#;

const READERS: &str = r#"
permit (principal in Role::"maker", action == Action::"view", resource)
unless { context.http.query has draft && context.http.query.draft };
"#;

/// A folder of a user, and tokens for it.
struct Bank {
    folder: TempDir,
    forge: Forge,
}

/// What a command has left behind.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Bank {
    fn new() -> Self {
        let curve = json!({"kty": "EC", "crv": "P-256"});
        let forge = Forge::new().with_key("corp", curve.clone()).unwrap().with_key("forger", curve).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("policies")).unwrap();
        let bank = Self { folder, forge };
        let key = bank.forge.keys().public_jwk("corp").unwrap();
        bank.write("gate.yaml", &CONFIGURATION.replace("KEY", &key.to_string()));
        bank.write("policies/schema.cedarschema", SCHEMA);
        bank.write("policies/checkers.cedar", CHECKERS);
        bank.write("policies/readers.cedar", READERS);
        bank
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn replace(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.folder.path().join(name)).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        self.write(name, &text.replace(from, to));
    }

    /// A token of the corporation, changed as JSON Merge Patch says.
    fn token(&self, changes: &Value) -> String {
        let mut description = json!({
            "key": "corp",
            "alg": "ES256",
            "claims": {
                "iss": "https://idp.example.com/", "aud": "https://api.example.com", "sub": "carl", "client_id": "web",
                "iat": {"$now": 0}, "exp": {"$now": 300}, "scope": "payments:approve", "roles": ["checker", "pilot"],
                "dept": "finance",
            },
        });
        merge(&mut description, changes);
        self.forge.mint(&description, NOW).unwrap()
    }

    fn run(&self, arguments: &[&str], input: &str) -> Ran {
        ran(
            Command::new(env!("CARGO_BIN_EXE_cedar-gate"))
                .current_dir(self.folder.path())
                .arg("explain")
                .args(arguments),
            input,
        )
    }

    /// Explains a request with a token, given by flags.
    fn explain(&self, flags: &[&str], token: &str) -> Explained {
        let all = [&["gate.yaml", "--now", NOW_TEXT, "--token", "-", "--format", "json"], flags].concat();
        let ran = self.run(&all, token);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        assert!(!ran.out.contains(token) || token.is_empty(), "the token is shown: {}", ran.out);
        Explained::all(&ran.out).remove(0)
    }

    /// Explains an approval of this amount.
    fn approval(&self, amount: i64, token: &Value) -> Explained {
        let body = json!({ "amount": amount }).to_string();
        self.explain(&["--method", "POST", "--path", "/payments/7/approval", "--body", &body], &self.token(token))
    }
}

fn merge(into: &mut Value, changes: &Value) {
    match (into, changes) {
        (Value::Object(members), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(members.entry(name).or_insert(Value::Null), change);
            }
        }
        (into, change) => *into = change.clone(),
    }
}

fn ran(command: &mut Command, input: &str) -> Ran {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    // Whoever does not read its input has ended, and says so.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().expect("the command ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// One explanation, for machines.
struct Explained(Value);

impl Explained {
    fn all(out: &str) -> Vec<Self> {
        let value: Value = serde_json::from_str(out).expect("one JSON value");
        value["explained"].as_array().unwrap().iter().cloned().map(Self).collect()
    }

    fn cause(&self) -> Option<&str> {
        self.0["cause"].as_str()
    }

    fn note(&self, name: &str) -> &Value {
        let found = self.0["notes"].as_array().unwrap().iter().find(|note| note["note"] == name);
        found.unwrap_or_else(|| panic!("there is no note `{name}`: {:#}", self.0["notes"]))
    }

    fn step(&self, title: &str) -> &Value {
        let found = self.steps().find(|step| step["title"] == title);
        found.unwrap_or_else(|| panic!("there is no step `{title}`: {:#}", self.0["steps"]))
    }

    fn steps(&self) -> impl Iterator<Item = &Value> {
        self.0["steps"].as_array().unwrap().iter()
    }

    /// The titles of the steps that are marked as bad, the decision not counted.
    fn blamed(&self) -> Vec<&str> {
        let bad = self.steps().filter(|step| step["mark"] == "bad" && step["title"] != "decision");
        bad.map(|step| step["title"].as_str().unwrap()).collect()
    }

    /// The details of a step, each with its mark before it.
    fn details(&self, title: &str) -> Vec<String> {
        let mark = |detail: &Value| match detail["mark"].as_str() {
            Some("good") => '+',
            Some("bad") => '-',
            _ => ' ',
        };
        let details = self.step(title)["details"].as_array().unwrap().iter();
        details.map(|detail| format!("{} {}", mark(detail), detail["text"].as_str().unwrap())).collect()
    }
}

#[test]
fn a_decision_is_told_from_the_credential_to_the_policy() {
    let explained = Bank::new().approval(500, &json!({}));
    assert_eq!(explained.0["decision"], "allow");
    let titles: Vec<&str> = explained.steps().map(|step| step["title"].as_str().unwrap()).collect();
    let expected = [
        "request",
        "host",
        "path",
        "route",
        "credential",
        "token",
        "provider",
        "signature",
        "audience",
        "time",
        "lifetime",
        "claims",
        "claims",
        "principal",
        "separation",
        "scopes",
        "body",
        "question",
        "policies",
        "verdict",
        "decision",
        "upstream",
    ];
    assert_eq!(titles, expected);
    assert_eq!(
        explained.details("principal"),
        [
            r#"  in Role::"checker", by roles"#,
            r#"  not in Role::"pilot", which `allow` does not name"#,
            "  through the client web",
            "  granted scopes: payments:approve",
        ]
    );
    assert_eq!(
        explained.details("policies"),
        [
            "+ permit checkers-approve (checkers.cedar:2) applies",
            "+ when { context.body.amount > 0 }",
            "+ when { context.body.amount <= 1000 }",
            "  forbid not-from-outside (checkers.cedar:11) does not apply",
            r#"- unless { principal has department && principal.department == "finance" }"#,
            "  not asked: readers.cedar:policy0",
        ]
    );
    assert_eq!(explained.step("verdict")["text"], "permit, by checkers-approve");
    assert_eq!(explained.details("verdict"), ["  Checkers approve what is small."]);
    assert_eq!(explained.note("principal")["parents"][0]["left_out"], json!(["pilot"]));
}

#[test]
fn people_get_numbered_steps() {
    let bank = Bank::new();
    let arguments = ["gate.yaml", "--path", "/payments/7", "--token", "-", "--now", NOW_TEXT];
    let ran = bank.run(&arguments, &bank.token(&json!({"claims": {"roles": ["maker"]}})));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines[0], "GET /payments/7 on localhost: allowed");
    assert!(lines.contains(&" 8 ✓ signature   holds, by the key `corp`"), "{}", ran.out);
    assert!(lines.contains(&"                 · exp 2026-06-01T12:05:00Z, in 5m"), "{}", ran.out);
    assert!(lines.contains(&r#"                 · principal User::"corp|carl""#), "{}", ran.out);
    assert!(!ran.out.contains('\u{1b}'), "colours are for terminals");
}

#[test]
fn the_condition_that_fails_is_shown_and_those_behind_it_are_not_reached() {
    let bank = Bank::new();
    let too_much = bank.approval(5000, &json!({}));
    assert_eq!((too_much.cause(), too_much.blamed()), (Some("policy_denied"), vec!["verdict"]));
    assert_eq!(too_much.step("verdict")["text"], "no policy permits this");
    assert_eq!(
        too_much.details("policies")[..3],
        [
            "  permit checkers-approve (checkers.cedar:2) does not apply",
            "+ when { context.body.amount > 0 }",
            "- when { context.body.amount <= 1000 }"
        ]
    );
    let nothing = bank.approval(0, &json!({}));
    assert_eq!(
        nothing.details("policies")[1..3],
        ["- when { context.body.amount > 0 }", "  when { context.body.amount <= 1000 } (not reached)"]
    );
}

#[test]
fn a_forbid_that_applies_is_named_before_the_permit_that_it_overrules() {
    let explained = Bank::new().approval(500, &json!({"claims": {"dept": "sales"}}));
    assert_eq!(explained.step("verdict")["text"], "forbid, by not-from-outside");
    let policies = explained.details("policies");
    assert_eq!(policies.iter().filter(|line| line.contains("applies")).count(), 2, "{policies:?}");
    assert!(policies.contains(&"- forbid not-from-outside (checkers.cedar:11) applies".to_owned()), "{policies:?}");
}

#[test]
fn a_scope_that_does_not_match_says_which_line_of_it() {
    let explained = Bank::new().approval(500, &json!({"claims": {"roles": ["maker"]}}));
    assert_eq!(
        explained.details("policies")[..2],
        ["  permit checkers-approve (checkers.cedar:2) does not apply", r#"- principal in Role::"checker""#]
    );
}

#[test]
fn the_step_that_refuses_is_the_one_that_is_marked() {
    let bank = Bank::new();
    let claims = |claims: Value| bank.token(&json!({ "claims": claims }));
    for (token, cause, step) in [
        ("a b".to_owned(), "credential_malformed", "credential"),
        ("a.b.c".to_owned(), "token_malformed", "token"),
        (bank.token(&json!({"header": {"crit": ["exp"]}})), "token_critical", "token"),
        (bank.token(&json!({"header": {"typ": "id+jwt"}})), "token_type_not_allowed", "provider"),
        (bank.token(&json!({"header": {"alg": "ES384"}})), "algorithm_not_allowed", "provider"),
        (bank.token(&json!({"header": {"kid": "another"}})), "key_unknown", "key"),
        (bank.token(&json!({"sign_with": "forger"})), "signature_invalid", "signature"),
        (claims(json!({"iss": "https://idp.example.org/"})), "issuer_unknown", "provider"),
        (claims(json!({"aud": "https://another.example.com"})), "audience_mismatch", "audience"),
        (claims(json!({"exp": {"$now": -60}})), "token_expired", "time"),
        (claims(json!({"nbf": {"$now": 60}})), "token_not_yet_valid", "time"),
        (claims(json!({"exp": "soon"})), "claim_invalid", "time"),
        (claims(json!({"exp": {"$now": 4000}})), "token_lifetime_too_long", "lifetime"),
        (claims(json!({"client_id": null})), "claim_missing", "claims"),
        (claims(json!({"roles": "checker"})), "claim_invalid", "claims"),
        (claims(json!({"cnf": {"jkt": "x"}})), "binding_unverified", "binding"),
        (claims(json!({"roles": ["maker", "checker"]})), "separation_static", "separation"),
        (claims(json!({"scope": "payments:read"})), "scope_insufficient", "scopes"),
    ] {
        let arguments = ["--method", "POST", "--path", "/payments/7/approval", "--body", r#"{"amount": 5}"#];
        let explained = bank.explain(&arguments, &token);
        assert_eq!((explained.cause(), explained.blamed()), (Some(cause), vec![step]), "{:#}", explained.0["steps"]);
    }
    let without = bank.run(&["gate.yaml", "--path", "/payments/7", "--format", "json"], "");
    let without = Explained::all(&without.out).remove(0);
    assert_eq!((without.cause(), without.blamed()), (Some("credential_missing"), vec!["credential"]));
    let token = bank.token(&json!({}));
    for (flags, cause, step) in [
        (["--path", "/payments//7", "--method", "GET"], "path_malformed", "path"),
        (["--path", "/payments/7", "--host", "a b"], "host_malformed", "host"),
        (["--path", "/payments/7", "--header", "connection: authorization"], "header_malformed", "meaning"),
        (["--path", "/payments/7?_method=PUT", "--method", "GET"], "query_invalid", "meaning"),
        (["--path", "/payment/7", "--method", "GET"], "no_route", "route"),
        (["--path", "/payments/07", "--method", "GET"], "parameter_invalid", "route"),
        (["--path", "/payments/7?draft=perhaps", "--method", "GET"], "query_invalid", "query"),
        (["--path", "/payments/7", "--now", "1999-01-01T00:00:00Z"], "clock_unreliable", "clock"),
    ] {
        let all = [&["gate.yaml", "--token", "-", "--format", "json"], flags.as_slice()].concat();
        let all = if flags.contains(&"--now") { all } else { [all.as_slice(), &["--now", NOW_TEXT]].concat() };
        let ran = bank.run(&all, &token);
        let explained = Explained::all(&ran.out).remove(0);
        assert_eq!((explained.cause(), explained.blamed()), (Some(cause), vec![step]), "{:#}", explained.0["steps"]);
    }
    for (body, cause) in [("{}", "body_invalid"), (r#"{"amount": "5"}"#, "body_invalid"), ("amount", "body_invalid")] {
        let arguments = ["--method", "POST", "--path", "/payments/7/approval", "--body", body];
        let explained = bank.explain(&arguments, &token);
        assert_eq!((explained.cause(), explained.blamed()), (Some(cause), vec!["body"]), "{:#}", explained.0["steps"]);
    }
}

#[test]
fn a_request_without_a_route_is_told_of_similar_ones() {
    let bank = Bank::new();
    let near = |flags: &[&str]| bank.explain(flags, "a.b.c").details("route");
    assert_eq!(
        near(&["--path", "/payments/7", "--method", "DELETE"])[0],
        "- GET /payments/{id}: the path is right, the method is not"
    );
    assert_eq!(near(&["--path", "/payments/x7"])[0], "- GET /payments/{id}: `id` is a integer, and `x7` is none");
    assert!(
        near(&["--path", "/payments/7/refusal", "--method", "POST"])
            .contains(&"  POST /payments/{id}/approval: the first 2 segments are the same".to_owned())
    );
}

#[test]
fn a_public_route_asks_nobody() {
    let explained = Bank::new().explain(&["--path", "/healthz"], "a.b.c");
    assert_eq!(explained.0["decision"], "allow");
    assert!(explained.step("route")["text"].as_str().unwrap().contains("public"), "{:#}", explained.0);
    assert!(explained.steps().all(|step| step["title"] != "credential"), "{:#}", explained.0);
}

#[test]
fn claims_are_signed_with_a_made_up_key_and_that_is_said() {
    let bank = Bank::new();
    let claims = "{sub: mona, client_id: web, roles: [maker]}";
    let explain = |flags: &[&str]| bank.run(&[&["gate.yaml", "--path", "/payments/7"], flags].concat(), "");
    let ran = explain(&["--claims", claims]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.starts_with("GET /payments/7 on localhost: allowed\n"), "{}", ran.out);
    assert!(ran.out.contains("made up for this explanation"), "{}", ran.out);
    bank.write("mona.yaml", claims);
    assert!(explain(&["--claims", "mona.yaml"]).out.contains(": allowed\n"));
    let elsewhere = explain(&["--claims", "{iss: https://idp.example.org/, sub: mona}"]);
    assert_eq!(elsewhere.code, 3);
    assert!(elsewhere.err.contains("which is no provider's"), "{}", elsewhere.err);
    let named = explain(&["--claims", "{iss: https://idp.example.org/, sub: mona}", "--provider", "corp"]);
    assert!(named.out.contains("refused, issuer_unknown"), "{}", named.out);
    let nobody = explain(&["--claims", claims, "--provider", "partner"]);
    assert!(nobody.code == 3 && nobody.err.contains("there is no `partner`, but corp"), "{}", nobody.err);
}

#[test]
fn claims_are_taken_as_they_are() {
    // An explanation of claims must not add to them what would change the decision.
    let bank = Bank::new();
    let explain = |claims: &Value| {
        let claims = claims.to_string();
        let ran = bank.run(&["gate.yaml", "--path", "/payments/7", "--claims", &claims, "--format", "json"], "");
        Explained::all(&ran.out).remove(0)
    };
    let odd = json!({"sub": "{now+5}\\x41\\\\", "client_id": {"$now": 5}});
    assert_eq!(explain(&odd).note("claims")["claims"][0]["value"], odd["sub"]);
    assert_eq!(explain(&odd).note("claims")["claims"][1]["value"], odd["client_id"]);
    let soon = json!({"sub": "mona", "client_id": "web", "exp": "soon"});
    assert_eq!(explain(&soon).cause(), Some("claim_invalid"));
}

#[test]
fn a_policy_that_errs_says_so() {
    let bank = Bank::new();
    bank.write("policies/readers.cedar", r#"permit (principal, action == Action::"view", resource) when { 9223372036854775807 + (if principal is User then 1 else 0) > 0 };"#);
    let explained = bank.explain(&["--path", "/payments/7"], &bank.token(&json!({})));
    assert_eq!((explained.cause(), explained.blamed()), (Some("policy_error"), vec!["verdict"]));
    let policies = explained.details("policies");
    assert_eq!(policies[0], "- permit readers.cedar:policy0 (readers.cedar:1) cannot be evaluated");
    assert!(policies[1].contains("integer overflow"), "{policies:?}");
}

#[test]
fn a_principal_of_another_type_is_not_asked_about() {
    let explained = Bank::new().approval(500, &json!({"claims": {"sub": "web"}}));
    assert!(explained.step("principal")["text"].as_str().unwrap().contains("a client"), "{:#}", explained.0["steps"]);
    assert_eq!(explained.step("policies")["text"], "none is about this action and this type of principal");
}

#[test]
fn in_shadow_mode_a_refusal_is_recorded_and_the_request_goes_on() {
    let bank = Bank::new();
    bank.replace("gate.yaml", "host:", "mode: shadow\nhost:");
    let explained = bank.approval(5000, &json!({}));
    assert_eq!((explained.cause(), explained.blamed()), (Some("policy_denied"), vec!["verdict"]));
    let decision = explained.step("decision")["text"].as_str().unwrap();
    assert!(decision.contains("in the mode `shadow` the request goes on"), "{decision}");
    assert_eq!(explained.details("upstream"), ["  x-subject, made of the claim sub"]);
}

#[test]
fn nothing_in_an_explanation_moves_a_terminal() {
    let bank = Bank::new();
    let claims = json!({"sub": "mona", "client_id": "web", "roles": ["maker", "\u{1b}[2J\u{202e}"]}).to_string();
    let ran = bank.run(&["gate.yaml", "--path", "/payments/7", "--claims", &claims, "--header", "x: \u{1b}[1m"], "");
    assert!(ran.out.contains(r"\u{1b}[2J"), "{}", ran.out);
    assert!(!ran.out.contains(['\u{1b}', '\u{202e}']), "{}", ran.out);
}

#[test]
fn a_token_is_not_shown_where_it_does_not_belong() {
    let bank = Bank::new();
    let token = bank.token(&json!({}));
    for path in [format!("/payments/{token}"), format!("/payments/7?token={token}"), format!("/{token}/approval")] {
        for format in ["text", "json"] {
            let ran = bank.run(&["gate.yaml", "--path", &path, "--token", "-", "--format", format], &token);
            let parts = token.split('.').filter(|part| ran.out.contains(part));
            assert_eq!(parts.collect::<Vec<_>>(), [] as [&str; 0], "{}", ran.out);
        }
    }
}

/// An audit record, as the filter itself writes it.
fn record(bank: &Bank, amount: i64) -> Value {
    bank.approval(amount, &json!({})).0["record"].clone()
}

fn of_record(bank: &Bank, log: &str, flags: &[&str]) -> Vec<Explained> {
    let ran = bank.run(&[&["gate.yaml", "--audit", "-", "--format", "json"], flags].concat(), log);
    assert_eq!(ran.code, 0, "{}", ran.out);
    Explained::all(&ran.out)
}

#[test]
fn a_record_is_explained_with_the_policies_behind_it() {
    let bank = Bank::new();
    let log = format!("[2026-06-01 12:00:00.000][20][info][wasm] wasm log cedar-gate: {}\n", record(&bank, 500));
    let explained = of_record(&bank, &log, &[]).remove(0);
    assert_eq!(explained.step("policy set")["mark"], "good");
    assert_eq!(explained.step("question")["text"], r#"Action::"approve" on Payment::"7""#);
    assert_eq!(explained.step("principal")["text"], r#"User::"corp|carl""#);
    assert_eq!(
        explained.details("policies"),
        [
            "  permit checkers-approve (checkers.cedar:2)",
            r#"  principal in Role::"checker""#,
            r#"  action == Action::"approve""#,
            "  when { context.body.amount > 0 }",
            "  when { context.body.amount <= 1000 }",
            "  reason: Checkers approve what is small.",
        ]
    );
    let unknown = explained.details("not known");
    assert!(
        unknown[0].contains("--method POST --path /payments/7/approval --now 2026-06-01T12:00:00.000Z"),
        "{unknown:?}"
    );
}

#[test]
fn a_record_that_no_policy_permitted_names_those_that_could_have() {
    let bank = Bank::new();
    let explained = of_record(&bank, &record(&bank, 5000).to_string(), &[]).remove(0);
    assert_eq!(explained.step("policies")["text"], "none permitted this; those that could have:");
    assert_eq!(explained.details("policies")[0], "  permit checkers-approve (checkers.cedar:2)");
    let decision = explained.step("decision")["text"].as_str().unwrap();
    assert_eq!(decision, "refused, policy_denied: No policy permits the request, or one forbids it.");
}

#[test]
fn a_record_of_another_policy_set_is_told_from_one_of_this() {
    let bank = Bank::new();
    let record = record(&bank, 500);
    bank.replace("policies/checkers.cedar", "checkers-approve", "checkers-approve-little");
    let explained = of_record(&bank, &record.to_string(), &[]).remove(0);
    assert_eq!(explained.step("policy set")["mark"], "bad");
    assert_eq!(explained.details("policies")[0], "  checkers-approve, which this configuration does not have");
}

#[test]
fn one_record_of_many_is_found_by_its_decision() {
    let bank = Bank::new();
    let (mut one, mut other) = (record(&bank, 500), record(&bank, 5000));
    one["decision_id"] = json!("1f");
    other["decision_id"] = json!("2e");
    let log = format!("{one}\nsomething else {{\n{other}\n");
    assert_eq!(of_record(&bank, &log, &[]).len(), 2);
    let found = of_record(&bank, &log, &["--decision", "2e"]);
    assert_eq!((found.len(), found[0].cause()), (1, Some("policy_denied")));
    let missing = bank.run(&["gate.yaml", "--audit", "-", "--decision", "3d"], &log);
    assert!(missing.code == 3 && missing.err.contains("decision id `3d`"), "{}", missing.err);
}

#[test]
fn what_cannot_be_explained_ends_with_3() {
    let bank = Bank::new();
    for (arguments, message) in [
        (vec!["none.yaml", "--path", "/"], "none.yaml"),
        (vec!["gate.yaml", "--path", "/", "--token", "none.jwt"], "none.jwt"),
        (vec!["gate.yaml", "--path", "/", "--token", "-"], "has no token"),
        (vec!["gate.yaml", "--path", "/", "--claims", "[sub]"], "--claims: is neither an object of claims nor a file"),
        (vec!["gate.yaml", "--audit", "gate.yaml"], "has no audit record"),
        (vec!["--scenario", "none.yaml"], "none.yaml"),
    ] {
        let ran = bank.run(&arguments, "");
        assert!(ran.code == 3 && ran.err.contains(message), "{arguments:?}: {} {}", ran.code, ran.err);
    }
    bank.replace("gate.yaml", "algorithms: [ES256]", "algorithms: [ES257]");
    let refused = bank.run(&["gate.yaml", "--path", "/"], "");
    assert_eq!(refused.code, 3);
    assert!(refused.err.contains("providers.corp.algorithms[0]: `ES257` is none of"), "{}", refused.err);
    assert_eq!(bank.run(&["gate.yaml"], "").code, 2, "a request has a path");
}

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn a_request_of_a_scenario_is_found_by_its_name_and_by_its_number() {
    let file = scenarios().join("tests/scenarios/requests/a_payment_goes_through_its_hands.yaml");
    let explain = |request: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cedar-gate"));
        ran(command.args(["explain", "--request", request, "--scenario"]).arg(&file), "")
    };
    let title = |ran: &Ran| ran.out.lines().next().unwrap_or_default().to_owned();
    assert_eq!(title(&explain("3")), "3. a maker submits a payment: allowed");
    assert_eq!(title(&explain("a maker submits a payment")), "3. a maker submits a payment: allowed");
    let unknown = explain("99");
    assert_eq!(unknown.code, 3);
    assert!(unknown.err.contains("there is no request `99`; there are:\n  1  "), "{}", unknown.err);
}

/// What a gateway decided about the requests of a scenario, and the credentials that they had.
struct Played {
    records: Vec<Value>,
    tokens: Vec<String>,
}

/// The core, with whatever is sent to it written down.
struct Recorder(RefCell<Vec<Request>>);

struct RecorderGateway<'r>(Box<dyn Gateway + 'r>, &'r RefCell<Vec<Request>>);

impl Host for Recorder {
    fn name(&self) -> &'static str {
        NativeHost.name()
    }

    fn start(&self, start: &Start) -> Result<Box<dyn Gateway + '_>, StartRefused> {
        Ok(Box::new(RecorderGateway(NativeHost.start(start)?, &self.0)))
    }
}

impl Gateway for RecorderGateway<'_> {
    fn now(&self) -> i64 {
        self.0.now()
    }

    fn advance(&mut self, seconds: u64) {
        self.0.advance(seconds);
    }

    fn services_changed(&mut self) -> anyhow::Result<()> {
        self.0.services_changed()
    }

    fn send_together(&mut self, requests: &[Request]) -> anyhow::Result<Vec<Observed>> {
        self.1.borrow_mut().extend_from_slice(requests);
        self.0.send_together(requests)
    }
}

fn play(scenario: &Scenario) -> Played {
    let recorder = Recorder(RefCell::default());
    let mut records = Vec::new();
    let _ = scenario.play(&recorder, &mut |played| records.extend(played.observed.audit.last().cloned()));
    let sent = recorder.0.into_inner();
    let values = sent.iter().flat_map(|request| &request.headers).map(|(_, value)| String::from_utf8_lossy(value));
    // Parts of a token that are long enough to be told from other words.
    let parts = values.flat_map(|value| value.split([' ', ',', '.']).map(str::to_owned).collect::<Vec<_>>());
    let tokens = parts.filter(|part| part.len() >= 24 && !part.contains(['/', ':'])).collect();
    Played { records, tokens }
}

#[test]
fn what_is_explained_is_what_was_decided_in_every_scenario_and_no_token_is_shown() {
    let files = ["tests/scenarios", "policies"].map(|folder| Scenario::find(scenarios().join(folder)));
    let files: Vec<PathBuf> =
        files.into_iter().flat_map(|found| found.expect("scenario files can be listed")).collect();
    let (next, explained) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(file) = files.get(next.fetch_add(1, Ordering::SeqCst)) {
            let scenario = Scenario::load(file).expect("a scenario");
            if !scenario.must_be_refused() && scenario.is_for("native") {
                explained.fetch_add(agree(file, &play(&scenario)), Ordering::SeqCst);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            // Policies may nest as deep as the filter in a gateway takes them, which has a stack of this size.
            thread::Builder::new().stack_size(16 << 20).spawn_scoped(scope, work).expect("a thread");
        }
    });
    let explained = explained.into_inner();
    assert!(explained > 1000, "{explained} requests are too few for all scenarios");
}

/// Compares, and yields the number of requests.
fn agree(file: &Path, played: &Played) -> usize {
    let explain = |format: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cedar-gate"));
        let ran = ran(command.args(["explain", "--format", format, "--scenario"]).arg(file), "");
        assert_eq!(ran.code, 0, "{}: {}{}", file.display(), ran.out, ran.err);
        for token in &played.tokens {
            assert!(!ran.out.contains(token), "{}: {token} is shown", file.display());
        }
        ran.out
    };
    let json = explain("json");
    // Both formats are made of the same texts, so the other one is of interest where something had to be hidden.
    if json.contains("[token]") {
        assert!(explain("text").contains("[token]"), "{}", file.display());
    }
    let explained = Explained::all(&json);
    assert_eq!(explained.len(), played.records.len(), "{}", file.display());
    for (one, record) in explained.iter().zip(&played.records) {
        let at = format!("{}: {}", file.display(), one.0["request"]);
        let outcome = one.note("outcome");
        for name in ["decision", "mode"] {
            assert_eq!(outcome[name], record[name], "{at}");
        }
        assert_eq!(outcome["cause"], *record.get("cause").unwrap_or(&Value::Null), "{at}");
        assert_eq!(one.blamed().len(), usize::from(record["decision"] == "deny"), "{at}: {:#}", one.0["steps"]);
        inspections_agree(&at, one, record);
        // Which claim it is stands in no record, and is what one wants to know.
        if one.blamed() == ["claims"] {
            let steps = one.steps().filter(|step| step["mark"] == "bad" && step["title"] == "claims");
            let details = steps.flat_map(|step| step["details"].as_array().unwrap());
            let bad = details.filter(|detail| detail["mark"] == "bad").count();
            assert!(bad > 0, "{at}: {:#}", one.0["steps"]);
        }
    }
    explained.len()
}

/// The policies that apply, each asked by itself, are those that Cedar says determined the decision.
fn inspections_agree(at: &str, one: &Explained, record: &Value) {
    let notes = one.0["notes"].as_array().unwrap();
    let Some(inspected) = notes.iter().find(|note| note["note"] == "policies") else { return };
    let applying = |effect: &str| {
        let policies = inspected["policies"].as_array().unwrap().iter();
        let applying = policies.filter(|policy| {
            let held = policy["conditions"].as_array().unwrap().iter().all(|condition| condition["outcome"] == "held");
            policy["effect"] == effect && policy["scope"] == true && held
        });
        applying.map(|policy| policy["id"].clone()).collect::<Vec<_>>()
    };
    let (permits, forbids) = (applying("permit"), applying("forbid"));
    let expected = if forbids.is_empty() { permits } else { forbids };
    assert_eq!(json!(expected), record["policies"], "{at}");
    let errs = |policy: &Value| {
        let reached = policy["conditions"].as_array().unwrap().iter().filter(|condition| condition["reached"] == true);
        reached.into_iter().any(|condition| condition["outcome"].get("erred").is_some())
    };
    let errors = inspected["policies"].as_array().unwrap().iter().filter(|policy| errs(policy)).count();
    assert_eq!(errors, record["errors"].as_array().map_or(0, Vec::len), "{at}");
}
