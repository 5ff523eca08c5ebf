//! Envoy, shared by all tests; each test has listeners of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::OnceLock;

use cedar_gate_scenario::{Forge, Tls};
use cedar_gate_stage::{EnvoyHost, EnvoyOptions, ListenerOptions};
use serde_json::{Value, json};

use crate::script::tools;
use crate::server::{API, secret};

/// What the gateway's nonces are derived from: `GATE_NONCES`.
const NONCES: &str = "a secret of thirty-two bytes at the very least";

/// The Envoy; nothing, with a word about it, where Envoy, the filter or the packages of Node are not there. What
/// `CEDAR_GATE_HOSTS` names must be there: a test that is left out would pass and show nothing.
pub(crate) fn envoy() -> Option<&'static EnvoyHost> {
    static HOST: OnceLock<Option<EnvoyHost>> = OnceLock::new();
    HOST.get_or_init(start).as_ref()
}

fn start() -> Option<EnvoyHost> {
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/cedar_gate.wasm");
    let wasm = std::env::var_os("CEDAR_GATE_WASM").map_or(built, PathBuf::from);
    let binary = EnvoyOptions::binary_from_env();
    let missing = [
        (binary.is_none(), "CEDAR_GATE_ENVOY is not set"),
        (!wasm.exists(), "the filter is not built"),
        (!tools().join("node_modules/oidc-provider").exists(), "tools/node_modules has no oidc-provider"),
    ];
    if let Some((_, what)) = missing.into_iter().find(|(is_missing, _)| *is_missing) {
        let demanded =
            std::env::var("CEDAR_GATE_HOSTS").is_ok_and(|names| names.split(',').any(|name| name == "envoy"));
        assert!(!demanded, "CEDAR_GATE_HOSTS names envoy, but {what}");
        eprintln!("left out: {what}");
        return None;
    }
    let variables =
        [("GATE_SECRET", secret("gate")), ("GATE_KEY", gate_key().1.to_string()), ("GATE_NONCES", NONCES.to_owned())];
    let host = EnvoyHost::start_with(&binary?, &wasm, |options| {
        options.environment = variables.map(|(name, value)| (name.to_owned(), value)).into();
    });
    Some(host.expect("Envoy starts"))
}

/// The key by which the gateway says who it is: `GATE_KEY`. The public half, and the private one.
pub(crate) fn gate_key() -> (Value, Value) {
    let forge = Forge::new().with_key("gate", json!({ "kty": "EC", "crv": "P-256" })).expect("a key");
    let keys = forge.keys();
    (keys.public_jwk("gate").expect("a public key"), keys.private_jwk("gate").expect("a private key"))
}

/// A listener of a test.
pub(crate) struct Listener {
    host: &'static EnvoyHost,
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    configuration: Value,
}

impl Listener {
    /// A listener whose filter has this configuration, and reaches this cluster, which has the listener's name.
    ///
    /// All listeners have one VM, and its shared data; what they keep there stands under the names of their providers, so
    /// those have to differ.
    pub(crate) fn open(
        host: &'static EnvoyHost,
        name: &'static str,
        cluster: SocketAddr,
        configuration: Value,
    ) -> Self {
        Self::open_with(host, name, cluster, configuration, None)
    }

    /// The same, over TLS.
    pub(crate) fn open_with(
        host: &'static EnvoyHost,
        name: &'static str,
        cluster: SocketAddr,
        configuration: Value,
        tls: Option<Tls>,
    ) -> Self {
        host.envoy().add_clusters(&BTreeMap::from([(name.to_owned(), Some(cluster))])).expect("a cluster");
        let options = ListenerOptions { configuration: configuration.clone(), tls, ..ListenerOptions::default() };
        let port = host.envoy().add_listener_with(name, options).unwrap_or_else(|error| panic!("{error}"));
        Self { host, name, port, configuration }
    }

    /// Changes the configuration.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Value, u16)) {
        change(&mut self.configuration, self.port);
        let changed = self.host.envoy().update_listener(self.name, &self.configuration);
        changed.unwrap_or_else(|error| panic!("{error}"));
    }

    /// A document behind it.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/documents/7", self.port)
    }

    /// The audit records of this listener.
    pub(crate) fn records(&self) -> Vec<Value> {
        let lines = self.host.envoy().filter_log().expect("a log");
        lines.iter().filter(|line| line.listener == self.name).filter_map(|line| line.audit_record()).collect()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.host.envoy().retire_listener(self.name);
    }
}

/// A configuration with these providers, in which clients may view documents.
pub(crate) fn configuration(providers: Value) -> Value {
    json!({
        "providers": providers,
        "credentials": { "from_headers": [{ "name": "authorization", "schemes": ["Bearer", "DPoP"] }] },
        "routes": [{
            "methods": ["GET"],
            "path": "/documents/{id}",
            "params": { "id": "integer" },
            "action": "view",
            "resource": { "type": "Document", "id": "{id}" },
            "scopes": ["documents:read"],
        }],
        "policies": { "inline": {
            "schema": "entity User, Client; entity Document;
                action view appliesTo { principal: [User, Client], resource: [Document] };",
            "policies": r#"@id("clients-view") permit (principal is Client, action == Action::"view", resource);"#,
        } },
    })
}

/// A provider whose tokens belong to clients; `more` says where its keys are.
pub(crate) fn provider(issuer: &str, more: Value) -> Value {
    let mut provider = json!({
        "issuer": issuer,
        "audiences": [API],
        "algorithms": ["ES256"],
        "clients": { "type": "Client", "when": { "claim": "sub", "equals_claim": "client_id" } },
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        provider[name] = value.clone();
    }
    provider
}
