//! Whether each attack of the catalogue is tried, on the core and on the `.wasm`.
//!
//! An attack has a letter for what is attacked, and a number; tests name it: `d4_a_removed_key_…`. SECURITY.md says what
//! the letters stand for.

use std::collections::{BTreeMap, BTreeSet};

use cedar_gate_scenario::Scenario;

use crate::fixture::{paper, root};

/// The attacks that are tried, by letter: all up to this number.
const KINDS: [(char, usize); 9] =
    [('a', 25), ('b', 14), ('c', 20), ('d', 8), ('e', 11), ('f', 24), ('g', 8), ('h', 13), ('i', 13)];
/// Of other kinds, these.
const OTHERS: [&str; 10] = ["j11", "l1", "l3", "l5", "l6", "l7", "l8", "l9", "l10", "l13"];

/// Tests in Rust that try what no scenario can, and where they are played.
const FILES: [(&str, &[&str]); 5] = [
    ("src/remote/tests/sharing.rs", &["native"]),
    ("tests/topics/calls.rs", &["wasm"]),
    ("tests/topics/exchange.rs", &["native"]),
    ("tests/topics/vm.rs", &["wasm"]),
    ("tests/topics/waiting/mod.rs", &["native", "wasm"]),
];

/// The code at the beginning of a name.
fn code(name: &str) -> Option<&str> {
    let (code, _) = name.split_once('_')?;
    let number = code.strip_prefix(|first: char| first.is_ascii_lowercase())?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(code)
}

/// By the place where it is played, the codes that something is tried for.
fn tried() -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut tried: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    for path in Scenario::find(root().join("tests/scenarios")).expect("scenario files can be listed") {
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let Some(code) = code(name) else { continue };
        let scenario = Scenario::load(&path).unwrap_or_else(|error| panic!("{error}"));
        for host in ["native", "wasm"].into_iter().filter(|host| scenario.is_for(host)) {
            tried.entry(host).or_default().insert(code.to_owned());
        }
    }
    for (file, hosts) in FILES {
        let text = paper(file);
        for code in text.lines().filter_map(|line| code(line.trim().strip_prefix("fn ")?)) {
            for host in hosts {
                tried.entry(host).or_default().insert(code.to_owned());
            }
        }
    }
    tried
}

#[test]
fn every_attack_is_tried_on_the_core_and_on_the_module() {
    let of_kind = |(letter, count): (char, usize)| (1..=count).map(move |number| format!("{letter}{number}"));
    let all: BTreeSet<String> = KINDS.into_iter().flat_map(of_kind).chain(OTHERS.map(str::to_owned)).collect();
    let tried = tried();
    for host in ["native", "wasm"] {
        let missing: Vec<&String> = all.difference(&tried[host]).collect();
        assert!(missing.is_empty(), "nothing tries these attacks on {host}: {missing:?}");
    }
    let unknown: Vec<&String> = tried.values().flatten().filter(|code| !all.contains(*code)).collect();
    assert!(unknown.is_empty(), "these are to be demanded here from now on: {unknown:?}");
}

#[test]
fn the_paper_says_what_the_letters_stand_for() {
    let paper = paper("SECURITY.md");
    let explained: BTreeSet<char> =
        paper.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.chars().next()).collect();
    let letters = KINDS.iter().map(|(letter, _)| *letter).chain(OTHERS.iter().filter_map(|code| code.chars().next()));
    assert_eq!(explained, letters.collect());
}
