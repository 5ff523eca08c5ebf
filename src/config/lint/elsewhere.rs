//! What comes from elsewhere, and whom that makes one trust.

use std::time::Duration;

use super::finding;
use crate::config::limits::written;
use crate::config::secret::record_key;
use crate::config::{Config, Fault};
use crate::http::{Authority, Endpoint};
use crate::remote::Origin;
use crate::token::{Provider, ProviderKeys};

/// What was taken back should not be believed for longer, even where the issuer is out of reach.
const LONGEST_STALE: Duration = Duration::from_secs(86_400);

/// Fetched keys and lists, and questions to issuers.
pub(super) fn elsewhere(config: &Config, findings: &mut Vec<Fault>) {
    config.providers.iter().for_each(|provider| of_provider(provider, findings));
    let shares = |provider: &Provider| {
        let fetches = provider.status_lists.is_some() || provider.revoked.is_some();
        fetches || matches!(provider.keys, ProviderKeys::Remote(_))
    };
    let is_public = config.record_key == record_key(None);
    if is_public && (config.takes_proofs() || config.providers.iter().any(shares)) {
        let message = "is missing: every plugin with the same `vm_id` can forge what workers share, which is keys and lists \
                       that were fetched, and used proofs";
        findings.push(finding("secret", message));
    }
}

fn of_provider(provider: &Provider, findings: &mut Vec<Fault>) {
    let at = format!("providers.{}", provider.name);
    if let ProviderKeys::Remote(spec) = &provider.keys {
        let (name, bare) = match &spec.origin {
            Origin::Direct(endpoint) => ("remote_jwks", is_bare(endpoint).then_some("remote_jwks.uri")),
            Origin::Discovery(discovery) => {
                let issuer = Endpoint::parse(discovery.issuer(), discovery.cluster());
                ("discovery", issuer.is_ok_and(|issuer| is_bare(&issuer)).then_some("issuer"))
            }
        };
        findings.extend(bare.map(|place| {
            finding(
                format!("{at}.{place}"),
                "keys come without TLS: whoever is on the way can put others in their place",
            )
        }));
        findings.extend(stale(
            &format!("{at}.{name}"),
            spec.max_stale,
            "a key that the issuer has taken back verifies",
        ));
    }
    if let Some(introspection) = provider.introspection.as_ref().filter(|one| is_bare(&one.endpoint)) {
        let answers = if introspection.signed { "" } else { ", and can answer in the issuer's place" };
        let message = format!("tokens go there without TLS: whoever is on the way sees them{answers}");
        findings.push(finding(format!("{at}.introspection.uri"), message));
    }
    if let Some(revoked) = &provider.revoked {
        if is_bare(&revoked.endpoint) {
            let message = "the list comes without TLS: whoever is on the way can leave out what is revoked";
            findings.push(finding(format!("{at}.revoked.uri"), message));
        }
        findings.extend(stale(&format!("{at}.revoked"), revoked.times.max_stale, "a token that was revoked passes"));
    }
    if let Some(lists) = &provider.status_lists {
        let place = format!("{at}.status_list");
        findings.extend(stale(&place, lists.times.max_stale, "a token that was revoked passes"));
    }
}

/// Whether a service is reached without TLS, other than on the machine itself.
fn is_bare(endpoint: &Endpoint) -> bool {
    let host = Authority::parse(endpoint.authority().as_bytes());
    let is_here = host.is_ok_and(|host| {
        let host = host.host();
        host == "localhost" || host == "[::1]" || host.starts_with("127.")
    });
    endpoint.scheme() == "http" && !is_here
}

fn stale(at: &str, max_stale: Duration, what: &str) -> Option<Fault> {
    let message = || format!("{what} for {} more where no newer answer can be had", written(max_stale));
    (max_stale > LONGEST_STALE).then(|| finding(format!("{at}.max_stale"), message()))
}
