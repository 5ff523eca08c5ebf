//! What the papers say, held against the code.

use std::path::{Path, PathBuf};

use cedar_gate::refusal::{Cause, Class};

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

/// A class of causes, as the papers call it.
fn name(class: Class) -> &'static str {
    match class {
        Class::BodyEncoded => "body encoded",
        Class::BodyInvalid => "body invalid",
        Class::BodyNotDelivered => "body not delivered",
        Class::BodyTooLarge => "body too large",
        Class::Malformed => "malformed",
        Class::NoCredential => "no credential",
        Class::Nonce => "nonce",
        Class::Policy => "policy",
        Class::Proof => "proof",
        Class::Scope => "scope",
        Class::StepUp => "step-up",
        Class::Token => "token",
        Class::Unavailable => "unavailable",
    }
}

#[test]
fn every_cause_stands_in_the_table_of_causes_with_its_class() {
    let paper = text("docs/configuration.md");
    let table = paper.split("| cause | class | when |").nth(1).expect("the table").lines().skip(2);
    let row = |line: &str| {
        let mut cells = line.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`').to_owned());
        (cells.next().unwrap_or_default(), cells.next().unwrap_or_default())
    };
    let mut documented: Vec<_> = table.take_while(|line| line.starts_with('|')).map(row).collect();
    documented.sort();
    let mut causes: Vec<_> =
        Cause::ALL.iter().map(|cause| (cause.code().to_owned(), name(cause.class()).to_owned())).collect();
    causes.sort();
    assert_eq!(documented, causes);
    let classes = paper.split("| class | status |").nth(1).expect("the table of classes");
    let missing = Cause::ALL.iter().map(|cause| name(cause.class())).find(|class| {
        !classes.contains(&format!("\n| {class} |")) && !classes.contains(&format!("\n| {class} (verdict) |"))
    });
    assert_eq!(missing, None);
}

/// The causes in the table of `docs/tokens.md`: those of one check in a line, in the order of the checks.
fn checks_of_a_token() -> Vec<Vec<String>> {
    let paper = text("docs/tokens.md");
    let table = paper.split("| step |").nth(1).expect("the table").lines().skip(2);
    let causes = |row: &str| {
        let last = row.trim_matches('|').rsplit('|').next().unwrap_or_default();
        last.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    table.take_while(|line| line.starts_with('|')).map(causes).collect()
}

#[test]
fn every_cause_of_a_token_stands_in_the_paper_about_tokens() {
    let about_tokens = |cause: &&Cause| match cause.class() {
        Class::NoCredential | Class::Nonce | Class::Proof | Class::Scope | Class::StepUp | Class::Token => true,
        Class::Malformed => **cause == Cause::CredentialMalformed,
        Class::Unavailable => **cause != Cause::HostFailed,
        Class::BodyEncoded | Class::BodyInvalid | Class::BodyNotDelivered | Class::BodyTooLarge | Class::Policy => {
            false
        }
    };
    let paper = text("docs/tokens.md");
    let causes = Cause::ALL.iter().filter(about_tokens);
    let missing: Vec<_> = causes.filter(|cause| !paper.contains(&format!("`{}`", cause.code()))).collect();
    assert!(missing.is_empty(), "docs/tokens.md says nothing of {missing:?}");
    let named = checks_of_a_token();
    assert!(named.len() > 25, "{named:?}");
    for code in named.iter().flatten() {
        assert!(Cause::ALL.iter().any(|cause| cause.code() == code), "docs/tokens.md names `{code}`");
    }
}

#[test]
fn a_token_is_checked_in_the_documented_order() {
    let checks = checks_of_a_token();
    let place = |code: &str| {
        let found = checks.iter().position(|causes| causes.iter().any(|cause| cause == code));
        found.unwrap_or_else(|| panic!("docs/tokens.md has no check for `{code}`"))
    };
    let scenario = text("tests/scenarios/requests/a_token_is_checked_in_one_order.yaml");
    let is_code = |character: char| character.is_ascii_lowercase() || character == '_';
    let seen: Vec<&str> =
        scenario.split("cause: ").skip(1).filter_map(|rest| rest.split(|next| !is_code(next)).next()).collect();
    // One request shows a proof again, which takes it back to an earlier check.
    let places: Vec<usize> = seen.iter().filter(|code| **code != "dpop_replayed").map(|code| place(code)).collect();
    assert!(places.len() > 20 && places.is_sorted(), "{seen:?}: {places:?}");
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
