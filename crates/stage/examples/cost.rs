//! What one request costs inside of the VM of a real Envoy, by the filter's own audit records.
//!
//! `make cost` runs it: a few thousand requests over one connection, each with the same token, and the quantiles of the
//! microseconds that the records carry. The signature is verified anew each time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use anyhow::Context;
use cedar_gate_scenario::{ConfigurationForm, Scenario};
use cedar_gate_stage::EnvoyHost;
use serde_json::{Value, json};

/// Requests before those that count: V8 and the caches warm up.
const WARM_UP: usize = 2000;
const COUNTED: usize = 5000;

fn main() -> anyhow::Result<()> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let scenario = Scenario::load(root.join("tests/scenarios/requests/a_payment_goes_through_its_hands.yaml"))?;
    let wasm = std::env::var_os("CEDAR_GATE_WASM").map_or_else(|| root.join("target/cedar_gate.wasm"), PathBuf::from);
    let host = EnvoyHost::from_env(&wasm)?.context("CEDAR_GATE_ENVOY is not set")?;
    let port = host.envoy().add_listener("cost", &scenario.start().configuration, ConfigurationForm::Struct)?;
    let token = scenario.forge().mint(&json!("audrey"), now()?)?;

    let mut connection = BufReader::new(TcpStream::connect(("127.0.0.1", port))?);
    for _ in 0..WARM_UP + COUNTED {
        ask(&mut connection, &token)?;
    }
    let mut rest = Vec::new();
    let mut signature = Vec::new();
    for line in host.envoy().filter_log()? {
        let Ok(record) = serde_json::from_str::<Value>(&line.message) else { continue };
        let micros = |name: &str| record["micros"][name].as_u64();
        if let (Some(total), Some(of_signature)) = (micros("total"), micros("signature")) {
            rest.push(total.saturating_sub(of_signature));
            signature.push(of_signature);
        }
    }
    println!("microseconds in the VM, {COUNTED} requests after {WARM_UP}:");
    println!("{:24} {:>6} {:>6} {:>6}", "", "p50", "p90", "p99");
    print("signature (RS256)", signature);
    print("everything else", rest);
    Ok(())
}

fn ask(connection: &mut BufReader<TcpStream>, token: &str) -> anyhow::Result<()> {
    let request = format!(
        "GET /payments/7 HTTP/1.1\r\nhost: api.example.com\r\nuser-agent: cost/1\r\naccept: */*\r\n\
         x-request-id: cost\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    connection.get_mut().write_all(request.as_bytes())?;
    let (mut length, mut line) = (0, String::new());
    anyhow::ensure!(connection.read_line(&mut line)? > 0 && line.contains("200"), "not allowed: {line}");
    loop {
        line.clear();
        connection.read_line(&mut line)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    Ok(())
}

fn print(what: &str, mut values: Vec<u64>) {
    let mut counted = values.split_off(values.len().saturating_sub(COUNTED));
    counted.sort_unstable();
    let quantile = |percent: usize| counted.get(counted.len() * percent / 100).copied().unwrap_or(0);
    println!("{what:24} {:>6} {:>6} {:>6}", quantile(50), quantile(90), quantile(99));
}

#[expect(clippy::disallowed_methods, reason = "a real Envoy has a real clock")]
fn now() -> anyhow::Result<i64> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(since.as_secs().try_into()?)
}
