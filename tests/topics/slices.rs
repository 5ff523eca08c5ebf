//! The slice of entities that a request gets answers as the whole store would.
//!
//! A slice that is too small would not err: `in` would be false, and a `forbid` would be switched off in silence.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::str::FromStr;

use cedar_gate::harness::Harness;
use cedar_gate_scenario::Forge;
use cedar_policy::{Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request, Schema};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: u64 = 1_780_000_000;
const ROLES: usize = 6;
const FOLDERS: usize = 4;
const DOCUMENTS: usize = 3;

const SCHEMA: &str = "
    entity Role in [Role];
    entity User in [Role];
    entity Folder in [Folder] = { keeper: Role };
    entity Doc in [Folder, User] = { folder: Folder, owner: User, readers: Set<Role> };
    action view appliesTo { principal: [User], resource: [Doc], context: {} };
";

/// A hierarchy in which everything descends from things of lower numbers.
#[derive(Clone, Debug)]
struct World {
    role_parents: Vec<Vec<usize>>,
    folders: Vec<(Option<usize>, usize)>,
    documents: Vec<(usize, usize, Vec<usize>)>,
    policies: Vec<(bool, usize, usize)>,
}

/// A world whose policies are of these kinds; see [`World::policies`].
fn world(kinds: Range<usize>) -> impl Strategy<Value = World> {
    let role_parents = prop::collection::vec(prop::collection::vec(0..ROLES, 0..2), ROLES);
    let folders = prop::collection::vec((prop::option::of(0..FOLDERS), 0..ROLES), FOLDERS);
    let documents = prop::collection::vec((0..FOLDERS, 0..ROLES, prop::collection::vec(0..ROLES, 0..3)), DOCUMENTS);
    let policies = prop::collection::vec((any::<bool>(), kinds, 0..ROLES), 1..8);
    (role_parents, folders, documents, policies).prop_map(|(role_parents, folders, documents, policies)| World {
        role_parents,
        folders,
        documents,
        policies,
    })
}

impl World {
    fn entities(&self) -> Value {
        let of = |kind: &str, number: usize| json!({"type": kind, "id": number.to_string()});
        let reference = |kind: &str, number: usize| json!({"__entity": of(kind, number)});
        let mut all = Vec::new();
        for (number, parents) in self.role_parents.iter().enumerate() {
            let parents: Vec<Value> =
                parents.iter().filter(|parent| **parent < number).map(|parent| of("Role", *parent)).collect();
            all.push(json!({"uid": of("Role", number), "attrs": {}, "parents": parents}));
        }
        // Two of the users are known statically, one of them with a role that no token says.
        all.push(json!({"uid": {"type": "User", "id": "corp|user0"}, "attrs": {}, "parents": []}));
        all.push(json!({"uid": {"type": "User", "id": "corp|user1"}, "attrs": {}, "parents": [of("Role", 2)]}));
        for (number, (parent, keeper)) in self.folders.iter().enumerate() {
            let parents: Vec<Value> =
                parent.iter().filter(|parent| **parent < number).map(|parent| of("Folder", *parent)).collect();
            all.push(json!({"uid": of("Folder", number), "attrs": {"keeper": reference("Role", *keeper)}, "parents": parents}));
        }
        for (number, (folder, owner, readers)) in self.documents.iter().enumerate() {
            let readers: Vec<Value> = readers.iter().map(|reader| reference("Role", *reader)).collect();
            let owner = json!({"__entity": {"type": "User", "id": format!("corp|user{owner}")}});
            all.push(json!({
                "uid": of("Doc", number),
                "attrs": {"folder": reference("Folder", *folder), "owner": owner, "readers": readers},
                "parents": [of("Folder", *folder)],
            }));
        }
        Value::Array(all)
    }

    fn policies(&self) -> String {
        let policy = |(permits, kind, number): &(bool, usize, usize)| {
            let folder = number % FOLDERS;
            let condition = match kind {
                0 => format!("principal in Role::\"{number}\""),
                1 => format!("resource in Folder::\"{folder}\""),
                2 => format!("resource.folder.keeper in Role::\"{number}\""),
                3 => "principal in resource.folder.keeper".to_owned(),
                4 => "principal in resource.readers".to_owned(),
                5 => "resource.owner == principal".to_owned(),
                6 => "resource.owner in Role::\"2\"".to_owned(),
                7 => format!("resource in Role::\"{number}\""),
                8 => "resource in principal".to_owned(),
                _ => format!("principal == User::\"corp|user{number}\" && principal in Role::\"{number}\""),
            };
            let effect = if *permits { "permit" } else { "forbid" };
            format!("{effect}(principal, action, resource) when {{ {condition} }};\n")
        };
        self.policies.iter().map(policy).collect()
    }
}

fn forge() -> Forge {
    Forge::new().with_key("corp", json!({"kty": "oct", "bytes": 64})).expect("a key")
}

fn configuration(world: &World) -> Value {
    forge()
        .resolve(&json!({
            "providers": {"corp": {
                "issuer": "https://idp.example.com/",
                "audiences": ["docs"],
                "algorithms": ["HS256"],
                "local_jwks": {"inline": {"keys": [{"$jwk": "corp", "alg": "HS256"}]}},
                "parents": [{"claim": "roles", "type": "Role"}],
            }},
            "routes": [
                {"methods": ["GET"], "path": "/docs/{id}", "action": "view", "resource": {"type": "Doc", "id": "{id}"}},
                {
                    "methods": ["GET"],
                    "path": "/homes/{person}/{id}",
                    "action": "view",
                    "resource": {"type": "Doc", "id": "{id}", "parents": [{"type": "User", "id": "corp|user{person}"}]},
                },
            ],
            "policies": {"inline": {"schema": SCHEMA, "policies": world.policies(), "entities": world.entities()}},
        }))
        .expect("the configuration can be resolved")
}

/// What Cedar says with all entities there are.
fn whole_store_allows(world: &World, user: usize, roles: &[usize], document: usize, home: Option<usize>) -> bool {
    let schema = Schema::from_str(SCHEMA).expect("the schema");
    let uid = |kind: &str, id: &str| EntityUid::from_str(&format!("{kind}::\"{id}\"")).expect("a uid");
    let principal = uid("User", &format!("corp|user{user}"));
    let parents: HashSet<EntityUid> = roles.iter().map(|role| uid("Role", &role.to_string())).collect();
    let entities = Entities::from_json_value(world.entities(), Some(&schema)).expect("the entities");
    let known = entities.ancestors(&principal).into_iter().flatten().cloned();
    let parents = known.chain(parents).collect();
    let principal_entity = Entity::new(principal.clone(), HashMap::new(), parents).expect("the principal");
    let resource = uid("Doc", &document.to_string());
    let (_, attributes, _) = entities.get(&resource).expect("a document").clone().into_inner();
    let home = home.map(|person| uid("User", &format!("corp|user{person}")));
    let parents = entities.ancestors(&resource).into_iter().flatten().cloned().chain(home).collect();
    let described = Entity::new(resource.clone(), attributes.into_iter().collect(), parents).expect("the resource");
    let entities = entities.upsert_entities([principal_entity, described], Some(&schema)).expect("all entities");
    let policies = PolicySet::from_str(&world.policies()).expect("the policies");
    let request = Request::new(principal, uid("Action", "view"), resource, Context::empty(), Some(&schema));
    let response = Authorizer::new().is_authorized(&request.expect("the request"), &policies, &entities);
    response.decision() == Decision::Allow && response.diagnostics().errors().next().is_none()
}

/// What the filter says, and what Cedar says with all entities there are, to one request.
fn same_answer(
    world: &World,
    user: usize,
    roles: &[usize],
    document: usize,
    home: Option<usize>,
) -> Result<(), TestCaseError> {
    let mut harness = Harness::start(configuration(world).to_string().as_bytes(), NOW)
        .map_err(|faults| TestCaseError::fail(faults.iter().map(ToString::to_string).collect::<String>()))?;
    let names: Vec<String> = roles.iter().map(ToString::to_string).collect();
    let claims = json!({
        "iss": "https://idp.example.com/", "aud": "docs", "sub": format!("user{user}"),
        "iat": NOW, "exp": NOW + 60, "roles": names,
    });
    let token = forge().mint(&json!({"key": "corp", "alg": "HS256", "claims": claims}), NOW as i64).expect("a token");
    let headers = [
        (":method", "GET".to_owned()),
        (":path", home.map_or_else(|| format!("/docs/{document}"), |home| format!("/homes/{home}/{document}"))),
        (":authority", "docs".to_owned()),
        ("authorization", format!("Bearer {token}")),
    ];
    let headers = headers.into_iter().map(|(name, value)| (name.as_bytes().to_vec(), value.into_bytes())).collect();
    let (passage, _) = harness.request(headers, true);
    let records = passage.end();
    let allowed = records[0]["decision"] == "allow";
    prop_assert_eq!(allowed, whole_store_allows(world, user, roles, document, home), "{}", records[0]);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_slice_answers_as_the_whole_store(
        world in world(0..10),
        user in 0..ROLES,
        roles in prop::collection::vec(0..ROLES, 0..3),
        document in 0..DOCUMENTS,
        home in prop::option::of(0..ROLES),
    ) {
        same_answer(&world, user, &roles, document, home)?;
    }

    /// The kinds of policies that see a resource below its principal.
    #[test]
    fn at_the_home_of_whoever_asks_a_slice_answers_as_the_whole_store(
        world in world(7..9),
        user in 0..ROLES,
        roles in prop::collection::vec(0..ROLES, 0..3),
        document in 0..DOCUMENTS,
    ) {
        same_answer(&world, user, &roles, document, Some(user))?;
    }
}
