//! What somebody makes of a token.

/// A verdict.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// It is taken, and says this.
    Taken(Identity),
    /// It is refused, for this reason in the words of who refuses it.
    Refused(String),
}

/// Whom a token speaks of.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Identity {
    /// `sub`, as audit records write it.
    pub(crate) subject: String,
    /// `client_id`.
    pub(crate) client: String,
    /// `jti`.
    pub(crate) id: Option<String>,
}

/// A subject as audit records write it: as a name in Cedar, behind that of the provider.
pub(crate) fn written(subject: &str) -> String {
    cedar_gate::audit::bounded(&format!("User::\"corp|{}\"", subject.escape_debug()))
}
