//! The credential, and what its signature, its dates and its audience are worth.

use cedar_gate::journal::{Carrier, CredentialPlace, Note};
use serde_json::Value;

use super::super::wording::{duration, list, printable, quoted, time, value};
use super::{Detail, Mark, Step};

pub(super) fn step(note: &Note, mark: Mark) -> Option<Step> {
    let refused = mark == Mark::Bad;
    match note {
        Note::Audience { claim, accepted } => {
            let claim = claim.as_ref().map_or("none".to_owned(), value);
            Some(Step::new(mark, "audience", format!("{claim}; accepted is {}", list(accepted))))
        }
        Note::Credential { places, longest } => {
            let step = Step::new(mark, "credential", credential(places, refused));
            let limit = Detail::new(Mark::None, format!("a token has {longest} bytes at most"));
            Some(if refused { step.with(places.iter().map(place)).with([limit]) } else { step })
        }
        Note::Keys { tried, serving } => refused.then(|| {
            let names = |keys: &[Option<String>]| {
                let names = keys.iter().map(|key| key.clone().unwrap_or("a key without `kid`".to_owned()));
                list(&names.collect::<Vec<_>>())
            };
            if tried.is_empty() {
                let text = "the provider has no key of this `kid` for this `alg`";
                let serving = format!("keys of the provider for this `alg`: {}", names(serving));
                Step::new(mark, "key", text).with([Detail::new(Mark::None, serving)])
            } else {
                Step::new(mark, "signature", format!("is not that of {}", names(tried)))
            }
        }),
        Note::Lifetime { seconds, longest } => {
            let text = format!("{}; accepted is {} at most", duration(*seconds), duration(*longest));
            Some(Step::new(mark, "lifetime", text))
        }
        Note::Provider { name, algorithms, token_types } => Some(match name {
            Some(name) => {
                let accepts = format!("accepts `alg` {}, and `typ` {}", list(algorithms), list(token_types));
                let step = Step::new(mark, "provider", format!("{name}, by `iss`"));
                if refused { step.with([Detail::new(Mark::Bad, accepts)]) } else { step }
            }
            None => Step::new(mark, "provider", "no provider has this `iss`"),
        }),
        Note::RequiredClaims { claims } => (!claims.is_empty()).then(|| {
            let details = claims.iter().map(|(claim, there)| {
                let text = if *there { "is there" } else { "is missing" };
                Detail::new(Mark::of(*there), format!("{claim} {text}"))
            });
            Step::new(mark, "claims", "these must be there:").with(details)
        }),
        Note::Signature { key } => {
            let key = key.as_deref().map_or("a key without `kid`".to_owned(), quoted);
            Some(Step::new(mark, "signature", format!("holds, by the key {key}")))
        }
        Note::Times { now, skew, issued_at, not_before, expires_at } => {
            let date = |name: &str, date: &Option<Value>| Some(format!("{name} {}", moment(date.as_ref()?, *now)));
            let dates = [date("iat", issued_at), date("nbf", not_before), date("exp", expires_at)];
            let details = dates.into_iter().flatten().map(|text| Detail::new(Mark::None, text));
            let text = format!("it is {}, give or take {}", time(*now), duration(*skew));
            Some(Step::new(mark, "time", text).with(details))
        }
        Note::Token { bytes, head } => Some(match head {
            Some(head) => {
                let some = |name: &str, text: &Option<String>| {
                    let text = text.as_deref().map_or("none".to_owned(), quoted);
                    format!("{name} {text}")
                };
                let algorithm = format!("alg {}", quoted(&head.algorithm));
                let parts =
                    [algorithm, some("kid", &head.key_id), some("typ", &head.token_type), some("iss", &head.issuer)];
                let step = Step::new(mark, "token", format!("says of itself: {}", parts.join(", ")));
                if refused { step.with([Detail::new(Mark::Bad, "names no issuer")]) } else { step }
            }
            None => {
                Step::new(mark, "token", format!("{bytes} bytes that are no JWS in the compact form, or have `crit`"))
            }
        }),
        _ => None,
    }
}

fn credential(places: &[CredentialPlace], refused: bool) -> String {
    let used: Vec<String> = places.iter().filter(|place| place.values > 0).map(name).collect();
    match (refused, used.is_empty()) {
        (true, true) => "none".to_owned(),
        (true, false) => format!("not one in one form: {}", used.join(", ")),
        (false, _) => used.join(", "),
    }
}

fn name(place: &CredentialPlace) -> String {
    let scheme = place.scheme.as_ref().map(|scheme| format!(", {}", printable(scheme))).unwrap_or_default();
    format!("{}{scheme}", carrier(place))
}

fn place(place: &CredentialPlace) -> Detail {
    let schemes = if place.schemes.is_empty() { String::new() } else { format!(" with {}", list(&place.schemes)) };
    let found = match (place.values, &place.scheme) {
        (0, _) => "is not there".to_owned(),
        (1, Some(scheme)) => format!("has {}", printable(scheme)),
        (1, None) => "is there".to_owned(),
        (values, _) => format!("is there {values} times"),
    };
    Detail::new(Mark::None, format!("{}{schemes} {found}", carrier(place)))
}

fn carrier(place: &CredentialPlace) -> String {
    match place.carrier {
        Carrier::Cookie => format!("the cookie {}", place.name),
        Carrier::Header => place.name.clone(),
        Carrier::Parameter => format!("the query parameter {}", place.name),
    }
}

/// A date and how far it is from now.
pub(super) fn moment(date: &Value, now: i64) -> String {
    let Some(seconds) = date.as_i64() else { return format!("is no number of seconds: {}", value(date)) };
    let distance = match seconds.saturating_sub(now) {
        0 => "now".to_owned(),
        after if after > 0 => format!("in {}", duration(after)),
        before => format!("{} ago", duration(before)),
    };
    format!("{}, {distance}", time(seconds))
}
