//! A real Envoy as a host of scenarios.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};
use cedar_gate_scenario::{Gateway, Headers, Host, Observed, Received, Request, Start, StartRefused, Tls};
use serde_json::Value;

use crate::client::{self, Answer, Exchange};
use crate::envoy::{Access, Envoy, EnvoyOptions, ListenerError, ListenerOptions, LogLine, Marks};
use crate::polling;
use crate::service::Servers;
use crate::upstream::{OPEN_FOR, RECORD_ID, Upstream};

/// How long the access log is waited for after the answer is there. Some broken requests never get a line.
pub(crate) const ACCESS_LOG_BOUND: Duration = Duration::from_secs(2);

/// The header by which the filter names a request in its audit records.
const REQUEST_ID: &str = "x-request-id";

/// The longest that a scenario may make a real clock run at once, in seconds.
const LONGEST_WAIT: u64 = 30;

/// An Envoy and an upstream; each gateway started from it is a listener of its own, with VMs and clusters of its own.
///
/// A gateway that wants several workers gets its listener in an Envoy with so many, which is started when the first one
/// wants it: with one worker it is known what meets what another request has left in its memory, with several it is not.
///
/// It may be shared among threads.
#[derive(Debug)]
pub struct EnvoyHost {
    envoy: Arc<Envoy>,
    /// By the number of workers.
    others: Mutex<BTreeMap<u32, Arc<Envoy>>>,
    options: EnvoyOptions,
    upstream: Upstream,
    gateways: AtomicU64,
    requests: AtomicU64,
}

impl EnvoyHost {
    /// Starts both, with the Envoy at `binary` and the filter in the file `wasm`.
    ///
    /// # Errors
    ///
    /// When one of them does not start.
    pub fn start(binary: &Path, wasm: &Path) -> anyhow::Result<Self> {
        Self::start_with(binary, wasm, |_| ())
    }

    /// Starts both, with the Envoy that the environment variable `CEDAR_GATE_ENVOY` names; `None` without it.
    ///
    /// # Errors
    ///
    /// When one of them does not start.
    pub fn from_env(wasm: &Path) -> anyhow::Result<Option<Self>> {
        let Some(binary) = EnvoyOptions::binary_from_env() else { return Ok(None) };
        Self::start(&binary, wasm).map(Some)
    }

    /// Starts both, with Envoy's options changed by `change`: further clusters, say, or variables of the VM.
    ///
    /// # Errors
    ///
    /// When one of them does not start.
    pub fn start_with(binary: &Path, wasm: &Path, change: impl FnOnce(&mut EnvoyOptions)) -> anyhow::Result<Self> {
        let upstream = Upstream::start().context("the upstream does not start")?;
        let mut options = EnvoyOptions::new(binary, wasm, upstream.address());
        change(&mut options);
        let envoy = Arc::new(Envoy::start(options.clone())?);
        let others = Mutex::default();
        Ok(Self { envoy, others, options, upstream, gateways: AtomicU64::new(0), requests: AtomicU64::new(0) })
    }

    /// The Envoy for a gateway with so many workers.
    fn envoy_with(&self, workers: usize) -> anyhow::Result<Arc<Envoy>> {
        let concurrency = u32::try_from(workers)?;
        if concurrency <= 1 || concurrency == self.options.concurrency {
            return Ok(Arc::clone(&self.envoy));
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(envoy) = others.get(&concurrency) {
            return Ok(Arc::clone(envoy));
        }
        let envoy = Arc::new(Envoy::start(EnvoyOptions { concurrency, ..self.options.clone() })?);
        others.insert(concurrency, Arc::clone(&envoy));
        Ok(envoy)
    }

    /// The Envoy, for what a scenario does not do: changing a configuration, reading metrics.
    pub fn envoy(&self) -> &Envoy {
        &self.envoy
    }

    /// The upstream.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Sends a request to the listener `name` on `port`, as [`Gateway::send`] does.
    ///
    /// # Errors
    ///
    /// When no answer came: the connection broke, or the deadline of the client passed.
    pub fn send(&self, name: &str, port: u16, request: &Request) -> anyhow::Result<Observed> {
        self.send_over(&self.envoy, name, port, None, request)
    }

    fn send_over(
        &self,
        envoy: &Envoy,
        name: &str,
        port: u16,
        tls: Option<&Tls>,
        request: &Request,
    ) -> anyhow::Result<Observed> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        // Not of the length of a UUID: Envoy writes a tracing decision into those.
        let id = format!("{name}-request-{number}");
        let sent = Sent::with(id, request);
        let marks = envoy.marks()?;
        let Exchange { client, answer } = client::send_over(port, tls, &sent.request)?;
        let answer = answer?;
        // Written at the request's end, after the filter's last word about it.
        let access = polling::until("the access log", ACCESS_LOG_BOUND, || envoy.access_since(marks, client)).ok();
        let mut received = self.upstream.take(&sent.id);
        ensure!(received.len() < 2, "the upstream got the request {} times", received.len());
        Ok(Observed {
            status: answer.status,
            grpc_status: answer.grpc_status(),
            closed_after: request.open_for.and_then(|seconds| closed_after(&answer, seconds)),
            headers: answer.headers,
            body: answer.body,
            upstream: received.pop().map(|received| sent.without_own_headers(received)),
            audit: audit(envoy, marks, name, &sent)?,
            details: access.and_then(Access::given_details),
            ..Observed::default()
        })
    }
}

/// After how many seconds an answer ended that the upstream kept open for `seconds`, where it was not the upstream that
/// ended it. What ends a WebSocket is not said, so it is the time that tells.
fn closed_after(answer: &Answer, seconds: u64) -> Option<u64> {
    let early = answer.lasted + Duration::from_millis(500) < Duration::from_secs(seconds);
    (early || !answer.complete).then_some(answer.lasted.as_secs())
}

fn audit(envoy: &Envoy, marks: Marks, name: &str, sent: &Sent) -> anyhow::Result<Vec<Value>> {
    let lines = envoy.filter_log_since(marks, name)?;
    Ok(lines
        .iter()
        .filter_map(LogLine::audit_record)
        .filter(|record| record.get("request_id").and_then(Value::as_str).is_some_and(|id| sent.is_named(id)))
        .collect())
}

impl Host for EnvoyHost {
    fn name(&self) -> &'static str {
        "envoy"
    }

    /// # Panics
    ///
    /// When Envoy itself fails, or rejects the listener without a word from the filter: neither must pass for a refusal
    /// of the filter.
    fn start(&self, start: &Start) -> Result<Box<dyn Gateway + '_>, StartRefused> {
        let name = format!("gateway-{}", self.gateways.fetch_add(1, Ordering::Relaxed));
        match self.open(name, start) {
            Ok(gateway) => Ok(Box::new(gateway)),
            Err(ListenerError::Rejected(rejected)) if !rejected.log.is_empty() => {
                Err(StartRefused { log: rejected.log })
            }
            Err(error) => panic!("{error}"),
        }
    }
}

impl EnvoyHost {
    fn open(&self, name: String, start: &Start) -> Result<EnvoyGateway<'_>, ListenerError> {
        let mut configuration = start.configuration.clone();
        let mut gateway = EnvoyGateway {
            host: self,
            envoy: self.envoy_with(start.workers)?,
            name,
            port: 0,
            tls: start.tls.clone(),
            servers: None,
            clusters: BTreeMap::new(),
            overdue: false,
        };
        if !start.services.clusters().is_empty() {
            let servers = Servers::start(&start.services)?;
            let own = |cluster: &str| format!("{}-{cluster}", gateway.name);
            let addresses = servers.addresses();
            let clusters: BTreeMap<_, _> = addresses.iter().map(|(name, at)| (own(name), *at)).collect();
            gateway.envoy.add_clusters(&clusters)?;
            rename_clusters(&mut configuration, &|name| addresses.contains_key(name).then(|| own(name)));
            gateway.clusters = clusters;
            gateway.servers = Some(servers);
        }
        let options = ListenerOptions {
            configuration,
            form: start.form,
            // Nothing is shared with other gateways.
            vm_id: Some(gateway.name.clone()),
            environment: start.environment.clone(),
            tls: start.tls.clone(),
        };
        gateway.port = gateway.envoy.add_listener_with(&gateway.name, options)?;
        Ok(gateway)
    }
}

/// Gives the clusters in a configuration other names, where `name` has one.
fn rename_clusters(configuration: &mut Value, name: &impl Fn(&str) -> Option<String>) {
    match configuration {
        Value::Array(items) => items.iter_mut().for_each(|item| rename_clusters(item, name)),
        Value::Object(members) => {
            for (member, value) in members {
                match value {
                    Value::String(cluster) if member == "cluster" => {
                        if let Some(other) = name(cluster) {
                            *cluster = other;
                        }
                    }
                    value => rename_clusters(value, name),
                }
            }
        }
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => {}
    }
}

/// The real time, which is Envoy's, in seconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX)
}

/// One listener.
struct EnvoyGateway<'host> {
    host: &'host EnvoyHost,
    envoy: Arc<Envoy>,
    name: String,
    port: u16,
    tls: Option<Tls>,
    servers: Option<Servers>,
    clusters: BTreeMap<String, Option<std::net::SocketAddr>>,
    /// Whether the clock was to run for longer than anybody waits.
    overdue: bool,
}

impl EnvoyGateway<'_> {
    fn send_one(&self, request: &Request) -> anyhow::Result<Observed> {
        self.host.send_over(&self.envoy, &self.name, self.port, self.tls.as_ref(), request)
    }

    /// Waits until so many requests have come to the filter since there were `before`.
    fn await_requests(&self, before: u64, count: usize) -> anyhow::Result<()> {
        let wanted = before + u64::try_from(count)?;
        polling::until("all requests to arrive", client::DEADLINE, || {
            Ok((self.envoy.requests(&self.name)? >= wanted).then_some(()))
        })
    }
}

impl Gateway for EnvoyGateway<'_> {
    fn now(&self) -> i64 {
        now()
    }

    fn advance(&mut self, seconds: u64) {
        if seconds > LONGEST_WAIT {
            self.overdue = true;
            return;
        }
        // Envoy's clock is the real one: letting it run on is waiting.
        thread::sleep(Duration::from_secs(seconds));
    }

    fn services_changed(&mut self) -> anyhow::Result<()> {
        let Some(servers) = &self.servers else { return Ok(()) };
        let own = |cluster: &str| format!("{}-{cluster}", self.name);
        let clusters: BTreeMap<_, _> = servers.addresses().iter().map(|(name, at)| (own(name), *at)).collect();
        ensure!(clusters == self.clusters, "Envoy has or has not hosts in a cluster from the start on");
        servers.follow()
    }

    fn send_together(&mut self, requests: &[Request]) -> anyhow::Result<Vec<Observed>> {
        ensure!(
            !self.overdue,
            "Envoy's clock is the real one, and nobody waits for more than {LONGEST_WAIT} s; say `hosts: [native, wasm]`"
        );
        ensure!(requests.iter().all(|request| request.worker == 0), "nobody chooses among Envoy's workers");
        let Some(servers) = self.servers.as_ref().filter(|_| requests.len() > 1) else {
            return client::together(requests, |request| self.send_one(request));
        };
        let before = self.envoy.requests(&self.name)?;
        servers.hold();
        thread::scope(|scope| {
            let arrived = scope.spawn(|| {
                let arrived = self.await_requests(before, requests.len());
                // In any case, or nobody would ever be answered.
                servers.release();
                arrived
            });
            let observed = client::together(requests, |request| self.send_one(request));
            let arrived = arrived.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            observed.and_then(|observed| arrived.map(|()| observed))
        })
    }
}

impl Drop for EnvoyGateway<'_> {
    fn drop(&mut self) {
        self.envoy.retire_listener(&self.name);
        self.envoy.retire_clusters(self.clusters.keys());
    }
}

/// A request with the headers by which its traces are found.
struct Sent {
    id: String,
    request: Request,
    /// Whether `x-request-id` was added; a request may bring its own.
    names_request: bool,
}

impl Sent {
    fn with(id: String, request: &Request) -> Self {
        let mut request = request.clone();
        let names_request = !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(REQUEST_ID.as_bytes()));
        request.headers.push((RECORD_ID.into(), id.clone().into()));
        if let Some(seconds) = request.open_for {
            request.headers.push((OPEN_FOR.into(), seconds.to_string().into()));
        }
        if names_request {
            request.headers.push((REQUEST_ID.into(), id.clone().into()));
        }
        Self { id, request, names_request }
    }

    /// Whether an audit record with this id speaks of this request.
    fn is_named(&self, id: &str) -> bool {
        if self.names_request {
            return self.id == id;
        }
        let own: Vec<_> = values(&self.request.headers, REQUEST_ID).collect();
        // Envoy joins a repeated one; a filter may take the first.
        own.join(",") == id || own.first().is_some_and(|first| first == id)
    }

    fn without_own_headers(&self, mut received: Received) -> Received {
        let own = [RECORD_ID, OPEN_FOR].map(str::as_bytes);
        received.headers.retain(|(name, _)| {
            !(own.contains(&name.as_slice()) || self.names_request && name == REQUEST_ID.as_bytes())
        });
        received
    }
}

fn values(headers: &Headers, name: &str) -> impl Iterator<Item = String> {
    headers
        .iter()
        .filter(move |(n, _)| n.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
}
