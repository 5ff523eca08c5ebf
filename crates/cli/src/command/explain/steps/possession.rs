//! Whether the sender may use the token: what it is bound to, and what proves that.

use cedar_gate::journal::{Demands, MemoryAnswer, Note, ProofClaims};

use super::super::wording::{list, printable, quoted};
use super::credential::moment;
use super::elsewhere::text;
use super::{Detail, Mark, Step};

pub(super) fn step(note: &Note, mark: Mark) -> Option<Step> {
    let refused = mark == Mark::Bad;
    match note {
        Note::Binding { confirmation, provider, route, scheme } => (refused || confirmation.is_some()).then(|| {
            let bound = match confirmation {
                None => "the token is bound to nobody".to_owned(),
                Some(members) => format!("the token is bound: `cnf` has {}", list(members)),
            };
            let says = |who: &str, Demands { dpop, mtls }: &Demands| {
                Detail::new(
                    Mark::None,
                    format!("the {who} says: by a key (dpop) {dpop}, by a certificate (mtls) {mtls}"),
                )
            };
            Step::new(mark, "binding", format!("{bound}; it came as {scheme}"))
                .with([says("provider", provider), says("route", route)])
        }),
        Note::Certificate { source, found, verified } => {
            let place = match *source {
                "xfcc" => "x-forwarded-client-cert",
                _ => "the connection",
            };
            let text = match (found, verified) {
                (0, _) => format!("{place} has none"),
                (_, Some(false)) => format!("that of {place} is not verified by the gateway"),
                (1, _) => format!("that of {place}"),
                (several, _) => format!("{place} tells of it {several} times"),
            };
            Some(Step::new(mark, "certificate", text))
        }
        Note::Proof { headers, claims, method, url, now } => Some(match (headers, claims) {
            (0, _) => Step::new(mark, "proof", "there is no `dpop` header"),
            (_, Some(claims)) => {
                let url = url.as_deref().map_or("no URL".to_owned(), quoted);
                let text = format!("must be for {} {url}", printable(method));
                Step::new(mark, "proof", text).with(proof(claims, *now))
            }
            (1, None) => Step::new(mark, "proof", "is no JWT with the key that signs it"),
            (several, None) => Step::new(mark, "proof", format!("there are {several} `dpop` headers")),
        }),
        Note::ProofMemory { answer } => {
            let text = match (answer, refused) {
                (MemoryAnswer::Unavailable, _) => "the memory of used proofs is out of reach",
                (MemoryAnswer::Conflict, _) => "another worker has changed the memory of used proofs meanwhile",
                (MemoryAnswer::Written, false) => "the proof was not used before, and is remembered from now on",
                (MemoryAnswer::Written, true) => "the memory of used proofs begins now, and cannot tell of this one",
                (MemoryAnswer::Absent | MemoryAnswer::Found, true) => "held against the memory of used proofs",
                (MemoryAnswer::Absent | MemoryAnswer::Found, false) => return None,
            };
            Some(Step::new(mark, "replay", text))
        }
        _ => None,
    }
}

fn proof(claims: &ProofClaims, now: i64) -> Vec<Detail> {
    let ProofClaims { algorithm, token_type, method, url, issued_at, nonce } = claims;
    let token_type = token_type.as_deref().map_or("none".to_owned(), quoted);
    let issued_at = issued_at.as_ref().map_or("none".to_owned(), |date| moment(date, now));
    let nonce = if *nonce { "with a nonce" } else { "without a nonce" };
    let lines = [
        format!("says of itself: alg {}, typ {token_type}, {nonce}", quoted(algorithm)),
        format!("htm {}", text(method.as_ref())),
        format!("htu {}", text(url.as_ref())),
        format!("iat {issued_at}"),
    ];
    lines.into_iter().map(|line| Detail::new(Mark::None, line)).collect()
}
