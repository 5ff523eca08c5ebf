//! Services that give good answers badly: no request is let through, and none waits for longer than it may.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cedar_gate_scenario::{Forge, Request};
use cedar_gate_stage::{Content, EnvoyHost, Fault, FaultServer, client};
use serde_json::{Value, json};

use crate::server::API;
use crate::stage::{Listener, configuration, envoy, provider};

/// What a provider depends on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Service {
    Discovery,
    Introspection,
    Keys,
    Revoked,
    Status,
}

const SERVICES: [Service; 5] =
    [Service::Discovery, Service::Introspection, Service::Keys, Service::Revoked, Service::Status];

/// How long a service may take.
const TIMEOUT: Duration = Duration::from_secs(1);
/// What everything else may take, on a busy machine.
const SLACK: Duration = Duration::from_millis(1500);

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Introspection => "introspection",
            Self::Keys => "keys",
            Self::Revoked => "revoked",
            Self::Status => "status",
        }
    }
}

/// A gateway with one provider for each service and each fault, and one for each service that is well.
struct World {
    listener: Listener,
    host: &'static EnvoyHost,
    server: FaultServer,
    forge: Forge,
    requests: AtomicUsize,
}

fn world() -> Option<&'static World> {
    static WORLD: OnceLock<Option<World>> = OnceLock::new();
    WORLD.get_or_init(|| envoy().map(World::start)).as_ref()
}

impl World {
    fn start(host: &'static EnvoyHost) -> Self {
        let forge = Forge::new().with_key("idp", json!({ "kty": "EC", "crv": "P-256" })).expect("a key");
        let signer = forge.clone();
        // The server's answers name the server, whose address is known when it runs.
        let place: &'static OnceLock<SocketAddr> = Box::leak(Box::default());
        let server = FaultServer::start(move |path| Some(content(&signer, *place.get()?, path))).expect("a server");
        place.set(server.address()).expect("once");
        let providers: BTreeMap<String, Value> = SERVICES
            .into_iter()
            .flat_map(|service| faults().map(move |fault| (service, fault)))
            .map(|(service, fault)| (name(service, fault), one(&forge, server.address(), service, fault)))
            .collect();
        let configuration = configuration(json!(providers));
        let listener = Listener::open(host, "faults", server.address(), configuration);
        Self { listener, host, server, forge, requests: AtomicUsize::new(0) }
    }

    /// Sends a request with a token of that provider, which would go through if its service were well, and says what came
    /// of it.
    fn ask(&self, service: Service, fault: Option<Fault>) -> (u16, Option<String>) {
        let address = self.server.address();
        let mut claims = json!({
            "iss": issuer(address, service, fault), "aud": API, "sub": "a", "client_id": "a", "jti": "a-token",
            "scope": "documents:read", "iat": { "$now": 0 }, "exp": { "$now": 300 },
        });
        if service == Service::Status {
            claims["status"] = json!({ "status_list": { "idx": 1, "uri": uri(address, service, fault) } });
        }
        let token = json!({ "key": "idp", "alg": "ES256", "claims": claims });
        let token = self.forge.mint(&token, now()).expect("a token");
        let id = format!("{}-{}", name(service, fault), self.requests.fetch_add(1, Ordering::Relaxed));
        let header = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let request = Request {
            method: b"GET".to_vec(),
            path: b"/documents/7".to_vec(),
            authority: b"api.example.com".to_vec(),
            headers: vec![
                header("authorization", &format!("Bearer {token}")),
                header("x-request-id", &id),
                // By this the upstream is asked what it got.
                header("x-scenario-request", &id),
            ],
            ..Request::default()
        };
        let began = Instant::now();
        let answer =
            client::send(self.listener.port, &request).and_then(|exchange| exchange.answer).expect("an answer");
        let took = began.elapsed();
        let record = self.listener.records().into_iter().find(|record| record["request_id"] == id.as_str());
        assert!(took <= TIMEOUT + SLACK, "{service:?} with {fault:?} takes {took:?}: {record:?}");
        let passed = !self.host.upstream().take(&id).is_empty();
        assert_eq!(passed, fault.is_none(), "{service:?} with {fault:?}: {answer:?}");
        let retry_after = answer.headers.iter().any(|(name, _)| name == b"retry-after");
        assert_eq!(retry_after, answer.status == 503, "{answer:?}");
        (answer.status, record.and_then(|record| record["cause"].as_str().map(str::to_owned)))
    }

    /// All faults of a service, one after the other; before and after them, the same service without any.
    fn withstands(&self, service: Service) {
        assert_eq!(self.ask(service, None).0, 200, "{service:?} when it is well");
        for fault in Fault::ALL {
            // Workers may have seen different things so far.
            for _ in 0..2 {
                let (status, cause) = self.ask(service, Some(fault));
                assert_eq!(status, 503, "{service:?} with {fault:?}: {cause:?}");
            }
        }
        assert_eq!(self.ask(service, None).0, 200, "{service:?} is well beside them");
        let asked = path(service, Some(Fault::Redirect));
        assert!(self.server.requests(&asked) > 0, "{asked} was asked for");
        assert_eq!(self.server.requests(&FaultServer::elsewhere(&asked)), 0, "no redirect is followed");
    }
}

/// All of them, and none.
fn faults() -> impl Iterator<Item = Option<Fault>> {
    [None].into_iter().chain(Fault::ALL.map(Some))
}

fn name(service: Service, fault: Option<Fault>) -> String {
    format!("{}-{}", service.name(), fault.map_or("well", Fault::name))
}

/// Where a service is. That of metadata follows from the issuer (RFC 8414 §3.1).
fn path(service: Service, fault: Option<Fault>) -> String {
    let fault = fault.map_or("well", Fault::name);
    match service {
        Service::Discovery => format!("/.well-known/oauth-authorization-server/{fault}/discovery"),
        Service::Introspection | Service::Keys | Service::Revoked | Service::Status => {
            format!("/{fault}/{}", service.name())
        }
    }
}

fn uri(address: SocketAddr, service: Service, fault: Option<Fault>) -> String {
    format!("http://{address}{}", path(service, fault))
}

fn issuer(address: SocketAddr, service: Service, fault: Option<Fault>) -> String {
    format!("http://{address}/{}/{}", fault.map_or("well", Fault::name), service.name())
}

/// A provider that depends on a service, and on nothing else that could fail.
fn one(forge: &Forge, address: SocketAddr, service: Service, fault: Option<Fault>) -> Value {
    let uri = uri(address, service, fault);
    let local = json!({ "inline": { "keys": [forge.keys().public_jwk("idp").expect("a key")] } });
    let timeout = format!("{}s", TIMEOUT.as_secs());
    let place = json!({ "uri": uri, "cluster": "faults", "timeout": timeout });
    let more = match service {
        Service::Discovery => json!({ "discovery": { "cluster": "faults", "timeout": timeout } }),
        Service::Introspection => json!({ "introspection": {
            "uri": uri, "cluster": "faults", "timeout": timeout, "tokens": "jwt",
            "client_id": "gate", "client_secret": { "env": "GATE_SECRET" },
        } }),
        Service::Keys => json!({ "remote_jwks": place }),
        Service::Revoked => json!({ "local_jwks": local, "revoked": place }),
        Service::Status => json!({
            "local_jwks": local,
            "status_list": { "uris": [uri], "cluster": "faults", "timeout": timeout, "required": true },
        }),
    };
    provider(&issuer(address, service, fault), more)
}

/// The good answer at a path, and the same with nothing in it.
fn content(forge: &Forge, address: SocketAddr, path: &str) -> Content {
    let json = |body: Value, empty: Value| Content {
        media_type: "application/json".to_owned(),
        body: body.to_string().into_bytes(),
        empty: empty.to_string().into_bytes(),
    };
    let own = format!("http://{address}{path}");
    let (before, service) = path.rsplit_once('/').unwrap_or_default();
    match service {
        "discovery" => {
            let fault = before.rsplit_once('/').unwrap_or_default().1;
            let issuer = format!("http://{address}/{fault}/discovery");
            json(json!({ "issuer": issuer, "jwks_uri": format!("http://{address}/well/keys") }), json!({}))
        }
        "introspection" => {
            let (from, until) = (now(), now() + 300);
            let active = json!({
                "active": true, "iss": own, "aud": API, "sub": "a", "client_id": "a", "jti": "a-token",
                "scope": "documents:read", "iat": from, "exp": until, "token_type": "Bearer",
            });
            json(active, json!({}))
        }
        "revoked" => json(json!({ "revoked": ["another-token"] }), json!({})),
        "status" => {
            let claims = json!({ "sub": own, "iat": { "$now": 0 }, "status_list": { "$status_list": { "size": 16 } } });
            let list = json!({ "key": "idp", "alg": "ES256", "header": { "typ": "statuslist+jwt" }, "claims": claims });
            Content {
                media_type: "application/statuslist+jwt".to_owned(),
                body: forge.mint(&list, now()).expect("a list").into_bytes(),
                empty: Vec::new(),
            }
        }
        _ => json(json!({ "keys": [forge.keys().public_jwk("idp").expect("a key")] }), json!({ "keys": [] })),
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    since.as_secs() as i64
}

#[test]
fn d2_a_faulty_set_of_keys_lets_nothing_through() {
    let Some(world) = world() else { return };
    world.withstands(Service::Keys);
}

#[test]
fn d2_faulty_metadata_let_nothing_through() {
    let Some(world) = world() else { return };
    world.withstands(Service::Discovery);
}

#[test]
fn c10_a_faulty_introspection_lets_nothing_through() {
    let Some(world) = world() else { return };
    world.withstands(Service::Introspection);
}

#[test]
fn c20_a_faulty_status_list_lets_nothing_through() {
    let Some(world) = world() else { return };
    world.withstands(Service::Status);
}

#[test]
fn c20_a_faulty_list_of_revoked_tokens_lets_nothing_through() {
    let Some(world) = world() else { return };
    world.withstands(Service::Revoked);
}

#[test]
fn l8_a_call_that_cannot_be_made_lets_nothing_through() {
    let Some(host) = envoy() else { return };
    host.envoy().add_clusters(&BTreeMap::from([("deserted".to_owned(), None)])).expect("a cluster");
    let forge = Forge::new().with_key("idp", json!({ "kty": "EC", "crv": "P-256" })).expect("a key");
    // One cluster has no hosts, the other one is not there at all.
    let providers = ["deserted", "nowhere"].map(|cluster| {
        let issuer = format!("http://{cluster}.example.com");
        let keys = json!({ "uri": format!("{issuer}/jwks"), "cluster": cluster, "timeout": "1s" });
        let introspection = json!({
            "uri": format!("{issuer}/introspect"), "cluster": cluster, "timeout": "1s", "tokens": "jwt",
            "client_id": "gate", "client_secret": { "env": "GATE_SECRET" },
        });
        [
            (format!("{cluster}-keys"), provider(&issuer, json!({ "remote_jwks": keys }))),
            (
                format!("{cluster}-asked"),
                provider(&format!("{issuer}/asked"), json!({ "introspection": introspection })),
            ),
        ]
    });
    let providers: BTreeMap<String, Value> = providers.into_iter().flatten().collect();
    let issuers = providers.values().map(|provider| provider["issuer"].clone()).collect::<Vec<_>>();
    let unused = SocketAddr::from(([127, 0, 0, 1], 9));
    let listener = Listener::open(host, "uncallable", unused, configuration(json!(providers)));
    for issuer in issuers {
        let claims = json!({
            "iss": issuer, "aud": API, "sub": "a", "client_id": "a", "iat": { "$now": 0 }, "exp": { "$now": 300 },
        });
        let token = forge.mint(&json!({ "key": "idp", "alg": "ES256", "claims": claims }), now()).expect("a token");
        let request = Request {
            method: b"GET".to_vec(),
            path: b"/documents/7".to_vec(),
            authority: b"api.example.com".to_vec(),
            headers: vec![(b"authorization".to_vec(), format!("Bearer {token}").into_bytes())],
            ..Request::default()
        };
        let began = Instant::now();
        let answer = client::send(listener.port, &request).and_then(|exchange| exchange.answer).expect("an answer");
        let took = began.elapsed();
        assert_eq!(answer.status, 503, "{issuer}");
        assert!(took <= TIMEOUT + SLACK, "{issuer} takes {took:?}");
    }
}
