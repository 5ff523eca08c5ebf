//! TLS, as a client speaks it that trusts the gateway's authority only.

use std::sync::Arc;

use anyhow::Context;
use cedar_gate_scenario::{Protocol, Request, Tls};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The name in the gateway's certificate.
const SERVER: &str = "gateway";

/// Shakes hands, and shows the certificate that the request has, if it has one.
pub(super) async fn connect(stream: TcpStream, tls: &Tls, request: &Request) -> anyhow::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(tls.authority.clone())).context("the authority has no certificate")?;
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match &request.certificate {
        None => config.with_no_client_auth(),
        Some(certificate) => {
            let identity = certificate.identity.as_ref();
            let identity = identity.context("a certificate that no handshake can show; say `hosts: [native, wasm]`")?;
            let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(identity.key.clone()));
            config.with_client_auth_cert(vec![CertificateDer::from(identity.certificate.clone())], key)?
        }
    };
    config.alpn_protocols = match request.protocol {
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
        Protocol::Http2 => vec![b"h2".to_vec()],
    };
    let name = ServerName::try_from(SERVER)?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.context("no handshake")
}
