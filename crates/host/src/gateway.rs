//! The `.wasm` as a host for scenarios.

mod connection;
mod head;
mod service;

use std::sync::Arc;
use std::time::Duration;

use cedar_gate_scenario::{
    Body, ConfigurationForm, Gateway, Headers, Host, Observed, Protocol, Received, Request, Start, StartRefused,
    encoded_struct,
};
use serde_json::Value;

use crate::calls::Answer;
use crate::log::{LogLevel, LogLine};
use crate::module::Module;
use crate::shared::SharedData;
use crate::stack::on_wasm_stack;
use crate::stream::{Message, Stream, StreamId};
use crate::verify_signature::{VERIFY_SIGNATURE, verify_signature};
use crate::vm::{Options, Vm};
use connection::Connection;
use service::Desk;

/// How long a client waits for an answer before it gives up.
const PATIENCE: Duration = Duration::from_secs(60);

const NANOSECONDS: u64 = 1_000_000_000;

/// Runs scenarios in the real `.wasm`, in as many VMs as a scenario has workers.
///
/// A request that went on is answered with an empty 200. Time moves while a request waits, for 60 seconds at most, and
/// by [`Gateway::advance`]; in all VMs at once.
#[derive(Clone)]
pub struct WasmHost {
    module: Module,
    options: Options,
}

impl WasmHost {
    /// A host that verifies signatures for the filter, as Envoy does.
    pub fn new(module: Module) -> Self {
        let foreign_functions = [(VERIFY_SIGNATURE.to_owned(), verify_signature())].into_iter().collect();
        Self { module, options: Options { foreign_functions, ..Options::default() } }
    }

    /// With other options. Clock, shared data, environment, clusters and the connection come from the scenario, whatever
    /// is set here.
    #[must_use]
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }
}

impl Host for WasmHost {
    fn name(&self) -> &'static str {
        "wasm"
    }

    fn start(&self, start: &Start) -> Result<Box<dyn Gateway + '_>, StartRefused> {
        let configuration = match start.form {
            ConfigurationForm::Struct => {
                encoded_struct(&start.configuration).map_err(|fault| StartRefused { log: vec![fault.to_string()] })?
            }
            ConfigurationForm::Text => start.configuration.to_string().into_bytes(),
        };
        let desk = Desk::new(start.services.clone());
        let (clusters, empty_clusters) = desk.clusters();
        let options = Options {
            now: u64::try_from(start.now).unwrap_or(0).saturating_mul(NANOSECONDS),
            shared: Arc::new(SharedData::default()),
            environment: start.environment.clone().into_iter().collect(),
            clusters: Some(clusters),
            empty_clusters,
            ..self.options.clone()
        };
        let worker = |number: usize| {
            // Workers take the same decisions at random differently.
            let seed = options.seed.map(|seed| seed.wrapping_add(u64::try_from(number).unwrap_or(0)));
            Vm::start(&self.module, &configuration, Options { seed, ..options.clone() })
        };
        let workers = (0..start.workers.max(1)).map(worker).collect::<Result<_, _>>()?;
        Ok(Box::new(WasmGateway { workers, desk, is_tls: start.tls.is_some() }))
    }
}

struct WasmGateway {
    workers: Vec<Vm>,
    desk: Desk,
    is_tls: bool,
}

/// A request that is on its way.
struct Underway<'r> {
    request: &'r Request,
    worker: usize,
    id: StreamId,
    /// When the upstream has answered.
    answered_at: Option<u64>,
    /// How long the stream lasted that the upstream kept open, where it was not the upstream that ended it.
    closed_after: Option<u64>,
}

impl Gateway for WasmGateway {
    fn now(&self) -> i64 {
        i64::try_from(self.nanos() / NANOSECONDS).unwrap_or(i64::MAX)
    }

    fn advance(&mut self, seconds: u64) {
        let until = self.nanos().saturating_add(seconds.saturating_mul(NANOSECONDS));
        // A trap on the way leaves a dead VM, and the next request reports it.
        let _ = on_wasm_stack(|| {
            while self.nanos() < until {
                self.desk.serve(&mut self.workers)?;
                self.advance_until(until)?;
            }
            self.desk.serve(&mut self.workers)
        });
    }

    fn services_changed(&mut self) -> anyhow::Result<()> {
        let (known, empty) = self.desk.clusters();
        self.workers.iter_mut().for_each(|vm| vm.set_clusters(Some(known.clone()), empty.clone()));
        Ok(())
    }

    fn send_together(&mut self, requests: &[Request]) -> anyhow::Result<Vec<Observed>> {
        let logged_before: Vec<usize> = self.workers.iter().map(|vm| vm.log().len()).collect();
        let underway = on_wasm_stack(|| self.exchange(requests))?;
        let observed = underway.into_iter().map(|Underway { worker, id, closed_after, .. }| {
            let vm = &mut self.workers[worker];
            let Some(stream) = vm.take(id) else { anyhow::bail!("the stream did not end") };
            let audit = audit_records(vm.log().get(logged_before[worker]..).unwrap_or_default(), id);
            Ok(Observed { closed_after, ..observed(&stream, audit) })
        });
        observed.collect()
    }
}

/// The upstream answers 200, 101 to an upgrade, and 0 in gRPC's own status to those who speak it.
fn upstream_answer(request: &Request) -> Answer {
    if request.is_upgrade() {
        let upgrade = [(":status", "101"), ("connection", "upgrade"), ("upgrade", "websocket")];
        let headers = upgrade.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        return Answer { headers: headers.into(), body: Vec::new() };
    }
    let grpc = request
        .headers
        .iter()
        .any(|(name, value)| name.eq_ignore_ascii_case(b"content-type") && value.starts_with(b"application/grpc"));
    let mut answer = Answer::new(200, "");
    if grpc {
        answer.headers.push((b"grpc-status".to_vec(), b"0".to_vec()));
    }
    answer
}

impl WasmGateway {
    fn nanos(&self) -> u64 {
        self.workers.first().map_or(0, Vm::now)
    }

    fn exchange<'r>(&mut self, requests: &'r [Request]) -> anyhow::Result<Vec<Underway<'r>>> {
        let mut underway = Vec::new();
        for request in requests {
            let worker = request.worker;
            let Some(vm) = self.workers.get_mut(worker) else { anyhow::bail!("there is no worker {}", worker + 1) };
            vm.set_connection(Connection::of(request, self.is_tls).properties());
            let id = send_request(vm, request, self.is_tls)?;
            underway.push(Underway { request, worker, id, answered_at: None, closed_after: None });
        }
        let longest = requests.iter().filter_map(|request| request.open_for).max().unwrap_or(0);
        let patience = PATIENCE.saturating_add(Duration::from_secs(longest));
        let until = self.nanos().saturating_add(u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX));
        loop {
            self.desk.serve(&mut self.workers)?;
            let mut waits = false;
            for each in &mut underway {
                waits |= !each.go_on(&mut self.workers[each.worker])?;
            }
            if !waits {
                return Ok(underway);
            }
            if self.nanos() >= until {
                self.give_up(&underway)?;
            }
            let ends = underway.iter().filter_map(Underway::end).filter(|end| *end > self.nanos());
            self.advance_until(ends.min().unwrap_or(until).min(until))?;
        }
    }

    /// Ends the streams that will not end by themselves, and says so.
    fn give_up(&mut self, underway: &[Underway<'_>]) -> anyhow::Result<()> {
        let mut answered = false;
        for each in underway {
            let vm = &mut self.workers[each.worker];
            if !each.is_over(vm) {
                answered |= each.answered_at.is_some();
                vm.disconnect(each.id)?;
            }
        }
        if answered {
            anyhow::bail!("the filter held the upstream's answer back");
        }
        anyhow::bail!("neither an answer nor a request upstream within {} seconds", PATIENCE.as_secs());
    }

    /// Lets time run until the next thing happens somewhere, or the instant is there.
    fn advance_until(&mut self, until: u64) -> anyhow::Result<()> {
        let now = self.nanos();
        let events = self.workers.iter().filter_map(Vm::next_event).chain(self.desk.next_event());
        let next = events.min().unwrap_or(until).clamp(now, until);
        for vm in &mut self.workers {
            vm.advance(Duration::from_nanos(next - now))?;
        }
        Ok(())
    }
}

impl Underway<'_> {
    /// Lets the upstream answer when the request has come to it, and end its answer when it is time. Whether all is over.
    fn go_on(&mut self, vm: &mut Vm) -> anyhow::Result<bool> {
        if self.answered_at.is_none() && self.has_gone_on(vm) {
            self.answered_at = Some(vm.now());
            let answer = upstream_answer(self.request);
            match self.request.open_for {
                Some(_) => vm.respond_head(self.id, answer.headers)?,
                None => vm.respond(self.id, answer)?,
            }
        }
        if self.end().is_some_and(|end| vm.now() >= end) && !self.is_over(vm) {
            vm.end_response(self.id)?;
        } else if let Some(answered_at) = self.answered_at
            && self.request.open_for.is_some()
            && vm.stream(self.id).is_some_and(Stream::is_reset)
        {
            self.closed_after.get_or_insert((vm.now() - answered_at) / NANOSECONDS);
        }
        Ok(self.is_over(vm))
    }

    /// When the upstream ends an answer that it keeps open.
    fn end(&self) -> Option<u64> {
        Some(self.answered_at?.saturating_add(self.request.open_for?.saturating_mul(NANOSECONDS)))
    }

    fn has_gone_on(&self, vm: &Vm) -> bool {
        let never_arrives = self.request.body == Body::NeverArrives;
        let upstream = vm.stream(self.id).filter(|stream| !stream.is_over()).and_then(Stream::upstream);
        upstream.is_some_and(|upstream| upstream.complete || never_arrives)
    }

    fn is_over(&self, vm: &Vm) -> bool {
        vm.stream(self.id).is_none_or(Stream::is_over)
    }
}

fn send_request(vm: &mut Vm, request: &Request, is_tls: bool) -> anyhow::Result<StreamId> {
    let head = head::of(request, is_tls);
    let id = vm.request_headers(head.headers, head.end_of_stream)?;
    let Body::Parts(parts) = &request.body else {
        if !request.trailers.is_empty() && request.body == Body::None {
            vm.request_trailers(id, request.trailers.clone())?;
        }
        return Ok(id);
    };
    if head.end_of_stream {
        return Ok(id);
    }
    let has_trailers = !request.trailers.is_empty();
    // Over HTTP/1.1 Envoy learns of the end after the last part, and shows it as an empty part of its own.
    let ends_apart = request.protocol == Protocol::Http1 || parts.is_empty();
    for (index, part) in parts.iter().enumerate() {
        let last = index + 1 == parts.len();
        vm.request_body(id, part, last && !has_trailers && !ends_apart)?;
    }
    if has_trailers {
        vm.request_trailers(id, request.trailers.clone())?;
    } else if ends_apart {
        vm.request_body(id, b"", true)?;
    }
    Ok(id)
}

fn observed(stream: &Stream, audit: Vec<Value>) -> Observed {
    let client = stream.client().cloned().unwrap_or_default();
    let grpc_status = grpc_status(&client);
    Observed {
        status: stream.status().unwrap_or(0),
        headers: without_pseudo(&client.headers),
        body: client.body,
        grpc_status,
        upstream: stream.upstream().map(received),
        audit,
        details: stream.reply().and_then(|reply| reply.details.clone()),
        ..Observed::default()
    }
}

fn received(message: &Message) -> Received {
    Received {
        method: message.header(":method").unwrap_or_default().to_vec(),
        path: message.header(":path").unwrap_or_default().to_vec(),
        headers: without_pseudo(&message.headers),
        body: message.body.clone(),
        trailers: message.trailers.clone(),
    }
}

fn without_pseudo(headers: &Headers) -> Headers {
    headers.iter().filter(|(name, _)| !name.starts_with(b":")).cloned().collect()
}

fn grpc_status(message: &Message) -> Option<u32> {
    let in_trailers = message.trailers.iter().find(|(name, _)| name == b"grpc-status");
    let value = message.header("grpc-status").or(in_trailers.map(|(_, value)| value.as_slice()))?;
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// An audit record is a line at level info that is a JSON object with `"cedar_gate": "audit"`; it is logged in the context
/// of its request.
fn audit_records(log: &[LogLine], id: StreamId) -> Vec<Value> {
    let at_info = log.iter().filter(|line| line.level == LogLevel::Info && line.context == id.context_id());
    let records = at_info.filter_map(|line| serde_json::from_str::<Value>(&line.message).ok());
    records.filter(|record| record.get("cedar_gate").and_then(Value::as_str) == Some("audit")).collect()
}
