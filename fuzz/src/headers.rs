//! Header maps, on their way through the filter.
//!
//! The input is a header map as text, one `name: value` a line; `{token}` in a value is a good token. What goes on
//! carries no protected header in any spelling but those that the filter has set, and is otherwise what came in. A
//! request that goes on to the protected route has shown the token once, in the one place and the one form for it.

use std::cell::RefCell;

use cedar_gate::harness::{Harness, Pairs, Verdict};
use cedar_gate::http::RequestHead;
use serde_json::json;

use crate::mint::{NOW, SigningKey};

/// What the filter must not let through, folded.
const PROTECTED: [&str; 10] = [
    "x-auth-roles",
    "x-auth-subject",
    "x-envoy-original-path",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
    "x-user",
];

/// Where tokens may stand, folded.
const CREDENTIALS: [&str; 2] = ["authorization", "x-token"];

/// What the filter tells of the token.
const IDENTITY: [(&str, &str); 2] = [("x-auth-subject", "mona"), ("x-auth-roles", "reader,editor")];

/// Sends a header map through two gateways, one of which removes the token, and says whether it goes on.
pub fn check(text: &[u8]) -> bool {
    thread_local! {
        static GATES: [(Gateway, bool); 2] = [(Gateway::start("keep"), false), (Gateway::start("remove"), true)];
    }
    GATES.with(|gates| {
        let [kept, removed] = gates.each_ref().map(|(gateway, removes_token)| gateway.check(text, *removes_token));
        assert_eq!(kept, removed, "what becomes of the token decides about the request");
        kept
    })
}

struct Gateway {
    harness: RefCell<Harness>,
    token: String,
}

impl Gateway {
    fn start(token: &str) -> Self {
        let configuration = json!({
            "providers": {"corp": {
                "issuer": "https://idp.example.com/",
                "audiences": ["https://api.example.com"],
                "algorithms": ["HS256"],
                "local_jwks": {"inline": {"keys": [SigningKey::CorpSecret.jwk()]}},
            }},
            "credentials": {"from_headers": [{"name": "authorization", "schemes": ["Bearer"]}, {"name": "X-Token"}]},
            "routes": [
                {"methods": ["GET"], "path": "/open", "access": "public"},
                {"methods": ["GET"], "path": "/closed", "action": "view", "resource": {"type": "Doc", "id": "closed"}},
            ],
            "policies": {"inline": {
                "schema": "entity User, Doc; action view appliesTo { principal: User, resource: Doc };",
                "policies": "permit (principal == User::\"corp|mona\", action, resource);",
            }},
            "forward": {
                "token": token,
                "headers": {"X-Auth-Subject": "sub", "x-auth-roles": "roles"},
                "protected_headers": ["X_User"],
            },
        });
        let now = NOW.unsigned_abs();
        let harness = Harness::start(configuration.to_string().as_bytes(), now)
            .unwrap_or_else(|faults| panic!("{:?}", faults.iter().map(ToString::to_string).collect::<Vec<_>>()));
        let claims = json!({
            "iss": "https://idp.example.com/", "aud": "https://api.example.com", "iat": NOW, "exp": NOW + 300,
            "sub": "mona", "roles": ["reader", "editor"],
        });
        let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": "secret"});
        let token = SigningKey::CorpSecret.sign(header.to_string().as_bytes(), claims.to_string().as_bytes());
        Self { harness: RefCell::new(harness), token }
    }

    fn check(&self, text: &[u8], removes_token: bool) -> bool {
        let sent = self.pairs(text);
        check_form(&sent);
        let mut harness = self.harness.borrow_mut();
        let (mut passage, verdict) = harness.request(sent.clone(), false);
        let goes_on = matches!(verdict, Verdict::Continued(_));
        match verdict {
            Verdict::Continued(arrived) => {
                let closed = sent.iter().any(|pair| is(pair, ":path") && pair.1.starts_with(b"/closed"));
                check_arrived(&sent, arrived, closed, removes_token);
                check_nominations(&sent);
                if closed {
                    self.check_credential(&sent);
                }
                // The same map as trailers.
                let (kept, expected) = (passage.trailers(sent.clone()), without(&sent, &PROTECTED));
                if sent.iter().all(|(name, _)| name.is_ascii()) {
                    assert_eq!(kept, expected, "the trailers are others");
                }
            }
            Verdict::Replied(reply) => assert!((400..=503).contains(&reply.status), "no refusal: {reply:?}"),
            Verdict::Closed | Verdict::Waiting => panic!("nothing is to be waited for"),
        }
        assert_eq!(passage.end().len(), 1, "one request, one record");
        goes_on
    }

    fn pairs(&self, text: &[u8]) -> Pairs {
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let pair = |line: &[u8]| {
            // The first colon may be that of a pseudo-header.
            let colon = line.iter().skip(1).position(|byte| *byte == b':').map_or(line.len(), |place| place + 1);
            let value = line.get(colon + 1..).unwrap_or_default();
            (line[..colon].to_vec(), self.filled(value.strip_prefix(b" ").unwrap_or(value)))
        };
        lines.map(pair).collect()
    }

    fn filled(&self, value: &[u8]) -> Vec<u8> {
        const MARK: &[u8] = b"{token}";
        match value.windows(MARK.len()).position(|window| window == MARK) {
            Some(start) => [&value[..start], self.token.as_bytes(), &value[start + MARK.len()..]].concat(),
            None => value.to_vec(),
        }
    }

    /// RFC 6750 §2: one credential, once.
    fn check_credential(&self, sent: &Pairs) {
        let shown: Vec<_> = sent.iter().filter(|(name, _)| CREDENTIALS.contains(&folded(name).as_str())).collect();
        let bearer = |value: &[u8]| {
            let scheme = value.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "));
            scheme && &value[7..] == self.token.as_bytes()
        };
        let good = |(name, value): &&(Vec<u8>, Vec<u8>)| match name.to_ascii_lowercase().as_slice() {
            b"authorization" => bearer(value),
            b"x-token" => value == self.token.as_bytes(),
            _ => false,
        };
        let good = shown.iter().filter(|pair| good(pair)).count();
        // An `authorization` of another scheme beside the token is no token.
        let other = |(name, value): &&(Vec<u8>, Vec<u8>)| {
            let scheme = value.split(|byte| *byte == b' ').next().unwrap_or_default();
            name.eq_ignore_ascii_case(b"authorization") && !scheme.eq_ignore_ascii_case(b"bearer")
        };
        let others = shown.iter().filter(|pair| other(pair)).count();
        assert!(
            good == 1 && others <= 1 && good + others == shown.len(),
            "it goes on with {good} good credentials of {}",
            shown.len()
        );
    }
}

/// A head is one exactly where its pseudo-headers are there and single, and its names are ASCII.
fn check_form(sent: &Pairs) {
    let once = |name: &str| sent.iter().filter(|pair| is(pair, name)).count();
    let method = sent.iter().find(|pair| is(pair, ":method"));
    let expected = sent.iter().all(|(name, _)| name.is_ascii())
        && once(":path") == 1
        && once(":authority") <= 1
        && once(":method") == 1
        && method.is_some_and(|(_, value)| std::str::from_utf8(value).is_ok());
    let head = RequestHead::from_pairs(sent.clone());
    assert_eq!(head.is_ok(), expected, "the head is read otherwise");
    let Ok(head) = head else { return };
    let rest = sent.iter().filter(|pair| ![":method", ":path", ":authority"].iter().any(|name| is(pair, name)));
    assert!(head.headers.names().eq(rest.map(|(name, _)| String::from_utf8_lossy(name).to_ascii_lowercase())));
}

fn check_arrived(sent: &Pairs, arrived: Pairs, closed: bool, removes_token: bool) {
    let (set, kept): (Pairs, Pairs) =
        arrived.into_iter().partition(|(name, _)| PROTECTED.contains(&folded(name).as_str()));
    let mut set: Vec<(String, String)> = set
        .into_iter()
        .map(|(name, value)| (String::from_utf8_lossy(&name).into(), String::from_utf8_lossy(&value).into()))
        .collect();
    let mut identity: Vec<(String, String)> =
        IDENTITY.iter().filter(|_| closed).map(|(name, value)| ((*name).into(), (*value).into())).collect();
    set.sort();
    identity.sort();
    assert_eq!(set, identity, "protected headers that the filter has not set");
    let without_protected = without(sent, &PROTECTED);
    let expected = if removes_token { without(&without_protected, &CREDENTIALS) } else { without_protected };
    assert_eq!(kept, expected, "other headers are changed");
}

/// A hop-by-hop nomination takes the header away at the next hop (CVE-2024-45410).
fn check_nominations(sent: &Pairs) {
    let nominations =
        sent.iter().filter(|pair| is(pair, "connection")).flat_map(|(_, value)| value.split(|byte| *byte == b','));
    for name in nominations {
        let name = folded(name.trim_ascii());
        let taken = PROTECTED.contains(&name.as_str()) || CREDENTIALS.contains(&name.as_str());
        assert!(!taken, "it goes on, nominating {name}");
    }
}

fn without(pairs: &Pairs, names: &[&str]) -> Pairs {
    pairs.iter().filter(|(name, _)| !names.contains(&folded(name).as_str())).cloned().collect()
}

/// How some server behind us may read a name.
fn folded(name: &[u8]) -> String {
    let fold = |byte: &u8| match byte {
        b'_' | b'.' => '-',
        other => char::from(other.to_ascii_lowercase()),
    };
    name.iter().map(fold).collect()
}

fn is((name, _): &(Vec<u8>, Vec<u8>), other: &str) -> bool {
    name.eq_ignore_ascii_case(other.as_bytes())
}
