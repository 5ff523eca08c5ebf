//! Which RSA keys are fit to verify with.

use jwt_compact::alg::RsaPublicKey;
use rsa::BigUint;

/// The shortest modulus in bits (RFC 7518 §3.3).
const SHORTEST: usize = 2048;

/// The longest modulus in bits: verification takes time that grows with its square, and a caller chooses how often.
const LONGEST: usize = 4096;

/// The primes below 168 of the ROCA fingerprint (CVE-2017-15361): for a weak key, `n` modulo each of them is a power of
/// 65537.
const ROCA_PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Makes a key of a modulus and an exponent, or says what is wrong with them.
pub(super) fn public_key(modulus: &[u8], exponent: &[u8]) -> Result<RsaPublicKey, &'static str> {
    if exponent.len() > 4 {
        return Err("the exponent has more than 32 bits");
    }
    let n = BigUint::from_bytes_be(modulus);
    let e = BigUint::from_bytes_be(exponent);
    // FIPS 186-5 §A.1.1: an odd exponent above 2^16.
    if e < BigUint::from(65_537_u32) || is_divisible(&e, 2) {
        return Err("the exponent must be odd and at least 65537");
    }
    if n.bits() < SHORTEST || n.bits() > LONGEST {
        return Err("the modulus must have 2048 to 4096 bits");
    }
    // SP 800-89 §5.3.3: no factor below 752. Numbers that are not prime are tried in vain, once for each key.
    if (2..752).any(|factor| is_divisible(&n, factor)) {
        return Err("the modulus has a small factor");
    }
    if has_roca_fingerprint(&n) {
        return Err("the modulus was made by a generator with a known weakness (CVE-2017-15361)");
    }
    RsaPublicKey::new(n, e).map_err(|_| "not an RSA public key")
}

/// The remainder by a divisor that is not zero.
#[expect(clippy::arithmetic_side_effects, reason = "big integers do not overflow, and no divisor here is zero")]
fn remainder(number: &BigUint, divisor: u32) -> u32 {
    let bytes = (number % BigUint::from(divisor)).to_bytes_le();
    // Less than the divisor, so it fits.
    bytes.iter().rev().fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
}

fn is_divisible(number: &BigUint, divisor: u32) -> bool {
    remainder(number, divisor) == 0
}

fn has_roca_fingerprint(modulus: &BigUint) -> bool {
    ROCA_PRIMES.into_iter().all(|prime| {
        let wanted = remainder(modulus, prime);
        let step = remainder(&BigUint::from(65_537_u32), prime);
        let mut power = 1_u32;
        // The powers of 65537 repeat after `prime` steps at most; all numbers stay below 168², far from overflow.
        (0..prime).any(|_| {
            let found = power == wanted;
            power = power.wrapping_mul(step).checked_rem(prime).unwrap_or(0);
            found
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remainder_has_all_its_bytes() {
        assert_eq!(remainder(&BigUint::from(1_000_000_u32), 751), 1_000_000 % 751);
        assert_eq!(remainder(&BigUint::from(513_u32), 514), 513);
        assert_eq!(remainder(&BigUint::from(256_u32), 509), 256);
        assert_eq!(remainder(&BigUint::from(1018_u32), 509), 0);
    }
}
