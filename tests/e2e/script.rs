//! A script in Node that is told what to do, line by line.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// A running script. It ends when this is dropped.
pub(crate) struct Script {
    name: &'static str,
    process: Child,
    results: Receiver<String>,
    /// What it has written to its standard error.
    errors: Arc<Mutex<String>>,
    number: u64,
}

/// How long a command may take.
const BOUND: Duration = Duration::from_secs(60);

/// Where Node finds its packages.
pub(crate) fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tools")
}

impl Script {
    /// Starts a script of `tools/e2e`.
    pub(crate) fn start(name: &'static str, argument: &Value) -> Self {
        let mut process = Command::new("node")
            .arg(tools().join("e2e").join(name))
            .arg(argument.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("node runs");
        let (output, error) = (process.stdout.take().expect("its output"), process.stderr.take().expect("its errors"));
        let (line, results) = channel();
        thread::spawn(move || {
            // Until one of both ends.
            BufReader::new(output).lines().map_while(Result::ok).try_for_each(|text| line.send(text)).ok()
        });
        let errors = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&errors);
        thread::spawn(move || {
            let mut error = BufReader::new(error);
            let mut text = [0; 4096];
            while let Ok(length @ 1..) = error.read(&mut text) {
                let text = String::from_utf8_lossy(&text[..length]);
                written.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
        Self { name, process, results, errors, number: 0 }
    }

    /// Has a command done, and gives its result.
    pub(crate) fn tell(&mut self, command: &str, parameters: Value) -> Value {
        self.number += 1;
        let mut line = parameters;
        line["command"] = json!(command);
        line["number"] = json!(self.number);
        let input = self.process.stdin.as_mut().expect("its input");
        let sent = writeln!(input, "{line}").and_then(|()| input.flush());
        let result = sent.ok().and_then(|()| self.results.recv_timeout(BOUND).ok());
        let result: Value = match &result {
            Some(text) => {
                serde_json::from_str(text).unwrap_or_else(|error| panic!("{} says {text}: {error}", self.name))
            }
            None => json!({ "error": "it says nothing" }),
        };
        if let Some(error) = result.get("error") {
            let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
            panic!(
                "{} fails at {line}: {}\n{}\n{errors}",
                self.name,
                error.as_str().unwrap_or_default(),
                result["cause"]
            );
        }
        assert_eq!(result["number"], self.number, "{} answers in its order", self.name);
        result["result"].clone()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
