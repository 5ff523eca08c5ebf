//! Why the two may differ about a token: named rules, each about something that can be seen in the token, and about one
//! verdict of each side.
//!
//! Nearly all of them say what the filter refuses and jose takes. The other way round there is one.

use std::collections::BTreeSet;

use crate::issuer::{self, FIFTH, LIFETIME, NAMELESS, SKEW};
use crate::loose::{Loose, View};
use crate::verdict::Verdict;

/// A reason to differ.
pub(crate) struct Rule {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it says.
    pub(crate) meaning: &'static str,
    side: Side,
    seen: fn(&View, signer: &str) -> bool,
}

/// Who takes the token, and why the other one does not.
enum Side {
    /// jose takes it; the filter refuses it for this cause.
    JoseTakes(&'static str),
    /// The filter takes it; jose refuses it with one of these codes.
    WeTake(&'static [&'static str]),
}

impl Rule {
    /// Whether the rule explains that the two differ about a token, which this key has signed.
    pub(crate) fn explains(&self, view: &View, signer: &str, ours: &Verdict, theirs: &Verdict) -> bool {
        let verdicts = match (&self.side, ours, theirs) {
            (Side::JoseTakes(cause), Verdict::Refused(ours), Verdict::Taken(_)) => ours == cause,
            (Side::WeTake(codes), Verdict::Taken(_), Verdict::Refused(theirs)) => codes.contains(&theirs.as_str()),
            _ => false,
        };
        verdicts && (self.seen)(view, signer)
    }
}

/// The last second of the year 9999.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// All rules.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "member_twice",
        meaning: "an object has a member twice, of which jose takes the last (RFC 7515 §4, RFC 7519 §4)",
        side: Side::JoseTakes("token_malformed"),
        seen: |view, _| values(view).any(|value| names(value).is_some_and(|(all, different)| all > different)),
    },
    Rule {
        name: "crit_b64",
        meaning: "`crit` names the one extension that jose knows (RFC 7797); here none is known",
        side: Side::JoseTakes("token_critical"),
        seen: |view, _| criticals(view) == [text("b64")] && view.header.member("b64") == Some(&Loose::Word),
    },
    Rule {
        name: "crit_twice",
        meaning: "`crit` names that extension twice (RFC 7515 §4.1.11), which jose looks for in what it makes only",
        side: Side::JoseTakes("token_critical"),
        seen: |view, _| {
            criticals(view) == [text("b64"), text("b64")] && view.header.member("b64") == Some(&Loose::Word)
        },
    },
    Rule {
        name: "members_of_other_forms",
        meaning: "the header has `b64` without `crit`, or `zip`, `enc` or `cty`, which jose passes over",
        side: Side::JoseTakes("token_malformed"),
        seen: |view, _| {
            view.header.member("crit").is_none()
                && ["b64", "zip", "enc", "cty"].iter().any(|name| view.header.member(name).is_some())
        },
    },
    Rule {
        name: "base64_padding",
        meaning: "a segment has `=` at its end (RFC 7515 §2)",
        side: Side::JoseTakes("token_malformed"),
        seen: |view, _| view.segments().any(|segment| segment.ends_with('=')),
    },
    Rule {
        name: "base64_unused_bits",
        meaning: "unused bits at the end of a segment are not zero (RFC 4648 §3.5)",
        side: Side::JoseTakes("token_malformed"),
        seen: |view, _| {
            // Canonical is what comes of encoding it again.
            view.segments().zip([&view.texts[0], &view.texts[1], &view.signature]).any(|(segment, bytes)| {
                use base64ct::Encoding as _;
                let canonical = base64ct::Base64UrlUnpadded::encode_string(bytes);
                segment.len() == canonical.len() && segment != canonical && !segment.contains(char::is_whitespace)
            })
        },
    },
    Rule {
        name: "base64_white_space",
        meaning: "there is white space in the token, which jose strips from segments (RFC 7515 §2)",
        side: Side::JoseTakes("credential_malformed"),
        seen: |view, _| view.token.contains([' ', '\t', '\r', '\n', '\u{c}']),
    },
    Rule {
        name: "byte_order_mark",
        meaning: "the header or the claims begin with a byte order mark (RFC 8259 §8.1)",
        side: Side::JoseTakes("token_malformed"),
        seen: |view, _| view.texts.iter().any(|text| text.starts_with(b"\xef\xbb\xbf")),
    },
    Rule {
        name: "half_of_a_character",
        meaning: "a string has one surrogate alone (RFC 8259 §8.2)",
        side: Side::JoseTakes("token_malformed"),
        seen: |view, _| {
            let strings = [&view.header, &view.claims].into_iter().flat_map(Loose::strings);
            strings.into_iter().any(|string| String::from_utf16(string).is_err())
        },
    },
    Rule {
        name: "number_beyond_all_bounds",
        meaning: "a number is infinite to JavaScript (RFC 8259 §6)",
        side: Side::JoseTakes("token_malformed"),
        seen: |view, _| {
            values(view).any(|value| match value {
                Loose::Number(number) => number.parse().is_ok_and(f64::is_infinite),
                _ => false,
            })
        },
    },
    Rule {
        name: "nested_too_deep",
        meaning: "claims have more than 16 levels, or the header more than 4",
        side: Side::JoseTakes("token_malformed"),
        seen: |view, _| view.claims.depth() > 16 || view.header.depth() > 4,
    },
    Rule {
        name: "too_many_values",
        meaning: "claims have more than 1024 values, or the header more than 64",
        side: Side::JoseTakes("token_malformed"),
        seen: |view, _| view.claims.all().len() > 1024 || view.header.all().len() > 64,
    },
    Rule {
        name: "token_too_long",
        meaning: "the token has more than 16,384 bytes",
        side: Side::JoseTakes("token_too_large"),
        seen: |view, _| view.token.len() > 16_384,
    },
    Rule {
        name: "date_with_a_fraction",
        meaning: "`exp`, `iat` or `nbf` is written with a fraction or an exponent",
        side: Side::JoseTakes("claim_invalid"),
        seen: |view, _| dates(view).any(|number| number.contains(['.', 'e', 'E'])),
    },
    Rule {
        name: "date_out_of_range",
        meaning: "`exp`, `iat` or `nbf` lies before 1970 or after 9999",
        side: Side::JoseTakes("claim_invalid"),
        seen: |view, _| {
            // `-0` is the one number of this range that is no integer to the parser.
            dates(view).any(|number| {
                number == "-0" || number.parse().is_ok_and(|date: f64| !(0.0..=LAST_SECOND).contains(&date))
            })
        },
    },
    Rule {
        name: "auth_time_unfit",
        meaning: "`auth_time`, which jose does not know, is no integer from 1970 to 9999",
        side: Side::JoseTakes("claim_invalid"),
        seen: |view, _| match view.claim("auth_time") {
            None => false,
            Some(Loose::Number(number)) => !number.parse().is_ok_and(|date: u64| date <= LAST_SECOND as u64),
            Some(_) => true,
        },
    },
    Rule {
        name: "authenticated_later",
        meaning: "`auth_time` lies behind `iat`, beyond the skew: such a user would never be authenticated too long ago",
        side: Side::JoseTakes("claim_invalid"),
        seen: |view, _| {
            view.date("auth_time").zip(view.date("iat")).is_some_and(|(user, token)| user > token + SKEW as f64)
        },
    },
    Rule {
        name: "begins_after_its_end",
        meaning: "`iat` or `nbf` lies behind `exp`, and the skew lets each of them pass alone",
        side: Side::JoseTakes("claim_invalid"),
        seen: |view, _| ["iat", "nbf"].iter().any(|name| view.date(name) > view.date("exp")),
    },
    Rule {
        name: "lives_too_long",
        meaning: "`exp` lies further behind `iat` than the provider allows; jose bounds the age, not the lifetime",
        side: Side::JoseTakes("token_lifetime_too_long"),
        seen: |view, _| {
            view.date("exp").zip(view.date("iat")).is_some_and(|(end, start)| end - start > LIFETIME as f64)
        },
    },
    Rule {
        name: "aud_of_several_types",
        meaning: "`aud` is a list with ours and with something that is no text (RFC 7519 §4.1.3)",
        side: Side::JoseTakes("claim_invalid"),
        seen: |view, _| matches!(view.claim("aud"), Some(Loose::List(items)) if !items.iter().all(is_text)),
    },
    Rule {
        name: "required_claim_is_null",
        meaning: "a required claim is `null`, which is there to jose",
        side: Side::JoseTakes("claim_missing"),
        seen: |view, _| view.claim("client_id") == Some(&Loose::Word),
    },
    Rule {
        name: "name_unfit",
        meaning: "`sub`, `client_id`, `jti` or `acr` is no text of 1 to 512 bytes without control characters",
        side: Side::JoseTakes("claim_invalid"),
        seen: |view, _| {
            ["sub", "client_id", "jti", "acr"].iter().filter_map(|name| view.claim(name)).any(|value| {
                value.text().is_none_or(|text| text.is_empty() || text.len() > 512 || text.contains(char::is_control))
            })
        },
    },
    Rule {
        name: "amr_unfit",
        meaning: "`amr` is no list of texts (RFC 8176 §1)",
        side: Side::JoseTakes("claim_invalid"),
        seen: |view, _| {
            !matches!(view.claim("amr"), None | Some(Loose::List(_)))
                || inside(view.claim("amr")).any(|item| !is_text(item))
        },
    },
    Rule {
        name: "scope_unfit",
        meaning: "`scope`, or `scp` in its place, is not of the form and the characters of RFC 6749 §3.3",
        side: Side::JoseTakes("claim_invalid"),
        seen: |view, _| match (view.claim("scope"), view.claim("scp")) {
            (Some(Loose::Text(scope)), _) | (None, Some(Loose::Text(scope))) => {
                !scope.iter().all(|unit| *unit == 0x20 || is_scope_character(*unit))
            }
            (None, Some(Loose::List(scopes))) => !scopes.iter().all(|scope| match scope {
                Loose::Text(scope) => scope.iter().all(|unit| is_scope_character(*unit)),
                _ => false,
            }),
            (None, None) => false,
            _ => true,
        },
    },
    Rule {
        name: "act_unfit",
        meaning: "an actor is no object, has no `sub`, or has a member that is no text (RFC 8693 §4.1)",
        side: Side::JoseTakes("claim_invalid"),
        seen: |view, _| {
            let mut next = view.claim("act");
            while let Some(actor) = next {
                if actor.member("sub").is_none() || !is_party(actor) {
                    return true;
                }
                next = actor.member("act");
            }
            false
        },
    },
    Rule {
        name: "may_act_unfit",
        meaning: "`may_act` is no object, or has a member that is no text (RFC 8693 §4.4)",
        side: Side::JoseTakes("claim_invalid"),
        seen: |view, _| view.claim("may_act").is_some_and(|party| !is_party(party)),
    },
    Rule {
        name: "status_not_looked_up",
        meaning: "`status` refers to a list, or to something else, that is not looked up here",
        side: Side::JoseTakes("status_unverified"),
        seen: |view, _| matches!(view.claim("status"), Some(Loose::Object(_))),
    },
    Rule {
        name: "status_unfit",
        meaning: "`status` is no object, or refers to no place in a status list (draft-ietf-oauth-status-list)",
        side: Side::JoseTakes("claim_invalid"),
        seen: |view, _| match view.claim("status") {
            None => false,
            Some(status @ Loose::Object(_)) => status.member("status_list").is_some_and(|list| {
                let index = match list.member("idx") {
                    Some(Loose::Number(number)) => number.parse::<u64>().is_ok(),
                    _ => false,
                };
                !index || list.member("uri").and_then(Loose::text).is_none_or(|uri| uri.is_empty())
            }),
            Some(_) => true,
        },
    },
    Rule {
        name: "confirmation",
        meaning: "`cnf` demands a proof that is not asked for here (RFC 7800 §3.1)",
        side: Side::JoseTakes("binding_unverified"),
        seen: |view, _| view.claim("cnf").is_some(),
    },
    Rule {
        name: "fifth_key",
        meaning: "without a `kid`, four keys are tried at most, and the fifth of this algorithm has signed",
        side: Side::JoseTakes("signature_invalid"),
        seen: |view, signer| {
            view.header.member("kid").is_none() && signer == FIFTH && issuer::signers("ES256").last() == Some(&FIFTH)
        },
    },
    Rule {
        name: "neutral_r",
        meaning: "R of an Ed25519 signature is the neutral point, which the strict equation does not take",
        side: Side::JoseTakes("signature_invalid"),
        seen: |view, _| {
            view.header.member("alg").and_then(Loose::text).as_deref() == Some("EdDSA")
                && view.signature.len() == 64
                && view.signature[0] == 1
                && view.signature[1..32].iter().all(|byte| *byte == 0)
        },
    },
    Rule {
        name: "key_without_a_name",
        meaning: "a key without `kid` answers to every `kid` here, also to that of another key, and to none at jose",
        side: Side::WeTake(&["ERR_JWKS_NO_MATCHING_KEY", "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"]),
        seen: |view, signer| signer == NAMELESS && view.header.member("kid").is_some(),
    },
];

/// All values of the header and the claims.
fn values(view: &View) -> impl Iterator<Item = &Loose> {
    [&view.header, &view.claims].into_iter().flat_map(Loose::all)
}

/// How many names an object has, and how many different ones.
fn names(value: &Loose) -> Option<(usize, usize)> {
    let Loose::Object(members) = value else { return None };
    Some((members.len(), members.iter().map(|(name, _)| name).collect::<BTreeSet<_>>().len()))
}

/// What the header says is critical.
fn criticals(view: &View) -> Vec<Loose> {
    inside(view.header.member("crit")).cloned().collect()
}

/// The dates that both look at, as they are written.
fn dates(view: &View) -> impl Iterator<Item = &str> {
    ["exp", "iat", "nbf"].into_iter().filter_map(|name| match view.claim(name)? {
        Loose::Number(number) => Some(number.as_str()),
        _ => None,
    })
}

fn inside(value: Option<&Loose>) -> impl Iterator<Item = &Loose> {
    let items = if let Some(Loose::List(items)) = value { items.as_slice() } else { &[] };
    items.iter()
}

/// Whether somebody is named as RFC 8693 does: by texts.
fn is_party(party: &Loose) -> bool {
    let texts = ["iss", "sub", "client_id"].iter().filter_map(|name| party.member(name));
    matches!(party, Loose::Object(_)) && texts.into_iter().all(|text| text.text().is_some_and(|text| !text.is_empty()))
}

fn is_text(value: &Loose) -> bool {
    matches!(value, Loose::Text(_))
}

fn text(text: &str) -> Loose {
    Loose::Text(text.encode_utf16().collect())
}

fn is_scope_character(unit: u16) -> bool {
    (0x21..=0x7e).contains(&unit) && unit != 0x22 && unit != 0x5c
}
