//! Keys that change while requests run.

use std::time::{Duration, Instant};

use cedar_gate_stage::polling;
use serde_json::json;

use crate::client::{Client, Counts};
use crate::server::{API, AuthorizationServer, client};
use crate::stage::{Listener, configuration, envoy, provider};

/// How long a set of keys serves.
const REFRESH: Duration = Duration::from_secs(3);
/// How soon an unknown key may be looked for again: no server changes its keys faster.
const COOLDOWN: Duration = Duration::from_secs(1);
/// What a refresh takes at most: a tick, and a fetch.
const SLACK: Duration = Duration::from_secs(2);
/// Until a load has got so far, on a busy machine.
const SOON: Duration = Duration::from_secs(30);

#[test]
fn d4_a_rotation_refuses_no_valid_token_and_a_removed_key_is_refused_within_the_refresh_interval() {
    let Some(host) = envoy() else { return };
    let mut server = AuthorizationServer::start(&[client("batch", json!({}))]);
    let keys = json!({ "discovery": {
        "cluster": "rotation",
        "cache_duration": format!("{}s", REFRESH.as_secs()),
        "cooldown": format!("{}s", COOLDOWN.as_secs()),
    } });
    let configuration = configuration(json!({ "rotation": provider(&server.issuer(), keys) }));
    let listener = Listener::open(host, "rotation", server.address(), configuration);
    let mut client = Client::start();
    let old = client.token(&server, "batch", API, &json!({}));

    client.load("rotating", &server, &listener.url());
    for rotation in 0..=3 {
        let keys = client.loaded("rotating").len();
        if rotation > 0 {
            server.rotate();
        }
        let rotated = Instant::now();
        let used = || {
            let counts = client.loaded("rotating");
            let by_the_newest: u64 =
                counts.values().map(|by_status| by_status.values().sum::<u64>()).min().unwrap_or(0);
            let is_used = counts.len() > keys && by_the_newest >= 40;
            Ok((is_used && rotated.elapsed() > COOLDOWN * 2).then_some(()))
        };
        polling::until("the new key to be in use", SOON, used).expect("it is in use");
    }
    let counts = client.unload("rotating");
    assert_eq!(counts.len(), 4, "tokens of each key: {counts:?}");
    assert_all_went_through(&counts);
    assert_eq!(client.ask(&listener.url(), &old, &json!({})).status, 200, "the first key is still published");

    // All tokens of this load are signed by the newest key.
    client.load("forgetting", &server, &listener.url());
    server.forget();
    let forgotten = Instant::now();
    let refused = || Ok((client.ask(&listener.url(), &old, &json!({})).status == 401).then_some(()));
    polling::until("the removed key to be refused", SOON, refused).expect("it is refused");
    // Either worker may have been asked.
    let last = polling::until("all workers to refuse it", SOON, || {
        let all = (0..10).all(|_| client.ask(&listener.url(), &old, &json!({})).status == 401);
        Ok(all.then(Instant::now))
    });
    let took = last.expect("they refuse it") - forgotten;
    assert!(took <= REFRESH + SLACK, "the removed key is refused after {took:?}");
    assert_all_went_through(&client.unload("forgetting"));
}

fn assert_all_went_through(counts: &Counts) {
    let other = counts.values().flatten().find(|(status, _)| *status != "200");
    assert_eq!(other, None, "{counts:?}");
}
