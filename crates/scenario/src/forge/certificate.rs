//! Certificates of clients, and of the gateway, for TLS (RFC 5280, RFC 8705).
//!
//! A certificate depends on nothing but its name, its description and its key, so that its digest is the same on every
//! host, whether a handshake shows it or not.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm, SigningKey, date_time_ymd,
};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{
    Forge,
    algorithm::{Algorithm, Hash},
    elliptic::{self, Curve},
    error::ForgeError,
    key::{Key, KeyDescription, Variant},
    keys::made_once,
};
use crate::gateway::{ClientCertificate, Identity, Tls};

/// What a scenario file says of a certificate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CertificateDescription {
    pub(super) key: String,
    #[serde(default = "yes")]
    trusted: bool,
    subject: Option<String>,
    #[serde(default)]
    dns: Vec<String>,
    #[serde(default)]
    uri: Vec<String>,
    #[serde(default)]
    expired: bool,
}

fn yes() -> bool {
    true
}

/// The name of the key with which everything is signed that a gateway trusts.
const AUTHORITY: &str = "the authority of the gateway";

/// The name of the gateway's own key.
const SERVER: &str = "the gateway";

impl Forge {
    /// The certificate of this name.
    pub(crate) fn certificate(&self, name: &str) -> Result<ClientCertificate, ForgeError> {
        let description = self.certificates.get(name).ok_or_else(|| ForgeError::UnknownCertificate(name.to_owned()))?;
        let fault = |message: String| ForgeError::Description { path: format!("certificates.{name}"), message };
        let key = self.keys.key(&description.key)?;
        let subject = description.subject.as_deref().unwrap_or(name);
        let mut parameters = parameters(subject, name).map_err(|error| fault(error.to_string()))?;
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        parameters.not_after = date_time_ymd(if description.expired { 2021 } else { 2100 }, 1, 1);
        for name in &description.dns {
            let name = name.as_str().try_into().map_err(|error: rcgen::Error| fault(error.to_string()))?;
            parameters.subject_alt_names.push(SanType::DnsName(name));
        }
        for uri in &description.uri {
            let uri = uri.as_str().try_into().map_err(|error: rcgen::Error| fault(error.to_string()))?;
            parameters.subject_alt_names.push(SanType::URI(uri));
        }
        let unfit = || fault(format!("a key of kind {} has no place in a certificate here", key.kind()));
        let signer = Signer::of(&key).ok_or_else(unfit)?;
        let certificate = if description.trusted {
            authority().and_then(|issuer| parameters.signed_by(&signer, &issuer))
        } else {
            parameters.self_signed(&signer)
        };
        let certificate = certificate.map_err(|error| fault(error.to_string()))?.der().to_vec();
        let key = key.private_der().ok_or_else(unfit)?;
        Ok(ClientCertificate {
            sha256: hex::encode(Sha256::digest(&certificate)),
            valid: description.trusted && !description.expired,
            subject: format!("CN={subject}"),
            dns: description.dns.clone(),
            uri: description.uri.clone(),
            identity: Some(Identity { certificate, key }),
        })
    }

    /// What a gateway needs to be reached over TLS.
    pub(crate) fn tls() -> Result<Tls, ForgeError> {
        let fault = |error: rcgen::Error| ForgeError::Description {
            path: "certificates".to_owned(),
            message: error.to_string(),
        };
        let key = generated(SERVER).ok_or(fault(rcgen::Error::KeyGenerationUnavailable))?;
        let mut parameters = parameters("gateway", SERVER).map_err(fault)?;
        parameters.subject_alt_names = vec![SanType::DnsName("gateway".try_into().map_err(fault)?)];
        let signer = Signer::of(&key).ok_or(fault(rcgen::Error::KeyGenerationUnavailable))?;
        let issuer = authority().map_err(fault)?;
        let certificate = parameters.signed_by(&signer, &issuer).map_err(fault)?.der().to_vec();
        let authority = authority_parameters().and_then(|parameters| parameters.self_signed(issuer.key()));
        Ok(Tls {
            authority: authority.map_err(fault)?.der().to_vec(),
            server: Identity { certificate, key: key.private_der().unwrap_or_default() },
        })
    }
}

impl ClientCertificate {
    /// The SHA-256 of the certificate, as far as it has one that is none of an invention.
    pub(super) fn digest(&self) -> Vec<u8> {
        hex::decode(&self.sha256).unwrap_or_default()
    }
}

fn parameters(subject: &str, name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, subject);
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2100, 1, 1);
    parameters.serial_number = Some(SerialNumber::from_slice(&identifier(name)));
    parameters.key_identifier_method = KeyIdMethod::PreSpecified(identifier(name));
    Ok(parameters)
}

/// What tells certificates apart, as far as it is only a number.
fn identifier(name: &str) -> Vec<u8> {
    let mut identifier = Sha256::digest(name)[..16].to_vec();
    // A positive number of so many bytes.
    identifier[0] = identifier[0] & 0x7f | 0x40;
    identifier
}

fn authority_parameters() -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = parameters(AUTHORITY, AUTHORITY)?;
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(parameters)
}

fn authority() -> Result<Issuer<'static, Signer>, rcgen::Error> {
    let signer = generated(AUTHORITY).and_then(|key| Signer::of(&key));
    Ok(Issuer::new(authority_parameters()?, signer.ok_or(rcgen::Error::KeyGenerationUnavailable)?))
}

fn generated(name: &str) -> Option<Arc<Key>> {
    made_once(name, &KeyDescription::Elliptic { crv: Curve::P256 })
}

/// A key of the forge that signs certificates.
struct Signer {
    key: Arc<Key>,
    public: Vec<u8>,
    scheme: Scheme,
}

#[derive(Clone, Copy)]
enum Scheme {
    P256,
    P384,
    Rivest,
}

impl Signer {
    fn of(key: &Arc<Key>) -> Option<Self> {
        let (scheme, public) = match key.as_ref() {
            Key::Elliptic(elliptic) => match elliptic.curve() {
                Curve::P256 => (Scheme::P256, elliptic.uncompressed()),
                Curve::P384 => (Scheme::P384, elliptic.uncompressed()),
                Curve::P521 | Curve::Secp256k1 => return None,
            },
            Key::Rivest(_) => (Scheme::Rivest, key.public_pkcs1_der()?),
            Key::Edwards(_) | Key::EdwardsSmallOrder | Key::FakeRivest { .. } | Key::Octets(_) => return None,
        };
        Some(Self { key: Arc::clone(key), public, scheme })
    }
}

impl PublicKeyData for Signer {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.scheme {
            Scheme::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Scheme::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            Scheme::Rivest => &rcgen::PKCS_RSA_SHA256,
        }
    }
}

impl SigningKey for Signer {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let sign = |algorithm| self.key.sign(algorithm, Variant::default(), message);
        let signature = match self.scheme {
            Scheme::P256 => sign(Algorithm::Es(Hash::Sha256)).and_then(|raw| elliptic::der(Curve::P256, &raw)),
            Scheme::P384 => sign(Algorithm::Es(Hash::Sha384)).and_then(|raw| elliptic::der(Curve::P384, &raw)),
            Scheme::Rivest => sign(Algorithm::Rs(Hash::Sha256)),
        };
        signature.ok_or(rcgen::Error::RemoteKeyError)
    }
}
