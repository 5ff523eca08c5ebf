//! docs/getting-started.md, done word for word with a real Envoy.
#![cfg(test)]

#[allow(dead_code, reason = "other tests use more of it")]
mod gateway;
#[allow(dead_code, reason = "other tests use more of it")]
mod page;

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, thread};

use gateway::{Gateway, Ports, is_demanded};
use page::{Shell, Step};

/// How long building may take, where nothing is built yet.
const BUILD: Duration = Duration::from_secs(1800);

/// How long anything else may take: Envoy compiles the filter.
const OTHER: Duration = Duration::from_secs(120);

#[test]
fn the_page_says_what_happens() {
    let Some(Gateway { envoy, wasm }) = Gateway::find() else { return };
    // The only words that are not as they stand there: ports that could be taken, and where the filter was built.
    let ports = Ports::reserve();
    let text = ports.put_into(&page::text("docs/getting-started.md"));
    let text = text.replace("target/cedar_gate.wasm", &wasm.display().to_string());

    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let commands = [("cedar-gate", Path::new(env!("CARGO_BIN_EXE_cedar-gate"))), ("envoy", envoy.as_path())];
    let mut shell = Shell::start(&repository, &commands);
    let _log = Log(shell.home().join("notes/build/envoy.log"));
    for section in page::sections(&text) {
        let builds = section.heading.ends_with("Build");
        if builds && !is_demanded() {
            println!("left out: what is built already is used, as CEDAR_GATE_HOSTS does not name envoy");
            continue;
        }
        page::follow(&section, &mut shell, if builds { BUILD } else { OTHER });
        if section.steps.iter().any(|step| matches!(step, Step::Run { command, .. } if command.contains(" init "))) {
            let file = shell.home().join("notes/envoy.yaml");
            let written = fs::read_to_string(&file).expect("init has written it");
            fs::write(&file, ports.put_into(&written)).expect("the file can be written");
        }
    }
}

/// Where Envoy says why something went wrong, if it did.
struct Log(PathBuf);

impl Drop for Log {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("{}:\n{}", self.0.display(), fs::read_to_string(&self.0).unwrap_or_default());
        }
    }
}
