//! Base64url without padding (RFC 7515 §2), strictly: one text for each sequence of bytes, and the other way round.
//!
//! Tokens are read with every request, and most of a token is base64url. The crate behind the keys decodes in constant
//! time, which matters for secrets that are decoded, and takes ten times as long. What is decoded here stands in the
//! request as it is, and is compared with nothing.

/// Decodes a text; nothing for another alphabet, for padding, white space, a length that no bytes have, and for unused
/// bits that are not zero: those would make several texts of one token (golang-jwt/jwt#446).
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let (whole, rest) = text.as_chunks::<4>();
    let mut bytes = Vec::with_capacity(text.len().div_ceil(4).saturating_mul(3));
    // Looked at once, at the end: what is wrong anywhere stays set.
    let mut wrong = 0;
    for [a, b, c, d] in whole {
        let group = digit(*a) << 18 | digit(*b) << 12 | digit(*c) << 6 | digit(*d);
        wrong |= group;
        let [_, first, second, third] = group.to_be_bytes();
        bytes.extend([first, second, third]);
    }
    match rest {
        [] => {}
        [a, b] => {
            let group = digit(*a) << 18 | digit(*b) << 12;
            wrong |= group | (group & 0xffff) << 16;
            let [_, first, ..] = group.to_be_bytes();
            bytes.push(first);
        }
        [a, b, c] => {
            let group = digit(*a) << 18 | digit(*b) << 12 | digit(*c) << 6;
            wrong |= group | (group & 0xff) << 24;
            let [_, first, second, _] = group.to_be_bytes();
            bytes.extend([first, second]);
        }
        _ => return None,
    }
    (wrong & WRONG == 0).then_some(bytes)
}

/// No group of four digits has one of these bits, nor has a digit that is none only bits below them after its shift.
const WRONG: u32 = 0xff00_0000;

/// What a character that is no digit counts as: whatever the shift, bits of [`WRONG`] are among it.
const NONE: u32 = 0xffff_ffff;

/// The value of a character.
fn digit(character: u8) -> u32 {
    DIGITS.get(usize::from(character)).copied().unwrap_or(NONE)
}

const DIGITS: [u32; 256] = digits();

#[expect(clippy::indexing_slicing, clippy::as_conversions, reason = "at compile time, where a fault is an error")]
const fn digits() -> [u32; 256] {
    let mut digits = [NONE; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut value = 0;
    while value < alphabet.len() {
        digits[alphabet[value] as usize] = value as u32;
        value += 1;
    }
    digits
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64UrlUnpadded, Encoding};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn b2_no_two_texts_have_the_same_bytes() {
        assert_eq!(decode(b"YQ").as_deref(), Some(&b"a"[..]));
        assert_eq!(decode(b"YWI").as_deref(), Some(&b"ab"[..]));
        assert_eq!(decode(b"YWJj").as_deref(), Some(&b"abc"[..]));
        assert_eq!(decode(b"").as_deref(), Some(&b""[..]));
        for other in ["YR", "Yf", "YWJ", "YWL", "YQ=", "YQ==", "Y", "YWJjY", "YQ\n", " YQ", "YW Jj", "Y+Jj", "Y/Jj", "Y\u{e9}"] {
            assert_eq!(decode(other.as_bytes()), None, "{other:?}");
        }
    }

    #[test]
    fn b1_every_byte_is_a_digit_or_refused_in_every_place() {
        for length in 1..=8 {
            for place in 0..length {
                for byte in 0..=255 {
                    let mut text = vec![b'A'; length];
                    text[place] = byte;
                    let known = std::str::from_utf8(&text).ok().and_then(|text| Base64UrlUnpadded::decode_vec(text).ok());
                    assert_eq!(decode(&text), known, "{text:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn it_reads_what_another_decoder_reads_and_nothing_else(text in "[A-Za-z0-9_\\-+/= ]{0,40}") {
            prop_assert_eq!(decode(text.as_bytes()), Base64UrlUnpadded::decode_vec(&text).ok());
        }

        #[test]
        fn bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let text = Base64UrlUnpadded::encode_string(&bytes);
            prop_assert_eq!(decode(text.as_bytes()), Some(bytes));
        }
    }
}
