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
fn a_forbid_that_asks_for_something_says_what() {
    let bank = Bank::new();
    let asking = r#"@id("not-from-outside") @challenge("insufficient_user_authentication") @acr_values("phr mfa") @max_age("60")"#;
    bank.replace("policies/checkers.cedar", r#"@id("not-from-outside")"#, asking);
    let explained = bank.approval(500, &json!({"claims": {"dept": "sales"}}));
    assert_eq!(explained.cause(), Some("step_up_required"));
    assert_eq!(
        explained.details("verdict"),
        ["  the sender is asked for acr_values `phr mfa`", "  the sender is asked for max_age `60`"]
    );
}

#[test]
fn a_token_is_put_where_the_configuration_has_a_place_for_it() {
    let token = |bank: &Bank| bank.token(&json!({"claims": {"roles": ["maker"]}}));
    for (places, step) in [
        ("from_cookies: [{name: session}]", "the cookie session"),
        ("from_params: [{name: access_token}]", "the query parameter access_token"),
    ] {
        let bank = Bank::new();
        bank.replace("gate.yaml", "forward: {", &format!("credentials: {{{places}}}\nforward: {{token: remove, "));
        let explained = bank.explain(&["--path", "/payments/7?draft=false"], &token(&bank));
        assert_eq!(explained.0["decision"], "allow", "{places}");
        assert_eq!(explained.step("credential")["text"], step);
        let upstream = explained.details("upstream");
        assert!(!upstream.is_empty(), "{places}");
    }
}

#[test]
fn what_browsers_ask_and_what_the_filter_answers_itself_is_told() {
    let bank = Bank::new();
    bank.replace("gate.yaml", "    action: view\n", "    action: view\n    cors: true\n");
    bank.replace("gate.yaml", "forward: {", "resource_metadata: {resource: https://api.example.com}\nforward: {");
    let explain = |flags: &[&str]| {
        let ran = bank.run(&[&["gate.yaml", "--now", NOW_TEXT, "--format", "json"], flags].concat(), "");
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        Explained::all(&ran.out).remove(0)
    };
    let headers = ["--header", "origin: https://app.example.com", "--header", "access-control-request-method: GET"];
    let asked = explain(&[&["--method", "OPTIONS", "--path", "/payments/7"], &headers[..]].concat());
    assert_eq!(asked.0["decision"], "allow");
    assert_eq!(asked.step("route")["text"], "GET /payments/{id}, which a browser asks about before it uses it");
    let metadata = explain(&["--path", "/.well-known/oauth-protected-resource"]);
    assert_eq!(metadata.0["decision"], "allow");
    let url = "https://api.example.com/.well-known/oauth-protected-resource, which the filter itself has";
    assert_eq!(metadata.step("metadata")["text"], url);
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

impl Bank {
    /// Puts something in the place of the provider's keys in the configuration, and the keys into a file.
    fn without_local_keys(&self, instead: &str) {
        let jwks = json!({"keys": [self.forge.keys().public_jwk("corp").unwrap()]});
        self.replace(
            "gate.yaml",
            &format!("local_jwks: {{inline: {jwks_keys}}}", jwks_keys = yaml_keys(&jwks)),
            instead,
        );
        self.write("jwks.json", &jwks.to_string());
    }

    /// Adds a line to the provider.
    fn add(&self, line: &str) {
        self.replace("gate.yaml", "    max_lifetime: 1h\n", &format!("    max_lifetime: 1h\n    {line}\n"));
    }

    /// Lets the provider's tokens be bound to keys.
    fn take_proofs(&self) {
        self.add("sender_constraint: {dpop: optional}");
        self.replace(
            "gate.yaml",
            "routes:",
            "credentials: {from_headers: [{name: authorization, schemes: [Bearer, DPoP]}]}\n\
             dpop: {public_origin: \"https://api.example.com\"}\nroutes:",
        );
    }

    fn remarks(explained: &Explained) -> Vec<&str> {
        explained.0["remarks"].as_array().unwrap().iter().map(|remark| remark.as_str().unwrap()).collect()
    }
}

/// The keys as the configuration has them.
fn yaml_keys(jwks: &Value) -> String {
    format!("{{keys: {}}}", jwks["keys"])
}

#[test]
fn keys_that_would_be_fetched_are_given_by_a_file() {
    let bank = Bank::new();
    bank.without_local_keys("remote_jwks: {uri: 'https://idp.example.com/jwks?a=b', cluster: idp}");
    let path = ["--path", "/payments/7"];
    let nothing = bank.explain(&path, &bank.token(&json!({})));
    assert_eq!((nothing.cause(), nothing.blamed()), (Some("not_settled"), vec!["keys"]));
    let keys = "waits for the keys, by https://idp.example.com/jwks?a=b";
    assert_eq!(nothing.step("keys")["text"], keys);
    assert!(Bank::remarks(&nothing).contains(&"  https://idp.example.com/jwks?a=b (by the cluster `idp`)"));
    assert_eq!(Bank::remarks(&nothing).last(), Some(&"With --answer URI=FILE, a file stands for what comes back."));

    let answer = ["--answer", "https://idp.example.com/jwks?a=b=jwks.json"];
    let explained = bank.explain(&[path, answer].concat(), &bank.token(&json!({"claims": {"roles": ["maker"]}})));
    assert_eq!(explained.cause(), None, "{:#}", explained.0["steps"]);
    let told: Vec<&str> = explained.steps().map(|step| step["text"].as_str().unwrap()).collect();
    let of_keys: Vec<&str> = told.iter().copied().filter(|text| text.contains("/jwks?a=b")).collect();
    assert_eq!(of_keys, [keys, "by https://idp.example.com/jwks?a=b: corp"]);
    let credentials = explained.steps().filter(|step| step["title"] == "credential").count();
    assert_eq!(credentials, 1, "who has waited is told of once");

    let approval = ["--method", "POST", "--path", "/payments/7/approval", "--body", r#"{"amount": 5}"#];
    let approved = bank.explain(&[approval.as_slice(), &answer].concat(), &bank.token(&json!({})));
    assert_eq!(approved.cause(), None, "a body that came early is read: {:#}", approved.0["steps"]);

    bank.write("jwks.json", "<html>");
    let broken = bank.explain(&[path, answer].concat(), &bank.token(&json!({})));
    assert_eq!((broken.cause(), broken.blamed()), (Some("keys_unavailable"), vec!["keys"]));
}

#[test]
fn a_key_that_was_not_fetched_is_looked_for_once_more() {
    let bank = Bank::new();
    bank.without_local_keys("remote_jwks: {uri: 'https://idp.example.com/jwks', cluster: idp}");
    let flags = ["--path", "/payments/7", "--answer", "https://idp.example.com/jwks=jwks.json"];
    let explained = bank.explain(&flags, &bank.token(&json!({"header": {"kid": "another"}})));
    assert_eq!((explained.cause(), explained.blamed()), (Some("key_unknown"), vec!["key"]));
    let of_key: Vec<&Value> =
        explained.steps().filter(|step| step["title"] == "key").map(|step| &step["text"]).collect();
    assert_eq!(
        of_key,
        [
            "`another` is not among them; a newer set may have it, and is waited for",
            "`another` is not among them, and they were fetched anew a short while ago",
            "the provider has no key of this `kid` for this `alg`",
        ]
    );
}

#[test]
fn metadata_that_would_be_fetched_are_given_by_a_file() {
    let bank = Bank::new();
    bank.without_local_keys("discovery: {cluster: idp}");
    let token = bank.token(&json!({"claims": {"roles": ["maker"]}}));
    let path = ["--path", "/payments/7"];
    let nothing = bank.explain(&path, &token);
    assert_eq!((nothing.cause(), nothing.blamed()), (Some("not_settled"), vec!["keys"]));
    assert_eq!(nothing.step("keys")["text"], "waits for the keys, by the metadata of https://idp.example.com/");
    let metadata = "https://idp.example.com/.well-known/openid-configuration";
    assert!(Bank::remarks(&nothing).contains(&format!("  {metadata} (by the cluster `idp`)").as_str()));
    let document = json!({"issuer": "https://idp.example.com/", "jwks_uri": "https://idp.example.com/certs"});
    bank.write("metadata.json", &document.to_string());
    let metadata = format!("{metadata}=metadata.json");
    let keys = ["--answer", "https://idp.example.com/certs=jwks.json"];
    let explained = bank.explain(&[path.as_slice(), &["--answer", &metadata], &keys].concat(), &token);
    assert_eq!(explained.cause(), None, "{:#}", explained.0["steps"]);
}

#[test]
fn what_an_issuer_would_say_about_a_token_is_given_by_a_file() {
    let bank = Bank::new();
    bank.without_local_keys(
        "introspection: {uri: 'https://idp.example.com/introspect', cluster: idp, client_id: gate, \
         client_secret: {env: SECRET}}",
    );
    let flags = ["--path", "/payments/7", "--answer", "https://idp.example.com/introspect=said.json"];
    let said = |answer: &Value| {
        bank.write("said.json", &answer.to_string());
        bank.explain(&flags, "an-opaque-token-of-some-length")
    };
    let mut active = json!({
        "active": true, "token_type": "Bearer", "aud": "https://api.example.com", "sub": "mona", "client_id": "web",
        "iat": NOW, "exp": NOW + 300, "roles": ["maker"],
    });
    let explained = said(&active);
    assert_eq!(explained.cause(), None, "{:#}", explained.0["steps"]);
    assert_eq!(explained.step("token")["text"], "30 bytes that are no JWT; corp is asked about it");
    assert_eq!(explained.note("introspection")["at_hand"], "awaited");
    let last = explained.steps().filter(|step| step["title"] == "introspection").last().unwrap();
    assert_eq!(last["text"], "corp says that the token is active");
    active["iss"] = json!("https://another.example.com/");
    for (answer, cause) in [
        (json!({"active": false}), "token_inactive"),
        (active, "issuer_unknown"),
        (json!({"active": "true"}), "introspection_unavailable"),
    ] {
        let explained = said(&answer);
        assert_eq!((explained.cause(), explained.blamed()), (Some(cause), vec!["introspection"]));
    }
    let unasked = Bank::new().explain(&["--path", "/payments/7"], "an-opaque-token-of-some-length");
    assert_eq!((unasked.cause(), unasked.blamed()), (Some("token_malformed"), vec!["token"]));
}

#[test]
fn the_lists_that_would_be_asked_are_given_by_files() {
    let bank = Bank::new();
    bank.add("status_list: {cluster: idp, uris: ['https://idp.example.com/statuses/']}");
    bank.add("revoked: {uri: 'https://idp.example.com/revoked', cluster: idp}");
    let list = json!({
        "key": "corp", "alg": "ES256", "header": {"typ": "statuslist+jwt"},
        "claims": {
            "sub": "https://idp.example.com/statuses/1", "iat": {"$now": 0},
            "status_list": {"$status_list": {"size": 64, "set": {"7": 1}}},
        },
    });
    bank.write("list.jwt", &bank.forge.mint(&list, NOW).unwrap());
    bank.write("revoked.json", r#"{"revoked": ["a"]}"#);
    let explain = |id: &str, place: u64, uri: &str| {
        let status = json!({"status_list": {"idx": place, "uri": uri}});
        let claims = json!({"claims": {"jti": id, "status": status, "roles": ["maker"]}});
        let flags = [
            "--path",
            "/payments/7",
            "--answer",
            "https://idp.example.com/revoked=revoked.json",
            "--answer",
            "https://idp.example.com/statuses/1=list.jwt",
        ];
        bank.explain(&flags, &bank.token(&claims))
    };
    let (here, elsewhere) = ("https://idp.example.com/statuses/1", "https://evil.example.com/1");
    let fine = explain("b", 6, here);
    assert_eq!(fine.cause(), None, "{:#}", fine.0["steps"]);
    for (id, place, uri, cause, step, text) in [
        ("a", 6, here, "token_revoked", "revoked", r#"`jti` "a" is on the list https://idp.example.com/revoked"#),
        ("b", 7, here, "token_revoked", "status", "at place 7 of https://idp.example.com/statuses/1 stands 1"),
        ("b", 64, here, "status_unverified", "status", "https://idp.example.com/statuses/1 is too short for place 64"),
        (
            "b",
            6,
            elsewhere,
            "status_unverified",
            "status",
            r#"refers to {status_list: {idx: 6, uri: "https://evil.example.com/1"}}"#,
        ),
    ] {
        let explained = explain(id, place, uri);
        assert_eq!((explained.cause(), explained.blamed()), (Some(cause), vec![step]), "{:#}", explained.0["steps"]);
        let last = explained.steps().filter(|each| each["title"] == step).last().unwrap();
        assert_eq!(last["text"], text);
    }
}

#[test]
fn a_proof_of_possession_is_held_against_the_request() {
    let bank = Bank::new();
    bank.take_proofs();
    let jkt = bank.forge.keys().thumbprint("forger").unwrap();
    let token = bank.token(&json!({"claims": {"cnf": {"jkt": jkt}, "roles": ["maker"]}}));
    let proof = |url: &str| {
        let claims = json!({
            "jti": "one", "htm": "GET", "htu": url, "iat": {"$now": 0}, "ath": {"$ath": {
                "key": "corp", "alg": "ES256",
            }},
        });
        let header = json!({"typ": "dpop+jwt", "kid": null, "jwk": {"$jwk": "forger", "kid": null}});
        bank.forge.mint(&json!({"key": "forger", "alg": "ES256", "header": header, "claims": claims}), NOW).unwrap()
    };
    let explain = |url: &str| {
        bank.write("proof.jwt", &proof(url));
        bank.explain(&["--path", "/payments/7?draft=false", "--dpop", "proof.jwt"], &token)
    };
    let without = bank.explain(&["--path", "/payments/7"], &token);
    assert_eq!((without.cause(), without.blamed()), (Some("scheme_mismatch"), vec!["binding"]));
    assert_eq!(without.step("binding")["text"], "the token is bound: `cnf` has jkt; it came as Bearer");
    let of_another_url = explain("https://api.example.com/payments/8");
    assert_eq!((of_another_url.cause(), of_another_url.blamed()), (Some("dpop_url_mismatch"), vec!["proof"]));
    assert_eq!(of_another_url.step("proof")["text"], "must be for GET `https://api.example.com:443/payments/7`");
    assert_eq!(
        of_another_url.details("proof"),
        [
            "  says of itself: alg `ES256`, typ `dpop+jwt`, without a nonce",
            "  htm `GET`",
            "  htu `https://api.example.com/payments/8`",
            "  iat 2026-06-01T12:00:00Z, now",
        ]
    );
    let of_another_token = explain("https://api.example.com/payments/7");
    assert_eq!(of_another_token.cause(), Some("dpop_token_mismatch"));
}

#[test]
fn a_made_up_key_proves_what_the_claims_are_bound_to() {
    let bank = Bank::new();
    bank.take_proofs();
    let flags = ["gate.yaml", "--now", NOW_TEXT, "--path", "/payments/7", "--format", "json", "--claims"];
    let claims = "{sub: mona, client_id: web, roles: [maker]}";
    let proved = bank.run(&[flags.as_slice(), &[claims, "--prove"]].concat(), "");
    let proved = Explained::all(&proved.out).remove(0);
    assert_eq!(proved.cause(), None, "{:#}", proved.0["steps"]);
    assert_eq!(proved.0["record"]["binding"], "dpop");
    assert_eq!(proved.step("replay")["text"], "the proof was not used before, and is remembered from now on");
    bank.replace("gate.yaml", "dpop: optional", "dpop: required");
    let bare = bank.run(&[flags.as_slice(), &[claims]].concat(), "");
    let bare = Explained::all(&bare.out).remove(0);
    assert_eq!((bare.cause(), bare.blamed()), (Some("binding_required"), vec!["binding"]));
    assert_eq!(
        bare.details("binding"),
        [
            "  the provider says: by a key (dpop) required, by a certificate (mtls) off",
            "  the route says: by a key (dpop) optional, by a certificate (mtls) optional",
        ]
    );
}

#[test]
fn a_certificate_is_held_against_the_one_that_the_token_is_bound_to() {
    let bank = Bank::new();
    bank.add("sender_constraint: {mtls: required}");
    let token = bank.token(&json!({"claims": {
        "cnf": {"x5t#S256": "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"}, "roles": ["maker"],
    }}));
    let digest = "0380ED2F626650C840B2F263E6D2B29FAE12AB39AE5DB32B25AD27EFAD72E6FD";
    let path = ["--path", "/payments/7"];
    assert_eq!(bank.explain(&[path, ["--certificate", digest]].concat(), &token).cause(), None);
    let other = digest.replace('0', "1");
    for (flags, cause, text) in [
        (path.to_vec(), "certificate_missing", "the connection has none"),
        ([path, ["--certificate", &other]].concat(), "certificate_mismatch", "that of the connection"),
    ] {
        let explained = bank.explain(&flags, &token);
        assert_eq!((explained.cause(), explained.blamed()), (Some(cause), vec!["certificate"]));
        assert_eq!(explained.step("certificate")["text"], text);
    }
    let no_digest = bank.run(&["gate.yaml", "--path", "/", "--certificate", "03:80"], "");
    assert!(no_digest.code == 2 && no_digest.err.contains("is no SHA-256 digest in hexadecimal"), "{}", no_digest.err);
}

#[test]
fn claims_ask_nobody() {
    let bank = Bank::new();
    bank.without_local_keys(
        "remote_jwks: {uri: 'https://idp.example.com/jwks', cluster: idp}\n    \
         revoked: {uri: 'https://idp.example.com/revoked', cluster: idp}",
    );
    let flags = ["gate.yaml", "--now", NOW_TEXT, "--path", "/payments/7", "--format", "json", "--claims"];
    let claims = "{sub: mona, client_id: web, roles: [maker]}";
    let explained = Explained::all(&bank.run(&[flags.as_slice(), &[claims]].concat(), "").out).remove(0);
    assert_eq!(explained.cause(), None, "{:#}", explained.0["steps"]);
    let remarks = Bank::remarks(&explained);
    assert!(remarks.iter().any(|remark| remark.starts_with("Nobody is asked whether it is revoked")), "{remarks:?}");
}

#[test]
fn a_proof_that_was_used_before_is_told_from_one_that_was_not() {
    let file = scenarios().join("tests/scenarios/attacks/h2_a_proof_is_used_once.yaml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cedar-gate"));
    let ran = ran(command.args(["explain", "--format", "json", "--scenario"]).arg(&file), "");
    let all = Explained::all(&ran.out);
    let replayed: Vec<_> = all.iter().filter(|one| one.cause() == Some("dpop_replayed")).collect();
    assert!(!replayed.is_empty());
    for one in replayed {
        assert_eq!(one.blamed(), ["replay"]);
        assert_eq!(one.step("replay")["text"], "held against the memory of used proofs");
    }
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
fn a_record_says_how_its_token_was_bound() {
    let bank = Bank::new();
    let mut record = record(&bank, 500);
    let bound = |record: &Value| {
        let explained = of_record(&bank, &record.to_string(), &[]).remove(0);
        explained.details("principal").iter().find(|line| line.contains("bound")).cloned()
    };
    assert_eq!(bound(&record), None);
    record["binding"] = json!("dpop");
    assert_eq!(bound(&record).as_deref(), Some("  which is bound to its sender: dpop"));
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
