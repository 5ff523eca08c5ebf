//! Several workers, one record.

use super::world::{LEASE, Worker, World, answered, document, reader, says, seconds, spec};
use crate::http::Endpoint;
use crate::outbox::Answer;
use crate::remote::{Event, Failure, Fetcher, Origin, Reading, Refresh, Remote, Source, Spec, Unfit};

/// A world of workers that have the document `a`.
fn loaded(workers: usize) -> World {
    let mut world = World::new(workers, &spec(), says(document("a")));
    world.pass(1_000);
    assert_eq!(world.calls.len(), 1);
    world
}

fn record(world: &World) -> (Vec<u8>, u32) {
    world.store.records.values().next().unwrap().clone()
}

fn replace_record(world: &mut World, bytes: &[u8]) {
    let (record, version) = world.store.records.values_mut().next().unwrap();
    *record = bytes.to_vec();
    *version += 1;
}

#[test]
fn what_one_worker_fetches_serves_all() {
    let mut world = World::new(4, &spec(), says(document("a")));
    world.pass(300);
    for worker in 0..4 {
        assert_eq!(world.document(worker).as_deref(), Some("a"));
    }
    assert_eq!(world.calls.len(), 1);
    let own = world.workers.iter().filter(|worker| worker.loads(Fetcher::Itself) == 1).count();
    let others = world.workers.iter().filter(|worker| worker.loads(Fetcher::Another) == 1).count();
    assert_eq!((own, others), (1, 3));
    world.pass(600_000);
    assert_eq!(world.calls.len(), 2);
}

#[test]
fn d4_a_key_that_one_worker_has_seen_disappear_disappears_for_all() {
    let mut world = loaded(4);
    world.server = says(document("b"));
    // Long before the document is due anywhere, one worker looks for something that it does not know.
    world.pass(60_000);
    assert_eq!(world.refresh_for(0, "new"), Refresh::Wait);
    world.pass(1_000);
    for worker in 0..4 {
        assert_eq!(world.document(worker).as_deref(), Some("b"), "{worker}");
    }
    assert_eq!(world.calls.len(), 2);
}

#[test]
fn what_another_worker_fetched_is_judged_again() {
    let mut world = loaded(1);
    world.server = says(document("b"));
    world.workers.push(Worker::new(spec(), b"key"));
    // To this worker, what the other one has fetched is unfit.
    let picky = |bytes: &[u8], now| if bytes == b"a" { Err(Unfit("a".to_owned())) } else { reader()(bytes, now) };
    world.workers[1].source = Source::new(spec(), b"key", Box::new(picky));
    world.pass(500);
    assert_eq!(world.document(1).as_deref(), Some("b"));
    assert_eq!(world.workers[1].loads(Fetcher::Another), 0);
    assert!(world.workers[1].events.contains(&Event::RecordRefused));
}

#[test]
fn a_document_is_shared_though_somebody_else_writes_in_between() {
    let mut world = World::new(2, &spec(), says(document("a")));
    world.tick(0);
    world.store.conflicts = 2;
    world.pass(500);
    assert_eq!(world.document(1).as_deref(), Some("a"));
    assert_eq!(world.workers[1].loads(Fetcher::Another), 1);
}

#[test]
fn a_document_serves_as_long_as_whoever_takes_it_wants() {
    // Two configurations share the record while the gateway changes from one to the other.
    let mut world = loaded(1);
    world.server = says(document("b"));
    world.workers[0].alive = false;
    world.workers.push(Worker::new(Spec { cache_duration: seconds(60), ..spec() }, b"key"));
    world.pass(100);
    assert_eq!(world.document(1).as_deref(), Some("a"));
    world.pass(60_000);
    assert_eq!(world.document(1).as_deref(), Some("b"));
}

#[test]
fn a_wish_does_not_die_with_the_worker_that_has_the_lease() {
    let mut world = loaded(2);
    world.server = says(document("a b"));
    assert_eq!(world.refresh_for(0, "b"), Refresh::Wait);
    assert!(world.tick(0));
    world.workers[0].alive = false;
    assert_eq!(world.refresh_for(1, "b"), Refresh::Wait);
    world.pass(LEASE + 400);
    assert_eq!(world.document(1).as_deref(), Some("a b"));
}

#[test]
fn a_worker_that_comes_later_has_the_document_at_its_first_tick() {
    let mut world = loaded(1);
    world.workers.push(Worker::new(spec(), b"key"));
    assert!(!world.tick(1));
    assert_eq!(world.document(1).as_deref(), Some("a"));
}

#[test]
fn a_lease_is_waited_for_and_taken_over_when_it_has_run_out() {
    let mut world = World::new(2, &spec(), says(document("a")));
    assert!(world.tick(0));
    // The worker dies with its call.
    world.workers[0].alive = false;
    world.pass(LEASE - 100);
    assert_eq!(world.calls.len(), 1);
    assert!(matches!(world.workers[1].source.current(world.seconds()), Reading::Pending));
    world.pass(400);
    assert_eq!(world.calls.len(), 2);
    assert_eq!(world.document(1).as_deref(), Some("a"));
}

#[test]
fn who_has_lost_the_lease_does_not_write_over_its_successor() {
    let mut world = World::new(2, &spec(), says(document("a")));
    assert!(world.tick(0));
    // The first worker stands still for longer than its lease; the second takes it over.
    world.now += LEASE;
    world.server = Box::new(|_, _| (document("b"), 1_000));
    assert!(world.tick(1));
    let before = record(&world);
    assert!(!world.tick(0));
    assert_eq!(world.document(0).as_deref(), Some("a"), "its answer was good");
    assert_eq!(record(&world), before);
    world.pass(1_100);
    assert_eq!(world.document(1).as_deref(), Some("b"));
}

#[test]
fn a_failure_of_one_worker_spares_the_server_the_others() {
    let mut world = World::new(4, &spec(), says(answered(503, &[], "")));
    world.pass(600_000);
    let four = world.called_at();
    assert!(four.len() < 20, "{four:?}");
    for worker in &world.workers {
        assert!(matches!(worker.source.current(world.seconds()), Reading::Unavailable { .. }));
    }
    let told = |event: &Event| matches!(event, Event::Failed { by: Fetcher::Another, failure: Failure::Elsewhere, .. });
    assert!(world.workers.iter().any(|worker| worker.events.iter().any(told)));
    world.server = says(document("a"));
    world.pass(61_000);
    assert!((0..4).all(|worker| world.document(worker).as_deref() == Some("a")));
    assert_eq!(world.calls.len(), four.len() + 1);
}

#[test]
fn an_unknown_id_is_looked_for_once_for_all_workers() {
    let mut world = loaded(4);
    for round in 0..20 {
        for worker in 0..4 {
            world.refresh_for(worker, "b");
        }
        world.pass(1_000);
        assert_eq!(world.calls.len(), 2, "round {round}");
    }
    for worker in 0..4 {
        assert_eq!(world.refresh_for(worker, "b"), Refresh::KnownUnknown);
    }
    // The cooldown is over, but the id is remembered.
    world.pass(15_000);
    for worker in 0..4 {
        assert_eq!(world.refresh_for(worker, "b"), Refresh::KnownUnknown);
    }
    assert_eq!(world.calls.len(), 2);
}

#[test]
fn a_wish_waits_for_the_fetch_of_another_worker() {
    let mut world = loaded(2);
    world.server = Box::new(|_, _| (document("a b"), 500));
    assert_eq!(world.refresh_for(0, "b"), Refresh::Wait);
    assert_eq!(world.refresh_for(1, "b"), Refresh::Wait);
    world.pass(300);
    let settled = [world.workers[0].source.settlements(), world.workers[1].source.settlements()];
    world.pass(100);
    assert_eq!(settled, [world.workers[0].source.settlements(), world.workers[1].source.settlements()]);
    world.pass(300);
    assert_eq!(world.document(0).as_deref(), Some("a b"));
    assert_eq!(world.document(1).as_deref(), Some("a b"));
    assert_eq!(world.calls.len(), 2);
}

#[test]
fn an_unknown_id_finds_a_document_that_another_worker_has_already() {
    let mut world = loaded(2);
    world.server = says(document("a b"));
    assert_eq!(world.refresh_for(0, "b"), Refresh::Wait);
    world.pass(200);
    assert_eq!((world.document(0).as_deref(), world.document(1).as_deref()), (Some("a b"), Some("a")));
    world.server = says(Answer::Lost);
    assert_eq!(world.refresh_for(1, "b"), Refresh::Wait);
    world.pass(100);
    assert_eq!(world.document(1).as_deref(), Some("a b"));
    assert_eq!(world.calls.len(), 2);
}

#[test]
fn an_unknown_id_does_not_make_a_failure_worse() {
    let mut world = loaded(4);
    world.server = says(answered(503, &[], ""));
    for _ in 0..600 {
        for worker in 0..4 {
            world.refresh_for(worker, "b");
        }
        world.pass(1_000);
    }
    assert!(world.calls.len() < 20, "{:?}", world.called_at());
    assert_eq!(world.document(0).as_deref(), Some("a"));
}

#[test]
fn l5_a_record_that_is_none_is_replaced() {
    for bytes in [b"".as_slice(), b"garbage", &[0; 32], &[0xff; 100_000]] {
        let mut world = loaded(1);
        replace_record(&mut world, bytes);
        world.workers.push(Worker::new(spec(), b"key"));
        world.pass(500);
        assert_eq!(world.document(1).as_deref(), Some("a"));
        assert_eq!(world.calls.len(), 2);
        assert!(world.workers[1].events.contains(&Event::RecordRefused));
        world.workers.push(Worker::new(spec(), b"key"));
        world.pass(500);
        assert_eq!(world.document(2).as_deref(), Some("a"));
        assert_eq!(world.calls.len(), 2, "the record is there again");
    }
}

#[test]
fn l5_a_record_by_another_key_is_none() {
    let mut world = loaded(1);
    let mut other = World::new(1, &spec(), says(document("evil")));
    other.workers[0] = Worker::new(spec(), b"other key");
    other.pass(1_000);
    replace_record(&mut world, &record(&other).0);
    world.workers.push(Worker::new(spec(), b"key"));
    world.pass(500);
    assert_eq!(world.document(1).as_deref(), Some("a"));
}

#[test]
fn l5_a_record_that_somebody_spoils_all_the_time_stops_nobody() {
    let spec = Spec { cache_duration: seconds(60), ..spec() };
    let mut world = World::new(4, &spec, says(document("a")));
    world.pass(1_000);
    for _ in 0..600 {
        replace_record(&mut world, b"garbage");
        world.pass(100);
    }
    world.server = says(document("b"));
    for _ in 0..600 {
        replace_record(&mut world, b"garbage");
        world.pass(100);
    }
    assert!((0..4).all(|worker| world.document(worker).as_deref() == Some("b")));
}

#[test]
fn l5_an_older_record_that_is_put_back_takes_nothing_back() {
    let spec = Spec { cache_duration: seconds(60), ..spec() };
    let mut world = World::new(2, &spec, says(document("a")));
    world.pass(1_000);
    let old = record(&world).0;
    world.server = says(document("b"));
    world.pass(60_000);
    for _ in 0..1_200 {
        replace_record(&mut world, &old);
        world.pass(100);
        assert!((0..2).all(|worker| world.document(worker).as_deref() == Some("b")));
    }
    // Nor does an old lease hold anybody up.
    let mut world = World::new(2, &spec, says(document("a")));
    world.tick(0);
    let lease = record(&world).0;
    world.pass(1_000);
    for _ in 0..900 {
        replace_record(&mut world, &lease);
        world.pass(100);
    }
    assert!(world.calls.len() >= 2);
    assert_eq!(world.document(1).as_deref(), Some("a"));
}

#[test]
fn a_store_out_of_reach_leaves_each_worker_to_itself() {
    let mut world = World::new(4, &spec(), says(document("a")));
    world.store.broken = true;
    world.pass(1_000);
    assert!((0..4).all(|worker| world.document(worker).as_deref() == Some("a")));
    assert_eq!(world.calls.len(), 4);
    assert!(world.workers.iter().all(|worker| worker.events.contains(&Event::StoreUnavailable)));
}

#[test]
fn a_lease_that_is_always_lost_is_done_without_in_the_end() {
    let mut world = World::new(1, &spec(), says(document("a")));
    world.store.contested = true;
    world.pass(LEASE - 100);
    assert!(world.calls.is_empty());
    world.pass(500);
    assert_eq!(world.document(0).as_deref(), Some("a"));
}

#[test]
fn a_race_that_was_lost_long_ago_does_not_count() {
    let mut world = World::new(2, &spec(), says(document("a")));
    for _ in 0..10 {
        // One of them loses a race, and finds the lease of the other at its next tick.
        world.store.conflicts = 1;
        let calls = world.calls.len();
        world.pass(600_000);
        assert!(world.calls.len() <= calls + 2, "{:?}", world.called_at());
    }
    assert!((0..2).all(|worker| !world.workers[worker].events.contains(&Event::StoreUnavailable)));
    for pair in world.called_at().windows(2) {
        assert!(pair[1] - pair[0] > 400_000, "{:?}", world.called_at());
    }
}

#[test]
fn l5_keys_that_a_host_takes_for_the_same_do_not_mix_their_documents() {
    let origin = Origin::Direct(Endpoint::parse("https://other.example.com/jwks", "other").unwrap());
    let other = Spec { name: "keys/other".to_owned(), origin, ..spec() };
    let mut world = World::new(2, &spec(), Box::new(|_, call| (document(&call.cluster), 50)));
    world.workers.extend([Worker::new(other.clone(), b"key"), Worker::new(other, b"key")]);
    world.store.colliding = true;
    for _ in 0..120 {
        world.pass(10_000);
        let documents: Vec<_> = (0..4).map(|worker| world.document(worker)).collect();
        assert_eq!(documents, ["idp", "idp", "other", "other"].map(|text| Some(text.to_owned())));
    }
    assert_eq!(world.store.records.len(), 1);
}

#[test]
fn a_record_about_another_place_is_none() {
    let at =
        |uri: &str, cluster: &str| Spec { origin: Origin::Direct(Endpoint::parse(uri, cluster).unwrap()), ..spec() };
    for other in [at("https://idp.example.com/other", "idp"), at("https://idp.example.com/jwks", "idp2")] {
        let mut world = loaded(1);
        world.server = says(document("b"));
        world.workers.push(Worker::new(other, b"key"));
        world.pass(500);
        assert_eq!(world.document(0).as_deref(), Some("a"));
        assert_eq!(world.document(1).as_deref(), Some("b"));
    }
}

#[test]
fn a_document_too_long_to_be_shared_is_fetched_by_each_worker() {
    let spec = Spec { longest_shared: 10, ..spec() };
    let mut world = World::new(3, &spec, says(document("a document of many words")));
    world.pass(2_000);
    assert!((0..3).all(|worker| world.document(worker).is_some()));
    assert_eq!(world.calls.len(), 3);
    assert!(record(&world).0.len() < 200);
}

#[test]
fn a_document_too_long_to_be_shared_takes_the_shorter_one_before_it_away() {
    let spec = Spec { longest_shared: 10, cache_duration: seconds(60), ..spec() };
    let mut world = World::new(1, &spec, says(document("a")));
    world.pass(1_000);
    world.server = says(document("b document of many words"));
    assert_eq!(world.refresh_for(0, "b"), Refresh::Wait);
    world.pass(1_000);
    world.workers.push(Worker::new(spec, b"key"));
    world.pass(1_000);
    assert_eq!(world.document(1).as_deref(), Some("b document of many words"));
    assert_eq!(world.workers[1].loads(Fetcher::Another), 0);
}

#[test]
fn a_record_from_before_the_clock_was_set_back_is_none() {
    let mut world = loaded(2);
    world.now -= 86_400_000;
    world.workers.push(Worker::new(spec(), b"key"));
    world.server = says(document("b"));
    world.pass(500);
    assert_eq!(world.document(2).as_deref(), Some("b"));
    world.pass(600_000);
    assert!((0..3).all(|worker| world.document(worker).as_deref() == Some("b")));
    assert!(world.calls.len() <= 3);
}

#[test]
fn a_lease_from_before_the_clock_was_set_back_ends_like_any_other() {
    let mut world = World::new(2, &spec(), says(document("a")));
    assert!(world.tick(0));
    world.workers[0].alive = false;
    world.now -= 86_400_000;
    world.pass(LEASE + 400);
    assert_eq!(world.document(1).as_deref(), Some("a"));
}

#[test]
fn one_server_never_holds_up_another() {
    let slow = Spec { name: "keys/slow".to_owned(), ..spec() };
    let mut world = World::new(
        2,
        &slow,
        Box::new(|_, call| if call.cluster == "idp" { (Answer::Lost, 60_000) } else { (document("a"), 50) }),
    );
    let origin = Origin::Direct(Endpoint::parse("https://other.example.com/jwks", "other").unwrap());
    let good = Spec { origin, name: "keys/good".to_owned(), ..spec() };
    world.workers.extend([Worker::new(good.clone(), b"key"), Worker::new(good, b"key")]);
    world.pass(300);
    assert!(world.document(2).is_some() && world.document(3).is_some());
    world.pass(1_200_000);
    assert!(world.document(2).is_some() && world.document(3).is_some());
    assert!(world.document(0).is_none() && world.document(1).is_none());
    assert_eq!(world.calls.iter().filter(|(_, call)| call.cluster == "other").count(), 3);
}
