//! What the checks of a proof of possession look at, as notes.

use serde_json::Value;

use super::{Presented, SenderConstraint};
use crate::client_certificate::CertificateSource;
use crate::journal::{Demands, Note};

pub(super) fn binding(
    cnf: Option<&Value>,
    [provider, route]: [SenderConstraint; 2],
    presented: &Presented<'_>,
) -> Note {
    let demands = |constraint: SenderConstraint| Demands { dpop: constraint.dpop.name(), mtls: constraint.mtls.name() };
    let names = |cnf: &Value| cnf.as_object().map(|members| members.keys().cloned().collect()).unwrap_or_default();
    Note::Binding {
        confirmation: cnf.map(names),
        provider: demands(provider),
        route: demands(route),
        scheme: presented.scheme.name(),
    }
}

pub(super) fn certificate(source: CertificateSource, presented: &Presented<'_>) -> Note {
    let connection = presented.certificate;
    let (found, verified) = match source {
        CertificateSource::Connection => (usize::from(connection.sha256.is_some()), Some(connection.is_valid)),
        CertificateSource::ForwardedHeader => (presented.headers.all(CertificateSource::HEADER).count(), None),
    };
    Note::Certificate { source: source.name(), found, verified }
}
