//! What is compared, and how differences are told.

use cedar_gate_scenario::{Failure, Observed};
use serde_json::json;

use crate::stage::{Parrot, allowed, count_played, parse, report, with_requests};

/// The differences between what is expected and a request that was let through.
fn differences(expect: &str) -> Vec<String> {
    differences_from(expect, allowed())
}

fn differences_from(expect: &str, observed: Observed) -> Vec<String> {
    let scenario = with_requests(&format!("  - {{path: /, expect: {expect}}}"));
    match scenario.run(&Parrot::saying(observed)) {
        Ok(()) => Vec::new(),
        Err(report) => match &report.failures[0] {
            Failure::Different { differences, .. } => differences.iter().map(ToString::to_string).collect(),
            other => vec![other.to_string()],
        },
    }
}

#[test]
fn what_is_as_expected_is_no_difference() {
    let expect = r"{
        status: 200, decision: allow, cause: {$absent: true},
        headers: {X-One: 1, x-two: null, x-one: {matches: '^[0-9]$'}},
        body: {json: {paid: true}},
        upstream: {
            method: GET, path: {contains: payments}, body: '',
            headers: {x-auth-subject: alice, x-user: null, x-list: [a, b]}, trailers: {x-user: null},
        },
        audit: {action: view, policies: [p0], micros: {$present: true}, nothing: {$absent: true}, decision: {$matches: low}},
    }";
    assert_eq!(differences(expect), [""; 0]);
}

#[test]
fn every_difference_is_told() {
    for (expect, expected) in [
        ("{status: 403}", vec!["status: expected 403, saw 200", "upstream: expected not reached, saw reached"]),
        ("{status: 200, grpc_status: 0}", vec!["grpc_status: expected 0, saw none"]),
        ("{status: 200, decision: deny}", vec![r#"decision: expected "deny", saw "allow""#]),
        ("{status: 200, cause: token_expired}", vec![r#"cause: expected "token_expired", saw null"#]),
        ("{status: 200, headers: {x-one: 2}}", vec!["headers.x-one: expected `2`, saw `1`"]),
        ("{status: 200, headers: {x-one: null}}", vec!["headers.x-one: expected none, saw `1`"]),
        ("{status: 200, headers: {x-two: {$present: true}}}", vec!["headers.x-two: expected something, saw none"]),
        ("{status: 200, body: {json: {paid: false}}}", vec!["body.paid: expected false, saw true"]),
        ("{status: 200, upstream: none}", vec!["upstream: expected not reached, saw GET /payments/7"]),
        (
            "{status: 200, upstream: {headers: {x-list: [b, a]}}}",
            vec!["upstream.headers.x-list: expected `b`, `a`, saw `a`, `b`"],
        ),
        ("{status: 200, audit_records: 2}", vec!["audit_records: expected 2, saw 1"]),
        ("{status: 200, audit: {policies: []}}", vec![r#"audit.policies: expected [], saw ["p0"]"#]),
        (
            "{status: 200, audit: {person: {$present: true}}}",
            vec![r#"audit.person: expected {"$present":true}, saw nothing"#],
        ),
    ] {
        assert_eq!(differences(expect), expected, "{expect}");
    }
}

#[test]
fn details_are_compared_only_where_they_are_shown() {
    let expect = "{status: 200, details: 'cedar_gate:x'}";
    assert_eq!(differences(expect), [""; 0]);
    let shown = Observed { details: Some("cedar_gate:y".to_owned()), ..allowed() };
    assert_eq!(differences_from(expect, shown), ["details: expected `cedar_gate:x`, saw `cedar_gate:y`"]);
}

#[test]
fn a_host_may_answer_differently() {
    let expect = "{status: 403, decision: deny, on: {native: {status: 200, decision: allow}}}";
    assert_eq!(differences(expect), [""; 0]);
    let expect = "{status: 200, decision: deny, cause: x, on: {native: {audit_records: 0}}}";
    let silent = Observed { audit: Vec::new(), ..allowed() };
    assert_eq!(differences_from(expect, silent), [""; 0]);
}

#[test]
fn a_grpc_refusal_must_not_reach_the_upstream() {
    let refused = Observed { grpc_status: Some(7), upstream: None, ..allowed() };
    assert_eq!(differences_from("{grpc_status: 7}", refused), [""; 0]);
}

#[test]
fn a_report_shows_all_that_was_seen() {
    let scenario = with_requests("  - {name: alice pays, path: /, expect: {status: 401}}");
    let text = report(&scenario, &Parrot::saying(allowed())).to_string();
    for part in
        ["s on native", "alice pays", "status: expected 401, saw 200", "x-auth-subject: alice", r#""micros": 17"#]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_configuration_must_be_refused_for_the_right_faults() {
    let scenario =
        parse("story: s\nconfiguration: {}\nstarts: refused\nfaults: ['routes: are missing', 'issuer']").unwrap();
    scenario.run(&Parrot::refusing(&["error: routes: are missing", "corp.issuer: bad"])).unwrap();
    let text = report(&scenario, &Parrot::refusing(&["error: issuer"])).to_string();
    assert!(text.contains("`routes: are missing` is not logged") && text.contains("log: error: issuer"), "{text}");
    let text = report(&scenario, &Parrot::saying(allowed())).to_string();
    assert!(text.contains("must be refused"), "{text}");
}

#[test]
fn a_gateway_that_does_not_start_is_reported_with_its_log() {
    let scenario = with_requests("  - {path: /, expect: {status: 200}}");
    let text = report(&scenario, &Parrot::refusing(&["no policies"])).to_string();
    assert!(text.contains("log: no policies"), "{text}");
}

#[test]
fn play_shows_every_request() {
    let scenario = with_requests("  - {path: /, expect: {status: 200}}\n  - {path: /, expect: {status: 500}}");
    assert_eq!(count_played(&scenario, &Parrot::saying(allowed())), 2);
}

#[test]
fn a_body_that_is_not_json_is_shown_as_it_is() {
    let observed = Observed { body: b"oops\xff".to_vec(), ..allowed() };
    let found = differences_from("{status: 200, body: {json: {a: 1}}}", observed);
    assert_eq!(found, [format!(r"body: expected {}, saw `oops\xff`", json!({"a": 1}))]);
}

#[test]
fn a_json_body_can_be_compared_line_by_line() {
    let observed =
        Observed { body: br#"{"paid": true, "by": {"name": "alice", "role": "maker"}}"#.to_vec(), ..allowed() };
    let expect = "{status: 200, body: {json: {paid: {$present: true}, by: {name: bob}}}}";
    let scenario = with_requests(&format!("  - {{path: /, expect: {expect}}}"));
    let mut documents = Vec::new();
    let played = scenario.play(&Parrot::saying(observed), &mut |played| {
        documents.extend(played.expected.documents(played.observed));
    });
    assert!(played.is_err());
    let [document] = documents.as_slice() else { panic!("{documents:?}") };
    assert_eq!(document.what, "body");
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (expected, seen) = (lines(&document.expected), lines(&document.seen));
    let differ: Vec<_> = expected.iter().zip(&seen).filter(|(expected, seen)| expected != seen).collect();
    assert_eq!(differ, [(&r#"    "name": "bob","#.to_owned(), &r#"    "name": "alice","#.to_owned())]);
}

#[test]
fn a_stream_that_is_kept_open_ends_when_it_must() {
    let found = |expect: &str, closed_after: Option<u64>| {
        let scenario = with_requests(&format!("  - {{path: /, open_for: 9s, expect: {{status: 200{expect}}}}}"));
        match scenario.run(&Parrot::saying(Observed { closed_after, ..allowed() })) {
            Ok(()) => String::new(),
            Err(report) => report.failures[0].to_string().lines().nth(1).unwrap_or_default().trim().to_owned(),
        }
    };
    for seconds in 3..=5 {
        assert_eq!(found(", closed_after: 4s", Some(seconds)), "");
    }
    assert_eq!(found("", None), "");
    assert_eq!(found(", closed_after: 4s", Some(6)), "closed_after: expected 4s, saw 6s");
    assert_eq!(found(", closed_after: 4s", None), "closed_after: expected 4s, saw not at all");
    assert_eq!(found("", Some(4)), "closed_after: expected not at all, saw 4s");
    let stray = "story: s\nconfiguration: {}\nrequests: [{path: /, expect: {status: 200, closed_after: 1s}}]";
    assert!(parse(stray).unwrap_err().to_string().contains("say `open_for`"));
}
