//! What a reader is told when a scenario fails.

use std::fmt;

use crate::{
    expectation::Difference,
    gateway::{Headers, Observed, StartRefused},
    notation,
    scenario::Scenario,
};

/// Everything in which a scenario failed on a host.
#[derive(Clone)]
pub struct Report {
    /// The file, or the story where there is none.
    pub scenario: String,
    /// The host's name.
    pub host: String,
    /// The failures, in the order in which they happened; never empty in a report that is handed out.
    pub failures: Vec<Failure>,
}

/// One way in which a scenario failed.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The request could not be made or sent, or the host broke; what comes after was not played.
    Broken {
        /// The request's name.
        request: String,
        /// What went wrong.
        error: String,
    },
    /// The answer, the upstream or the audit record is not as it must be.
    Different {
        /// The request's name.
        request: String,
        /// Each difference.
        differences: Vec<Difference>,
        /// All that was seen.
        observed: Box<Observed>,
    },
    /// The configuration was refused, but nothing was logged that contains this text.
    FaultMissing {
        /// The text.
        fault: String,
        /// The logged lines.
        log: Vec<String>,
    },
    /// The configuration was refused and should not have been.
    NotStarted {
        /// The logged lines.
        log: Vec<String>,
    },
    /// The configuration was taken and should have been refused.
    Started,
}

impl Report {
    pub(crate) fn new(scenario: &Scenario, host: &str) -> Self {
        let name = scenario.file.clone().unwrap_or_else(|| scenario.story().to_owned());
        Self { scenario: name, host: host.to_owned(), failures: Vec::new() }
    }

    pub(crate) fn add(&mut self, failure: Failure) {
        self.failures.push(failure);
    }

    pub(crate) fn add_missing_faults(&mut self, faults: &[String], refused: StartRefused) {
        for fault in faults {
            if !refused.log.iter().any(|line| line.contains(fault)) {
                self.add(Failure::FaultMissing { fault: fault.clone(), log: refused.log.clone() });
            }
        }
    }

    pub(crate) fn into_result(self) -> Result<(), Self> {
        if self.failures.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} on {}", self.scenario.trim_end(), self.host)?;
        self.failures.iter().try_for_each(|failure| write!(f, "{failure}"))
    }
}

/// A test that returns a report as its error shows it by way of `Debug`, which is to be as readable.
impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}

impl std::error::Error for Report {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken { request, error } => writeln!(f, "  {request}\n    broke off: {error}"),
            Self::Different { request, differences, observed } => {
                writeln!(f, "  {request}")?;
                differences.iter().try_for_each(|difference| writeln!(f, "    {difference}"))?;
                show_observed(f, observed)
            }
            Self::FaultMissing { fault, log } => {
                writeln!(f, "  the configuration is refused, but `{fault}` is not logged")?;
                show_log(f, log)
            }
            Self::NotStarted { log } => {
                writeln!(f, "  the configuration is refused")?;
                show_log(f, log)
            }
            Self::Started => writeln!(f, "  the configuration is taken, and must be refused"),
        }
    }
}

fn show_observed(f: &mut fmt::Formatter<'_>, observed: &Observed) -> fmt::Result {
    writeln!(f, "    seen: status {}", observed.status)?;
    if let Some(status) = observed.grpc_status {
        writeln!(f, "      grpc-status {status}")?;
    }
    show_headers(f, "      ", &observed.headers)?;
    if !observed.body.is_empty() {
        writeln!(f, "      body `{}`", shortened(&observed.body))?;
    }
    if let Some(seconds) = observed.closed_after {
        writeln!(f, "      closed by the gateway after {seconds} s")?;
    }
    if let Some(details) = &observed.details {
        writeln!(f, "      details `{details}`")?;
    }
    match &observed.upstream {
        Some(received) => {
            writeln!(f, "      upstream {} {}", notation::show(&received.method), notation::show(&received.path))?;
            show_headers(f, "        ", &received.headers)?;
            if !received.body.is_empty() {
                writeln!(f, "        body `{}`", shortened(&received.body))?;
            }
            show_headers(f, "        trailer ", &received.trailers)?;
        }
        None => writeln!(f, "      upstream not reached")?,
    }
    for called in &observed.calls {
        let (method, path) = (notation::show(&called.method), notation::show(&called.path));
        writeln!(f, "      `{}` called: {method} {path}", called.cluster)?;
        show_headers(f, "        ", &called.headers)?;
        if !called.body.is_empty() {
            writeln!(f, "        body `{}`", shortened(&called.body))?;
        }
    }
    if observed.audit.is_empty() {
        writeln!(f, "      no audit record")?;
    }
    observed.audit.iter().try_for_each(|record| writeln!(f, "      audit {record:#}"))
}

fn show_headers(f: &mut fmt::Formatter<'_>, indent: &str, headers: &Headers) -> fmt::Result {
    headers.iter().try_for_each(|(name, value)| writeln!(f, "{indent}{}: {}", notation::show(name), shortened(value)))
}

fn show_log(f: &mut fmt::Formatter<'_>, log: &[String]) -> fmt::Result {
    if log.is_empty() {
        return writeln!(f, "    nothing is logged");
    }
    log.iter().try_for_each(|line| writeln!(f, "    log: {line}"))
}

/// A body may be megabytes long; a reader needs its beginning.
fn shortened(bytes: &[u8]) -> String {
    const SHOWN: usize = 2000;
    match bytes.get(..SHOWN) {
        Some(start) if bytes.len() > SHOWN => format!("{}… ({} bytes)", notation::show(start), bytes.len()),
        _ => notation::show(bytes),
    }
}
