//! The listener that carries one configuration of the filter.

use cedar_gate_scenario::ConfigurationForm;
use serde_json::{Value, json};

use super::{EnvoyOptions, Paths, access, bootstrap};

pub(super) fn listener(
    options: &EnvoyOptions,
    name: &str,
    port: u16,
    configuration: &Value,
    form: ConfigurationForm,
) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "name": name,
        "address": bootstrap::address("127.0.0.1", port),
        "filter_chains": [{
            "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": connection_manager(options, name, configuration, form),
            }],
        }],
    })
}

fn connection_manager(options: &EnvoyOptions, name: &str, configuration: &Value, form: ConfigurationForm) -> Value {
    let hardened = options.paths == Paths::Hardened;
    json!({
        "@type": concat!(
            "type.googleapis.com/",
            "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        ),
        "stat_prefix": "stage",
        "codec_type": "AUTO",
        "normalize_path": hardened,
        "merge_slashes": hardened,
        "path_with_escaped_slashes_action": if hardened { "REJECT_REQUEST" } else { "KEEP_UNCHANGED" },
        // The audit records of a request are found by the id that the client sent with it.
        "preserve_external_request_id": true,
        "http_protocol_options": { "enable_trailers": true },
        "http2_protocol_options": {},
        "access_log": [access::logger()],
        "route_config": {
            "name": "stage",
            "virtual_hosts": [{
                "name": "stage",
                "domains": ["*"],
                "routes": [{ "name": "stage", "match": { "prefix": "/" }, "route": { "cluster": bootstrap::UPSTREAM } }],
            }],
        },
        "http_filters": [
            { "name": "cedar-gate", "typed_config": wasm(options, name, configuration, form) },
            {
                "name": "envoy.filters.http.router",
                "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
            },
        ],
    })
}

fn wasm(options: &EnvoyOptions, name: &str, configuration: &Value, form: ConfigurationForm) -> Value {
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
                "vm_id": options.vm_id,
                "runtime": "envoy.wasm.runtime.v8",
                "code": { "local": { "filename": options.wasm } },
                "environment_variables": { "key_values": options.environment },
            },
            "configuration": any(configuration, form),
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
