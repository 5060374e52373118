//! The queue against a binary heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use proptest::prelude::*;

use super::*;

/// The same order, from the standard library's heap and a sequence number.
#[derive(Default)]
struct Model {
    heap: BinaryHeap<Reverse<(u64, u64, u32)>>,
    pushed: u64,
}

impl Model {
    fn push(&mut self, at: u64, entry: u32) {
        self.heap.push(Reverse((at, self.pushed, entry)));
        self.pushed += 1;
    }

    fn pop_before(&mut self, limit: u64) -> Option<(u64, u32)> {
        let Reverse((at, _, entry)) = *self.heap.peek()?;
        if at >= limit {
            return None;
        }
        self.heap.pop();
        Some((at, entry))
    }
}

#[derive(Clone, Debug)]
enum Action {
    Push { ahead: u64 },
    Pop,
    PopBefore { ahead: u64 },
}

fn action() -> impl Strategy<Value = Action> {
    let ahead = prop_oneof![
        4 => 0..3_u64,
        4 => 0..1_000_u64,
        2 => 0..100_000_000_u64,
        1 => 0..(u64::MAX >> 8),
    ];
    prop_oneof![
        5 => ahead.clone().prop_map(|ahead| Action::Push { ahead }),
        4 => Just(Action::Pop),
        1 => ahead.prop_map(|ahead| Action::PopBefore { ahead }),
    ]
}

proptest! {
    #[test]
    fn entries_come_as_from_a_heap_with_a_sequence_number(
        actions in prop::collection::vec(action(), 0..600),
    ) {
        let (mut queue, mut model) = (Queue::new(), Model::default());
        let mut now = 0_u64;
        for (number, action) in (0_u32..).zip(actions) {
            match action {
                Action::Push { ahead } => {
                    queue.push(now.saturating_add(ahead), number);
                    model.push(now.saturating_add(ahead), number);
                }
                Action::Pop => {
                    let next = queue.pop();
                    prop_assert_eq!(next, model.pop_before(u64::MAX));
                    now = next.map_or(now, |(at, _)| at);
                }
                Action::PopBefore { ahead } => {
                    let limit = now.saturating_add(ahead);
                    let next = queue.pop_before(limit);
                    prop_assert_eq!(next, model.pop_before(limit));
                    now = next.map_or(now.max(limit), |(at, _)| at);
                }
            }
            prop_assert_eq!(queue.len(), model.heap.len());
        }
        while let Some(next) = model.pop_before(u64::MAX) {
            prop_assert_eq!(queue.pop(), Some(next));
        }
        prop_assert_eq!(queue.pop(), None);
    }
}

#[test]
fn what_is_pushed_at_the_present_time_comes_after_what_was_there() {
    let mut queue = Queue::new();
    for entry in 0..20 {
        queue.push(7, entry);
    }
    assert_eq!(queue.pop(), Some((7, 0)));
    queue.push(7, 20);
    let rest: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|next| next.1).collect();
    assert_eq!(rest, (1..=20).collect::<Vec<_>>());
}

#[test]
fn a_bounded_look_leaves_room_for_what_comes_before_the_next_entry() {
    let mut queue = Queue::new();
    queue.push(1_000_000, 'b');
    assert_eq!(queue.pop_before(700_000), None);
    queue.push(700_000, 'a');
    assert_eq!(queue.pop(), Some((700_000, 'a')));
    assert_eq!(queue.pop(), Some((1_000_000, 'b')));
}

#[test]
fn the_slab_stops_growing_once_it_has_its_size() {
    let mut queue = Queue::new();
    for entry in 0_u64..1_000 {
        queue.push(entry * 37 % 60_000, entry);
    }
    let mut turn = |rounds: u64| {
        for _ in 0..rounds {
            let (at, entry) = queue.pop().unwrap();
            queue.push(at + 60_000, entry);
        }
        queue.entries.len()
    };
    let grown = turn(10_000);
    assert_eq!(turn(100_000), grown);
}
