//! Tokens in cookies and in the query.
//!
//! The input is a query in its first line, and a `cookie` header in each further one; `{token}` is a good token. A request
//! goes on exactly where one cookie or one parameter is the token, in the one form for it, and no other is taken for one
//! by anybody. What goes on has nothing left of it, and all else as it was sent.

use std::cell::RefCell;

use cedar_gate::harness::{Harness, Pairs, Verdict};
use serde_json::json;

use crate::mint::{NOW, SigningKey};

/// Cookies that may have the token, as they are written and as somebody may read them.
const COOKIES: [(&str, &str); 2] = [("__Host-token", "__host-token"), ("s.id", "s_id")];

/// Parameters that may have it.
const PARAMETERS: [(&str, &str); 2] = [("access_token", "access_token"), ("t", "t")];

/// Sends a request with these cookies and this query, and says whether it goes on.
pub fn check(text: &[u8]) -> bool {
    thread_local! {
        static GATEWAY: Gateway = Gateway::start();
    }
    GATEWAY.with(|gateway| gateway.check(text))
}

struct Gateway {
    harness: RefCell<Harness>,
    token: String,
}

impl Gateway {
    fn start() -> Self {
        let names = |names: &[(&str, &str)]| names.iter().map(|(name, _)| json!({"name": name})).collect::<Vec<_>>();
        let configuration = json!({
            "providers": {"corp": {
                "issuer": "https://idp.example.com/",
                "audiences": ["https://api.example.com"],
                "algorithms": ["HS256"],
                "local_jwks": {"inline": {"keys": [SigningKey::CorpSecret.jwk()]}},
            }},
            "credentials": {"from_cookies": names(&COOKIES), "from_params": names(&PARAMETERS)},
            "routes": [
                {"methods": ["GET"], "path": "/closed", "action": "view", "resource": {"type": "Doc", "id": "closed"}},
            ],
            "policies": {"inline": {
                "schema": "entity User, Doc; action view appliesTo { principal: User, resource: Doc };",
                "policies": "permit (principal == User::\"corp|mona\", action, resource);",
            }},
            "forward": {"token": "remove"},
        });
        let harness = Harness::start(configuration.to_string().as_bytes(), NOW.unsigned_abs())
            .unwrap_or_else(|faults| panic!("{:?}", faults.iter().map(ToString::to_string).collect::<Vec<_>>()));
        let claims = json!({
            "iss": "https://idp.example.com/", "aud": "https://api.example.com", "iat": NOW, "exp": NOW + 300,
            "sub": "mona",
        });
        let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": "secret"});
        let token = SigningKey::CorpSecret.sign(header.to_string().as_bytes(), claims.to_string().as_bytes());
        Self { harness: RefCell::new(harness), token }
    }

    fn check(&self, text: &[u8]) -> bool {
        let text = self.filled(text);
        let mut lines = text.split(|byte| *byte == b'\n');
        let query = lines.next().unwrap_or_default();
        let cookies: Vec<&[u8]> = lines.collect();
        let target = if query.is_empty() { b"/closed".to_vec() } else { [b"/closed?", query].concat() };
        let mut sent: Pairs = [(":method", "GET"), (":authority", "api.example.com")]
            .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
            .to_vec();
        sent.push((b":path".to_vec(), target));
        sent.extend(cookies.iter().map(|value| (b"cookie".to_vec(), value.to_vec())));
        let (passage, verdict) = self.harness.borrow_mut().request(sent, true);
        let places = Places::of(query, &cookies);
        let is_shown = places.is_shown_once(self.token.as_bytes());
        let goes_on = match verdict {
            Verdict::Continued(arrived) => {
                assert!(is_shown, "it goes on with {places:?}");
                check_arrived(query, &cookies, &arrived);
                true
            }
            Verdict::Replied(reply) => {
                // What has another meaning in the target is refused whatever is shown.
                let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~=&".contains(byte);
                let is_plain = query.iter().all(plain) && !places.replaces_the_method;
                assert!(!is_shown || !is_plain, "it must go on: {reply:?}");
                false
            }
            Verdict::Closed | Verdict::Waiting => panic!("nothing is to be waited for"),
        };
        assert_eq!(passage.end().len(), 1, "one request, one record");
        goes_on
    }

    fn filled(&self, text: &[u8]) -> Vec<u8> {
        const MARK: &[u8] = b"{token}";
        let mut filled = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.windows(MARK.len()).position(|window| window == MARK) {
            filled.extend([&rest[..start], self.token.as_bytes()].concat());
            rest = &rest[start + MARK.len()..];
        }
        [filled.as_slice(), rest].concat()
    }
}

/// Everything that is, or could be taken for, a credential: its value where it is in the one form.
#[derive(Debug)]
struct Places {
    found: Vec<Option<Vec<u8>>>,
    replaces_the_method: bool,
}

impl Places {
    fn of(query: &[u8], cookies: &[&[u8]]) -> Self {
        let mut found = Vec::new();
        for header in cookies {
            for (place, pair) in header.split(|byte| *byte == b';').enumerate() {
                if let Some(name) = taken_for(pair, b',', &COOKIES) {
                    let pair = if place == 0 { Some(pair) } else { pair.strip_prefix(b" ") };
                    found.push(pair.and_then(|pair| value(pair, name)));
                }
            }
        }
        for pair in query.split(|byte| *byte == b'&') {
            if let Some(name) = taken_for(pair, b';', &PARAMETERS) {
                found.push(value(pair, name).map(|value| decoded(&value, true)));
            }
        }
        let replaces_the_method = query.split(|byte| *byte == b'&').any(|pair| pair.starts_with(b"_method"));
        Self { found, replaces_the_method }
    }

    fn is_shown_once(&self, token: &[u8]) -> bool {
        matches!(self.found.as_slice(), [Some(one)] if one == token)
    }
}

/// The name that somebody takes a pair for, or a part of it where one of these may divide it.
fn taken_for<'n>(pair: &[u8], divider: u8, names: &[(&'n str, &str)]) -> Option<&'n str> {
    let mut parts = pair.split(|byte| *byte == divider);
    parts.find_map(|part| {
        let name = part.split(|byte| *byte == b'=').next().unwrap_or_default();
        let read = generous(name);
        names.iter().find(|(_, own)| own.as_bytes() == read).map(|(name, _)| *name)
    })
}

/// Percent-encoding undone, and in forms the `+` as well.
fn decoded(text: &[u8], is_form: bool) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let code = digits.filter(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match code.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) if *first == b'%' => {
                decoded.push(byte);
                rest = &behind[2..];
            }
            _ => {
                decoded.push(if is_form && *first == b'+' { b' ' } else { *first });
                rest = behind;
            }
        }
    }
    decoded
}

/// A name as the most generous of servers reads it.
fn generous(name: &[u8]) -> Vec<u8> {
    let decoded = decoded(name, false);
    let mut bare = decoded.as_slice();
    while let [b' ' | b'\t' | b'\n' | b'\r' | 0x0c, inner @ ..] | [inner @ .., b' ' | b'\t' | b'\n' | b'\r' | 0x0c] =
        bare
    {
        bare = inner;
    }
    if let [b'"', inner @ .., b'"'] = bare {
        bare = inner;
    }
    let fold = |byte: &u8| if b" .[+".contains(byte) { b'_' } else { byte.to_ascii_lowercase() };
    bare.iter().map(fold).collect()
}

/// The value of a pair with exactly this name.
fn value(pair: &[u8], name: &str) -> Option<Vec<u8>> {
    let value = pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
    Some(value.to_vec())
}

/// Nothing of a credential has arrived, and all else has.
fn check_arrived(query: &[u8], cookies: &[&[u8]], arrived: &Pairs) {
    let of = |wanted: &'static str| {
        arrived.iter().filter(move |(name, _)| name == wanted.as_bytes()).map(|(_, value)| value)
    };
    let path = of(":path").next().expect("there is a path");
    let kept: Vec<&[u8]> =
        query.split(|byte| *byte == b'&').filter(|pair| taken_for(pair, b';', &PARAMETERS).is_none()).collect();
    let rest = kept.join(&b"&"[..]);
    let has_some = kept.len() < query.split(|byte| *byte == b'&').count();
    let expected = match (has_some, rest.is_empty()) {
        (true, true) => b"/closed".to_vec(),
        (true, false) => [b"/closed?", rest.as_slice()].concat(),
        (false, _) if query.is_empty() => b"/closed".to_vec(),
        (false, _) => [b"/closed?", query].concat(),
    };
    if expected.is_ascii() {
        assert_eq!(path, &expected, "the query is another one");
    }
    let sent: Vec<&[u8]> = cookies.iter().flat_map(|header| header.split(|byte| *byte == b';')).collect();
    let others: Vec<&[u8]> = sent.iter().copied().filter(|pair| taken_for(pair, b',', &COOKIES).is_none()).collect();
    if others.len() == sent.len() {
        assert!(of("cookie").eq(cookies.iter()), "cookies without a credential are changed");
        return;
    }
    let left: Vec<&[u8]> = of("cookie").flat_map(|header| header.split(|byte| *byte == b';')).collect();
    assert!(!left.iter().any(|pair| taken_for(pair, b',', &COOKIES).is_some()), "a credential arrives");
    // What is no text cannot be written again, and is left out as a whole.
    if others.iter().all(|pair| std::str::from_utf8(pair).is_ok()) {
        let trimmed = |pairs: &[&[u8]]| {
            let pairs = pairs.iter().map(|pair| pair.trim_ascii().to_vec()).filter(|pair| !pair.is_empty());
            pairs.collect::<Vec<_>>()
        };
        assert_eq!(trimmed(&left), trimmed(&others), "other cookies are changed");
    }
}
