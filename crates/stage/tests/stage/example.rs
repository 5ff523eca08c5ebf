//! The example that users start from, and the story that is played with it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cedar_gate_scenario::Scenario;
use cedar_gate_stage::{EnvoyFile, EnvoyOptions};
use rustix::process::{Pid, Signal, kill_process};

/// Envoy and the filter; `None`, with a line that says so, where one of them is missing.
struct Needed {
    envoy: PathBuf,
    wasm: PathBuf,
}

fn needed() -> Option<Needed> {
    let built = root().join("target/cedar_gate.wasm");
    let wasm = std::env::var_os("CEDAR_GATE_WASM").map_or(built, PathBuf::from);
    let Some(envoy) = EnvoyOptions::binary_from_env().filter(|_| wasm.exists()) else {
        let line = b"skipped: the example needs CEDAR_GATE_ENVOY, and CEDAR_GATE_WASM or target/cedar_gate.wasm\n";
        std::io::stderr().write_all(line).expect("somewhere to write");
        return None;
    };
    Some(Needed { envoy, wasm })
}

impl Needed {
    fn story(&self) -> Command {
        let mut story = Command::new(env!("CARGO_BIN_EXE_story"));
        story.current_dir(root()).arg("--envoy").arg(&self.envoy).arg("--wasm").arg(&self.wasm);
        story
    }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn example(name: &str) -> PathBuf {
    root().join("examples/envoy").join(name)
}

#[test]
fn envoy_takes_the_example_as_it_stands() {
    let Some(Needed { envoy, wasm }) = needed() else { return };
    // The file names the filter by a relative path.
    let folder = tempfile::tempdir().expect("a directory");
    fs::create_dir(folder.path().join("target")).expect("a directory");
    let wasm = wasm.canonicalize().expect("the filter's path");
    symlink(wasm, folder.path().join("target/cedar_gate.wasm")).expect("a link");
    let file = example("envoy.yaml").canonicalize().expect("the example's path");
    let output = Command::new(envoy)
        .args(["--mode", "validate", "--config-path"])
        .arg(file)
        .current_dir(folder.path())
        .output()
        .expect("Envoy runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_key_in_the_example_is_the_one_that_the_story_signs_with() {
    let file = EnvoyFile::load(&example("envoy.yaml")).expect("the example is readable");
    let story = Scenario::load(example("story.yaml")).expect("the story is readable");
    let keys = &file.configuration()["providers"]["corp"]["local_jwks"]["inline"]["keys"];
    let [key] = keys.as_array().expect("keys").as_slice() else { panic!("one key, not {keys}") };
    let name = key["kid"].as_str().expect("a name");
    let made = story.forge().keys().public_jwk(name).expect("a key");
    for (member, value) in made.as_object().expect("a JWK") {
        assert_eq!(key[member], *value, "`{member}` of the key `{name}`");
    }
}

#[test]
fn the_story_goes_as_it_says() {
    let Some(needed) = needed() else { return };
    let output = needed.story().arg("--once").output().expect("the story runs");
    let (table, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{table}\n{errors}");
    assert!(table.contains('✓') && !table.contains('✗'), "{table}");
}

#[test]
fn a_story_that_goes_otherwise_fails() {
    let Some(needed) = needed() else { return };
    let folder = tempfile::tempdir().expect("a directory");
    fs::copy(example("envoy.yaml"), folder.path().join("envoy.yaml")).expect("a copy");
    let story = "
        story: Nothing is secret.
        configuration_from: envoy.yaml
        requests: [{path: /payments/7, expect: {status: 200}}, {path: /healthz, expect: {status: 200}}]
    ";
    fs::write(folder.path().join("story.yaml"), story).expect("a file");
    let output = needed.story().arg("--once").arg("--example").arg(folder.path()).output().expect("the story runs");
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{table}");
    assert!(table.contains("1 of 2 requests as expected") && table.contains("credential_missing"), "{table}");
}

#[test]
fn an_interrupt_ends_what_serves() {
    let Some(needed) = needed() else { return };
    let mut story = needed.story().stdout(Stdio::piped()).spawn().expect("the story runs");
    let lines = BufReader::new(story.stdout.take().expect("an output")).lines().map_while(Result::ok);
    let mut port = None;
    for line in lines.take_while(|line| !line.starts_with("Ctrl-C")) {
        let after = line.split_once("curl -i http://127.0.0.1:").and_then(|(_, after)| after.split_once('/'));
        port = port.or_else(|| after.and_then(|(port, _)| port.parse::<u16>().ok()));
    }
    let port = port.expect("a request to paste");
    TcpStream::connect(("127.0.0.1", port)).expect("the gateway serves");
    kill_process(Pid::from_child(&story), Signal::INT).expect("a signal");
    assert!(story.wait().expect("an end").success());
}
