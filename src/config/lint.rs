//! What works, and is hardly meant: routes that nobody can be permitted, policies that no request comes under, values
//! that nothing reads, and trust in whoever is on the way.
//!
//! Each finding is certain: whatever requests come, things are as it says. Gateways do not look; it is for those who
//! write configurations.

mod elsewhere;

use std::collections::BTreeSet;

use super::policies::askers;
use super::{Config, Fault};
use crate::policy::{Asked, EntityId, Plan, Reach, TextPlace};
use crate::route::{Access, AttributeSource, Protected, Route};

/// What deserves a look, besides [`Config::warnings`]; in the order of the paths.
#[must_use]
pub fn lint(config: &Config) -> Vec<Fault> {
    let askers = askers(&config.providers);
    let routes: Vec<_> = config.routes.iter().enumerate().filter_map(protected).collect();
    let asked: Vec<Asked<'_>> = routes.iter().map(|(_, _, protected)| asked(protected)).collect();
    let lint = Lint { config, routes: &routes, reach: config.engine.reach(&askers, &asked) };
    let mut findings = Vec::new();
    lint.routes(&mut findings);
    lint.separation(&mut findings);
    elsewhere::elsewhere(config, &mut findings);
    // Policies that are compiled in serve other configurations as well, and their authors are others.
    if config.engine.is_written_here() {
        lint.policies(&mut findings);
        lint.principals(&mut findings);
    }
    findings.sort();
    findings.dedup();
    findings
}

struct Lint<'c> {
    config: &'c Config,
    /// The protected routes with their places.
    routes: &'c [(String, &'c Route, &'c Protected)],
    reach: Reach<'c>,
}

fn protected((index, route): (usize, &Route)) -> Option<(String, &Route, &Protected)> {
    match &route.access {
        Access::Protected(protected) => Some((format!("routes[{index}]"), route, protected)),
        Access::Public(_) => None,
    }
}

fn asked(protected: &Protected) -> Asked<'_> {
    let parents = protected.resource.parents.iter().map(|(parent, id)| (parent, id.fixed()));
    Asked {
        plan: &protected.plan,
        entity_type: &protected.resource.entity_type,
        id: protected.resource.id.fixed(),
        parents: parents.collect(),
    }
}

/// The values that a route declares and does not demand, with their paths in the context. One that is demanded has an
/// effect by itself: requests without it are refused.
fn optional_values(protected: &Protected) -> Vec<(&'static str, Vec<&str>)> {
    let body = protected.body.iter().filter(|(_, member)| !member.declaration.required);
    let mut values: Vec<_> = body.map(|(name, _)| ("body", vec!["body", name.as_str()])).collect();
    for (kind, declared) in [("query", &protected.query), ("headers", &protected.headers)] {
        let optional = declared.iter().filter(|(_, declaration)| !declaration.required);
        values.extend(optional.map(|(name, _)| (kind, vec!["http", kind, name.as_str()])));
    }
    values
}

fn finding(path: impl Into<String>, message: impl Into<String>) -> Fault {
    Fault { path: path.into(), message: message.into(), place: None }
}

impl Lint<'_> {
    /// Routes that nobody can be permitted, and what they declare for nobody.
    fn routes(&self, findings: &mut Vec<Fault>) {
        for (at, route, protected) in self.routes {
            let (plan, resource) = (&protected.plan, &protected.resource.entity_type);
            if !self.reach.can_be_permitted(&asked(protected)) {
                let message = format!(
                    "no policy can permit {} on a `{resource}` to anybody, so every request to {} is refused",
                    plan.action_name(),
                    route.name
                );
                findings.push(finding(at, message));
            }
            let of = |kind: &str, name: &str| format!("{at}.{kind}.{name}");
            for (kind, path) in optional_values(protected) {
                let name = path.last().copied().unwrap_or_default();
                if !self.is_read(plan, protected, kind, &path) {
                    let message = "it may be missing, and no policy that this route asks reads it";
                    findings.push(finding(of(kind, name), message));
                }
            }
            for name in protected.resource.attributes.keys() {
                if !self.reach.reads_attribute(name) {
                    findings.push(finding(of("resource.attributes", name), "no policy reads it"));
                }
            }
        }
    }

    /// A declared value can be read from the context, or as an attribute of the resource.
    fn is_read(&self, plan: &Plan, protected: &Protected, kind: &str, path: &[&str]) -> bool {
        let name = path.last().copied().unwrap_or_default();
        let made_of_it = |source: &AttributeSource| match source {
            AttributeSource::Body(member) => kind == "body" && member == name,
            AttributeSource::Query(parameter) => kind == "query" && parameter == name,
            AttributeSource::Parameter(_) | AttributeSource::Text(_) => false,
        };
        self.reach.reads_context(plan, path) || protected.resource.attributes.values().any(made_of_it)
    }

    /// Policies that no request comes under.
    fn policies(&self, findings: &mut Vec<Fault>) {
        for policy in self.reach.out_of_reach() {
            let message = format!("policy `{}` applies to no request: {}", policy.id, policy.why);
            findings.push(Fault { path: policy_path(policy.place.as_ref()), message, place: policy.place });
        }
    }

    /// Accepted roles, and attributes of principals, that make no difference.
    fn principals(&self, findings: &mut Vec<Fault>) {
        for provider in self.config.providers.iter() {
            let at = format!("providers.{}", provider.name);
            for name in provider.principal.attributes.keys() {
                if !self.reach.reads_attribute(name) {
                    let path = format!("{at}.principal.attributes.{name}");
                    findings.push(finding(path, "no policy reads it"));
                }
            }
            for (index, rule) in provider.parents.iter().enumerate() {
                for id in rule.allow.iter().flatten() {
                    let parent = EntityId::new(&rule.entity_type, id);
                    if !self.matters(&parent) {
                        let message = format!(
                            "nothing depends on `{parent}`: no policy, no static entity and no constraint names it, or \
                             what it belongs to"
                        );
                        findings.push(finding(format!("{at}.parents[{index}].allow"), message));
                    }
                }
            }
        }
    }

    fn matters(&self, id: &EntityId) -> bool {
        let constrained: BTreeSet<&EntityId> =
            self.config.separation.constraints.iter().flat_map(|constraint| &constraint.roles).collect();
        self.reach.matters(id) || self.reach.inherited(id).iter().any(|each| constrained.contains(each))
    }

    /// Constraints about roles that nobody can hold, that policies do not know, or that cannot be held alone.
    fn separation(&self, findings: &mut Vec<Fault>) {
        for constraint in &self.config.separation.constraints {
            let at = format!("separation.static.{}", constraint.id);
            for role in &constraint.roles {
                let held = self.reach.inherited(role);
                let together = constraint.roles.iter().filter(|each| held.contains(each)).count();
                // A role that is no static entity either has been warned of when the configuration was loaded.
                if self.config.engine.has_entity(role) && !self.reach.can_be_held(role) {
                    findings.push(finding(
                        &at,
                        format!("nobody can hold `{role}`: no token and no static entity leads to it"),
                    ));
                } else if together > constraint.at_most {
                    let message =
                        format!("whoever holds `{role}` holds {together} of the roles, so that nobody may hold it");
                    findings.push(finding(&at, message));
                } else if !self.reach.matters(role) {
                    let message = format!("no policy knows `{role}`: holding it permits and forbids nothing");
                    findings.push(finding(&at, message));
                }
            }
        }
    }
}

/// The path of the text that a policy stands in.
fn policy_path(place: Option<&TextPlace>) -> String {
    match place.map(|place| place.text.as_str()).filter(|text| !text.is_empty()) {
        Some(file) => format!("policies.inline.policies.{file}"),
        None => "policies.inline.policies".to_owned(),
    }
}
