//! Token Status Lists (draft-ietf-oauth-status-list §4), as `{$status_list: …}` describes them.

use std::collections::BTreeMap;

use miniz_oxide::deflate::compress_to_vec_zlib;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{directive::invalid, error::ForgeError, key::encode};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusList {
    size: usize,
    #[serde(default = "one")]
    bits: u8,
    #[serde(default)]
    set: BTreeMap<String, u8>,
}

fn one() -> u8 {
    1
}

/// `{bits, lst}`: so many entries, packed into bytes from the lowest bit on, compressed, in base64url.
pub(super) fn of(argument: &Value) -> Result<Value, ForgeError> {
    let fault = |message: &str| invalid("$status_list", message);
    let list = StatusList::deserialize(argument).map_err(|error| fault(&error.to_string()))?;
    if ![1, 2, 4, 8].contains(&list.bits) {
        return Err(fault("takes 1, 2, 4 or 8 `bits`"));
    }
    let width = usize::from(list.bits);
    let mut bytes = vec![0_u8; (list.size * width).div_ceil(8)];
    for (index, status) in &list.set {
        let index: usize = index.parse().map_err(|_| fault("takes numbers in `set`"))?;
        let bit = index * width;
        match bytes.get_mut(bit / 8) {
            Some(byte) if index < list.size && (width == 8 || *status < 1 << width) => *byte |= status << (bit % 8),
            _ => return Err(fault("has a status that does not fit")),
        }
    }
    Ok(json!({"bits": list.bits, "lst": encode(&compress_to_vec_zlib(&bytes, 9))}))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The examples of draft-ietf-oauth-status-list §4.1, whose bytes are B9 A3 and C9 44 F9.
    #[test]
    fn entries_are_packed_from_the_lowest_bit_on() {
        let unpacked = |list: Value| {
            let text = of(&list).unwrap()["lst"].as_str().unwrap().to_owned();
            let packed = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, text).unwrap();
            miniz_oxide::inflate::decompress_to_vec_zlib(&packed).unwrap()
        };
        let bits = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1];
        let set: BTreeMap<_, _> = bits.iter().enumerate().map(|(index, bit)| (index.to_string(), *bit)).collect();
        assert_eq!(unpacked(json!({"size": 16, "set": set})), [0xb9, 0xa3]);
        let pairs = [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3];
        let set: BTreeMap<_, _> = pairs.iter().enumerate().map(|(index, pair)| (index.to_string(), *pair)).collect();
        assert_eq!(unpacked(json!({"size": 12, "bits": 2, "set": set})), [0xc9, 0x44, 0xf9]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for list in [
            json!({"size": 8, "bits": 3}),
            json!({"size": 8, "set": {"8": 1}}),
            json!({"size": 8, "set": {"0": 2}}),
            json!({"size": 8, "set": {"x": 1}}),
            json!({"bits": 1}),
        ] {
            assert!(of(&list).is_err(), "{list}");
        }
    }
}
