//! Proofs of possession: what the forge puts into them, and how they are used again.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use cedar_gate_scenario::Observed;
use ring::digest::{SHA256, digest};
use serde_json::json;

use crate::stage::{NOW, Parrot, allowed, json_segment, parse};

const HEAD: &str = "story: s\nconfiguration: {}\nkeys: {corp: {kty: EC, crv: P-256}, laptop: {kty: EC, crv: P-384}}\ntokens: \
                    {alice: {claims: {sub: alice}}}\ntoken_defaults: {key: corp, alg: ES256, claims: {iss: someone}}\nrequests:\n";

/// The values of the headers `authorization` and `dpop` of each request.
fn sent(requests: &str) -> Vec<(String, Vec<String>)> {
    let observed = Observed { headers: vec![(b"dpop-nonce".to_vec(), b"n-1".to_vec())], ..allowed() };
    let host = Parrot::saying(observed);
    parse(&format!("{HEAD}{requests}")).unwrap().run(&host).unwrap();
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    let values = |headers: &cedar_gate_scenario::Headers, name: &str| {
        headers.iter().filter(|(seen, _)| seen == name.as_bytes()).map(|(_, value)| text(value)).collect::<Vec<_>>()
    };
    let sent = host.sent.into_inner().into_iter().map(|(_, request)| request.headers);
    sent.map(|headers| (values(&headers, "authorization").concat(), values(&headers, "dpop"))).collect()
}

fn fault(request: &str) -> String {
    parse(&format!("{HEAD}  - {request}")).unwrap_err().to_string()
}

#[test]
fn a_proof_is_made_for_its_request() {
    let requests = "  - {method: POST, path: '/a/b?c=d', authority: 'api.example.com:8443', token: alice, dpop: {key: laptop}, \
                    expect: {status: 200}}";
    let (authorization, proofs) = &sent(requests)[0];
    let token = authorization.strip_prefix("DPoP ").unwrap();
    let [proof] = proofs.as_slice() else { panic!("{proofs:?}") };
    let header = json_segment(proof, 0);
    assert_eq!((&header["typ"], &header["alg"], header.get("kid")), (&json!("dpop+jwt"), &json!("ES384"), None));
    let jwk = header["jwk"].as_object().unwrap();
    let members: BTreeSet<&str> = jwk.keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(["crv", "kty", "x", "y"]));
    let ath = BASE64URL.encode(digest(&SHA256, token.as_bytes()));
    let expected = json!({
        "htm": "POST", "htu": "https://api.example.com:8443/a/b", "iat": NOW, "jti": "proof-1", "ath": ath,
    });
    assert_eq!(json_segment(proof, 1), expected);
}

#[test]
fn each_part_of_a_proof_can_be_another() {
    let requests = "  - {path: /, token: alice, scheme: Bearer, dpop: {key: laptop, alg: ES384, htm: PUT, htu: null, iat: -300, \
                    jti: same, ath: {token: {like: alice, claims: {sub: bob}}}, nonce: n, header: {typ: JWT, jwk: {$jwk: corp}}, \
                    claims: {htu: [x], more: {$null: true}}, tamper: [{flip_signature_bit: 1}]}, expect: {status: 200}}\n  - \
                    {path: /, dpop: {key: corp}, expect: {status: 200}}";
    let sent = sent(requests);
    assert!(sent[0].0.starts_with("Bearer "));
    let claims = json_segment(&sent[0].1[0], 1);
    assert_eq!(json_segment(&sent[0].1[0], 0)["jwk"]["kid"], "corp");
    assert_eq!(json_segment(&sent[0].1[0], 0)["typ"], "JWT");
    let others = (&claims["htm"], &claims["htu"], &claims["iat"], &claims["jti"], &claims["nonce"], &claims["more"]);
    assert_eq!(others, (&json!("PUT"), &json!(["x"]), &json!(NOW - 300), &json!("same"), &json!("n"), &json!(null)));
    let token = sent[0].0.strip_prefix("Bearer ").unwrap();
    assert_ne!(claims["ath"], BASE64URL.encode(digest(&SHA256, token.as_bytes())));
    // Without a token there is nothing to hash.
    assert_eq!(json_segment(&sent[1].1[0], 1).get("ath"), None);
}

#[test]
fn a_proof_is_sent_again_byte_for_byte() {
    let requests = "  - {name: first, path: /, dpop: {key: laptop}, expect: {status: 200}}\n  - {path: /, dpop: {key: laptop}, \
                    expect: {status: 200}}\n  - {path: /, dpop: again, expect: {status: 200}}\n  - {path: /, dpop: [{again: \
                    first}, {key: corp}], expect: {status: 200}}";
    let sent = sent(requests);
    assert_ne!(sent[0].1, sent[1].1);
    assert_eq!(sent[1].1, sent[2].1);
    assert_eq!((&sent[3].1[0], sent[3].1.len()), (&sent[0].1[0], 2));
    assert_ne!(json_segment(&sent[0].1[0], 1)["jti"], json_segment(&sent[1].1[0], 1)["jti"]);
}

#[test]
fn a_nonce_comes_from_an_answer() {
    let requests = "  - {name: first, path: /, dpop: {key: laptop}, expect: {status: 200}}\n  - {path: /, dpop: {key: laptop, \
                    nonce: {from_answer: true}}, expect: {status: 200}}\n  - {path: /, dpop: {key: laptop, nonce: {from_answer: \
                    first}}, expect: {status: 200}}";
    let sent = sent(requests);
    let nonces: Vec<_> = sent.iter().map(|(_, proofs)| json_segment(&proofs[0], 1).get("nonce").cloned()).collect();
    assert_eq!(nonces, [None, Some(json!("n-1")), Some(json!("n-1"))]);
}

#[test]
fn a_proof_that_cannot_be_made_says_why() {
    for (dpop, expected) in [
        ("{}", "requests[0].dpop.key: is missing"),
        ("{key: nobody}", "requests[0].dpop.key: no key is named `nobody`"),
        ("{key: corp, htn: GET}", "requests[0].dpop: token.htn: unknown field"),
        ("{key: corp, iat: now}", "requests[0].dpop.iat: \"now\" is no whole number"),
        ("{key: corp, nonce: {from: x}}", "requests[0].dpop.nonce: is a text"),
        ("{key: corp, ath: {token: nobody}}", "requests[0].dpop.ath: no token is named `nobody`"),
        ("more", "requests[0].dpop: is a description of a proof"),
        ("{again: a, key: corp}", "requests[0].dpop.again: is the name of a request, and stands alone"),
        ("[{key: corp}, {}]", "requests[0].dpop.[1].key: is missing"),
    ] {
        let message = fault(&format!("{{path: /, dpop: {dpop}, expect: {{status: 200}}}}"));
        assert!(message.starts_with(expected), "{message}");
    }
    for (dpop, expected) in [
        ("again", "there is no proof yet that could be repeated"),
        ("{key: corp, nonce: {from_answer: true}}", "no answer has had a `DPoP-Nonce` yet"),
    ] {
        let scenario = parse(&format!("{HEAD}  - {{path: /, dpop: {dpop}, expect: {{status: 200}}}}")).unwrap();
        let report = scenario.run(&Parrot::saying(allowed())).unwrap_err().to_string();
        assert!(report.contains(expected), "{report}");
    }
}
