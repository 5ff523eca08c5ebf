//! What may become of the filter's calls, seen from a gateway: they cannot be made, their answers come late, or are far
//! too long.

use std::sync::Arc;
use std::time::Duration;

use cedar_gate_host::{Answer, LogLevel, Options, SharedData, StreamId, Vm};
use cedar_gate_scenario::Headers;
use serde_json::{Value, json};

use crate::fixture::{configuration, get, payments};
use crate::hosts;

const NOW: i64 = 1_780_000_000;

/// The payments gateway, whose issuer publishes its keys.
fn fetching(more: &Value) -> Value {
    let mut configuration = configuration();
    let mut place = json!({ "uri": "https://idp.example.com/jwks", "cluster": "idp", "timeout": "2s" });
    place.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let provider = configuration["providers"]["corp"].as_object_mut().expect("a provider");
    provider.remove("local_jwks");
    provider.insert("remote_jwks".to_owned(), place);
    configuration
}

fn vm(configuration: &Value, options: impl FnOnce(&mut Options)) -> Option<Vm> {
    let module = hosts::module()?;
    let mut given = Options { now: NOW.unsigned_abs() * 1_000_000_000, ..Options::default() };
    options(&mut given);
    Some(Vm::start(module, configuration.to_string().as_bytes(), given).expect("it starts"))
}

fn head() -> Headers {
    let request = get("/payments/7", "audrey", NOW);
    let mut head: Headers = vec![
        (b":method".to_vec(), request.method),
        (b":path".to_vec(), request.path),
        (b":authority".to_vec(), request.authority),
    ];
    head.extend(request.headers);
    head
}

/// The issuer's keys, as it publishes them.
fn keys() -> String {
    json!({ "keys": [payments().forge().keys().public_jwk("corp").expect("a key")] }).to_string()
}

fn published(body: impl Into<Vec<u8>>) -> Answer {
    let mut answer = Answer::new(200, body);
    answer.headers.push((b"content-type".to_vec(), b"application/json".to_vec()));
    answer
}

fn is_waiting(vm: &Vm, id: StreamId) -> bool {
    vm.stream(id).is_some_and(|stream| stream.is_waiting() && stream.upstream().is_none())
}

/// The causes in the audit records so far.
fn causes(vm: &Vm) -> Vec<String> {
    let records = vm.log().iter().filter_map(|line| serde_json::from_str::<Value>(&line.message).ok());
    let records = records.filter(|record| record["cedar_gate"] == "audit");
    records.map(|record| record["cause"].as_str().unwrap_or("none").to_owned()).collect()
}

#[test]
fn d8_an_answer_for_those_who_have_gone_serves_those_who_come() {
    let Some(mut vm) = vm(&fetching(&json!({})), |_| {}) else { return };
    let gone: Vec<StreamId> = (0..20).map(|_| vm.request_headers(head(), true).expect("no trap")).collect();
    vm.tick().expect("no trap");
    assert!(gone.iter().all(|id| is_waiting(&vm, *id)));
    let calls = vm.calls();
    assert_eq!(calls.len(), 1, "one call for all");
    for id in &gone {
        vm.disconnect(*id).expect("no trap");
        vm.take(*id).expect("it is over");
    }
    assert_eq!((vm.live_streams(), causes(&vm)), (0, vec!["not_settled".to_owned(); 20]));

    let next = vm.request_headers(head(), true).expect("no trap");
    assert!(is_waiting(&vm, next), "the answer is still awaited");
    vm.answer_call(calls[0].token, published(keys())).expect("no trap");
    assert!(vm.stream(next).is_some_and(|stream| stream.upstream().is_some()), "it goes on");
    let another = vm.request_headers(head(), true).expect("no trap");
    assert!(vm.stream(another).is_some_and(|stream| stream.upstream().is_some()), "so does whoever comes then");
    assert_eq!(vm.calls_made(), 1);
    assert_eq!(causes(&vm).len(), 22);
}

#[test]
fn d8_an_answer_after_the_time_of_its_call_is_for_nobody() {
    let Some(mut vm) = vm(&fetching(&json!({})), |_| {}) else { return };
    let id = vm.request_headers(head(), true).expect("no trap");
    vm.tick().expect("no trap");
    let late = vm.calls().pop().expect("a call");
    vm.advance(Duration::from_millis(2_100)).expect("no trap");
    let refused = vm.take(id).expect("it is refused");
    assert_eq!((refused.status(), causes(&vm)), (Some(503), vec!["keys_unavailable".to_owned()]));
    vm.answer_call(late.token, published(keys())).expect("no trap");
    let next = vm.request_headers(head(), true).expect("no trap");
    assert!(vm.stream(next).is_some_and(|stream| stream.upstream().is_none()), "it was not taken");
}

#[test]
fn l8_a_gateway_that_makes_no_calls_lets_nobody_hang() {
    for failing in [true, false] {
        let options = |options: &mut Options| {
            if failing {
                options.failing = vec!["proxy_http_call".to_owned()];
            } else {
                options.clusters = Some(vec!["another".to_owned()]);
            }
        };
        let Some(mut vm) = vm(&fetching(&json!({})), options) else { return };
        let mut posted = head();
        posted.retain(|(name, _)| name != b":method");
        posted.push((b":method".to_vec(), b"POST".to_vec()));
        let ids = [
            vm.request_headers(head(), true).expect("no trap"),
            vm.request_headers(head(), false).expect("no trap"),
            vm.request_headers(posted, false).expect("no trap"),
        ];
        // One of them is in the middle of its body, and one in its trailers.
        vm.request_body(ids[1], b"{", false).expect("no trap");
        vm.request_trailers(ids[1], vec![(b"x-checksum".to_vec(), b"7".to_vec())]).expect("no trap");
        vm.advance(Duration::from_millis(50)).expect("no trap");
        for id in &ids[..2] {
            let stream = vm.take(*id).expect("it is over");
            assert_eq!(stream.status(), Some(503));
            assert!(stream.upstream().is_none());
        }
        assert_eq!(vm.take(ids[2]).and_then(|stream| stream.status()), Some(403), "there is no such route");
        let retry = vm.request_headers(head(), true).expect("no trap");
        let stream = vm.take(retry).expect("at once, as the last attempt has just failed");
        assert!(stream.client().is_some_and(|answer| answer.header("retry-after").is_some()));
        assert_eq!((vm.calls_made(), vm.live_streams()), (0, 0));
    }
}

#[test]
fn l9_those_who_wait_and_go_leave_no_memory_behind() {
    let more = json!({ "timeout": "30s" });
    let mut configuration = fetching(&more);
    configuration["limits"] = json!({ "wait_timeout": "60s" });
    let Some(mut vm) = vm(&configuration, |_| {}) else { return };
    let head = head();
    let mut come_and_go = |times: usize| {
        cedar_gate_host::on_wasm_stack(|| {
            for round in 0..times {
                let id = vm.request_headers(head.clone(), round % 2 == 0).expect("no trap");
                if round % 2 == 1 {
                    vm.request_body(id, &[b'x'; 1000], round % 4 == 1).expect("no trap");
                }
                assert!(is_waiting(&vm, id));
                vm.disconnect(id).expect("no trap");
                vm.take(id).expect("it is over");
                vm.take_log();
            }
        });
        assert_eq!(vm.live_streams(), 0);
        vm.memory_size()
    };
    let warm = come_and_go(500);
    assert_eq!(come_and_go(5_000), warm, "bytes of the VM");
}

#[test]
fn l5_what_others_write_into_shared_data_is_no_set_of_keys() {
    let shared = Arc::new(SharedData::default());
    let configuration = fetching(&json!({}));
    let worker = || vm(&configuration, |options| options.shared = Arc::clone(&shared));
    let Some(mut first) = worker() else { return };
    first.tick().expect("no trap");
    let call = first.calls().pop().expect("a call");
    first.answer_call(call.token, published(keys())).expect("no trap");
    let record = shared.keys().into_iter().find(|key| key.ends_with(b"keys/corp")).expect("a record");
    let (honest, _) = shared.get(&record).expect("it is there");

    let place = honest.windows(6).position(|window| window == b"\"keys\"").expect("it holds the set");
    let mut altered = honest.clone();
    altered[place] ^= 1;
    let forged = [&[0; 32][..], &honest[32..]].concat();
    for (name, found, is_honest) in [
        ("an honest record", honest.clone(), true),
        ("one bit of the set", altered, false),
        ("another seal", forged, false),
        ("a part", honest[..honest.len() / 2].to_vec(), false),
        ("nothing", Vec::new(), false),
        ("a set without a record", keys().into_bytes(), false),
        ("megabytes", vec![7; 4 << 20], false),
    ] {
        shared.set(&record, &found, 0).expect("anybody may write");
        let mut second = worker().expect("the module is there");
        let id = second.request_headers(head(), true).expect("no trap");
        second.tick().expect("no trap");
        let passes = second.stream(id).is_some_and(|stream| stream.upstream().is_some());
        assert_eq!((passes, second.calls_made()), (is_honest, usize::from(!is_honest)), "{name}");
    }
}

#[test]
fn d7_a_secret_that_is_published_is_told_to_the_operator_and_shown_to_nobody() {
    const SECRET: &str = "Y2FuYXJ5LW9mLXRoZS1pc3N1ZXI";
    let Some(mut vm) = vm(&fetching(&json!({})), |_| {}) else { return };
    vm.tick().expect("no trap");
    let call = vm.calls().pop().expect("a call");
    let good = payments().forge().keys().public_jwk("corp").expect("a key");
    let mut private = good.clone();
    private["kid"] = json!("private");
    private["d"] = json!(SECRET);
    let set = json!({ "keys": [{ "kty": "oct", "kid": "shared", "k": SECRET }, private, good] }).to_string();
    vm.answer_call(call.token, published(set)).expect("no trap");
    let warned: Vec<_> =
        vm.log().iter().filter(|line| line.level == LogLevel::Warn).map(|line| &line.message).collect();
    let [warning] = warned.as_slice() else { panic!("one line: {warned:?}") };
    for told in
        ["keys/corp: loaded", "keys[0] is left out: a shared secret", "keys[1] is left out: it contains private"]
    {
        assert!(warning.contains(told), "{told}: {warning}");
    }
    assert!(vm.log().iter().all(|line| !line.message.contains(SECRET)));
}

/// Sets of keys that no issuer should publish. All of them have the good key in them somewhere.
fn monsters() -> Vec<(&'static str, Vec<u8>)> {
    let good = payments().forge().keys().public_jwk("corp").expect("a key");
    let named = |number: usize| {
        let mut key = good.clone();
        key["kid"] = json!(format!("corp-{number}"));
        key
    };
    let many: Vec<Value> = (0..10_000).map(named).collect();
    let megabytes = |count: usize| " ".repeat(count << 20);
    vec![
        ("10,000 keys", json!({ "keys": many }).to_string().into_bytes()),
        ("10,000 empty keys", format!(r#"{{"keys":[{}{good}]}}"#, "{},".repeat(10_000)).into_bytes()),
        ("10,000 nulls", format!(r#"{{"keys":[{}{good}]}}"#, "null,".repeat(10_000)).into_bytes()),
        ("one key 10,000 times", format!(r#"{{"keys":[{}{good}]}}"#, format!("{good},").repeat(10_000)).into_bytes()),
        ("10 MB of white space", [keys(), megabytes(10)].concat().into_bytes()),
        ("30 MB of white space", [megabytes(30), keys()].concat().into_bytes()),
        ("a key of 10 MB", format!(r#"{{"keys":[{good}],"x":"{}"}}"#, "A".repeat(10 << 20)).into_bytes()),
        ("100,000 brackets", format!(r#"{{"keys":[{good}],"x":{}"#, "[".repeat(100_000)).into_bytes()),
        ("100,000 members", {
            let members: Vec<String> = (0..100_000).map(|number| format!(r#""{number}":0"#)).collect();
            format!(r#"{{"keys":[{good}],{}}}"#, members.join(",")).into_bytes()
        }),
        ("a long number", format!(r#"{{"keys":[{good}],"x":{}}}"#, "9".repeat(100_000)).into_bytes()),
        ("not UTF-8", [keys().as_bytes(), b"\xff\xfe"].concat()),
        ("a byte-order mark", [b"\xef\xbb\xbf", keys().as_bytes()].concat()),
    ]
}

#[test]
fn d2_no_document_is_too_much_for_the_vm() {
    let Some(mut vm) = vm(&fetching(&json!({ "cache_duration": "1s", "max_stale": "7d" })), |_| {}) else { return };
    vm.tick().expect("no trap");
    let first = vm.calls().pop().expect("a call");
    vm.answer_call(first.token, published(keys())).expect("no trap");
    let before = vm.memory_size();
    let payments = payments();
    for (name, document) in monsters() {
        // After failures, the next attempt may be a minute away.
        let called = (0..130).find_map(|_| {
            vm.advance(Duration::from_millis(500)).expect("no trap");
            vm.calls().pop()
        });
        let called = called.unwrap_or_else(|| panic!("{name}: the keys are not fetched again"));
        vm.answer_call(called.token, published(document)).unwrap_or_else(|trap| panic!("{name}: {trap}"));
        let said = vm.take_log().pop().map(|line| line.message).unwrap_or_default();
        assert!(said.contains("keys/corp: attempt ") && said.contains(" failed: "), "{name}: {said}");

        let now = i64::try_from(vm.now() / 1_000_000_000).expect("a time");
        let token = payments.forge().mint(&json!("audrey"), now).expect("a token");
        let mut head = head();
        head.retain(|(name, _)| name != b"authorization");
        head.push((b"authorization".to_vec(), format!("Bearer {token}").into_bytes()));
        let id = vm.request_headers(head, true).expect("no trap");
        assert!(vm.stream(id).is_some_and(|stream| stream.upstream().is_some()), "{name}: the last good set serves");
        vm.respond(id, Answer::new(200, "")).expect("no trap");
        vm.take(id).expect("it is over");
    }
    // A VM's memory never shrinks: what is far too long must not even be read.
    let grown = vm.memory_size() - before;
    assert!(grown < 8 << 20, "the VM has grown by {} kB", grown >> 10);
}
