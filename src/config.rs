//! The configuration: read once, judged as a whole, and turned into types that cannot hold a bad value.
//!
//! Raw mirrors of what users write stand in `raw`; nothing else in the filter sees them. Whatever is wrong is
//! collected, each fault with its path, so that one attempt shows all of them.

mod credentials;
mod derive;
mod fault;
mod field;
mod form;
mod introspection;
#[cfg(feature = "json-schema")]
mod json_schema;
mod limits;
mod lint;
mod policies;
mod profile;
mod provider;
mod raw;
mod remote;
mod resource_metadata;
mod route;
mod rules;
mod secret;
mod sender;
mod status;

pub use derive::derive_schema;
pub use fault::{Fault, Faults};
#[cfg(feature = "json-schema")]
pub use json_schema::json_schema;
pub use lint::lint;

use std::borrow::Cow;

use fault::At;
use field::{FromValue, Switch};
use raw::RawConfig;

use crate::challenge::Challenges;
use crate::client_certificate::CertificateSource;
use crate::credential::Credentials;
use crate::forward::Forward;
use crate::gate::{Mode, ShadowMode};
use crate::jose::Crypto;
use crate::policy::Engine;
use crate::resource_metadata::ResourceMetadata;
use crate::route::RouteTable;
use crate::secret::Environment;
use crate::sender::{Demand, SenderProofs};
use crate::separation::Separation;
use crate::token::{CacheBounds, Providers};

/// Whether denials by policy are only recorded.
const MODE: Switch = Switch { words: ["enforce", "shadow"], on: "shadow" };

/// A configuration that the filter can serve.
pub struct Config {
    /// Whether verdicts are enforced.
    pub mode: Mode,
    /// Whom tokens come from.
    pub providers: Providers,
    /// Where they stand in requests.
    pub credentials: Credentials,
    /// What a refused sender is told to bring.
    pub challenges: Challenges,
    /// What the filter itself says about the resource.
    pub resource_metadata: Option<ResourceMetadata>,
    /// What requests mean.
    pub routes: RouteTable,
    /// What is allowed.
    pub engine: Engine,
    /// Who must not be one.
    pub separation: Separation,
    /// What the upstream sees.
    pub forward: Forward,
    /// Whether each decision is logged.
    pub audit_log: bool,
    /// Sizes and times.
    pub limits: Limits,
    /// Who verifies signatures.
    pub crypto: Crypto,
    /// How many verified tokens are remembered.
    pub token_cache: CacheBounds,
    /// How proofs of possession are verified.
    pub sender: SenderProofs,
    /// What authenticates records in the gateway's shared data.
    pub record_key: [u8; 32],
    /// What can be served, but deserves a look.
    pub warnings: Vec<Fault>,
}

/// Bounds on what one request may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Levels of arrays and objects in a token's claims.
    pub claims_depth: usize,
    /// Bytes of a body that a decision waits for.
    pub body_bytes: usize,
    /// Nanoseconds that a decision waits for a body.
    pub body_timeout_nanos: u64,
    /// Nanoseconds that a request waits, from its arrival, for what is needed from elsewhere.
    pub wait_timeout_nanos: u64,
}

impl Config {
    /// Reads a plugin configuration: JSON text, or an encoded `google.protobuf.Struct`.
    ///
    /// # Errors
    ///
    /// Every fault that can be seen at once.
    pub fn load(bytes: &[u8]) -> Result<Self, Faults> {
        Self::load_in(bytes, &Environment::default())
    }

    /// Whether there are tokens that are bound to a key, so that used proofs have to be remembered.
    #[must_use]
    pub fn takes_proofs(&self) -> bool {
        self.providers.iter().any(|provider| provider.sender_constraint.dpop.admits())
    }

    /// Whether decisions look at the client's certificate.
    #[must_use]
    pub fn needs_certificate(&self) -> bool {
        self.sender.client_certificate == CertificateSource::Connection
            && self.providers.iter().any(|provider| provider.sender_constraint.mtls.admits())
    }

    /// As [`Config::load`], with variables that the configuration may name.
    ///
    /// # Errors
    ///
    /// Every fault that can be seen at once.
    pub fn load_in(bytes: &[u8], environment: &Environment) -> Result<Self, Faults> {
        let raw = raw_of(bytes)?;
        let at = At::root();
        match read(&at, raw, environment) {
            Some(config) if at.is_clean() => Ok(config),
            Some(_) | None => Err(at.into_faults()),
        }
    }
}

impl Config {
    /// What a refused sender is told to bring to a route: not in a scheme that nobody can use there.
    #[must_use]
    pub fn challenges_on(&self, route: Option<usize>) -> Cow<'_, Challenges> {
        let demand = route.and_then(|route| self.routes.protected(route)).map(|route| route.sender_constraint.dpop);
        match demand {
            None | Some(Demand::Optional) => Cow::Borrowed(&self.challenges),
            Some(Demand::Off) => Cow::Owned(self.challenges.limited(true, false)),
            Some(Demand::Required) => Cow::Owned(self.challenges.limited(false, true)),
        }
    }
}

fn raw_of(bytes: &[u8]) -> Result<RawConfig, Faults> {
    let value = form::read(bytes).map_err(Faults::of_whole)?;
    RawConfig::from_value(value).map_err(Faults::of_whole)
}

fn read(at: &At, raw: RawConfig, environment: &Environment) -> Option<Config> {
    at.unknown(&raw.unknown);
    let mode = if MODE.is_on(at, "mode", raw.mode) { Mode::Shadow(ShadowMode::declared()) } else { Mode::Enforce };
    let secret = at.take("secret", raw.secret).and_then(|raw| secret::secret(&at.field("secret"), raw, environment));
    let body_before_headers = rules::host(&at.field("host"), at.take("host", raw.host));
    let providers = provider::providers(&at.field("providers"), at.require("providers", raw.providers), environment);
    let (limits, caps, token_bytes) =
        limits::limits(&at.field("limits"), at.take("limits", raw.limits).unwrap_or_default());
    let credentials =
        credentials::credentials(&at.field("credentials"), at.take("credentials", raw.credentials), token_bytes);
    let separation = rules::separation(&at.field("separation"), at.take("separation", raw.separation));
    let forward = rules::forward(&at.field("forward"), at.take("forward", raw.forward), &credentials);
    let audit_log = rules::audit(&at.field("audit"), at.take("audit", raw.audit));
    let crypto = rules::crypto(&at.field("crypto"), at.take("crypto", raw.crypto));
    let token_cache =
        limits::token_cache(&at.field("token_cache"), at.take("token_cache", raw.token_cache).unwrap_or_default());
    let drafts = route::drafts(&at.field("routes"), at.require("routes", raw.routes), body_before_headers);
    let source = policies::source(&at.field("policies"), at.require("policies", raw.policies));
    let record_key = secret::record_key(secret.as_ref());
    let proofs = sender::proofs(at, raw.dpop, raw.client_certificate, secret.as_ref(), record_key);
    let (Some(source), Some(providers), Some(drafts)) = (source, providers, drafts) else { return None };

    let metadata = at.take("resource_metadata", raw.resource_metadata).and_then(|raw| {
        let at = at.field("resource_metadata");
        resource_metadata::resource_metadata(&at, raw, &proofs, &credentials, &providers, &drafts)
    });
    let routes_demand = drafts.iter().filter_map(|draft| Some((draft.at(), draft.sender_constraint()?)));
    sender::check(at, &proofs, &providers, &credentials, routes_demand);
    let (bearer, dpop) = sender::schemes(&proofs, &providers, &credentials);
    let challenges = Challenges {
        realm: resource_metadata::realm(at, raw.realm),
        resource_metadata: metadata.as_ref().map(|metadata| metadata.url().to_owned()),
        bearer,
        dpop,
    };

    let questions: Vec<_> = drafts.iter().filter_map(route::Draft::question).collect();
    let loaded = match Engine::load(&source, caps, &policies::askers(&providers), &questions) {
        Ok(loaded) => loaded,
        Err(faults) => {
            faults.into_iter().for_each(|fault| at.policy_fault(fault));
            return None;
        }
    };
    rules::check_separation(&at.field("separation").field("static"), &separation, &loaded.engine, &providers);
    let routes = route::table(&at.field("routes"), drafts, loaded.plans)?;
    let mut warnings: Vec<Fault> = loaded.warnings.into_iter().map(Fault::from).collect();
    warnings.extend(at.warnings());
    Some(Config {
        mode,
        providers,
        credentials,
        challenges,
        resource_metadata: metadata,
        routes,
        engine: loaded.engine,
        separation,
        forward,
        audit_log,
        limits,
        crypto,
        token_cache,
        sender: proofs,
        record_key,
        warnings,
    })
}
