//! What a scenario file says of a token.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    key::PublicForm,
    rivest::{MaskHash, Padding},
    tamper::Step,
};

/// A token, with all layers composed. The README explains each member.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenDescription {
    pub(super) key: Option<String>,
    pub(super) alg: Option<String>,
    #[serde(default)]
    pub(super) header: Map<String, Value>,
    #[serde(default)]
    pub(super) claims: Map<String, Value>,
    pub(super) header_raw: Option<String>,
    pub(super) claims_raw: Option<String>,
    pub(super) hmac_with: Option<HmacSecret>,
    pub(super) sign_with: Option<String>,
    #[serde(default)]
    pub(super) ed_small_order_r: bool,
    pub(super) pkcs1: Option<Pkcs1>,
    pub(super) pss_mask: Option<MaskHash>,
    pub(super) pss_salt: Option<usize>,
    pub(super) signature: Option<Signature>,
    #[serde(default)]
    pub(super) tamper: Vec<Step>,
    #[serde(default)]
    pub(super) minted: Minted,
}

/// The secret of an HMAC that no key of kind `oct` has.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HmacSecret {
    pub(super) public: Option<String>,
    #[serde(rename = "as")]
    pub(super) form: Option<PublicForm>,
    pub(super) text: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pkcs1 {
    pub(super) padding: Padding,
}

/// A third segment that no key made.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Signature {
    Hex(String),
    None,
    Repeat(Repeat),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Repeat {
    pub(super) text: String,
    pub(super) count: usize,
}

/// When the clock is read for `$now`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Minted {
    #[default]
    Request,
    Start,
}
