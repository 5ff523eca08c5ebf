//! Tokens that are bound to a client's certificate (RFC 8705), over real TLS.

use cedar_gate_scenario::{Identity, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use serde_json::{Value, json};

use crate::client::Client;
use crate::server::{API, AuthorizationServer, client};
use crate::stage::{Listener, configuration, envoy, provider};

/// A certificate with its key.
struct Certified {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Certified {
    fn by(authority: &CertifiedIssuer<'_, KeyPair>, name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters(name).signed_by(&key, authority).expect("a certificate");
        Self { certificate, key }
    }

    fn by_itself(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters(name).self_signed(&key).expect("a certificate");
        Self { certificate, key }
    }

    /// As the client takes it.
    fn shown(&self) -> Value {
        json!({ "identity": { "cert": self.certificate.pem(), "key": self.key.serialize_pem() } })
    }
}

fn parameters(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    parameters
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::new(Vec::new()).expect("no name");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(DnType::CommonName, "the authority of these tests");
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("a key")).expect("an authority")
}

#[test]
fn a_token_bound_to_a_certificate_goes_through_with_that_certificate_only() {
    let Some(host) = envoy() else { return };
    let authority = authority();
    let (gateway, own, other) = (
        Certified::by(&authority, "the gateway"),
        Certified::by(&authority, "a client"),
        Certified::by(&authority, "another client"),
    );
    let own_signed = Certified::by_itself("a client");
    let server = AuthorizationServer::start_with(
        &[client("bank", json!({ "tls_client_certificate_bound_access_tokens": true })), client("batch", json!({}))],
        Some((&gateway.certificate.pem(), &gateway.key.serialize_pem())),
    );
    let keys = json!({ "discovery": { "cluster": "certificates" }, "sender_constraint": { "mtls": "required" } });
    let tls = Tls {
        authority: authority.der().to_vec(),
        server: Identity { certificate: gateway.certificate.der().to_vec(), key: gateway.key.serialize_der() },
    };
    let configuration = configuration(json!({ "certificates": provider(&server.issuer(), keys) }));
    let listener = Listener::open_with(host, "certificates", server.address(), configuration, Some(tls));
    let url = listener.url().replace("http:", "https:");
    let mut client = Client::start();
    let endpoint = format!("https://127.0.0.1:{}/token", server.secure.expect("TLS"));
    let bound_to = |client: &mut Client, certified: &Certified| {
        let mut more = certified.shown();
        more["endpoint"] = json!(endpoint);
        client.token(&server, "bank", API, &more)
    };

    let token = bound_to(&mut client, &own);
    let shown = client.ask(&url, &token, &own.shown());
    assert_eq!(shown.status, 200, "{shown:?}");
    let record = listener.records().pop().expect("a record");
    assert_eq!(record["binding"], "mtls", "{record}");

    let stolen = client.ask(&url, &token, &other.shown());
    assert_eq!(stolen.status, 401, "with another valid certificate: {stolen:?}");
    let bare = client.ask(&url, &token, &json!({ "identity": {} }));
    assert_eq!(bare.status, 401, "without a certificate: {bare:?}");
    // The right certificate, which Envoy lets in (`ACCEPT_UNTRUSTED`) although nobody vouches for it.
    let untrusted = bound_to(&mut client, &own_signed);
    let shown = client.ask(&url, &untrusted, &own_signed.shown());
    assert_eq!(shown.status, 401, "with a certificate that is signed by itself: {shown:?}");
    let unbound = client.token(&server, "batch", API, &json!({}));
    let shown = client.ask(&url, &unbound, &own.shown());
    assert_eq!(shown.status, 401, "a token that is bound to nothing: {shown:?}");
    assert_eq!(client.ask(&url, &token, &own.shown()).status, 200, "the right one still goes through");
}
