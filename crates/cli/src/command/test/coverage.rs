//! What scenarios have reached of policies, constraints and routes.

mod set;
mod sighting;

use std::collections::BTreeMap;
use std::path::PathBuf;

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

pub(super) use set::PolicySet;
pub(super) use sighting::Sighting;

use super::files;
use super::trial::{Course, Trial};

/// What scenarios have reached together, by the policies that they were played with.
///
/// Configurations with the same policies count as one, whatever else they differ in: a scenario that changes a route or
/// a static entity still shows something about the policies.
pub(super) struct Coverage {
    sets: Vec<PolicySet>,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Share {
    /// Those that were reached.
    pub(super) reached: usize,
    /// All of them.
    pub(super) of: usize,
}

impl Coverage {
    pub(super) fn of(trials: &[Trial]) -> Self {
        let mut groups: Vec<(Sighting, Vec<&Trial>)> = Vec::new();
        for trial in trials {
            let Course::Played(playing) = &trial.course else { continue };
            let Some(sighting) = playing.sighting.as_ref().filter(|sighting| sighting.has_started()) else { continue };
            match groups.iter_mut().find(|(group, _)| group.has_policies_of(sighting)) {
                Some((group, trials)) => {
                    group.unite(sighting);
                    trials.push(trial);
                }
                None => groups.push((sighting.clone(), vec![trial])),
            }
        }
        let set = |(sighting, trials): (Sighting, Vec<&Trial>)| {
            let scenarios = trials.iter().map(|trial| files::plain(&trial.path)).collect();
            PolicySet::new(sighting, scenarios, shared(&trials))
        };
        Self { sets: groups.into_iter().map(set).collect() }
    }

    /// The policy sets, in the order in which scenarios came to them.
    pub(super) fn sets(&self) -> &[PolicySet] {
        &self.sets
    }

    /// Everything.
    pub(super) fn total(&self) -> Share {
        self.sets.iter().map(PolicySet::total).sum()
    }

    pub(super) fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(["policies", "routes", "constraints", "policies", "scopes", "conditions", "all"]);
        for set in &self.sets {
            let shares = [set.routes(), set.constraints(), set.policies(), set.scopes(), set.conditions()];
            let mut row = vec![set.name.clone()];
            row.extend(shares.map(Share::fraction));
            row.push(set.total().rounded());
            table.add_row(row);
        }
        table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        table
    }

    pub(super) fn json(&self) -> Value {
        let mut value = self.total().json();
        value["sets"] = self.sets.iter().map(PolicySet::json).collect();
        value
    }
}

/// The files that all of these were read from, with their texts.
fn shared(trials: &[&Trial]) -> BTreeMap<PathBuf, String> {
    let mut all = trials.iter().map(|trial| trial.reading.texts());
    let mut shared = all.next().unwrap_or_default();
    all.for_each(|texts| shared.retain(|path, _| texts.contains_key(path)));
    shared
}

impl Share {
    /// Those of these that hold.
    pub(super) fn of(points: impl IntoIterator<Item = bool>) -> Self {
        points.into_iter().map(|reached| Self { reached: usize::from(reached), of: 1 }).sum()
    }

    /// Of nothing, nothing is reached: who demands coverage demands that there is something.
    pub(super) fn percent(self) -> f64 {
        let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        if self.of == 0 { 0.0 } else { count(self.reached) * 100.0 / count(self.of) }
    }

    /// The same for people. Nothing but all is shown as 100.
    pub(super) fn rounded(self) -> String {
        let tenths = (self.reached * 1000).checked_div(self.of).unwrap_or(0);
        format!("{}.{} %", tenths / 10, tenths % 10)
    }

    fn fraction(self) -> String {
        format!("{}/{}", self.reached, self.of)
    }

    pub(super) fn json(self) -> Value {
        json!({"percent": (self.percent() * 100.0).floor() / 100.0, "reached": self.reached, "of": self.of})
    }
}

impl std::iter::Sum for Share {
    fn sum<I: Iterator<Item = Self>>(shares: I) -> Self {
        shares.fold(Self::default(), |sum, share| Self { reached: sum.reached + share.reached, of: sum.of + share.of })
    }
}
