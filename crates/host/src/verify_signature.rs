//! Envoy's foreign function `verify_signature`.
//!
//! It verifies RSASSA-PKCS1-v1_5, and ECDSA with signatures in DER, with whatever hash is named: which of these belong
//! together is the caller's business. Everything else, such as RSASSA-PSS and EdDSA, does not verify.

use std::sync::Arc;

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::pkcs8::DecodePublicKey as _;
use prost::Message as _;
use rsa::Pkcs1v15Sign;
use sha2::Digest as _;

use crate::vm::ForeignFunction;

/// The name by which filters call it.
pub const VERIFY_SIGNATURE: &str = "verify_signature";

/// The status of an argument that is none.
const BAD_ARGUMENT: u32 = 2;

/// `envoy.source.extensions.common.wasm.VerifySignatureArguments`
#[derive(Clone, PartialEq, prost::Message)]
struct Arguments {
    #[prost(string, tag = "1")]
    hash_function: String,
    #[prost(bytes = "vec", tag = "2")]
    public_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    text: Vec<u8>,
}

/// `envoy.source.extensions.common.wasm.VerifySignatureResult`
#[derive(Clone, PartialEq, prost::Message)]
struct Outcome {
    #[prost(bool, tag = "1")]
    result: bool,
    #[prost(string, tag = "2")]
    error: String,
}

/// The function, for [`Options::foreign_functions`](crate::Options::foreign_functions).
pub fn verify_signature() -> ForeignFunction {
    Arc::new(|arguments| {
        let arguments = Arguments::decode(arguments).map_err(|_| BAD_ARGUMENT)?;
        let outcome = match verify(&arguments) {
            Ok(()) => Outcome { result: true, error: String::new() },
            Err(error) => Outcome { result: false, error: error.to_owned() },
        };
        Ok(outcome.encode_to_vec())
    })
}

fn verify(arguments: &Arguments) -> Result<(), &'static str> {
    let Arguments { hash_function, public_key, signature, text } = arguments;
    let (digest, padding) = hashed(&hash_function.to_ascii_lowercase(), text).ok_or("the hash function is unknown")?;
    if let Ok(key) = rsa::RsaPublicKey::from_public_key_der(public_key) {
        return key.verify(padding, &digest, signature).map_err(|_| "the signature does not hold");
    }
    macro_rules! on_curve {
        ($curve:ident, $width:literal) => {
            if let Ok(key) = $curve::PublicKey::from_public_key_der(public_key) {
                let form = "the signature is no DER of two numbers";
                let signature = $curve::ecdsa::Signature::from_der(signature).map_err(|_| form)?;
                let key = $curve::ecdsa::VerifyingKey::from_sec1_bytes(&key.to_sec1_bytes()).map_err(|_| "no key")?;
                // The packages refuse a digest shorter than half the field; the number is the same with zeros in front.
                let mut padded = vec![0; usize::saturating_sub($width, digest.len())];
                padded.extend_from_slice(&digest);
                return key.verify_prehash(&padded, &signature).map_err(|_| "the signature does not hold");
            }
        };
    }
    on_curve!(p256, 32);
    on_curve!(p384, 48);
    on_curve!(p521, 66);
    Err("the key is none that can be read")
}

/// The digest, and how RSASSA-PKCS1-v1_5 names its function.
fn hashed(function: &str, text: &[u8]) -> Option<(Vec<u8>, Pkcs1v15Sign)> {
    Some(match function {
        "sha1" => (sha1::Sha1::digest(text).to_vec(), Pkcs1v15Sign::new::<sha1::Sha1>()),
        "sha224" => (sha2::Sha224::digest(text).to_vec(), Pkcs1v15Sign::new::<sha2::Sha224>()),
        "sha256" => (sha2::Sha256::digest(text).to_vec(), Pkcs1v15Sign::new::<sha2::Sha256>()),
        "sha384" => (sha2::Sha384::digest(text).to_vec(), Pkcs1v15Sign::new::<sha2::Sha384>()),
        "sha512" => (sha2::Sha512::digest(text).to_vec(), Pkcs1v15Sign::new::<sha2::Sha512>()),
        _ => return None,
    })
}
