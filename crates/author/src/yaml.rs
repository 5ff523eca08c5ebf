//! YAML, as all files of authors are read.

use serde_json::Value;

/// A text is not YAML, with the line and the column where it ends to be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct YamlError(String);

/// Reads YAML, and so JSON. Only `true` and `false` are booleans (YAML 1.1 has `on`, `no` and `y` too), so that `on:` is
/// a name.
///
/// # Errors
///
/// [`YamlError`]
pub fn yaml(text: &str) -> Result<Value, YamlError> {
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| YamlError(error.to_string()))
}
