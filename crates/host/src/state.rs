//! Everything that a VM's hostcalls read and write.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use wasmtime::{Memory, StoreLimits, TypedFunc};

use crate::calls::{Answer, Calls};
use crate::clock::Clock;
use crate::local_reply::LocalReply;
use crate::log::{LogLevel, LogLine, LogSource};
use crate::metrics::Metrics;
use crate::property::Properties;
use crate::random::Random;
use crate::shared::SharedData;
use crate::stream::{Side, Stream};
use crate::vm::ForeignFunction;

/// The id of the one root context.
pub(crate) const ROOT: u32 = 1;

/// What a hostcall asked for and what has to wait until the callback has returned.
///
/// Envoy defers these too: a filter is never called while it is being called.
#[derive(Debug)]
pub(crate) enum Deferred {
    Finish(u32),
    LocalReply(u32, LocalReply),
    Reset(u32),
    Resume(u32, Side),
}

pub(crate) struct State {
    pub(crate) memory: Option<Memory>,
    pub(crate) allocate: Option<TypedFunc<u32, u32>>,
    pub(crate) limits: StoreLimits,

    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) log: Vec<LogLine>,
    pub(crate) log_level: LogLevel,
    pub(crate) metrics: Metrics,
    pub(crate) shared: Arc<SharedData>,
    pub(crate) properties: Properties,
    pub(crate) foreign_functions: BTreeMap<String, ForeignFunction>,

    pub(crate) vm_configuration: Vec<u8>,
    pub(crate) plugin_configuration: Vec<u8>,
    /// Envoy shows the plugin configuration while the root context is made and configured, and at no other time.
    pub(crate) configuring: bool,

    pub(crate) clusters: Option<Vec<String>>,
    pub(crate) empty_clusters: Vec<String>,
    pub(crate) calls: Calls,
    /// The answer that is being delivered.
    pub(crate) answer: Option<Answer>,

    pub(crate) streams: BTreeMap<u32, Stream>,
    pub(crate) deferred: VecDeque<Deferred>,
    /// The context that the running callback belongs to.
    pub(crate) current: u32,
    /// The context that the filter put in its place for the time of the callback.
    pub(crate) effective: Option<u32>,
    /// A local reply was given in the running callback: whatever it returns, nothing goes on.
    pub(crate) stop_iteration: bool,
    pub(crate) done: bool,
}

impl State {
    /// The context that a hostcall acts on.
    pub(crate) fn context(&self) -> u32 {
        match self.effective {
            Some(context) if self.context_exists(context) => context,
            _ => self.current,
        }
    }

    pub(crate) fn context_exists(&self, context: u32) -> bool {
        context == ROOT || self.streams.get(&context).is_some_and(Stream::is_live)
    }

    /// The stream that a hostcall acts on; a root context has none.
    pub(crate) fn stream(&self) -> Option<&Stream> {
        self.streams.get(&self.context()).filter(|stream| stream.is_live())
    }

    pub(crate) fn stream_mut(&mut self) -> Option<&mut Stream> {
        let context = self.context();
        self.streams.get_mut(&context).filter(|stream| stream.is_live())
    }

    /// Envoy's logger drops what is below its level.
    pub(crate) fn log(&mut self, level: LogLevel, message: &[u8], source: LogSource) {
        if level >= self.log_level {
            let message = String::from_utf8_lossy(message).into_owned();
            self.log.push(LogLine { level, message, source, context: self.context() });
        }
    }
}
