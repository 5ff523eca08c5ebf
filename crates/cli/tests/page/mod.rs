//! Pages of documentation, done word for word.
//!
//! A page is done in the order in which it is written. In a block marked `console`, a line that begins with `$ ` is a
//! command, which goes on in the next line where it ends with a backslash; what follows is what it prints. A block of
//! another kind is written to a file if the line before it ends with the file's name and a colon.
//!
//! In what a command prints, `…` stands for anything within a line, and a line that is nothing else for any lines.

pub(crate) mod shell;

use std::path::Path;
use std::time::Duration;
use std::{fs, iter};

use regex::Regex;

pub(crate) use shell::Shell;

/// What a reader of a page does next.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// Runs a command.
    Run { command: String, prints: Vec<String> },
    /// Writes a file.
    Write { file: String, text: String },
}

/// What stands below one heading.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) heading: String,
    pub(crate) steps: Vec<Step>,
}

/// How long until something is in force that was put into force a moment ago.
const SOON: Duration = Duration::from_secs(30);

/// Reads a page.
pub(crate) fn sections(text: &str) -> Vec<Section> {
    let mut sections = vec![Section { heading: String::new(), steps: Vec::new() }];
    let mut before = "";
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let steps = &mut sections.last_mut().expect("there is a first one").steps;
            match (kind, before.strip_suffix("`:").and_then(|start| start.rsplit_once('`'))) {
                ("console", _) => steps.extend(commands(&block)),
                (_, Some((_, file))) => {
                    steps.push(Step::Write { file: file.to_owned(), text: block.join("\n") + "\n" });
                }
                (_, None) => {}
            }
        } else if let Some(heading) = line.strip_prefix("## ") {
            sections.push(Section { heading: heading.to_owned(), steps: Vec::new() });
        }
        if !line.is_empty() {
            before = line;
        }
    }
    sections
}

fn commands(block: &[&str]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in block {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(start), _) => steps.push(Step::Run { command: start.to_owned(), prints: Vec::new() }),
            (None, Some(Step::Run { command, .. })) if command.ends_with('\\') => {
                command.push('\n');
                command.push_str(line);
            }
            (None, Some(Step::Run { prints, .. })) => prints.push((*line).to_owned()),
            (None, _) => panic!("a console block begins with a command, not with {line:?}"),
        }
    }
    steps
}

/// Does what the section says.
///
/// # Panics
///
/// A command fails, or prints something else.
pub(crate) fn follow(section: &Section, shell: &mut Shell, bound: Duration) {
    for step in &section.steps {
        match step {
            Step::Run { command, prints } => run(command, prints, shell, bound),
            Step::Write { file, text } => {
                println!("{file} is written");
                let path = shell.folder().join(file);
                assert!(path.parent().is_some_and(Path::is_dir), "{} has no folder", path.display());
                fs::write(path, text).expect("the file can be written");
            }
        }
    }
}

fn run(command: &str, prints: &[String], shell: &mut Shell, bound: Duration) {
    println!("$ {command}");
    let is_as_shown = |printed: &str| prints.is_empty() || pattern(prints).is_match(printed.trim_end());
    let ran = shell.run(command, bound);
    println!("{}", ran.printed.trim_end());
    assert_eq!(ran.code, 0, "`{command}` fails:\n{}", ran.printed);
    if is_as_shown(&ran.printed) {
        return;
    }
    // A reader who is quicker than Envoy asks once more.
    let again = iter::from_fn(|| command.starts_with("curl ").then(|| shell.run(command, bound)));
    let in_time = shell::within(SOON, again, |ran| is_as_shown(&ran.printed));
    assert!(in_time, "`{command}` prints\n{}\nand not\n{}", ran.printed, prints.join("\n"));
}

fn pattern(prints: &[String]) -> Regex {
    let line = |line: &String| match line.as_str() {
        "…" => "(?:.*\n)*?".to_owned(),
        line => line.split('…').map(regex::escape).collect::<Vec<_>>().join(".*") + " *\n",
    };
    // The last line is without its end, so one that stands for any lines takes the rest.
    let all: String = prints.iter().map(line).collect();
    let all = all.strip_suffix('\n').map_or_else(|| format!("{all}.*"), |all| format!("{all}$"));
    Regex::new(&format!("^{all}")).expect("the pattern is one")
}

/// A page of this repository.
pub(crate) fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
