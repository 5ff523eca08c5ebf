//! `cedar-gate token`, as its users see it.
#![cfg(test)]

#[allow(dead_code, reason = "other tests use more of it")]
mod project;

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use cedar_gate::harness::{Harness, Verdict};
use cedar_gate::jose::Algorithm;
use project::Project;
use serde_json::{Value, json};

/// A project with one key.
fn with_key() -> Project {
    let project = Project::empty();
    project.out(&["token", "key", "-o", "dev.key.json"]);
    project
}

const SIGN: [&str; 4] = ["token", "sign", "--key", "dev.key.json"];
const FOR_US: [&str; 4] = ["--issuer", "https://idp.example.com/", "--audience", "https://notes.example.com"];

/// A segment of the token that the command prints.
fn signed(project: &Project, arguments: &[&str], segment: usize) -> Value {
    let out = project.out(&[&SIGN, arguments].concat());
    let bytes = BASE64URL.decode(out.trim_end().split('.').nth(segment).expect("a segment")).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn claims(project: &Project, arguments: &[&str]) -> Value {
    signed(project, &[&FOR_US, arguments].concat(), 1)
}

#[expect(clippy::disallowed_methods, reason = "the command makes tokens as of now")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// A configuration whose only issuer signs with this algorithm, by these keys.
fn configuration(alg: &str, jwks: &Value) -> Value {
    json!({
        "providers": {"corp": {
            "issuer": "https://idp.example.com/",
            "audiences": ["https://notes.example.com"],
            "algorithms": [alg],
            "local_jwks": {"inline": jwks},
        }},
        "routes": [{"methods": ["GET"], "path": "/notes", "action": "list", "resource": {"type": "Notebook", "id": "main"}}],
        "policies": {"inline": {
            "schema": "entity User; entity Notebook; action list appliesTo { principal: [User], resource: [Notebook] };",
            "policies": "permit (principal == User::\"corp|alice\", action, resource);",
        }},
    })
}

/// The status that the filter answers with, or 200 where it lets the request go on.
fn status(configuration: &Value, token: &str) -> u16 {
    let mut harness = Harness::start(configuration.to_string().as_bytes(), now()).expect("it is served");
    let header = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let headers = vec![
        header(":method", "GET"),
        header(":path", "/notes"),
        header(":authority", "notes.example.com"),
        header("authorization", &format!("Bearer {token}")),
    ];
    match harness.request(headers, true).1 {
        Verdict::Continued(_) => 200,
        Verdict::Replied(reply) => reply.status,
        Verdict::Closed | Verdict::Waiting => panic!("there is nothing to wait for"),
    }
}

#[test]
fn for_each_algorithm_of_the_filter_there_is_a_key_whose_tokens_it_accepts() {
    let project = Project::empty();
    for alg in Algorithm::ALL.map(Algorithm::name) {
        let file = format!("{alg}.key.json");
        project.out(&["token", "key", "--alg", alg, "--output", &file]);
        let configuration = configuration(alg, &project.json(&["token", "jwks", &file]));
        project.write("gate.json", &configuration.to_string());
        let token = project.out(&["token", "sign", "--key", &file, "--config", "gate.json", "--claim", "sub=alice"]);
        assert_eq!(status(&configuration, token.trim_end()), 200, "{alg}");
        let token = project.out(&["token", "sign", "--key", &file, "--config", "gate.json", "--claim", "sub=mallory"]);
        assert_eq!(status(&configuration, token.trim_end()), 403, "{alg}");
    }
}

#[test]
fn two_keys_are_never_the_same() {
    for alg in ["ES256", "EdDSA", "HS256"] {
        let project = Project::empty();
        for name in ["one", "two"] {
            project.out(&["token", "key", "--alg", alg, "--kid", "same", "-o", name]);
        }
        let secret = |name: &str| {
            let jwk = project.read_json(name);
            jwk.get("d").or(jwk.get("k")).expect("a private member").clone()
        };
        assert_ne!(secret("one"), secret("two"), "{alg}");
    }
}

#[test]
fn a_key_is_for_its_owner_and_for_development() {
    use std::os::unix::fs::PermissionsExt;

    let project = with_key();
    let mode = project.file("dev.key.json").metadata().expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let jwk = project.read_json("dev.key.json");
    assert!(jwk["note"].as_str().expect("a note").starts_with("For development only"));
    assert!(jwk["kid"].as_str().expect("a kid").starts_with("development-"));
    assert_eq!((&jwk["alg"], &jwk["use"]), (&json!("ES256"), &json!("sig")));
}

#[test]
fn a_key_is_never_overwritten() {
    let project = with_key();
    let before = project.read("dev.key.json");
    let ran = project.run(&["token", "key", "-o", "dev.key.json"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.contains("dev.key.json: is there already"), "{}", ran.err);
    assert_eq!(project.read("dev.key.json"), before);
}

#[test]
fn a_length_that_the_filter_would_refuse_is_refused() {
    let project = Project::empty();
    assert_eq!(project.run(&["token", "key", "--alg", "RS256", "--bits", "1024", "-o", "key"]).code, Some(2));
    assert_eq!(project.run(&["token", "key", "--alg", "none", "-o", "key"]).code, Some(2));
    assert!(!project.file("key").exists());
}

#[test]
fn a_jwk_set_has_no_private_member() {
    let project = with_key();
    project.out(&["token", "key", "--alg", "RS256", "-o", "rsa.key.json"]);
    project.out(&["token", "key", "--alg", "EdDSA", "-o", "ed.key.json"]);
    let set = project.json(&["token", "jwks", "dev.key.json", "rsa.key.json", "ed.key.json"]);
    let members =
        |key: &Value| key.as_object().expect("a key").keys().cloned().collect::<std::collections::BTreeSet<_>>();
    let keys: Vec<_> = set["keys"].as_array().expect("a list").iter().map(members).collect();
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(
        keys,
        [
            named(&["alg", "crv", "kid", "kty", "use", "x", "y"]),
            named(&["alg", "e", "kid", "kty", "n", "use"]),
            named(&["alg", "crv", "kid", "kty", "use", "x"]),
        ]
    );
}

#[test]
fn a_shared_secret_is_printed_with_a_warning() {
    let project = Project::empty();
    project.out(&["token", "key", "--alg", "HS256", "-o", "shared.key.json"]);
    let ran = project.run(&["token", "jwks", "shared.key.json"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.err.contains("what is printed is the secret"), "{}", ran.err);
}

#[test]
fn two_keys_of_one_name_are_no_set() {
    let project = with_key();
    let ran = project.run(&["token", "jwks", "dev.key.json", "dev.key.json"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""));
    assert!(ran.err.contains("another key has the `kid`"), "{}", ran.err);
}

#[test]
fn nothing_but_the_token_is_printed() {
    let project = with_key();
    let ran = project.run(&[&SIGN, &FOR_US[..]].concat());
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert_eq!(ran.out.lines().count(), 1);
    assert_eq!(ran.out.trim_end().split('.').count(), 3);
}

#[test]
fn a_token_says_who_made_it_for_whom_and_how_long_it_lasts() {
    let project = with_key();
    let before = now();
    let claims = claims(&project, &["--lifetime", "1h 30m", "--audience", "https://other.example.com"]);
    let iat = claims["iat"].as_u64().expect("a time");
    assert!((before..=now()).contains(&iat));
    assert_eq!(claims["exp"], json!(iat + 5400));
    assert_eq!(claims["iss"], "https://idp.example.com/");
    assert_eq!(claims["aud"], json!(["https://notes.example.com", "https://other.example.com"]));
    assert_eq!(claims["jti"].as_str().expect("an id").len(), 32);

    let header = signed(&project, &FOR_US, 0);
    let kid = project.read_json("dev.key.json")["kid"].clone();
    assert_eq!(header, json!({"alg": "ES256", "kid": kid, "typ": "at+jwt"}));
    let typed = |token_type: &str| signed(&project, &[&FOR_US[..], &["--type", token_type]].concat(), 0);
    assert_eq!(typed("JWT")["typ"], "JWT");
    assert_eq!(typed("absent").get("typ"), None);
}

#[test]
fn claims_are_laid_over_those_of_a_file_and_those_over_the_others() {
    let project = with_key();
    project.write(
        "claims.yaml",
        "sub: alice\nrealm_access: {roles: [maker], level: 1}\njti: null\nhttps://a.example/b: 1\n",
    );
    let file = ["--claims", "claims.yaml", "--claim", "realm_access.level=2", "--claim", "exp={\"$now\": -60}"];
    let claims = claims(&project, &[&file[..], &["--claim", "aud=null", "--claim", "act.sub=bob"]].concat());
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims["realm_access"], json!({"roles": ["maker"], "level": 2}));
    assert_eq!(claims["act"], json!({"sub": "bob"}));
    assert_eq!(claims["https://a.example/b"], 1);
    assert_eq!((claims.get("jti"), claims.get("aud")), (None, None));
    assert_eq!(claims["exp"].as_u64().expect("a time") + 60, claims["iat"].as_u64().expect("a time"));
}

#[test]
fn a_configuration_says_the_rest() {
    let project = with_key();
    let provider = |name: &str| json!({"issuer": format!("https://{name}.example.com/"), "audiences": [name, "other"]});
    let mut config = json!({"providers": {"corp": provider("corp")}});
    project.write("one.json", &config.to_string());
    config["providers"]["partner"] = provider("partner");
    config["providers"]["partner"]["token_types"] = json!(["absent"]);
    project.write("two.json", &config.to_string());

    let claims = signed(&project, &["--config", "one.json"], 1);
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("https://corp.example.com/"), &json!("corp")));
    let of_partner = ["--config", "two.json", "--provider", "partner"];
    assert_eq!(signed(&project, &of_partner, 1)["iss"], "https://partner.example.com/");
    assert_eq!(signed(&project, &of_partner, 0).get("typ"), None);
    let over = [&of_partner[..], &["--issuer", "https://evil.example.com/"]].concat();
    assert_eq!(signed(&project, &over, 1)["iss"], "https://evil.example.com/");

    for (arguments, expected) in [
        (&["--config", "two.json"][..], "two.json: has the providers corp, partner; choose one by --provider"),
        (
            &["--config", "two.json", "--provider", "nobody"],
            "two.json: has no provider `nobody`; there is corp, partner",
        ),
        (&["--config", "three.json"], "three.json: "),
    ] {
        let ran = project.run(&[&SIGN, arguments].concat());
        assert_eq!(ran.code, Some(3), "{arguments:?}");
        assert!(ran.err.contains(expected), "{}", ran.err);
    }
}

#[test]
fn without_an_issuer_there_is_no_token() {
    assert_eq!(with_key().run(&SIGN).code, Some(2));
}

/// The key of RFC 8037 §A.1, whose thumbprint is that of §A.3.
#[test]
fn a_key_from_elsewhere_is_known_by_its_thumbprint() {
    let project = Project::empty();
    let jwk = json!({
        "kty": "OKP", "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    });
    project.write("dev.key.json", &jwk.to_string());
    let header = signed(&project, &[&FOR_US[..], &["--alg", "EdDSA"]].concat(), 0);
    assert_eq!(header["kid"], "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let ran = project.run(&[&SIGN, &FOR_US[..]].concat());
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.contains("the key says no `alg`: give --alg"), "{}", ran.err);
}

#[test]
fn what_is_no_private_key_signs_nothing_and_the_error_says_why() {
    let project = with_key();
    let public = project.json(&["token", "jwks", "dev.key.json"])["keys"][0].clone();
    let mut spoilt = project.read_json("dev.key.json");
    spoilt["x"] = spoilt["y"].clone();
    for (text, expected) in [
        (public.to_string(), "dev.key.json: is no private JWK: it has neither `d` nor `k`"),
        (spoilt.to_string(), "x: does not belong to the private key"),
        ("{}".to_owned(), "dev.key.json: is no JWK: it has no `kty`"),
        ("-----BEGIN PRIVATE KEY-----".to_owned(), "dev.key.json: is not JSON"),
    ] {
        project.write("dev.key.json", &text);
        let ran = project.run(&[&SIGN, &FOR_US[..]].concat());
        assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{text}");
        assert!(ran.err.contains(expected), "{}", ran.err);
    }
}

#[test]
fn a_key_cannot_sign_with_the_algorithm_of_another_kind() {
    let ran = with_key().run(&[&SIGN, &FOR_US[..], &["--alg", "RS256"]].concat());
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.contains("(P-256) cannot sign with `RS256`"), "{}", ran.err);
}

#[test]
fn claims_that_are_none_are_refused() {
    let project = with_key();
    project.write("claims.yaml", "[sub]");
    for (arguments, code, expected) in [
        (["--claim", "sub"], 2, "must be NAME=VALUE"),
        (["--claims", "claims.yaml"], 3, "claims.yaml: must be an object of claims"),
        (["--claims", "missing.yaml"], 3, "missing.yaml: "),
        (["--lifetime", "soon"], 2, "--lifetime"),
    ] {
        let ran = project.run(&[&SIGN, &FOR_US, &arguments[..]].concat());
        assert_eq!(ran.code, Some(code), "{arguments:?}");
        assert!(ran.err.contains(expected), "{}", ran.err);
    }
}

#[test]
fn a_look_into_a_token_verifies_nothing_and_says_so() {
    let project = with_key();
    let claims = ["--claim", "sub=alice", "--claim", "iat=1780315200", "--claim", "exp=1780315500"];
    let token = project.out(&[&SIGN, &FOR_US, &claims[..]].concat());
    let spoilt = format!("{}x{}", &token[..token.len() - 3], &token[token.len() - 2..]);
    for (ran, how) in [
        (project.run(&["token", "inspect", token.trim_end()]), "an argument"),
        (project.run_with(&["token", "inspect"], &token), "standard input"),
        (project.run_with(&["token", "inspect", "-"], &spoilt), "a signature that does not hold"),
    ] {
        assert_eq!(ran.code, Some(0), "{how}: {}", ran.err);
        assert!(ran.out.contains("2026-06-01T12:00:00Z"), "{how}: {}", ran.out);
        assert!(ran.out.contains("\"alice\""), "{how}");
        assert!(ran.out.contains("not verified: anybody can write such a token"), "{how}");
        assert!(!ran.out.contains("refused"), "{how}");
    }

    let looked: Value = project.json(&["token", "inspect", "--format", "json", token.trim_end()]);
    assert_eq!(looked["verified"], false);
    assert_eq!(looked["refused"], Value::Null);
    assert_eq!(looked["header"]["alg"], "ES256");
    assert_eq!(looked["claims"]["exp"], 1_780_315_500);
    assert_eq!(looked["times"]["exp"], "2026-06-01T12:05:00Z");
}

#[test]
fn a_look_tells_what_the_filter_refuses_for_its_form() {
    let project = Project::empty();
    let token = |header: &str, claims: &str| format!("{}.{}.", BASE64URL.encode(header), BASE64URL.encode(claims));
    for (token, expected) in [
        (token(r#"{"alg":"none","crit":["x"]}"#, "{}"), "refused by the filter for its form: token_critical"),
        (token(r#"{"alg":"none"}"#, r#"{"sub":1,"sub":2}"#), "refused by the filter for its form: token_malformed"),
        (token(r#"{"alg":"none"}"#, r#"{"exp":18446744073709551615}"#), "9999-12-31T23:59:59Z"),
    ] {
        let out = project.out(&["token", "inspect", &token]);
        assert!(out.contains(expected), "{out}");
    }
    for (token, expected) in [
        ("hello", "the header: is no base64url without padding, so this is no compact JWS"),
        ("aGVsbG8.e30.", "the header: is no JSON object, so this is no JWT"),
        ("e30.aGVsbG8.", "the claims: is no JSON object, so this is no JWT"),
        ("", "the header: is no JSON object"),
    ] {
        let ran = project.run(&["token", "inspect", token]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{token}");
        assert!(ran.err.contains(expected), "{}", ran.err);
    }
}
