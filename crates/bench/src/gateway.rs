//! The one Envoy, with a listener for each filter that is compared.
//!
//! One process for all of them: what is compared then shares the worker, its core, its allocator and its event loop, and
//! differs in the filters alone. Only one listener has requests at a time; the others have nothing to do. The answer is
//! Envoy's own, given by the route behind the filters (`direct_response`), so that no upstream is measured.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use cedar_gate_scenario::{Body, Protocol, Request};
use cedar_gate_stage::{PlainEnvoy, client, polling};
use serde_json::{Value, json};

use crate::filter::{Modules, before_router};
use crate::issuer::Issuer;
use crate::row::Filter;

/// What is asked for.
pub(crate) const HOST: &str = "api.example.com";
pub(crate) const PATH: &str = "/payments/7";

/// The running Envoy.
#[derive(Debug)]
pub(crate) struct Gateway {
    envoy: PlainEnvoy,
    listeners: Vec<Listener>,
}

/// A listener, and where its records go.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) filter: Filter,
    pub(crate) audit: bool,
    pub(crate) port: u16,
    records: PathBuf,
}

impl Gateway {
    /// Starts Envoy with one worker, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When it does not start; with the end of its log, where it did not like its configuration.
    pub(crate) fn start(binary: &Path, wasm: &Path, issuer: &Issuer) -> anyhow::Result<Self> {
        let mut logs = PathBuf::new();
        let envoy = PlainEnvoy::start(binary, 1, |directory| {
            directory.clone_into(&mut logs);
            let modules = Modules { cedar_gate: &directory.join("gate.wasm"), noop: &directory.join("noop.wasm") };
            fs::copy(wasm, modules.cedar_gate)
                .with_context(|| format!("no filter at {}; `make wasm` builds it", wasm.display()))?;
            fs::write(modules.noop, wat::parse_str(include_str!("noop.wat"))?)?;
            Ok(bootstrap(directory, issuer, modules))
        })?;
        let bound: Value = serde_json::from_str(&envoy.admin("/listeners?format=json")?)?;
        let listener = |(filter, audit): (Filter, bool)| {
            let name = name(filter, audit);
            let port = port(&bound, &name).with_context(|| format!("Envoy has no listener `{name}`"))?;
            let records = match filter {
                Filter::CedarGate => envoy.log_file().to_owned(),
                _ => access_log_file(&logs, &name),
            };
            Ok(Listener { filter, audit, port, records })
        };
        let listeners = all().map(listener).collect::<anyhow::Result<_>>()?;
        Ok(Self { envoy, listeners })
    }

    /// The listener of a filter.
    pub(crate) fn listener(&self, filter: Filter, audit: bool) -> anyhow::Result<&Listener> {
        let mut listeners = self.listeners.iter();
        let found = listeners.find(|listener| listener.filter == filter && listener.audit == audit);
        found.ok_or_else(|| anyhow!("no listener `{}`", name(filter, audit)))
    }

    /// Sees to it that every filter lets the good request pass, and that those which judge refuse the bad ones: figures
    /// of a filter that does not do its work are worth nothing.
    ///
    /// # Errors
    ///
    /// The first wrong answer.
    pub(crate) fn check(&self, issuer: &Issuer) -> anyhow::Result<()> {
        let (good, forged, outsider) = (issuer.good()?, issuer.forged()?, issuer.outsider()?);
        let asked = [
            ("the good token", PATH, Some(&good), 200),
            ("no token", PATH, None, 401),
            ("a forged token", PATH, Some(&forged), 401),
            ("a token without a role", PATH, Some(&outsider), 403),
            ("the good token, for what its roles do not allow,", "/payments/7/release", Some(&good), 403),
        ];
        for listener in &self.listeners {
            for (what, path, token, of_a_judge) in asked {
                let expected = if listener.filter.judges() { of_a_judge } else { 200 };
                let status = ask(listener.port, path, token.map(String::as_str))?;
                ensure!(
                    status == expected,
                    "`{}`: {what} is answered with {status} instead of {expected}",
                    name(listener.filter, listener.audit)
                );
            }
        }
        self.settle()?;
        self.listeners.iter().try_for_each(Listener::drop_records)
    }

    /// The number of Envoy's process.
    pub(crate) fn process_id(&self) -> u32 {
        self.envoy.process_id()
    }

    /// Waits until Envoy has nothing left to do: it works off what it has read of connections that are gone.
    ///
    /// # Errors
    ///
    /// When Envoy has ended, with the end of its log.
    pub(crate) fn settle(&self) -> anyhow::Result<()> {
        polling::until("Envoy to close its connections", Duration::from_secs(10), || {
            self.envoy.check()?;
            let stats = self.envoy.admin(&format!("/stats?filter=^http.{STATS}.downstream_cx_active$"))?;
            Ok((stats.trim().rsplit(' ').next() == Some("0")).then_some(()))
        })
    }
}

impl Listener {
    /// Sees to it that the last requests have left their records, or, without audit, that they have left none; and
    /// empties the file, so that the disk has nothing to do.
    ///
    /// # Errors
    ///
    /// When they have not.
    pub(crate) fn take_records(&self, requests: u64) -> anyhow::Result<()> {
        let length = match fs::metadata(&self.records) {
            Ok(metadata) => metadata.len(),
            Err(_) if !self.audit => 0,
            Err(error) => return Err(error).context(self.records.display().to_string()),
        };
        let each = length / requests.max(1);
        let name = name(self.filter, self.audit);
        match self.audit {
            // Envoy holds the last lines of an access log back for a while.
            true => ensure!(each >= SHORTEST / 2, "`{name}`: {requests} requests left {length} bytes of records"),
            false if each > 0 => bail!("`{name}`: {requests} requests left {length} bytes of records"),
            false => {}
        }
        self.drop_records()
    }

    fn drop_records(&self) -> anyhow::Result<()> {
        if self.records.exists() {
            File::options().write(true).open(&self.records)?.set_len(0)?;
        }
        Ok(())
    }
}

/// What the statistics of the listeners are counted under, all together.
const STATS: &str = "yardstick";

/// Bytes of a record, at least.
const SHORTEST: u64 = 200;

fn all() -> impl Iterator<Item = (Filter, bool)> {
    Filter::ALL.into_iter().flat_map(|filter| [(filter, false), (filter, true)])
}

fn name(filter: Filter, audit: bool) -> String {
    format!("{filter}, audit {}", if audit { "on" } else { "off" })
}

fn access_log_file(directory: &Path, listener: &str) -> PathBuf {
    directory.join(listener.replace([' ', ','], "-")).with_extension("log")
}

fn port(bound: &Value, name: &str) -> Option<u16> {
    let listeners = bound["listener_statuses"].as_array()?;
    let listener = listeners.iter().find(|listener| listener["name"] == name)?;
    listener.pointer("/local_address/socket_address/port_value")?.as_u64()?.try_into().ok()
}

fn ask(port: u16, path: &str, token: Option<&str>) -> anyhow::Result<u16> {
    let authorization = token.map(|token| (b"authorization".to_vec(), format!("Bearer {token}").into_bytes()));
    let request = Request {
        method: if path == PATH { b"GET".to_vec() } else { b"POST".to_vec() },
        path: path.into(),
        authority: HOST.into(),
        headers: authorization.into_iter().collect(),
        body: Body::None,
        trailers: Vec::new(),
        protocol: Protocol::Http1,
        ..Request::default()
    };
    Ok(client::send(port, &request)?.answer?.status)
}

fn bootstrap(directory: &Path, issuer: &Issuer, modules: Modules<'_>) -> Value {
    let listener = |(filter, audit): (Filter, bool)| {
        let name = name(filter, audit);
        let mut filters = before_router(filter, audit, issuer, modules);
        filters.push(json!({
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        }));
        let logs = audit && filter != Filter::CedarGate;
        let access_log = logs.then(|| access_log(&access_log_file(directory, &name)));
        json!({
            "name": name,
            "address": loopback(),
            "filter_chains": [{
                "filters": [{
                    "name": "envoy.filters.network.http_connection_manager",
                    "typed_config": connection_manager(&filters, access_log),
                }],
            }],
        })
    };
    json!({
        "node": { "id": "yardstick", "cluster": "yardstick" },
        "admin": { "address": loopback() },
        "static_resources": { "listeners": all().map(listener).collect::<Vec<_>>() },
    })
}

/// A free port of this machine.
fn loopback() -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": 0 } })
}

/// What examples/envoy advises for paths, and otherwise Envoy's defaults.
fn connection_manager(filters: &[Value], access_log: Option<Value>) -> Value {
    json!({
        "@type": concat!(
            "type.googleapis.com/",
            "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        ),
        "stat_prefix": STATS,
        "normalize_path": true,
        "merge_slashes": true,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "access_log": access_log.into_iter().collect::<Vec<_>>(),
        "route_config": {
            "name": "yardstick",
            "virtual_hosts": [{
                "name": "yardstick",
                "domains": ["*"],
                "routes": [{
                    "match": { "prefix": "/" },
                    "direct_response": { "status": 200, "body": { "inline_string": "paid" } },
                }],
            }],
        },
        "http_filters": filters,
    })
}

/// A line for each request with what an audit record has, as far as Envoy knows it.
fn access_log(file: &Path) -> Value {
    json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": file,
            "log_format": {
                "json_format": {
                    "time": "%START_TIME%",
                    "request_id": "%REQ(X-REQUEST-ID)%",
                    "client": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%",
                    "method": "%REQ(:METHOD)%",
                    "host": "%REQ(:AUTHORITY)%",
                    "path": "%PATH(NQ:PATH)%",
                    "status": "%RESPONSE_CODE%",
                    "details": "%RESPONSE_CODE_DETAILS%",
                    "subject": "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:sub)%",
                    "token_id": "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:jti)%",
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use cedar_gate_stage::EnvoyOptions;

    use super::*;
    use crate::issuer::Algorithm;

    /// With a real Envoy, which `CEDAR_GATE_ENVOY` names, and the module that was built last.
    #[test]
    fn every_filter_does_its_work_before_it_is_measured() {
        let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/cedar_gate.wasm");
        let wasm = std::env::var_os("CEDAR_GATE_WASM").map_or(built, PathBuf::from);
        let Some(envoy) = EnvoyOptions::binary_from_env().filter(|_| wasm.exists()) else {
            // Not with `println!`, which the test runner keeps to itself when a test passes.
            let line = b"skipped: the yardstick's filters in a real Envoy, which CEDAR_GATE_ENVOY does not name\n";
            return std::io::stderr().write_all(line).expect("somewhere to write");
        };
        let issuer = Issuer::new(Algorithm::Rs256, jiff::Timestamp::now().as_second()).unwrap();
        let gateway = Gateway::start(&envoy, &wasm, &issuer).unwrap();
        gateway.check(&issuer).unwrap();

        // What checks must be able to fail: to these filters, tokens of another issuer are forged ones.
        let stranger = Issuer::new(Algorithm::Es256, jiff::Timestamp::now().as_second()).unwrap();
        let error = gateway.check(&stranger).unwrap_err().to_string();
        assert!(error.contains("the good token is answered with 401 instead of 200"), "{error}");

        let loud = gateway.listener(Filter::CedarGate, true).unwrap();
        let quiet = gateway.listener(Filter::CedarGate, false).unwrap();
        let ask = |listener: &Listener| ask(listener.port, PATH, Some(&issuer.good().unwrap())).unwrap();
        loud.drop_records().unwrap();
        ask(loud);
        assert!(quiet.take_records(1).is_err(), "a record where there should be none");
        assert!(loud.take_records(1).is_ok(), "one record of one request");
        ask(quiet);
        assert!(quiet.take_records(1).is_ok(), "no record without audit");
        assert!(loud.take_records(1).is_err(), "records that are missing");
    }
}
