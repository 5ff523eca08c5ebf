//! What a decision needs from elsewhere: keys that are fetched, the word of an issuer, lists.
//!
//! Nobody is called from the command line. What would be called is said, and files stand for the answers.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use cedar_gate::harness::{Harness, Passage};
use cedar_gate::outbox::{Answer, Call, Errand};

/// Bodies of answers, by the URIs that are called.
pub(super) struct Answers(BTreeMap<String, Vec<u8>>);

/// A decision makes a handful of calls, one after the other.
const MOST_ROUNDS: usize = 32;

impl Answers {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// One of them cannot be read.
    pub(super) fn read(given: &[(String, PathBuf)]) -> anyhow::Result<Self> {
        let read = |(uri, file): &(String, PathBuf)| -> anyhow::Result<(String, Vec<u8>)> {
            Ok((uri.clone(), fs::read(file).with_context(|| format!("--answer: {}", file.display()))?))
        };
        Ok(Self(given.iter().map(read).collect::<Result<_, _>>()?))
    }

    /// Lets a request have what it waits for, as far as it is given. Returns what is to be said about the rest.
    pub(super) fn supply(&self, harness: &mut Harness, passage: &mut Passage) -> Vec<String> {
        let mut asked = Vec::new();
        for _ in 0..MOST_ROUNDS {
            if passage.ticket().is_none() || !asked.is_empty() {
                break;
            }
            let (errands, mut settled) = harness.tick();
            let idle = errands.is_empty() && settled.is_empty();
            for Errand { id, call } in errands {
                let uri = uri(&call);
                match self.answer(&uri, &call) {
                    Some(answer) => settled.extend(harness.answer(id, &answer)),
                    None => asked.push(format!("{uri} (by the cluster `{}`)", call.cluster)),
                }
            }
            passage.settled(&settled, harness.now());
            // After an answer that is none, it is asked once more a moment later.
            if idle {
                harness.advance(1);
            }
        }
        if passage.ticket().is_some() {
            passage.deadline();
        }
        remarks(asked, self.0.is_empty())
    }

    fn answer(&self, uri: &str, call: &Call) -> Option<Answer> {
        let accepted = header(call, "accept").split(',').next().unwrap_or_default();
        let answered = |status, content_type: &str, body: &[u8]| Answer::Answered {
            status,
            headers: vec![("content-type".to_owned(), content_type.as_bytes().to_vec())],
            body: body.to_vec(),
        };
        match self.0.get(uri) {
            Some(body) => Some(answered(200, accepted, body)),
            // Of two places for metadata, issuers have one or the other; the second is asked after a "not here".
            None if uri.contains("/.well-known/oauth-authorization-server") => Some(answered(404, "text/plain", b"")),
            None => None,
        }
    }
}

fn remarks(mut asked: Vec<String>, none_given: bool) -> Vec<String> {
    if asked.is_empty() {
        return Vec::new();
    }
    asked.dedup();
    let calls: Vec<String> = asked.iter().map(|call| format!("  {call}")).collect();
    let mut remarks = vec!["Nobody is called from here. A gateway would call:".to_owned()];
    remarks.extend(calls);
    if none_given {
        remarks.push("With --answer URI=FILE, a file stands for what comes back.".to_owned());
    }
    remarks
}

fn uri(call: &Call) -> String {
    format!("{}://{}{}", header(call, ":scheme"), header(call, ":authority"), header(call, ":path"))
}

fn header<'c>(call: &'c Call, name: &str) -> &'c str {
    call.headers.iter().find(|(each, _)| each == name).map_or("", |(_, value)| value)
}
