//! What the upstream gets.

use cedar_gate_scenario::Protocol;
use cedar_gate_stage::{EnvoyHost, EnvoyOptions, Paths};

use super::{Filter, gateway, get, headers, post, shared, skipped, values};

#[test]
fn a_header_value_that_is_no_utf_8_goes_through() {
    let Some(host) = shared() else { return };
    let mut gateway = gateway(host, "pass");
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut request = get("/a");
        request.headers = headers(&[("x-odd", b"\xff\xfe"), ("x-odd", b"two"), ("x-other", b"")]);
        request.protocol = protocol;
        let observed = gateway.send(&request).expect("an answer");
        assert_eq!(observed.status, 200);
        assert_eq!(observed.details, None);
        let received = observed.upstream.expect("the request went through");
        assert_eq!(values(&received.headers, "x-odd"), [b"\xff\xfe".as_slice(), b"two"], "{protocol:?}");
        assert_eq!(values(&received.headers, "x-other"), [b""]);
        assert!(values(&received.headers, "x-scenario-request").is_empty());
        assert!(values(&received.headers, "x-request-id").is_empty());
    }
}

#[test]
fn a_target_goes_through_as_it_was_written() {
    let Some(host) = shared() else { return };
    let mut gateway = gateway(host, "pass");
    for path in ["/a/../b", "//x", "/%2e%2e/%2F", "/x\\y", "/x/..;/y", "/%00", "/a?b=c&b=%zz", "/\"{|}"] {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let mut request = get(path);
            request.protocol = protocol;
            let observed = gateway.send(&request).expect("an answer");
            let received = observed.upstream.unwrap_or_else(|| panic!("{path} over {protocol:?}: {}", observed.status));
            assert_eq!(String::from_utf8_lossy(&received.path), path);
        }
    }
}

#[test]
fn a_target_is_cleaned_where_paths_are_hardened() {
    let Some(binary) = EnvoyOptions::binary_from_env() else { return skipped() };
    let host = EnvoyHost::start_with(&binary, &Filter::new().path(), |options| {
        options.paths = Paths::Hardened;
        // Not used here, but Envoy must take them.
        options.clusters.insert("issuer".to_owned(), options.upstream);
        options.environment.insert("SECRET".to_owned(), "hunter2".to_owned());
    });
    let host = host.expect("Envoy starts");
    let mut gateway = gateway(&host, "pass");
    let received = gateway.send(&get("/a//../b")).expect("an answer").upstream.expect("the request went through");
    assert_eq!(received.path, b"/a/b");
    assert_eq!(gateway.send(&get("/a%2fb")).expect("an answer").status, 400);
}

#[test]
fn a_body_in_one_part_goes_through_with_its_length() {
    let Some(host) = shared() else { return };
    let received = gateway(host, "pass").send(&post(&[b"all of it"])).expect("an answer").upstream;
    let received = received.expect("the request went through");
    assert_eq!(received.body, b"all of it");
    assert_eq!(values(&received.headers, "content-length"), [b"9"]);
}

#[test]
fn a_body_in_parts_and_its_trailers_go_through() {
    let Some(host) = shared() else { return };
    let mut gateway = gateway(host, "pass");
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut request = post(&[b"one,", b"", b"\xff,", b"three"]);
        request.trailers = headers(&[("x-sum", b"\xff1"), ("x-sum", b"2")]);
        request.protocol = protocol;
        let received = gateway.send(&request).expect("an answer").upstream.expect("the request went through");
        assert_eq!(received.body, b"one,\xff,three", "{protocol:?}");
        assert_eq!(values(&received.trailers, "x-sum"), [b"\xff1".as_slice(), b"2"], "{protocol:?}");
    }
}

#[test]
fn a_large_body_goes_through_whole() {
    let Some(host) = shared() else { return };
    let mut gateway = gateway(host, "pass");
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut request = post(&[&vec![b'a'; 2_000_000], &vec![b'b'; 2_000_000]]);
        request.protocol = protocol;
        let received = gateway.send(&request).expect("an answer").upstream.expect("the request went through");
        assert_eq!(received.body.len(), 4_000_000, "{protocol:?}");
    }
}

#[test]
fn a_grpc_call_is_answered_in_trailers() {
    let Some(host) = shared() else { return };
    let mut request = post(&[&[0; 5]]);
    request.path = b"/files.Files/Read".to_vec();
    request.headers = headers(&[("content-type", b"application/grpc"), ("te", b"trailers")]);
    request.protocol = Protocol::Http2;
    let observed = gateway(host, "pass").send(&request).expect("an answer");
    assert_eq!((observed.status, observed.grpc_status), (200, Some(0)));
    assert_eq!(observed.upstream.expect("the call went through").path, b"/files.Files/Read");
}
