//! What Envoy says of a client's connection.

use cedar_gate_scenario::{ClientCertificate, Request};

use crate::property::{Properties, boolean, text};
use crate::vm::Options;

/// The connection that a request comes over.
pub(super) struct Connection<'r> {
    is_tls: bool,
    certificate: Option<&'r ClientCertificate>,
}

impl<'r> Connection<'r> {
    pub(super) fn of(request: &'r Request, is_tls: bool) -> Self {
        Self { is_tls, certificate: request.certificate.as_ref() }
    }

    /// What there is to be read of it. Of several alternative names of a kind, Envoy shows the first.
    pub(super) fn properties(&self) -> Properties {
        let mut properties = Options::default().connection;
        let mut set = |name: &str, value| drop(properties.insert(format!("connection.{name}"), value));
        if self.is_tls {
            set("tls_version", text("TLSv1.3"));
        }
        if let Some(certificate) = self.certificate {
            set("mtls", boolean(true));
            set("peer_certificate_valid", boolean(certificate.valid));
            set("sha256_peer_certificate_digest", text(&certificate.sha256));
            set("subject_peer_certificate", text(&certificate.subject));
            for (name, values) in [("dns_san", &certificate.dns), ("uri_san", &certificate.uri)] {
                if let Some(first) = values.first() {
                    set(&format!("{name}_peer_certificate"), text(first));
                }
            }
        }
        properties
    }
}
