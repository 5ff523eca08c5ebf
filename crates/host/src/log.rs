//! What a filter logged.

/// The severity of a log line, in the order of proxy-wasm.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum LogLevel {
    /// 0
    Trace,
    /// 1
    Debug,
    /// 2
    #[default]
    Info,
    /// 3
    Warn,
    /// 4
    Error,
    /// 5
    Critical,
}

impl LogLevel {
    pub(crate) fn from_abi(level: u32) -> Option<Self> {
        [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Critical].get(level as usize).copied()
    }
}

/// Where a log line came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogSource {
    /// `proxy_log`.
    Filter,
    /// Written to standard error: a panic message, for one. Logged at `Error`, as Envoy does.
    Stderr,
    /// Written to standard output. Logged at `Info`, as Envoy does.
    Stdout,
}

/// One line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogLine {
    /// Its severity.
    pub level: LogLevel,
    /// Its text; bytes that are not UTF-8 are replaced.
    pub message: String,
    /// How the filter wrote it.
    pub source: LogSource,
    /// The context that it was logged in.
    pub context: u32,
}
