//! Which machine the figures come from, and with which programs.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context, ensure};
use jiff::Timestamp;

use crate::cores::Cores;
use crate::wrk::Wrk;

/// The machine and its programs, in words.
#[derive(Debug)]
pub(crate) struct Machine {
    /// What was looked at, and what was seen.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// When, in seconds since the Unix epoch.
    pub(crate) began: i64,
}

impl Machine {
    /// Looks.
    ///
    /// # Errors
    ///
    /// There is no Envoy, or no filter.
    pub(crate) fn look(envoy: &Path, wasm: &Path, wrk: &Wrk, cores: &Cores) -> anyhow::Result<Self> {
        let now = Timestamp::now();
        let module =
            fs::metadata(wasm).with_context(|| format!("no filter at {}; `make wasm` builds it", wasm.display()))?;
        let unknown = || "unknown".to_owned();
        let facts = vec![
            ("date", now.strftime("%Y-%m-%d %H:%M UTC").to_string()),
            ("processor", processor().unwrap_or_else(unknown)),
            (
                "cores",
                format!(
                    "{} ({}); Envoy on core {}, wrk on core {}",
                    thread::available_parallelism().map_or_else(|_| unknown(), |count| count.to_string()),
                    if is_virtual() { "virtual" } else { "of the machine itself" },
                    cores.gateway,
                    cores.client
                ),
            ),
            ("load before (1 min)", first_word("/proc/loadavg").unwrap_or_else(unknown)),
            (
                "kernel",
                fs::read_to_string("/proc/sys/kernel/osrelease").map_or_else(|_| unknown(), |text| text.trim().into()),
            ),
            ("Envoy", version(envoy)?),
            ("wrk", wrk.version.clone()),
            ("cedar-gate", format!("{}{}, {} bytes of Wasm", env!("CARGO_PKG_VERSION"), commit(), module.len())),
        ];
        Ok(Self { facts, began: now.as_second() })
    }
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    // Names of virtual processors say little; the family and the model say which one it is.
    let model = match (value("cpu family"), value("model\t")) {
        (Some(family), Some(model)) => format!(", family {family} model {model}"),
        _ => String::new(),
    };
    // Where there are no names (aarch64), there are numbers.
    let name = value("model name")
        .or_else(|| Some(format!("part {} of implementer {}", value("CPU part")?, value("CPU implementer")?)))?;
    Some(format!("{name}{model}, {}", std::env::consts::ARCH))
}

fn is_virtual() -> bool {
    fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| text.contains(" hypervisor"))
}

fn first_word(file: &str) -> Option<String> {
    fs::read_to_string(file).ok()?.split(' ').next().map(str::to_owned)
}

/// `<path> version: <commit>/<version>/<state>/<kind>/<TLS library>`.
fn version(envoy: &Path) -> anyhow::Result<String> {
    let output = Command::new(envoy)
        .arg("--version")
        .output()
        .with_context(|| format!("Envoy cannot be started from {}", envoy.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{} --version failed: {text}", envoy.display());
    let version = text.rsplit("version: ").next().and_then(|version| version.split('/').nth(1));
    Ok(version.unwrap_or_else(|| text.trim()).to_owned())
}

/// The commit, where it is a checkout, and whether something in it is changed.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    match git(&["rev-parse", "--short", "HEAD"]) {
        Some(commit) if git(&["status", "--porcelain"]).is_some_and(|changes| !changes.is_empty()) => {
            format!(" ({commit} and changes)")
        }
        Some(commit) => format!(" ({commit})"),
        None => String::new(),
    }
}
