//! The policies of one action, ready to be asked.
//!
//! Cedar's evaluator is asked for each policy whether it holds. What follows from that is Cedar's rule for authorization
//! (docs.cedarpolicy.com/auth/authorization.html): any `forbid` that holds denies, else any `permit` that holds allows,
//! else nothing does; a policy that errs is passed over, and told of. The public `Authorizer` says the same and builds a
//! response with much more in it, anew for each request. Properties and published vectors hold both together.

use std::rc::Rc;

use cedar_policy::PolicyId;
use cedar_policy_core::ast::{Effect, Expr, Literal, SlotEnv, ValueKind};
use cedar_policy_core::evaluator::Evaluator;

use super::challenge::Challenge;

/// In the order of their ids.
pub(super) struct Rules(Vec<Rule>);

/// One policy.
pub(super) struct Rule {
    pub(super) name: Rc<str>,
    /// Its `@reason`.
    pub(super) reason: Option<Rc<str>>,
    /// What it asks of the sender, where it forbids.
    pub(super) challenge: Option<Challenge>,
    effect: Effect,
    /// Its scope and its conditions as one expression, which Cedar would put together for each request.
    condition: Expr,
    slots: SlotEnv,
}

/// What the policies say.
pub(super) struct Answer<'a> {
    /// Whether they allow; errors are no matter here.
    pub(super) allows: bool,
    /// Those that determine it.
    pub(super) determining: Vec<&'a Rule>,
    /// What went wrong, policy by policy.
    pub(super) errors: Vec<String>,
}

impl Rules {
    pub(super) fn of<'a>(policies: impl IntoIterator<Item = &'a cedar_policy::Policy>) -> Self {
        let mut policies: Vec<(&PolicyId, &cedar_policy::Policy)> =
            policies.into_iter().map(|policy| (policy.id(), policy)).collect();
        policies.sort_by_key(|(id, _)| *id);
        Self(policies.into_iter().map(|(_, policy)| Rule::of(policy)).collect())
    }

    /// Asks each of them.
    pub(super) fn ask(&self, evaluator: &Evaluator<'_>) -> Answer<'_> {
        let (mut permits, mut forbids, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        for rule in &self.0 {
            match (rule.holds(evaluator), rule.effect) {
                (Ok(true), Effect::Permit) => permits.push(rule),
                (Ok(true), Effect::Forbid) => forbids.push(rule),
                (Ok(false), _) => {}
                (Err(error), _) => errors.push(error),
            }
        }
        let allows = forbids.is_empty() && !permits.is_empty();
        Answer { allows, determining: if forbids.is_empty() { permits } else { forbids }, errors }
    }
}

impl Rule {
    fn of(policy: &cedar_policy::Policy) -> Self {
        let inner = policy.as_ref();
        Self {
            name: policy.id().to_string().into(),
            reason: policy.annotation("reason").map(Rc::from),
            // What is wrong with a challenge was found when the policies were loaded.
            challenge: Challenge::read(policy).ok().flatten(),
            effect: inner.effect(),
            condition: inner.condition(),
            slots: inner.env().clone(),
        }
    }

    fn holds(&self, evaluator: &Evaluator<'_>) -> Result<bool, String> {
        let told = |error: &dyn std::fmt::Display| format!("error while evaluating policy `{}`: {error}", self.name);
        match evaluator.interpret(&self.condition, &self.slots) {
            Ok(value) => match value.value_kind() {
                ValueKind::Lit(Literal::Bool(holds)) => Ok(*holds),
                ValueKind::ExtensionValue(_) | ValueKind::Lit(_) | ValueKind::Record(_) | ValueKind::Set(_) => {
                    Err(told(&"its condition is not a Boolean"))
                }
            },
            Err(error) => Err(told(&error)),
        }
    }
}
