//! Status list tokens (draft-ietf-oauth-status-list).
//!
//! The input is the body of an answer. Or it begins with `!`, then come a header, a line feed, claims, a line feed and any
//! bytes; header and claims are signed here. In the claims, `{lst}` is those bytes as they are, in base64url, and `{zip}` the
//! same bytes compressed.
//!
//! A list that is signed here is taken exactly where an oracle says so; the statuses in it are those bits, counted one by
//! one, and beyond its end there is none. Of lists that were compressed by somebody else, none takes more room than it may.
//! Nobody believes a list that nobody has signed.

use std::rc::Rc;
use std::time::Duration;

use cedar_gate::jose::{Algorithm, Judgement, KeySet, judge};
use cedar_gate::remote::Fit;
use cedar_gate::status::{SharedKeys, StatusList, StatusListTerms};
use serde_json::{Map, Value};

use crate::mint::{NOW, SigningKey, encoded};
use crate::tree::object;

const URI: &str = "https://idp.example.com/statuses/1";
const KEY: SigningKey = SigningKey::CorpEd25519;

/// The most bytes of a list.
const LONGEST: usize = 1_048_576;

/// Reads a list, and says whether it is taken.
pub fn check(input: &[u8]) -> bool {
    let Some(input) = input.strip_prefix(b"!") else {
        assert!(read(input).is_none(), "nobody signed this, and it is a list");
        return false;
    };
    let mut parts = input.splitn(3, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (header, claims, bytes) = (part(), part(), part());
    let claims = filled(claims, bytes);
    let found = read(KEY.sign(header, &claims).as_bytes());
    match (expected(header, &claims, bytes), &found) {
        (Expected::Nothing, None) => {}
        (Expected::Nothing, Some(_)) => panic!("it is taken, and must not be"),
        (Expected::List { .. }, None) => panic!("it must be taken"),
        (Expected::List { bits, fresh_for, good_until }, Some(fit)) => {
            assert_eq!((fit.fresh_for, fit.good_until), (fresh_for, good_until));
            check_statuses(&fit.document, bits, bytes);
        }
        // What somebody else has compressed is for a decompressor to read; here it is of interest that it ends.
        (Expected::Anything, found) => {
            if let Some(fit) = found {
                let end = u64::try_from(LONGEST * 8).expect("a list has fewer places");
                assert_eq!(fit.document.status(end), None, "a list is longer than it may be");
            }
        }
    }
    found.is_some()
}

fn read(token: &[u8]) -> Option<Fit<StatusList>> {
    let Ok(Judgement::Usable(key)) = judge(KEY.jwk().as_object().expect("an object")) else { panic!("a key") };
    let keys = SharedKeys::default();
    keys.set(Some(Rc::new(KeySet::new(vec![*key]).expect("one name"))));
    let terms = StatusListTerms {
        uri: URI.to_owned(),
        algorithms: vec![Algorithm::EdDsa],
        keys: Rc::new(keys),
        clock_skew: 30,
    };
    terms.read(token, NOW).ok()
}

fn filled(claims: &[u8], bytes: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(claims) else { return claims.to_vec() };
    text.replace("{lst}", &encoded(bytes)).replace("{zip}", &encoded(&zipped(bytes))).into_bytes()
}

/// ZLIB (RFC 1950) with blocks that are stored as they are (RFC 1951 §3.2.4).
fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut zipped = vec![0x78, 0x01];
    let blocks: Vec<&[u8]> = if bytes.is_empty() { vec![&[]] } else { bytes.chunks(65_535).collect() };
    for (place, block) in blocks.iter().enumerate() {
        let length = u16::try_from(block.len()).expect("a block has no more bytes");
        zipped.push(u8::from(place + 1 == blocks.len()));
        zipped.extend(length.to_le_bytes());
        zipped.extend((!length).to_le_bytes());
        zipped.extend(*block);
    }
    let (mut one, mut other) = (1_u32, 0_u32);
    for byte in bytes {
        one = (one + u32::from(*byte)) % 65_521;
        other = (other + one) % 65_521;
    }
    zipped.extend((other << 16 | one).to_be_bytes());
    zipped
}

enum Expected {
    Anything,
    List { bits: u32, fresh_for: Option<Duration>, good_until: Option<i64> },
    Nothing,
}

fn expected(header: &[u8], claims: &[u8], bytes: &[u8]) -> Expected {
    let (Some(header), Some(claims)) = (object(header, 4, 64), object(claims, 8, 1024)) else {
        return Expected::Nothing;
    };
    taken(&header, &claims, bytes).unwrap_or(Expected::Nothing)
}

fn taken(header: &Map<String, Value>, claims: &Map<String, Value>, bytes: &[u8]) -> Option<Expected> {
    let kind = header.get("typ")?.as_str()?.to_ascii_lowercase();
    let time = |name: &str| match claims.get(name) {
        None => Some(None),
        Some(value) => value.as_i64().filter(|seconds| (0..=253_402_300_799).contains(seconds)).map(Some),
    };
    let good_until = time("exp")?.map(|until| until + 30);
    let fits = !["crit", "b64", "zip", "enc", "cty"].iter().any(|name| header.contains_key(*name))
        && header.get("alg")? == "EdDSA"
        && header.get("kid").is_none_or(|id| id == "ed25519")
        && ["statuslist+jwt", "application/statuslist+jwt"].contains(&kind.as_str())
        && claims.get("sub")? == URI
        && time("iat")?? <= NOW + 30
        && time("nbf")?.is_none_or(|from| from <= NOW + 30)
        && good_until.is_none_or(|until| NOW < until);
    let fresh_for = match claims.get("ttl") {
        None => None,
        Some(seconds) => Some(Duration::from_secs(seconds.as_u64().filter(|seconds| *seconds > 0)?)),
    };
    let list = claims.get("status_list")?.as_object()?;
    let bits = list.get("bits")?.as_u64().filter(|bits| [1, 2, 4, 8].contains(bits))?;
    let text = list.get("lst")?.as_str()?;
    if !fits {
        return None;
    }
    if text != encoded(&zipped(bytes)) {
        return Some(Expected::Anything);
    }
    Some(Expected::List { bits: u32::try_from(bits).ok()?, fresh_for, good_until })
}

fn check_statuses(list: &StatusList, bits: u32, bytes: &[u8]) {
    let mut places = 0_u64;
    for byte in bytes {
        let mut rest = u32::from(*byte);
        for _ in 0..8 / bits {
            let status = rest % (1 << bits);
            assert_eq!(list.status(places).map(u32::from), Some(status), "place {places}");
            rest >>= bits;
            places += 1;
        }
    }
    for beyond in [places, places + 1, u64::MAX] {
        assert_eq!(list.status(beyond), None, "place {beyond}");
    }
}
