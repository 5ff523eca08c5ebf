//! An authorization server that goes, and comes back.

use std::time::{Duration, Instant};

use cedar_gate_stage::polling;
use serde_json::json;

use crate::client::Client;
use crate::server::{API, AuthorizationServer, client};
use crate::stage::{Listener, configuration, envoy, provider};

const SOON: Duration = Duration::from_secs(30);

#[test]
fn d3_without_its_server_the_last_good_set_serves_for_max_stale_and_then_nothing_does() {
    let Some(host) = envoy() else { return };
    let mut server = AuthorizationServer::start(&[client("batch", json!({}))]);
    let (cache_duration, max_stale) = (Duration::from_secs(1), Duration::from_secs(4));
    let keys =
        json!({ "discovery": { "cluster": "outage", "cache_duration": "1s", "max_stale": "4s", "timeout": "1s" } });
    let configuration = configuration(json!({ "outage": provider(&server.issuer(), keys) }));
    let listener = Listener::open(host, "outage", server.address(), configuration);
    let mut client = Client::start();
    let token = client.token(&server, "batch", API, &json!({}));
    assert_eq!(client.ask(&listener.url(), &token, &json!({})).status, 200);

    server.kill();
    let killed = Instant::now();
    let mut served = Duration::ZERO;
    let shown = polling::until("the last good set to be too old", SOON, || {
        let shown = client.ask(&listener.url(), &token, &json!({}));
        if shown.status == 200 {
            served = killed.elapsed();
            return Ok(None);
        }
        Ok(Some(shown))
    });
    let shown = shown.expect("it is too old one day");
    assert_eq!((shown.status, shown.retry_after.is_some()), (503, true), "never 401: {shown:?}");
    // The set was fetched at some time in the second before.
    let serves = (max_stale - cache_duration)..=(cache_duration + max_stale + Duration::from_secs(1));
    assert!(serves.contains(&served), "the last good set served for {served:?}");

    server.restart();
    let back = || Ok((client.ask(&listener.url(), &token, &json!({})).status == 200).then_some(()));
    polling::until("the server to be found again", SOON, back).expect("it is found");
}

#[test]
fn d3_where_nothing_was_ever_loaded_the_answer_is_503_until_the_server_is_there() {
    let Some(host) = envoy() else { return };
    let mut server = AuthorizationServer::start(&[client("batch", json!({}))]);
    let mut client = Client::start();
    let token = client.token(&server, "batch", API, &json!({}));
    server.kill();
    let keys = json!({ "discovery": { "cluster": "absent", "timeout": "1s" } });
    let configuration = configuration(json!({ "absent": provider(&server.issuer(), keys) }));
    let listener = Listener::open(host, "absent", server.address(), configuration);
    for _ in 0..3 {
        let shown = client.ask(&listener.url(), &token, &json!({}));
        assert_eq!((shown.status, shown.retry_after.is_some()), (503, true), "{shown:?}");
    }
    server.restart();
    let back = || Ok((client.ask(&listener.url(), &token, &json!({})).status == 200).then_some(()));
    polling::until("the server to be found", SOON, back).expect("it is found");
}
