//! Services: which answer a call gets, and how it is told what they were sent.

use std::time::Duration;

use cedar_gate_author::Memory;
use cedar_gate_scenario::{Failure, Scenario, Served};
use serde_json::{Value, json};

use crate::stage::{Caller, Parrot, allowed, json_segment, parse};

/// A scenario with services and requests, given as the lines below `services:` and `requests:`.
fn scenario(services: &str, requests: &str) -> String {
    format!(
        "story: s\nconfiguration: {{}}\nkeys: {{corp: {{kty: EC, crv: P-256}}}}\ntokens: {{alice: {{key: corp, alg: ES256, \
         claims: {{iat: {{$now: 0}}}}}}}}\nservices:\n{services}\nrequests:\n{requests}\n"
    )
}

/// A request that calls, and what must come of it.
fn calls(call: &str, expect: &str) -> String {
    format!("  - {{path: /, headers: ['x-call: {call}'], expect: {{audit_records: 0, upstream: none, {expect}}}}}\n")
}

fn served(services: &str, requests: &str) -> Vec<Served> {
    let host = Caller::default();
    if let Err(report) = parse(&scenario(services, requests)).unwrap().run(&host) {
        panic!("{report}");
    }
    host.served.into_inner()
}

fn differences(services: &str, requests: &str) -> Vec<String> {
    match parse(&scenario(services, requests)).unwrap().run(&Caller::default()) {
        Ok(()) => Vec::new(),
        Err(report) => match &report.failures[0] {
            Failure::Different { differences, .. } => differences.iter().map(ToString::to_string).collect(),
            other => vec![other.to_string()],
        },
    }
}

fn fault(services: &str, requests: &str) -> String {
    parse(&scenario(services, requests)).unwrap_err().to_string()
}

const ONE: &str = "  idp: {\"GET /jwks\": {json: {keys: []}}}";

#[test]
fn answers_come_in_order_and_the_last_one_stays() {
    let requests: String = [200, 503, 503].map(|status| calls("idp GET /jwks", &format!("status: {status}"))).concat();
    served("  idp: {\"GET /jwks\": [{json: {}}, {status: 503}]}", &requests);
}

#[test]
fn answers_come_by_turns() {
    let requests: String =
        [200, 503, 200, 503].map(|status| calls("idp GET /jwks", &format!("status: {status}"))).concat();
    served("  idp: {\"GET /jwks\": {turns: [{json: {}}, {status: 503}]}}", &requests);
}

#[test]
fn an_answer_can_depend_on_the_call() {
    let services = "  idp:\n    \"POST /introspect\":\n      - {when: {form: {token: good}, query: {v: 2}, headers: {x-from: \
                    caller}}, status: 201}\n      - {when: {body: {json: {token: {$matches: '^b'}}}}, status: 202}\n      - \
                    {status: 404}";
    let request = |body: &str, status: u16| {
        format!(
            "  - {{path: /, headers: ['x-call: idp POST /introspect?v=2'], body: {{text: '{body}'}}, expect: {{status: \
             {status}, audit_records: 0, upstream: none}}}}\n"
        )
    };
    let requests: String =
        [("token=good&a=b", 201), (r#"{"token": "bad"}"#, 202), ("token=go%6fd", 201), ("token=other", 404)]
            .map(|(body, status)| request(body, status))
            .concat();
    served(services, &requests);
}

#[test]
fn an_endpoint_with_a_query_goes_before_one_without() {
    let services = "  idp: {\"GET /keys?new=1\": {status: 201}, \"GET /keys\": {status: 202}}";
    let requests: String = [("/keys?new=1", 201), ("/keys", 202), ("/keys?old=1", 202), ("/other", 404)]
        .map(|(path, status)| calls(&format!("idp GET {path}"), &format!("status: {status}")))
        .concat();
    served(services, &requests);
}

#[test]
fn an_answer_is_made_when_it_is_given() {
    let services = "  idp:\n    \"GET /jwks\": {json: {keys: [{$jwk: corp, use: sig}], at: {$now: 5}, token: {$token: alice}}, \
                    headers: ['X-One: {token:alice}'], delay: 2s}\n    \"GET /list\": {token: {like: alice, claims: \
                    {status_list: {$status_list: {size: 8}}}}, headers: ['content-type: application/jwt']}";
    let requests = "  - {path: /, after: 1m, headers: ['x-call: idp GET /jwks', 'x-call: idp GET /list'], expect: {status: \
                    200, audit_records: 0, upstream: none}}\n";
    let served = served(services, requests);
    let Served::Answered { after, status, headers, body } = &served[0] else { panic!("{served:?}") };
    assert_eq!((*after, *status), (Duration::from_secs(2), 200));
    let header = |name: &str| {
        let (_, value) = headers.iter().find(|(seen, _)| seen == name.as_bytes()).unwrap();
        String::from_utf8(value.clone()).unwrap()
    };
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(json_segment(&header("x-one"), 1), json!({"iat": 1_780_315_260}));
    let document: Value = serde_json::from_slice(body).unwrap();
    assert_eq!((&document["at"], &document["keys"][0]["kid"]), (&json!(1_780_315_265), &json!("corp")));
    assert_eq!(document["token"].as_str().unwrap(), header("x-one"));
    let Served::Answered { headers, body, .. } = &served[1] else { panic!("{served:?}") };
    assert_eq!(headers, &[(b"content-type".to_vec(), b"application/jwt".to_vec())]);
    assert_eq!(json_segment(std::str::from_utf8(body).unwrap(), 1)["status_list"]["bits"], 1);
}

#[test]
fn a_service_changes_between_requests() {
    let request = |changes: &str, status: u16| {
        format!(
            "  - {{path: /, services: {{idp: {changes}}}, headers: ['x-call: idp GET /jwks', 'x-call: idp GET /other'], \
             expect: {{status: {status}, audit_records: 0, upstream: none}}}}\n"
        )
    };
    let requests: String = [
        ("{}", 202),
        ("{\"GET /other\": {status: 203}}", 203),
        ("refused", 504),
        ("reset", 504),
        ("never", 504),
        ("empty", 504),
        ("up", 203),
        ("never", 504),
        ("{\"GET /other\": {fault: never}}", 201),
        ("{\"GET /other\": {fault: reset}}", 201),
        ("{\"GET /other\": {fault: cut}}", 201),
    ]
    .map(|(changes, status)| request(changes, status))
    .concat();
    let services = "  idp: {\"GET /jwks\": {status: 201}, \"GET /other\": {status: 202}}";
    let served = served(services, &requests);
    let others: Vec<_> = served.iter().skip(1).step_by(2).collect();
    assert!(
        matches!(
            others[2..],
            [
                Served::Refused,
                Served::Reset,
                Served::Never,
                Served::Empty,
                Served::Answered { .. },
                Served::Never,
                Served::Never,
                Served::Reset,
                Served::Cut
            ]
        ),
        "{others:?}"
    );
}

#[test]
fn a_scenario_begins_anew_each_time_it_is_played() {
    let requests = calls("idp GET /jwks", "status: 200, calls: {idp: 1}");
    let text = scenario("  idp: {\"GET /jwks\": [{json: {}}, {status: 503}]}", &requests);
    let scenario = parse(&text).unwrap();
    for _ in 0..2 {
        scenario.run(&Caller::default()).unwrap();
    }
}

#[test]
fn calls_are_counted_from_one_request_to_the_next() {
    let requests = calls("idp GET /jwks", "status: 200, calls: {idp: 1}")
        + &calls(
            "idp GET /jwks?v=1",
            "status: 200, calls: {idp: {\"GET /jwks\": 1, \"GET /jwks?v=1\": 1, \"GET /other\": 0}}",
        )
        + "  - {path: /, expect: {status: 504, audit_records: 0, calls: {idp: {at_most: 0}}}}\n"
        + &calls("idp GET /jwks", "status: 200, calls: {idp: {at_least: 1}}");
    served(ONE, &requests);
    for (count, expected) in [
        ("2", "calls.idp: expected 2, saw 1 (in all: GET /jwks)"),
        ("{at_least: 2}", "calls.idp: expected 2 or more, saw 1 (in all: GET /jwks)"),
        ("{at_most: 0}", "calls.idp: expected 0, saw 1 (in all: GET /jwks)"),
        ("{\"GET /x\": 1}", "calls.idp.`GET /x`: expected 1, saw 0 (in all: GET /jwks)"),
    ] {
        let request = calls("idp GET /jwks", &format!("status: 200, calls: {{idp: {count}}}"));
        assert_eq!(differences(ONE, &request), [expected]);
    }
}

#[test]
fn calls_to_nobody_are_not_received() {
    served("  idp: refused", &calls("idp GET /jwks", "status: 504, calls: {idp: 0}"));
    served("  idp: empty", &calls("idp GET /jwks", "status: 504, calls: {idp: 0}"));
    served("  idp: never", &calls("idp GET /jwks", "status: 504, calls: {idp: 1}"));
    assert_eq!(served(ONE, &calls("other GET /jwks", "status: 504, calls: {idp: 0}")), [Served::Unknown]);
}

#[test]
fn what_was_received_is_compared_call_by_call() {
    let request = |received: &str| {
        format!(
            "  - {{path: /, headers: ['x-call: idp POST /a', 'x-call: idp POST /b'], body: {{text: 'scope=x&assertion={{token:\
             alice}}'}}, expect: {{status: 404, audit_records: 0, upstream: none, received: {{idp: {received}}}}}}}\n"
        )
    };
    let good = "[{method: POST, path: /a, form: {scope: x, nothing: null, assertion: {jwt: {header: {alg: ES256}, claims: {iat: \
                {$present: true}}}}}}, {path: /b, headers: {x-from: caller}}]";
    assert_eq!(differences(ONE, &request(good)), [""; 0]);
    // Others may lie between, and need not be told.
    assert_eq!(differences(ONE, &request("[{path: /b}]")), [""; 0]);
    for (received, expected) in [
        ("[{path: /b}, {path: /a}]", "received.idp[1]: expected a call, saw no further one"),
        ("[{path: /c}]", "received.idp[0].path: expected `/c`, saw `/a`"),
        ("[{path: /a, form: {scope: y}}]", "received.idp[0].form.scope: expected `y`, saw `x`"),
    ] {
        assert_eq!(differences(ONE, &request(received)), [expected]);
    }
    let wrong = request("[{form: {assertion: {jwt: {claims: {iat: 1}}}}}]");
    assert!(differences(ONE, &wrong)[0].contains(r#"expected a token with the header {} and the claims {"iat":1}"#));
}

#[test]
fn requests_that_are_sent_together_are_counted_together() {
    let request = |count: usize| {
        format!(
            "  - name: a crowd\n    services: {{idp: {{\"GET /jwks\": {{status: 203}}}}}}\n    concurrent:\n      - {{name: one, \
             times: 3, path: /, headers: ['x-call: idp GET /jwks'], expect: {{status: 203, audit_records: 0, upstream: \
             none}}}}\n      - {{path: /b, expect: {{status: 504, audit_records: 0}}}}\n    expect: {{calls: {{idp: {count}}}}}\n"
        )
    };
    assert_eq!(differences(ONE, &request(3)), [""; 0]);
    assert_eq!(
        differences(ONE, &request(1)),
        ["calls.idp: expected 1, saw 3 (in all: GET /jwks, GET /jwks, GET /jwks)"]
    );
    let scenario = parse(&scenario(ONE, &request(3))).unwrap();
    let names: Vec<_> = scenario.requests().collect();
    assert_eq!(names, ["a crowd: one", "a crowd: one", "a crowd: one", "a crowd: GET /b"]);
}

#[test]
fn an_answer_that_cannot_be_made_ends_the_scenario() {
    let services = "  idp: {\"GET /a\": {token: {key: corp, alg: RS256}}}";
    let found = differences(services, &calls("idp GET /a", "status: 200"));
    assert!(found[0].contains("the service `idp` has no answer: the key `corp` (P-256) cannot sign"), "{found:?}");
}

#[test]
fn a_fault_in_services_names_its_place() {
    let request = "  - {path: /, expect: {status: 200}}";
    for (services, expected) in [
        ("  idp: down", "services.idp: unknown variant `down`"),
        ("  idp: {jwks: {}}", "services.idp: `jwks` is no endpoint: a method, a blank and a path"),
        ("  idp: {\"GET /a\": []}", "services.idp.`GET /a`: has no answer"),
        ("  idp: {\"GET /a\": {statos: 200}}", "services.idp.`GET /a`.statos: unknown field"),
        ("  idp: {\"GET /a\": [{}, {json: {k: {$jwk: nobody}}}]}", "services.idp.`GET /a`.[1].json: no key is named"),
        ("  idp: {\"GET /a\": {json: {}, text: a}}", "services.idp.`GET /a`: has one body"),
        (
            "  idp: {\"GET /a\": {fault: never, status: 200}}",
            "services.idp.`GET /a`.fault: leaves nothing to say for `status`",
        ),
        ("  idp: {\"GET /a\": {token: bob}}", "services.idp.`GET /a`.token: no token is named `bob`"),
        ("  idp: {\"GET /a\": {delay: 1.5s}}", "services.idp.`GET /a`.delay: `1.5s` is no whole number"),
        ("  idp: {\"GET /a\": {when: {body: {json: {$x: 1}}}}}", "services.idp.`GET /a`.when.body: "),
    ] {
        let message = fault(services, request);
        assert!(message.starts_with(expected), "{message}");
    }
    for (request, expected) in [
        (
            "  - {path: /, services: {other: up}, expect: {status: 200}}",
            "requests[0].services: no service is named `other`",
        ),
        (
            "  - {path: /, expect: {status: 200, calls: {other: 1}}}",
            "requests[0].expect.calls: no service is named `other`",
        ),
        ("  - {path: /, expect: {status: 200, calls: {idp: many}}}", "requests[0].expect.calls.idp: "),
        ("  - {path: /, times: 2, expect: {status: 200}}", "requests[0].times: stands in `concurrent` only"),
        ("  - {concurrent: []}", "requests[0].concurrent: has no request"),
        ("  - {concurrent: [{path: /, after: 1s, expect: {status: 200}}]}", "requests[0].concurrent[0]: `after`"),
        (
            "  - {concurrent: [{path: /, expect: {status: 200, calls: {idp: 1}}}]}",
            "requests[0].concurrent[0]: `calls` and `received` are of all together",
        ),
        ("  - {path: /, worker: 2, expect: {status: 200}}", "requests[0].worker: is from 1 to 1"),
    ] {
        let message = fault(ONE, request);
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn what_a_base_has_can_be_changed_and_taken_away() {
    let files: Memory = [(
        "b.yaml",
        "environment: {A: one, B: {$jwk: k}, C: c}\nkeys: {k: {kty: OKP, crv: Ed25519}}\nworkers: 2\nservices: {idp: {\"GET \
         /a\": {status: 201, text: x}, \"GET /b\": {status: 202}}, gone: up}",
    )]
    .into_iter()
    .collect();
    let text = "story: s\nbase: b.yaml\nconfiguration: {}\nenvironment: {A: [1, 'yes'], C: null}\nservices: {gone: null, idp: \
                {\"GET /a\": {status: 203}}}\nrequests:\n  - {path: /, worker: 2, headers: ['x-call: idp GET /a', 'x-call: idp \
                GET /b'], expect: {status: 202, audit_records: 0, upstream: none}}";
    let scenario = Scenario::parse(text, "s.yaml".as_ref(), &files).unwrap();
    let start = scenario.start();
    assert_eq!(start.environment.keys().collect::<Vec<_>>(), ["A", "B"]);
    assert_eq!(start.environment["A"], r#"[1,"yes"]"#);
    assert_eq!(serde_json::from_str::<Value>(&start.environment["B"]).unwrap()["crv"], "Ed25519");
    assert_eq!((start.workers, start.services.clusters()), (2, vec!["idp".to_owned()]));
    let host = Caller::default();
    scenario.run(&host).unwrap();
    let served = host.served.into_inner();
    assert!(matches!(&served[0], Served::Answered { status: 203, body, .. } if body.is_empty()), "{served:?}");
}

#[test]
fn a_worker_is_told_by_its_number() {
    let text = "story: s\nconfiguration: {}\nworkers: 3\nrequests:\n  - {path: /, worker: 3, expect: {status: 200}}\n  - {path: \
                /, expect: {status: 200}}";
    let host = Parrot::saying(allowed());
    parse(text).unwrap().run(&host).unwrap();
    let workers: Vec<_> = host.sent.into_inner().into_iter().map(|(_, request)| request.worker).collect();
    assert_eq!(workers, [2, 0]);
}
