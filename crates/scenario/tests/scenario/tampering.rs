//! Each step does what its name says.

use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::stage::{jwk, member, mint, refusal, segment, signed};

fn tampered(key: &str, alg: &str, step: Value) -> String {
    mint(json!({"key": key, "alg": alg, "claims": {"sub": "alice"}, "tamper": [step]}))
}

fn plain(key: &str, alg: &str) -> String {
    mint(json!({"key": key, "alg": alg, "claims": {"sub": "alice"}}))
}

fn rsa_opens(token: &str) -> Vec<u8> {
    let jwk = jwk("rsa");
    let number = |bytes: &[u8]| rsa::BigUint::from_bytes_be(bytes);
    number(&signed(token).1).modpow(&number(&member(&jwk, "e")), &number(&member(&jwk, "n"))).to_bytes_be()
}

#[test]
fn bits_are_flipped_where_they_are_named() {
    let (before, after) = (plain("ed", "EdDSA"), tampered("ed", "EdDSA", json!({"flip_signature_bit": 9})));
    assert_eq!(segment(&before, 2)[1] ^ 2, segment(&after, 2)[1]);
    let after = tampered("ed", "EdDSA", json!({"flip_claims_bit": 0}));
    assert_eq!(segment(&before, 1)[0] ^ 1, segment(&after, 1)[0]);
    assert_eq!(segment(&before, 2), segment(&after, 2));
}

#[test]
fn ecdsa_numbers_are_put_in_by_name() {
    for (key, alg, width) in
        [("p256", "ES256", 32), ("p384", "ES384", 48), ("p521", "ES512", 66), ("k256", "ES256K", 32)]
    {
        let zeros = tampered(key, alg, json!({"signature_bytes": {"r": "zero", "s": "zero"}}));
        assert_eq!(segment(&zeros, 2), vec![0; 2 * width]);
        let orders =
            segment(&tampered(key, alg, json!({"signature_bytes": {"r": "order", "s": "order_minus_one"}})), 2);
        let (r, s) = orders.split_at(width);
        assert_eq!(r[..width - 1], s[..width - 1]);
        assert_eq!(r[width - 1] - 1, s[width - 1]);
        let own = segment(&tampered(key, alg, json!({"signature_bytes": {"r": "one"}})), 2);
        assert_eq!(own[width..], segment(&plain(key, alg), 2)[width..]);
    }
}

#[test]
fn a_malleated_signature_still_verifies() {
    let token = tampered("p256", "ES256", json!({"signature_malleate": true}));
    let jwk = jwk("p256");
    let point = [vec![4], member(&jwk, "x"), member(&jwk, "y")].concat();
    let (message, signature) = signed(&token);
    UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, &signature).unwrap();
    assert_ne!(token, plain("p256", "ES256"));
}

#[test]
fn a_der_signature_is_right_but_for_its_form() {
    let token = tampered("p256", "ES256", json!({"signature_der": true}));
    let jwk = jwk("p256");
    let point = [vec![4], member(&jwk, "x"), member(&jwk, "y")].concat();
    let (message, signature) = signed(&token);
    UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, point).verify(message, &signature).unwrap();
}

#[test]
fn s_plus_l_is_the_same_number_to_a_careless_verifier() {
    let (before, after) =
        (signed(&plain("ed", "EdDSA")).1, signed(&tampered("ed", "EdDSA", json!({"ed_s_plus_l": true}))).1);
    let number = |bytes: &[u8]| rsa::BigUint::from_bytes_le(bytes);
    let order = (rsa::BigUint::from(1_u8) << 252)
        + rsa::BigUint::parse_bytes(b"27742317777372353535851937790883648493", 10).unwrap();
    assert_eq!(before[..32], after[..32]);
    assert_eq!(number(&after[32..]), number(&before[32..]) + order);
}

#[test]
fn signatures_grow_and_shrink() {
    assert_eq!(segment(&tampered("ed", "EdDSA", json!({"signature_append_hex": "00"})), 2).len(), 65);
    assert_eq!(segment(&tampered("ed", "EdDSA", json!({"signature_prepend_hex": "00"})), 2)[0], 0);
    assert_eq!(segment(&tampered("ed", "EdDSA", json!({"signature_truncate": 1})), 2).len(), 63);
    assert!(tampered("ed", "EdDSA", json!({"drop_signature": true})).ends_with('.'));
}

#[test]
fn segments_and_dots_are_counted() {
    for count in [1, 2, 4, 5] {
        assert_eq!(tampered("ed", "EdDSA", json!({"segments": count})).split('.').count(), count);
    }
    assert_eq!(tampered("ed", "EdDSA", json!({"dots": 5000})).matches('.').count(), 5002);
}

#[test]
fn base64_is_misspelt_below_a_good_signature() {
    for spelling in ["padded", "newline", "space", "non_ascii"] {
        for part in ["header", "claims"] {
            let token = tampered("ed", "EdDSA", json!({"base64": spelling, "part": part}));
            let (message, signature) = signed(&token);
            let key = UnparsedPublicKey::new(&signature::ED25519, member(&jwk("ed"), "x"));
            key.verify(message, &signature).unwrap();
            assert_ne!(message, signed(&plain("ed", "EdDSA")).0);
        }
        let token = tampered("ed", "EdDSA", json!({"base64": spelling}));
        assert_eq!(signed(&plain("ed", "EdDSA")).0, token.rsplit_once('.').unwrap().0.as_bytes());
    }
}

#[test]
fn trailing_bits_change_the_text_and_not_the_bytes() {
    let (before, after) =
        (plain("ed", "EdDSA"), tampered("ed", "EdDSA", json!({"base64": "trailing_bits", "part": "signature"})));
    assert_ne!(before, after);
    let lenient = base64::engine::GeneralPurpose::new(
        &base64::alphabet::URL_SAFE,
        base64::engine::general_purpose::NO_PAD.with_decode_allow_trailing_bits(true),
    );
    let decoded = base64::Engine::decode(&lenient, after.rsplit_once('.').unwrap().1).unwrap();
    assert_eq!(decoded, segment(&before, 2));
}

#[test]
fn the_standard_alphabet_takes_the_place_of_the_url_safe_one() {
    let token = mint(json!({
        "key": "ed",
        "alg": "EdDSA",
        "claims_raw": "\"???>>>~~~\"",
        "tamper": [{"base64": "standard", "part": "claims"}],
    }));
    assert!(token.split('.').nth(1).unwrap().contains(['+', '/']));
}

#[test]
fn json_serialisations_hold_the_same_parts() {
    let compact = plain("ed", "EdDSA");
    let parts: Vec<&str> = compact.split('.').collect();
    let flattened: Value =
        serde_json::from_str(&tampered("ed", "EdDSA", json!({"json_serialised": "flattened"}))).unwrap();
    assert_eq!(flattened, json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]}));
    let general: Value = serde_json::from_str(&tampered("ed", "EdDSA", json!({"json_serialised": "general"}))).unwrap();
    assert_eq!(general["signatures"][0]["protected"], parts[0]);
}

#[test]
fn text_is_replaced_prefixed_suffixed_and_recased() {
    let compact = plain("ed", "EdDSA");
    assert_eq!(tampered("ed", "EdDSA", json!({"replace": [".", ".."]})), compact.replace('.', ".."));
    assert_eq!(tampered("ed", "EdDSA", json!({"prefix": " "})), format!(" {compact}"));
    assert_eq!(tampered("ed", "EdDSA", json!({"suffix": ","})), format!("{compact},"));
    assert_eq!(tampered("ed", "EdDSA", json!({"case": "upper"})), compact.to_uppercase());
}

#[test]
fn pkcs1_blocks_are_spoilt_as_named() {
    let block = |padding: &str| rsa_opens(&mint(json!({"key": "rsa", "alg": "RS256", "pkcs1": {"padding": padding}})));
    let right = rsa_opens(&mint(json!({"key": "rsa", "alg": "RS256"})));
    // Without the leading zero.
    assert_eq!((right.len(), right[0], right[1]), (255, 1, 0xff));

    let missing_null = block("missing_null");
    assert_eq!(missing_null.len(), 255);
    assert_eq!(missing_null[255 - 32..].len(), 32);
    assert_eq!(missing_null[255 - 34..255 - 32], [0x04, 0x20]);
    assert_ne!(missing_null[255 - 36..255 - 34], [0x05, 0x00]);
    assert_eq!(right[255 - 36..255 - 34], [0x05, 0x00]);

    let short = block("short");
    assert_eq!(
        (short.len(), &short[..10]),
        (1 + 8 + 1 + 51, [1, 255, 255, 255, 255, 255, 255, 255, 255, 0].as_slice())
    );
    let trailing = block("trailing");
    assert_eq!((trailing.len(), trailing[9], trailing[254]), (255, 0, 0x5a));
    let zero = block("zero");
    assert_eq!((zero[0], zero[1], zero.len()), (1, 0, 255));

    let jwk = jwk("rsa");
    for padding in ["missing_null", "short", "trailing", "zero"] {
        let token = mint(json!({"key": "rsa", "alg": "RS256", "pkcs1": {"padding": padding}}));
        let (message, signature) = signed(&token);
        let key = RsaPublicKeyComponents { n: member(&jwk, "n"), e: member(&jwk, "e") };
        key.verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, &signature).unwrap_err();
    }
}

#[test]
fn a_signature_can_be_none_or_given() {
    assert!(mint(json!({"alg": "none"})).ends_with('.'));
    assert!(mint(json!({"key": "ed", "alg": "EdDSA", "header": {"alg": "nOnE"}, "signature": "none"})).ends_with('.'));
    assert_eq!(segment(&mint(json!({"alg": "ES256", "signature": {"hex": "00ff"}})), 2), [0, 255]);
    let giant = mint(json!({"alg": "ES256", "signature": {"repeat": {"text": "A", "count": 21838}}}));
    assert_eq!(giant.rsplit_once('.').unwrap().1.len(), 21838);
}

#[test]
fn a_step_that_changes_nothing_is_refused() {
    let message = refusal(json!({"key": "ed", "alg": "EdDSA", "tamper": [{"replace": ["~", "!"]}]}));
    assert!(message.contains("changes nothing"), "{message}");
    let message = refusal(json!({"key": "ed", "alg": "EdDSA", "tamper": [{"segments": 3}]}));
    assert!(message.contains("changes nothing"), "{message}");
}

#[test]
fn a_step_that_does_not_fit_says_so() {
    for (step, expected) in [
        (json!({"signature_malleate": true}), "needs an ECDSA signature"),
        (json!({"flip_signature_bit": 100_000}), "behind the end"),
        (json!({"signature_malleate": false}), "leave the step out"),
        (json!({"melt": true}), "unknown variant `melt`"),
        (json!({"dots": 3, "prefix": "x"}), "has one member"),
    ] {
        let message = refusal(json!({"key": "ed", "alg": "EdDSA", "tamper": [step]}));
        assert!(message.contains(expected), "{message}");
    }
}
