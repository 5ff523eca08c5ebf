//! A complete configuration of Envoy, as somebody deploys it.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, anyhow};
use serde_json::{Value, json};

use super::bootstrap;

/// The name of the filter in the list of HTTP filters.
const FILTER: &str = "cedar-gate";

/// Where the first listener's HTTP filters are.
const FILTERS: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";

/// A configuration of Envoy in YAML, with the filter `cedar-gate` in its first listener and a cluster `upstream`.
#[derive(Clone, Debug)]
pub struct EnvoyFile(Value);

impl EnvoyFile {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// It cannot be read, is no YAML, or the filter is not where it is looked for.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let name = || path.display().to_string();
        let text = fs::read_to_string(path).with_context(name)?;
        // As in scenario files: only `true` and `false` are booleans.
        let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
        let value = serde_saphyr::from_str_with_options(&text, options).with_context(name)?;
        let file = Self(value);
        file.filter()
            .pointer("/configuration/value")
            .ok_or_else(|| anyhow!("no filter `{FILTER}`"))
            .with_context(name)?;
        Ok(file)
    }

    /// What the filter is configured with.
    pub fn configuration(&self) -> &Value {
        self.filter().pointer("/configuration/value").unwrap_or(&Value::Null)
    }

    /// The configuration for another place: this port, this module, these places of clusters, and everything else as it
    /// stands.
    pub(super) fn placed(
        &self,
        port: u16,
        wasm: &Path,
        clusters: &BTreeMap<&str, SocketAddr>,
    ) -> anyhow::Result<Value> {
        let mut placed = self.0.clone();
        let filter = filters(&self.0).position(is_the_filter).unwrap_or_default();
        let mut changes = vec![
            ("/admin/address".to_owned(), bootstrap::address("127.0.0.1", 0)),
            ("/static_resources/listeners/0/address".to_owned(), bootstrap::address("127.0.0.1", port)),
            (format!("{FILTERS}/{filter}/typed_config/config/vm_config/code/local/filename"), json!(wasm)),
        ];
        for (name, address) in clusters {
            let listed = self.0.pointer("/static_resources/clusters").and_then(Value::as_array);
            let place = listed.and_then(|all| all.iter().position(|cluster| cluster["name"] == *name));
            let place = place.ok_or_else(|| anyhow!("no cluster `{name}`"))?;
            let endpoint = "load_assignment/endpoints/0/lb_endpoints/0/endpoint/address";
            changes.push((
                format!("/static_resources/clusters/{place}/{endpoint}"),
                bootstrap::address(&address.ip().to_string(), address.port()),
            ));
        }
        for (pointer, value) in changes {
            *placed.pointer_mut(&pointer).ok_or_else(|| anyhow!("nothing at {pointer}"))? = value;
        }
        Ok(placed)
    }

    fn filter(&self) -> &Value {
        let filter = filters(&self.0).find(|filter| is_the_filter(filter));
        filter.and_then(|filter| filter.pointer("/typed_config/config")).unwrap_or(&Value::Null)
    }
}

fn filters(file: &Value) -> impl Iterator<Item = &Value> {
    file.pointer(FILTERS).and_then(Value::as_array).into_iter().flatten()
}

fn is_the_filter(filter: &Value) -> bool {
    filter["name"] == FILTER
}
