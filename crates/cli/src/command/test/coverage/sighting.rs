//! What one scenario has reached.

use cedar_gate::journal::Note;
use cedar_gate::policy::{ConditionOutcome, PolicyInspection, PolicyOutline};
use cedar_gate::route::Access;
use cedar_gate_testing::Seen;

/// What requests have reached of one configuration, or of several with the same policies.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Sighting {
    /// The name of the set, if it is compiled in.
    pub(super) embedded: Option<String>,
    pub(super) routes: Vec<SeenRoute>,
    pub(super) constraints: Vec<SeenConstraint>,
    pub(super) policies: Vec<SeenPolicy>,
    has_started: bool,
}

#[derive(Clone, Debug)]
pub(super) struct SeenRoute {
    /// Methods and template.
    pub(super) name: String,
    pub(super) is_public: bool,
    /// A request has come to it.
    pub(super) reached: bool,
    /// One of those was allowed.
    pub(super) allowed: bool,
    /// One of those was refused.
    pub(super) refused: bool,
}

#[derive(Clone, Debug)]
pub(super) struct SeenConstraint {
    pub(super) id: String,
    /// A session was refused for it.
    pub(super) refused: bool,
}

#[derive(Clone, Debug)]
pub(super) struct SeenPolicy {
    pub(super) outline: PolicyOutline,
    /// Its scope has matched a request.
    pub(super) matched: bool,
    /// It has determined a decision.
    pub(super) decided: bool,
    /// In the order of the outline.
    pub(super) conditions: Vec<SeenCondition>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SeenCondition {
    /// It has let its policy apply.
    pub(super) held: bool,
    /// It has kept its policy from applying.
    pub(super) not_held: bool,
}

impl Sighting {
    /// Takes in what was seen on the host.
    pub(in super::super) fn take_in(&mut self, seen: &Seen<'_>) {
        match seen {
            Seen::Started { config, start } => {
                let embedded = start.configuration.pointer("/policies/embedded");
                let route = |route: &cedar_gate::route::Route| SeenRoute {
                    name: route.name.to_string(),
                    is_public: matches!(route.access, Access::Public(_)),
                    reached: false,
                    allowed: false,
                    refused: false,
                };
                let constraint = |constraint: &cedar_gate::separation::StaticConstraint| SeenConstraint {
                    id: format!("separation:{}", constraint.id),
                    refused: false,
                };
                *self = Self {
                    embedded: embedded.and_then(|name| name.as_str()).map(str::to_owned),
                    routes: config.routes.iter().map(route).collect(),
                    constraints: config.separation.constraints.iter().map(constraint).collect(),
                    policies: config.engine.catalogue().into_iter().map(SeenPolicy::unseen).collect(),
                    has_started: true,
                };
            }
            Seen::Request { notes } => self.request(notes),
        }
    }

    fn request(&mut self, notes: &[Note]) {
        let mut found = None;
        for note in notes {
            match note {
                Note::Route { index, .. } => found = Some(*index),
                Note::Policies { policies } => policies.iter().for_each(|inspection| self.inspected(inspection)),
                Note::Separation { constraints, .. } => {
                    // The first that is violated refuses the session.
                    let violated = constraints.iter().find(|constraint| constraint.held.len() > constraint.at_most);
                    let id = violated.map(|constraint| format!("separation:{}", constraint.id));
                    let mut own = self.constraints.iter_mut();
                    own.find(|own| Some(&own.id) == id.as_ref()).into_iter().for_each(|own| own.refused = true);
                }
                Note::Verdict { policies, .. } => {
                    let determining = self.policies.iter_mut().filter(|policy| policies.contains(&policy.outline.id));
                    determining.for_each(|policy| policy.decided = true);
                }
                Note::Outcome { decision, .. } => {
                    if let Some(route) = found.and_then(|index| self.routes.get_mut(index)) {
                        route.reached = true;
                        route.allowed |= *decision == "allow";
                        route.refused |= *decision == "deny";
                    }
                }
                _ => {}
            }
        }
    }

    fn inspected(&mut self, inspection: &PolicyInspection) {
        let Some(policy) = self.policies.iter_mut().find(|policy| policy.outline.id == inspection.id) else { return };
        policy.matched |= inspection.scope;
        for (seen, condition) in policy.conditions.iter_mut().zip(&inspection.conditions) {
            // What stands behind a condition that does not hold is never asked when a decision is made.
            if condition.reached {
                seen.held |= condition.outcome == ConditionOutcome::Held;
                seen.not_held |= condition.outcome == ConditionOutcome::NotHeld;
            }
        }
    }

    /// Whether there was a configuration to be reached.
    pub(super) fn has_started(&self) -> bool {
        self.has_started
    }

    /// Whether both are about the same policies.
    pub(super) fn has_policies_of(&self, other: &Self) -> bool {
        let same = |(one, other): (&SeenPolicy, &SeenPolicy)| {
            let (one, other) = (&one.outline, &other.outline);
            one.id == other.id && one.file == other.file && one.text == other.text
        };
        self.policies.len() == other.policies.len() && self.policies.iter().zip(&other.policies).all(same)
    }

    /// Takes in what another one has reached of the same policies, and of routes that may be others.
    pub(super) fn unite(&mut self, other: &Self) {
        for (policy, further) in self.policies.iter_mut().zip(&other.policies) {
            policy.matched |= further.matched;
            policy.decided |= further.decided;
            for (condition, further) in policy.conditions.iter_mut().zip(&further.conditions) {
                condition.held |= further.held;
                condition.not_held |= further.not_held;
            }
        }
        for further in &other.routes {
            let same = |route: &&mut SeenRoute| route.name == further.name && route.is_public == further.is_public;
            match self.routes.iter_mut().find(same) {
                Some(route) => {
                    route.reached |= further.reached;
                    route.allowed |= further.allowed;
                    route.refused |= further.refused;
                }
                None => self.routes.push(further.clone()),
            }
        }
        for further in &other.constraints {
            match self.constraints.iter_mut().find(|constraint| constraint.id == further.id) {
                Some(constraint) => constraint.refused |= further.refused,
                None => self.constraints.push(further.clone()),
            }
        }
    }
}

impl SeenPolicy {
    fn unseen(outline: PolicyOutline) -> Self {
        let conditions = vec![SeenCondition::default(); outline.conditions.len()];
        Self { outline, matched: false, decided: false, conditions }
    }
}
