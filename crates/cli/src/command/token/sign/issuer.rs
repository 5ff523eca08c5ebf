//! What a token says of where it comes from, and for whom it is.

use std::path::Path;

use anyhow::{Context, bail};
use serde_json::{Map, Value};

use crate::configuration;

/// How a configuration writes that a header has no `typ`.
pub(super) const ABSENT: &str = "absent";

/// Whose token it is.
pub(super) struct Issuer {
    pub(super) issuer: String,
    pub(super) audiences: Vec<String>,
    /// `typ`, if there is one.
    pub(super) token_type: Option<String>,
}

impl Default for Issuer {
    fn default() -> Self {
        Self { issuer: String::new(), audiences: Vec::new(), token_type: Some("at+jwt".to_owned()) }
    }
}

impl Issuer {
    /// One whose tokens are accepted by the gateway with this configuration: by its first audience and type.
    ///
    /// # Errors
    ///
    /// The configuration cannot be read, or has no such provider. What else is wrong with it does not matter here.
    pub(super) fn configured(config: &Path, provider: Option<&str>) -> anyhow::Result<Self> {
        let authored = configuration::read(config)?;
        let place = || config.display().to_string();
        let providers = authored.configuration.get("providers").and_then(Value::as_object);
        let (name, provider) =
            chosen(providers.context("has no `providers`").with_context(place)?, provider).with_context(place)?;
        let issuer = provider.get("issuer").and_then(Value::as_str);
        let issuer = issuer.with_context(|| format!("providers.{name}.issuer: is missing")).with_context(place)?;
        let audience = first(provider, "audiences");
        let audience =
            audience.with_context(|| format!("providers.{name}.audiences: is missing")).with_context(place)?;
        let token_type = match first(provider, "token_types") {
            Some(ABSENT) => None,
            Some(token_type) => Some(token_type.to_owned()),
            None => Self::default().token_type,
        };
        Ok(Self { issuer: issuer.to_owned(), audiences: vec![audience.to_owned()], token_type })
    }
}

fn chosen<'p>(providers: &'p Map<String, Value>, name: Option<&str>) -> anyhow::Result<(&'p String, &'p Value)> {
    let names = || providers.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    match name {
        Some(name) => {
            providers.get_key_value(name).with_context(|| format!("has no provider `{name}`; there is {}", names()))
        }
        None if providers.len() > 1 => bail!("has the providers {}; choose one by --provider", names()),
        None => providers.iter().next().context("providers: names no provider"),
    }
}

fn first<'p>(provider: &'p Value, list: &str) -> Option<&'p str> {
    provider.get(list)?.get(0)?.as_str()
}
