//! Ed25519 signatures that a strict verifier refuses and a lenient one takes.

use curve25519_dalek::{
    EdwardsPoint, Scalar, constants::EIGHT_TORSION, edwards::CompressedEdwardsY, traits::Identity as _,
};
use ed25519_dalek::SigningKey;
use rand_chacha::ChaCha20Rng;
use rand_core::RngCore as _;
use rsa::BigUint;
use sha2::{Digest as _, Sha512};

/// The order of the base point, 2^252 + 27742317777372353535851937790883648493, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// A public key of order 8: nobody needs a private key to sign for it.
pub(super) fn small_order_public() -> [u8; 32] {
    small_order_point().compress().to_bytes()
}

/// A signature that satisfies `s·B = R + k·A` for the public key of small order and any message.
///
/// `R` must be `s·B` plus the point of small order that cancels `k·A`, but `k` depends on `R`: so `s` and that point
/// are tried until they agree, which takes eight attempts on average.
pub(super) fn sign_for_small_order(message: &[u8], nonce: &mut ChaCha20Rng) -> [u8; 64] {
    let public = small_order_point();
    loop {
        let mut wide = [0; 64];
        nonce.fill_bytes(&mut wide);
        let s = Scalar::from_bytes_mod_order_wide(&wide);
        for torsion in EIGHT_TORSION {
            let r = (EdwardsPoint::mul_base(&s) + torsion).compress();
            if torsion == -(public * challenge(&r, public.compress().as_bytes(), message)) {
                return joined(&r, &s);
            }
        }
    }
}

/// A signature with the neutral element for `R`, which makes `s = k·a`: right by the equation, and refused by who
/// refuses points of small order.
pub(super) fn sign_with_small_order_r(key: &SigningKey, message: &[u8]) -> [u8; 64] {
    let r = EdwardsPoint::identity().compress();
    let k = challenge(&r, key.verifying_key().as_bytes(), message);
    joined(&r, &(k * key.to_scalar()))
}

/// The same signature with `s + L` for `s`: equal to a verifier that does not check the range of `s`, which RFC 8032
/// §5.1.7 demands.
pub(super) fn add_order(signature: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = signature.split_at_checked(32)?;
    let sum = BigUint::from_bytes_le(s) + BigUint::from_bytes_le(&ORDER);
    let mut sum = sum.to_bytes_le();
    if s.len() != 32 || sum.len() > 32 {
        return None;
    }
    sum.resize(32, 0);
    Some([r, &sum].concat())
}

/// The hash that RFC 8032 §5.1.7 calls `k`.
fn challenge(r: &CompressedEdwardsY, public: &[u8; 32], message: &[u8]) -> Scalar {
    let hash = Sha512::new().chain_update(r.as_bytes()).chain_update(public).chain_update(message);
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

fn joined(r: &CompressedEdwardsY, s: &Scalar) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(r.as_bytes());
    signature[32..].copy_from_slice(s.as_bytes());
    signature
}

fn small_order_point() -> EdwardsPoint {
    EIGHT_TORSION[1]
}
