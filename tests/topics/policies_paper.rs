//! What `docs/policies.md` shows, held against the files that it is taken from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::fixture::{paper, root};

/// Cedar, JSON and YAML in the paper stand in a policy set or in a scenario, which the tests play.
#[test]
fn every_snippet_stands_in_a_file() {
    let files: Vec<Vec<String>> =
        ["policies", "tests/scenarios"].iter().flat_map(|folder| texts(&root().join(folder))).collect();
    let paper = paper("docs/policies.md");
    let snippets = snippets(&paper, &["cedar", "json", "yaml"]);
    assert!(snippets.len() >= 20, "{} snippets", snippets.len());
    let strange: Vec<String> = snippets
        .into_iter()
        .filter(|snippet| !files.iter().any(|file| file.windows(snippet.len()).any(|window| window == snippet)))
        .map(|snippet| snippet.join("\n"))
        .collect();
    assert!(strange.is_empty(), "no file has:\n{}", strange.join("\n\n"));
}

#[test]
fn every_policy_of_the_documents_follows_from_a_sentence() {
    let (policies, paper) = (paper("policies/documents/documents.cedar"), paper("docs/policies.md"));
    let named: BTreeSet<&str> =
        policies.lines().filter_map(|line| line.strip_prefix("@id(\"")?.strip_suffix("\")")).collect();
    let rows = paper.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix("` |")?.rsplit_once("| `"));
    let said: BTreeSet<&str> = rows.map(|(_, id)| id).filter(|id| id.contains('-')).collect();
    assert_eq!(said, named);
}

#[test]
fn every_scenario_that_the_paper_names_is_there() {
    let paper = paper("docs/policies.md");
    let sentence = |text: &&str| {
        text.split('_').count() > 4 && text.chars().all(|character| character.is_ascii_lowercase() || character == '_')
    };
    let named: BTreeSet<&str> = paper.split('`').filter(sentence).collect();
    assert!(named.len() >= 5, "{named:?}");
    for name in named {
        let path = format!("policies/documents/tests/{name}.yaml");
        assert!(root().join(&path).exists(), "docs/policies.md names {name}, but there is no {path}");
    }
}

/// The lines of each block with one of these languages.
fn snippets(paper: &str, languages: &[&str]) -> Vec<Vec<String>> {
    let mut snippets = Vec::new();
    let mut lines = paper.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else { continue };
        let block: Vec<String> = lines.by_ref().take_while(|line| *line != "```").map(str::to_owned).collect();
        if languages.contains(&language) {
            snippets.push(block);
        }
    }
    snippets
}

/// The lines of each text below a folder.
fn texts(folder: &Path) -> Vec<Vec<String>> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    let lines = |path: &PathBuf| {
        std::fs::read_to_string(path).expect("a text").lines().map(str::to_owned).collect::<Vec<String>>()
    };
    files.iter().map(lines).chain(folders.iter().flat_map(|folder| texts(folder))).collect()
}
