//! The bits of a status list.

use base64ct::{Base64UrlUnpadded, Encoding};
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use serde_json::{Map, Value};

use crate::remote::Unfit;

/// The statuses of many tokens (draft-ietf-oauth-status-list-21 §4).
#[derive(Debug)]
pub struct StatusList {
    /// Bits for each: 1, 2, 4 or 8.
    bits: u8,
    bytes: Vec<u8>,
}

/// Bytes of the longest list: eight million tokens with one bit each. A few bytes can be compressed from any number.
const LONGEST: usize = 1_048_576;

impl StatusList {
    /// Reads the JSON form (§4.2).
    ///
    /// # Errors
    ///
    /// [`Unfit`].
    pub fn read(list: &Map<String, Value>) -> Result<Self, Unfit> {
        let unfit = |reason: &str| Unfit(reason.to_owned());
        let bits = match list.get("bits").and_then(Value::as_u64) {
            Some(1) => 1,
            Some(2) => 2,
            Some(4) => 4,
            Some(8) => 8,
            Some(_) | None => return Err(unfit("its `bits` is none of 1, 2, 4 and 8")),
        };
        let packed = list.get("lst").and_then(Value::as_str).ok_or_else(|| unfit("its `lst` is not a string"))?;
        let packed = Base64UrlUnpadded::decode_vec(packed).map_err(|_| unfit("its `lst` is not base64url"))?;
        let bytes = decompress_to_vec_zlib_with_limit(&packed, LONGEST)
            .map_err(|_| Unfit(format!("its `lst` is not compressed by ZLIB, or has more than {LONGEST} bytes")))?;
        Ok(Self { bits, bytes })
    }

    /// The status at an index; nothing where the list is shorter. 0 is the only one that stands for a valid token (§7.1).
    #[must_use]
    pub fn status(&self, index: u64) -> Option<u8> {
        let each = 8_u8.checked_div(self.bits)?;
        let byte = usize::try_from(index.checked_div(u64::from(each))?).ok()?;
        let place = u8::try_from(index.checked_rem(u64::from(each))?).ok()?;
        // From the least significant bit on.
        let shifted = self.bytes.get(byte)?.checked_shr(u32::from(place.checked_mul(self.bits)?))?;
        let mask = u8::MAX.checked_shr(u32::from(8_u8.checked_sub(self.bits)?))?;
        Some(shifted & mask)
    }
}
