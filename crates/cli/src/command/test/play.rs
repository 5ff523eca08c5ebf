//! Plays scenarios, several at the same time.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use cedar_gate_scenario::{Failure, Host, Played, Report, Scenario};
use cedar_gate_testing::NativeHost;
use regex::Regex;

use super::coverage::Sighting;
use super::files::Reading;
use super::trial::{Check, Course, Kind, Playing, Trial, Verdict};

/// How scenarios are played.
pub(super) struct Rules<'r> {
    /// Which of them.
    pub(super) filter: Option<&'r Filter>,
    /// Whether a failure is the end.
    pub(super) fail_fast: bool,
    /// Whether somebody asks what they reach.
    pub(super) covers: bool,
}

/// A text, and, if it is one, a regular expression.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    text: String,
    pattern: Option<Regex>,
}

/// Policies may be nested as deep as the filter in a gateway takes them, which has a stack of this size, in bytes.
const STACK: usize = 16 << 20;

/// Plays these files and hands out each trial, in the order of the files. With `fail_fast`, nothing comes after the
/// first that fails.
///
/// # Errors
///
/// What `each` ends with, or no thread can be had.
pub(super) fn all(
    files: &[PathBuf],
    rules: &Rules<'_>,
    each: &mut dyn FnMut(&Trial) -> io::Result<()>,
) -> io::Result<Vec<Trial>> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(files.len());
    let next = AtomicUsize::new(0);
    // Files are begun in order, so whatever stands before a failure has been begun when it is found, and is ended.
    let end = AtomicUsize::new(files.len());
    let work = |results: &mpsc::Sender<(usize, Trial)>| {
        loop {
            let place = next.fetch_add(1, Ordering::SeqCst);
            let Some(file) = files.get(place).filter(|_| place < end.load(Ordering::SeqCst)) else { break };
            let trial = one(file, rules);
            if rules.fail_fast && trial.has_failed() {
                end.fetch_min(place, Ordering::SeqCst);
            }
            if results.send((place, trial)).is_err() {
                break;
            }
        }
    };
    thread::scope(|scope| {
        let (sender, results) = mpsc::channel();
        for _ in 0..workers {
            let (sender, work) = (sender.clone(), &work);
            thread::Builder::new().stack_size(STACK).spawn_scoped(scope, move || work(&sender))?;
        }
        drop(sender);
        let (mut early, mut trials) = (BTreeMap::new(), Vec::new());
        for (place, trial) in results {
            early.insert(place, trial);
            while let Some(trial) = early.remove(&trials.len()) {
                each(&trial)?;
                let ends = rules.fail_fast && trial.has_failed();
                trials.push(trial);
                if ends {
                    return Ok(trials);
                }
            }
        }
        Ok(trials)
    })
}

#[expect(clippy::disallowed_methods, reason = "how long tests take is told in real time; the filter has no clock")]
fn one(path: &Path, rules: &Rules<'_>) -> Trial {
    let reading = Reading::default();
    let start = Instant::now();
    let course = match Scenario::load_from(path, &reading) {
        Err(error) => Course::Unreadable(error),
        Ok(scenario) if !scenario.is_for(NativeHost.name()) => Course::Elsewhere,
        Ok(scenario) if rules.filter.is_some_and(|filter| !filter.admits(path, &scenario)) => Course::Filtered,
        Ok(scenario) => {
            let (checks, sighting) = play(&scenario, rules.covers);
            Course::Played(Playing { story: scenario.story().to_owned(), checks, took: start.elapsed(), sighting })
        }
    };
    Trial { path: path.to_owned(), reading, course }
}

fn play(scenario: &Scenario, covers: bool) -> (Vec<Check>, Option<Sighting>) {
    if !covers {
        return (checks(scenario, &NativeHost), None);
    }
    let sighting = RefCell::new(Sighting::default());
    let checks = checks(scenario, &NativeHost::observed(&|seen| sighting.borrow_mut().take_in(seen)));
    (checks, Some(sighting.into_inner()))
}

fn checks(scenario: &Scenario, host: &dyn Host) -> Vec<Check> {
    let mut names = Names::default();
    let requests = scenario.requests().zip(1..);
    let mut checks: Vec<Check> = requests.map(|(name, number)| Check::unplayed(name, number, &mut names)).collect();
    let mut clock = Clock::start();
    let mut place = 0;
    let outcome = scenario.play(host, &mut |played| {
        if let Some(check) = checks.get_mut(place) {
            check.conclude(&played, clock.lap());
        }
        place += 1;
    });
    let failures = outcome.err().map(|report: Report| report.failures).unwrap_or_default();
    if let Some(error) = failures.iter().find_map(broken)
        && let Some(check) = checks.get_mut(place)
    {
        check.verdict = Verdict::Failed { message: error.to_owned(), log: Vec::new() };
    }
    let started = started(&failures);
    if scenario.must_be_refused() || started.is_some() {
        let name = if scenario.must_be_refused() { "the configuration is refused" } else { "the gateway starts" };
        let verdict = started.unwrap_or(Verdict::Passed);
        checks
            .insert(0, Check { name: names.unique(name), kind: Kind::Start, verdict, took: clock.lap(), record: None });
    }
    checks
}

/// What went wrong with a request that could not be made, or with the host.
fn broken(failure: &Failure) -> Option<&str> {
    match failure {
        Failure::Broken { error, .. } => Some(error),
        Failure::Different { .. } | Failure::FaultMissing { .. } | Failure::NotStarted { .. } | Failure::Started => {
            None
        }
    }
}

/// What went wrong with the start.
fn started(failures: &[Failure]) -> Option<Verdict> {
    let mut missing = Vec::new();
    let mut logged: &[String] = &[];
    for failure in failures {
        match failure {
            Failure::Broken { .. } | Failure::Different { .. } => {}
            Failure::FaultMissing { fault, log } => {
                missing.push(format!("`{fault}`"));
                logged = log;
            }
            Failure::NotStarted { log } => {
                let message = "the configuration is refused".to_owned();
                return Some(Verdict::Failed { message, log: log.clone() });
            }
            Failure::Started => {
                let message = "the configuration is taken, and must be refused".to_owned();
                return Some(Verdict::Failed { message, log: Vec::new() });
            }
        }
    }
    let message = format!("the configuration is refused, but not for {}", missing.join(", "));
    (!missing.is_empty()).then(|| Verdict::Failed { message, log: logged.to_vec() })
}

impl Check {
    fn unplayed(name: &str, number: usize, names: &mut Names) -> Self {
        let unique = names.unique(name);
        let handle = if unique == name { unique.clone() } else { number.to_string() };
        let kind = Kind::Request { handle };
        Self { name: unique, kind, verdict: Verdict::NotPlayed, took: Duration::ZERO, record: None }
    }

    fn conclude(&mut self, played: &Played<'_>, took: Duration) {
        self.took = took;
        self.record = played.observed.audit.last().cloned();
        self.verdict = if played.differences.is_empty() {
            Verdict::Passed
        } else {
            let documents = played.expected.documents(played.observed);
            Verdict::Different { differences: played.differences.to_vec(), documents }
        };
    }
}

impl Filter {
    fn admits(&self, path: &Path, scenario: &Scenario) -> bool {
        self.is_in(&path.display().to_string())
            || self.is_in(scenario.story())
            || scenario.requests().any(|name| self.is_in(name))
    }

    fn is_in(&self, text: &str) -> bool {
        text.contains(&self.text) || self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
    }
}

impl FromStr for Filter {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self { text: text.to_owned(), pattern: Regex::new(text).ok() })
    }
}

/// The names that were given so far. Reports tell checks apart by their names, scenarios need not.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    fn unique(&mut self, name: &str) -> String {
        let numbered = (2_usize..).map(|number| format!("{name} ({number})"));
        let mut candidates = std::iter::once(name.to_owned()).chain(numbered);
        let unique = candidates.find(|candidate| !self.0.contains(candidate)).unwrap_or_else(|| name.to_owned());
        self.0.insert(unique.clone());
        unique
    }
}

/// Real time, from one check to the next.
struct Clock(Instant);

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "how long tests take is told in real time; the filter has no clock")]
    fn start() -> Self {
        Self(Instant::now())
    }

    fn lap(&mut self) -> Duration {
        let lap = self.0.elapsed();
        self.0 += lap;
        lap
    }
}
