//! The gateway after the story: requests to paste, and each decision as it is made.

use std::time::Duration;

use anyhow::Context;
use cedar_gate_scenario::Forge;
use cedar_gate_stage::Deployment;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use crate::table;

/// How long after a decision it is shown, at most.
const PAUSE: Duration = Duration::from_millis(100);

/// How long the tokens live, in seconds: as long as envoy.yaml lets a token live.
const LIFETIME: u32 = 3600;

/// The story's tokens that requests are shown with.
const PEOPLE: [&str; 4] = ["mona", "carl", "tess", "audrey"];

/// Serves until an interrupt.
pub(crate) fn serve(deployment: &Deployment, forge: &Forge) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        // Before anybody is told that an interrupt is welcome.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut termination = signal(SignalKind::terminate())?;
        print_requests(deployment, forge)?;
        println!("\nCtrl-C ends it. What the gateway decides:\n");
        tokio::select! {
            outcome = follow(deployment) => outcome,
            _ = interrupt.recv() => Ok(()),
            _ = termination.recv() => Ok(()),
        }
    })
}

/// Shows each decision, and fails when Envoy has ended.
async fn follow(deployment: &Deployment) -> anyhow::Result<()> {
    let mut decisions = deployment.decisions()?;
    loop {
        decisions.take()?.iter().for_each(print_decision);
        // Nobody asks for these, and they would pile up.
        drop(deployment.upstream().take_unnamed());
        tokio::time::sleep(PAUSE).await;
    }
}

fn print_requests(deployment: &Deployment, forge: &Forge) -> anyhow::Result<()> {
    println!("\nThe gateway serves. To be pasted into another terminal: tokens that are valid for an hour,\n");
    for name in PEOPLE {
        let token = json!({ "like": name, "claims": { "iat": { "$now": 0 }, "exp": { "$now": LIFETIME } } });
        let token = forge.mint(&token, deployment.now()).with_context(|| format!("no token for {name}"))?;
        println!("{}='{token}'", name.to_uppercase());
    }
    let to = format!("http://127.0.0.1:{}", deployment.port());
    let bearer = |name: &str| format!("-H \"authorization: Bearer ${}\"", name.to_uppercase());
    let amount = |amount: u32| format!("-H 'content-type: application/json' -d '{{\"amount\": {amount}}}'");
    println!("\nand requests.\n");
    for (what, request) in [
        ("401, no token", format!("{to}/payments/7")),
        ("200, an auditor reads", format!("{} {to}/payments/7", bearer("audrey"))),
        ("200, a maker submits", format!("{} {} {to}/payments", bearer("mona"), amount(5000))),
        ("403, and does not approve", format!("{} {} {to}/payments/7/approval", bearer("mona"), amount(5000))),
        ("200, a checker does", format!("{} {} {to}/payments/7/approval", bearer("carl"), amount(5000))),
        ("403, up to a limit", format!("{} {} {to}/payments/7/approval", bearer("carl"), amount(5_000_000))),
        ("200, a treasurer beyond it", format!("{} {} {to}/payments/7/approval", bearer("tess"), amount(5_000_000))),
        ("401, a trick", format!("--path-as-is {to}/healthz/../payments/7")),
    ] {
        println!("curl -i {request}   # {what}");
    }
    Ok(())
}

fn print_decision(record: &Value) {
    let text = |name: &str| record[name].as_str().unwrap_or("–").to_owned();
    let (time, decision, method, path) = (text("time"), text("decision"), text("method"), text("path"));
    let (principal, why, micros) = (text("principal"), table::why(record), &record["micros"]["total"]);
    println!("{time}  {decision:5}  {method} {path}  {principal}  {why}  {micros} µs");
}
