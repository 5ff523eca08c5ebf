//! The listener that carries one configuration of the filter.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cedar_gate_scenario::{ConfigurationForm, Tls};
use serde_json::{Value, json};

use super::{EnvoyOptions, Paths, access, bootstrap};

/// What a listener's filter is configured with, and what stands around it.
#[derive(Clone, Debug, Default)]
pub struct ListenerOptions {
    /// The configuration.
    pub configuration: Value,
    /// How it is handed over.
    pub form: ConfigurationForm,
    /// The name of the VM, which is the namespace of its shared data too; that of [`EnvoyOptions`] where there is none.
    pub vm_id: Option<String>,
    /// The environment variables of the VM, which are added to those of [`EnvoyOptions`]. VMs of one name have the
    /// variables of the first of them.
    pub environment: BTreeMap<String, String>,
    /// With what clients are met over TLS; nothing for plain text.
    pub tls: Option<Tls>,
}

pub(super) fn listener(envoy: &EnvoyOptions, name: &str, port: u16, options: &ListenerOptions) -> Value {
    let mut chain = json!({
        "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": connection_manager(envoy, name, options),
        }],
    });
    if let Some(tls) = &options.tls {
        chain["transport_socket"] =
            json!({ "name": "envoy.transport_sockets.tls", "typed_config": transport_socket(tls) });
    }
    json!({
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "name": name,
        "address": bootstrap::address("127.0.0.1", port),
        "filter_chains": [chain],
    })
}

/// A client's certificate is asked for, and whether it is valid is left to the filter: so a deployment is set up that has
/// clients with certificates and others without.
fn transport_socket(tls: &Tls) -> Value {
    let file = |label: &str, der: &[u8]| json!({ "inline_string": pem(label, der) });
    json!({
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate": false,
        "common_tls_context": {
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificates": [{
                "certificate_chain": file("CERTIFICATE", &tls.server.certificate),
                "private_key": file("PRIVATE KEY", &tls.server.key),
            }],
            "validation_context": {
                "trusted_ca": file("CERTIFICATE", &tls.authority),
                "trust_chain_verification": "ACCEPT_UNTRUSTED",
            },
        },
    })
}

/// RFC 7468
fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn connection_manager(envoy: &EnvoyOptions, name: &str, options: &ListenerOptions) -> Value {
    let hardened = envoy.paths == Paths::Hardened;
    json!({
        "@type": concat!(
            "type.googleapis.com/",
            "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        ),
        "stat_prefix": name,
        "codec_type": "AUTO",
        "normalize_path": hardened,
        "merge_slashes": hardened,
        "path_with_escaped_slashes_action": if hardened { "REJECT_REQUEST" } else { "KEEP_UNCHANGED" },
        // The audit records of a request are found by the id that the client sent with it.
        "preserve_external_request_id": true,
        // As the client sent it, unless asked for: what a filter makes of it is the filter's business.
        "forward_client_cert_details":
            if envoy.tells_certificate { "SANITIZE_SET" } else { "ALWAYS_FORWARD_ONLY" },
        "set_current_client_cert_details": { "subject": true, "cert": true, "chain": true, "dns": true, "uri": true },
        "http_protocol_options": { "enable_trailers": true },
        "http2_protocol_options": {},
        "upgrade_configs": [{ "upgrade_type": "websocket" }],
        "access_log": [access::logger()],
        "route_config": {
            "name": "stage",
            "virtual_hosts": [{
                "name": "stage",
                "domains": ["*"],
                "routes": [{
                    "name": "stage",
                    "match": { "prefix": "/" },
                    // A stream may last; how long is for the filter to say.
                    "route": { "cluster": bootstrap::UPSTREAM, "timeout": "0s" },
                }],
            }],
        },
        "http_filters": [
            { "name": "cedar-gate", "typed_config": wasm(envoy, name, options) },
            {
                "name": "envoy.filters.http.router",
                "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
            },
        ],
    })
}

fn wasm(envoy: &EnvoyOptions, name: &str, options: &ListenerOptions) -> Value {
    let mut environment = envoy.environment.clone();
    environment.extend(options.environment.clone());
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {
            // The filter's log lines say whose they are: in a request by the name, outside of one by the root id.
            "name": name,
            "root_id": name,
            "failure_policy": "FAIL_RELOAD",
            // Without it a paused request never gets its body to the filter.
            "allow_on_headers_stop_iteration": true,
            "vm_config": {
                "vm_id": options.vm_id.as_ref().unwrap_or(&envoy.vm_id),
                "runtime": "envoy.wasm.runtime.v8",
                "code": { "local": { "filename": envoy.wasm } },
                "environment_variables": { "key_values": environment },
            },
            "configuration": any(&options.configuration, options.form),
        },
    })
}

fn any(configuration: &Value, form: ConfigurationForm) -> Value {
    match form {
        ConfigurationForm::Struct => {
            json!({ "@type": "type.googleapis.com/google.protobuf.Struct", "value": configuration })
        }
        ConfigurationForm::Text => {
            json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration.to_string() })
        }
    }
}
