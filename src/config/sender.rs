//! Proofs of possession: how they are verified, and who has to give them.

use std::time::Duration;

use super::fault::At;
use super::field::Field;
use super::limits::{Bounded, duration, number};
use super::provider::seconds;
use super::raw::{RawClientCertificate, RawDemand, RawDpop, RawNonce, RawReplay, RawSenderConstraint};
use crate::client_certificate::CertificateSource;
use crate::credential::{Credentials, Scheme};
use crate::dpop::{Dpop, Nonces, Origin, ReplayTable};
use crate::jose::{Algorithm, KeyKind};
use crate::secret::Secret;
use crate::sender::{Demand, SenderConstraint, SenderProofs};
use crate::token::Providers;

/// How old a proof may be: RFC 9449 §11.1 speaks of seconds or minutes.
pub(super) const PROOF_LIFETIME: Bounded<Duration> =
    Bounded { default: Duration::from_secs(60), range: Duration::from_secs(5)..=Duration::from_secs(300) };
/// How far ahead the clock of a client may be.
pub(super) const PROOF_SKEW: Bounded<Duration> =
    Bounded { default: Duration::from_secs(5), range: Duration::ZERO..=Duration::from_secs(60) };
/// How long a nonce lives.
pub(super) const NONCE_LIFETIME: Bounded<Duration> =
    Bounded { default: Duration::from_secs(300), range: Duration::from_secs(10)..=Duration::from_secs(3600) };
/// How many proofs are remembered.
pub(super) const REPLAY_ENTRIES: Bounded<usize> = Bounded { default: 65_536, range: 16_384..=1_048_576 };

/// What holds for providers and for routes that say nothing.
pub(super) const PROVIDER: SenderConstraint = SenderConstraint { dpop: Demand::Off, mtls: Demand::Off };
pub(super) const ROUTE: SenderConstraint = SenderConstraint::ANY;

/// How proofs are verified; `secret` is what nonces are derived from, and `record_key` what authenticates records.
pub(super) fn proofs(
    at: &At,
    dpop: Field<RawDpop>,
    certificate: Field<RawClientCertificate>,
    secret: Option<&Secret>,
    record_key: [u8; 32],
) -> SenderProofs {
    let raw = at.take("dpop", dpop).unwrap_or_default();
    let client_certificate = at.take("client_certificate", certificate);
    SenderProofs {
        dpop: self::dpop(&at.field("dpop"), raw, secret, record_key),
        client_certificate: client_certificate
            .map(|raw| self::client_certificate(&at.field("client_certificate"), raw))
            .unwrap_or_default(),
    }
}

fn dpop(at: &At, raw: RawDpop, secret: Option<&Secret>, record_key: [u8; 32]) -> Dpop {
    at.unknown(&raw.unknown);
    let algorithms = match at.take("algorithms", raw.algorithms) {
        Some(list) => algorithms(&at.field("algorithms"), list),
        None => Dpop::ALGORITHMS.to_vec(),
    };
    let public_origin = at.take("public_origin", raw.public_origin).and_then(|text| {
        let origin = Origin::parse(&text).ok();
        if origin.is_none() {
            at.field("public_origin").fault(format!("`{text}` is no origin such as https://api.example.com"));
        }
        origin
    });
    let nonce = at.take("nonce", raw.nonce).and_then(|raw| nonce(&at.field("nonce"), raw, secret));
    let replay = at.take("replay", raw.replay).unwrap_or_default();
    Dpop {
        algorithms,
        proof_lifetime: seconds(duration(at, "proof_lifetime", raw.proof_lifetime, &PROOF_LIFETIME)),
        clock_skew: seconds(duration(at, "clock_skew", raw.clock_skew, &PROOF_SKEW)),
        public_origin,
        nonce_required: nonce.as_ref().is_some_and(|(_, required)| *required),
        nonces: nonce.map(|(nonces, _)| nonces),
        replay: self::replay(&at.field("replay"), replay, record_key),
    }
}

fn algorithms(at: &At, list: Vec<Field<String>>) -> Vec<Algorithm> {
    if list.is_empty() {
        at.fault("must not be empty");
    }
    let mut algorithms = Vec::new();
    for (at, name) in at.items(list) {
        match Algorithm::of_name(&name) {
            Some(algorithm) if algorithm.key_kind() == KeyKind::Octets => {
                at.fault(format!("`{name}` takes a secret, and a proof by a secret that is sent along proves nothing"));
            }
            Some(algorithm) => algorithms.push(algorithm),
            None => at.fault(format!("`{name}` is none of {}", asymmetric().collect::<Vec<_>>().join(", "))),
        }
    }
    algorithms
}

/// The algorithms that a proof may be signed by.
pub(super) fn asymmetric() -> impl Iterator<Item = &'static str> {
    Algorithm::ALL.into_iter().filter(|algorithm| algorithm.key_kind() != KeyKind::Octets).map(Algorithm::name)
}

/// Nonces, and whether a proof must have one.
fn nonce(at: &At, raw: RawNonce, secret: Option<&Secret>) -> Option<(Nonces, bool)> {
    at.unknown(&raw.unknown);
    let required = at.take("required", raw.required).unwrap_or(true);
    let lifetime = duration(at, "lifetime", raw.lifetime, &NONCE_LIFETIME);
    if secret.is_none() {
        at.fault("needs `secret`: whoever verifies a nonce has the secret of whoever made it");
    }
    Some((Nonces::new(secret?.clone(), seconds(lifetime)), required))
}

fn replay(at: &At, raw: RawReplay, record_key: [u8; 32]) -> ReplayTable {
    at.unknown(&raw.unknown);
    ReplayTable::new(number(at, "entries", raw.entries, &REPLAY_ENTRIES), Secret::new(record_key.to_vec()))
}

fn client_certificate(at: &At, raw: RawClientCertificate) -> CertificateSource {
    at.unknown(&raw.unknown);
    let Some(word) = at.take("from", raw.source) else { return CertificateSource::default() };
    let source = CertificateSource::WORDS.into_iter().find(|(each, _)| *each == word);
    if source.is_none() {
        at.field("from").fault("must be `connection` or `xfcc`");
    }
    source.map(|(_, source)| source).unwrap_or_default()
}

/// What a provider or a route demands; `absent` is what holds where it says nothing.
pub(super) fn constraint(at: &At, raw: Field<RawSenderConstraint>, absent: SenderConstraint) -> SenderConstraint {
    let Some(raw) = at.take("sender_constraint", raw) else { return absent };
    let at = at.field("sender_constraint");
    at.unknown(&raw.unknown);
    SenderConstraint {
        dpop: demand(&at, "dpop", raw.dpop).unwrap_or(absent.dpop),
        mtls: demand(&at, "mtls", raw.mtls).unwrap_or(absent.mtls),
    }
}

fn demand(at: &At, name: &str, raw: Field<RawDemand>) -> Option<Demand> {
    let RawDemand(word) = at.take(name, raw)?;
    let demand = Demand::WORDS.into_iter().find(|(each, _)| *each == word);
    if demand.is_none() {
        at.field(name).fault("must be `off`, `optional` or `required`");
    }
    demand.map(|(_, demand)| demand)
}

/// The schemes for challenges: whether bearer tokens are taken, and the algorithms of proofs where these are.
pub(super) fn schemes(
    proofs: &SenderProofs,
    providers: &Providers,
    credentials: &Credentials,
) -> (bool, Option<String>) {
    let demands = || providers.iter().map(|provider| provider.sender_constraint.dpop);
    let only_proofs = demands().all(|demand| demand == Demand::Required);
    let by_header = credentials.headers.iter().any(|place| place.schemes != [Scheme::Dpop]);
    let elsewhere = !credentials.cookies.is_empty() || !credentials.parameters.is_empty();
    let bearer = !only_proofs && (by_header || elsewhere);
    (bearer, demands().any(Demand::admits).then(|| proofs.dpop.algorithm_names()))
}

/// What could never be met: by providers, places for credentials and routes together. `routes` are the places of routes,
/// and what they demand.
pub(super) fn check<'a>(
    at: &At,
    proofs: &SenderProofs,
    providers: &Providers,
    credentials: &Credentials,
    routes: impl Iterator<Item = (&'a str, SenderConstraint)>,
) {
    let takes_scheme = credentials.headers.iter().any(|place| place.schemes.contains(&Scheme::Dpop));
    for provider in providers.iter().filter(|provider| provider.sender_constraint.dpop.admits() && !takes_scheme) {
        let place = at.field("providers").field(&provider.name).field("sender_constraint").field("dpop");
        place.fault(
            "no place for credentials takes the scheme DPoP: write \
             `credentials: {from_headers: [{name: authorization, schemes: [Bearer, DPoP]}]}`",
        );
    }
    let takes_proofs = providers.iter().any(|provider| provider.sender_constraint.dpop.admits());
    if takes_proofs && proofs.dpop.public_origin.is_none() {
        at.field("dpop").warning(
            "without `public_origin`, a proof is for whatever host a request names: see to it that the gateway serves \
             its own hosts only",
        );
    }
    for (place, route) in routes {
        let place = at.at(place).field("sender_constraint");
        type Of = fn(SenderConstraint) -> Demand;
        let ways: [(&str, Of); 2] = [("dpop", |one| one.dpop), ("mtls", |one| one.mtls)];
        for (name, of) in ways {
            let mut demands = providers.iter().map(|provider| of(provider.sender_constraint));
            match of(route) {
                Demand::Required if demands.all(|demand| demand == Demand::Off) => {
                    place.field(name).fault("no provider takes such tokens, so nobody could pass");
                }
                Demand::Off if demands.all(|demand| demand == Demand::Required) => {
                    place.field(name).fault("every provider demands it, so nobody could pass");
                }
                Demand::Off | Demand::Optional | Demand::Required => {}
            }
        }
    }
}
