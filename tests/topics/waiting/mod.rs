//! Many requests that wait at the same time, and whatever may come of what they wait for, in any order: on the core, and
//! in the `.wasm`.
//!
//! The model beside the filter knows less than the filter does, and enough: which answers services have given. Nothing may
//! pass that follows from none of them, nobody may wait for longer than is configured, and each request leaves one record.

mod filter;
mod gateway;
mod model;

use proptest::prelude::*;

use crate::hosts;
use filter::{Filter, Native, Wasm};
use gateway::{Reply, Token};
use model::Model;

/// Something that happens.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A request comes.
    Arrive(Token, Shape),
    /// One of the calls is answered.
    Answer(usize, Reply),
    /// The client of one of the requests goes away.
    Leave(usize),
    /// The next piece comes of one of the requests that are not complete.
    More(usize),
    /// Time passes, in milliseconds.
    Wait(u64),
}

/// What belongs to a request besides its head.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Shape {
    /// Nothing.
    Bare,
    /// A body that the decision needs.
    Decisive,
    /// A body that it does not need.
    Idle,
    /// The same, and trailers.
    Trailing,
}

const SHAPES: [Shape; 4] = [Shape::Bare, Shape::Decisive, Shape::Idle, Shape::Trailing];

fn step() -> impl Strategy<Value = Step> {
    let arrive = || {
        let (token, shape) = (prop::sample::select(&Token::ALL[..]), prop::sample::select(&SHAPES[..]));
        (token, shape).prop_map(|(token, shape)| Step::Arrive(token, shape))
    };
    let reply = prop_oneof![2 => Just(Reply::Good), 1 => Just(Reply::Both), 3 => prop::sample::select(&Reply::ALL[..])];
    prop_oneof![
        4 => arrive(),
        5 => (0_usize..4, reply).prop_map(|(call, reply)| Step::Answer(call, reply)),
        1 => (0_usize..8).prop_map(Step::Leave),
        8 => (0_usize..8).prop_map(Step::More),
        4 => prop::sample::select(vec![1_u64, 1, 25, 25, 300, 1_000, 3_000, 5_000]).prop_map(Step::Wait),
    ]
}

/// Plays the steps, and then lets everything be well again.
fn play(filter: &mut dyn Filter, steps: &[Step]) {
    let mut model = Model::new(filter);
    for step in steps {
        model.step(*step);
    }
    model.recover();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn l7_nothing_passes_that_no_answer_speaks_for_natively(steps in prop::collection::vec(step(), 1..60)) {
        play(&mut Native::start(), &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn l7_nothing_passes_that_no_answer_speaks_for_in_wasm(steps in prop::collection::vec(step(), 1..60)) {
        if let Some(module) = hosts::module() {
            play(&mut Wasm::start(module), &steps);
        }
    }
}
