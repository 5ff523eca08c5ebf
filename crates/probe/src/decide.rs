//! Cedar policies, by the engine that decides about requests.

use cedar_gate::policy::{Caps, DirectQuestion, DirectSet, EntityId, EntityType, PolicyFault, Source};
use serde::Deserialize;
use serde_json::{Value, json};

/// A policy set, and questions to it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decide {
    schema: String,
    policies: String,
    entities: Value,
    questions: Vec<Question>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    principal: Uid,
    action: Uid,
    resource: Uid,
    context: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Uid {
    #[serde(rename = "type")]
    entity_type: String,
    id: String,
}

/// Those of a configuration that says nothing about them.
const CAPS: Caps = Caps { depth: 32, chain: 1000 };

pub(crate) fn decide(decide: Decide) -> Result<Value, String> {
    let source = Source {
        at: "policies".to_owned(),
        schema: decide.schema,
        policies: vec![(String::new(), decide.policies)],
        entities: decide.entities,
    };
    let set = match DirectSet::load(&source, CAPS) {
        Ok(set) => set,
        Err(faults) => return Ok(json!({ "refused": texts(&faults) })),
    };
    let answers = decide.questions.iter().map(|question| ask(&set, question)).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "invalid": texts(set.invalid()), "warnings": texts(set.warnings()), "answers": answers }))
}

fn ask(set: &DirectSet, question: &Question) -> Result<Value, String> {
    let question = DirectQuestion {
        principal: question.principal.id()?,
        action: question.action.id()?,
        resource: question.resource.id()?,
        context: question.context.clone(),
    };
    Ok(match set.ask(&question) {
        Ok(answer) => json!({
            "allowed": answer.refused.is_none(),
            "cause": answer.refused.map(|cause| cause.code()),
            "policies": answer.policies,
            "errors": answer.errors,
        }),
        Err(error) => json!({ "unasked": error }),
    })
}

impl Uid {
    fn id(&self) -> Result<EntityId, String> {
        let entity_type = EntityType::parse(&self.entity_type)
            .ok_or_else(|| format!("`{}` is not the name of an entity type", self.entity_type))?;
        Ok(EntityId::new(&entity_type, &self.id))
    }
}

fn texts(faults: &[PolicyFault]) -> Vec<String> {
    faults.iter().map(|fault| format!("{}: {}", fault.at, fault.message)).collect()
}
