use thiserror::Error;

/// Why a token or a key cannot be made as described.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ForgeError {
    /// A description does not have the form that the README of this package gives.
    #[error("{path}: {message}")]
    Description {
        /// Where in the description.
        path: String,
        /// What is wrong there.
        message: String,
    },
    /// A `$…` member stands for nothing, or has an argument that it does not take.
    #[error("`{directive}` {message}")]
    Directive {
        /// The member.
        directive: String,
        /// What is wrong with it.
        message: String,
    },
    /// A tampering step cannot be done to this token, or would leave it as it is (and the test would show nothing).
    #[error("the step `{step}` {message}")]
    Step {
        /// The step.
        step: String,
        /// Why it cannot be done.
        message: String,
    },
    /// Descriptions refer to each other in a circle.
    #[error("the token `{0}` is described by itself")]
    Circle(String),
    /// A key of this kind cannot make such a signature.
    #[error("the key `{key}` ({kind}) cannot sign with `{algorithm}`")]
    Unfit {
        /// The key's name.
        key: String,
        /// What it is.
        kind: &'static str,
        /// What was asked of it.
        algorithm: String,
    },
    /// No certificate has this name.
    #[error("no certificate is named `{0}`")]
    UnknownCertificate(String),
    /// No key has this name.
    #[error("no key is named `{0}`")]
    UnknownKey(String),
    /// No token has this name.
    #[error("no token is named `{0}`")]
    UnknownToken(String),
}
