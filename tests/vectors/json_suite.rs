//! The JSON test suite, put to the strict scan that reads tokens and bodies.

use std::path::Path;

use base64ct::{Base64UrlUnpadded, Encoding};
use libtest_mimic::Trial;
use serde_json::json;

use crate::case::{Case, Exception, Published, trial};
use crate::corpora;
use crate::host::Host;

/// Valid by the grammar of RFC 8259, which leaves to the parser what a repeated name means. Parsers that disagree about
/// it are a way around a check (RFC 7515 §4, RFC 7519 §4), so the scan refuses it.
const REPEATED: [&str; 2] = ["y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"];

const REPEATED_MEMBER: Exception = Exception::refused("a member occurs twice (RFC 7515 §4)", "duplicate member");

/// What the suite leaves open and the scan accepts; it refuses the rest.
const OPEN_AND_ACCEPTED: [&str; 5] = [
    "i_number_double_huge_neg_exp.json",
    "i_number_real_underflow.json",
    "i_number_too_big_neg_int.json",
    "i_number_too_big_pos_int.json",
    "i_number_very_big_negative_int.json",
];

pub(crate) fn trials(host: Host) -> Vec<Trial> {
    let Some(folder) = corpora::part("test_parsing") else { return Vec::new() };
    let sets = [("y_", "json::must be accepted"), ("n_", "json::must be refused"), ("i_", "json::left open")];
    let of_set = |(prefix, set): (&'static str, &str)| {
        let folder = folder.clone();
        trial(host, set, move || cases(&folder, prefix))
    };
    let renamed = folder.clone();
    let mut trials: Vec<Trial> = sets.into_iter().map(of_set).collect();
    trials.push(trial(host, "json::repeated members under another name", move || with_other_names(&renamed)));
    trials
}

fn cases(folder: &Path, prefix: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for path in corpora::files(folder) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !name.starts_with(prefix) {
            continue;
        }
        let published = match prefix {
            "y_" => Published::Valid,
            "n_" => Published::Invalid,
            _ if OPEN_AND_ACCEPTED.contains(&name.as_str()) => Published::Valid,
            _ => Published::Invalid,
        };
        let exception = REPEATED.contains(&name.as_str()).then_some(REPEATED_MEMBER);
        let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        cases.push(case(name, &text, published, exception));
    }
    cases
}

/// Nothing but the repetition is wrong with them.
fn with_other_names(folder: &Path) -> Vec<Case> {
    let renamed = |name: &&str| {
        let path = folder.join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = text.replacen(r#","a":"#, r#","another":"#, 1);
        case((*name).to_owned(), text.as_bytes(), Published::Valid, None)
    };
    REPEATED.iter().map(renamed).collect()
}

fn case(name: String, text: &[u8], published: Published, exception: Option<Exception>) -> Case {
    Case { name, ask: json!({ "scan": Base64UrlUnpadded::encode_string(text) }), published, exception }
}
