//! One key: what it is, its public and private forms, and its signatures.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use hmac::{Hmac, Mac as _};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use rsa::{
    BigUint, RsaPrivateKey,
    pkcs1::EncodeRsaPublicKey as _,
    pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding},
    signature::Signer as _,
    traits::{PrivateKeyParts as _, PublicKeyParts as _},
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::{
    algorithm::{Algorithm, Hash},
    edwards,
    elliptic::{Curve, EllipticKey},
    rivest::{self, MaskHash, Padding},
};

/// What a scenario file says of a key.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq)]
#[serde(deny_unknown_fields, tag = "kty")]
pub(super) enum KeyDescription {
    #[serde(rename = "EC")]
    Elliptic { crv: Curve },
    #[serde(rename = "oct")]
    Octets {
        #[serde(default = "default_bytes")]
        bytes: usize,
    },
    #[serde(rename = "OKP")]
    Edwards {
        crv: EdwardsCurve,
        #[serde(default)]
        ed_small_order: bool,
    },
    #[serde(rename = "RSA")]
    Rivest {
        #[serde(default = "default_bits")]
        bits: usize,
        #[serde(default = "default_exponent")]
        e: u32,
        modulus_bits: Option<usize>,
        #[serde(default)]
        fake: bool,
    },
}

impl KeyDescription {
    /// The curve, where signatures are made of `r` and `s`.
    pub(super) fn curve(&self) -> Option<Curve> {
        match self {
            Self::Elliptic { crv } => Some(*crv),
            Self::Edwards { .. } | Self::Octets { .. } | Self::Rivest { .. } => None,
        }
    }

    pub(super) fn usual_algorithm(&self) -> &'static str {
        match self {
            Self::Edwards { .. } => "EdDSA",
            Self::Elliptic { crv } => crv.usual_algorithm(),
            Self::Octets { .. } => "HS256",
            Self::Rivest { .. } => "RS256",
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq)]
pub(super) enum EdwardsCurve {
    Ed25519,
}

fn default_bytes() -> usize {
    64
}

fn default_bits() -> usize {
    2048
}

fn default_exponent() -> u32 {
    65537
}

/// A key that signs, or pretends to.
pub(super) enum Key {
    Edwards(Box<ed25519_dalek::SigningKey>),
    EdwardsSmallOrder,
    Elliptic(Box<EllipticKey>),
    /// A modulus that is nothing but a large odd number.
    FakeRivest {
        n: BigUint,
        e: BigUint,
    },
    Octets(Vec<u8>),
    Rivest(Box<RsaPrivateKey>),
}

/// What can be asked of a signature beyond its algorithm.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Variant {
    pub(super) ed_small_order_r: bool,
    pub(super) pkcs1: Option<Padding>,
    pub(super) pss_mask: Option<MaskHash>,
    pub(super) pss_salt: Option<usize>,
}

/// The forms in which a public key is mistaken for a secret.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum PublicForm {
    /// `SubjectPublicKeyInfo`, DER.
    Der,
    /// The JWK as JSON text.
    Jwk,
    /// `SubjectPublicKeyInfo`, PEM, with the line feed at its end.
    Pem,
    /// The same without that line feed.
    PemTrimmed,
    /// `RSAPublicKey`, PEM.
    Pkcs1,
    /// The point, or the modulus, as bytes.
    Raw,
    /// `x` (or `n`) as it stands in the JWK.
    X,
}

impl Key {
    /// The key that belongs to this name and description: always the same one, so that failures can be repeated.
    ///
    /// `None` where no such key can exist.
    pub(super) fn generate(name: &str, description: &KeyDescription) -> Option<Self> {
        let mut seed = ChaCha20Rng::from_seed(Sha256::digest(name).into());
        Some(match *description {
            KeyDescription::Elliptic { crv } => Self::Elliptic(Box::new(EllipticKey::generate(crv, &mut seed))),
            KeyDescription::Octets { bytes } => {
                let mut secret = vec![0; bytes];
                seed.fill_bytes(&mut secret);
                Self::Octets(secret)
            }
            KeyDescription::Edwards { ed_small_order: true, .. } => Self::EdwardsSmallOrder,
            KeyDescription::Edwards { .. } => {
                let mut secret = [0; 32];
                seed.fill_bytes(&mut secret);
                Self::Edwards(Box::new(ed25519_dalek::SigningKey::from_bytes(&secret)))
            }
            KeyDescription::Rivest { bits, e, modulus_bits, fake: true } => {
                let mut modulus = vec![0; modulus_bits.unwrap_or(bits).div_ceil(8)];
                seed.fill_bytes(&mut modulus);
                *modulus.first_mut()? |= 0x80;
                *modulus.last_mut()? |= 1;
                Self::FakeRivest { n: BigUint::from_bytes_be(&modulus), e: BigUint::from(e) }
            }
            KeyDescription::Rivest { bits, e, modulus_bits, fake: false } => {
                let bits = modulus_bits.unwrap_or(bits);
                Self::Rivest(Box::new(RsaPrivateKey::new_with_exp(&mut seed, bits, &BigUint::from(e)).ok()?))
            }
        })
    }

    /// The curve, where signatures are made of `r` and `s`.
    pub(super) fn curve(&self) -> Option<Curve> {
        match self {
            Self::Elliptic(key) => Some(key.curve()),
            Self::Edwards(_)
            | Self::EdwardsSmallOrder
            | Self::FakeRivest { .. }
            | Self::Octets(_)
            | Self::Rivest(_) => None,
        }
    }

    pub(super) fn usual_algorithm(&self) -> &'static str {
        match self {
            Self::Edwards(_) | Self::EdwardsSmallOrder => "EdDSA",
            Self::Elliptic(key) => key.curve().usual_algorithm(),
            Self::FakeRivest { .. } | Self::Rivest(_) => "RS256",
            Self::Octets(_) => "HS256",
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Edwards(_) | Self::EdwardsSmallOrder => "Ed25519",
            Self::Elliptic(key) => key.curve().name(),
            Self::FakeRivest { .. } => "RSA without a private key",
            Self::Octets(_) => "oct",
            Self::Rivest(_) => "RSA",
        }
    }

    /// `None` where a key of this kind cannot make such a signature.
    pub(super) fn sign(&self, algorithm: Algorithm, variant: Variant, message: &[u8]) -> Option<Vec<u8>> {
        // Whatever a scheme wants at random comes from the message, so that the same token has the same bytes.
        let mut random = ChaCha20Rng::from_seed(Sha256::digest(message).into());
        match (self, algorithm) {
            (Self::Edwards(key), Algorithm::EdDsa) if variant.ed_small_order_r => {
                Some(edwards::sign_with_small_order_r(key, message).to_vec())
            }
            (Self::Edwards(key), Algorithm::EdDsa) => Some(key.sign(message).to_bytes().to_vec()),
            (Self::EdwardsSmallOrder, Algorithm::EdDsa) => {
                Some(edwards::sign_for_small_order(message, &mut random).to_vec())
            }
            (Self::Elliptic(key), Algorithm::Es(hash)) => key.sign(&hash.digest(message)),
            (Self::Octets(secret), Algorithm::Hs(hash)) => Some(authenticate(secret, hash, message)),
            (Self::Rivest(key), Algorithm::Ps(hash)) if variant.pss_salt.is_none() && variant.pss_mask.is_none() => {
                rivest::sign_pss(key, hash, message, &mut random)
            }
            (Self::Rivest(key), Algorithm::Ps(hash)) => {
                let salt_length = variant.pss_salt.unwrap_or_else(|| hash.digest(&[]).len());
                let mask = variant.pss_mask.unwrap_or_else(|| hash.into());
                rivest::sign_pss_odd(key, hash, salt_length, mask, message, &mut random)
            }
            (Self::Rivest(key), Algorithm::Rs(hash)) => match variant.pkcs1 {
                Some(padding) => rivest::sign_pkcs1_spoilt(key, hash, padding, message),
                None => rivest::sign_pkcs1(key, hash, message),
            },
            _ => None,
        }
    }

    /// The JWK without what must stay secret, except that a symmetric key is nothing else.
    pub(super) fn public_jwk(&self) -> Value {
        match self {
            Self::Edwards(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(key.verifying_key().as_bytes())})
            }
            Self::EdwardsSmallOrder => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&edwards::small_order_public())})
            }
            Self::Elliptic(key) => {
                let (x, y) = key.public_point();
                json!({"kty": "EC", "crv": key.curve().name(), "x": encode(&x), "y": encode(&y)})
            }
            Self::FakeRivest { n, e } => json!({"kty": "RSA", "n": encode_number(n), "e": encode_number(e)}),
            Self::Octets(secret) => json!({"kty": "oct", "k": encode(secret)}),
            Self::Rivest(key) => json!({"kty": "RSA", "n": encode_number(key.n()), "e": encode_number(key.e())}),
        }
    }

    /// The members that make the public JWK a private one, where there is a private key.
    pub(super) fn secret_members(&self) -> Option<Value> {
        match self {
            Self::Edwards(key) => Some(json!({"d": encode(key.as_bytes())})),
            Self::Elliptic(key) => Some(json!({"d": encode(&key.secret())})),
            Self::EdwardsSmallOrder | Self::FakeRivest { .. } => None,
            Self::Octets(_) => Some(json!({})),
            Self::Rivest(key) => {
                let [p, q] = key.primes() else { return None };
                let one = BigUint::from(1_u32);
                Some(json!({
                    "d": encode_number(key.d()),
                    "p": encode_number(p),
                    "q": encode_number(q),
                    "dp": encode_number(&(key.d() % (p - &one))),
                    "dq": encode_number(&(key.d() % (q - &one))),
                    // Fermat: the inverse of q modulo the prime p.
                    "qi": encode_number(&q.modpow(&(p - BigUint::from(2_u32)), p)),
                }))
            }
        }
    }

    /// The public key in the form in which a confused verifier takes it for a secret.
    pub(super) fn public_form(&self, form: PublicForm, jwk: &Value) -> Option<Vec<u8>> {
        match form {
            PublicForm::Der => self.public_der(),
            PublicForm::Jwk => Some(jwk.to_string().into_bytes()),
            PublicForm::Pem => self.public_pem().map(String::into_bytes),
            PublicForm::PemTrimmed => self.public_pem().map(|pem| pem.trim_end().as_bytes().to_vec()),
            PublicForm::Pkcs1 => match self {
                Self::Rivest(key) => {
                    key.to_public_key().to_pkcs1_pem(LineEnding::LF).ok().map(|pem| pem.as_bytes().to_vec())
                }
                _ => None,
            },
            PublicForm::Raw => match self {
                Self::Edwards(key) => Some(key.verifying_key().to_bytes().to_vec()),
                Self::EdwardsSmallOrder => Some(edwards::small_order_public().to_vec()),
                Self::Elliptic(key) => Some(key.uncompressed()),
                Self::FakeRivest { n, .. } => Some(n.to_bytes_be()),
                Self::Octets(_) => None,
                Self::Rivest(key) => Some(key.n().to_bytes_be()),
            },
            PublicForm::X => {
                ["x", "n"].iter().find_map(|member| jwk.get(member)?.as_str()).map(|text| text.as_bytes().to_vec())
            }
        }
    }

    /// PKCS #8, DER, where there is a private key that has that form.
    pub(super) fn private_der(&self) -> Option<Vec<u8>> {
        match self {
            Self::Elliptic(key) => key.private_der(),
            Self::Rivest(key) => key.to_pkcs8_der().ok().map(|der| der.as_bytes().to_vec()),
            Self::Edwards(_) | Self::EdwardsSmallOrder | Self::FakeRivest { .. } | Self::Octets(_) => None,
        }
    }

    /// `RSAPublicKey`, DER.
    pub(super) fn public_pkcs1_der(&self) -> Option<Vec<u8>> {
        match self {
            Self::Rivest(key) => key.to_public_key().to_pkcs1_der().ok().map(|der| der.into_vec()),
            _ => None,
        }
    }

    fn public_der(&self) -> Option<Vec<u8>> {
        match self {
            Self::Edwards(key) => key.verifying_key().to_public_key_der().ok().map(|der| der.into_vec()),
            Self::Elliptic(key) => key.public_der(),
            Self::Rivest(key) => key.to_public_key().to_public_key_der().ok().map(|der| der.into_vec()),
            Self::EdwardsSmallOrder | Self::FakeRivest { .. } | Self::Octets(_) => None,
        }
    }

    fn public_pem(&self) -> Option<String> {
        match self {
            Self::Edwards(key) => key.verifying_key().to_public_key_pem(LineEnding::LF).ok(),
            Self::Elliptic(key) => key.public_pem(),
            Self::Rivest(key) => key.to_public_key().to_public_key_pem(LineEnding::LF).ok(),
            Self::EdwardsSmallOrder | Self::FakeRivest { .. } | Self::Octets(_) => None,
        }
    }
}

/// HMAC with any bytes as the secret, the empty ones included.
pub(super) fn authenticate(secret: &[u8], hash: Hash, message: &[u8]) -> Vec<u8> {
    macro_rules! hmac {
        ($hash:ty) => {
            // HMAC takes secrets of every length, so there is always a value.
            Hmac::<$hash>::new_from_slice(secret).map(|mac| mac.chain_update(message).finalize().into_bytes().to_vec())
        };
    }
    match hash {
        Hash::Sha256 => hmac!(Sha256),
        Hash::Sha384 => hmac!(Sha384),
        Hash::Sha512 => hmac!(Sha512),
    }
    .unwrap_or_default()
}

/// Base64url without padding, as all of JOSE has it.
pub(super) fn encode(bytes: &[u8]) -> String {
    BASE64URL.encode(bytes)
}

fn encode_number(number: &BigUint) -> String {
    encode(&number.to_bytes_be())
}
