//! The question, and what each policy says to it.

use cedar_gate::journal::{EntityNote, Note};
use cedar_gate::policy::{ConditionInspection, ConditionOutcome, Effect, PolicyInspection};
use serde_json::Value;

use super::super::wording::{list, one_line, printable, quoted, value};
use super::{Detail, Mark, Place, Step};

pub(super) fn step(note: &Note, mark: Mark, place: &Place) -> Option<Step> {
    match note {
        Note::Policies { policies } => Some(inspected(policies, place)),
        Note::Question { principal, action, resource, context } => {
            let mut details = Vec::new();
            details.extend(entity("principal", principal));
            details.push(Detail::new(Mark::None, format!("action {}", printable(action))));
            details.extend(entity("resource", resource));
            flatten("context", context, &mut details);
            Some(Step::new(Mark::None, "question", "the policies are asked about:").with(details))
        }
        Note::Verdict { cause, asks, policies, reasons, errors } => {
            let text = match (cause, policies.is_empty()) {
                (_, _) if !errors.is_empty() => "a policy could not be evaluated, which refuses".to_owned(),
                (None, _) => format!("permit, by {}", list(policies)),
                (Some(_), true) => "no policy permits this".to_owned(),
                (Some(_), false) => format!("forbid, by {}", list(policies)),
            };
            let reasons = reasons.iter().map(|reason| Detail::new(Mark::None, printable(reason)));
            let asks = asks.iter().map(|(name, value)| format!("the sender is asked for {name} {}", quoted(value)));
            let asks = asks.map(|text| Detail::new(Mark::None, text));
            let errors = errors.iter().map(|error| Detail::new(Mark::Bad, printable(error)));
            Some(Step::new(mark, "verdict", text).with(reasons).with(asks).with(errors))
        }
        _ => None,
    }
}

fn entity(role: &str, entity: &EntityNote) -> Vec<Detail> {
    let mut details = vec![Detail::new(Mark::None, format!("{role} {}", printable(&entity.id)))];
    if !entity.ancestors.is_empty() {
        details.push(Detail::new(Mark::None, format!("in {}", list(&entity.ancestors))).deeper());
    }
    for (name, attribute) in &entity.attributes {
        let source = entity.sources.get(name).map(|source| format!(", from {source}")).unwrap_or_default();
        details.push(Detail::new(Mark::None, format!("{name} = {}{source}", value(attribute))).deeper());
    }
    details
}

/// Each value of the context with its whole name, as policies write it.
fn flatten(name: &str, context: &Value, details: &mut Vec<Detail>) {
    match context.as_object().filter(|members| !members.contains_key("__extn")) {
        Some(members) => {
            members
                .iter()
                .for_each(|(inner, member)| flatten(&format!("{name}.{}", printable(inner)), member, details));
        }
        None => details.push(Detail::new(Mark::None, format!("{name} = {}", value(context)))),
    }
}

/// First what applies, then what does not, then in one line what was not asked.
fn inspected(policies: &[PolicyInspection], place: &Place) -> Step {
    let (mut asked, unasked): (Vec<_>, Vec<_>) = policies.iter().partition(|policy| policy.asked);
    asked.sort_by_key(|policy| !policy.applies());
    let text = match asked.len() {
        0 => "none is about this action and this type of principal".to_owned(),
        1 => "one is about this action:".to_owned(),
        several => format!("{several} are about this action:"),
    };
    let mut details: Vec<Detail> = asked.into_iter().flat_map(|policy| lines(policy, place)).collect();
    if !unasked.is_empty() {
        let ids: Vec<&str> = unasked.iter().map(|policy| policy.id.as_str()).collect();
        details.push(Detail::new(Mark::None, format!("not asked: {}", list(&ids))));
    }
    Step::new(Mark::None, "policies", text).with(details)
}

fn lines(policy: &PolicyInspection, place: &Place) -> Vec<Detail> {
    let (effect, good) = match policy.effect {
        Effect::Forbid => ("forbid", false),
        Effect::Permit => ("permit", true),
    };
    let (mark, says) = match (policy.error(), policy.applies()) {
        (Some(_), _) => (Mark::Bad, "cannot be evaluated"),
        (None, true) => (Mark::of(good), "applies"),
        (None, false) => (Mark::None, "does not apply"),
    };
    let place = place.of_policy(&policy.id);
    let place = if place.is_empty() { String::new() } else { format!(" ({place})") };
    let mut lines = vec![Detail::new(mark, format!("{effect} {}{place} {says}", printable(&policy.id)))];
    let mismatches = policy.parts.iter().filter(|part| part.matches == Some(false));
    lines.extend(mismatches.map(|part| part_line(Mark::Bad, &part.text)));
    lines.extend(policy.conditions.iter().filter(|_| policy.scope).map(condition));
    lines
}

fn part_line(mark: Mark, text: &str) -> Detail {
    Detail::new(mark, one_line(text)).deeper()
}

fn condition(condition: &ConditionInspection) -> Detail {
    let text = one_line(&condition.text);
    match (&condition.outcome, condition.reached) {
        (_, false) => Detail::new(Mark::None, format!("{text} (not reached)")).deeper(),
        (ConditionOutcome::Held, true) => part_line(Mark::Good, &text),
        (ConditionOutcome::NotAsked, true) => part_line(Mark::None, &text),
        (ConditionOutcome::NotHeld, true) => part_line(Mark::Bad, &text),
        (ConditionOutcome::Erred(error), true) => {
            Detail::new(Mark::Bad, format!("{text}: {}", printable(error))).deeper()
        }
    }
}
