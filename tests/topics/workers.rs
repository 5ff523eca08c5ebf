//! Four workers of a real Envoy, and an issuer that publishes its keys.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::{Duration, Instant};

use cedar_gate_scenario::Request;
use cedar_gate_stage::{Content, EnvoyHost, EnvoyOptions, FaultServer, ListenerOptions, polling};
use serde_json::{Value, json};

use crate::envoy::{trap_in, with_a_trap};
use crate::fixture::{configuration, get, payments, real_now};
use crate::hosts;

const WORKERS: u64 = 4;
/// What anything may take on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// An Envoy with four workers, and with a filter that can be made to trap; nothing, where `make test` does not supply one.
fn envoy() -> Option<&'static EnvoyHost> {
    static HOST: OnceLock<Option<EnvoyHost>> = OnceLock::new();
    let start = || {
        hosts::envoy()?;
        let folder = tempfile::tempdir().expect("a folder");
        let wasm = with_a_trap(&hosts::wasm_path()?, folder.path());
        let four = |options: &mut EnvoyOptions| options.concurrency = u32::try_from(WORKERS).expect("a few");
        Some(EnvoyHost::start_with(&EnvoyOptions::binary_from_env()?, &wasm, four).expect("Envoy starts"))
    };
    let host = HOST.get_or_init(start).as_ref();
    if host.is_none() {
        eprintln!("left out: CEDAR_GATE_ENVOY is not set, or the filter is not built");
    }
    host
}

/// A gateway with an issuer of its own.
struct Gateway {
    host: &'static EnvoyHost,
    name: &'static str,
    port: u16,
    issuer: FaultServer,
    /// Whether the issuer keeps its answers to itself.
    held: Arc<(Mutex<bool>, Condvar)>,
}

const KEYS: &str = "/jwks";

impl Gateway {
    fn open(name: &'static str, keys: &Value, held: bool) -> Option<Self> {
        let host = envoy()?;
        let body = json!({ "keys": [payments().forge().keys().public_jwk("corp").expect("a key")] }).to_string();
        let held = Arc::new((Mutex::new(held), Condvar::new()));
        let gate = Arc::clone(&held);
        let issuer = FaultServer::start(move |_| {
            let (held, released) = &*gate;
            drop(released.wait_while(held.lock().expect("a lock"), |held| *held));
            let (media_type, body) = ("application/json".to_owned(), body.clone().into_bytes());
            Some(Content { media_type, body, empty: Vec::new() })
        });
        let issuer = issuer.expect("a server");
        let cluster = format!("{name}-issuer");
        let clusters = BTreeMap::from([(cluster.clone(), Some(issuer.address()))]);
        host.envoy().add_clusters(&clusters).expect("a cluster");

        let mut configuration = configuration();
        configuration["limits"]["wait_timeout"] = json!("20s");
        let provider = configuration["providers"]["corp"].as_object_mut().expect("a provider");
        provider.remove("local_jwks");
        let mut place = json!({ "uri": format!("http://{}{KEYS}", issuer.address()), "cluster": cluster });
        place.as_object_mut().expect("an object").extend(keys.as_object().expect("an object").clone());
        provider.insert("remote_jwks".to_owned(), place);
        let options =
            ListenerOptions { configuration, vm_id: Some(format!("{name}-vm")), ..ListenerOptions::default() };
        let port = host.envoy().add_listener_with(name, options).unwrap_or_else(|error| panic!("{error}"));
        Some(Self { host, name, port, issuer, held })
    }

    fn release(&self) {
        *self.held.0.lock().expect("a lock") = false;
        self.held.1.notify_all();
    }

    fn calls(&self) -> usize {
        self.issuer.requests(KEYS)
    }

    fn send(&self, request: &Request) -> u16 {
        self.host.send(self.name, self.port, request).expect("an answer").status
    }

    /// Connections that each worker has accepted so far.
    fn connections(&self) -> Vec<u64> {
        let stats = self.host.envoy().admin("/stats?filter=worker_.*downstream_cx_total").expect("statistics");
        let of = |worker: u64| {
            let name = format!("{}.worker_{worker}.downstream_cx_total: ", self.port);
            let line = stats.lines().find_map(|line| line.split_once(&name));
            line.map_or(0, |(_, count)| count.parse().expect("a number"))
        };
        (0..WORKERS).map(of).collect()
    }

    /// A statistic of this listener's requests.
    fn requests(&self, which: &str) -> u64 {
        let name = format!("http.{}.{which}", self.name);
        let stats = self.host.envoy().admin(&format!("/stats?filter={which}")).expect("statistics");
        let line = stats.lines().find_map(|line| line.strip_prefix(&name)?.strip_prefix(": "));
        line.map_or(0, |count| count.parse().expect("a number"))
    }

    /// Sends requests until each worker has had this many of them, and gives their statuses.
    fn send_to_all(&self, each: u64) -> Vec<u16> {
        let honest = get("/payments/7", "audrey", real_now());
        let before = self.connections();
        let mut statuses = Vec::new();
        polling::until("all workers to have had requests", SOON, || {
            statuses.push(self.send(&honest));
            let all = self.connections().iter().zip(&before).all(|(now, before)| now - before >= each);
            Ok(all.then_some(()))
        })
        .expect("connections are spread over the workers");
        statuses
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.release();
        self.host.envoy().retire_listener(self.name);
    }
}

fn all_well(statuses: &[u16]) -> bool {
    statuses.iter().all(|status| *status == 200)
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a real Envoy has a real clock")]
fn four_workers_ask_for_keys_as_often_as_one_and_once_more_at_most() {
    const SERVES: Duration = Duration::from_secs(2);
    let Some(gateway) = Gateway::open("share", &json!({ "cache_duration": "2s", "max_stale": "0s" }), false) else {
        return;
    };
    let began = Instant::now();
    while began.elapsed() < SERVES * 4 {
        assert!(all_well(&gateway.send_to_all(1)), "nobody is refused while keys are fetched");
    }
    let (took, calls) = (began.elapsed(), gateway.calls());
    // One worker asks again when four fifths of the time are over, at the earliest.
    let of_one = 1 + took.as_millis() / (SERVES * 4 / 5).as_millis();
    assert!(calls <= usize::try_from(of_one + 1).expect("a few"), "{calls} calls in {took:?}, {of_one} of one worker");
    assert!(u128::try_from(calls).expect("a few") >= took.as_millis() / SERVES.as_millis(), "{calls} in {took:?}");
}

#[test]
fn what_one_worker_has_fetched_serves_all_of_them_and_a_vm_that_is_made_anew() {
    let Some(gateway) = Gateway::open("anew", &json!({}), false) else { return };
    assert!(all_well(&gateway.send_to_all(2)));
    assert_eq!(gateway.calls(), 1, "one fetch for four workers");

    let honest = get("/payments/7", "audrey", real_now());
    assert!(trap_in(&honest, |request| gateway.send(request)), "a request traps");
    polling::until("a new VM to serve", SOON, || Ok(all_well(&gateway.send_to_all(3)).then_some(())))
        .expect("it serves");
    assert_eq!(gateway.calls(), 1, "it has its keys from shared data");
}

#[test]
fn d8_clients_that_go_away_while_keys_are_fetched_take_nothing_with_them() {
    const CLIENTS: u64 = 40;
    let Some(gateway) = Gateway::open("away", &json!({ "timeout": "20s" }), true) else { return };
    let request = get("/payments/7", "audrey", real_now());
    let mut head = b"GET /payments/7 HTTP/1.1\r\nhost: api.example.com\r\n".to_vec();
    for (name, value) in &request.headers {
        head.extend([name.as_slice(), b": ", value, b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    let connect = |_| {
        let mut stream = TcpStream::connect(("127.0.0.1", gateway.port)).expect("a connection");
        stream.write_all(&head).expect("it is sent");
        stream
    };
    let clients: Vec<TcpStream> = (0..CLIENTS).map(connect).collect();
    let all_wait = || Ok((gateway.requests("downstream_rq_active") == CLIENTS).then_some(()));
    polling::until("all clients to wait", SOON, all_wait).expect("they wait");
    assert_eq!(gateway.calls(), 1, "one call for all");
    drop(clients);
    let all_gone = || Ok((gateway.requests("downstream_rq_active") == 0).then_some(()));
    polling::until("all clients to be gone", SOON, all_gone).expect("they are gone");
    let records = || gateway.host.envoy().filter_log().expect("a log");
    let records: Vec<Value> = records()
        .iter()
        .filter(|line| line.listener == gateway.name)
        .filter_map(cedar_gate_stage::LogLine::audit_record)
        .collect();
    assert_eq!(records.len(), 40, "each has left a record");
    assert!(records.iter().all(|record| record["cause"] == "not_settled"), "{records:?}");

    gateway.release();
    assert!(all_well(&gateway.send_to_all(2)), "the answer serves those who come then");
    assert_eq!(gateway.calls(), 1);
}
