//! RSA signatures: the two schemes of RFC 8017, and blocks made by hand that only a careless verifier takes.

use hmac::digest::{Digest, DynDigest};
use rand_chacha::ChaCha20Rng;
use rand_core::RngCore as _;
use rsa::{
    BigUint, Pkcs1v15Sign, Pss, RsaPrivateKey,
    traits::{PrivateKeyParts as _, PublicKeyParts as _},
};
use serde::Deserialize;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::algorithm::Hash;

/// How the block below a PKCS#1 v1.5 signature is spoilt (RFC 8017 §9.2 gives the right form).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Padding {
    /// `DigestInfo` without the NULL that stands for the parameters of the hash algorithm.
    MissingNull,
    /// Eight bytes of padding instead of as many as fit: the block is shorter than the modulus.
    Short,
    /// Eight bytes of padding, and what is left is filled behind the digest (Bleichenbacher's forgery of 2006).
    Trailing,
    /// Zeros in place of `0xff`.
    Zero,
}

/// The hash function of the mask of a PSS signature.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub(super) enum MaskHash {
    #[serde(rename = "SHA-1")]
    Sha1,
    #[serde(rename = "SHA-256")]
    Sha256,
    #[serde(rename = "SHA-384")]
    Sha384,
    #[serde(rename = "SHA-512")]
    Sha512,
}

impl From<Hash> for MaskHash {
    fn from(hash: Hash) -> Self {
        match hash {
            Hash::Sha256 => Self::Sha256,
            Hash::Sha384 => Self::Sha384,
            Hash::Sha512 => Self::Sha512,
        }
    }
}

pub(super) fn sign_pkcs1(key: &RsaPrivateKey, hash: Hash, message: &[u8]) -> Option<Vec<u8>> {
    let scheme = match hash {
        Hash::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
        Hash::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
        Hash::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
    };
    key.sign(scheme, &hash.digest(message)).ok()
}

pub(super) fn sign_pss(key: &RsaPrivateKey, hash: Hash, message: &[u8], salt: &mut ChaCha20Rng) -> Option<Vec<u8>> {
    let scheme = match hash {
        Hash::Sha256 => Pss::new::<Sha256>(),
        Hash::Sha384 => Pss::new::<Sha384>(),
        Hash::Sha512 => Pss::new::<Sha512>(),
    };
    key.sign_with_rng(salt, scheme, &hash.digest(message)).ok()
}

pub(super) fn sign_pkcs1_spoilt(key: &RsaPrivateKey, hash: Hash, padding: Padding, message: &[u8]) -> Option<Vec<u8>> {
    let info = digest_info(hash, message, padding != Padding::MissingNull);
    let room = key.size().checked_sub(info.len().checked_add(3)?)?;
    let block = match padding {
        Padding::MissingNull => [&[0, 1], vec![0xff; room].as_slice(), &[0], &info].concat(),
        Padding::Short => [&[1], [0xff; 8].as_slice(), &[0], &info].concat(),
        Padding::Trailing => [&[0, 1], [0xff; 8].as_slice(), &[0], &info, &vec![0x5a; room.checked_sub(8)?]].concat(),
        Padding::Zero => [&[0, 1], vec![0; room].as_slice(), &[0], &info].concat(),
    };
    Some(raise(key, &block))
}

/// RFC 8017 §9.1.1 with any length of salt and any hash function of the mask.
pub(super) fn sign_pss_odd(
    key: &RsaPrivateKey,
    hash: Hash,
    salt_length: usize,
    mask: MaskHash,
    message: &[u8],
    salt: &mut ChaCha20Rng,
) -> Option<Vec<u8>> {
    let bits = key.n().bits() - 1;
    let length = bits.div_ceil(8);
    let mut salt_bytes = vec![0; salt_length];
    salt.fill_bytes(&mut salt_bytes);

    let digest = hash.digest(&[[0; 8].as_slice(), &hash.digest(message), &salt_bytes].concat());
    let data_length = length.checked_sub(digest.len())?.checked_sub(1)?;
    let zeros = data_length.checked_sub(salt_length)?.checked_sub(1)?;
    let mut data = [vec![0; zeros].as_slice(), &[1], &salt_bytes].concat();
    for (byte, mask) in data.iter_mut().zip(mask_of(mask, &digest, data_length)) {
        *byte ^= mask;
    }
    if let Some(first) = data.first_mut() {
        *first &= 0xff >> (8 * length - bits);
    }
    Some(raise(key, &[data.as_slice(), &digest, &[0xbc]].concat()))
}

/// MGF1, RFC 8017 appendix B.2.1.
fn mask_of(hash: MaskHash, seed: &[u8], length: usize) -> Vec<u8> {
    let mut hasher: Box<dyn DynDigest> = match hash {
        MaskHash::Sha1 => Box::new(Sha1::new()),
        MaskHash::Sha256 => Box::new(Sha256::new()),
        MaskHash::Sha384 => Box::new(Sha384::new()),
        MaskHash::Sha512 => Box::new(Sha512::new()),
    };
    let blocks = (0_u32..).flat_map(|counter| {
        hasher.update(seed);
        hasher.update(&counter.to_be_bytes());
        hasher.finalize_reset().into_vec()
    });
    blocks.take(length).collect()
}

/// `DigestInfo` of RFC 8017 appendix A.2.4.
fn digest_info(hash: Hash, message: &[u8], with_null: bool) -> Vec<u8> {
    // 2.16.840.1.101.3.4.2.x, of which only x differs.
    let last = match hash {
        Hash::Sha256 => 1,
        Hash::Sha384 => 2,
        Hash::Sha512 => 3,
    };
    let object = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last];
    let null: &[u8] = if with_null { &[0x05, 0x00] } else { &[] };
    sequence(&[sequence(&[object.as_slice(), null]), octets(&hash.digest(message))])
}

fn sequence<P: AsRef<[u8]>>(parts: &[P]) -> Vec<u8> {
    tagged(0x30, &parts.iter().flat_map(|part| part.as_ref().to_vec()).collect::<Vec<u8>>())
}

fn octets(content: &[u8]) -> Vec<u8> {
    tagged(0x04, content)
}

/// The short form of the length, which every `DigestInfo` of SHA-2 has room in.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap_or(u8::MAX);
    [&[tag, length], content].concat()
}

/// The private operation, with no padding of its own.
fn raise(key: &RsaPrivateKey, block: &[u8]) -> Vec<u8> {
    let signature = BigUint::from_bytes_be(block).modpow(key.d(), key.n()).to_bytes_be();
    let mut padded = vec![0; key.size().saturating_sub(signature.len())];
    padded.extend(signature);
    padded
}
