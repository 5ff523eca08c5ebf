//! docs/command-line.md, held against the command; and completions, held against both.
#![cfg(test)]

#[allow(dead_code, reason = "other tests use more of it")]
mod page;
#[allow(dead_code, reason = "other tests use more of it")]
mod project;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use page::Shell;
use regex::Regex;

/// How long an example may take.
const BOUND: Duration = Duration::from_secs(60);

/// What `--help` says of a command.
struct Help {
    /// Its name, as it is called: `token sign`.
    command: String,
    text: String,
}

/// What `--help` says of the command and of all commands below it.
fn all() -> Vec<Help> {
    let below = Regex::new(r"(?m)^  ([a-z]+)  ").expect("a pattern");
    let mut found = Vec::new();
    let mut names = vec![String::new()];
    while let Some(command) = names.pop() {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let ran = project::run(Path::new("."), &arguments, "");
        assert_eq!(ran.code, Some(0), "{command}: {}", ran.err);
        let listed =
            ran.out.split_once("\nCommands:\n").and_then(|(_, rest)| rest.split("\n\n").next()).unwrap_or_default();
        for captures in below.captures_iter(listed) {
            if &captures[1] != "help" {
                names.push(format!("{command} {}", &captures[1]).trim_start().to_owned());
            }
        }
        found.push(Help { command, text: ran.out });
    }
    found
}

impl Help {
    /// The options that are there for this command alone.
    fn options(&self) -> BTreeSet<String> {
        let option = Regex::new(r"(?m)^ +(?:-[A-Za-z], )?(--[a-z][a-z-]*)").expect("a pattern");
        let usual = ["--color", "--format", "--help", "--version"];
        let named = option.captures_iter(&self.text).map(|captures| captures[1].to_owned());
        named.filter(|name| !usual.contains(&name.as_str())).collect()
    }

    fn has_commands(&self) -> bool {
        self.text.contains("\nCommands:\n")
    }
}

/// The part of the page below a heading.
fn part<'p>(page: &'p str, heading: &str) -> &'p str {
    let start = format!("\n## {heading}\n");
    let (_, rest) = page.split_once(&start).unwrap_or_else(|| panic!("the page has no part {heading}"));
    rest.split("\n## ").next().unwrap_or_default()
}

#[test]
fn the_page_names_each_command_and_each_of_its_options_and_no_others() {
    let page = page::text("docs/command-line.md");
    let in_a_table = Regex::new(r"(?m)^\| (?:`-[A-Za-z]`, )?`(--[a-z][a-z-]*)").expect("a pattern");
    let mut parts = BTreeSet::new();
    for help in all().iter().filter(|help| !help.has_commands()) {
        let heading = format!("cedar-gate {}", help.command);
        let named: BTreeSet<String> =
            in_a_table.captures_iter(part(&page, &heading)).map(|captures| captures[1].to_owned()).collect();
        assert_eq!(named, help.options(), "{heading}");
        parts.insert(heading);
    }
    let headings: BTreeSet<String> =
        page.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect();
    let others = ["Exit codes", "Options of all commands"].map(str::to_owned);
    assert_eq!(headings, &parts | &BTreeSet::from(others));
}

#[test]
fn the_page_names_the_options_of_all_commands_and_what_they_take() {
    let page = page::text("docs/command-line.md");
    let part = part(&page, "Options of all commands");
    for help in all() {
        for (name, values) in [("--format", &["text", "json"][..]), ("--color", &["auto", "always", "never"])] {
            assert!(help.text.contains(name), "{}", help.command);
            assert!(values.iter().all(|value| part.contains(&format!("`{name} {value}`"))), "{name}");
        }
    }
    assert!(["`-h`, `--help`", "`-V`, `--version`"].iter().all(|option| part.contains(option)));
}

#[test]
fn the_page_names_each_exit_code() {
    let code = Regex::new(r"(?m)^  ([0-9]+)  ").expect("a pattern");
    let in_a_table = Regex::new(r"(?m)^\| ([0-9]+) \|").expect("a pattern");
    let help = all().into_iter().find(|help| help.command.is_empty()).expect("the command itself");
    let (_, told) = help.text.split_once("Exit codes:\n").expect("they are told");
    let page = page::text("docs/command-line.md");
    let of =
        |pattern: &Regex, text: &str| pattern.captures_iter(text).map(|found| found[1].to_owned()).collect::<Vec<_>>();
    assert_eq!(of(&in_a_table, part(&page, "Exit codes")), of(&code, told));
}

#[test]
fn the_examples_do_what_the_page_says() {
    let command = ("cedar-gate", Path::new(env!("CARGO_BIN_EXE_cedar-gate")));
    let mut shell = Shell::start(&std::env::temp_dir(), &[command]);
    for section in page::sections(&page::text("docs/command-line.md")) {
        page::follow(&section, &mut shell, BOUND);
    }
}

#[test]
fn a_completion_knows_each_command_and_each_option() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = project::run(Path::new("."), &["completions", shell], "");
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{shell}");
        for help in all() {
            let words = help.command.split(' ').map(str::to_owned).chain(help.options());
            for word in words {
                // Fish has long options by `-l`.
                let word = if shell == "fish" { word.trim_start_matches("--").to_owned() } else { word };
                assert!(ran.out.contains(&word), "{shell} does not know {word}");
            }
        }
    }
}

#[test]
fn the_completion_for_bash_is_a_script() {
    let script = project::run(Path::new("."), &["completions", "bash"], "").out;
    let checked = Command::new("bash").args(["-n", "-c", &script]).output().expect("there is bash");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cedar-gate"))
        .args(["schema", "--configuration"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the command starts");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("the command ends");
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
}
