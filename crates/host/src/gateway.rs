//! The `.wasm` as a host for scenarios.

mod head;

use std::sync::Arc;
use std::time::Duration;

use cedar_gate_scenario::{
    Body, ConfigurationForm, Gateway, Headers, Host, Observed, Protocol, Received, Request, Start, StartRefused,
    encoded_struct,
};
use serde_json::Value;

use crate::calls::{Answer, Call};
use crate::log::{LogLevel, LogLine};
use crate::module::Module;
use crate::shared::SharedData;
use crate::stack::on_wasm_stack;
use crate::stream::{Message, Stream, StreamId};
use crate::vm::{Options, Vm};

/// How long a client waits for an answer before it gives up.
const PATIENCE: Duration = Duration::from_secs(60);

const NANOSECONDS: u64 = 1_000_000_000;

type Answering = Arc<dyn Fn(&Call) -> Option<Answer> + Send + Sync>;

/// Runs scenarios in the real `.wasm`.
///
/// A request that went on is answered with an empty 200. Time moves while a request waits, for 60 seconds at most, and
/// by [`Gateway::advance`].
#[derive(Clone)]
pub struct WasmHost {
    module: Module,
    options: Options,
    answering: Option<Answering>,
}

impl WasmHost {
    /// A host whose call-outs reach no cluster.
    pub fn new(module: Module) -> Self {
        let options = Options { clusters: Some(Vec::new()), ..Options::default() };
        Self { module, options, answering: None }
    }

    /// With other options. The clock and the shared data are new for each gateway, whatever is set here.
    #[must_use]
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Call-outs to these clusters are answered by `answer`, or stay without an answer where it gives none.
    #[must_use]
    pub fn with_clusters(
        mut self,
        clusters: &[&str],
        answer: impl Fn(&Call) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        self.options.clusters = Some(clusters.iter().map(|&cluster| cluster.to_owned()).collect());
        self.answering = Some(Arc::new(answer));
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
        let options = Options {
            now: u64::try_from(start.now).unwrap_or(0).saturating_mul(NANOSECONDS),
            shared: Arc::new(SharedData::default()),
            ..self.options.clone()
        };
        let vm = Vm::start(&self.module, &configuration, options)?;
        let mut gateway = WasmGateway { vm, answering: self.answering.clone() };
        gateway.answer_calls().map_err(|trap| StartRefused { log: vec![trap.to_string()] })?;
        Ok(Box::new(gateway))
    }
}

struct WasmGateway {
    vm: Vm,
    answering: Option<Answering>,
}

impl Gateway for WasmGateway {
    fn now(&self) -> i64 {
        i64::try_from(self.vm.now() / NANOSECONDS).unwrap_or(i64::MAX)
    }

    fn advance(&mut self, seconds: u64) {
        let until = self.vm.now().saturating_add(seconds.saturating_mul(NANOSECONDS));
        // A trap on the way leaves a dead VM, and the next request reports it.
        let _ = on_wasm_stack(|| self.run_until(until, |_| false));
    }

    fn send(&mut self, request: &Request) -> anyhow::Result<Observed> {
        let logged_before = self.vm.log().len();
        let id = on_wasm_stack(|| self.exchange(request))?;
        let Some(stream) = self.vm.take(id) else { anyhow::bail!("the stream did not end") };
        let audit = audit_records(self.vm.log().get(logged_before..).unwrap_or_default());
        Ok(observed(&stream, audit))
    }
}

/// The upstream answers 200 always, and 0 in gRPC's own status to those who speak it.
fn upstream_answer(request: &Request) -> Answer {
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
    fn exchange(&mut self, request: &Request) -> anyhow::Result<StreamId> {
        let id = self.send_request(request)?;
        let never_arrives = request.body == Body::NeverArrives;
        let settled = move |vm: &Vm| {
            vm.stream(id).is_none_or(|stream| {
                let went_on = stream.upstream().is_some_and(|upstream| upstream.complete || never_arrives);
                went_on || stream.is_over()
            })
        };
        let patience = u64::try_from(PATIENCE.as_nanos()).unwrap_or(u64::MAX);
        let until = self.vm.now().saturating_add(patience);
        if !self.run_until(until, settled)? {
            self.vm.disconnect(id)?;
            anyhow::bail!("neither an answer nor a request upstream within {} seconds", PATIENCE.as_secs());
        }
        if self.vm.stream(id).is_some_and(|stream| !stream.is_over()) {
            self.vm.respond(id, upstream_answer(request))?;
        }
        if self.vm.stream(id).is_some_and(|stream| !stream.is_over()) {
            self.vm.disconnect(id)?;
            anyhow::bail!("the filter held the upstream's answer back");
        }
        Ok(id)
    }

    fn send_request(&mut self, request: &Request) -> anyhow::Result<StreamId> {
        let head = head::of(request);
        let id = self.vm.request_headers(head.headers, head.end_of_stream)?;
        let Body::Parts(parts) = &request.body else {
            if !request.trailers.is_empty() && request.body == Body::None {
                self.vm.request_trailers(id, request.trailers.clone())?;
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
            self.vm.request_body(id, part, last && !has_trailers && !ends_apart)?;
            self.answer_calls()?;
        }
        if has_trailers {
            self.vm.request_trailers(id, request.trailers.clone())?;
        } else if ends_apart {
            self.vm.request_body(id, b"", true)?;
        }
        Ok(id)
    }

    /// Lets time run until the condition holds or the instant is there; whether the condition holds.
    fn run_until(&mut self, until: u64, holds: impl Fn(&Vm) -> bool) -> anyhow::Result<bool> {
        loop {
            self.answer_calls()?;
            if holds(&self.vm) {
                return Ok(true);
            }
            let now = self.vm.now();
            if now >= until {
                return Ok(false);
            }
            let next = self.vm.next_event().unwrap_or(until).clamp(now, until);
            self.vm.advance(Duration::from_nanos(next - now))?;
        }
    }

    /// Answers what can be answered, and the calls that those answers set off.
    fn answer_calls(&mut self) -> anyhow::Result<()> {
        let Some(answering) = self.answering.clone() else { return Ok(()) };
        loop {
            let answers = self.vm.calls().into_iter().filter_map(|call| Some((call.token, answering(&call)?)));
            let Some((token, answer)) = answers.into_iter().next() else { return Ok(()) };
            self.vm.answer_call(token, answer)?;
        }
    }
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

/// An audit record is a line at level info that is a JSON object with `"cedar_gate": "audit"`.
fn audit_records(log: &[LogLine]) -> Vec<Value> {
    let at_info = log.iter().filter(|line| line.level == LogLevel::Info);
    let records = at_info.filter_map(|line| serde_json::from_str::<Value>(&line.message).ok());
    records.filter(|record| record.get("cedar_gate").and_then(Value::as_str) == Some("audit")).collect()
}
