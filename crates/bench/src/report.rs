//! The report: a Markdown table, the machine, and how it was measured.

use std::fmt;

use crate::filter::CACHED_TOKENS;
use crate::gateway::PATH;
use crate::issuer::Algorithm;
use crate::machine::Machine;
use crate::round::{Lane, Sample};
use crate::row::Row;
use crate::spread::Spread;

/// How it is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) rounds: usize,
    /// Seconds with many connections.
    pub(crate) seconds: u64,
    /// Seconds with one connection.
    pub(crate) seconds_alone: u64,
    pub(crate) connections: usize,
    /// The length of the list of new tokens.
    pub(crate) tokens: usize,
    pub(crate) algorithm: Algorithm,
}

/// What is printed, and written to a file.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) settings: &'a Settings,
    pub(crate) lanes: &'a [Lane],
}

/// The share of its core that Envoy has in every line if nothing else runs there and `wrk` gives it enough to do.
const WHOLE: f64 = 0.9;

/// The share of its core from which on `wrk` itself may have been what limits.
const FULL: f64 = 0.97;

impl fmt::Display for Report<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { rounds, seconds, seconds_alone, connections, tokens, algorithm } = self.settings;
        writeln!(to, "# Requests through one Envoy worker\n")?;
        writeln!(to, "Written by `make bench`; [docs/performance.md](../performance.md) says how to read it.\n")?;
        if *rounds < 3 {
            writeln!(
                to,
                "**{rounds} round{}: these figures show that it works, not how fast it is.**\n",
                plural(*rounds)
            )?;
        }
        table(to, self.lanes)?;

        writeln!(to, "\n## The machine\n")?;
        for (what, seen) in &self.machine.facts {
            writeln!(to, "- {what}: {seen}")?;
        }
        self.bottleneck(to)?;

        writeln!(
            to,
            "\n## How it was measured\n\n\
             - One Envoy process with one worker, a listener for each filter; all of its threads on one core, `wrk` on \
             another. One answer, `200` from Envoy's own route (`direct_response`) behind the filters, and no upstream.\n\
             - The request is `GET {PATH}` with an {algorithm} token of an auditor, through every filter. Before anything \
             is measured, each filter that judges has let it pass and refused others: without a token, with a forged \
             one, and two without the right. A single answer other than 2xx while measuring would have ended it.\n\
             - {rounds} round{}, in each of them every line once, in another order: {seconds} s with {connections} \
             connections for requests/s and the core's time, {seconds_alone} s with one connection for p50 and p99. \
             *Ratio* compares with “no filter, audit off” of the same round. All figures are medians over the rounds, \
             with the least and the most in brackets.\n\
             - *Core* is the processor time of the whole Envoy process for one request.\n\
             - *new* tokens come from a list of {} tokens of as many people, which each line walks through from its \
             beginning to its end before a token comes again. `jwt_authn` caches {CACHED_TOKENS} tokens.\n\
             - *audit on* is `audit.log` for cedar-gate: a record of each decision in Envoy's log, on standard error, \
             which is a file. For the others it is Envoy's access log in a file: a line of JSON with what Envoy knows of \
             the same things. Envoy writes its log line by line, and an access log in blocks. That each request left \
             its record, and without audit none, was checked.\n\
             - `rbac` has the routes, scopes, roles and conflicts of roles of cedar-gate's configuration as matchers; it \
             does not read bodies.",
            plural(*rounds),
            tokens,
        )
    }
}

impl Report<'_> {
    /// Who was at the limit: what is to be measured, or what measures.
    fn bottleneck(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let samples = || self.lanes.iter().flat_map(|lane| &lane.samples);
        let (Some(gateway), Some(client)) = (
            Spread::of(samples().map(|sample| sample.gateway_busy)),
            Spread::of(samples().map(|sample| sample.client_busy)),
        ) else {
            return Ok(());
        };
        writeln!(
            to,
            "- Envoy's core was busy with it for {:.0} % at least, the one of wrk for {:.0} % at most",
            gateway.least * 100.0,
            client.most * 100.0
        )?;
        if gateway.least < WHOLE {
            writeln!(
                to,
                "- **Envoy did not have its core for itself: requests/s, p50 and p99 are worth little here.**"
            )?;
        }
        if client.most >= FULL {
            writeln!(to, "- **wrk was at its limit: the fastest lines are too slow here.**")?;
        }
        Ok(())
    }
}

fn table(to: &mut fmt::Formatter<'_>, lanes: &[Lane]) -> fmt::Result {
    writeln!(to, "| filter | tokens | audit | requests/s | ratio | core, µs | p50, µs | p99, µs |")?;
    writeln!(to, "|---|---|---|--:|--:|--:|--:|--:|")?;
    let baseline = lanes.iter().find(|lane| lane.row == Row::BASELINE).map_or(&[][..], |lane| &lane.samples);
    for lane in lanes {
        let Row { filter, tokens, audit } = lane.row;
        let of = |figure: fn(&Sample) -> f64| Spread::of(lane.samples.iter().map(figure));
        let ratio = Spread::of(lane.samples.iter().zip(baseline).map(|(own, base)| own.per_second / base.per_second));
        writeln!(
            to,
            "| {filter} | {tokens} | {} | {} | {} | {} | {} | {} |",
            if audit { "on" } else { "off" },
            cell(of(|sample| sample.per_second), grouped),
            cell(ratio, |ratio| format!("{ratio:.3}")),
            cell(of(|sample| sample.core_micros), |micros| format!("{micros:.1}")),
            cell(of(|sample| sample.p50), grouped),
            cell(of(|sample| sample.p99), grouped),
        )?;
    }
    Ok(())
}

/// The median, and the least and the most where there are several figures.
fn cell(spread: Option<Spread>, write: impl Fn(f64) -> String) -> String {
    match spread {
        None => "–".to_owned(),
        Some(Spread { median, least, most }) if least == most => write(median),
        Some(Spread { median, least, most }) => format!("**{}** ({}–{})", write(median), write(least), write(most)),
    }
}

/// A whole number with a comma after each three digits.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn plural(number: usize) -> &'static str {
    if number == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{Filter, Tokens};

    fn lane(row: Row, per_second: &[f64]) -> Lane {
        let sample = |per_second: &f64| Sample {
            per_second: *per_second,
            core_micros: 1e6 / per_second,
            p50: 30.0,
            p99: 1234.0,
            gateway_busy: 1.0,
            client_busy: 0.5,
        };
        Lane::with(row, per_second.iter().map(sample).collect())
    }

    fn report(lanes: &[Lane]) -> String {
        let machine = Machine { facts: vec![("processor", "a fast one".to_owned())], began: 0 };
        let settings = Settings {
            rounds: 3,
            seconds: 4,
            seconds_alone: 2,
            connections: 32,
            tokens: 40_000,
            algorithm: Algorithm::Rs256,
        };
        Report { machine: &machine, settings: &settings, lanes }.to_string()
    }

    const GATE: Row = Row { filter: Filter::CedarGate, tokens: Tokens::New, audit: true };

    #[test]
    fn a_ratio_is_one_of_the_same_round() {
        // Two rounds on a machine at half its speed: the ratio of the medians would be 0.05 or 0.2.
        let lanes = [lane(Row::BASELINE, &[40000.0, 20000.0, 20000.0]), lane(GATE, &[4000.0, 2000.0, 3000.0])];
        let report = report(&lanes);
        let line = report.lines().find(|line| line.starts_with("| cedar-gate")).unwrap();
        assert_eq!(
            line,
            "| cedar-gate | new | on | **3,000** (2,000–4,000) | **0.100** (0.100–0.150) | **333.3** (250.0–500.0) \
             | 30 | 1,234 |"
        );
    }

    #[test]
    fn the_lines_of_the_table_have_as_many_cells_as_its_head() {
        let report = report(&[lane(Row::BASELINE, &[40000.0]), lane(GATE, &[])]);
        let cells: Vec<usize> =
            report.lines().filter(|line| line.starts_with('|')).map(|line| line.matches('|').count()).collect();
        assert_eq!(cells, [9; 4]);
    }

    #[test]
    fn a_report_says_where_wrk_was_at_its_limit() {
        let mut lanes = [lane(Row::BASELINE, &[40000.0])];
        assert!(!report(&lanes).contains("wrk was at its limit"));
        lanes[0].samples[0].client_busy = 0.99;
        assert!(report(&lanes).contains("wrk was at its limit"));
    }

    #[test]
    fn a_report_says_where_something_else_ran_on_the_core_of_envoy() {
        let mut lanes = [lane(Row::BASELINE, &[40000.0, 41000.0])];
        assert!(!report(&lanes).contains("did not have its core"));
        lanes[0].samples[1].gateway_busy = 0.7;
        assert!(report(&lanes).contains("did not have its core"));
    }

    #[test]
    fn the_machine_stands_in_the_report() {
        assert!(report(&[]).contains("- processor: a fast one\n"));
    }

    #[test]
    fn long_numbers_are_grouped() {
        assert_eq!(
            ["7", "999", "1,000", "40,123", "1,234,567"],
            [7.0, 999.4, 999.6, 40123.0, 1_234_567.0].map(grouped)
        );
    }
}
