//! How Envoy is started: its arguments, its bootstrap configuration and its files.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::EnvoyOptions;

/// The cluster of every route.
pub(super) const UPSTREAM: &str = "upstream";

pub(super) fn file(directory: &Path) -> PathBuf {
    directory.join("bootstrap.json")
}

pub(super) fn access_log_file(directory: &Path) -> PathBuf {
    directory.join("access.log")
}

pub(super) fn admin_address_file(directory: &Path) -> PathBuf {
    directory.join("admin-address")
}

/// A directory of its own, because Envoy reloads at anything that is moved into it.
pub(super) fn listener_directory(directory: &Path) -> PathBuf {
    directory.join("listeners")
}

pub(super) fn listener_file(directory: &Path) -> PathBuf {
    listener_directory(directory).join("listeners.json")
}

/// Another one, for the clusters that come and go with listeners.
pub(super) fn cluster_directory(directory: &Path) -> PathBuf {
    directory.join("clusters")
}

pub(super) fn cluster_file(directory: &Path) -> PathBuf {
    cluster_directory(directory).join("clusters.json")
}

pub(super) fn arguments(directory: &Path, concurrency: u32) -> Vec<OsString> {
    vec![
        "--config-path".into(),
        file(directory).into(),
        "--admin-address-path".into(),
        admin_address_file(directory).into(),
        "--concurrency".into(),
        concurrency.to_string().into(),
        // No hot restart, so no shared memory that a killed process would leave behind, and no clash of two Envoys.
        "--disable-hot-restart".into(),
        "--log-level".into(),
        "warning".into(),
        "--component-log-level".into(),
        "wasm:info".into(),
        "--log-format".into(),
        super::log::FORMAT.into(),
    ]
}

/// The same, for an Envoy that nobody has to wait for.
pub(super) fn prompt_arguments(directory: &Path, concurrency: u32) -> Vec<OsString> {
    let mut arguments = arguments(directory, concurrency);
    arguments.extend(
        [
            // The access log says when a request has ended; its default of 10 s would make every test wait.
            "--file-flush-interval-msec",
            "5",
            // A retired listener goes soon, not after ten minutes.
            "--drain-time-s",
            "1",
        ]
        .map(OsString::from),
    );
    arguments
}

pub(super) fn bootstrap(options: &EnvoyOptions, directory: &Path) -> Value {
    let upstream = cluster(UPSTREAM, options.upstream);
    let others = options.clusters.iter().map(|(name, address)| cluster(name, *address));
    json!({
        "node": { "id": "stage", "cluster": "stage" },
        "admin": { "address": address("127.0.0.1", 0) },
        "dynamic_resources": {
            "cds_config": watched(&cluster_file(directory), &cluster_directory(directory)),
            "lds_config": watched(&listener_file(directory), &listener_directory(directory)),
        },
        "static_resources": { "clusters": std::iter::once(upstream).chain(others).collect::<Vec<_>>() },
    })
}

fn watched(file: &Path, directory: &Path) -> Value {
    json!({
        "resource_api_version": "V3",
        "path_config_source": { "path": file, "watched_directory": { "path": directory } },
    })
}

/// A cluster for the filter's own calls; without an address it has no hosts.
pub(super) fn service(name: &str, at: Option<SocketAddr>) -> Value {
    let hosts: Vec<_> = at.iter().map(|at| endpoint(*at)).collect();
    json!({
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": hosts }] },
    })
}

fn endpoint(at: SocketAddr) -> Value {
    json!({ "endpoint": { "address": address(&at.ip().to_string(), at.port()) } })
}

fn cluster(name: &str, to: SocketAddr) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": [endpoint(to)] }] },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "use_downstream_protocol_config": {
                    "http_protocol_options": { "enable_trailers": true },
                    "http2_protocol_options": {},
                },
            },
        },
    })
}

pub(super) fn address(ip: &str, port: u16) -> Value {
    json!({ "socket_address": { "address": ip, "port_value": port } })
}
