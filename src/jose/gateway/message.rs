//! What Envoy's `verify_signature` is asked, and what it answers: two messages of Protocol Buffers.

use prost::Message;

/// `envoy.source.extensions.common.wasm.VerifySignatureArguments`. Its field 5, a key in PEM, stays absent.
#[derive(Clone, PartialEq, Message)]
struct Argument {
    #[prost(string, tag = "1")]
    hash_function: String,
    /// A `SubjectPublicKeyInfo` in DER.
    #[prost(bytes = "vec", tag = "2")]
    public_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    text: Vec<u8>,
}

/// `envoy.source.extensions.common.wasm.VerifySignatureResult`. Its field 2, an explanation, is passed over.
#[derive(Clone, PartialEq, Message)]
struct Answer {
    #[prost(bool, tag = "1")]
    result: bool,
}

pub(super) fn argument(hash: &str, public_key: &[u8], signature: &[u8], text: &[u8]) -> Vec<u8> {
    let argument = Argument {
        hash_function: hash.to_owned(),
        public_key: public_key.to_vec(),
        signature: signature.to_vec(),
        text: text.to_vec(),
    };
    argument.encode_to_vec()
}

/// Whether the signature holds; nothing where this is no answer.
pub(super) fn result(answer: &[u8]) -> Option<bool> {
    Answer::decode(answer).ok().map(|answer| answer.result)
}
