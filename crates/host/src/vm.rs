//! A running filter.

mod callbacks;
mod delivery;
mod options;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use cedar_gate_scenario::{Headers, StartRefused};
use wasmtime::{Store, StoreLimitsBuilder};

use crate::abi;
use crate::calls::{Answer, Call, Calls};
use crate::clock::Clock;
use crate::log::{LogLine, LogSource};
use crate::metrics::{Metric, Metrics};
use crate::module::Module;
use crate::property::Properties;
use crate::random::Random;
use crate::stack::on_wasm_stack;
use crate::state::{Deferred, ROOT, State};
use crate::stream::{Piece, Side, Stream, StreamId};
use callbacks::Callbacks;
pub use options::{ForeignFunction, Options};

/// The filter trapped. A trap cannot be caught: the VM is dead from here on, and every later call says so again.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the VM trapped in `{callback}`: {backtrace}")]
pub struct VmTrapped {
    /// The export that was running.
    pub callback: String,
    /// What Wasmtime says: the kind of trap and the frames, innermost first.
    pub backtrace: String,
}

/// One VM with one root context.
///
/// Nothing happens in it by itself: the clock stands still, calls stay unanswered and requests stay where they are until
/// a method is called. Each method that enters the filter returns when the filter has returned and when everything that
/// it asked for (a local reply, a resume) has been done.
pub struct Vm {
    store: Store<State>,
    callbacks: Callbacks,
    dead: Option<VmTrapped>,
    last_context: u32,
    connection: Properties,
    allow_on_headers_stop_iteration: bool,
}

/// Short: the whole state of a VM helps nobody in a failed assertion.
impl fmt::Debug for Vm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Vm").field("now", &self.now()).field("trapped", &self.dead).finish_non_exhaustive()
    }
}

impl Vm {
    /// Starts a filter with a plugin configuration.
    ///
    /// # Errors
    ///
    /// [`StartRefused`] with everything that the filter logged, and with the trap or the missing import if that was the
    /// reason.
    pub fn start(module: &Module, configuration: &[u8], options: Options) -> Result<Self, StartRefused> {
        on_wasm_stack(|| {
            let mut vm = Self::instantiate(module, configuration, options)?;
            match vm.configure() {
                Ok(true) => Ok(vm),
                Ok(false) => Err(vm.refused(None)),
                Err(trap) => Err(vm.refused(Some(trap.to_string()))),
            }
        })
    }

    /// The head of a new request arrives, pseudo-headers included.
    ///
    /// # Errors
    ///
    /// [`VmTrapped`]
    pub fn request_headers(&mut self, headers: Headers, end_of_stream: bool) -> Result<StreamId, VmTrapped> {
        self.enter(|vm| {
            let id = vm.open_stream()?;
            vm.deliver(id, Side::Request, Piece::Headers(headers, end_of_stream))?;
            Ok(id)
        })
    }

    /// A part of the body arrives. It is dropped where the request has been answered already.
    ///
    /// # Errors
    ///
    /// [`VmTrapped`]
    pub fn request_body(&mut self, id: StreamId, part: &[u8], end_of_stream: bool) -> Result<(), VmTrapped> {
        self.enter(|vm| vm.deliver(id, Side::Request, Piece::Body(part.to_vec(), end_of_stream)))
    }

    /// The trailers arrive, and with them the end of the request.
    ///
    /// # Errors
    ///
    /// [`VmTrapped`]
    pub fn request_trailers(&mut self, id: StreamId, trailers: Headers) -> Result<(), VmTrapped> {
        self.enter(|vm| vm.deliver(id, Side::Request, Piece::Trailers(trailers)))
    }

    /// The upstream answers, whole. With the end of the answer the stream ends.
    ///
    /// # Errors
    ///
    /// [`VmTrapped`]
    pub fn respond(&mut self, id: StreamId, answer: Answer) -> Result<(), VmTrapped> {
        self.enter(|vm| {
            let end = answer.body.is_empty();
            vm.deliver(id, Side::Response, Piece::Headers(answer.headers, end))?;
            if end {
                return Ok(());
            }
            vm.deliver(id, Side::Response, Piece::Body(answer.body, true))
        })
    }

    /// The upstream answers with a head, and more is to come.
    ///
    /// # Errors
    ///
    /// [`VmTrapped`]
    pub fn respond_head(&mut self, id: StreamId, headers: Headers) -> Result<(), VmTrapped> {
        self.enter(|vm| vm.deliver(id, Side::Response, Piece::Headers(headers, false)))
    }

    /// The upstream's answer ends.
    ///
    /// # Errors
    ///
    /// [`VmTrapped`]
    pub fn end_response(&mut self, id: StreamId) -> Result<(), VmTrapped> {
        self.enter(|vm| vm.deliver(id, Side::Response, Piece::Body(Vec::new(), true)))
    }

    /// The client goes away: the last callbacks of the stream run.
    ///
    /// # Errors
    ///
    /// [`VmTrapped`]
    pub fn disconnect(&mut self, id: StreamId) -> Result<(), VmTrapped> {
        self.enter(|vm| {
            vm.store.data_mut().deferred.push_back(Deferred::Finish(id.0));
            vm.settle()
        })
    }

    /// A tick now, whatever the timer says.
    ///
    /// # Errors
    ///
    /// [`VmTrapped`]
    pub fn tick(&mut self) -> Result<(), VmTrapped> {
        self.enter(|vm| {
            vm.on_tick()?;
            vm.settle()
        })
    }

    /// Lets the clock run on. On its way ticks happen as the filter asked for them, and calls time out.
    ///
    /// # Errors
    ///
    /// [`VmTrapped`]; the clock then stands where the trap happened.
    pub fn advance(&mut self, duration: Duration) -> Result<(), VmTrapped> {
        let duration = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let target = self.now().saturating_add(duration);
        self.enter(|vm| {
            while vm.next_due(target)? {}
            vm.store.data_mut().clock.now = target;
            Ok(())
        })
    }

    /// When something will happen by itself: a tick or a timeout, in nanoseconds since the Unix epoch.
    pub fn next_event(&self) -> Option<u64> {
        let state = self.store.data();
        let deadline = state.calls.next_deadline().map(|(deadline, _)| deadline);
        [state.clock.next_tick(), deadline].into_iter().flatten().min()
    }

    /// Answers a call-out; an answer without headers is a broken connection. An unknown token is ignored.
    ///
    /// # Errors
    ///
    /// [`VmTrapped`]
    pub fn answer_call(&mut self, token: u32, answer: Answer) -> Result<(), VmTrapped> {
        self.enter(|vm| {
            if vm.store.data_mut().calls.pending.remove(&token).is_none() {
                return Ok(());
            }
            vm.on_http_call_response(token, answer)?;
            vm.settle()
        })
    }

    /// Changes which clusters call-outs may go to (`None` is any), and which of them have no hosts.
    pub fn set_clusters(&mut self, clusters: Option<Vec<String>>, empty: Vec<String>) {
        let state = self.store.data_mut();
        state.clusters = clusters;
        state.empty_clusters = empty;
    }

    /// The call-outs that wait for an answer, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.store.data().calls.pending.values().cloned().collect()
    }

    /// How many call-outs were made since the start.
    pub fn calls_made(&self) -> usize {
        self.store.data().calls.made
    }

    /// A stream, as long as it has not been taken.
    pub fn stream(&self, id: StreamId) -> Option<&Stream> {
        self.store.data().streams.get(&id.0)
    }

    /// Takes a finished stream out, so that a long run does not keep them all.
    pub fn take(&mut self, id: StreamId) -> Option<Stream> {
        let streams = &mut self.store.data_mut().streams;
        if !streams.get(&id.0)?.is_over() {
            return None;
        }
        streams.remove(&id.0)
    }

    /// How many streams the filter still has a context for.
    pub fn live_streams(&self) -> usize {
        self.store.data().streams.values().filter(|stream| stream.is_live()).count()
    }

    /// The properties of the connection that later requests arrive on.
    pub fn set_connection(&mut self, properties: Properties) {
        self.connection = properties;
    }

    /// The clock, in nanoseconds since the Unix epoch.
    pub fn now(&self) -> u64 {
        self.store.data().clock.now
    }

    /// Sets the clock without anything happening on the way; backwards too, as clocks do.
    pub fn set_now(&mut self, now: u64) {
        self.store.data_mut().clock.now = now;
    }

    /// The tick period that the filter asked for.
    pub fn tick_period(&self) -> Option<Duration> {
        self.store.data().clock.period()
    }

    /// Everything logged so far.
    pub fn log(&self) -> &[LogLine] {
        &self.store.data().log
    }

    /// Takes the log, and leaves an empty one.
    pub fn take_log(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.store.data_mut().log)
    }

    /// A metric by its name.
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.store.data().metrics.named(name)
    }

    /// All metrics, by name.
    pub fn metrics(&self) -> impl Iterator<Item = (&str, &Metric)> {
        self.store.data().metrics.all()
    }

    /// The size of the filter's memory in bytes. It never shrinks.
    pub fn memory_size(&self) -> usize {
        self.store.data().memory.map_or(0, |memory| memory.data_size(&self.store))
    }

    /// Whether the filter called `proxy_done`.
    pub fn is_done(&self) -> bool {
        self.store.data().done
    }

    /// The trap that ended this VM, if one did.
    pub fn trapped(&self) -> Option<&VmTrapped> {
        self.dead.as_ref()
    }

    fn instantiate(module: &Module, configuration: &[u8], options: Options) -> Result<Self, StartRefused> {
        let refused = |reason: String| StartRefused { log: vec![reason] };
        let linker = abi::linker_without(&options.failing, module).map_err(refused)?;
        if !module.exports().iter().any(|export| export.starts_with("proxy_abi_version_0_2_")) {
            return Err(refused("the module does not export `proxy_abi_version_0_2_1`".to_owned()));
        }
        let connection = options.connection.clone();
        let allow_on_headers_stop_iteration = options.allow_on_headers_stop_iteration;
        let mut store = Store::new(module.compiled().engine(), state(configuration, options));
        store.limiter(|state| &mut state.limits);
        let instance = match linker.instantiate(&mut store, module.compiled()) {
            Ok(instance) => instance,
            Err(error) => return Err(StartRefused { log: lines(&store.into_data(), Some(format!("{error:#}"))) }),
        };
        let callbacks = match Callbacks::of(&instance, &mut store) {
            Ok(callbacks) => callbacks,
            Err(error) => return Err(refused(format!("{error:#}"))),
        };
        let memory = instance.get_memory(&mut store, "memory");
        store.data_mut().memory = memory;
        store.data_mut().allocate = callbacks.allocate.clone();
        Ok(Self { store, callbacks, dead: None, last_context: ROOT, connection, allow_on_headers_stop_iteration })
    }

    fn refused(self, reason: Option<String>) -> StartRefused {
        StartRefused { log: lines(self.store.data(), reason) }
    }

    /// Runs `work` where Wasm may run; a dead VM is not entered again.
    fn enter<R: Send>(&mut self, work: impl FnOnce(&mut Self) -> Result<R, VmTrapped> + Send) -> Result<R, VmTrapped> {
        match &self.dead {
            Some(trap) => Err(trap.clone()),
            None => on_wasm_stack(|| work(self)),
        }
    }

    /// Lets the next thing happen that is due until `target`; whether there was one.
    fn next_due(&mut self, target: u64) -> Result<bool, VmTrapped> {
        let state = self.store.data_mut();
        let tick = state.clock.next_tick().filter(|at| *at <= target);
        let timeout = state.calls.next_deadline().filter(|(at, _)| *at <= target);
        match (tick, timeout) {
            (tick, Some((at, token))) if tick.is_none_or(|tick| at <= tick) => {
                state.clock.now = at.max(state.clock.now);
                state.calls.pending.remove(&token);
                self.on_http_call_response(token, Answer::timed_out())?;
            }
            (Some(at), _) => {
                state.clock.now = at.max(state.clock.now);
                self.on_tick()?;
                self.store.data_mut().clock.rearm();
            }
            (None, _) => return Ok(false),
        }
        self.settle()?;
        Ok(true)
    }
}

pub(crate) fn state(configuration: &[u8], options: Options) -> State {
    State {
        memory: None,
        allocate: None,
        limits: StoreLimitsBuilder::new().memory_size(options.memory_limit).build(),
        clock: Clock::new(options.now),
        random: Random::new(options.seed),
        environment: options.environment,
        log: Vec::new(),
        log_level: options.log_level,
        metrics: Metrics::default(),
        shared: options.shared,
        properties: options.properties,
        foreign_functions: options.foreign_functions,
        vm_configuration: options.vm_configuration,
        plugin_configuration: configuration.to_vec(),
        configuring: false,
        clusters: options.clusters,
        empty_clusters: options.empty_clusters,
        calls: Calls::default(),
        answer: None,
        streams: BTreeMap::new(),
        deferred: VecDeque::new(),
        current: ROOT,
        effective: None,
        stop_iteration: false,
        done: false,
    }
}

fn lines(state: &State, reason: Option<String>) -> Vec<String> {
    let logged = state.log.iter().map(|line| match line.source {
        LogSource::Filter => line.message.clone(),
        LogSource::Stderr => format!("stderr: {}", line.message),
        LogSource::Stdout => format!("stdout: {}", line.message),
    });
    logged.chain(reason).collect()
}
