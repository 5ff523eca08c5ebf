//! Base64url without padding (RFC 7515 §2), strictly: one text for each sequence of bytes, and the other way round.
//!
//! Tokens are read with every request, and most of a token is base64url. The crate behind the keys decodes in constant
//! time, which matters for secrets that are decoded, and takes many times as long. What is decoded here stands in the
//! request as it is, and is compared with nothing.

use data_encoding::BASE64URL_NOPAD;

/// Decodes a text; nothing for another alphabet, for padding, white space, a length that no bytes have, and for unused
/// bits that are not zero: those would make several texts of one token (golang-jwt/jwt#446).
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text).ok()
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
        for other in
            ["YR", "Yf", "YWJ", "YWL", "YQ=", "YQ==", "Y", "YWJjY", "YQ\n", " YQ", "YW Jj", "Y+Jj", "Y/Jj", "Y\u{e9}"]
        {
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
                    let known =
                        std::str::from_utf8(&text).ok().and_then(|text| Base64UrlUnpadded::decode_vec(text).ok());
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
