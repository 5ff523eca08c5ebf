//! The other opinion: jose in Node, told the same things.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::verdict::{self, Identity, Verdict};

/// A process that is asked.
pub(crate) struct Jose {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// Whether Node and jose are there. Where `make test` names the hosts, they must be.
pub(crate) fn is_there() -> bool {
    let there = tools().join("node_modules/jose").is_dir();
    let demanded = std::env::var_os("CEDAR_GATE_HOSTS").is_some();
    assert!(there || !demanded, "jose is not in tools/node_modules: `npm ci --prefix tools`");
    there
}

fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tools")
}

impl Jose {
    /// Starts it.
    pub(crate) fn start(options: &Value) -> Self {
        let mut process = Command::new("node")
            .arg(tools().join("opinion/jose.mjs"))
            .arg(options.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node runs");
        let questions = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("its output"));
        Self { process, questions, answers }
    }

    /// What it makes of these tokens, in their order.
    pub(crate) fn of(&mut self, tokens: &[String]) -> Vec<Verdict> {
        let questions = self.questions.as_mut().expect("its input");
        let lines: String = tokens.iter().map(|token| format!("{}\n", json!(token))).collect();
        std::thread::scope(|scope| {
            // It answers while it reads, so both ends have to be served at once.
            let sent = scope.spawn(move || questions.write_all(lines.as_bytes()).and_then(|()| questions.flush()));
            let verdicts = tokens.iter().map(|_| {
                let mut line = String::new();
                self.answers.read_line(&mut line).expect("an answer");
                read(&line)
            });
            let verdicts = verdicts.collect();
            sent.join().expect("no panic").expect("it reads");
            verdicts
        })
    }
}

impl Drop for Jose {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.questions.take());
        drop(self.process.wait());
    }
}

fn read(line: &str) -> Verdict {
    let answer: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("jose says {line:?}: {error}"));
    let text = |name: &str| answer[name].as_str().map(str::to_owned);
    match text("refused") {
        Some(code) => Verdict::Refused(code),
        None => Verdict::Taken(Identity {
            subject: verdict::written(&text("sub").unwrap_or_default()),
            client: text("client_id").unwrap_or_default(),
            id: text("jti"),
        }),
    }
}
