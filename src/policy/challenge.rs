//! What a `forbid` asks of the sender: annotations that turn its refusal into a challenge.
//!
//! ```cedar
//! @challenge("insufficient_user_authentication")  // RFC 9470
//! @acr_values("phr mfa")                          // one of these, the preferred one first
//! @max_age("300")                                 // seconds since the user was authenticated
//! forbid (…);
//!
//! @challenge("insufficient_scope")                // RFC 6750 §3.1
//! @scope("payments:approve")                      // all of these
//! forbid (…);
//! ```

use cedar_policy::{Effect, Policy};

use crate::challenge::Demand;
use crate::refusal::{Cause, Refusal};
use crate::token::is_scope_character;

/// The annotations that this is about.
const ANNOTATIONS: [&str; 4] = ["acr_values", "challenge", "max_age", "scope"];

/// The longest time since an authentication that can be asked for: a year.
const LONGEST_AGE: u32 = 31_536_000;

/// What a `forbid` asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Challenge {
    kind: Kind,
    demand: Demand,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Scope,
    UserAuthentication,
}

impl Kind {
    const ALL: [Self; 2] = [Self::UserAuthentication, Self::Scope];

    const fn name(self) -> &'static str {
        match self {
            Self::Scope => "insufficient_scope",
            Self::UserAuthentication => "insufficient_user_authentication",
        }
    }

    /// The annotations that say more.
    const fn details(self) -> &'static [&'static str] {
        match self {
            Self::Scope => &["scope"],
            Self::UserAuthentication => &["acr_values", "max_age"],
        }
    }
}

impl Challenge {
    /// Reads the annotations of a policy.
    ///
    /// # Errors
    ///
    /// All that is wrong with them.
    pub(super) fn read(policy: &Policy) -> Result<Option<Self>, Vec<String>> {
        let present: Vec<&str> = ANNOTATIONS.into_iter().filter(|name| policy.annotation(name).is_some()).collect();
        if policy.effect() == Effect::Permit {
            let message = |name: &&str| format!("`@{name}` belongs to a `forbid`: no permit determines a refusal");
            return if present.is_empty() { Ok(None) } else { Err(present.iter().map(message).collect()) };
        }
        let Some(kind) = policy.annotation("challenge") else {
            let message = |name: &&str| format!("`@{name}` has no effect without `@challenge`");
            return if present.is_empty() { Ok(None) } else { Err(present.iter().map(message).collect()) };
        };
        let Some(kind) = Kind::ALL.into_iter().find(|known| known.name() == kind) else {
            let known = Kind::ALL.map(Kind::name).join(", ");
            return Err(vec![format!("`@challenge(\"{}\")` is none of {known}", kind.escape_debug())]);
        };
        let mut faults: Vec<String> = present
            .iter()
            .filter(|name| **name != "challenge" && !kind.details().contains(*name))
            .map(|name| format!("`@{name}` has no effect with `@challenge(\"{}\")`", kind.name()))
            .collect();
        if !kind.details().iter().any(|name| present.contains(name)) {
            let names: Vec<String> = kind.details().iter().map(|name| format!("`@{name}`")).collect();
            faults.push(format!("`@challenge(\"{}\")` needs {}", kind.name(), names.join(" or ")));
        }
        let mut list = |name: &str| {
            let Some(text) = policy.annotation(name) else { return Vec::new() };
            let values: Vec<String> = text.split(' ').map(str::to_owned).collect();
            if values.iter().any(|value| value.is_empty() || !value.bytes().all(is_scope_character)) {
                faults.push(format!(
                    "`@{name}(\"{}\")` is no list of values with one space between two, each of `!`, `#` to `[` and `]` \
                     to `~` (RFC 6750 §3)",
                    text.escape_debug()
                ));
            }
            values
        };
        let (scopes, acr_values) = (list("scope"), list("acr_values"));
        let max_age = policy.annotation("max_age").and_then(|text| {
            // One spelling for one number, as everywhere: a challenge repeats it.
            let age = text.parse().ok().filter(|age: &u32| age.to_string() == text && *age <= LONGEST_AGE);
            if age.is_none() {
                faults.push(format!(
                    "`@max_age(\"{}\")` is no whole number of seconds from 0 to {LONGEST_AGE}",
                    text.escape_debug()
                ));
            }
            age
        });
        let demand = Demand { scopes, acr_values, max_age };
        if faults.is_empty() { Ok(Some(Self { kind, demand })) } else { Err(faults) }
    }
}

/// The refusal of a request that these policies forbid, each with what it asks for.
///
/// There is a challenge where every one of them asks for something, and one answer gives all of it: then the sender knows
/// how to succeed. It asks for all scopes, for the strictest age, and for an authentication context that each of them
/// takes. To be authenticated comes first, with the scopes beside it (RFC 9470 §3).
pub(super) fn refusal<'a>(forbids: impl IntoIterator<Item = Option<&'a Challenge>>) -> Refusal {
    let plain = || Refusal::from(Cause::PolicyDenied);
    let Some(challenges) = forbids.into_iter().collect::<Option<Vec<_>>>() else { return plain() };
    let mut kinds = challenges.iter().map(|challenge| challenge.kind);
    let cause = match (kinds.next(), kinds.any(|kind| kind == Kind::UserAuthentication)) {
        (None, _) => return plain(),
        (Some(Kind::UserAuthentication), _) | (Some(Kind::Scope), true) => Cause::StepUpRequired,
        (Some(Kind::Scope), false) => Cause::ScopeInsufficient,
    };
    let mut together = Demand::default();
    let mut contexts: Option<Vec<String>> = None;
    for Demand { scopes, acr_values, max_age } in challenges.into_iter().map(|challenge| &challenge.demand) {
        let new: Vec<String> = scopes.iter().filter(|scope| !together.scopes.contains(scope)).cloned().collect();
        together.scopes.extend(new);
        together.max_age = together.max_age.into_iter().chain(*max_age).min();
        if !acr_values.is_empty() {
            contexts = Some(match contexts {
                None => acr_values.clone(),
                Some(common) => common.into_iter().filter(|value| acr_values.contains(value)).collect(),
            });
        }
    }
    // No one authentication is known to satisfy all of them, so a challenge would promise too much.
    if contexts.as_ref().is_some_and(Vec::is_empty) {
        return plain();
    }
    together.acr_values = contexts.unwrap_or_default();
    Refusal::demanding(cause, together)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<Challenge>, Vec<String>> {
        Challenge::read(&Policy::parse(None, text).unwrap())
    }

    fn challenge(annotations: &str) -> Challenge {
        read(&format!("{annotations} forbid (principal, action, resource);")).unwrap().unwrap()
    }

    fn combined(annotations: &[&str]) -> Refusal {
        let challenges: Vec<_> = annotations.iter().map(|text| challenge(text)).collect();
        refusal(challenges.iter().map(Some))
    }

    const STEP_UP: &str = r#"@challenge("insufficient_user_authentication")"#;
    const SCOPE: &str = r#"@challenge("insufficient_scope")"#;

    #[test]
    fn a_forbid_says_what_would_do() {
        let asks = challenge(&format!(r#"{STEP_UP} @acr_values("phr mfa") @max_age("0")"#));
        let demand = Demand { acr_values: vec!["phr".into(), "mfa".into()], max_age: Some(0), ..Demand::default() };
        assert_eq!(refusal([Some(&asks)]), Refusal::demanding(Cause::StepUpRequired, demand));
        let asks = challenge(&format!(r#"{SCOPE} @scope("a b:c")"#));
        let demand = Demand::of_scopes(vec!["a".into(), "b:c".into()]);
        assert_eq!(refusal([Some(&asks)]), Refusal::demanding(Cause::ScopeInsufficient, demand));
    }

    #[test]
    fn one_forbid_that_asks_for_nothing_leaves_nothing_to_be_asked_for() {
        let asks = challenge(&format!(r#"{SCOPE} @scope("a")"#));
        assert_eq!(refusal([Some(&asks), None]), Refusal::from(Cause::PolicyDenied));
        assert_eq!(refusal([]), Refusal::from(Cause::PolicyDenied));
    }

    #[test]
    fn several_challenges_become_one_that_satisfies_all() {
        let one = format!(r#"{STEP_UP} @acr_values("phrh phr mfa")"#);
        let two = format!(r#"{STEP_UP} @acr_values("phr phrh") @max_age("60")"#);
        let three = format!(r#"{STEP_UP} @max_age("300")"#);
        let four = format!(r#"{SCOPE} @scope("a b")"#);
        let five = format!(r#"{SCOPE} @scope("b c")"#);
        let demand = Demand {
            scopes: vec!["a".into(), "b".into(), "c".into()],
            acr_values: vec!["phrh".into(), "phr".into()],
            max_age: Some(60),
        };
        for order in [[&one, &two, &three, &four, &five], [&four, &five, &one, &three, &two]] {
            let refusal = combined(&order.map(String::as_str));
            assert_eq!(refusal, Refusal::demanding(Cause::StepUpRequired, demand.clone()));
        }
        let scopes = combined(&[&four, &five]);
        assert_eq!(scopes, Refusal::demanding(Cause::ScopeInsufficient, Demand::of_scopes(demand.scopes)));
    }

    #[test]
    fn what_no_one_authentication_satisfies_is_not_asked_for() {
        let refusal = combined(&[
            &format!(r#"{STEP_UP} @acr_values("phr") @max_age("60")"#),
            &format!(r#"{STEP_UP} @acr_values("mfa")"#),
        ]);
        assert_eq!(refusal, Refusal::from(Cause::PolicyDenied));
    }

    #[test]
    fn an_annotation_that_would_have_no_effect_is_a_fault() {
        for (policy, fault) in [
            (r#"@challenge("insufficient_scope") permit"#, "`@challenge` belongs to a `forbid`"),
            (r#"@max_age("5") permit"#, "`@max_age` belongs to a `forbid`"),
            (r#"@scope("a") forbid"#, "`@scope` has no effect without `@challenge`"),
            (r#"@challenge("more") forbid"#, r#"`@challenge("more")` is none of insufficient_user_authentication, "#),
            (r#"@challenge forbid"#, r#"`@challenge("")` is none of "#),
            (r#"@challenge("insufficient_scope") forbid"#, "needs `@scope`"),
            (r#"@challenge("insufficient_user_authentication") forbid"#, "needs `@acr_values` or `@max_age`"),
            (r#"@challenge("insufficient_scope") @scope("a") @max_age("5") forbid"#, "`@max_age` has no effect with"),
            (r#"@challenge("insufficient_scope") @scope("a  b") forbid"#, r#"`@scope("a  b")` is no list"#),
            (r#"@challenge("insufficient_scope") @scope("") forbid"#, r#"`@scope("")` is no list"#),
            (r#"@challenge("insufficient_scope") @scope("a\"") forbid"#, r#"`@scope("a\"")` is no list"#),
            (r#"@challenge("insufficient_scope") @scope("a\r\nb: c") forbid"#, r#"`@scope("a\r\nb: c")` is no list"#),
            (r#"@challenge("insufficient_scope") @scope("ä") forbid"#, "is no list"),
        ] {
            let faults = read(&format!("{policy} (principal, action, resource);")).unwrap_err();
            assert!(faults.iter().any(|each| each.contains(fault)), "{policy}: {faults:?}");
        }
    }

    #[test]
    fn an_age_is_a_plain_whole_number() {
        for age in ["", "-1", "+1", "1.0", "01", "5m", " 5", "31536001", "99999999999999999999", "٥"] {
            let policy = format!(r#"{STEP_UP} @max_age("{age}") forbid (principal, action, resource);"#);
            let faults = read(&policy).unwrap_err();
            assert!(faults.iter().any(|fault| fault.contains("is no whole number of seconds")), "{age}: {faults:?}");
        }
    }
}
