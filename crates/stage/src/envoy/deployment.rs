//! Envoy as somebody deploys it: started from a complete configuration file, and nothing in that file is for tests.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use cedar_gate_scenario::{Gateway, Host, Observed, Received, Request, Services, Start, StartRefused};
use serde_json::Value;

use super::log::{Log, LogLine, Mark};
use super::port::Port;
use super::process::Process;
use super::server::{self, Server};
use super::{Access, EnvoyFile, bootstrap};
use crate::client::{self, Exchange};
use crate::gateway::{ACCESS_LOG_BOUND, now};
use crate::polling;
use crate::service::Servers;
use crate::upstream::{RECORD_ID, Upstream};

/// The worker threads of a deployment.
const CONCURRENCY: u32 = 2;

/// An Envoy started from an [`EnvoyFile`] in front of an [`Upstream`], with the services that it calls, and a host of
/// scenarios that have its configuration.
///
/// Other than in an [`EnvoyHost`](crate::EnvoyHost), a request gets its id from Envoy: by the connection its line in the
/// access log is found, by the id in that line its audit records.
#[derive(Debug)]
pub struct Deployment {
    configuration: Value,
    requests: AtomicU64,
    server: Server,
    port: Port,
    services: Servers,
    upstream: Upstream,
}

impl Deployment {
    /// Starts all of them, with the Envoy at `binary` and the filter in the file `wasm`, on free ports of 127.0.0.1. Each
    /// service takes the place of the cluster of its name.
    ///
    /// # Errors
    ///
    /// When one of them does not start; with the end of Envoy's log, where it did not like its configuration.
    pub fn start(binary: &Path, file: &EnvoyFile, wasm: &Path, services: &Services) -> anyhow::Result<Self> {
        let upstream = Upstream::start().context("the upstream does not start")?;
        let port = Port::reserve().context("there is no free port")?;
        let process = Process::prepare()?;
        let wasm = server::copy_of_filter(wasm, process.directory())?;
        let services = Servers::start(services).context("the services do not start")?;
        let mut clusters: BTreeMap<&str, SocketAddr> =
            services.addresses().into_iter().filter_map(|(name, at)| Some((name, at?))).collect();
        clusters.insert(bootstrap::UPSTREAM, upstream.address());
        let placed = file.placed(port.number(), &wasm, &clusters)?;
        let arguments = bootstrap::prompt_arguments(process.directory(), CONCURRENCY);
        let server = Server::start(process, binary, &placed, &arguments)?;
        let configuration = file.configuration().clone();
        Ok(Self { configuration, requests: AtomicU64::new(0), server, port, services, upstream })
    }

    /// The port of the listener.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The time that the filter sees, in seconds since the Unix epoch.
    pub fn now(&self) -> i64 {
        now()
    }

    /// The upstream.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// The audit records from now on.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub fn decisions(&self) -> anyhow::Result<Decisions<'_>> {
        let mark = self.server.log.mark()?;
        Ok(Decisions { server: &self.server, mark })
    }

    /// Sends a request, as [`Gateway::send`] does.
    fn send(&self, request: &Request) -> anyhow::Result<Observed> {
        let id = format!("deployment-{}", self.requests.fetch_add(1, Ordering::Relaxed));
        let mut named = request.clone();
        named.headers.push((RECORD_ID.into(), id.clone().into()));
        let marks = self.server.marks()?;
        let Exchange { client, answer } = client::send(self.port(), &named)?;
        let answer = answer?;
        // Written at the request's end, after the filter's last word about it.
        let find = || self.server.access.find(marks.access, client);
        let access = polling::until("the access log", ACCESS_LOG_BOUND, find).ok();
        let request_id = access.as_ref().and_then(|access| access.request_id.clone());
        let mut received = self.upstream.take(&id);
        ensure!(received.len() < 2, "the upstream got the request {} times", received.len());
        Ok(Observed {
            status: answer.status,
            grpc_status: answer.grpc_status(),
            headers: answer.headers,
            body: answer.body,
            upstream: received.pop().map(without_record_id),
            audit: match request_id {
                Some(id) => records(&self.server.log, &mut marks.log.clone())?
                    .into_iter()
                    .filter(|record| record["request_id"] == id.as_str())
                    .collect(),
                None => Vec::new(),
            },
            details: access.and_then(Access::given_details),
            ..Observed::default()
        })
    }
}

impl Host for Deployment {
    fn name(&self) -> &'static str {
        "envoy"
    }

    /// # Panics
    ///
    /// When the scenario has another configuration than the file that Envoy was started with: what it expects would be
    /// compared with what something else does.
    fn start(&self, start: &Start) -> Result<Box<dyn Gateway + '_>, StartRefused> {
        assert_eq!(start.configuration, self.configuration, "a scenario for another configuration");
        self.services.adopt(&start.services).map_err(|error| StartRefused { log: vec![format!("{error:#}")] })?;
        Ok(Box::new(DeployedGateway(self)))
    }
}

struct DeployedGateway<'deployment>(&'deployment Deployment);

impl Gateway for DeployedGateway<'_> {
    fn now(&self) -> i64 {
        self.0.now()
    }

    fn advance(&mut self, seconds: u64) {
        std::thread::sleep(Duration::from_secs(seconds));
    }

    fn services_changed(&mut self) -> anyhow::Result<()> {
        self.0.services.follow()
    }

    fn send_together(&mut self, requests: &[Request]) -> anyhow::Result<Vec<Observed>> {
        client::together(requests, |request| self.0.send(request))
    }
}

/// The audit records of a [`Deployment`], as they come.
pub struct Decisions<'deployment> {
    server: &'deployment Server,
    mark: Mark,
}

impl Decisions<'_> {
    /// Those that came since this was called last.
    ///
    /// # Errors
    ///
    /// When Envoy has ended, with the end of its log.
    pub fn take(&mut self) -> anyhow::Result<Vec<Value>> {
        self.server.check()?;
        records(&self.server.log, &mut self.mark)
    }
}

impl fmt::Debug for Decisions<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Decisions").field("mark", &self.mark).finish_non_exhaustive()
    }
}

fn records(log: &Log, mark: &mut Mark) -> anyhow::Result<Vec<Value>> {
    let lines = log.advance(mark)?.into_iter().filter_map(LogLine::of);
    Ok(lines.filter_map(|line| line.audit_record()).collect())
}

fn without_record_id(mut received: Received) -> Received {
    received.headers.retain(|(name, _)| name != RECORD_ID.as_bytes());
    received
}
