//! What was reached of one policy set, and what was not.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use cedar_gate::policy::Part;
use serde_json::{Value, json};

use super::Share;
use super::sighting::{SeenCondition, SeenPolicy, SeenRoute, Sighting};
use crate::command::test::text::on_one_line;

/// A policy set, and what scenarios have reached of it.
pub(in super::super) struct PolicySet {
    /// How its author would name it.
    pub(in super::super) name: String,
    scenarios: Vec<PathBuf>,
    sighting: Sighting,
    /// The files that all scenarios were read from, with their texts.
    files: BTreeMap<PathBuf, String>,
}

/// The longest text of a condition that is shown, in characters.
const SHOWN: usize = 60;

impl PolicySet {
    pub(super) fn new(mut sighting: Sighting, scenarios: Vec<PathBuf>, files: BTreeMap<PathBuf, String>) -> Self {
        // As they stand in the files, which is how their author knows them.
        sighting.policies.sort_by(|one, other| {
            let place = |policy: &SeenPolicy| (policy.outline.file.clone(), policy.outline.line);
            place(one).cmp(&place(other))
        });
        let mut set = Self { name: String::new(), scenarios, sighting, files };
        set.name = set.own_name();
        set
    }

    /// The folder that the policies were read from. Where there is none, they stand in what the scenarios share, or in
    /// the scenario itself.
    fn own_name(&self) -> String {
        let folder = self.sighting.policies.iter().find_map(|policy| self.author_file(policy)?.parent());
        let shared = self.files.keys().find(|file| {
            let is_configuration = ["yaml", "yml", "json"].map(OsStr::new).map(Some).contains(&file.extension());
            is_configuration && !self.scenarios.contains(file)
        });
        let file = if let [scenario] = self.scenarios.as_slice() { Some(scenario) } else { shared };
        match (&self.sighting.embedded, folder, file.or(self.scenarios.first())) {
            (Some(name), _, _) => format!("{name} (compiled in)"),
            (None, Some(folder), _) => folder.display().to_string(),
            (None, None, file) => file.map(|file| format!("{} (inline)", file.display())).unwrap_or_default(),
        }
    }

    /// Each was allowed, and refused if it is not public.
    pub(super) fn routes(&self) -> Share {
        Share::of(self.sighting.routes.iter().flat_map(|route| {
            let refused = (!route.is_public).then_some(route.refused);
            [Some(route.allowed), refused].into_iter().flatten()
        }))
    }

    /// Each has refused a session.
    pub(super) fn constraints(&self) -> Share {
        Share::of(self.sighting.constraints.iter().map(|constraint| constraint.refused))
    }

    /// Each has determined a decision.
    pub(super) fn policies(&self) -> Share {
        Share::of(self.sighting.policies.iter().map(|policy| policy.decided))
    }

    /// Each has matched a request.
    pub(super) fn scopes(&self) -> Share {
        Share::of(self.sighting.policies.iter().map(|policy| policy.matched))
    }

    /// Each has held and not held.
    pub(super) fn conditions(&self) -> Share {
        let conditions = self.sighting.policies.iter().flat_map(|policy| &policy.conditions);
        Share::of(conditions.flat_map(|condition| [condition.held, condition.not_held]))
    }

    /// Everything.
    pub(super) fn total(&self) -> Share {
        [self.routes(), self.constraints(), self.policies(), self.scopes(), self.conditions()].into_iter().sum()
    }

    /// What was not reached, a sentence each.
    pub(in super::super) fn gaps(&self) -> Vec<String> {
        let mut gaps: Vec<String> = self.sighting.routes.iter().filter_map(SeenRoute::gap).collect();
        for constraint in self.sighting.constraints.iter().filter(|constraint| !constraint.refused) {
            gaps.push(format!("constraint `{}`: no session was refused for it", constraint.id));
        }
        for policy in &self.sighting.policies {
            let id = &policy.outline.id;
            let at = |line: usize| self.place(policy, line);
            if !policy.matched {
                gaps.push(format!("{}: policy `{id}`: its scope has matched no request", at(policy.outline.line)));
                continue;
            }
            if !policy.decided {
                gaps.push(format!("{}: policy `{id}`: it has determined no decision", at(policy.outline.line)));
            }
            for (part, condition) in policy.outline.conditions.iter().zip(&policy.conditions) {
                if let Some(gap) = condition.gap() {
                    gaps.push(format!("{}: `{}` of policy `{id}` {gap}", at(part.line), shortened(part)));
                }
            }
        }
        gaps
    }

    pub(super) fn json(&self) -> Value {
        let mut value = self.total().json();
        let routes = self.sighting.routes.iter().map(|route| {
            json!({
                "name": route.name,
                "public": route.is_public,
                "reached": route.reached,
                "allowed": route.allowed,
                "refused": route.refused,
            })
        });
        let constraints = self
            .sighting
            .constraints
            .iter()
            .map(|constraint| json!({"id": constraint.id, "refused": constraint.refused}));
        let policies = self.sighting.policies.iter().map(|policy| {
            let conditions = policy.outline.conditions.iter().zip(&policy.conditions).map(|(part, condition)| {
                json!({"text": part.text, "line": part.line, "held": condition.held, "not_held": condition.not_held})
            });
            json!({
                "id": policy.outline.id,
                "effect": policy.outline.effect,
                "file": self.file(policy).map(|file| file.display().to_string()),
                "line": policy.outline.line,
                "matched": policy.matched,
                "decided": policy.decided,
                "conditions": conditions.collect::<Vec<_>>(),
            })
        });
        value["name"] = json!(self.name);
        value["scenarios"] = self.scenarios.iter().map(|scenario| scenario.display().to_string()).collect();
        value["routes"] = routes.collect();
        value["constraints"] = constraints.collect();
        value["policies"] = policies.collect();
        value["not_reached"] = json!(self.gaps());
        value
    }

    /// Where a line of a policy stands.
    fn place(&self, policy: &SeenPolicy, line: usize) -> String {
        match self.file(policy) {
            Some(file) => format!("{}:{line}", file.display()),
            None => format!("line {line} of the policies"),
        }
    }

    /// The file that a policy stands in: that of its author, if it was read from there.
    fn file(&self, policy: &SeenPolicy) -> Option<PathBuf> {
        let name = Path::new(policy.outline.file.as_ref()?);
        Some(self.author_file(policy).unwrap_or(name).to_owned())
    }

    /// A scenario can replace the policies of a file by others.
    fn author_file(&self, policy: &SeenPolicy) -> Option<&Path> {
        let name = OsStr::new(policy.outline.file.as_ref()?);
        let holds = |(path, text): &(&PathBuf, &String)| {
            path.file_name() == Some(name) && text.contains(policy.outline.text.as_str())
        };
        self.files.iter().find(holds).map(|(path, _)| path.as_path())
    }
}

impl SeenRoute {
    fn gap(&self) -> Option<String> {
        let missing = match (self.reached, self.allowed, self.refused || self.is_public) {
            (_, true, true) => return None,
            (false, _, _) => "no request has come to it",
            (true, false, true) => "no request was allowed",
            (true, true, false) => "no request was refused",
            (true, false, false) => "no request was allowed or refused",
        };
        Some(format!("route `{}`: {missing}", self.name))
    }
}

impl SeenCondition {
    fn gap(self) -> Option<&'static str> {
        match (self.held, self.not_held) {
            (true, true) => None,
            (true, false) => Some("has always let it apply"),
            (false, true) => Some("has never let it apply"),
            (false, false) => Some("was never asked"),
        }
    }
}

fn shortened(part: &Part) -> String {
    let text = on_one_line(&part.text);
    if text.chars().count() <= SHOWN {
        return text;
    }
    text.chars().take(SHOWN).chain(std::iter::once('…')).collect()
}
