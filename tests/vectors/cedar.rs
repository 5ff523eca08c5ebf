//! Cedar's public integration tests: each has policies, a schema, entities, and requests with Cedar's decision.
//!
//! The policy module reads them as it reads a configuration's, cuts policies and entities to each request, and asks. So
//! the published decision, which was made with all policies and all entities, is also the proof that slices answer as the
//! whole does. Where Cedar published an error of a policy, the filter must refuse, whatever Cedar decided.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use libtest_mimic::{Failed, Trial};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::corpora;
use crate::counts::{self, Counts};
use crate::host::{Host, Probe};

/// A file of Cedar's tests; the paths start at the folder of all corpora.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    policies: PathBuf,
    entities: PathBuf,
    schema: PathBuf,
    should_validate: bool,
    requests: Vec<Request>,
}

#[derive(Deserialize)]
struct Request {
    description: String,
    principal: Value,
    action: Value,
    resource: Value,
    context: Value,
    decision: String,
    reason: Vec<String>,
    errors: Vec<String>,
}

/// What Cedar took for an error when the tests were generated, and takes for a warning today.
const A_WARNING_TODAY: &str = "unable to find an applicable action";

pub(crate) fn trials(host: Host) -> Vec<Trial> {
    let folders = [("corpus-tests", "cedar::the generated tests"), ("tests", "cedar::the handwritten tests")];
    let parts = folders.into_iter().filter_map(|(name, set)| Some((corpora::part(name)?, set)));
    let trial = |(folder, set): (PathBuf, &'static str)| {
        Trial::test(format!("{}::{set}", host.name()), move || play(host, set, &folder))
    };
    parts.map(trial).collect()
}

/// Plays all tests of a folder, on as many threads as there are processors.
fn play(host: Host, set: &str, folder: &Path) -> Result<(), Failed> {
    let root = folder.parent().unwrap_or(folder);
    let tests: Vec<PathBuf> = corpora::files(folder).into_iter().filter(|path| is_test(path)).collect();
    let (next, counts, wrong) = (AtomicUsize::new(0), Mutex::new(Counts::default()), Mutex::new(Vec::new()));
    let work = || -> Result<(), String> {
        let mut probe = host.start()?;
        let mut own = Counts::default();
        while let Some(path) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(message) = compare(&mut probe, root, path, &mut own) {
                wrong.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{}: {message}", path.display()));
            }
        }
        counts.lock().unwrap_or_else(PoisonError::into_inner).merge(own);
        Ok(())
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked".to_owned())?)
    })?;
    let wrong = wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
    if !wrong.is_empty() {
        let some: Vec<_> = wrong.iter().take(20).map(String::as_str).collect();
        return Err(Failed::from(format!("{} tests came out wrong, such as\n{}", wrong.len(), some.join("\n"))));
    }
    counts::settle(host, set, counts.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn is_test(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.ends_with(".json") && !name.ends_with(".entities.json")
}

fn compare(probe: &mut Probe, root: &Path, path: &Path, counts: &mut Counts) -> Result<(), String> {
    let test: Test = serde_json::from_str(&read(path)?).map_err(|error| error.to_string())?;
    let entities: Value =
        serde_json::from_str(&read(&root.join(&test.entities))?).map_err(|error| error.to_string())?;
    let question = |request: &Request| {
        json!({
            "principal": request.principal,
            "action": request.action,
            "resource": request.resource,
            "context": request.context,
        })
    };
    let answer = probe.ask(&json!({ "decide": {
        "schema": read(&root.join(&test.schema))?,
        "policies": read(&root.join(&test.policies))?,
        "entities": entities,
        "questions": test.requests.iter().map(question).collect::<Vec<_>>(),
    }}))?;
    counts.note("tests");
    // Neither a cap nor a rule of the filter's own is in the way of any of them.
    if !answer["refused"].is_null() {
        return Err(format!("the policy set is refused: {}", answer["refused"]));
    }
    counts.note(validity(test.should_validate, &answer)?);
    let answers = answer["answers"].as_array().ok_or("there are no answers")?;
    if answers.len() != test.requests.len() {
        return Err("there are not as many answers as requests".to_owned());
    }
    for (request, answer) in test.requests.iter().zip(answers) {
        let outcome = outcome(request, answer).map_err(|message| format!("{}: {message}", request.description))?;
        counts.note("requests");
        counts.note(outcome);
    }
    Ok(())
}

/// Whether the policy set validates, if that is what was published.
fn validity(published: bool, answer: &Value) -> Result<&'static str, String> {
    let texts =
        |name: &str| answer[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
    match (published, texts("invalid").is_empty()) {
        (true, true) => Ok("tests with a valid policy set"),
        (false, false) => Ok("tests with an invalid policy set"),
        (false, true) if texts("warnings").iter().any(|warning| warning.contains(A_WARNING_TODAY)) => {
            Ok("tests with a policy for no action: an error of Cedar 4.10, and a warning of the version that is linked")
        }
        (_, valid) => Err(format!("it validates: {valid}, published is {published}: {:?}", texts("invalid"))),
    }
}

/// What came of a request, if it is what was published.
fn outcome(request: &Request, answer: &Value) -> Result<&'static str, String> {
    let allowed = answer["allowed"].as_bool().ok_or_else(|| answer.to_string())?;
    let errors = answer["errors"].as_array().map_or(0, Vec::len);
    if !request.errors.is_empty() {
        let refused = !allowed && answer["cause"] == "policy_error" && errors == request.errors.len();
        return if refused { Ok("requests refused for an error") } else { Err(format!("it erred, but: {answer}")) };
    }
    let mut published: Vec<&str> = request.reason.iter().map(String::as_str).collect();
    published.sort_unstable();
    if answer["policies"] != json!(published) || errors != 0 {
        return Err(format!("published are the policies {published:?}, but: {answer}"));
    }
    match (request.decision.as_str(), allowed) {
        ("allow", true) => Ok("requests allowed"),
        ("deny", false) if answer["cause"] == "policy_denied" => Ok("requests denied"),
        (published, _) => Err(format!("published is {published}, but: {answer}")),
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
