//! One shell for many commands, as a reader has it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use tempfile::TempDir;

/// Ends what a command has printed.
const END: &str = "~~~ ended with ";

/// A shell with a home of its own. Whatever it has started ends with it.
pub(crate) struct Shell {
    home: TempDir,
    process: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

/// What came of a command.
pub(crate) struct Ran {
    pub(crate) code: i32,
    /// Its output and its errors, in their order.
    pub(crate) printed: String,
}

impl Shell {
    /// Starts in `folder`, with these commands besides those of the system.
    pub(crate) fn start(folder: &Path, commands: &[(&str, &Path)]) -> Self {
        let home = tempfile::tempdir().expect("a folder can be made");
        let tools = home.path().join(".commands");
        fs::create_dir(&tools).expect("a folder can be made");
        for (name, path) in commands {
            std::os::unix::fs::symlink(path, tools.join(name)).expect("a link can be made");
        }
        let installed = home.path().join(".installed");
        let path = env::var_os("PATH").unwrap_or_default();
        let paths = [installed.join("bin"), tools].into_iter().chain(env::split_paths(&path));
        let own_home = |variable: &str, folder: &str| {
            env::var_os(variable)
                .unwrap_or_else(|| PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(folder).into_os_string())
        };

        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc"])
            .current_dir(folder)
            .env("PATH", env::join_paths(paths).expect("a path can be made"))
            .env("HOME", home.path())
            // What is built and installed comes from where it always comes from, and goes nowhere else than home.
            .env("CARGO_HOME", own_home("CARGO_HOME", ".cargo"))
            .env("RUSTUP_HOME", own_home("RUSTUP_HOME", ".rustup"))
            .env("CARGO_INSTALL_ROOT", &installed)
            // All that is needed has been fetched for this very test to be built.
            .env("CARGO_NET_OFFLINE", "true");
        // A reader's shell was not started by cargo, and not by make.
        for (name, _) in env::vars_os() {
            let name_text = name.to_string_lossy();
            let is_of_cargo =
                ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|start| name_text.starts_with(start));
            let is_of_make =
                ["MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKE_TERMOUT", "MAKE_TERMERR"].contains(&&*name_text);
            if is_of_cargo || is_of_make {
                bash.env_remove(&name);
            }
        }
        let mut process =
            bash.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0).spawn().expect("there is bash");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let lines = output.split(b'\n').map_while(Result::ok);
            lines.map(|line| String::from_utf8_lossy(&line).into_owned()).try_for_each(|line| sender.send(line))
        });
        let input = process.stdin.take();
        let mut shell = Self { home, process, input, lines };
        // At its end, whatever that is, it takes all along that it has started.
        shell.tell("exec 2>&1; trap 'trap - TERM; kill 0' EXIT");
        shell
    }

    /// The home of whoever reads.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where the shell is.
    pub(crate) fn folder(&mut self) -> PathBuf {
        let ran = self.run("pwd", Duration::from_secs(10));
        PathBuf::from(ran.printed.trim_end())
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    ///
    /// It has no end within the bound.
    pub(crate) fn run(&mut self, command: &str, bound: Duration) -> Ran {
        self.tell(&format!("{{ {command}\n}} < /dev/null; printf '\\n{END}%s\\n' $?"));
        let start = now();
        let mut printed = String::new();
        loop {
            let left = bound.saturating_sub(start.elapsed());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("`{command}` does not end; up to now it has printed\n{printed}");
            };
            if let Some(code) = line.strip_prefix(END) {
                return Ran { code: code.parse().expect("an exit code"), printed };
            }
            printed.push_str(&line);
            printed.push('\n');
        }
    }

    fn tell(&mut self, text: &str) {
        let input = self.input.as_mut().expect("the shell has not ended");
        writeln!(input, "{text}").expect("the shell listens");
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.input.take());
        // Output ends when nobody is left that could print.
        let bound = now() + Duration::from_secs(10);
        while self.lines.recv_timeout(bound.saturating_duration_since(now())).is_ok() {}
        let group = format!("kill -KILL -- -{} 2> /dev/null", self.process.id());
        drop(Command::new("sh").args(["-c", &group]).status());
        drop(self.process.wait());
    }
}

/// Whether one of what comes is as it should be, within the bound; each is asked for after a longer pause.
pub(crate) fn within<T>(bound: Duration, tries: impl Iterator<Item = T>, is_right: impl Fn(&T) -> bool) -> bool {
    let start = now();
    let mut pause = Duration::from_millis(5);
    for each in tries {
        if is_right(&each) {
            return true;
        }
        if start.elapsed() > bound {
            return false;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(200));
    }
    false
}

#[expect(clippy::disallowed_methods, reason = "a shell runs in real time; it is the filter that has no clock")]
fn now() -> Instant {
    Instant::now()
}
