//! Which bindings are demanded, and which schemes go with them. Proofs themselves have tests of their own.

use serde_json::json;

use super::*;
use crate::jose::InVm;

const DIGEST: &str = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";
const HEX: &str = "0380ed2f626650c840b2f263e6d2b29fae12ab39ae5db32b25ad27efad72e6fd";
const ANY: SenderConstraint = SenderConstraint::ANY;

fn of(demands: [SenderConstraint; 2], cnf: Option<Value>, scheme: Scheme, certificate: bool) -> Result<Binding, Cause> {
    let connection = PeerCertificate { is_valid: certificate, sha256: Some(HEX.as_bytes().to_vec()) };
    let (path, _) = CanonicalPath::parse(b"/").unwrap();
    let presented = Presented {
        token: "token",
        scheme,
        method: "GET",
        authority: b"api.example.com",
        path: &path,
        headers: &Headers::default(),
        certificate: &connection,
    };
    let (proofs, journal) = (SenderProofs::default(), &mut Journal::default());
    prove(&proofs, demands, cnf.as_ref(), &presented, 1_780_000_000, &InVm, journal).map(|proof| proof.binding)
}

fn key() -> Option<Value> {
    Some(json!({"jkt": DIGEST}))
}

fn certificate() -> Option<Value> {
    Some(json!({"x5t#S256": DIGEST}))
}

/// Without a proof in the request: the refusal says that somebody looked for one.
const LOOKED_FOR: Result<Binding, Cause> = Err(Cause::DpopProofMissing);

#[test]
fn a_token_that_is_not_bound_is_a_bearer_token() {
    assert_eq!(of([ANY, ANY], None, Scheme::Bearer, false), Ok(Binding::None));
    assert_eq!(of([SenderConstraint::default(), ANY], None, Scheme::Bearer, true), Ok(Binding::None));
}

#[test]
fn c19_a_binding_is_verified_or_refused() {
    let off = SenderConstraint::default();
    for demands in [[off, ANY], [ANY, off], [off, off]] {
        for cnf in [key(), certificate()] {
            for scheme in Scheme::ALL {
                assert_eq!(
                    of(demands, cnf.clone(), scheme, true),
                    Err(Cause::BindingUnverified),
                    "{demands:?} {cnf:?}"
                );
            }
        }
    }
    assert_eq!(of([ANY, ANY], key(), Scheme::Dpop, true), LOOKED_FOR);
    assert_eq!(of([ANY, ANY], certificate(), Scheme::Bearer, true), Ok(Binding::Mtls));
    assert_eq!(of([ANY, ANY], Some(json!({"kid": "a"})), Scheme::Bearer, true), Err(Cause::BindingUnverified));
}

#[test]
fn both_the_provider_and_the_route_have_a_say() {
    let dpop = SenderConstraint { dpop: Demand::Required, ..ANY };
    let mtls = SenderConstraint { mtls: Demand::Required, ..ANY };
    for demands in [[dpop, ANY], [ANY, dpop]] {
        assert_eq!(of(demands, None, Scheme::Bearer, true), Err(Cause::BindingRequired));
        assert_eq!(of(demands, certificate(), Scheme::Bearer, true), Err(Cause::BindingRequired));
        assert_eq!(of(demands, key(), Scheme::Dpop, true), LOOKED_FOR);
    }
    for demands in [[mtls, ANY], [ANY, mtls]] {
        assert_eq!(of(demands, None, Scheme::Bearer, true), Err(Cause::BindingRequired));
        assert_eq!(of(demands, key(), Scheme::Dpop, true), Err(Cause::BindingRequired));
        assert_eq!(of(demands, certificate(), Scheme::Bearer, true), Ok(Binding::Mtls));
    }
    // What one demands and the other does not take can be had from nobody.
    let off = SenderConstraint { mtls: Demand::Off, ..ANY };
    assert_eq!(of([mtls, off], certificate(), Scheme::Bearer, true), Err(Cause::BindingUnverified));
    assert_eq!(of([mtls, off], None, Scheme::Bearer, true), Err(Cause::BindingRequired));
}

#[test]
fn h10_the_scheme_goes_with_the_binding() {
    assert_eq!(of([ANY, ANY], key(), Scheme::Bearer, true), Err(Cause::SchemeMismatch));
    assert_eq!(of([ANY, ANY], None, Scheme::Dpop, true), Err(Cause::SchemeMismatch));
    assert_eq!(of([ANY, ANY], certificate(), Scheme::Dpop, true), Err(Cause::SchemeMismatch));
    assert_eq!(of([ANY, ANY], key(), Scheme::Dpop, true), LOOKED_FOR);
}

#[test]
fn what_is_demanded_together_is_proved_together() {
    let both = Some(json!({"jkt": DIGEST, "x5t#S256": DIGEST}));
    assert_eq!(of([ANY, ANY], both.clone(), Scheme::Dpop, true), LOOKED_FOR);
    assert_eq!(of([ANY, ANY], both.clone(), Scheme::Dpop, false), Err(Cause::CertificateMissing));
    assert_eq!(of([ANY, ANY], both.clone(), Scheme::Bearer, true), Err(Cause::SchemeMismatch));
    let no_key = SenderConstraint { dpop: Demand::Off, ..ANY };
    assert_eq!(of([ANY, no_key], both, Scheme::Dpop, true), Err(Cause::BindingUnverified));
}
