//! Rounds: in each of them every line of the table is measured once.

use crate::busy;
use crate::gateway::Gateway;
use crate::issuer::{Issuer, List};
use crate::report::Settings;
use crate::row::{Row, Tokens};
use crate::wrk::{Load, Outcome, Source, Wrk, count};

/// What rounds need.
pub(crate) struct Course<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) wrk: &'a Wrk,
    pub(crate) issuer: &'a Issuer,
    pub(crate) list: &'a List,
    pub(crate) settings: &'a Settings,
}

/// A line of the table with what it gave in each round.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) row: Row,
    pub(crate) samples: Vec<Sample>,
    /// How many tokens of the list it has used. Each line counts for itself, so that the filter sees the whole list
    /// before it sees a token again.
    used: usize,
}

/// What a line gave in one round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) per_second: f64,
    /// Microseconds of processor time that Envoy spent on a request, all its threads together.
    pub(crate) core_micros: f64,
    /// How long an answer took where one connection asked, in microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// How much of its core each of the two used where many connections asked; 1 is all of it.
    pub(crate) gateway_busy: f64,
    pub(crate) client_busy: f64,
}

impl Lane {
    pub(crate) fn with(row: Row, samples: Vec<Sample>) -> Self {
        Self { row, samples, used: 0 }
    }
}

impl Course<'_> {
    /// Runs all rounds.
    ///
    /// # Errors
    ///
    /// When a request was not answered as it should be, or left no record where it should.
    pub(crate) fn run(&self) -> anyhow::Result<Vec<Lane>> {
        let mut lanes: Vec<Lane> = Row::all().into_iter().map(|row| Lane::with(row, Vec::new())).collect();
        eprintln!("Every line is warmed up for a second.");
        for lane in &mut lanes {
            self.load(lane, self.settings.connections, 1)?;
        }
        for round in 0..self.settings.rounds {
            for index in order(round, lanes.len()) {
                let sample = self.sample(&mut lanes[index])?;
                lanes[index].samples.push(sample);
                let row = lanes[index].row;
                eprintln!("round {} of {}: {:.0}/s with {row}", round + 1, self.settings.rounds, sample.per_second);
            }
        }
        Ok(lanes)
    }

    fn sample(&self, lane: &mut Lane) -> anyhow::Result<Sample> {
        let gateway_before = busy::of_process(self.gateway.process_id())?;
        let client_before = busy::of_children()?;
        let many = self.load(lane, self.settings.connections, self.settings.seconds)?;
        let gateway = (busy::of_process(self.gateway.process_id())? - gateway_before).as_secs_f64();
        let client = (busy::of_children()? - client_before).as_secs_f64();
        let alone = self.load(lane, 1, self.settings.seconds_alone)?;
        Ok(Sample {
            per_second: many.per_second(),
            core_micros: gateway * 1e6 / count(many.requests),
            p50: count(alone.p50_micros),
            p99: count(alone.p99_micros),
            gateway_busy: gateway / many.time.as_secs_f64(),
            client_busy: client / many.time.as_secs_f64(),
        })
    }

    fn load(&self, lane: &mut Lane, connections: usize, seconds: u64) -> anyhow::Result<Outcome> {
        let listener = self.gateway.listener(lane.row.filter, lane.row.audit)?;
        let tokens = match lane.row.tokens {
            Tokens::One => Source::One(self.issuer.good()?),
            Tokens::New => Source::List(self.list.file(), lane.used % self.list.length),
        };
        let outcome = self.wrk.send(&Load { port: listener.port, connections, seconds, tokens });
        // That Envoy has ended explains more than that a connection broke.
        self.gateway.settle()?;
        let outcome = outcome?;
        listener.take_records(outcome.requests)?;
        lane.used += usize::try_from(outcome.requests)?;
        Ok(outcome)
    }
}

/// The order of a round: it begins at another line than the last one and goes the other way, so that no line always
/// has the same one before it.
fn order(round: usize, lines: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..lines).collect();
    order.rotate_left(round * STEP % lines.max(1));
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

/// Lines that the beginning moves on with each round.
const STEP: usize = 3;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_round_has_every_line_once_and_begins_with_another_one() {
        let lines = Row::all().len();
        let mut first = BTreeSet::new();
        for round in 0..5 {
            let mut order = order(round, lines);
            assert!(first.insert(order[0]), "round {round} begins like another one");
            order.sort_unstable();
            assert_eq!(order, (0..lines).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_comes_before_a_line_changes_from_round_to_round() {
        let before = |round: usize, line: usize| {
            let order = order(round, 14);
            order.iter().position(|each| *each == line).and_then(|place| Some(order[place.checked_sub(1)?]))
        };
        assert_ne!(before(0, 7), before(1, 7));
    }
}
