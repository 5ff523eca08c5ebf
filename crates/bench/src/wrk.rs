//! `wrk`, which sends the requests.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use tempfile::TempDir;

use crate::gateway::{HOST, PATH};

/// The program, and the script that it is given.
#[derive(Debug)]
pub(crate) struct Wrk {
    directory: TempDir,
    /// As it calls itself.
    pub(crate) version: String,
}

/// Requests for a while, each sent when the answer to the one before is there.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) port: u16,
    pub(crate) connections: usize,
    pub(crate) seconds: u64,
    pub(crate) tokens: Source,
}

/// Where the tokens of the requests come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// The same one each time.
    One(String),
    /// The tokens of a file, from this line (counted from 0) on, and from the first line again after the last.
    List(PathBuf, usize),
}

/// What came of a load, all of whose requests were answered and allowed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) requests: u64,
    pub(crate) time: Duration,
    pub(crate) p50_micros: u64,
    pub(crate) p99_micros: u64,
}

const PROGRAM: &str = "wrk";

const MISSING: &str = "`wrk` is not there; on Debian and Ubuntu: apt-get install wrk";

impl Wrk {
    /// Looks for the program.
    ///
    /// # Errors
    ///
    /// It is not there, and how it can be had.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let output = run([OsStr::new("-v")])?;
        // It ends with an error, as it was given no address.
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.split(" Copyright").next().unwrap_or_default().trim().to_owned();
        let directory = tempfile::Builder::new().prefix("cedar-gate-wrk-").tempdir()?;
        fs::write(directory.path().join("wrk.lua"), include_str!("wrk.lua"))?;
        Ok(Self { directory, version })
    }

    /// Sends the requests.
    ///
    /// # Errors
    ///
    /// When a request was not answered, or not with success: what is measured then is not what was meant to be.
    pub(crate) fn send(&self, load: &Load) -> anyhow::Result<Outcome> {
        let mut arguments = vec![
            "--threads=1".into(),
            format!("--connections={}", load.connections),
            format!("--duration={}s", load.seconds),
            format!("--script={}", self.directory.path().join("wrk.lua").display()),
            format!("--header=Host: {HOST}"),
        ];
        if let Source::One(token) = &load.tokens {
            arguments.push(format!("--header=authorization: Bearer {token}"));
        }
        arguments.push(format!("http://127.0.0.1:{}{PATH}", load.port));
        if let Source::List(file, first) = &load.tokens {
            arguments.extend(["--".to_owned(), file.display().to_string(), first.to_string()]);
        }
        let output = run(arguments)?;
        let said = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "wrk failed: {said}{complaint}");
        // A script that fails is no failure to wrk: it says so, and ends as if nothing were missing.
        Outcome::read(&said).with_context(|| complaint.trim().to_owned())
    }
}

fn run(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> anyhow::Result<Output> {
    Command::new(PROGRAM).args(arguments).output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow!(MISSING),
        _ => anyhow!("{PROGRAM} cannot be started: {error}"),
    })
}

impl Outcome {
    /// Reads the line that the script writes.
    fn read(said: &str) -> anyhow::Result<Self> {
        let line = said.lines().find_map(|line| line.strip_prefix("measured: "));
        let line = line.with_context(|| format!("wrk has measured nothing: {said}"))?;
        let figure = |name: &str| {
            let mut members = line.split(' ').filter_map(|member| member.split_once('='));
            let (_, value) = members.find(|(each, _)| *each == name).with_context(|| format!("no `{name}`: {line}"))?;
            value.parse::<u64>().with_context(|| format!("`{name}` is not a number: {line}"))
        };
        for (name, meaning) in [
            ("status", "refused, or answered with an error"),
            ("connect", "not connected"),
            ("read", "cut off while their answer was read"),
            ("write", "cut off while they were sent"),
            ("timeout", "not answered within 2 s"),
        ] {
            let count = figure(name)?;
            if count > 0 {
                bail!("{count} of {} requests were {meaning}", figure("requests")?);
            }
        }
        let (requests, micros) = (figure("requests")?, figure("micros")?);
        ensure!(requests > 0 && micros > 0, "not one request was answered");
        let time = Duration::from_micros(micros);
        Ok(Self { requests, time, p50_micros: figure("p50")?, p99_micros: figure("p99")? })
    }

    pub(crate) fn per_second(&self) -> f64 {
        count(self.requests) / self.time.as_secs_f64()
    }
}

/// Numbers of requests stay below 2^53.
#[expect(clippy::cast_precision_loss, reason = "see above")]
pub(crate) fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use cedar_gate_scenario::Received;
    use cedar_gate_stage::Upstream;

    use super::*;

    /// What wrk 4.1.0 writes with the script.
    const SAID: &str = "\
Running 1s test @ http://127.0.0.1:18999/payments/7
  1 threads and 2 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   688.42us  229.21us   4.10ms   76.73%
    Req/Sec     2.79k    51.00     2.87k    63.64%
  3063 requests in 1.10s, 1.18MB read
Requests/sec:   2782.93
Transfer/sec:      1.07MB
measured: requests=3063 micros=1100638 p50=674 p99=1264 connect=0 read=0 write=0 timeout=0 status=0
";

    /// With `wrk`, where it is.
    #[test]
    fn each_request_has_the_next_token_of_the_list() {
        let Ok(wrk) = Wrk::find() else {
            return std::io::stderr().write_all(b"skipped: wrk is not there\n").expect("somewhere to write");
        };
        let upstream = Upstream::start().unwrap();
        let list = tempfile::NamedTempFile::new().unwrap();
        fs::write(list.path(), "a\nb\nc\n").unwrap();
        let tokens = Source::List(list.path().to_owned(), 1);
        let outcome = wrk.send(&Load { port: upstream.address().port(), connections: 1, seconds: 1, tokens }).unwrap();

        let token = |received: Received| {
            let authorization = received.headers.into_iter().find(|(name, _)| name == b"authorization").unwrap().1;
            String::from_utf8(authorization).unwrap()
        };
        let sent: Vec<String> = upstream.take_unnamed().into_iter().map(token).collect();
        assert!(count(outcome.requests) <= count(sent.len() as u64) && sent.len() > 6, "{} requests", sent.len());
        // It tries the script once before it begins.
        let expected = ["Bearer c", "Bearer a", "Bearer b"].into_iter().cycle();
        assert!(sent.iter().zip(expected).all(|(sent, expected)| sent == expected), "{:?}", &sent[..6]);
    }

    #[test]
    fn the_figures_are_read_from_the_line_of_the_script() {
        let outcome = Outcome::read(SAID).unwrap();
        let time = Duration::from_micros(1_100_638);
        assert_eq!(outcome, Outcome { requests: 3063, time, p50_micros: 674, p99_micros: 1264 });
        assert_eq!(outcome.per_second().round(), 2783.0);
    }

    #[test]
    fn a_single_answer_that_is_none_spoils_all() {
        for (name, meaning) in [
            ("status", "refused"),
            ("connect", "not connected"),
            ("read", "cut off while their answer"),
            ("write", "cut off while they"),
            ("timeout", "within 2 s"),
        ] {
            let said = SAID.replace(&format!("{name}=0"), &format!("{name}=1"));
            let error = Outcome::read(&said).unwrap_err().to_string();
            assert!(error.starts_with("1 of 3063 requests were ") && error.contains(meaning), "{error}");
        }
    }

    #[test]
    fn what_is_no_measurement_is_an_error() {
        let said = |text: &str| Outcome::read(text).unwrap_err().to_string();
        assert!(said("unable to connect").contains("wrk has measured nothing: unable to connect"));
        assert!(said(&SAID.replace("p99=1264 ", "")).contains("no `p99`"));
        assert!(said(&SAID.replace("p99=1264", "p99=-1")).contains("`p99` is not a number"));
        assert!(said(&SAID.replace("requests=3063", "requests=0")).contains("not one request"));
    }
}
