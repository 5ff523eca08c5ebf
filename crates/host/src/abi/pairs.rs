//! Header maps as proxy-wasm writes them: a count, all sizes, then names and values, each closed by NUL.

use cedar_gate_scenario::Headers;

pub(crate) fn encode(headers: &Headers) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut put = |number: usize| bytes.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
    put(headers.len());
    for (name, value) in headers {
        put(name.len());
        put(value.len());
    }
    for (name, value) in headers {
        for text in [name, value] {
            bytes.extend_from_slice(text);
            bytes.push(0);
        }
    }
    bytes
}

/// What cannot be decoded is an empty map, as in Envoy.
pub(crate) fn decode(bytes: &[u8]) -> Headers {
    read(bytes).unwrap_or_default()
}

fn read(bytes: &[u8]) -> Option<Headers> {
    let (count, sizes) = number(bytes)?;
    let (mut sizes, mut texts) = sizes.split_at_checked(count.checked_mul(8)?)?;
    let mut headers = Headers::new();
    for _ in 0..count {
        let (name_size, rest) = number(sizes)?;
        let (value_size, rest) = number(rest)?;
        sizes = rest;
        let (name, rest) = text(texts, name_size)?;
        let (value, rest) = text(rest, value_size)?;
        texts = rest;
        headers.push((name.to_vec(), value.to_vec()));
    }
    texts.is_empty().then_some(headers)
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*number) as usize, rest))
}

fn text(bytes: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(size)?;
    Some((text, rest.split_first()?.1))
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn pairs_come_back_as_they_went_in() {
        let headers = vec![(b":path".to_vec(), b"/".to_vec()), (b"x".to_vec(), vec![0, 255])];
        assert_eq!(decode(&encode(&headers)), headers);
    }

    #[test]
    fn broken_pairs_are_an_empty_map() {
        let headers = vec![(b"a".to_vec(), b"b".to_vec())];
        let whole = encode(&headers);
        for end in 0..whole.len() {
            assert!(decode(&whole[..end]).is_empty());
        }
        assert!(decode(&[whole, vec![0]].concat()).is_empty());
        assert!(decode(&[255; 16]).is_empty());
    }
}
