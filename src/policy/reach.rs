//! How far policies reach: who on which route can ever come under one, and what policies read of a request.
//!
//! These answers err to one side. What is said to be out of reach is, whatever requests come; what is said to be within
//! reach may still never happen, as conditions are looked at only as far as Cedar's type checker does. Gateways do not
//! ask.

mod hierarchy;
mod reads;

use std::collections::BTreeSet;

use cedar_policy::{Effect, EntityTypeName, EntityUid, PrincipalConstraint, ResourceConstraint};
use cedar_policy_core::validator::ValidationMode;
use cedar_policy_core::validator::typecheck::{PolicyCheck, Typechecker};

use super::context::Plan;
use super::engine::Engine;
use super::place::TextPlace;
use super::question::Asker;
use super::{EntityId, EntityType};
use hierarchy::{Hierarchy, Node, of_template};
use reads::Reads;

/// A policy set among routes and those who may ask, as far as its policies reach.
pub struct Reach<'e> {
    engine: &'e Engine,
    askers: &'e [Asker],
    routes: &'e [Asked<'e>],
    policies: Vec<Policy<'e>>,
    /// Entities that policies name, and those that stand in attributes or tags of static entities.
    named: BTreeSet<EntityUid>,
}

/// A policy, by what can be known of it before any request.
struct Policy<'e> {
    policy: &'e cedar_policy::Policy,
    /// Types of principals and resources with an action: the policy is not false from the outset for these.
    environments: Vec<(EntityTypeName, EntityUid, EntityTypeName)>,
    reads: Reads,
}

/// What a route asks, and about what.
pub struct Asked<'r> {
    /// How it asks.
    pub plan: &'r Plan,
    /// The type of the resource.
    pub entity_type: &'r EntityType,
    /// Its id, where every request means the same one.
    pub id: Option<&'r str>,
    /// The parents that requests give it: their types, and their ids, where these are the same for every request.
    pub parents: Vec<(&'r EntityType, Option<&'r str>)>,
}

/// A policy that applies to no request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OutOfReach {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub place: Option<TextPlace>,
    /// Why.
    pub why: String,
}

impl Engine {
    /// How far the policies reach among these routes and those who may ask.
    #[must_use]
    pub fn reach<'e>(&'e self, askers: &'e [Asker], routes: &'e [Asked<'e>]) -> Reach<'e> {
        let types = Typechecker::new(self.schema().as_ref(), ValidationMode::Strict);
        let mut policies: Vec<Policy<'_>> = self.policies().map(|policy| judged(&types, policy)).collect();
        policies.sort_by(|one, other| one.policy.id().cmp(other.policy.id()));
        let mut named = self.store().in_values();
        named.extend(policies.iter().flat_map(|each| each.policy.entity_literals()));
        Reach { engine: self, askers, routes, policies, named }
    }
}

fn judged<'e>(types: &Typechecker<'_>, policy: &'e cedar_policy::Policy) -> Policy<'e> {
    // What the type checker gives up on, for want of a stack, is not false for that.
    let possible = types.typecheck_by_request_env(policy.as_ref().template());
    let possible = possible.filter(|(_, check)| !matches!(check, PolicyCheck::Irrelevant(..)));
    let environments = possible.map(|(environment, _)| {
        let environment = cedar_policy::RequestEnv::from(environment);
        (environment.principal().clone(), environment.action().clone(), environment.resource().clone())
    });
    Policy { policy, environments: environments.collect(), reads: Reads::of(policy.as_ref().condition()) }
}

impl Reach<'_> {
    /// Whether some policy could permit somebody something on a route.
    #[must_use]
    pub fn can_be_permitted(&self, asked: &Asked<'_>) -> bool {
        let permits = self.policies.iter().filter(|each| each.policy.effect() == Effect::Permit);
        permits.into_iter().any(|policy| self.can_apply(policy, asked))
    }

    /// The policies that apply to no request of these routes. Those that apply to none at all are not told: Cedar's
    /// validator has said so.
    #[must_use]
    pub fn out_of_reach(&self) -> Vec<OutOfReach> {
        let never = |policy: &&Policy<'_>| {
            !policy.environments.is_empty() && !self.routes.iter().any(|asked| self.can_apply(policy, asked))
        };
        let out_of_reach = |policy: &Policy<'_>| OutOfReach {
            id: policy.policy.id().to_string(),
            place: self.engine.origins().place(policy.policy.id()).cloned(),
            why: self.why_never(policy),
        };
        self.policies.iter().filter(never).map(out_of_reach).collect()
    }

    /// Whether anybody can descend from an entity by their token.
    #[must_use]
    pub fn can_be_held(&self, id: &EntityId) -> bool {
        let hierarchy = self.hierarchy(&[]);
        hierarchy.all_askers().any(|(asker, _)| hierarchy.is_in(asker, &id.0))
    }

    /// All that an entity descends from whatever is asked, and itself.
    #[must_use]
    pub fn inherited(&self, id: &EntityId) -> BTreeSet<EntityId> {
        self.engine.store().inherited(&BTreeSet::from([id.clone()]))
    }

    /// Whether descending from an entity can make a difference to a policy: one names the entity or an ancestor of it, a
    /// static entity has it in an attribute, or it can be what is asked about.
    #[must_use]
    pub fn matters(&self, id: &EntityId) -> bool {
        let hierarchy = self.hierarchy(self.routes);
        let asked = |node: &Node| {
            let types = self.routes.iter().map(|asked| &asked.entity_type.0);
            types.into_iter().any(|asked| match node {
                Node::Any(entity_type) => entity_type == asked,
                Node::Asker(_) => false,
                Node::One(uid) => uid.type_name() == asked,
            })
        };
        let above = hierarchy.above(Node::One(id.0.clone()));
        above.iter().any(|node| asked(node) || self.named.iter().any(|named| hierarchy.is(node, named)))
    }

    /// Whether a policy reads an attribute of this name, of whatever.
    #[must_use]
    pub fn reads_attribute(&self, name: &str) -> bool {
        self.policies.iter().any(|policy| policy.reads.names.contains(name))
    }

    /// Whether a policy that is asked on a route reads something of the context, or something that it is a part of.
    #[must_use]
    pub fn reads_context(&self, plan: &Plan, path: &[&str]) -> bool {
        let asked = self.policies.iter().filter(|each| plan.policies.policy(each.policy.id()).is_some());
        let read = |read: &Vec<String>| read.iter().zip(path).all(|(one, other)| one == other);
        asked.into_iter().any(|policy| policy.reads.context.iter().any(read))
    }

    fn hierarchy<'h>(&'h self, routes: &'h [Asked<'h>]) -> Hierarchy<'h> {
        Hierarchy { store: self.engine.store(), askers: self.askers, resources: routes.iter().collect() }
    }

    fn can_apply(&self, policy: &Policy<'_>, asked: &Asked<'_>) -> bool {
        let hierarchy = Hierarchy { store: self.engine.store(), askers: self.askers, resources: vec![asked] };
        let principal = policy.policy.principal_constraint();
        let can_ask = |(node, asker): (Node, &Asker)| {
            policy.is_possible(asked, asker)
                && match &principal {
                    PrincipalConstraint::Any | PrincipalConstraint::Is(_) => true,
                    PrincipalConstraint::Eq(uid) => hierarchy.is(&node, uid),
                    PrincipalConstraint::In(uid) | PrincipalConstraint::IsIn(_, uid) => hierarchy.is_in(node, uid),
                }
        };
        let resource = of_template(&asked.entity_type.0, asked.id);
        let can_be_asked = match policy.policy.resource_constraint() {
            ResourceConstraint::Any | ResourceConstraint::Is(_) => true,
            ResourceConstraint::Eq(uid) => hierarchy.is(&resource, &uid),
            ResourceConstraint::In(uid) | ResourceConstraint::IsIn(_, uid) => hierarchy.is_in(resource, &uid),
        };
        can_be_asked && hierarchy.all_askers().any(can_ask)
    }

    /// The first reason that is reason enough.
    fn why_never(&self, policy: &Policy<'_>) -> String {
        if !self.routes.iter().any(|asked| asked.plan.policies.policy(policy.policy.id()).is_some()) {
            return "no route asks about its action".to_owned();
        }
        let possible = |asked: &Asked<'_>| self.askers.iter().any(|asker| policy.is_possible(asked, asker));
        if !self.routes.iter().any(possible) {
            return "for whatever routes ask about, and whoever asks, it is false from the outset".to_owned();
        }
        let hierarchy = self.hierarchy(self.routes);
        let nobody_is = |uid: &EntityUid| !hierarchy.all_askers().any(|(asker, _)| hierarchy.is(&asker, uid));
        let nobody_in = |uid: &EntityUid| !hierarchy.all_askers().any(|(asker, _)| hierarchy.is_in(asker, uid));
        match policy.policy.principal_constraint() {
            PrincipalConstraint::Eq(uid) if nobody_is(&uid) => {
                format!("nobody is `{uid}`: the id of a principal is `<provider>|<claim>`, with a provider of its type")
            }
            PrincipalConstraint::In(uid) | PrincipalConstraint::IsIn(_, uid) if nobody_in(&uid) => {
                format!("nobody is in `{uid}`: no token and no static entity leads to it")
            }
            PrincipalConstraint::Any
            | PrincipalConstraint::Eq(_)
            | PrincipalConstraint::In(_)
            | PrincipalConstraint::Is(_)
            | PrincipalConstraint::IsIn(..) => {
                "no route that asks about its action has its resource, for those whom it is about".to_owned()
            }
        }
    }
}

impl Policy<'_> {
    /// Whether Cedar's type checker can think of such a request under which the policy is true.
    fn is_possible(&self, asked: &Asked<'_>, asker: &Asker) -> bool {
        let types = (asker.entity_type.0.clone(), asked.plan.action.clone(), asked.entity_type.0.clone());
        self.environments.contains(&types)
    }
}
