//! Policies: loaded and judged once, asked for every request.
//!
//! A [`Permit`] is the only thing that lets a request go on, and only this module makes one: from an answer of Cedar
//! without a single error, or for a route that is declared public.

mod challenge;
mod context;
mod derive;
mod engine;
mod entities;
mod guard;
mod inspect;
mod permit;
mod place;
mod preparation;
mod question;
mod reach;
mod rules;
mod schema;
mod source;
mod value;

pub use context::{Facts, Plan};
pub use derive::{NamedType, derived_schema};
pub use engine::{DirectAnswer, DirectQuestion, DirectSet, Engine, Loaded, Verdict};
pub use guard::{Caps, Excess};
pub use inspect::{
    ConditionInspection, ConditionOutcome, Effect, EntityOutline, Part, PolicyInspection, PolicyOutline,
    QuestionOutline, ScopeInspection,
};
pub use permit::Permit;
pub use place::TextPlace;
pub use preparation::Preparations;
pub use question::{Asker, Parents, PolicyFault, Resource, RouteQuestion};
pub use reach::{Asked, OutOfReach, Reach};
pub use source::{Source, embedded};
pub use value::{EntityId, EntityType, TypedValue, ValueType};

/// Cedar's error with the reasons behind it, which its first line alone leaves out.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
