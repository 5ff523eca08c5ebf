//! What the papers say, held against the code.

use std::path::{Path, PathBuf};

use cedar_gate::refusal::Cause;

use crate::fixture::root;

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn papers() -> Vec<PathBuf> {
    let mut papers = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            let name = entry.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if entry.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "md") {
                papers.push(entry);
            }
        }
    }
    papers
}

#[test]
fn links_between_files_lead_somewhere() {
    let mut broken = Vec::new();
    for paper in papers() {
        let text = std::fs::read_to_string(&paper).expect("a paper");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            let elsewhere =
                file.is_empty() || file.contains("://") || file.starts_with("mailto:") || file.contains(' ');
            if !elsewhere && !paper.parent().unwrap_or(Path::new("")).join(file).exists() {
                broken.push(format!("{}: {link}", paper.display()));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn the_smallest_configuration_of_the_readme_is_the_one_that_is_played() {
    let readme = text("README.md");
    let block = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of YAML");
    let scenario = text("tests/scenarios/configuration/the_smallest_configuration_works.yaml");
    let lines = |text: &str| {
        text.lines().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect::<Vec<_>>()
    };
    let indented: Vec<String> = lines(block).into_iter().map(|line| format!("  {line}")).collect();
    let played = lines(&scenario);
    let found = played.windows(indented.len()).any(|window| window == indented.as_slice());
    assert!(found, "the scenario has another configuration than README.md:\n{block}");
}

#[test]
fn every_cause_is_documented() {
    let paper = text("docs/configuration.md");
    let missing: Vec<_> = Cause::ALL.iter().filter(|cause| !paper.contains(&format!("`{}`", cause.code()))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_command_of_the_readme_is_one_that_the_makefile_has() {
    let makefile = text("Makefile");
    for line in text("README.md").lines().filter_map(|line| line.trim().strip_prefix("make ").map(str::to_owned)) {
        let target = line.split_whitespace().next().unwrap_or_default().to_owned();
        assert!(makefile.contains(&format!("\n{target}: ")), "README.md names `make {target}`");
    }
    // The two commands themselves are what `.ci/run` runs.
    let ci = text(".ci/run");
    assert!(ci.contains("make run ONCE=1") && ci.contains("make test"));
}
