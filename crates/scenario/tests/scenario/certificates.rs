//! Certificates of clients: what they are made of, and what a host is given of them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use cedar_gate_scenario::{ClientCertificate, Forge};
use ring::digest::{SHA256, digest};
use serde_json::json;

use crate::stage::{Parrot, allowed, json_segment, parse};

const HEAD: &str = "story: s\nconfiguration: {}\nkeys: {laptop: {kty: EC, crv: P-256}, rack: {kty: EC, crv: P-384}, secret: {kty: \
                    oct}}\ncertificates:\n  alice: {key: laptop, dns: [a.example.com]}\n  mallory: {key: laptop, trusted: \
                    false}\n  old: {key: rack, expired: true, subject: alice}\ntokens: {bound: {key: laptop, alg: ES256, claims: \
                    {cnf: {'x5t#S256': {$x5t: alice}}}}}\nrequests:\n";

fn shown(certificates: &[&str]) -> Vec<Option<ClientCertificate>> {
    let request =
        |certificate: &&str| format!("  - {{path: /, certificate: {certificate}, expect: {{status: 200}}}}\n");
    let requests: String = certificates.iter().map(request).collect();
    let host = Parrot::saying(allowed());
    parse(&format!("{HEAD}{requests}")).unwrap().run(&host).unwrap();
    host.sent.into_inner().into_iter().map(|(_, request)| request.certificate).collect()
}

#[test]
fn a_certificate_is_the_same_each_time_and_says_what_it_is() {
    let shown = shown(&["alice", "alice", "mallory", "old", "null"]);
    assert_eq!(shown[0], shown[1]);
    let [Some(alice), _, Some(mallory), Some(old), None] = shown.as_slice() else { panic!("{shown:?}") };
    assert_eq!((alice.valid, mallory.valid, old.valid), (true, false, false));
    assert_eq!((alice.subject.as_str(), old.subject.as_str()), ("CN=alice", "CN=alice"));
    assert_eq!(alice.dns, ["a.example.com"]);
    assert_ne!(alice.sha256, mallory.sha256);
    let certificate = &alice.identity.as_ref().unwrap().certificate;
    assert_eq!(hex::encode(digest(&SHA256, certificate)), alice.sha256);
}

#[test]
fn a_token_can_be_bound_to_a_certificate() {
    let host = Parrot::saying(allowed());
    let requests = "  - {path: /, token: bound, certificate: alice, expect: {status: 200}}";
    parse(&format!("{HEAD}{requests}")).unwrap().run(&host).unwrap();
    let (_, request) = &host.sent.borrow()[0];
    let token = String::from_utf8(request.headers[0].1.clone()).unwrap();
    let thumbprint = json_segment(token.strip_prefix("Bearer ").unwrap(), 1)["cnf"]["x5t#S256"].clone();
    let sha256 = hex::decode(&request.certificate.as_ref().unwrap().sha256).unwrap();
    assert_eq!(thumbprint, json!(BASE64URL.encode(sha256)));
}

#[test]
fn a_host_can_be_told_of_what_no_handshake_shows() {
    let shown = shown(&["{sha256: ab, valid: true}", "{from: alice, valid: false}", "alice"]);
    let [Some(invented), Some(other), Some(alice)] = shown.as_slice() else { panic!("{shown:?}") };
    assert_eq!((invented.sha256.as_str(), invented.valid, &invented.identity), ("ab", true, &None));
    assert_eq!((&other.sha256, other.valid, &other.identity), (&alice.sha256, false, &None));
}

#[test]
fn requests_come_over_tls_where_there_are_certificates() {
    let tls = |text: &str| parse(text).unwrap().start().tls.clone();
    let request = "  - {path: /, expect: {status: 200}}";
    assert!(tls(&format!("{HEAD}{request}")).is_some());
    assert_eq!(tls(&format!("story: s\nconfiguration: {{}}\nrequests:\n{request}")), None);
    let told = "  - {path: /, certificate: {sha256: ab, valid: true}, expect: {status: 200}}";
    assert!(tls(&format!("story: s\nconfiguration: {{}}\nrequests:\n{told}")).is_some());
}

#[test]
fn a_certificate_that_cannot_be_made_says_why() {
    let fault = |certificates: &str, certificate: &str| {
        let text = format!(
            "story: s\nconfiguration: {{}}\nkeys: {{a: {{kty: oct}}, b: {{kty: EC, crv: P-256}}}}\ncertificates: \
             {{{certificates}}}\nrequests:\n  - {{path: /, certificate: {certificate}, expect: {{status: 200}}}}"
        );
        parse(&text).unwrap_err().to_string()
    };
    for (certificates, certificate, expected) in [
        ("x: {key: nobody}", "x", "no key is named `nobody`"),
        ("x: {key: b, keys: b}", "x", "certificates.x.keys: unknown field"),
        ("x: {key: b}", "y", "requests[0].certificate: no certificate is named `y`"),
        ("x: {key: a}", "x", "requests[0].certificate: certificates.x: a key of kind oct has no place"),
        ("x: {key: b, dns: ['é']}", "x", "requests[0].certificate: certificates.x: "),
        ("x: {key: b}", "{form: x}", "requests[0].certificate.form: unknown field"),
    ] {
        let message = fault(certificates, certificate);
        assert!(message.starts_with(expected), "{message}");
    }
    let forge = Forge::new().with_key("a", json!({"kty": "oct"})).unwrap();
    assert!(forge.resolve(&json!({"$x5t": "nobody"})).unwrap_err().to_string().contains("no certificate is named"));
}
