//! Many workers, one store, and a model that remembers everything.
#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::dpop::Nonces;

/// Shared data as hosts have it.
#[derive(Default)]
struct Shared {
    records: BTreeMap<String, (Vec<u8>, u32)>,
    writes: u32,
}

impl Store for Shared {
    fn perform(&mut self, operation: &StoreOperation) -> StoreAnswer {
        match operation {
            StoreOperation::Get { key } => StoreAnswer::Found(self.records.get(key).cloned()),
            StoreOperation::CompareAndSwap { key, expected, value } => {
                if self.records.get(key).map(|(_, version)| *version) != *expected {
                    return StoreAnswer::Conflict;
                }
                self.writes += 1;
                self.records.insert(key.clone(), (value.clone(), self.writes));
                StoreAnswer::Written
            }
        }
    }
}

const NOW: i64 = 1_780_000_000;
const THUMBPRINTS: [[u8; 32]; 3] = [[1; 32], [2; 32], [3; 32]];

fn dpop(entries: usize) -> Dpop {
    Dpop { replay: ReplayTable::new(entries * BUCKETS, Secret::new(Vec::new())), ..Dpop::default() }
}

fn question(dpop: &Dpop, holder: usize, id: &str, issued_at: i64, now: i64) -> Replay {
    let usable = Usable {
        thumbprint: &THUMBPRINTS[holder],
        id,
        url: "https://api.example.com:443/a",
        issued_at,
        earliest: issued_at - dpop.clock_skew,
    };
    dpop.replay.question(&usable, now, dpop)
}

fn settle(mut replay: Replay, store: &mut Shared) -> Result<(), Cause> {
    let mut operation = replay.start();
    loop {
        match replay.answered(store.perform(&operation)) {
            Step::Ask(next) => operation = next,
            Step::Settled(result) => return result,
        }
    }
}

fn prepared(dpop: &Dpop, now: i64) -> Shared {
    let mut store = Shared::default();
    assert!(dpop.replay.prepare(&mut store, now));
    store
}

#[test]
fn h2_a_proof_passes_once_whichever_worker_asks() {
    let dpop = dpop(64);
    let mut store = prepared(&dpop, NOW - 100);
    assert_eq!(settle(question(&dpop, 0, "a", NOW, NOW), &mut store), Ok(()));
    assert_eq!(settle(question(&dpop, 0, "a", NOW, NOW), &mut store), Err(Cause::DpopReplayed));
    assert_eq!(settle(question(&dpop, 0, "b", NOW, NOW), &mut store), Ok(()));
    assert_eq!(settle(question(&dpop, 1, "a", NOW, NOW), &mut store), Ok(()));
}

#[test]
fn h2_of_two_workers_that_race_one_wins() {
    let dpop = dpop(64);
    let mut store = prepared(&dpop, NOW - 100);
    let mut workers = [question(&dpop, 0, "a", NOW, NOW), question(&dpop, 0, "a", NOW, NOW)];
    let operations: Vec<StoreOperation> = workers
        .iter_mut()
        .map(|worker| match worker.answered(store.perform(&worker.start())) {
            Step::Ask(operation) => operation,
            Step::Settled(result) => panic!("{result:?}"),
        })
        .collect();
    assert_eq!(workers[1].answered(store.perform(&operations[1])), Step::Settled(Ok(())));
    let again = workers[0].answered(store.perform(&operations[0]));
    assert_eq!(again, Step::Ask(workers[0].start()));
    assert_eq!(workers[0].answered(store.perform(&workers[0].start())), Step::Settled(Err(Cause::DpopReplayed)));
}

#[test]
fn h2_the_parts_of_a_proof_do_not_run_into_one_another() {
    let dpop = dpop(64);
    let of = |id: &str, url: &str| {
        let usable = Usable { thumbprint: &THUMBPRINTS[0], id, url, issued_at: NOW, earliest: NOW };
        dpop.replay.question(&usable, NOW, &dpop).candidate.entry.proof
    };
    assert_ne!(of("ab", "c"), of("a", "bc"));
    assert_ne!(of("a", "b"), of("a", "c"));
    assert_eq!(of("a", "b"), of("a", "b"));
}

#[test]
fn l14_a_table_of_another_configuration_keeps_its_proofs() {
    let mut store = prepared(&dpop(16), NOW - 100);
    assert_eq!(settle(question(&dpop(16), 0, "a", NOW, NOW), &mut store), Ok(()));
    let mut larger = dpop(1024);
    assert!(larger.replay.prepare(&mut store, NOW));
    assert_eq!(settle(question(&larger, 0, "a", NOW, NOW), &mut store), Err(Cause::DpopReplayed));
    // With another secret nothing of it can be believed.
    larger.replay = ReplayTable::new(65_536, Secret::new(b"secret".to_vec()));
    assert_eq!(settle(question(&larger, 0, "a", NOW, NOW), &mut store), Err(Cause::DpopMemoryYoung));
    assert_eq!(settle(question(&dpop(16), 0, "a", NOW, NOW), &mut store), Err(Cause::DpopMemoryYoung));
}

#[test]
fn h13_a_lost_table_lets_no_earlier_proof_pass() {
    let dpop = dpop(64);
    let mut store = prepared(&dpop, NOW - 100);
    assert_eq!(settle(question(&dpop, 0, "a", NOW, NOW), &mut store), Ok(()));
    store.records.clear();
    // Whoever comes first makes the bucket, before or after somebody has made all of them.
    assert_eq!(settle(question(&dpop, 0, "a", NOW, NOW), &mut store), Err(Cause::DpopMemoryYoung));
    assert_eq!(store.records.len(), 1);
    assert!(dpop.replay.prepare(&mut store, NOW + 1));
    assert_eq!(store.records.len(), BUCKETS);
    assert_eq!(settle(question(&dpop, 0, "a", NOW, NOW + 50), &mut store), Err(Cause::DpopMemoryYoung));
    assert_eq!(settle(question(&dpop, 0, "b", NOW + 50, NOW + 50), &mut store), Ok(()));
    let nonces = Dpop { nonces: Some(Nonces::new(Secret::new(b"secret".to_vec()), 60)), ..dpop };
    assert_eq!(settle(question(&nonces, 0, "a", NOW, NOW + 50), &mut store), Err(Cause::DpopNonceRequired));
}

#[test]
fn without_a_store_nothing_passes() {
    let dpop = dpop(64);
    struct Broken;
    impl Store for Broken {
        fn perform(&mut self, _: &StoreOperation) -> StoreAnswer {
            StoreAnswer::Unavailable
        }
    }
    assert!(!dpop.replay.prepare(&mut Broken, NOW));
    let mut replay = question(&dpop, 0, "a", NOW, NOW);
    let unavailable = Step::Settled(Err(Cause::DpopMemoryUnavailable));
    assert_eq!(replay.answered(StoreAnswer::Unavailable), unavailable);
    // Answers to something that was not asked.
    for answer in [StoreAnswer::Conflict, StoreAnswer::Written] {
        assert_eq!(question(&dpop, 0, "a", NOW, NOW).answered(answer), unavailable);
    }
    // A record of somebody else is left alone.
    let foreign = StoreAnswer::Found(Some((b"counter=7".to_vec(), 1)));
    assert_eq!(question(&dpop, 0, "a", NOW, NOW).answered(foreign), unavailable);
}

#[test]
fn whoever_loses_every_race_is_refused_in_the_end() {
    let dpop = dpop(64);
    let mut store = prepared(&dpop, NOW - 100);
    let mut replay = question(&dpop, 0, "a", NOW, NOW);
    let mut operation = replay.start();
    let mut operations = 0;
    let result = loop {
        let answer = match &operation {
            StoreOperation::Get { .. } => store.perform(&operation),
            StoreOperation::CompareAndSwap { .. } => StoreAnswer::Conflict,
        };
        operations += 1;
        match replay.answered(answer) {
            Step::Ask(next) => operation = next,
            Step::Settled(result) => break result,
        }
    };
    assert_eq!((result, operations), (Err(Cause::DpopMemoryUnavailable), 2 * MOST_RACES));
}

#[test]
fn no_two_keys_are_one_to_nginx() {
    let crc32 = |text: &str| {
        !text.bytes().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
        })
    };
    // `plumless` and `buckeroo` are one key.
    assert_eq!(crc32("plumless"), crc32("buckeroo"));
    let keys: BTreeSet<u32> = (0..BUCKETS).map(|place| crc32(&key(place))).collect();
    assert_eq!(keys.len(), BUCKETS);
}

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    /// A request arrives with a proof of this holder and name, made so many seconds ago.
    Request { holder: usize, name: usize, age: i64 },
    /// The request with this number goes one step further.
    Step(usize),
    /// Time passes.
    Wait(i64),
    /// The clock is set back.
    SetBack(i64),
    /// The host drops one bucket.
    Evict(usize),
    /// The gateway's process starts anew.
    Restart,
    /// Another configuration: lifetime and capacity.
    Configure(i64, usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        20 => (0..3_usize, 0..6_usize, -3..12_i64).prop_map(|(holder, name, age)| Event::Request { holder, name, age }),
        50 => (0..8_usize).prop_map(Event::Step),
        8 => (0..4_i64).prop_map(Event::Wait),
        1 => (1..20_i64).prop_map(Event::SetBack),
        1 => (0..2_usize).prop_map(Event::Evict),
        1 => Just(Event::Restart),
        2 => (5..15_i64, 2..7_usize).prop_map(|(lifetime, capacity)| Event::Configure(lifetime, capacity)),
    ];
    prop::collection::vec(event, 1..300)
}

/// Names of proofs that are all kept in one of two buckets.
fn names() -> Vec<[String; 6]> {
    let dpop = dpop(1);
    let in_place = |holder: usize, name: &String| {
        matches!(question(&dpop, holder, name, 0, 0).key.strip_prefix(PREFIX), Some("0000" | "0001"))
    };
    let of = |holder| (0..).map(|number| number.to_string()).filter(move |name| in_place(holder, name)).take(6);
    (0..3).map(|holder| of(holder).collect::<Vec<_>>().try_into().unwrap()).collect()
}

struct Running {
    proof: (usize, usize, i64),
    replay: Replay,
    operation: StoreOperation,
    began: i64,
}

#[derive(Default)]
struct World {
    store: Shared,
    running: Vec<Running>,
    accepted: BTreeSet<(usize, usize, i64)>,
    refused: BTreeMap<&'static str, usize>,
}

impl World {
    fn step(&mut self, number: usize) {
        let Some(running) = self.running.get_mut(number) else { return };
        match running.replay.answered(self.store.perform(&running.operation)) {
            Step::Ask(operation) => running.operation = operation,
            Step::Settled(result) => {
                let Running { proof, .. } = self.running.remove(number);
                match result {
                    Ok(()) => assert!(self.accepted.insert(proof), "{proof:?} passed twice"),
                    Err(cause) => *self.refused.entry(cause.code()).or_default() += 1,
                }
            }
        }
        for (record, _) in self.store.records.values() {
            assert!(record.len() <= PREFIX.len() + 4 + 1 + 16 + 6 * 28 + 16, "{}", record.len());
        }
    }

    fn finish(&mut self) {
        while !self.running.is_empty() {
            self.step(0);
        }
    }
}

/// The two buckets that are used here, made like all of them.
fn make(dpop: &Dpop, store: &mut Shared, now: i64) {
    for place in 0..2 {
        let _ = store.perform(&dpop.replay.creation(place, now));
    }
}

fn live(events: Vec<Event>, names: &[[String; 6]]) -> World {
    let mut dpop = Dpop { proof_lifetime: 10, clock_skew: 2, ..dpop(4) };
    let mut now = NOW;
    let mut set_back = false;
    let mut world = World::default();
    make(&dpop, &mut world.store, now - 10);
    for event in events {
        match event {
            Event::Request { holder, name, age } => {
                let issued_at = now - age;
                // What is checked before the store is asked.
                if age <= dpop.proof_lifetime && age >= -dpop.clock_skew {
                    let replay = question(&dpop, holder, &names[holder][name], issued_at, now);
                    let operation = replay.start();
                    world.running.push(Running { proof: (holder, name, issued_at), replay, operation, began: now });
                }
            }
            Event::Step(number) => world.step(number),
            Event::Wait(seconds) => {
                // The store is asked at once: a request does not take longer than a second.
                if world.running.iter().any(|running| now + seconds > running.began + 1) {
                    world.finish();
                }
                now += seconds;
            }
            Event::SetBack(seconds) => {
                world.finish();
                // A memory that begins under a clock that was set back cannot say since when it remembers.
                make(&dpop, &mut world.store, now);
                now -= seconds;
                set_back = true;
            }
            Event::Evict(_) | Event::Restart if set_back => {}
            Event::Evict(place) => {
                world.store.records.remove(&key(place));
            }
            Event::Restart => {
                world.running.clear();
                world.store.records.clear();
                make(&dpop, &mut world.store, now);
            }
            Event::Configure(lifetime, capacity) => {
                dpop = Dpop { proof_lifetime: lifetime, clock_skew: 2, ..self::dpop(capacity) };
            }
        }
    }
    world.finish();
    world
}

#[test]
fn h2_no_proof_ever_passes_twice() {
    let names = names();
    let seen = std::cell::RefCell::new(BTreeMap::<&str, usize>::new());
    let config = ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let result = runner.run(&events(), |events| {
        let world = live(events, &names);
        let mut seen = seen.borrow_mut();
        *seen.entry("accepted").or_default() += world.accepted.len();
        world.refused.into_iter().for_each(|(cause, times)| *seen.entry(cause).or_default() += times);
        Ok(())
    });
    result.unwrap();
    // The property says something only where all of this has happened.
    let seen = seen.into_inner();
    let expected = [
        "accepted",
        "dpop_replayed",
        "dpop_memory_young",
        "dpop_memory_full",
        "dpop_quota_reached",
        "dpop_proof_stale",
    ];
    assert!(expected.iter().all(|each| seen.contains_key(each)), "{seen:?}");
}
