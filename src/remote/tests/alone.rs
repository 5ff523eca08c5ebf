//! One worker and one document.

use super::world::{START, START_MILLIS, World, answered, document, says, seconds, spec};
use crate::http::Endpoint;
use crate::outbox::Answer;
use crate::remote::{
    Epoch, Event, Failure, Fetcher, Fit, Moment, Origin, Progress, Reading, Refresh, Remote, Source, Spec,
};

fn epoch(world: &World) -> u64 {
    match world.workers[0].source.current(world.seconds()) {
        Reading::Ready(_, Epoch(epoch)) => epoch,
        Reading::Pending | Reading::Unavailable { .. } => 0,
    }
}

#[test]
fn a_document_is_fetched_at_the_first_tick() {
    let mut world = World::new(1, &spec(), says(document("a")));
    assert!(matches!(world.workers[0].source.current(START), Reading::Pending));
    assert!(world.tick(0));
    assert!(matches!(world.workers[0].source.current(START), Reading::Pending));
    world.now += 50;
    assert!(!world.tick(0));
    assert_eq!(world.document(0).as_deref(), Some("a"));
    let call = &world.calls[0].1;
    assert_eq!((call.cluster.as_str(), call.timeout_ms), ("idp", 2_000));
    for (name, value) in [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "idp.example.com"),
        (":path", "/jwks"),
        ("accept", "application/json"),
    ] {
        assert_eq!(super::world::header(call, name), value);
    }
}

#[test]
fn a_document_is_refreshed_ahead_of_its_end_and_not_always_at_the_same_time() {
    let mut delays = Vec::new();
    for seed in 0..20 {
        let mut world = World::new(1, &spec(), says(document("a"))).seeded(seed);
        world.pass(900_000);
        assert_eq!(world.calls.len(), 2, "{:?}", world.called_at());
        delays.push(world.called_at()[1]);
    }
    assert!(delays.iter().all(|delay| (480_000..=540_500).contains(delay)), "{delays:?}");
    delays.sort_unstable();
    delays.dedup();
    assert!(delays.len() > 10, "{delays:?}");
}

#[test]
fn a_brief_document_is_missed_by_nobody_as_long_as_no_attempt_fails() {
    let spec = Spec { cache_duration: seconds(2), shortest: seconds(2), max_stale: seconds(0), ..spec() };
    for seed in 0..20 {
        let mut world = World::new(1, &spec, says(document("a"))).seeded(seed);
        for _ in 0..400 {
            world.pass(37);
            let reading = world.workers[0].source.current(world.seconds());
            assert!(!matches!(reading, Reading::Unavailable { .. }), "after {} ms", world.now - START_MILLIS);
        }
    }
}

#[test]
fn cache_control_shortens_the_time_to_the_next_fetch_within_bounds() {
    for (value, shortest, longest) in [("max-age=100", 80, 91), ("max-age=1", 24, 28), ("max-age=100000", 480, 541)] {
        let headers = [("content-type", "application/json"), ("Cache-Control", value)];
        let mut world = World::new(1, &spec(), says(answered(200, &headers, "a")));
        world.pass(600_000);
        let second = world.called_at()[1] / 1_000;
        assert!((shortest..=longest).contains(&second), "{value}: {second}");
    }
}

#[test]
fn d2_only_a_good_document_takes_the_place_of_the_last_one() {
    let json = ("content-type", "application/json");
    let long = "a".repeat(1_001);
    let huge = "a".repeat(10_000_000);
    for (bad, code) in [
        (Answer::Lost, "lost"),
        (answered(503, &[("content-type", "text/plain")], "upstream connect error"), "status"),
        (answered(504, &[json], "b"), "status"),
        (answered(302, &[json, ("location", "https://evil.example.com/")], "b"), "status"),
        (answered(404, &[json], "b"), "status"),
        (answered(204, &[json], "b"), "status"),
        (answered(206, &[json], "b"), "status"),
        (answered(200, &[("content-type", "text/html")], "b"), "media_type"),
        (answered(200, &[], "b"), "media_type"),
        (answered(200, &[json, ("content-type", "text/html")], "b"), "media_type"),
        (answered(200, &[json], &long), "too_long"),
        (answered(200, &[json], &huge), "too_long"),
        (answered(200, &[json], ""), "unfit"),
        (answered(200, &[json], "unfit"), "unfit"),
        (
            Answer::Answered {
                status: 200,
                headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
                body: vec![0xff],
            },
            "unfit",
        ),
        (
            Answer::Answered {
                status: 200,
                headers: vec![("content-type".to_owned(), vec![0xff])],
                body: b"b".to_vec(),
            },
            "media_type",
        ),
    ] {
        let mut world = World::new(1, &spec(), says(document("a")));
        world.pass(1_000);
        world.server = says(bad);
        world.pass(600_000);
        assert_eq!(world.document(0).as_deref(), Some("a"), "{code}");
        let failures: Vec<&str> = world.workers[0]
            .events
            .iter()
            .filter_map(|event| if let Event::Failed { failure, .. } = event { Some(failure.code()) } else { None })
            .collect();
        assert!(failures.len() > 3 && failures.iter().all(|each| *each == code), "{code}: {failures:?}");
        world.server = says(document("c"));
        world.pass(61_000);
        assert_eq!(world.document(0).as_deref(), Some("c"), "{code}");
    }
}

#[test]
fn d3_the_last_good_document_serves_until_it_is_too_stale() {
    let spec = Spec { max_stale: seconds(300), ..spec() };
    let mut world = World::new(1, &spec, says(document("a")));
    world.pass(1_000);
    let loaded = world.calls[0].0 + 100;
    world.server = says(Answer::Lost);
    world.pass(loaded + 899_000 - world.now);
    assert_eq!(world.document(0).as_deref(), Some("a"));
    world.pass(2_000);
    assert_eq!(world.document(0), None);
    world.server = says(document("a"));
    world.pass(61_000);
    assert_eq!(world.document(0).as_deref(), Some("a"));
}

#[test]
fn a_server_that_fails_is_asked_less_and_less() {
    let mut world = World::new(1, &spec(), says(answered(503, &[], "")));
    world.pass(600_000);
    let at = world.called_at();
    let gaps: Vec<i64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (index, gap) in gaps.iter().enumerate() {
        let whole = (1_000 << index.min(6)).min(60_000);
        // Ticks come every 100 ms, and the answer takes one.
        assert!((whole * 3 / 4..=whole + 300).contains(gap), "{gaps:?}");
    }
    assert!(at.len() < 20, "{at:?}");
    let reading = world.workers[0].source.current(world.seconds());
    assert!(matches!(reading, Reading::Unavailable { retry_in } if retry_in <= seconds(61)), "{reading:?}");
}

#[test]
fn l8_who_has_waited_for_one_attempt_does_not_wait_for_the_next() {
    for offset in (0..1_000).step_by(50) {
        for seed in 0..10 {
            let mut world = World::new(1, &spec(), says(Answer::Lost)).seeded(seed);
            world.now += offset;
            assert!(world.tick(0));
            let settled = world.workers[0].source.settlements();
            world.now += 50;
            assert!(!world.tick(0));
            assert!(world.workers[0].source.settlements() > settled, "all who wait are told");
            let reading = world.workers[0].source.current(world.seconds());
            assert!(matches!(reading, Reading::Unavailable { .. }), "after {offset} ms: {reading:?}");
        }
    }
}

#[test]
fn the_epoch_grows_when_the_document_changes_and_only_then() {
    let spec = Spec { cache_duration: seconds(60), ..spec() };
    let mut world = World::new(1, &spec, says(document("a b")));
    world.pass(300_000);
    assert!(world.calls.len() > 4);
    assert_eq!(epoch(&world), 1);
    world.server = says(document("b"));
    world.pass(60_000);
    assert_eq!((epoch(&world), world.document(0).as_deref()), (2, Some("b")));
    world.server = says(document("a b"));
    world.pass(60_000);
    assert_eq!(epoch(&world), 3, "an old document that comes back is another one all the same");
}

#[test]
fn d4_what_disappears_from_the_document_is_gone_within_its_lifetime() {
    let spec = Spec { cache_duration: seconds(60), ..spec() };
    for seed in 0..20 {
        let mut world = World::new(1, &spec, says(document("a b"))).seeded(seed);
        world.pass(5_000 + i64::try_from(seed).unwrap() * 4_000);
        world.server = says(document("b"));
        world.pass(60_000);
        assert_eq!(world.document(0).as_deref(), Some("b"));
    }
}

#[test]
fn an_unknown_id_is_looked_for_at_once() {
    let mut world = World::new(1, &spec(), says(document("a")));
    world.pass(1_000);
    world.server = says(document("a b"));
    let settled = world.workers[0].source.settlements();
    assert_eq!(world.refresh_for(0, "b"), Refresh::Wait);
    assert!(world.tick(0));
    assert_eq!(world.refresh_for(0, "b"), Refresh::Wait, "the fetch is under way");
    assert_eq!(world.workers[0].source.settlements(), settled);
    world.pass(100);
    assert!(world.workers[0].source.settlements() > settled);
    assert_eq!(world.document(0).as_deref(), Some("a b"));
}

#[test]
fn d1_a_flood_of_unknown_ids_causes_one_fetch_for_each_cooldown() {
    let mut world = World::new(1, &spec(), says(document("a")));
    world.pass(1_000);
    for round in 0..6_000 {
        for id in 0..10 {
            world.refresh_for(0, &format!("{round}-{id}"));
        }
        world.pass(100);
    }
    let count = world.calls.len();
    assert!((18..=21).contains(&count), "{count} calls in ten minutes");
    for pair in world.called_at()[1..].windows(2) {
        assert!(pair[1] - pair[0] >= 30_000, "{:?}", world.called_at());
    }
}

#[test]
fn d1_a_flood_between_two_ticks_is_forgotten_but_for_its_beginning() {
    let mut world = World::new(1, &spec(), says(document("a")));
    world.pass(1_000);
    for id in 0..10_000 {
        assert_eq!(world.refresh_for(0, &id.to_string()), Refresh::Wait);
        assert_eq!(world.refresh_for(0, "0"), Refresh::Wait);
    }
    world.pass(31_000);
    for id in 0..64 {
        assert_eq!(world.refresh_for(0, &id.to_string()), Refresh::KnownUnknown);
    }
    assert_eq!(world.refresh_for(0, "64"), Refresh::Wait);
}

#[test]
fn d1_an_id_that_was_looked_for_in_vain_is_not_looked_for_again_at_once() {
    let mut world = World::new(1, &spec(), says(document("a")));
    world.pass(1_000);
    assert_eq!(world.refresh_for(0, "b"), Refresh::Wait);
    world.pass(200);
    assert_eq!(world.refresh_for(0, "b"), Refresh::KnownUnknown);
    assert_eq!(world.refresh_for(0, "c"), Refresh::KnownUnknown, "because of the cooldown");
    world.pass(31_000);
    assert_eq!(world.refresh_for(0, "b"), Refresh::KnownUnknown, "because it is remembered");
    assert_eq!(world.refresh_for(0, "c"), Refresh::Wait);
    world.server = says(document("a c"));
    world.pass(200);
    assert_eq!(world.document(0).as_deref(), Some("a c"));
}

#[test]
fn another_document_may_know_what_the_last_one_did_not() {
    let spec = Spec { cache_duration: seconds(40), ..spec() };
    let mut world = World::new(1, &spec, says(document("a")));
    world.pass(10_000);
    assert_eq!(world.refresh_for(0, "b"), Refresh::Wait);
    world.pass(31_000);
    assert_eq!(world.refresh_for(0, "b"), Refresh::KnownUnknown, "though the cooldown is over");
    world.server = says(document("a c"));
    world.pass(6_000);
    assert_eq!(world.document(0).as_deref(), Some("a c"));
    assert_eq!(world.refresh_for(0, "b"), Refresh::Wait);
}

#[test]
fn a_scheduled_fetch_does_not_put_off_the_search_for_an_unknown_id() {
    let mut world = World::new(1, &spec(), says(document("a")));
    world.tick(0);
    // The server made its answer before the key was there.
    assert_eq!(world.refresh_for(0, "b"), Refresh::Wait);
    world.server = says(document("a b"));
    world.pass(100);
    assert_eq!(world.document(0).as_deref(), Some("a"));
    assert_eq!(world.refresh_for(0, "b"), Refresh::Wait);
    world.pass(300);
    assert_eq!(world.document(0).as_deref(), Some("a b"));
}

#[test]
fn an_unknown_id_cannot_be_looked_for_while_the_server_fails() {
    let mut world = World::new(1, &spec(), says(document("a")));
    world.pass(1_000);
    world.server = says(Answer::Lost);
    assert_eq!(world.refresh_for(0, "b"), Refresh::Wait);
    world.pass(200);
    assert_eq!(world.refresh_for(0, "b"), Refresh::Unavailable);
    world.server = says(document("a b"));
    world.pass(31_000);
    assert_eq!(world.refresh_for(0, "b"), Refresh::Wait);
    world.pass(200);
    assert_eq!(world.document(0).as_deref(), Some("a b"));
}

#[test]
fn d8_an_answer_that_nobody_waits_for_changes_nothing() {
    let mut world = World::new(1, &spec(), says(document("a")));
    world.pass(1_000);
    let (mut store, now_millis) = (super::world::Shelf::default(), world.now);
    let mut moment = Moment { now_millis, entropy: 0, store: &mut store };
    let source = &mut world.workers[0].source;
    for number in [0, 1, 2, u32::MAX] {
        assert_eq!(source.answered(number, &document("evil"), &mut moment), Progress::Stale);
    }
    assert_eq!(world.document(0).as_deref(), Some("a"));
}

#[test]
fn d8_an_answer_does_not_reach_the_successor_of_a_source() {
    let at = |uri: &str| {
        let origin = Origin::Direct(Endpoint::parse(uri, "idp").unwrap());
        World::new(1, &Spec { origin, ..spec() }, says(Answer::Lost))
    };
    let (mut old, mut new) = (at("https://idp.example.com/old"), at("https://idp.example.com/new"));
    let mut moment = Moment { now_millis: START_MILLIS, entropy: 0, store: &mut old.store };
    let dispatch = old.workers[0].source.tick(&mut moment).unwrap();
    let mut moment = Moment { now_millis: START_MILLIS, entropy: 0, store: &mut new.store };
    assert!(new.workers[0].source.tick(&mut moment).is_some());
    assert_eq!(new.workers[0].source.answered(dispatch.number, &document("old"), &mut moment), Progress::Stale);
}

#[test]
fn l8_a_call_that_the_gateway_forgets_is_given_up() {
    let mut world = World::new(1, &spec(), says(document("a")));
    let mut moment = Moment { now_millis: START_MILLIS, entropy: 0, store: &mut world.store };
    let source = &mut world.workers[0].source;
    let dispatch = source.tick(&mut moment).unwrap();
    let settled = source.settlements();
    moment.now_millis += 2_999;
    assert!(source.tick(&mut moment).is_none());
    assert_eq!(source.settlements(), settled);
    moment.now_millis += 1;
    assert!(source.tick(&mut moment).is_none());
    assert!(source.settlements() > settled);
    assert!(matches!(source.take_events().as_slice(), [Event::Failed { failure: Failure::Lost, .. }]));
    moment.now_millis += 1_000;
    let next = source.tick(&mut moment).unwrap();
    assert_eq!(source.answered(dispatch.number, &document("late"), &mut moment), Progress::Stale);
    assert_eq!(source.answered(next.number, &document("a"), &mut moment), Progress::Settled);
    assert_eq!(world.document(0).as_deref(), Some("a"));
}

#[test]
fn a_document_does_not_serve_beyond_the_end_that_it_sets_itself() {
    let mut world =
        World::new(1, &spec(), Box::new(|now, _| (document(&format!("a until:{}", now / 1_000 + 100)), 50)));
    world.pass(1_000);
    for _ in 0..50 {
        assert!(world.document(0).is_some());
        world.pass(10_000);
    }
    world.server = says(Answer::Lost);
    world.pass(101_000);
    assert_eq!(world.document(0), None, "whatever `max_stale` says");
    // A server that hands out what is about to end is not asked all the time.
    let mut world = World::new(1, &spec(), Box::new(|now, _| (document(&format!("a until:{}", now / 1_000 + 1)), 50)));
    world.pass(600_000);
    assert!(world.calls.len() <= 26, "{}", world.calls.len());
}

#[test]
fn a_clock_that_is_set_back_makes_nothing_live_longer() {
    let spec = Spec { max_stale: seconds(300), ..spec() };
    let mut world = World::new(1, &spec, says(document("a")));
    world.pass(100_000);
    world.now -= 86_400_000;
    world.server = says(Answer::Lost);
    world.pass(100_000);
    assert_eq!(world.document(0).as_deref(), Some("a"));
    world.pass(750_000);
    assert_eq!(world.document(0), None);
    world.server = says(document("b"));
    world.pass(61_000);
    assert_eq!(world.document(0).as_deref(), Some("b"));
}

#[test]
fn a_clock_that_is_set_back_sends_nobody_away_for_longer() {
    let mut world = World::new(1, &spec(), says(answered(503, &[], "")));
    world.pass(1_000);
    let Reading::Unavailable { retry_in } = world.workers[0].source.current(world.seconds() - 86_400) else {
        panic!("nothing was ever loaded");
    };
    assert_eq!(retry_in, seconds(60));
}

#[test]
fn a_clock_that_is_set_back_keeps_nothing_unknown_for_longer() {
    let mut world = World::new(1, &spec(), says(document("a")));
    world.pass(1_000);
    assert_eq!(world.refresh_for(0, "b"), Refresh::Wait);
    world.pass(1_000);
    world.now -= 86_400_000;
    world.pass(1_000);
    assert_eq!(world.refresh_for(0, "b"), Refresh::KnownUnknown);
    world.pass(60_000);
    assert_eq!(world.refresh_for(0, "b"), Refresh::Wait);
}

#[test]
fn a_clock_that_is_set_forward_causes_a_fetch() {
    let mut world = World::new(1, &spec(), says(document("a")));
    world.pass(1_000);
    world.now += 86_400_000;
    assert!(matches!(world.workers[0].source.current(world.seconds()), Reading::Pending));
    world.server = says(document("b"));
    world.pass(200);
    assert_eq!(world.document(0).as_deref(), Some("b"));
}

#[test]
fn what_happened_is_told_and_bounded() {
    let mut world = World::new(1, &spec(), says(document("a")));
    world.pass(200);
    assert_eq!(world.workers[0].events, [Event::Loaded { by: Fetcher::Itself, changed: true, remarks: Vec::new() }]);
    world.server = says(answered(503, &[], ""));
    world.workers[0].events.clear();
    assert_eq!(world.refresh_for(0, "b"), Refresh::Wait);
    world.pass(200);
    let failure = Failure::Status(503);
    match world.workers[0].events.as_slice() {
        [Event::Failed { by: Fetcher::Itself, failure: told, failures: 1, retry_in_millis }] => {
            assert_eq!(*told, failure);
            assert!((750..=1_000).contains(retry_in_millis));
        }
        events => panic!("{events:?}"),
    }
    // A reader with much to say.
    let remarks = vec!["\u{e9}".repeat(1_000); 1_000];
    let talkative = move |_: &[u8], _| Ok(Fit { remarks: remarks.clone(), ..Fit::from(String::new()) });
    world.workers[0].source = Source::new(spec(), b"other key", Box::new(talkative));
    world.server = says(document("a"));
    world.workers[0].events.clear();
    world.pass(200);
    let told = world.workers[0].events.iter().find_map(|event| match event {
        Event::Loaded { remarks, .. } => Some(remarks),
        Event::Failed { .. } | Event::RecordRefused | Event::StoreUnavailable => None,
    });
    assert_eq!(told, Some(&vec!["\u{e9}".repeat(200); 8]));
    let source = &mut world.workers[0].source;
    let mut moment = Moment { now_millis: world.now, entropy: 7, store: &mut world.store };
    for _ in 0..1_000 {
        moment.now_millis += 1_000_000;
        source.tick(&mut moment);
    }
    assert_eq!(source.take_events().len(), 16);
}
