//! The proxy-wasm adapter: the only place that names the SDK.
//!
//! It copies what a gateway hands over, asks the core, and does what the core says. It decides nothing, and where a host
//! call fails on the way to letting a request go on, the request is refused.
//!
//! A call-out belongs, in the SDK, to the context that is active when it is made. So calls leave from the root context's
//! tick, through the outbox, and requests that wait stand in a map of the root.

mod entropy;
mod host;
mod metrics;
mod shared_data;
mod stream;
mod timing;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

use crate::config::Config;
use crate::exchange::{Input, Now};
use crate::gate::{Gate, Pace, Platform};
use crate::jose::ByGateway;
use crate::live::Ticket;
use crate::outbox::{Answer, LONGEST_ANSWER};
use crate::secret::Environment;
use entropy::Entropy;
use host::{Buffer, ForeignFunctions, Level};
use metrics::Metrics;
use shared_data::SharedData;
use stream::Stream;
use timing::TimedVerifier;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|context| Box::new(Root { context, ..Root::default() }));
}}

/// What the contexts of one configuration share.
struct Plugin {
    gate: Gate,
    timer: Rc<timing::Timer>,
    entropy: Entropy,
    metrics: Metrics,
    /// Requests that wait, by their context.
    waiting: RefCell<Streams>,
    /// Streams that go on until a given time, by their context.
    passing: RefCell<Streams>,
    /// The period of ticks that the gateway was told last.
    period: Cell<Duration>,
    /// The longest period that requests in wait of a body allow.
    longest_period: Option<Duration>,
}

type Streams = BTreeMap<u32, Rc<RefCell<Stream>>>;

#[derive(Default)]
struct Root {
    context: u32,
    plugin: Option<Rc<Plugin>>,
    /// Calls that have left: the gateway's token, and the errand's number.
    calls: BTreeMap<u32, u64>,
}

struct Http {
    context: u32,
    /// Nothing where no configuration was accepted; such a request is refused.
    plugin: Option<Rc<Plugin>>,
    stream: Rc<RefCell<Stream>>,
}

/// The shortest and the longest time between two looks at requests that wait.
const TICKS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));
/// A call leaves with the next tick; the gateway's timers have milliseconds.
const AT_ONCE: Duration = Duration::from_millis(1);

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, _: usize, body_size: usize, _: usize) {
        let Some(plugin) = self.plugin.clone() else { return };
        let Some(errand) = self.calls.remove(&token) else { return };
        plugin.answered(errand, &read_answer(body_size));
        self.finish(&plugin);
    }
}

fn read_answer(body_size: usize) -> Answer {
    let headers = host::call_headers();
    let status = headers.iter().find(|(name, _)| name == b":status");
    let status = status.and_then(|(_, value)| std::str::from_utf8(value).ok()).and_then(|text| text.parse().ok());
    // A VM never gives memory back, and gateways take answers of many megabytes.
    let readable = body_size.min(LONGEST_ANSWER.saturating_add(1));
    match (status, host::buffer(Buffer::CallBody, readable)) {
        (Some(status), Some(body)) => {
            let text = |(name, value): (Vec<u8>, Vec<u8>)| Some((String::from_utf8(name).ok()?, value));
            Answer::Answered { status, headers: headers.into_iter().filter_map(text).collect(), body }
        }
        (_, _) => Answer::Lost,
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        // An empty configuration has no buffer.
        let bytes = if size == 0 { Some(Vec::new()) } else { host::buffer(Buffer::PluginConfiguration, size) };
        let Some(bytes) = bytes else {
            host::log(Level::Error, "cedar-gate: configuration refused: the gateway does not hand it over");
            return false;
        };
        let config = match Config::load_in(&bytes, &environment()) {
            Ok(config) => config,
            Err(faults) => {
                for fault in faults.iter() {
                    host::log(Level::Error, &format!("cedar-gate: configuration refused: {fault}"));
                }
                return false;
            }
        };
        if config.audit_log && host::log_level().is_none_or(|level| level > Level::Info) {
            let message =
                "audit.log: the gateway's log level hides audit records; set it to info, or set `audit.log: false`";
            host::log(Level::Error, &format!("cedar-gate: configuration refused: {message}"));
            return false;
        }
        let mut entropy = [0; 32];
        if getrandom::getrandom(&mut entropy).is_err() {
            host::log(Level::Error, "cedar-gate: configuration refused: the gateway has no random source");
            return false;
        }
        let used = config.providers.iter().flat_map(|provider| provider.algorithms.iter().copied());
        let verifier = match ByGateway::start(ForeignFunctions, config.crypto, used) {
            Ok(verifier) => verifier,
            Err(missing) => {
                host::log(Level::Error, &format!("cedar-gate: configuration refused: crypto: {missing}"));
                return false;
            }
        };
        host::log(Level::Info, &format!("cedar-gate: {verifier}"));
        for warning in &config.warnings {
            host::log(Level::Warning, &format!("cedar-gate: {warning}"));
        }
        let waits_for_body = config.routes.iter().any(crate::route::Route::waits_for_body);
        let tenth = Duration::from_nanos(config.limits.body_timeout_nanos / 10).clamp(TICKS.0, TICKS.1);
        let timer = Rc::new(timing::Timer::default());
        let verifier = Box::new(TimedVerifier::new(Rc::clone(&timer), verifier));
        let plugin = Rc::new(Plugin {
            gate: Gate::new(config, Platform { verifier, entropy }),
            timer,
            entropy: Entropy::default(),
            metrics: Metrics::default(),
            waiting: RefCell::default(),
            passing: RefCell::default(),
            period: Cell::default(),
            longest_period: waits_for_body.then_some(tenth),
        });
        plugin.keep_pace();
        self.plugin = Some(plugin);
        true
    }

    fn on_tick(&mut self) {
        let Some(plugin) = self.plugin.clone() else { return };
        plugin.end_overdue();
        let mut entropy = [0; 8];
        // Where the gateway has no random bytes any more, workers do what is due at the same moment.
        let spread = getrandom::getrandom(&mut entropy).map_or(0, |()| u64::from_le_bytes(entropy));
        let settled = plugin.gate.tick(now(), spread, &mut SharedData);
        plugin.settle(&settled);
        self.finish(&plugin);
    }

    fn create_http_context(&self, context: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http { context, plugin: self.plugin.clone(), stream: Rc::default() }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Root {
    /// What follows upon anything that has happened outside of requests.
    fn finish(&mut self, plugin: &Plugin) {
        self.send(plugin);
        for incident in plugin.gate.take_incidents() {
            let level = if incident.is_trouble { Level::Warning } else { Level::Info };
            host::log(level, &format!("cedar-gate: {incident}"));
            plugin.metrics.count(&incident);
        }
        plugin.keep_pace();
    }

    /// Makes the calls that are waiting to be made. Only here: a call belongs to the context that is active.
    fn send(&mut self, plugin: &Plugin) {
        while let Some(errand) = plugin.gate.take_errand() {
            // A request that was woken before this would own the call, and take it along when it ends.
            if !host::set_effective_context(self.context) {
                plugin.answered(errand.id, &Answer::Lost);
                continue;
            }
            let headers = errand.call.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let timeout = Duration::from_millis(u64::from(errand.call.timeout_ms.max(1)));
            let body = Some(errand.call.body.as_slice());
            match self.dispatch_http_call(&errand.call.cluster, headers, body, Vec::new(), timeout) {
                Ok(token) => {
                    self.calls.insert(token, errand.id);
                }
                Err(_) => plugin.answered(errand.id, &Answer::Lost),
            }
        }
    }
}

/// The variables of the VM. What is no text cannot be named, and is left out.
fn environment() -> Environment {
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    std::env::vars_os().filter_map(text).collect()
}

/// The time; a clock that cannot be read stands at 0, where no token is valid.
fn now() -> Now {
    Now { unix_nanos: host::now().unwrap_or(0) }
}

impl Plugin {
    /// Hands the answer of a call to the gate, and wakes whom it concerns.
    fn answered(&self, errand: u64, answer: &Answer) {
        let settled = self.gate.answered(errand, answer, now(), &mut SharedData);
        self.settle(&settled);
    }

    /// Wakes the requests that wait for these.
    fn settle(&self, settled: &[Ticket]) {
        if settled.is_empty() {
            return;
        }
        let awaits = |(context, stream): (&u32, &Rc<RefCell<Stream>>)| {
            let ticket = stream.try_borrow().ok().and_then(|stream| stream.ticket());
            ticket.is_some_and(|ticket| settled.contains(&ticket)).then_some(*context)
        };
        let woken: Vec<u32> = self.waiting.borrow().iter().filter_map(awaits).collect();
        for context in woken {
            self.wake(context, || Input::Settled(now()));
        }
    }

    /// Asks the gateway for ticks as often as something may be due. A gateway that lets nobody change the period keeps
    /// the first one.
    fn keep_pace(&self) {
        let wanted = match self.gate.pace() {
            Some(Pace::AtOnce) => Some(AT_ONCE),
            Some(Pace::Soon) => Some(TICKS.0),
            Some(Pace::Idle) => Some(TICKS.1),
            None => None,
        };
        let waiting = (!self.waiting.borrow().is_empty()).then_some(TICKS.0);
        let passing = (!self.passing.borrow().is_empty()).then_some(TICKS.1);
        let wanted = [wanted, waiting, passing, self.longest_period].into_iter().flatten().min();
        let Some(wanted) = wanted.filter(|wanted| *wanted != self.period.get()) else { return };
        if host::set_tick_period(wanted) {
            self.period.set(wanted);
        }
    }

    /// Tells every request whose time is over.
    fn end_overdue(&self) {
        let Some(now) = host::now() else { return };
        let overdue = |(context, stream): (&u32, &Rc<RefCell<Stream>>)| {
            let over = stream.try_borrow().is_ok_and(|stream| stream.is_overdue(now));
            over.then_some(*context)
        };
        let mut all: Vec<u32> = self.waiting.borrow().iter().filter_map(overdue).collect();
        all.extend(self.passing.borrow().iter().filter_map(overdue));
        for context in all {
            self.wake(context, || Input::Deadline);
        }
    }

    /// Gives an input to a request that waits, outside of its own callbacks.
    fn wake(&self, context: u32, input: impl FnOnce() -> Input) {
        let stream = self.waiting.borrow_mut().remove(&context).or_else(|| self.passing.borrow_mut().remove(&context));
        let Some(stream) = stream else { return };
        // The stream may be gone; then so is its context, and nothing is to be done.
        if !host::set_effective_context(context) {
            return;
        }
        let Ok(mut stream_state) = stream.try_borrow_mut() else { return };
        let was_waiting = stream_state.is_waiting();
        if stream_state.step(self, input()) == Action::Continue && was_waiting {
            host::resume_request();
        }
        self.file(context, &stream_state, &stream);
    }

    /// Puts a stream where it is looked for, as long as there is something to be looked for.
    fn file(&self, context: u32, state: &Stream, stream: &Rc<RefCell<Stream>>) {
        let put = |streams: &RefCell<Streams>, belongs: bool| {
            if belongs {
                streams.borrow_mut().insert(context, Rc::clone(stream));
            } else {
                streams.borrow_mut().remove(&context);
            }
        };
        put(&self.waiting, state.is_waiting());
        put(&self.passing, !state.is_waiting() && state.has_deadline());
    }
}

impl Http {
    fn step(&self, input: Input) -> Action {
        // Without a configuration nothing is allowed. The host should not have let the request come here.
        let Some(plugin) = &self.plugin else {
            host::refuse_unconfigured();
            return Action::Pause;
        };
        let Ok(mut stream) = self.stream.try_borrow_mut() else { return Action::Pause };
        let action = stream.step(plugin, input);
        plugin.file(self.context, &stream, &self.stream);
        plugin.keep_pace();
        action
    }

    fn is_waiting(&self) -> bool {
        self.stream.try_borrow().is_ok_and(|stream| stream.is_waiting())
    }

    fn is_open(&self) -> bool {
        self.stream.try_borrow().is_ok_and(|stream| stream.is_open())
    }
}

impl Context for Http {}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let Some(plugin) = &self.plugin else {
            host::refuse_unconfigured();
            return Action::Pause;
        };
        self.step(Input::Head(Box::new(stream::arrival(plugin, end_of_stream))))
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        // Continue from here would let go of a request that is held back at its headers, for whatever reason.
        if !self.is_waiting() {
            return if self.is_open() { Action::Continue } else { Action::Pause };
        }
        if !end_of_stream {
            return self.step(Input::BodyGrows(size));
        }
        self.whole_body(size)
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        // Nothing is held back here; most answers are not even looked at.
        if self.stream.try_borrow().is_ok_and(|stream| stream.changes_response()) {
            self.step(Input::ResponseHead { status: 0 });
        }
        Action::Continue
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        if self.is_waiting() {
            // They are stripped when the request goes on, which may be now.
            if let Ok(mut stream) = self.stream.try_borrow_mut() {
                stream.hold_trailers();
            }
            // The trailers end the body, however long it is.
            return self.whole_body(usize::MAX);
        }
        if !self.is_open() {
            return Action::Pause;
        }
        match host::trailers() {
            Some(trailers) => self.step(Input::Trailers(trailers)),
            None => Action::Pause,
        }
    }
}

impl Http {
    fn whole_body(&self, size: usize) -> Action {
        // One byte above the limit shows that there is more.
        let most = self.plugin.as_ref().map_or(0, |plugin| plugin.gate.config().limits.body_bytes).saturating_add(1);
        let body = if size == 0 { Some(Vec::new()) } else { host::buffer(Buffer::RequestBody, size.min(most)) };
        // A body that cannot be read was not delivered.
        self.step(body.map_or(Input::Deadline, Input::BodyComplete))
    }
}

impl Drop for Http {
    /// The gateway deletes the context when the stream has ended, however it ended. Most have nothing left to do then.
    fn drop(&mut self) {
        if self.plugin.is_some() && self.stream.try_borrow().is_ok_and(|stream| stream.has_deadline()) {
            self.step(Input::End);
        }
    }
}
