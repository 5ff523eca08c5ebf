//! What is left afterwards: nothing.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use cedar_gate_stage::Upstream;

use super::{Filter, gateway, get, skipped};

#[test]
fn process_and_files_are_gone_after_drop() {
    let filter = Filter::new();
    let Some(host) = filter.host() else {
        return skipped();
    };
    assert_eq!(gateway(&host, "pass").send(&get("/")).expect("an answer").status, 200);
    let process = format!("/proc/{}", host.envoy().process_id());
    let directory = host.envoy().directory().to_owned();
    assert!(Path::new(&process).exists() && directory.exists());
    drop(host);
    assert!(!Path::new(&process).exists());
    assert!(std::env::var_os("CEDAR_GATE_KEEP").is_some() || !directory.exists());
}

/// In the environment of a second run of the test below, which is the owner that gets killed.
const OWNER: &str = "CEDAR_GATE_TEST_OWNER";

#[test]
fn process_and_files_are_gone_after_their_owner_was_killed() {
    if std::env::var_os(OWNER).is_some() {
        return own_until_killed();
    }
    let mut owner = Command::new(std::env::current_exe().expect("this test"))
        .args(["life::process_and_files_are_gone_after_their_owner_was_killed", "--exact", "--nocapture"])
        .env(OWNER, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test again");
    let output = BufReader::new(owner.stdout.take().expect("its output"));
    let told = output.lines().map_while(Result::ok).find_map(|line| {
        let (process, directory) = line.split_once("owns ")?.1.split_once(' ')?;
        Some((format!("/proc/{process}"), directory.to_owned()))
    });
    owner.kill().expect("it runs, or has been waited for by nobody else");
    owner.wait().expect("an end");
    let Some((process, directory)) = told else {
        return skipped();
    };
    assert!(eventually(|| !Path::new(&process).exists()));
    let is_kept = std::env::var_os("CEDAR_GATE_KEEP").is_some();
    assert!(is_kept || eventually(|| !Path::new(&directory).exists()));
}

fn own_until_killed() {
    let filter = Filter::new();
    let Some(host) = filter.host() else { return };
    // It will have no other occasion to be removed.
    drop(filter);
    println!("owns {} {}", host.envoy().process_id(), host.envoy().directory().display());
    // Until it is killed, or the other test has ended without doing so.
    drop(std::io::stdin().read_line(&mut String::new()));
}

#[test]
fn the_upstream_records_what_is_cut_off_later() {
    let upstream = Upstream::start().expect("a server");
    let mut client = TcpStream::connect(upstream.address()).expect("a connection");
    client
        .write_all(b"POST /a HTTP/1.1\r\nhost: a\r\nx-scenario-request: 1\r\ncontent-length: 10\r\n\r\n")
        .expect("a server that reads");
    let mut received = Vec::new();
    assert!(eventually(|| {
        received = upstream.take("1");
        !received.is_empty()
    }));
    assert_eq!(received[0].path, b"/a");
}

/// Whether `condition` holds within ten seconds.
fn eventually(mut condition: impl FnMut() -> bool) -> bool {
    (0..1000).any(|_| {
        let holds = condition();
        if !holds {
            std::thread::sleep(Duration::from_millis(10));
        }
        holds
    })
}
