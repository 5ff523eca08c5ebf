//! What policies read of a request.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy_core::ast::{Expr, ExprKind, Var};

/// What a policy reads.
#[derive(Debug, Default)]
pub(super) struct Reads {
    /// Names of attributes, of whatever.
    pub(super) names: BTreeSet<String>,
    /// Paths below `context`.
    pub(super) context: BTreeSet<Vec<String>>,
}

impl Reads {
    pub(super) fn of(condition: Expr) -> Self {
        let mut reads = Self::default();
        // Whatever another attribute is taken of is read on the way only, and not as a whole.
        let mut on_the_way = BTreeSet::new();
        let all: BTreeMap<usize, &Expr> = condition.subexpressions().map(|each| (address(each), each)).collect();
        for each in all.values() {
            if let Some((of, names)) = attribute(each) {
                on_the_way.insert(address(of));
                reads.names.extend(names.iter().map(ToString::to_string));
            }
        }
        let whole = all.iter().filter(|(address, _)| !on_the_way.contains(address));
        reads.context = whole.filter_map(|(_, each)| context_path(each)).collect();
        reads
    }
}

/// Two equal expressions at different places are two.
fn address(expression: &Expr) -> usize {
    std::ptr::from_ref(expression).addr()
}

/// What an attribute is taken of, or asked for, and its name, or its names.
fn attribute(expression: &Expr) -> Option<(&Expr, Vec<&str>)> {
    if let ExprKind::GetAttr { expr, attr } | ExprKind::HasAttr { expr, attr } = expression.expr_kind() {
        return Some((expr, vec![attr]));
    }
    if let ExprKind::ExtHasAttr { expr, attrs } = expression.expr_kind() {
        return Some((expr, attrs.iter().map(AsRef::as_ref).collect()));
    }
    None
}

/// The path below `context` that an expression takes.
fn context_path(expression: &Expr) -> Option<Vec<String>> {
    let mut path = Vec::new();
    let mut here = expression;
    while let Some((of, names)) = attribute(here) {
        path.splice(..0, names.into_iter().map(str::to_owned));
        here = of;
    }
    matches!(here.expr_kind(), ExprKind::Var(Var::Context)).then_some(path)
}
