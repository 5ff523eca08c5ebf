//! How many vectors came out how, held against what stands in `counts.txt`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use libtest_mimic::{Failed, Trial};

use crate::case::Verdict;
use crate::corpora;
use crate::host::Host;

/// The outcomes of a set.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts(BTreeMap<String, usize>);

/// What each set must come to.
const PINNED: &str = include_str!("counts.txt");

/// Stands before the reason of a verdict that is not the published one.
const EXCEPTED: &str = ", other than published: ";

/// Sets by their names, then hosts.
static SETTLED: Mutex<BTreeMap<(String, &'static str), Counts>> = Mutex::new(BTreeMap::new());

impl Counts {
    /// Counts one vector.
    pub(crate) fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Accepted(None) => self.note("accepted"),
            Verdict::Accepted(Some(reason)) => self.note(&format!("accepted{EXCEPTED}{reason}")),
            Verdict::Refused(None) => self.note("refused"),
            Verdict::Refused(Some(reason)) => self.note(&format!("refused{EXCEPTED}{reason}")),
        }
    }

    /// Counts anything by its name.
    pub(crate) fn note(&mut self, what: &str) {
        *self.0.entry(what.to_owned()).or_default() += 1;
    }

    /// Adds what somebody else has counted.
    pub(crate) fn merge(&mut self, other: Self) {
        for (what, count) in other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    /// Without the reasons of single verdicts.
    fn short(&self) -> String {
        let excepted: usize = self.0.iter().filter(|(what, _)| what.contains(EXCEPTED)).map(|(_, count)| count).sum();
        let plain = self.0.iter().filter(|(what, _)| !what.contains(EXCEPTED));
        let mut parts: Vec<String> = plain.map(|(what, count)| format!("{count} {what}")).collect();
        if excepted > 0 {
            parts.push(format!("{excepted} other than published"));
        }
        parts.join("; ")
    }

    fn lines(&self) -> Vec<String> {
        self.0.iter().map(|(what, count)| format!("{count} {what}")).collect()
    }
}

/// Takes the counts of a set for the table, and fails where they are not the pinned ones.
pub(crate) fn settle(host: Host, set: &str, counts: Counts) -> Result<(), Failed> {
    let (found, pinned) = (counts.lines(), pinned(set));
    SETTLED.lock().unwrap_or_else(PoisonError::into_inner).insert((set.to_owned(), host.name()), counts);
    if found == pinned {
        return Ok(());
    }
    let found: String = found.iter().map(|line| format!("  {line}\n")).collect();
    Err(Failed::from(format!("counts.txt has {pinned:?} for this set, and it came to\n{set}\n{found}")))
}

/// A test that each set of `counts.txt` is played, given all trials: a set that vanishes would otherwise fail nowhere.
pub(crate) fn complete(trials: &[Trial]) -> Trial {
    let names: Vec<String> = trials.iter().map(|trial| trial.name().to_owned()).collect();
    Trial::test("every_set_that_is_counted_is_played", move || {
        let sets = PINNED.lines().filter(|line| !line.starts_with(' '));
        let played = |set: &str| names.iter().any(|name| name.ends_with(&format!("::{set}")) || name == set);
        let missing: Vec<&str> = sets.filter(|set| !played(set) && !corpora::is_left_out(set)).collect();
        if missing.is_empty() { Ok(()) } else { Err(Failed::from(format!("nothing plays {missing:?}"))) }
    })
}

/// A set's name stands at the margin, its counts below it, indented.
fn pinned(set: &str) -> Vec<String> {
    let lines = PINNED.lines().skip_while(|line| *line != set).skip(1);
    lines.take_while(|line| line.starts_with(' ')).map(|line| line.trim().to_owned()).collect()
}

/// Prints a line for each set, with the hosts on which it came to this, and one for each reason of another verdict than
/// the published one.
pub(crate) fn print() {
    let settled = SETTLED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut lines = BTreeMap::<String, Vec<&str>>::new();
    let mut reasons = BTreeMap::<&str, BTreeMap<&str, usize>>::new();
    for ((set, host), counts) in settled.iter() {
        lines.entry(format!("{set}: {}", counts.short())).or_default().push(host);
        for (what, count) in &counts.0 {
            if let Some((_, reason)) = what.split_once(EXCEPTED) {
                *reasons.entry(reason).or_default().entry(host).or_default() += count;
            }
        }
    }
    lines.iter().for_each(|(line, hosts)| println!("{:12} {line}", hosts.join(" ")));
    if !reasons.is_empty() {
        println!("\nOther than published, and why:");
    }
    for (reason, hosts) in reasons {
        let counts: Vec<String> = hosts.iter().map(|(host, count)| format!("{host} {count}")).collect();
        println!("{:20} {reason}", counts.join(" "));
    }
}
