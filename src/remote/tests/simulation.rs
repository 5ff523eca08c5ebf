//! Many workers, random ticks, random failures.

use proptest::collection::vec;
use proptest::prelude::*;

use super::world::{LEASE, START_MILLIS, Server, Shelf, World, answered, document, says, seconds, spec};
use crate::outbox::{Answer, Store, StoreAnswer, StoreOperation};
use crate::remote::{Moment, Reading, Refresh, Remote, Spec};

/// Ten minutes, in milliseconds.
const TEN_MINUTES: i64 = 600_000;

/// A world whose workers tick when they please, up to so many milliseconds apart.
fn wander(world: &mut World, millis: i64, apart: u64, mut at_tick: impl FnMut(&mut World, usize)) {
    let end = world.now + millis;
    let mut next: Vec<i64> = Vec::new();
    for _ in 0..world.workers.len() {
        let delay = i64::try_from(world.random() % apart).unwrap();
        next.push(world.now + delay);
    }
    while let Some((worker, at)) =
        next.iter().copied().enumerate().min_by_key(|(_, at)| *at).filter(|(_, at)| *at < end)
    {
        world.now = world.now.max(at);
        if world.workers[worker].alive {
            at_tick(world, worker);
        }
        if world.workers[worker].alive {
            world.tick(worker);
        }
        next[worker] = at + 1 + i64::try_from(world.random() % apart).unwrap();
    }
    world.now = end;
}

/// A server that is out of order within some spans of time.
fn with_outages(outages: Vec<(i64, i64, u8)>) -> Server {
    Box::new(move |now, _| {
        let at = now - START_MILLIS;
        match outages.iter().find(|(from, length, _)| (*from..from + length).contains(&at)).map(|(_, _, kind)| kind) {
            None => (document("a"), 20),
            Some(0) => (answered(503, &[], ""), 5),
            Some(1) => (answered(504, &[], ""), i64::MAX),
            Some(2) => (document("unfit"), 20),
            Some(_) => (Answer::Lost, 300),
        }
    })
}

/// Calls in ten minutes, where ids come that nobody knows.
fn calls(workers: usize, seed: u64, unknown: impl Fn(&mut World) -> Option<String>) -> usize {
    let mut world = World::new(workers, &spec(), says(document("a"))).seeded(seed);
    wander(&mut world, TEN_MINUTES, 250, |world, worker| {
        if let Some(id) = unknown(world) {
            world.refresh_for(worker, &id);
        }
    });
    world.calls.len()
}

#[test]
fn over_ten_minutes_four_workers_ask_at_most_as_often_as_one_and_once_more() {
    for seed in 0..12 {
        let nothing = |_: &mut World| None;
        let (one, four) = (calls(1, seed, nothing), calls(4, seed + 1_000, nothing));
        assert!(four <= one + 1, "{four} calls instead of {one}");
        // One id that comes over and over, then ever new ones.
        let one_id = |_: &mut World| Some("b".to_owned());
        let (one, four) = (calls(1, seed, one_id), calls(4, seed + 1_000, one_id));
        assert!(four <= one + 1, "{four} calls instead of {one} because of one id");
        let new_ids = |world: &mut World| Some(world.random().to_string());
        let (one, four) = (calls(1, seed, new_ids), calls(4, seed + 1_000, new_ids));
        assert!(four <= one + 1, "{four} calls instead of {one} because of many ids");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whatever happens, all workers together keep the distances that one worker would keep.
    #[test]
    fn many_workers_ask_as_one(
        workers in 1_usize..9,
        seed: u64,
        outages in vec((0_i64..TEN_MINUTES, 0_i64..120_000, 0_u8..4), 0..6),
        unknown in 0_u64..40,
    ) {
        let spec = Spec { cache_duration: seconds(60), max_stale: seconds(120), ..spec() };
        let mut world = World::new(workers, &spec, with_outages(outages)).seeded(seed);
        wander(&mut world, TEN_MINUTES, 250, |world, worker| {
            // Now and then somebody writes between the reading and the writing of another.
            if world.random() % 10 == 0 {
                world.store.conflicts = 1;
            }
            if world.random() % 40 < unknown {
                let id = world.random() % 10;
                world.refresh_for(worker, &id.to_string());
            }
        });
        let at = world.called_at();
        let mut ends: Vec<(i64, bool)> = Vec::new();
        for (call_at, call) in &world.calls {
            let (answer, delay) = (world.server)(*call_at, call);
            let good = matches!(answer, Answer::Answered { status: 200, ref body, .. } if body == b"a");
            ends.push((call_at - START_MILLIS + delay.min(i64::from(call.timeout_ms)), good));
        }
        let mut failures = 0_u32;
        let mut asked = Vec::new();
        for (index, (end, good)) in ends.iter().enumerate() {
            let Some(next) = at.get(index + 1) else { break };
            prop_assert!(next >= end, "two calls at a time");
            if *good {
                failures = 0;
                // Before four fifths of the document's lifetime, only an unknown id is a reason.
                if *next < end + 48_000 {
                    asked.push(*next);
                }
            } else {
                let whole = (1_000_i64 << failures.min(6)).min(60_000);
                prop_assert!(*next >= end + whole * 3 / 4, "no patience after {failures} failures");
                failures += 1;
            }
        }
        for pair in asked.windows(2) {
            prop_assert!(pair[1] - pair[0] >= 30_000, "no cooldown: {asked:?}");
        }
    }

    /// Workers may die at any time, with or without the lease.
    #[test]
    fn a_worker_that_dies_holds_nobody_up_for_longer_than_its_lease(
        seed: u64,
        deaths in vec(0_i64..30_000, 3),
        latency in 0_i64..2_000,
    ) {
        let spec = Spec { cache_duration: seconds(30), max_stale: seconds(0), ..spec() };
        let mut world = World::new(4, &spec, Box::new(move |_, _| (document("a"), latency))).seeded(seed);
        let deaths: Vec<i64> = deaths.iter().map(|at| START_MILLIS + at).collect();
        let mut last = START_MILLIS;
        let mut longest = 0;
        wander(&mut world, 120_000, 200, |world, worker| {
            for (index, at) in deaths.iter().enumerate() {
                if world.now >= *at {
                    world.workers[index].alive = false;
                }
            }
            if worker == 3 {
                if world.document(3).is_some() {
                    last = world.now;
                }
                longest = longest.max(world.now - last);
            }
        });
        // Each of the three may die with a lease that it has just taken.
        prop_assert!(longest <= 3 * (LEASE + 400) + latency + 1_600, "{longest} ms without the document");
        prop_assert!(world.document(3).is_some());
    }

    /// One death at the worst moment: the others have what they wait for when the lease is over.
    #[test]
    fn a_death_costs_one_lease(workers in 2_usize..9, seed: u64, apart in 10_u64..250) {
        let mut world = World::new(workers, &spec(), says(document("a"))).seeded(seed);
        let mut died = None;
        wander(&mut world, LEASE + 1_200, apart, |world, worker| {
            if died.is_none() && !world.calls.is_empty() {
                // Whoever has called first dies before the answer comes.
                let dead = (0..world.workers.len()).find(|index| world.workers[*index].calls());
                if let Some(dead) = dead {
                    world.workers[dead].alive = false;
                    died = Some((dead, worker));
                }
            }
        });
        let dead = died.map(|(dead, _)| dead);
        prop_assert!(dead.is_some());
        prop_assert_eq!(world.calls.len(), 2);
        for worker in (0..workers).filter(|worker| Some(*worker) != dead) {
            prop_assert_eq!(world.document(worker), Some("a".to_owned()));
        }
    }

    /// When all is well again, all workers have the newest document within its lifetime.
    #[test]
    fn after_any_trouble_all_workers_come_to_the_newest_document(
        workers in 1_usize..6,
        seed: u64,
        outages in vec((0_i64..120_000, 0_i64..120_000, 0_u8..4), 0..6),
        trouble in vec(0_u8..5, 20),
    ) {
        let spec = Spec { cache_duration: seconds(60), ..spec() };
        let mut world = World::new(workers, &spec, with_outages(outages)).seeded(seed);
        for kind in trouble {
            world.store.broken = kind == 1;
            world.store.contested = kind == 2;
            if kind == 3 {
                for (bytes, version) in world.store.records.values_mut() {
                    bytes.truncate(bytes.len() / 2);
                    *version += 1;
                }
            }
            if kind == 4 {
                world.store.records.clear();
            }
            wander(&mut world, 7_000, 300, |_, _| {});
        }
        world.store.broken = false;
        world.store.contested = false;
        world.server = says(document("new"));
        wander(&mut world, 125_000, 300, |_, _| {});
        for worker in 0..workers {
            prop_assert_eq!(world.document(worker), Some("new".to_owned()));
        }
    }

    /// No document is used beyond its time, whatever happens.
    #[test]
    fn no_document_serves_beyond_its_time(
        seed: u64,
        outages in vec((0_i64..TEN_MINUTES, 0_i64..200_000, 0_u8..4), 0..6),
    ) {
        let spec = Spec { cache_duration: seconds(60), max_stale: seconds(40), ..spec() };
        let outages_of_dates = with_outages(outages);
        // A document that says when it was made.
        let server: Server = Box::new(move |now, call| match outages_of_dates(now, call) {
            (Answer::Answered { status: 200, body, .. }, delay) if body == b"a" => (document(&now.to_string()), delay),
            other => other,
        });
        let mut world = World::new(3, &spec, server).seeded(seed);
        let mut oldest = 0;
        wander(&mut world, TEN_MINUTES, 250, |world, worker| {
            if let Some(made) = world.document(worker).and_then(|text| text.parse::<i64>().ok()) {
                oldest = oldest.max(world.now - made);
            }
        });
        // The answer takes its time, and so does the tick that takes it.
        prop_assert!(oldest <= 100_000 + 20 + 250, "{oldest}");
    }

    /// L7: inputs in an order that no gateway should produce, with times and a store that are out of their minds.
    #[test]
    fn l7_no_order_of_inputs_is_a_panic(steps in vec((0_u8..5, any::<i64>(), any::<u64>(), 0_u8..6), 0..60)) {
        struct Mad(Shelf, u64);
        impl Store for Mad {
            fn perform(&mut self, operation: &StoreOperation) -> StoreAnswer {
                self.1 = self.1.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                match self.1 >> 61 {
                    0 => StoreAnswer::Unavailable,
                    1 => StoreAnswer::Conflict,
                    2 => StoreAnswer::Found(None),
                    3 => StoreAnswer::Found(Some((vec![0; 40], 1))),
                    _ => self.0.perform(operation),
                }
            }
        }
        let mut store = Mad(Shelf::default(), 1);
        let mut world = World::new(1, &spec(), says(Answer::Lost));
        let source = &mut world.workers[0].source;
        let mut number = 0;
        for (step, now, entropy, kind) in steps {
            let mut moment = Moment { now_millis: now, entropy, store: &mut store };
            let answer = match kind {
                0 => Answer::Lost,
                1 => answered(503, &[("cache-control", "max-age")], ""),
                2 => document("unfit"),
                3 => document(&format!("until:{now}")),
                4 => document(&entropy.to_string()),
                _ => document("a"),
            };
            match step {
                0 => number = source.tick(&mut moment).map_or(number, |dispatch| dispatch.number),
                1 => drop(source.answered(number, &answer, &mut moment)),
                2 => drop(source.answered(u32::try_from(entropy >> 32).unwrap(), &answer, &mut moment)),
                3 => drop(source.refresh_for(&entropy.to_be_bytes(), now)),
                _ => drop(source.current(now)),
            }
            prop_assert!(source.take_events().len() <= 16);
        }
    }
}

/// Waiting ends: with the document, or with a failure, within the timeout of the call and a tick.
#[test]
fn no_wish_waits_for_longer_than_the_timeout() {
    for (answer, delay) in [(Answer::Lost, 0), (answered(504, &[], ""), i64::MAX), (document("a"), 1_900)] {
        let mut world = World::new(1, &spec(), says(document("a")));
        world.pass(1_000);
        world.server = Box::new(move |_, _| (answer.clone(), delay));
        let settled = world.workers[0].source.settlements();
        assert_eq!(world.refresh_for(0, "b"), Refresh::Wait);
        world.pass(2_200);
        assert!(world.workers[0].source.settlements() > settled);
        assert_ne!(world.refresh_for(0, "b"), Refresh::Wait);
        assert!(matches!(world.workers[0].source.current(world.seconds()), Reading::Ready(..)));
    }
}
