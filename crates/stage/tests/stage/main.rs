//! The stage with a real Envoy, which the environment variable `CEDAR_GATE_ENVOY` names.
#![cfg(test)]

mod answers;
mod example;
mod forwarding;
mod life;
mod listeners;
mod services;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::OnceLock;

use cedar_gate_scenario::{Body, ConfigurationForm, Gateway, Headers, Host, Protocol, Request, Start};
use cedar_gate_stage::{EnvoyHost, EnvoyOptions};
use serde_json::json;
use tempfile::TempDir;

/// The host that all tests share which do not end it; `None`, with a line that says so, where there is no Envoy.
fn shared() -> Option<&'static EnvoyHost> {
    static HOST: OnceLock<Option<EnvoyHost>> = OnceLock::new();
    HOST.get_or_init(|| {
        let host = Filter::new().host();
        if host.is_none() {
            skipped();
        }
        host
    })
    .as_ref()
}

/// Not with `println!`, which the test runner keeps to itself when a test passes.
fn skipped() {
    let line = b"skipped: tests with a real Envoy, which CEDAR_GATE_ENVOY does not name\n";
    std::io::stderr().write_all(line).expect("somewhere to write");
}

/// The compiled filter of these tests.
struct Filter {
    directory: TempDir,
}

impl Filter {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let wasm = wat::parse_str(include_str!("filter.wat")).expect("a module");
        fs::write(directory.path().join("filter.wasm"), wasm).expect("a file");
        Self { directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("filter.wasm")
    }

    fn host(&self) -> Option<EnvoyHost> {
        let binary = EnvoyOptions::binary_from_env()?;
        // Two workers, so that it shows whether both have what is said to be in force.
        let host = EnvoyHost::start_with(&binary, &self.path(), |options| options.concurrency = 2);
        Some(host.expect("Envoy starts"))
    }
}

/// A gateway whose filter does `what`.
fn gateway<'host>(host: &'host EnvoyHost, what: &str) -> Box<dyn Gateway + 'host> {
    host.start(&start(what)).expect("the configuration is good")
}

fn start(what: &str) -> Start {
    Start { configuration: json!({ "do": what }), form: ConfigurationForm::Text, ..Start::default() }
}

fn get(path: &str) -> Request {
    Request {
        method: b"GET".to_vec(),
        path: path.into(),
        authority: b"files.example".to_vec(),
        headers: Vec::new(),
        body: Body::None,
        trailers: Vec::new(),
        protocol: Protocol::Http1,
        ..Request::default()
    }
}

fn post(parts: &[&[u8]]) -> Request {
    Request {
        method: b"POST".to_vec(),
        body: Body::Parts(parts.iter().map(|part| part.to_vec()).collect()),
        ..get("/")
    }
}

fn headers(of: &[(&str, &[u8])]) -> Headers {
    of.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec())).collect()
}

/// All values of a header, in order.
fn values<'headers>(headers: &'headers Headers, name: &str) -> Vec<&'headers [u8]> {
    headers.iter().filter(|(n, _)| n == name.as_bytes()).map(|(_, value)| value.as_slice()).collect()
}
