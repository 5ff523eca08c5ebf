//! Nonces of the server (RFC 9449 §8, §9), which every worker and every gateway with the same secret can verify.
//!
//! A nonce is the second of its making and a MAC of it: base64url of 8 and 16 bytes. The MAC's key is derived from the
//! secret for a window of time as long as a nonce lives, so a nonce belongs to the current window or to the one before.
//! All nonces of one second are equal: a nonce shows that a proof was made since, and nothing about who asked for it. That
//! a proof is used once is for [`super::Replay`] to see.

use base64ct::{Base64UrlUnpadded, Encoding};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// Makes and verifies nonces.
#[derive(Clone, Debug)]
pub struct Nonces {
    secret: Secret,
    /// How long a nonce lives, in seconds; at least 1.
    lifetime: i64,
}

/// How far the clocks of gateways may differ, in seconds.
pub(super) const AHEAD: i64 = 2;

const STAMP: usize = 8;
const TAG: usize = 16;

impl Nonces {
    /// Nonces by a secret, each of them for so many seconds.
    #[must_use]
    pub fn new(secret: Secret, lifetime: i64) -> Self {
        Self { secret, lifetime: lifetime.max(1) }
    }

    /// The nonce of this second. `now` is in seconds since the Unix epoch.
    #[must_use]
    pub fn mint(&self, now: i64) -> String {
        let stamp = now.to_be_bytes();
        let tag = self.mac(now).map(|mac| mac.finalize().into_bytes()).unwrap_or_default();
        let bytes: Vec<u8> = stamp.into_iter().chain(tag.into_iter().take(TAG)).collect();
        Base64UrlUnpadded::encode_string(&bytes)
    }

    /// When this nonce was made, in seconds since the Unix epoch; nothing where it is not ours, or too old.
    #[must_use]
    pub fn accepts(&self, nonce: &str, now: i64) -> Option<i64> {
        let mut bytes = [0; STAMP + TAG];
        let decoded = Base64UrlUnpadded::decode(nonce, &mut bytes).ok()?;
        let (stamp, tag) = decoded.split_first_chunk::<STAMP>()?;
        let tag: &[u8; TAG] = tag.try_into().ok()?;
        let made_at = i64::from_be_bytes(*stamp);
        let in_time = made_at <= now.saturating_add(AHEAD) && made_at >= now.saturating_sub(self.lifetime);
        // The comparison takes the same time wherever the two differ.
        let ours = in_time && self.mac(made_at)?.verify_truncated_left(tag).is_ok();
        ours.then_some(made_at)
    }

    /// A newer nonce for a client whose nonce, made at `made_at`, has lived for half of its time or more.
    #[must_use]
    pub(super) fn next(&self, made_at: i64, now: i64) -> Option<String> {
        let age = now.saturating_sub(made_at);
        (age >= self.lifetime / 2).then(|| self.mint(now))
    }

    /// The MAC of a nonce that was made at this second.
    fn mac(&self, made_at: i64) -> Option<Hmac<Sha256>> {
        let window = made_at.checked_div_euclid(self.lifetime)?;
        let mut key = [0; 32];
        let purpose = [b"cedar-gate dpop nonce".as_slice(), &window.to_be_bytes()];
        Hkdf::<Sha256>::new(None, self.secret.reveal()).expand_multi_info(&purpose, &mut key).ok()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        mac.update(&made_at.to_be_bytes());
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_780_000_000;

    fn nonces(secret: &str) -> Nonces {
        Nonces::new(Secret::new(secret.as_bytes().to_vec()), 60)
    }

    #[test]
    fn h6_every_gateway_with_the_secret_accepts_a_nonce() {
        let (one, other) = (nonces("a secret of two gateways"), nonces("a secret of two gateways"));
        let nonce = one.mint(NOW);
        assert_eq!(other.mint(NOW), nonce);
        assert_ne!(one.mint(NOW + 1), nonce);
        assert_eq!(other.accepts(&nonce, NOW), Some(NOW));
        assert_eq!(nonces("another secret").accepts(&nonce, NOW), None);
    }

    #[test]
    fn a_nonce_is_what_it_was_for_gateways_of_earlier_versions() {
        // By HKDF and HMAC of another implementation.
        assert_eq!(nonces("a secret of two gateways").mint(NOW), "AAAAAGoYpQC1SvrLg03fBG-8aigz1jU7");
        let longer = Nonces::new(Secret::new(b"a secret of two gateways".to_vec()), 300);
        assert_eq!(longer.mint(NOW), "AAAAAGoYpQDO1-7bSNBqyAikzeViHddW");
    }

    #[test]
    fn h6_a_nonce_ends() {
        let nonces = nonces("secret");
        // Beginning, middle and end of a window: the windows are not the life of a nonce.
        for made_at in [NOW - NOW % 60, NOW - NOW % 60 + 30, NOW - NOW % 60 + 59] {
            let nonce = nonces.mint(made_at);
            for (age, accepted) in
                [(-3, false), (-2, true), (0, true), (30, true), (60, true), (61, false), (600, false)]
            {
                assert_eq!(nonces.accepts(&nonce, made_at + age).is_some(), accepted, "{age}");
            }
        }
    }

    #[test]
    fn h6_no_bit_of_a_nonce_can_be_changed() {
        let nonces = nonces("secret");
        let bytes = Base64UrlUnpadded::decode_vec(&nonces.mint(NOW)).unwrap();
        assert_eq!(bytes.len(), STAMP + TAG);
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(nonces.accepts(&Base64UrlUnpadded::encode_string(&changed), NOW), None, "{bit}");
        }
        let nonce = nonces.mint(NOW);
        for text in ["", "a", nonce.split_at(1).1, &format!("{nonce}="), &format!("{nonce}A"), &nonce.to_uppercase()] {
            assert_eq!(nonces.accepts(text, NOW), None, "{text}");
        }
        for extreme in [i64::MIN, -1, 0, i64::MAX] {
            assert_eq!(nonces.accepts(&nonce, extreme), None);
            assert_eq!(nonces.accepts(&nonces.mint(extreme), NOW), None);
        }
    }

    #[test]
    fn a_client_gets_a_newer_nonce_before_its_own_ends() {
        let nonces = nonces("secret");
        assert_eq!(nonces.next(NOW, NOW + 29), None);
        assert_eq!(nonces.next(NOW, NOW + 30), Some(nonces.mint(NOW + 30)));
        assert_eq!(nonces.next(NOW, i64::MIN), None);
    }
}
