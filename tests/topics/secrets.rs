//! What must be seen by nobody: the gateway's secrets, and the tokens of others.

use base64ct::{Base64, Encoding};
use cedar_gate_host::{Answer, LogLevel, Options, Vm};
use cedar_gate_scenario::Headers;
use serde_json::{Value, json};

use crate::fixture::configuration;
use crate::hosts;

const SECRET: &str = "canary-of-the-client";
const TOKEN: &str = "canary-of-a-user";
/// RFC 7515 §A.3.1: the private part of a key.
const PRIVATE: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";

/// The payments gateway, with an issuer that is asked about tokens.
fn asking(credentials: &Value) -> Value {
    let mut configuration = configuration();
    let mut introspection = json!({"uri": "https://idp.example.com/introspect", "cluster": "idp", "client_id": "gate"});
    introspection.as_object_mut().unwrap().extend(credentials.as_object().cloned().unwrap());
    configuration["providers"]["corp"]["introspection"] = introspection;
    configuration
}

fn options(variable: &str, value: &str) -> Options {
    Options {
        now: 1_780_000_000_000_000_000,
        log_level: LogLevel::Trace,
        environment: vec![(variable.to_owned(), value.to_owned())],
        ..Options::default()
    }
}

fn head() -> Headers {
    let pairs = [
        (":method", "GET"),
        (":path", "/payments/7"),
        (":authority", "api.example.com"),
        ("authorization", &format!("Bearer {TOKEN}")),
    ];
    pairs.into_iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
}

/// All that the filter says while it asks about a token in vain, and what it sent to the issuer.
fn said_and_sent(configuration: &Value, options: Options, answer: Answer) -> Option<(String, String)> {
    let module = hosts::module()?;
    cedar_gate_host::on_wasm_stack(|| {
        let mut vm = Vm::start(module, configuration.to_string().as_bytes(), options).expect("it starts");
        let stream = vm.request_headers(head(), true).expect("no trap");
        vm.tick().expect("no trap");
        let call = vm.calls().pop().expect("the issuer is asked");
        let sent = format!("{:?} {}", call.header("authorization"), String::from_utf8_lossy(&call.body));
        vm.answer_call(call.token, answer).expect("no trap");
        let stream = vm.take(stream).expect("it is answered");
        assert_eq!(stream.status(), Some(503));
        let reply = stream.reply().expect("an answer of its own");
        let headers = reply.headers.iter().flat_map(|(name, value)| [name, value]);
        let bytes: Vec<&[u8]> = headers.chain([&reply.body]).map(Vec::as_slice).collect();
        let mut said = String::from_utf8_lossy(&bytes.join(&b'\n')).into_owned();
        let log = vm.take_log();
        let lines = log.iter().map(|line| line.message.as_str()).chain(reply.details.as_deref());
        lines.for_each(|line| said.push_str(&format!("\n{line}")));
        Some((said, sent))
    })
}

#[test]
fn k8_nothing_that_the_filter_says_has_a_secret_or_a_token_in_it() {
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "d": PRIVATE,
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
    });
    let basic = Base64::encode_string(format!("gate:{SECRET}").as_bytes());
    let ways = [
        (json!({"client_secret": {"env": "CLIENT"}}), SECRET.to_owned(), Some(basic.as_str())),
        (
            json!({"client_secret": {"env": "CLIENT"}, "authentication": "client_secret_post"}),
            SECRET.to_owned(),
            Some(SECRET),
        ),
        (json!({"client_key": {"env": "CLIENT"}}), jwk.to_string(), None),
    ];
    let answers = || {
        let mirror = format!("{{\"error\": \"{SECRET} {TOKEN}\"}}");
        [Answer::new(500, mirror.clone()), Answer::new(200, mirror), Answer::default()]
    };
    for (credentials, value, shown) in ways {
        for answer in answers() {
            let said_and_sent = said_and_sent(&asking(&credentials), options("CLIENT", &value), answer);
            let Some((said, sent)) = said_and_sent else { return };
            // The issuer gets both, so that there is something that could be said.
            assert!(sent.contains(TOKEN) && shown.is_none_or(|shown| sent.contains(shown)), "{sent}");
            assert!(said.contains("introspection"), "something is said: {said}");
            for canary in [SECRET, TOKEN, &basic, PRIVATE, &jwk.to_string()] {
                assert!(!said.contains(canary), "{canary}: {said}");
            }
        }
    }
}

#[test]
fn k8_a_secret_that_cannot_be_used_is_not_shown_either() {
    let Some(module) = hosts::module() else { return };
    let configuration = asking(&json!({"client_key": {"env": "CLIENT"}})).to_string();
    for value in [SECRET.to_owned(), format!("{{\"kty\": \"EC\", \"crv\": \"P-256\", \"d\": \"{PRIVATE}\"}}")] {
        let refused = Vm::start(module, configuration.as_bytes(), options("CLIENT", &value));
        let log = refused.map(|_| ()).expect_err("it cannot be used").log.join("\n");
        assert!(log.contains("client_key.env: the variable `CLIENT` cannot be used"), "{log}");
        assert!(!log.contains(SECRET) && !log.contains(PRIVATE), "{log}");
    }
}
