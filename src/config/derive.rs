//! A schema for a configuration that is still being written.

use super::fault::{At, Faults};
use super::{limits, policies, provider, raw_of, route, rules};
use crate::policy::{NamedType, derived_schema};
use crate::secret::Environment;

/// The Cedar schema that fits the providers, the routes and the static separation of a configuration. It says what
/// policies may ask for, and is where their author begins: `policies` is not looked at, and need not be there.
///
/// # Errors
///
/// Every fault in those sections that can be seen at once; and where no schema can fit them, why.
pub fn derive_schema(bytes: &[u8]) -> Result<String, Faults> {
    let raw = raw_of(bytes)?;
    let at = At::root();
    let body_before_headers = rules::host(&at.field("host"), at.take("host", raw.host));
    let providers =
        provider::providers(&at.field("providers"), at.require("providers", raw.providers), &Environment::assumed());
    let (_, caps, _) = limits::limits(&at.field("limits"), at.take("limits", raw.limits).unwrap_or_default());
    let separation = rules::separation(&at.field("separation"), at.take("separation", raw.separation));
    let drafts = route::drafts(&at.field("routes"), at.require("routes", raw.routes), body_before_headers);
    let (Some(providers), Some(drafts)) = (providers, drafts) else { return Err(at.into_faults()) };
    if !at.is_clean() {
        return Err(at.into_faults());
    }
    let questions: Vec<_> = drafts.iter().filter_map(route::Draft::question).collect();
    let named: Vec<NamedType> = separation
        .constraints
        .iter()
        .flat_map(|constraint| {
            let at = format!("separation.static.{}", constraint.id);
            constraint.roles.first().map(|role| NamedType { at, entity_type: role.entity_type() })
        })
        .collect();
    derived_schema(&policies::askers(&providers), &questions, &named, caps).map_err(|faults| {
        faults.into_iter().for_each(|fault| at.at(&fault.at).fault(fault.message));
        at.into_faults()
    })
}
