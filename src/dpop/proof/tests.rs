//! Each check of RFC 9449 §4.3, by a proof that fails that one and no other.

use p256::ecdsa::signature::Signer;
use serde_json::json;

use super::*;
use crate::dpop::{Nonces, Origin};
use crate::jose::InVm;
use crate::secret::Secret;

const NOW: i64 = 1_780_000_000;
const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl";
const URL: &str = "https://api.example.com/payments/7";

/// A proof, and the request that it comes with.
struct Scene {
    dpop: Dpop,
    key: p256::ecdsa::SigningKey,
    header: Value,
    claims: Value,
    method: &'static str,
    token: &'static str,
    thumbprint: [u8; 32],
}

impl Scene {
    fn new() -> Self {
        let key = key(1);
        let jwk = jwk(&key);
        Self {
            dpop: Dpop::default(),
            key,
            header: json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}),
            claims: json!({"jti": "a", "htm": "GET", "htu": URL, "iat": NOW, "ath": hash(TOKEN)}),
            method: "GET",
            token: TOKEN,
            thumbprint: thumbprint_of(&jwk),
        }
    }

    fn with_claim(name: &str, value: Value) -> Self {
        let mut scene = Self::new();
        scene.claims[name] = value;
        scene
    }

    fn without_claim(name: &str) -> Self {
        let mut scene = Self::new();
        scene.claims.as_object_mut().unwrap().remove(name);
        scene
    }

    fn with_header(name: &str, value: Value) -> Self {
        let mut scene = Self::new();
        scene.header[name] = value;
        scene
    }

    fn with_jwk(name: &str, value: Value) -> Self {
        let mut scene = Self::new();
        scene.header["jwk"][name] = value;
        scene
    }

    fn proof(&self) -> String {
        let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
        let text = format!("{}.{}", part(&self.header), part(&self.claims));
        let signature: p256::ecdsa::Signature = self.key.sign(text.as_bytes());
        format!("{text}.{}", Base64UrlUnpadded::encode_string(&signature.to_bytes()))
    }

    fn verify_headers(&self, headers: &[&[u8]], now: i64) -> Result<Verified, Cause> {
        let pairs = headers.iter().map(|value| (b"DPoP".to_vec(), value.to_vec())).collect();
        let (path, _) = CanonicalPath::parse(b"/payments/7?q=1").unwrap();
        let request = ProofRequest {
            token: self.token,
            thumbprint: &self.thumbprint,
            method: self.method,
            authority: b"api.example.com",
            path: &path,
            headers: &Headers::from_pairs(pairs).unwrap(),
        };
        self.dpop.verify(&request, now, &InVm)
    }

    fn verify_at(&self, now: i64) -> Result<Verified, Cause> {
        self.verify_headers(&[self.proof().as_bytes()], now)
    }

    /// The cause of the refusal, if it is refused.
    fn cause(&self) -> Option<Cause> {
        self.verify_at(NOW).err()
    }
}

fn key(number: u8) -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(&[number; 32]).unwrap()
}

fn jwk(key: &p256::ecdsa::SigningKey) -> Value {
    let point = key.verifying_key().to_encoded_point(false);
    let text = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
    json!({"kty": "EC", "crv": "P-256", "x": text(point.x().unwrap()), "y": text(point.y().unwrap())})
}

fn thumbprint_of(jwk: &Value) -> [u8; 32] {
    let text = thumbprint(jwk.as_object().unwrap()).unwrap();
    Base64UrlUnpadded::decode_vec(&text).unwrap().try_into().unwrap()
}

fn hash(token: &str) -> String {
    Base64UrlUnpadded::encode_string(&Sha256::digest(token))
}

#[test]
fn a_proof_that_is_in_order_holds() {
    let scene = Scene::new();
    assert_eq!(scene.cause(), None);
    assert_eq!(scene.verify_at(NOW).unwrap().next_nonce, None);
    // Members that nobody reads.
    for (name, value) in [("kid", json!("a")), ("jku", json!("https://evil.example")), ("x5c", json!(["a"]))] {
        assert_eq!(Scene::with_header(name, value).cause(), None, "{name}");
    }
    for (name, value) in [("sub", json!(7)), ("nonce", json!("of another server")), ("cnf", json!({}))] {
        assert_eq!(Scene::with_claim(name, value).cause(), None, "{name}");
    }
}

#[test]
fn the_example_of_rfc_9449_holds() {
    // RFC 9449 §7.1, figure 12: a resource request and its proof.
    let proof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6Ik\
                 VDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCR\
                 nMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JE\
                 QSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIj\
                 oiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0Z\
                 WRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNF\
                 c05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71E\
                 OptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
    let (path, _) = CanonicalPath::parse(b"/protectedresource").unwrap();
    // RFC 9449 §6.1, figure 8.
    let thumbprint = Base64UrlUnpadded::decode_vec("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I").unwrap();
    let request = ProofRequest {
        token: "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU",
        thumbprint: &thumbprint.try_into().unwrap(),
        method: "GET",
        authority: b"resource.example.org",
        path: &path,
        headers: &Headers::from_pairs(vec![(b"dpop".to_vec(), proof.as_bytes().to_vec())]).unwrap(),
    };
    let at = |now| Dpop::default().verify(&request, now, &InVm).map(|_| ());
    assert_eq!(at(1_562_262_618), Ok(()));
    assert_eq!(at(NOW), Err(Cause::DpopProofStale));
}

#[test]
fn h1_there_is_one_header_with_one_jwt() {
    let scene = Scene::new();
    let proof = scene.proof();
    let cause = |headers: &[&[u8]]| scene.verify_headers(headers, NOW).err();
    assert_eq!(cause(&[]), Some(Cause::DpopProofMissing));
    let bytes = proof.as_bytes();
    assert_eq!(cause(&[bytes, bytes]), Some(Cause::DpopProofMalformed));
    assert_eq!(cause(&[bytes, b""]), Some(Cause::DpopProofMalformed));
    let (head, rest) = proof.split_once('.').unwrap();
    for text in [
        String::new(),
        format!("{proof},{proof}"),
        format!("{proof}, {proof}"),
        format!("{proof} "),
        format!(" {proof}"),
        format!("{proof}."),
        format!("{head}.."),
        format!("{head}=.{rest}"),
        "a.b.c".to_owned(),
        "\u{e9}".to_owned(),
        format!("{head}.{}.{rest}", "A".repeat(8000)),
    ] {
        assert_eq!(cause(&[text.as_bytes()]), Some(Cause::DpopProofMalformed), "{text}");
    }
    assert_eq!(cause(&[b"\xff"]), Some(Cause::DpopProofMalformed));
}

#[test]
fn h1_a_proof_has_a_longest_length() {
    let cause = |length: usize| Scene::with_claim("filler", json!("a".repeat(length))).cause();
    assert_eq!(cause(5000), None);
    assert_eq!(cause(6000), Some(Cause::DpopProofMalformed));
}

#[test]
fn every_claim_is_there_and_has_its_type() {
    for name in ["jti", "htm", "htu", "iat"] {
        assert_eq!(Scene::without_claim(name).cause(), Some(Cause::DpopProofMalformed), "{name}");
    }
    for name in ["jti", "htm", "htu", "iat", "ath", "nonce"] {
        for wrong in [json!(null), json!(["GET"]), json!({"a": "b"}), json!(true), json!(1.5)] {
            assert_eq!(
                Scene::with_claim(name, wrong.clone()).cause(),
                Some(Cause::DpopProofMalformed),
                "{name} {wrong}"
            );
        }
    }
    for name in ["jti", "htm", "htu", "ath", "nonce"] {
        assert_eq!(Scene::with_claim(name, json!(7)).cause(), Some(Cause::DpopProofMalformed), "{name}");
    }
}

#[test]
fn h2_a_jti_has_a_longest_length() {
    let cause = |length: usize| Scene::with_claim("jti", json!("a".repeat(length))).cause();
    assert_eq!(cause(1), None);
    assert_eq!(cause(256), None);
    assert_eq!(cause(257), Some(Cause::DpopProofMalformed));
    assert_eq!(cause(0), Some(Cause::DpopProofMalformed));
}

#[test]
fn h9_a_proof_says_that_it_is_one() {
    for typ in ["at+jwt", "JWT", "DPoP+JWT", "dpop+jwt ", "application/dpop+jwt", ""] {
        assert_eq!(Scene::with_header("typ", json!(typ)).cause(), Some(Cause::DpopProofMalformed), "{typ}");
    }
    let mut scene = Scene::new();
    scene.header.as_object_mut().unwrap().remove("typ");
    assert_eq!(scene.cause(), Some(Cause::DpopProofMalformed));
}

#[test]
fn h7_the_algorithm_is_asymmetric_and_allowed() {
    for name in ["none", "None", "HS256", "ES256K", "es256", "ES384", "RS256", "PS256", "EdDSA", "A128KW", ""] {
        assert_eq!(Scene::with_header("alg", json!(name)).cause(), Some(Cause::DpopKeyUnusable), "{name}");
    }
    let mut scene = Scene::new();
    scene.dpop.algorithms = vec![Algorithm::EdDsa];
    assert_eq!(scene.cause(), Some(Cause::DpopKeyUnusable));
    // Whatever is allowed: a proof by a secret proves nothing to whoever lacks it.
    scene.dpop.algorithms = Algorithm::ALL.to_vec();
    scene.header["alg"] = json!("HS256");
    scene.header["jwk"] = json!({"kty": "oct", "k": Base64UrlUnpadded::encode_string(&[[7; 16], [8; 16]].concat())});
    assert_eq!(scene.cause(), Some(Cause::DpopKeyUnusable));
}

#[test]
fn h7_the_key_is_public_and_sound() {
    let value = Base64UrlUnpadded::encode_string(&[7; 32]);
    for private in ["d", "k", "p", "q", "dp", "dq", "qi", "oth"] {
        assert_eq!(Scene::with_jwk(private, json!(value)).cause(), Some(Cause::DpopKeyUnusable), "{private}");
    }
    let other = jwk(&key(2));
    for (name, wrong) in [
        ("kty", json!("RSA")),
        ("kty", json!("oct")),
        ("kty", json!("ec")),
        ("kty", json!(null)),
        ("crv", json!("P-384")),
        ("crv", json!("secp256k1")),
        ("crv", json!("")),
        ("x", other["x"].clone()),
        ("x", json!("")),
        ("x", json!(7)),
        ("y", json!(format!("{}=", other["y"].as_str().unwrap()))),
        ("use", json!("enc")),
        ("use", json!(7)),
        ("key_ops", json!(["sign"])),
        ("key_ops", json!("verify")),
        ("alg", json!("ES384")),
        ("alg", json!("ECDH-ES")),
    ] {
        assert_eq!(Scene::with_jwk(name, wrong.clone()).cause(), Some(Cause::DpopKeyUnusable), "{name} {wrong}");
    }
    for (name, harmless) in
        [("use", json!("sig")), ("key_ops", json!(["verify"])), ("alg", json!("ES256")), ("kid", json!("a"))]
    {
        assert_eq!(Scene::with_jwk(name, harmless).cause(), None, "{name}");
    }
    for wrong in [json!(null), json!("a"), json!([]), json!({})] {
        let cause = Scene::with_header("jwk", wrong.clone()).cause().unwrap();
        assert!([Cause::DpopProofMalformed, Cause::DpopKeyUnusable].contains(&cause), "{wrong}");
    }
    let many: Map<String, Value> = (0..64).map(|number| (number.to_string(), json!(number))).collect();
    assert_eq!(Scene::with_jwk("many", json!(many)).cause(), Some(Cause::DpopProofMalformed));
}

#[test]
fn the_signature_is_by_the_key_in_the_header() {
    let mut scene = Scene::new();
    scene.key = key(2);
    assert_eq!(scene.cause(), Some(Cause::DpopSignatureInvalid));
    let proof = Scene::new().proof();
    let (text, signature) = proof.rsplit_once('.').unwrap();
    let mut signature = Base64UrlUnpadded::decode_vec(signature).unwrap();
    signature[40] ^= 1;
    let flipped = format!("{text}.{}", Base64UrlUnpadded::encode_string(&signature));
    assert_eq!(scene.verify_headers(&[flipped.as_bytes()], NOW).err(), Some(Cause::DpopSignatureInvalid));
}

#[test]
fn h3_the_method_is_compared_byte_by_byte() {
    for method in ["POST", "get", "Get", "GET ", "", "HEAD"] {
        assert_eq!(Scene::with_claim("htm", json!(method)).cause(), Some(Cause::DpopMethodMismatch), "{method}");
    }
}

#[test]
fn h3_the_url_is_that_of_the_request() {
    assert_eq!(Scene::with_claim("htu", json!("HTTPS://API.example.com:443/payments/%37?x#y")).cause(), None);
    for url in ["https://api.example.com/payments/8", "http://api.example.com/payments/7", "/payments/7", ""] {
        assert_eq!(Scene::with_claim("htu", json!(url)).cause(), Some(Cause::DpopUrlMismatch), "{url}");
    }
    // Behind a proxy that calls the gateway by another name.
    let mut scene = Scene::with_claim("htu", json!("https://www.example.com/payments/7"));
    assert_eq!(scene.cause(), Some(Cause::DpopUrlMismatch));
    scene.dpop.public_origin = Some(Origin::parse("https://www.example.com").unwrap());
    assert_eq!(scene.cause(), None);
    scene.claims["htu"] = json!(URL);
    assert_eq!(scene.cause(), Some(Cause::DpopUrlMismatch));
}

#[test]
fn h4_the_proof_is_for_this_token() {
    assert_eq!(Scene::without_claim("ath").cause(), Some(Cause::DpopTokenMismatch));
    let hexadecimal = "0".repeat(64);
    for wrong in [&hash("another"), &format!("{}=", hash(TOKEN)), hash(TOKEN).split_at(1).1, "", &hexadecimal] {
        assert_eq!(Scene::with_claim("ath", json!(wrong)).cause(), Some(Cause::DpopTokenMismatch), "{wrong}");
    }
    let mut scene = Scene::new();
    scene.token = "another.token.c2ln";
    assert_eq!(scene.cause(), Some(Cause::DpopTokenMismatch));
}

#[test]
fn h5_a_proof_is_young() {
    for (age, holds) in [(-6, false), (-5, true), (0, true), (60, true), (61, false), (86_400, false)] {
        let result = Scene::with_claim("iat", json!(NOW - age)).cause();
        assert_eq!(result, (!holds).then_some(Cause::DpopProofStale), "{age}");
    }
    for wrong in [json!(NOW.to_string()), json!(1.78e9), json!(-1), json!(u64::MAX), json!([NOW])] {
        assert_eq!(Scene::with_claim("iat", wrong.clone()).cause(), Some(Cause::DpopProofMalformed), "{wrong}");
    }
    assert_eq!(Scene::with_claim("iat", json!(i64::MAX)).cause(), Some(Cause::DpopProofStale));
    assert_eq!(Scene::with_claim("iat", json!(0)).cause(), Some(Cause::DpopProofStale));
}

#[test]
fn h5_a_proof_may_end_by_its_own_word() {
    for (name, time, holds) in
        [("exp", NOW + 1, true), ("exp", NOW, false), ("nbf", NOW + 5, true), ("nbf", NOW + 6, false), ("nbf", 0, true)]
    {
        let result = Scene::with_claim(name, json!(time)).cause();
        assert_eq!(result, (!holds).then_some(Cause::DpopProofStale), "{name} {time}");
    }
    assert_eq!(Scene::with_claim("exp", json!("never")).cause(), Some(Cause::DpopProofMalformed));
}

fn with_nonces(required: bool) -> (Scene, Nonces) {
    let nonces = Nonces::new(Secret::new(b"secret".to_vec()), 60);
    let mut scene = Scene::new();
    scene.dpop.nonces = Some(nonces.clone());
    scene.dpop.nonce_required = required;
    (scene, nonces)
}

#[test]
fn h6_a_nonce_is_asked_for() {
    let (mut scene, nonces) = with_nonces(true);
    assert_eq!(scene.cause(), Some(Cause::DpopNonceRequired));
    for wrong in ["", "a", &nonces.mint(NOW - 61), &Nonces::new(Secret::new(b"other".to_vec()), 60).mint(NOW)] {
        scene.claims["nonce"] = json!(wrong);
        assert_eq!(scene.cause(), Some(Cause::DpopNonceRequired), "{wrong}");
    }
    scene.claims["nonce"] = json!(scene.dpop.nonce(NOW).unwrap());
    assert_eq!(scene.verify_at(NOW).unwrap().next_nonce, None);
    assert_eq!(scene.verify_at(NOW + 29).unwrap().next_nonce, None);
    assert_eq!(scene.verify_at(NOW + 30).unwrap().next_nonce, Some(nonces.mint(NOW + 30)));
    assert_eq!(scene.verify_at(NOW + 61).err(), Some(Cause::DpopNonceRequired));
}

#[test]
fn h6_a_nonce_that_is_not_required_is_ours_all_the_same() {
    let (mut scene, nonces) = with_nonces(false);
    assert_eq!(scene.verify_at(NOW).unwrap().next_nonce, Some(nonces.mint(NOW)));
    scene.claims["nonce"] = json!("of another server");
    assert_eq!(scene.cause(), Some(Cause::DpopNonceRequired));
}

#[test]
fn h12_a_nonce_does_not_stand_in_for_the_time() {
    let (mut scene, nonces) = with_nonces(true);
    scene.claims["nonce"] = json!(nonces.mint(NOW));
    for iat in [NOW - 61, NOW + 6] {
        scene.claims["iat"] = json!(iat);
        assert_eq!(scene.cause(), Some(Cause::DpopProofStale), "{iat}");
    }
}

#[test]
fn h8_the_key_is_the_one_that_the_token_is_bound_to() {
    let mut scene = Scene::new();
    scene.thumbprint = thumbprint_of(&jwk(&key(2)));
    assert_eq!(scene.cause(), Some(Cause::DpopKeyMismatch));
    for place in 0..32 {
        let mut scene = Scene::new();
        scene.thumbprint[place] ^= 1;
        assert_eq!(scene.cause(), Some(Cause::DpopKeyMismatch), "{place}");
    }
}

#[test]
fn h8_a_key_has_one_thumbprint() {
    // Coordinates with a zero more or less would be the same point under another name.
    let point = key(1).verifying_key().to_encoded_point(false);
    let x = point.x().unwrap().to_vec();
    for spelling in [[&[0], x.as_slice()].concat(), x[1..].to_vec()] {
        let spelling = Base64UrlUnpadded::encode_string(&spelling);
        assert_eq!(Scene::with_jwk("x", json!(spelling)).cause(), Some(Cause::DpopKeyUnusable), "{spelling}");
    }
}

#[test]
fn b6_a_member_of_a_proof_occurs_once() {
    let scene = Scene::new();
    let jwk = scene.header["jwk"].to_string();
    let part = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    let signed = |header: &str, claims: &str| {
        let text = format!("{}.{}", part(header), part(claims));
        let signature: p256::ecdsa::Signature = scene.key.sign(text.as_bytes());
        format!("{text}.{}", Base64UrlUnpadded::encode_string(&signature.to_bytes()))
    };
    let (header, claims) = (scene.header.to_string(), scene.claims.to_string());
    let cause = |proof: String| scene.verify_headers(&[proof.as_bytes()], NOW).err();
    assert_eq!(cause(signed(&header, &claims)), None);
    let second_key = header.replacen('{', &format!("{{\"jwk\":{jwk},"), 1);
    assert_eq!(cause(signed(&second_key, &claims)), Some(Cause::DpopProofMalformed));
    let second_url = claims.replacen('{', "{\"\\u0068tu\":\"https://evil.example/\",", 1);
    assert_eq!(cause(signed(&header, &second_url)), Some(Cause::DpopProofMalformed));
    let critical = header.replacen('{', "{\"crit\":[\"jwk\"],", 1);
    assert_eq!(cause(signed(&critical, &claims)), Some(Cause::DpopProofMalformed));
}
