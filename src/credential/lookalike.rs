//! Names that are one name to somebody behind us.
//!
//! A cookie or a parameter that carries the credential is known by its exact name. There are servers that decode names,
//! ignore their case, take quotes and blanks away, or write other characters for some. So a second name that such a
//! server takes for the first one could be the credential there, and be none here.

use percent_encoding::percent_decode;

/// A name with everything folded that some server folds.
pub(super) fn folded(name: &[u8]) -> Vec<u8> {
    let decoded: Vec<u8> = percent_decode(name).collect();
    let bare = decoded.trim_ascii();
    let unquoted = bare.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(bare);
    let fold = |byte: &u8| match byte {
        // PHP writes `_` for these.
        b' ' | b'.' | b'[' | b'+' => b'_',
        other => other.to_ascii_lowercase(),
    };
    unquoted.iter().map(fold).collect()
}

/// The name of `name=value`, or the whole where there is no value.
pub(super) fn name_of(pair: &[u8]) -> &[u8] {
    pair.split(|byte| *byte == b'=').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_some_server_takes_for_one_name_is_one() {
        for name in
            ["access_token", "ACCESS_TOKEN", "access%5Ftoken", " access_token\t", "\"access_token\"", "access.token"]
        {
            assert_eq!(folded(name.as_bytes()), b"access_token", "{name}");
        }
        for name in ["access-token", "accesstoken", "access_token2", ""] {
            assert_ne!(folded(name.as_bytes()), b"access_token", "{name}");
        }
    }
}
