//! Calls between groups: the call graph of components, gathered.
//!
//! The front comes first and callers stand before those they call. Where groups call each other in a circle,
//! the calls that lead backwards are dropped: the core sends no flow along them. Their round trips are then
//! missing from the bill, which is the price of an order that always ends.

use periplus_core::ids::GroupId;
use periplus_core::intent::GroupCall;
use periplus_core::units::{Bytes, Permille};

use crate::border::{rounded, rounded_u32};

/// Calls between two components of different groups, for one user request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crossing {
    /// The calling group, as declared.
    pub from: usize,
    /// The called group, as declared.
    pub to: usize,
    /// How many calls.
    pub calls: f64,
    /// How many bytes, in both directions.
    pub bytes: f64,
    /// How much work they cause in the called group.
    pub work: f64,
}

/// The order of `groups` declared groups, by their place in the declaration: the front first, callers before
/// those they call, otherwise as declared.
#[must_use]
pub fn order(groups: usize, front: usize, crossings: &[Crossing]) -> Vec<usize> {
    let mut placed = vec![front];
    while placed.len() < groups {
        let open = || (0..groups).filter(|group| !placed.contains(group));
        let callers = |group: usize| {
            crossings.iter().filter(move |crossing| {
                crossing.to == group && crossing.from != group && crossing.calls > 0.0
            })
        };
        let called = |group: usize, by_placed: bool| {
            callers(group).any(|crossing| placed.contains(&crossing.from) == by_placed)
        };
        // A group whose callers are all placed; in a circle, one that a placed group calls.
        let next = open()
            .find(|group| !called(*group, false))
            .or_else(|| open().find(|group| called(*group, true)))
            .or_else(|| open().next());
        placed.extend(next);
    }
    placed
}

/// The calls from groups to later ones, by the order's ids, ascending. Each called group's shares add up to
/// the whole.
#[must_use]
pub fn calls(order: &[usize], crossings: &[Crossing]) -> Vec<GroupCall> {
    let id = |group: usize| order.iter().position(|placed| *placed == group);
    let mut sums: Vec<(usize, usize, Crossing)> = Vec::new();
    for crossing in crossings {
        let (Some(from), Some(to)) = (id(crossing.from), id(crossing.to)) else {
            continue;
        };
        if from >= to || crossing.calls <= 0.0 {
            continue;
        }
        match sums.iter_mut().find(|sum| (sum.0, sum.1) == (from, to)) {
            Some((_, _, sum)) => {
                sum.calls += crossing.calls;
                sum.bytes += crossing.bytes;
                sum.work += crossing.work;
            }
            None => sums.push((from, to, *crossing)),
        }
    }
    sums.sort_by_key(|sum| (sum.0, sum.1));
    let shares = shares(&sums);
    let both = sums.iter().zip(shares);
    both.map(|((from, to, sum), share)| GroupCall {
        from: GroupId::from_index(*from),
        to: GroupId::from_index(*to),
        share,
        round_trips: rounded_u32(sum.calls * 1_000.0),
        bytes: Bytes(rounded(sum.bytes)),
    })
    .collect()
}

/// Each call's part of the called group's work. Rounded down, and what is left over goes to the largest
/// remainders, the earlier caller first.
fn shares(sums: &[(usize, usize, Crossing)]) -> Vec<Permille> {
    let mut shares = vec![Permille::ZERO; sums.len()];
    for called in sums.iter().map(|sum| sum.1) {
        let places: Vec<usize> = (0..sums.len()).filter(|place| sums[*place].1 == called).collect();
        let weight = |place: usize| {
            let worked = places.iter().any(|place| sums[*place].2.work > 0.0);
            if worked { sums[place].2.work } else { sums[place].2.calls }
        };
        let total: f64 = places.iter().map(|place| weight(*place)).sum();
        let exact = |place: usize| weight(place) / total * 1_000.0;
        let floor = |place: usize| rounded(libm::floor(exact(place)));
        let given: u64 = places.iter().map(|place| floor(*place)).sum();
        let mut by_rest = places.clone();
        by_rest.sort_by(|a, b| {
            let rest = |place: usize| exact(place) - libm::floor(exact(place));
            rest(*b).total_cmp(&rest(*a)).then(a.cmp(b))
        });
        let left = usize::try_from(1_000_u64.saturating_sub(given)).unwrap_or(0);
        for (rank, place) in by_rest.into_iter().enumerate() {
            let share = floor(place) + u64::from(rank < left);
            shares[place] = Permille(u16::try_from(share).unwrap_or(1_000));
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crossing(from: usize, to: usize, calls: f64, work: f64) -> Crossing {
        Crossing { from, to, calls, bytes: calls * 100.0, work }
    }

    #[test]
    fn the_front_comes_first_and_callers_before_the_called() {
        let chain = [crossing(2, 1, 1.0, 1.0), crossing(1, 0, 1.0, 1.0)];
        assert_eq!(order(3, 2, &chain), [2, 1, 0]);
        let circle = [
            crossing(0, 1, 1.0, 1.0),
            crossing(1, 2, 1.0, 1.0),
            crossing(2, 1, 0.5, 1.0),
            crossing(1, 0, 0.5, 1.0),
        ];
        assert_eq!(order(3, 0, &circle), [0, 1, 2]);
        assert_eq!(order(3, 1, &[]), [1, 0, 2]);
    }

    #[test]
    fn shares_add_up_to_the_whole_and_backward_calls_are_dropped() {
        let crossings = [
            crossing(0, 1, 2.0, 10.0),
            crossing(0, 2, 1.0, 1.0),
            crossing(1, 2, 1.0, 1.0),
            crossing(1, 2, 0.5, 1.0),
            crossing(2, 0, 1.0, 9.0),
        ];
        let calls = calls(&[0, 1, 2], &crossings);
        let said: Vec<_> = calls
            .iter()
            .map(|call| (call.from.0, call.to.0, call.share.0, call.round_trips, call.bytes.0))
            .collect();
        assert_eq!(
            said,
            [(0, 1, 1_000, 2_000, 200), (0, 2, 333, 1_000, 100), (1, 2, 667, 1_500, 150)]
        );
    }

    #[test]
    fn thirds_add_up() {
        let thirds = [crossing(0, 3, 1.0, 1.0), crossing(1, 3, 1.0, 1.0), crossing(2, 3, 1.0, 1.0)];
        let calls = calls(&[0, 1, 2, 3], &thirds);
        let shares: Vec<u16> = calls.iter().map(|call| call.share.0).collect();
        assert_eq!(shares, [334, 333, 333]);
    }
}
