//! The simulator's queue runs edgeday-v1 to the published checksums.

mod day;

use day::{Agenda, Day, Event, PUBLISHED};
use periplus_sim::queue::Queue;

struct Wheel(Queue<Event>);

impl Agenda for Wheel {
    fn put(&mut self, at: u64, event: Event) {
        self.0.push(at, event);
    }
}

#[test]
fn the_queue_reaches_the_published_outcomes_for_ten_and_a_hundred_sites() {
    for (sites, published) in &PUBLISHED[..2] {
        let mut wheel = Wheel(Queue::new());
        let mut day = Day::begin(*sites, &mut wheel);
        while let Some((at, event)) = wheel.0.pop() {
            day.happen(at, event, &mut wheel);
        }
        assert_eq!(day.outcome(), *published, "{sites} sites");
    }
}
