//! Where the policies come from, and who they are asked about.

use serde_json::Value;

use super::fault::At;
use super::raw::{RawPolicies, RawPolicyTexts};
use crate::policy::{Asker, Parents, Source, embedded};
use crate::token::Providers;

pub(super) fn source(at: &At, raw: Option<RawPolicies>) -> Option<Source> {
    let raw = raw?;
    at.unknown(&raw.unknown);
    let name = at.take("embedded", raw.embedded);
    let inline = at.take("inline", raw.inline);
    if at.take("directory", raw.directory).is_some() {
        at.field("directory")
            .fault("is a folder beside the configuration: `cedar-gate render` puts what is in it here");
        return None;
    }
    match (name, inline) {
        (Some(name), None) => {
            let source = embedded(&name);
            if source.is_none() {
                at.field("embedded").fault(format!("there is no compiled-in policy set `{name}`"));
            }
            source
        }
        (None, Some(inline)) => {
            let at = at.field("inline");
            at.unknown(&inline.unknown);
            let schema = at.require("schema", inline.schema);
            let policies = at.require("policies", inline.policies).map(|texts| named(&at.field("policies"), texts));
            let entities = at.take("entities", inline.entities).unwrap_or_default();
            let entities = at.field("entities").items(entities).into_iter().map(|(_, entity)| entity).collect();
            Some(Source {
                at: at.path().to_owned(),
                schema: schema?,
                policies: policies?,
                entities: Value::Array(entities),
            })
        }
        (Some(_), Some(_)) | (None, None) => {
            if at.is_clean_within() {
                at.fault("takes either `embedded` or `inline`");
            }
            None
        }
    }
}

fn named(at: &At, texts: RawPolicyTexts) -> Vec<(String, String)> {
    match texts {
        RawPolicyTexts::Named(members) => at.members(members).into_iter().map(|(_, name, text)| (name, text)).collect(),
        RawPolicyTexts::One(text) => vec![(String::new(), text)],
    }
}

pub(super) fn askers(providers: &Providers) -> Vec<Asker> {
    let mut askers = Vec::new();
    for provider in providers.iter() {
        let at = format!("providers.{}", provider.name);
        let parents = |index: usize, rule: &crate::token::ParentRule| Parents {
            at: format!("{at}.parents[{index}]"),
            entity_type: rule.entity_type.clone(),
            allow: rule.allow.clone(),
        };
        let parents: Vec<_> = provider.parents.iter().enumerate().map(|(index, rule)| parents(index, rule)).collect();
        let attribute = |(name, attribute): (&String, &crate::token::ClaimAttribute)| {
            (name.clone(), attribute.value_type, attribute.required)
        };
        askers.push(Asker {
            at: format!("{at}.principal"),
            entity_type: provider.principal.entity_type.clone(),
            attributes: provider.principal.attributes.iter().map(attribute).collect(),
            parents: parents.clone(),
        });
        askers.extend(provider.clients.as_ref().map(|clients| Asker {
            at: format!("{at}.clients"),
            entity_type: clients.entity_type.clone(),
            attributes: Vec::new(),
            parents,
        }));
    }
    askers
}
