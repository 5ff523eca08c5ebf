//! What has to come from elsewhere: keys, the word of an issuer, lists of what was revoked.

use cedar_gate::journal::{AtHand, Note};
use serde_json::Value;

use super::super::wording::{list, meaning, printable, quoted, value};
use super::{Detail, Mark, Step};

pub(super) fn step(note: &Note, mark: Mark) -> Option<Step> {
    let refused = mark == Mark::Bad;
    match note {
        Note::FetchedKeys { from, at_hand, keys } => Some(match at_hand {
            AtHand::Awaited => awaits("keys", "the keys", from, mark),
            AtHand::Ready => {
                let names = keys.iter().map(|key| key.clone().unwrap_or("a key without `kid`".to_owned()));
                let names: Vec<String> = names.collect();
                Step::new(mark, "keys", format!("by {}: {}", printable(from), list(&names)))
            }
            AtHand::Unavailable => missing("keys", from, mark),
        }),
        Note::Introspection { provider, from, at_hand, cause } => Some(match (at_hand, cause) {
            (AtHand::Awaited, _) => awaits("introspection", &format!("what {provider} says about it"), from, mark),
            (AtHand::Unavailable, _) => missing("introspection", from, mark),
            (AtHand::Ready, None) => {
                Step::new(mark, "introspection", format!("{provider} says that the token is active"))
            }
            (AtHand::Ready, Some(cause)) => {
                let why = Detail::new(Mark::None, meaning(cause).unwrap_or(cause));
                Step::new(mark, "introspection", format!("{provider} does not stand for the token")).with([why])
            }
        }),
        Note::NewKey { key, at_hand } => Some(match at_hand {
            AtHand::Awaited => waiting(
                mark,
                "key",
                format!("{} is not among them; a newer set may have it, and is waited for", quoted(key)),
            ),
            AtHand::Ready => Step::new(
                mark,
                "key",
                format!("{} is not among them, and they were fetched anew a short while ago", quoted(key)),
            ),
            AtHand::Unavailable => {
                Step::new(mark, "key", format!("{} is not among them, and newer ones cannot be had now", quoted(key)))
            }
        }),
        Note::OpaqueToken { bytes, provider } => {
            let asked = match provider {
                Some(provider) => format!("{provider} is asked about it"),
                None => "no provider is asked about such tokens".to_owned(),
            };
            Some(Step::new(mark, "token", format!("{bytes} bytes that are no JWT; {asked}")))
        }
        Note::RevokedIds { from, at_hand, id } => Some(match (at_hand, id) {
            (AtHand::Awaited, _) => awaits("revoked", "the list of revoked tokens", from, mark),
            (AtHand::Unavailable, _) => missing("revoked", from, mark),
            (AtHand::Ready, None) => Step::new(mark, "revoked", "the token has no `jti`, by which it could be revoked"),
            (AtHand::Ready, Some(id)) => {
                let on = if refused { "is on the list" } else { "is not on the list" };
                Step::new(mark, "revoked", format!("`jti` {} {on} {}", value(id), printable(from)))
            }
        }),
        Note::Status { claim, places, required } => (refused).then(|| {
            let text = match claim {
                Some(claim) => format!("refers to {}", value(claim)),
                None => "refers to no status list".to_owned(),
            };
            let looked_up = Detail::new(Mark::None, format!("looked up are {}", list(places)));
            let needed = required.then(|| Detail::new(Mark::None, "a token without a status is refused"));
            Step::new(mark, "status", text).with([looked_up]).with(needed)
        }),
        Note::StatusList { from, at_hand, index, status } => Some(match (at_hand, status) {
            (AtHand::Awaited, _) => awaits("status", "the status list", from, mark),
            (AtHand::Unavailable, _) => missing("status", from, mark),
            (AtHand::Ready, Some(status)) => {
                let means = if *status == 0 { ", a valid token" } else { "" };
                Step::new(mark, "status", format!("at place {index} of {} stands {status}{means}", printable(from)))
            }
            (AtHand::Ready, None) => {
                Step::new(mark, "status", format!("{} is too short for place {index}", printable(from)))
            }
        }),
        _ => None,
    }
}

/// Whether a request waits at this note; a later one then looks again.
pub(super) fn is_awaited(note: &Note) -> bool {
    match note {
        Note::FetchedKeys { at_hand, .. }
        | Note::Introspection { at_hand, .. }
        | Note::NewKey { at_hand, .. }
        | Note::RevokedIds { at_hand, .. }
        | Note::StatusList { at_hand, .. } => *at_hand == AtHand::Awaited,
        _ => false,
    }
}

fn awaits(title: &'static str, what: &str, from: &str, mark: Mark) -> Step {
    waiting(mark, title, format!("waits for {what}, by {}", printable(from)))
}

/// Waiting is neither good nor bad, as long as it does not end there.
fn waiting(mark: Mark, title: &'static str, text: String) -> Step {
    Step::new(if mark == Mark::Bad { mark } else { Mark::None }, title, text)
}

fn missing(title: &'static str, from: &str, mark: Mark) -> Step {
    Step::new(mark, title, format!("cannot be had from {} now", printable(from)))
}

/// What a claim says, where it is a text.
pub(super) fn text(claim: Option<&Value>) -> String {
    claim.map_or("none".to_owned(), |claim| claim.as_str().map_or_else(|| value(claim), quoted))
}
