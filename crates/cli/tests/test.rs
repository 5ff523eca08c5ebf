//! `cedar-gate test`, as its users see it.
#![cfg(test)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// A folder of a user, with a configuration, policies and scenarios that all pass.
struct Archive(TempDir);

impl Archive {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/test/archive"), folder.path());
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn with(self, name: &str, text: &str) -> Self {
        self.write(name, text);
        self
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file can be written");
    }

    fn replace(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).expect("a file can be read");
        assert!(text.contains(from), "{name} has no {from}");
        self.write(name, &text.replace(from, to));
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cedar-gate"));
        command.current_dir(self.0.path()).arg("test").args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().expect("the command runs"))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let all = [arguments, &["--format", "json"]].concat();
        serde_json::from_str(&self.run(&all).out).expect("one JSON value")
    }
}

/// What a command has left behind.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The last line without the time.
    fn summary(&self) -> &str {
        let last = self.out.lines().last().expect("a line");
        let (summary, time) = last.split_once(" (").expect("a time");
        assert!(time.ends_with(" s)"), "{last}");
        summary
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).expect("a folder can be made");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}

/// Two requests that are not as they are expected to be, and one between them that is.
const DISAPPOINTED: &str = r#"
story: >
  Visitors view papers,
  which is not so.
base: base/gate.yaml
requests:
  - name: a visitor's wish
    path: /papers/memo
    token: vera
    expect: {status: 200, body: {json: {title: Granted, status: 200}}}
  - name: a clerk views a paper
    path: /papers/memo
    token: clara
    expect: {status: 200}
  - name: an auditor decides nothing
    method: DELETE
    path: /papers/memo
    token: ada
    expect: {status: 200, headers: {x-paper: blue}, audit: {policies: [somebody-deletes]}}
"#;

#[test]
fn what_is_as_it_should_be_is_counted() {
    let ran = Archive::new().run(&[]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert_eq!(ran.summary(), "2 scenarios, 3 requests: 3 passed, 0 failed");
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(
        lines[..2],
        ["ok      tests/auditors_delete.yaml (1 request)", "ok      tests/clerks_view.yaml (2 requests)"]
    );
    assert_eq!(ran.err, "", "no progress is shown where there is no terminal");
}

#[test]
fn quietly_only_the_summary_is_left_of_what_passes() {
    let archive = Archive::new().with("tests/disappointed.yaml", DISAPPOINTED);
    let ran = archive.run(&["--quiet", "tests/clerks_view.yaml"]);
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
    let ran = archive.run(&["--quiet"]);
    assert!(ran.out.starts_with("failed  tests/disappointed.yaml\n"), "{}", ran.out);
}

#[test]
fn a_failure_tells_its_story_what_differs_and_how_to_go_on() {
    let ran = Archive::new().with("tests/disappointed.yaml", DISAPPOINTED).run(&["tests/disappointed.yaml"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    assert_eq!(ran.summary(), "1 scenario, 3 requests: 1 passed, 2 failed");
    let expected = r#"failed  tests/disappointed.yaml
        Visitors view papers, which is not so.

  a visitor's wish
    status
      expected  200
      actual    403
    body (- expected, + actual)
"#;
    assert!(ran.out.starts_with(expected), "{}", ran.out);
    for line in [
        "      -   \"title\": \"Granted\",",
        "    upstream\n      expected  reached\n      actual    not reached",
        "    recorded: deny, policy_denied, on the route GET /papers/{id}\n",
        "      principal User::\"corp|vera\"",
        r"    to go on: cedar-gate explain --scenario tests/disappointed.yaml --request 'a visitor'\''s wish'",
        "  an auditor decides nothing\n    headers.x-paper\n      expected  `blue`\n      actual    none\n",
        "    audit.policies[0]\n      expected  \"somebody-deletes\"\n      actual    \"auditors-delete\"\n",
        "    recorded: allow, on the route DELETE /papers/{id}\n",
        "      policy    auditors-delete\n      reason    Auditors delete papers.\n",
    ] {
        assert!(ran.out.contains(line), "no {line} in\n{}", ran.out);
    }
    assert!(!ran.out.contains("\n  a clerk views a paper\n"), "{}", ran.out);
    assert!(!ran.out.contains('\u{1b}'), "no colours where there is no terminal: {}", ran.out);
}

#[test]
fn the_way_to_go_on_is_one() {
    let archive = Archive::new().with("tests/it's disappointed.yaml", DISAPPOINTED);
    let ran = archive.run(&[]);
    let ways: Vec<&str> =
        ran.out.lines().filter_map(|line| line.trim().strip_prefix("to go on: cedar-gate ")).collect();
    assert_eq!(ways.len(), 2, "{}", ran.out);
    for (way, name) in ways.into_iter().zip(["a visitor's wish", "an auditor decides nothing"]) {
        let mut shell = Command::new("sh");
        shell.current_dir(archive.0.path()).args(["-c", &format!("\"$0\" {way}"), env!("CARGO_BIN_EXE_cedar-gate")]);
        let explained = Ran::of(shell.output().expect("there is a shell"));
        assert_eq!(explained.code, Some(0), "{way}: {}{}", explained.out, explained.err);
        assert!(explained.out.contains(name), "{way}: {}", explained.out);
    }
}

#[test]
fn a_request_that_cannot_be_made_fails_and_ends_its_scenario() {
    let impossible = r#"
story: A token is tampered with in vain.
base: base/gate.yaml
requests:
  - {path: /healthz, expect: {status: 200}}
  - {path: /papers/memo, token: {like: clara, tamper: [{replace: ["%", "x"]}]}, expect: {status: 401}}
  - {path: /healthz, expect: {status: 200}}
"#;
    let ran = Archive::new().with("tests/impossible.yaml", impossible).run(&["tests/impossible.yaml"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    assert_eq!(ran.summary(), "1 scenario, 3 requests: 1 passed, 1 failed, 1 not played");
    assert!(ran.out.contains("  GET /papers/memo\n    "), "{}", ran.out);
    assert!(ran.out.contains("  1 request after it not played\n"), "{}", ran.out);
}

#[test]
fn a_configuration_that_is_refused_fails_and_no_request_is_sent() {
    let archive = Archive::new();
    archive.replace("policies/papers.cedar", "context.token", "context.tokens");
    let ran = archive.run(&["tests/clerks_view.yaml"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    assert_eq!(ran.summary(), "1 scenario, 2 requests, 1 start: 0 passed, 1 failed, 2 not played");
    assert!(ran.out.contains("  the gateway starts\n    the configuration is refused\n    log: "), "{}", ran.out);
    assert!(ran.out.contains("auditors-delete"), "{}", ran.out);
}

#[test]
fn a_configuration_that_must_be_refused_is_a_check_of_its_own() {
    let refused = |fault: &str| {
        format!(
            "story: Nobody else signs.\nbase: base/gate.yaml\nconfiguration: {{providers: {{corp: {{issuer: null}}}}}}\n\
             starts: refused\nfaults: ['{fault}']\n"
        )
    };
    let archive = Archive::new().with("tests/refused.yaml", &refused("providers.corp.issuer: is missing"));
    let ran = archive.run(&["tests/refused.yaml"]);
    assert_eq!((ran.code, ran.summary()), (Some(0), "1 scenario, 0 requests, 1 start: 1 passed, 0 failed"));
    let archive = archive.with("tests/refused.yaml", &refused("something else"));
    let ran = archive.run(&["tests/refused.yaml"]);
    assert_eq!((ran.code, ran.summary()), (Some(1), "1 scenario, 0 requests, 1 start: 0 passed, 1 failed"));
    assert!(ran.out.contains("the configuration is refused, but not for `something else`"), "{}", ran.out);
    let taken = "story: Nobody else signs.\nbase: base/gate.yaml\nstarts: refused\n";
    let ran = archive.with("tests/refused.yaml", taken).run(&["tests/refused.yaml"]);
    assert_eq!((ran.code, ran.summary()), (Some(1), "1 scenario, 0 requests, 1 start: 0 passed, 1 failed"));
}

#[test]
fn a_file_that_is_no_scenario_is_an_error_and_stops_no_other() {
    let broken =
        "story: It has a typing error.\nbase: base/gate.yaml\nrequests:\n  - {pathh: /, expect: {status: 200}}\n";
    let archive = Archive::new().with("tests/broken.yaml", broken).with("tests/unreadable.yaml", "story: [\n");
    let ran = archive.run(&[]);
    assert_eq!(ran.code, Some(3), "{}{}", ran.out, ran.err);
    assert_eq!(ran.summary(), "2 scenarios, 3 requests: 3 passed, 0 failed, 2 files without a scenario");
    let errors: Vec<&str> = ran.out.lines().filter(|line| line.starts_with("error")).collect();
    assert!(errors[0].starts_with("error   tests/broken.yaml: requests[0].pathh: unknown field `pathh`"), "{errors:?}");
    assert!(errors[1].starts_with("error   tests/unreadable.yaml: "), "{errors:?}");
    assert!(errors[1].contains("line "), "{errors:?}");
}

#[test]
fn nothing_to_play_is_no_success() {
    let archive = Archive::new();
    fs::create_dir(archive.path("empty")).expect("a folder can be made");
    for (arguments, message) in [
        (["empty"].as_slice(), "empty: there are no scenarios, which are files named *.yaml"),
        (&["nowhere"], "nowhere: there is no such file or folder"),
        (&["--filter", "the moon"], "no scenario was played: 0 for other hosts only, 2 without what --filter asks for"),
    ] {
        let ran = archive.run(arguments);
        assert_eq!(ran.code, Some(3), "{arguments:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains(message), "{arguments:?}: {}", ran.err);
    }
    let elsewhere =
        "hosts: [envoy]\nstory: In Envoy.\nbase: base/gate.yaml\nrequests: [{path: /healthz, expect: {status: 200}}]\n";
    let archive = archive.with("elsewhere.yaml", elsewhere);
    let ran = archive.run(&["elsewhere.yaml"]);
    assert_eq!(ran.code, Some(3), "{}{}", ran.out, ran.err);
    fs::copy(archive.path("elsewhere.yaml"), archive.path("tests/elsewhere.yaml")).expect("a file can be copied");
    let ran = archive.run(&[]);
    assert_eq!(ran.summary(), "2 scenarios, 3 requests: 3 passed, 0 failed, 1 scenario for other hosts");
    assert!(ran.out.contains("skipped tests/elsewhere.yaml (for other hosts only)"), "{}", ran.out);
}

#[test]
fn a_command_line_that_makes_no_sense_is_refused() {
    assert_eq!(Archive::new().run(&["--coverage-min", "101"]).code, Some(2));
}

#[test]
fn a_filter_looks_at_paths_stories_and_names_of_requests() {
    let archive = Archive::new();
    for filter in ["clerks_view", "visitors do", "a visitor does not", "^a (visitor|guest) does"] {
        let ran = archive.run(&["--filter", filter]);
        assert_eq!(ran.summary(), "1 scenario, 2 requests: 2 passed, 0 failed, 1 scenario left out", "{filter}");
    }
}

#[test]
fn a_file_that_is_named_twice_is_played_once() {
    let ran = Archive::new().run(&["tests", "tests/clerks_view.yaml", "./tests/../tests"]);
    assert_eq!(ran.summary(), "2 scenarios, 3 requests: 3 passed, 0 failed");
}

#[test]
fn the_first_failure_can_be_the_end() {
    let archive = Archive::new();
    for number in 0..8 {
        archive.write(&format!("tests/b{number}.yaml"), DISAPPOINTED);
    }
    for _ in 0..5 {
        let ran = archive.run(&["--fail-fast"]);
        assert_eq!(ran.code, Some(1));
        assert_eq!(ran.summary(), "2 scenarios, 4 requests: 2 passed, 2 failed, 8 scenarios not begun");
        assert!(ran.out.contains("failed  tests/b0.yaml"), "{}", ran.out);
    }
}

#[test]
fn results_come_in_the_order_of_the_files() {
    let archive = Archive::new();
    for number in 0..20 {
        archive.write(&format!("tests/z{number:02}.yaml"), DISAPPOINTED);
    }
    let ran = archive.run(&[]);
    let files: Vec<&str> =
        ran.out.lines().filter_map(|line| line.split("tests/").nth(1).filter(|_| !line.starts_with(' '))).collect();
    let mut sorted = files.clone();
    sorted.sort_unstable();
    assert_eq!(files.len(), 22, "{}", ran.out);
    assert_eq!(files, sorted);
}

#[test]
fn requests_of_one_name_are_told_apart() {
    let twice = r"
story: A request comes twice.
base: base/gate.yaml
requests:
  - {path: /healthz, expect: {status: 200}}
  - {path: /healthz, expect: {status: 200}}
";
    let archive = Archive::new().with("tests/twice.yaml", twice);
    let report = archive.json(&["tests/twice.yaml"]);
    let names: Vec<&Value> = checks(&report["scenarios"][0]).iter().map(|check| &check["name"]).collect();
    assert_eq!(names, ["GET /healthz", "GET /healthz (2)"]);
    archive.replace("tests/twice.yaml", "status: 200", "status: 404");
    let ran = archive.run(&["tests/twice.yaml"]);
    for way in ["tests/twice.yaml --request 'GET /healthz'\n", "tests/twice.yaml --request 2\n"] {
        assert!(ran.out.contains(way), "{}", ran.out);
    }
}

fn checks(scenario: &Value) -> &Vec<Value> {
    scenario["checks"].as_array().expect("checks")
}

#[test]
fn machines_get_one_value_with_everything() {
    let archive = Archive::new().with("tests/disappointed.yaml", DISAPPOINTED).with("tests/no.yaml", "story: [\n");
    let report = archive.json(&[]);
    assert_eq!(report["ok"], false);
    let summary = &report["summary"];
    for (member, number) in
        [("scenarios", 3), ("requests", 6), ("starts", 0), ("passed", 4), ("failed", 2), ("unreadable", 1)]
    {
        assert_eq!(summary[member], number, "{member}: {summary}");
    }
    assert!(summary["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{summary}");
    let results: Vec<_> = report["scenarios"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| (each["file"].as_str(), each["result"].as_str()))
        .collect();
    assert_eq!(
        results,
        [
            (Some("tests/auditors_delete.yaml"), Some("passed")),
            (Some("tests/clerks_view.yaml"), Some("passed")),
            (Some("tests/disappointed.yaml"), Some("failed")),
            (Some("tests/no.yaml"), Some("unreadable")),
        ]
    );
    assert_eq!(report["scenarios"][3]["error"]["file"], "tests/no.yaml");
    let failed = &checks(&report["scenarios"][2])[2];
    assert_eq!(failed["name"], "an auditor decides nothing");
    assert_eq!(failed["result"], "failed");
    assert_eq!(failed["differences"][0]["what"], "headers.x-paper");
    assert_eq!(failed["differences"][0]["expected"], "`blue`");
    assert_eq!(failed["differences"][0]["actual"], "none");
    assert_eq!(failed["record"]["policies"][0], "auditors-delete");
    assert_eq!(report["coverage"]["sets"][0]["name"], "policies");
}

#[test]
fn machines_get_errors_too() {
    let report = Archive::new().json(&["nowhere"]);
    assert!(report["error"].as_str().is_some_and(|error| error.starts_with("nowhere: ")), "{report}");
}

#[test]
fn junit_has_a_suite_for_each_file_and_a_case_for_each_request() {
    let strange = DISAPPOINTED.replace("a visitor's wish", "\"a visitor's <wish> & \\u001b[31m]]>\"");
    let archive = Archive::new().with("tests/disappointed.yaml", &strange).with("tests/no.yaml", "story: [\n");
    archive.replace("tests/auditors_delete.yaml", "base: ", "configuration: {routes: 7}\nbase: ");
    let ran = archive.run(&["--junit", "junit.xml"]);
    assert_eq!(ran.code, Some(3), "{}{}", ran.out, ran.err);
    let xml = fs::read_to_string(archive.path("junit.xml")).expect("the report is written");
    let document = roxmltree::Document::parse(&xml).expect("well-formed XML");
    let root = document.root_element();
    assert_eq!(root.tag_name().name(), "testsuites");
    assert_eq!(
        (root.attribute("tests"), root.attribute("failures"), root.attribute("errors")),
        (Some("8"), Some("3"), Some("1"))
    );
    let suites: Vec<_> = root.children().filter(roxmltree::Node::is_element).collect();
    let names: Vec<_> = suites.iter().map(|suite| suite.attribute("name").unwrap()).collect();
    assert_eq!(
        names,
        ["tests/auditors_delete.yaml", "tests/clerks_view.yaml", "tests/disappointed.yaml", "tests/no.yaml"]
    );
    let cases =
        |suite: usize| -> Vec<_> { suites[suite].children().filter(|node| node.has_tag_name("testcase")).collect() };
    let outcome = |case: &roxmltree::Node<'_, '_>| {
        case.children().find(roxmltree::Node::is_element).map_or("success", |node| match node.tag_name().name() {
            "failure" => "failure",
            "error" => "error",
            "skipped" => "skipped",
            _ => "other",
        })
    };
    let outcomes = |suite: usize| -> Vec<_> { cases(suite).iter().map(outcome).collect() };
    assert_eq!(outcomes(0), ["failure", "skipped"]);
    assert_eq!(outcomes(1), ["success", "success"]);
    assert_eq!(outcomes(2), ["failure", "success", "failure"]);
    assert_eq!(outcomes(3), ["error"]);
    let wish = cases(2)[0];
    assert_eq!(wish.attribute("classname"), Some("tests/disappointed.yaml"));
    assert!(wish.attribute("name").unwrap().starts_with("a visitor's <wish> & "), "{xml}");
    let failure = wish.first_element_child().unwrap();
    assert!(failure.attribute("message").unwrap().starts_with("status: expected 200, saw 403; "), "{xml}");
    assert!(failure.text().unwrap().contains("      expected  200\n      actual    403\n"), "{xml}");
    let error = cases(3)[0].first_element_child().unwrap();
    assert!(error.attribute("message").unwrap().starts_with("tests/no.yaml: "), "{xml}");
}

#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    let ran = Archive::new().run(&["--junit", "nowhere/junit.xml"]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.contains("nowhere/junit.xml: "), "{}", ran.err);
}

#[test]
fn coverage_names_what_no_scenario_has_reached() {
    let archive = Archive::new();
    let ran = archive.run(&["--coverage"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let gaps: Vec<&str> = ran.out.lines().skip_while(|line| !line.starts_with("not reached")).collect();
    assert_eq!(
        gaps[..7],
        [
            "not reached in policies:",
            "  route `GET /healthz`: no request has come to it",
            "  route `DELETE /papers/{id}`: no request was refused",
            "  constraint `separation:clerk-auditor`: no session was refused for it",
            "  policies/papers.cedar:10: `when { context.token.scopes.contains(\"papers:write\") }` of policy \
             `auditors-delete` has always let it apply",
            "  policies/papers.cedar:11: `unless { resource == Paper::\"ledger\" }` of policy `auditors-delete` has \
             always let it apply",
            "",
        ],
        "{}",
        ran.out
    );
    let ran = archive.run(&["tests/clerks_view.yaml", "--coverage"]);
    assert!(
        ran.out.contains("  policies/papers.cedar:7: policy `auditors-delete`: its scope has matched no request\n"),
        "{}",
        ran.out
    );
}

#[test]
fn coverage_can_be_demanded() {
    let archive = Archive::new();
    let report = archive.json(&[]);
    // 3 of 5 points of routes, none of 1 constraint, 2 policies, 2 scopes, 2 of 4 points of conditions.
    let coverage = &report["coverage"];
    assert_eq!((&coverage["reached"], &coverage["of"]), (&Value::from(9), &Value::from(14)), "{coverage:#}");
    assert_eq!(archive.run(&["--coverage-min", "64"]).code, Some(0));
    let ran = archive.run(&["--coverage-min", "65"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("coverage 64.2 %, which is less than 65 %\n"), "{}", ran.out);
    let report = archive.json(&["--coverage-min", "65"]);
    assert_eq!((&report["ok"], &report["coverage"]["ok"]), (&Value::Bool(false), &Value::Bool(false)));
}

#[test]
fn nothing_to_be_reached_is_no_coverage() {
    let refused = "story: Nothing.\nbase: base/gate.yaml\nconfiguration: {routes: 7}\nstarts: refused\n";
    let archive = Archive::new().with("tests/refused.yaml", refused);
    assert_eq!(archive.run(&["tests/refused.yaml", "--coverage"]).code, Some(0));
    assert_eq!(archive.run(&["tests/refused.yaml", "--coverage-min", "1"]).code, Some(1));
}

#[test]
fn coverage_is_complete_when_every_part_was_seen_both_ways() {
    let rest = r#"
story: The rest.
base: base/gate.yaml
configuration:
  routes:
    - {methods: [GET], path: /healthz, access: public}
    - {methods: [GET], path: "/papers/{id}", action: view, resource: {type: Paper, id: "{id}"}}
    - {methods: [DELETE], path: "/papers/{id}", action: delete, resource: {type: Paper, id: "{id}"}}
requests:
  - {name: anybody, path: /healthz, expect: {status: 200}}
  - {name: the ledger stays, method: DELETE, path: /papers/ledger, token: ada, expect: {status: 403}}
  - {name: without the scope, method: DELETE, path: /papers/memo, token: {like: ada, claims: {scope: null}}, expect: {status: 403}}
  - {name: both roles, path: /papers/memo, token: {like: ada, claims: {roles: [clerk, auditor]}}, expect: {status: 403, cause: separation_static}}
"#;
    let archive = Archive::new().with("tests/rest.yaml", rest);
    let ran = archive.run(&["--coverage-min", "100"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(!ran.out.contains("not reached"), "{}", ran.out);
    // A configuration that differs in its routes only is no other policy set, one with another policy is.
    let sets = |report: &Value| -> Vec<String> {
        let sets = report["coverage"]["sets"].as_array().unwrap().iter();
        sets.map(|set| set["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(sets(&archive.json(&[])), ["policies"]);
    let patched = r#"configuration:
  policies:
    inline:
      policies:
        papers.cedar: |
          @id("clerks-view") permit (principal, action == Action::"view", resource);
          @id("auditors-delete") permit (principal, action == Action::"delete", resource);"#;
    archive.replace("tests/auditors_delete.yaml", "base: ", &format!("{patched}\nbase: "));
    assert_eq!(sets(&archive.json(&[])), ["tests/auditors_delete.yaml (inline)", "policies"]);
}

#[test]
fn what_stands_behind_a_condition_that_does_not_hold_was_not_asked() {
    let unscoped = r#"
story: Without the scope nobody asks which paper it is.
base: base/gate.yaml
configuration:
  routes: [{methods: [DELETE], path: "/papers/{id}", action: delete, resource: {type: Paper, id: "{id}"}}]
requests:
  - {name: unscoped, method: DELETE, path: /papers/memo, token: {like: ada, claims: {scope: null}}, expect: {status: 403}}
"#;
    let report = Archive::new().with("tests/unscoped.yaml", unscoped).json(&["tests/unscoped.yaml"]);
    let policy = &report["coverage"]["sets"][0]["policies"][1];
    assert_eq!(policy["id"], "auditors-delete");
    assert_eq!((&policy["matched"], &policy["decided"]), (&Value::Bool(true), &Value::Bool(false)));
    let seen: Vec<_> =
        policy["conditions"].as_array().unwrap().iter().map(|each| (&each["held"], &each["not_held"])).collect();
    assert_eq!(seen, [(&Value::Bool(false), &Value::Bool(true)), (&Value::Bool(false), &Value::Bool(false))]);
}

/// A command that runs until it is dropped, with its output line by line.
struct Watching {
    child: Child,
    lines: Receiver<String>,
    /// The lines so far, for those who look why something has not come.
    past: Vec<String>,
}

impl Watching {
    fn start(archive: &Archive, arguments: &[&str]) -> Self {
        let mut command = archive.command(&["--watch"]);
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().expect("the command runs");
        let out = BufReader::new(child.stdout.take().expect("standard output"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines, past: Vec::new() }
    }

    /// Reads on until a line begins like this.
    fn until(&mut self, beginning: &str) {
        loop {
            match self.lines.recv_timeout(Duration::from_secs(60)) {
                Ok(line) => self.past.push(line),
                Err(error) => panic!("{error} before a line `{beginning}`:\n{}", self.past.join("\n")),
            }
            if self.past.last().is_some_and(|line| line.starts_with(beginning)) {
                return;
            }
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // It is gone already where a test has failed because of that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn whatever_a_scenario_was_read_from_is_watched() {
    let archive = Archive::new();
    let mut watching = Watching::start(&archive, &[]);
    watching.until("2 scenarios, 3 requests: 3 passed, 0 failed");
    archive.replace("tests/clerks_view.yaml", "status: 403", "status: 200");
    watching.until("2 scenarios, 3 requests: 2 passed, 1 failed");
    archive.replace("tests/clerks_view.yaml", "status: 200, cause", "status: 403, cause");
    watching.until("2 scenarios, 3 requests: 3 passed, 0 failed");
    archive.replace("policies/papers.cedar", "Role::\"clerk\"", "Role::\"writer\"");
    watching.until("2 scenarios, 3 requests: 2 passed, 1 failed");
    archive.replace("policies/papers.cedar", "Role::\"writer\"", "Role::\"clerk\"");
    watching.until("2 scenarios, 3 requests: 3 passed, 0 failed");
    archive.replace("tests/base/gate.yaml", "roles: [auditor]", "roles: [clerk]");
    watching.until("2 scenarios, 3 requests: 2 passed, 1 failed");
    archive.replace("tests/base/gate.yaml", "sub: ada, roles: [clerk]", "sub: ada, roles: [auditor]");
    watching.until("2 scenarios, 3 requests: 3 passed, 0 failed");
    archive.replace("gate.yaml", "at_most: 1", "at_most: 0");
    watching.until("2 scenarios, 3 requests, 2 starts: 0 passed, 2 failed, 3 not played");
}

#[test]
fn a_broken_file_is_shown_and_watched_on() {
    let archive = Archive::new();
    let mut watching = Watching::start(&archive, &[]);
    watching.until("2 scenarios, 3 requests: 3 passed, 0 failed");
    archive.replace("tests/clerks_view.yaml", "requests:", "requets:");
    watching.until("error   tests/clerks_view.yaml: ");
    watching.until("1 scenario, 1 request: 1 passed, 0 failed, 1 file without a scenario");
    archive.replace("tests/clerks_view.yaml", "requets:", "requests:");
    watching.until("2 scenarios, 3 requests: 3 passed, 0 failed");
    fs::remove_file(archive.path("policies/schema.cedarschema")).expect("a file can be removed");
    watching.until("error   tests/auditors_delete.yaml: configuration_from: ");
    watching.until("0 scenarios, 0 requests: 0 passed, 0 failed, 2 files without a scenario");
}

#[test]
fn machines_can_watch_too() {
    let archive = Archive::new();
    let mut watching = Watching::start(&archive, &["--format", "json"]);
    watching.until("}");
    let first: Value = serde_json::from_str(&watching.past.join("\n")).expect("one JSON value");
    assert_eq!(first["ok"], true);
    watching.past.clear();
    archive.replace("tests/clerks_view.yaml", "status: 403", "status: 200");
    watching.until("}");
    let second: Value = serde_json::from_str(&watching.past.join("\n")).expect("one JSON value");
    assert_eq!(second["ok"], false);
}

#[test]
fn new_scenarios_and_new_policies_are_found() {
    let archive = Archive::new();
    let mut watching = Watching::start(&archive, &[]);
    watching.until("2 scenarios, 3 requests: 3 passed, 0 failed");
    fs::create_dir(archive.path("tests/more")).expect("a folder can be made");
    let health = "story: Health.\nbase: ../base/gate.yaml\nrequests: [{path: /healthz, expect: {status: 200}}]\n";
    archive.write("tests/more/health.yaml", health);
    watching.until("3 scenarios, 4 requests: 4 passed, 0 failed");
    archive.write("policies/closed.cedar", "forbid (principal, action, resource);");
    watching.until("3 scenarios, 4 requests: 2 passed, 2 failed");
    for file in ["tests/clerks_view.yaml", "tests/auditors_delete.yaml", "tests/more/health.yaml"] {
        fs::remove_file(archive.path(file)).expect("a file can be removed");
    }
    archive.write("tests/late.yaml", &health.replace("../base", "base"));
    watching.until("1 scenario, 1 request: 1 passed, 0 failed");
}

/// The policy sets that ship are the first example of what this command asks of its users.
#[test]
fn scenarios_reach_everything_of_the_policies_that_ship() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cedar-gate"));
    command.current_dir(&root).args(["test", "policies", "--quiet", "--coverage-min", "100"]);
    let ran = Ran::of(command.output().expect("the command runs"));
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
}
