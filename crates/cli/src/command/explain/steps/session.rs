//! Who asks, and what was granted to them.

use cedar_gate::journal::{ClaimNote, Mint, Note, ParentsNote, RolesNote};

use super::super::wording::{list, printable, value};
use super::{Detail, Mark, Step};

pub(super) fn step(note: &Note, mark: Mark) -> Option<Step> {
    match note {
        Note::Claims { claims } => {
            let of_interest = claims.iter().filter(|claim| claim.value.is_some() || !is_fine(claim));
            Some(Step::new(mark, "claims", "these are used:").with(of_interest.map(claim)))
        }
        Note::Principal { principal, is_client, client, parents, actors, scopes } => {
            let kind = if *is_client { "a client, that acts for itself" } else { "a user" };
            let mut details: Vec<Detail> = parents.iter().flat_map(belongs).collect();
            if let Some(client) = client.as_ref().filter(|_| !is_client) {
                details.push(Detail::new(Mark::None, format!("through the client {}", printable(client))));
            }
            if !actors.is_empty() {
                details.push(Detail::new(Mark::None, format!("on its behalf acts {}", list(actors))));
            }
            details.push(Detail::new(Mark::None, format!("granted scopes: {}", list(scopes))));
            Some(Step::new(mark, "principal", format!("{}, {kind}", printable(principal))).with(details))
        }
        Note::Scopes { asked, missing } => (!asked.is_empty()).then(|| {
            let lacks = Detail::new(Mark::Bad, format!("the token lacks {}", list(missing)));
            let step = Step::new(mark, "scopes", format!("the route asks for {}", list(asked)));
            if missing.is_empty() { step } else { step.with([lacks]) }
        }),
        Note::Separation { constraints, .. } => (!constraints.is_empty()).then(|| {
            Step::new(mark, "separation", "of these roles so many at most:").with(constraints.iter().map(constraint))
        }),
        _ => None,
    }
}

fn is_fine(claim: &ClaimNote) -> bool {
    claim.fits && (claim.value.is_some() || !claim.required)
}

fn claim(claim: &ClaimNote) -> Detail {
    let makes = match &claim.makes {
        Mint::Attribute(name, value_type) => format!(", the attribute {name}, a {value_type}"),
        Mint::Client => ", the client".to_owned(),
        Mint::Context => String::new(),
        Mint::Id => ", the principal's id".to_owned(),
        Mint::Parents(entity_type) => format!(", parents of the type {entity_type}"),
        Mint::Scopes => ", the granted scopes".to_owned(),
    };
    let text = match &claim.value {
        Some(found) if claim.fits => format!("{} = {}{makes}", claim.claim, value(found)),
        Some(found) => format!("{} = {}, which is not of its type{makes}", claim.claim, value(found)),
        None => format!("{} is missing{makes}", claim.claim),
    };
    Detail::new(if is_fine(claim) { Mark::None } else { Mark::Bad }, text)
}

fn belongs(parents: &ParentsNote) -> Vec<Detail> {
    let entity = |id: &String| format!("{}::{id:?}", parents.entity_type);
    let named = |ids: &[String]| list(&ids.iter().map(entity).collect::<Vec<_>>());
    let mut details = Vec::new();
    if !parents.taken.is_empty() {
        details.push(Detail::new(Mark::None, format!("in {}, by {}", named(&parents.taken), parents.claim)));
    }
    if !parents.left_out.is_empty() {
        let text = format!("not in {}, which `allow` does not name", named(&parents.left_out));
        details.push(Detail::new(Mark::None, text));
    }
    details
}

fn constraint(constraint: &RolesNote) -> Detail {
    let text = format!("{}: {} at most; held: {}", constraint.id, constraint.at_most, list(&constraint.held));
    Detail::new(Mark::of(constraint.held.len() <= constraint.at_most), text)
}
