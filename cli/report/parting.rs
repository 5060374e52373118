//! Partings: where two runs serve the same users from different clusters, and which of these matter most.
//!
//! A parting lasts as long as both sides stay as they are. It weighs what it is about in money: its requests, the
//! part of them that goes elsewhere, and the difference between the prices of a request in the two bills.

use std::collections::BTreeMap;

use periplus_core::units::{MilliRps, Permille, Span, Tick};

use crate::report::flows::{FlowName, Flows, Look, Made, Takers, Total, Track};

/// So many partings are told.
pub(crate) const TOLD: usize = 10;

/// A stretch of time in which a flow is taken by others than in another run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parting {
    pub(crate) flow: FlowName,
    pub(crate) from: Tick,
    pub(crate) until: Tick,
    /// The mean rate of both sides, requests per second.
    pub(crate) rate: f64,
    /// Requests that went elsewhere.
    pub(crate) moved: f64,
    /// US dollars.
    pub(crate) stake: f64,
    pub(crate) sides: [Side; 2],
}

/// One of the two runs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Side {
    pub(crate) takers: Takers,
    /// The decision that said so.
    pub(crate) made: Option<Made>,
    /// The last guard that held a change back in the meantime.
    pub(crate) held: Option<String>,
    /// US dollars for a request.
    pub(crate) price: Option<f64>,
    pub(crate) bound: Bound,
}

/// What a price is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Exactly,
    /// No bill is known: only those that nobody serves are counted.
    AtLeast,
    /// None of the takers can take all: it is the price of the cheapest that could.
    AtMost,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// How many flows part at all.
    pub(crate) flows: usize,
    /// Those that matter most, the weightiest first.
    pub(crate) told: Vec<Parting>,
}

/// Where `other` parts from `base`. Every flow is told once before one is told twice.
pub(crate) fn find(base: &Flows, other: &Flows) -> Found {
    let ids = Ids::of(base, other);
    let mut found: Vec<(usize, Parting)> = Vec::new();
    let mut flows = 0;
    for (name, track) in &base.by_name {
        let Some(theirs) = other.by_name.get(name) else { continue };
        let pair = Pair { name, flows: [base, other], tracks: [track, theirs], ids: &ids };
        let mut partings = pair.partings();
        flows += usize::from(!partings.is_empty());
        partings.sort_by(heavier);
        found.extend(partings.into_iter().take(TOLD).enumerate());
    }
    found.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| heavier(&a.1, &b.1)));
    found.truncate(TOLD);
    let mut told: Vec<Parting> = found.into_iter().map(|(_, parting)| parting).collect();
    told.sort_by(heavier);
    Found { flows, told }
}

fn heavier(a: &Parting, b: &Parting) -> std::cmp::Ordering {
    let more = b.stake.total_cmp(&a.stake).then(b.moved.total_cmp(&a.moved));
    more.then_with(|| (&a.flow, a.from).cmp(&(&b.flow, b.from)))
}

/// The takers of both runs, counted alike.
struct Ids([Vec<usize>; 2]);

impl Ids {
    fn of(base: &Flows, other: &Flows) -> Self {
        let mut known: BTreeMap<&Takers, usize> = BTreeMap::new();
        let ids = [base, other].map(|flows| {
            let id = |takers| {
                let next = known.len();
                *known.entry(takers).or_insert(next)
            };
            flows.takers.iter().map(id).collect()
        });
        Self(ids)
    }
}

/// The same flow in both runs.
struct Pair<'a> {
    name: &'a FlowName,
    flows: [&'a Flows; 2],
    tracks: [&'a Track; 2],
    ids: &'a Ids,
}

/// What both runs show at one look.
#[derive(Clone, Copy, PartialEq)]
struct Sight {
    looks: [Look; 2],
    ids: [usize; 2],
}

impl Pair<'_> {
    /// Stretches of looks at which both differ and neither changes.
    fn partings(&self) -> Vec<Parting> {
        let count = self.tracks[0].looks.len().min(self.tracks[1].looks.len());
        let sights: Vec<Option<Sight>> = (0..count).map(|look| self.sight(look)).collect();
        let same = |a: &Option<Sight>, b: &Option<Sight>| match (a, b) {
            (Some(a), Some(b)) => a.ids == b.ids,
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let mut partings = Vec::new();
        let mut first = 0;
        for stretch in sights.chunk_by(same) {
            let sights: Option<Vec<Sight>> = stretch.iter().copied().collect();
            partings.extend(sights.map(|sights| self.parting(first, &sights)));
            first += stretch.len();
        }
        partings
    }

    fn sight(&self, look: usize) -> Option<Sight> {
        let looks = [self.tracks[0].looks[look]?, self.tracks[1].looks[look]?];
        let ids = [self.ids.0[0][looks[0].takers], self.ids.0[1][looks[1].takers]];
        (ids[0] != ids[1]).then_some(Sight { looks, ids })
    }

    fn parting(&self, first: usize, sights: &[Sight]) -> Parting {
        let every = self.flows[0].every;
        let tick = |look: usize| Tick(every.0 * look as u64);
        let seen = tick(first + 1);
        let until = tick(first + sights.len() + 1).min(tick(self.tracks[0].looks.len()));
        let takers = |side: usize| &self.flows[side].takers[sights[0].looks[side].takers];
        let sides = [0, 1].map(|side| self.side(side, takers(side), seen, until));
        // A look comes some time after the decision.
        let decided = sides.iter().filter_map(|side| Some(side.made?.at)).max();
        let from = decided.filter(|at| *at > tick(first)).unwrap_or(seen);
        let part = part_elsewhere(takers(0), takers(1));
        let rates = |of: fn(f64, f64) -> f64| {
            let rate = |sight: &Sight| {
                let [base, other] = sight.looks.map(|look| per_second(look.rate));
                of(base, other)
            };
            sights.iter().map(rate).sum::<f64>()
        };
        let moved = rates(f64::min) * part * seconds(every);
        let stake = match (sides[0].price, sides[1].price) {
            (Some(base), Some(other)) => moved * (base - other).abs(),
            (None, _) | (_, None) => 0.0,
        };
        Parting {
            flow: self.name.clone(),
            from,
            until,
            rate: rates(f64::midpoint) / sights.len() as f64,
            moved,
            stake,
            sides,
        }
    }

    fn side(&self, side: usize, takers: &Takers, seen: Tick, until: Tick) -> Side {
        let track = self.tracks[side];
        let made = track.made.iter().rev().find(|made| made.at <= seen).copied();
        let since = made.map_or(Tick::ZERO, |made| made.at);
        let held = track.held.iter().rev().find(|(at, _)| (since..until).contains(at));
        Side {
            price: price(takers, made, track.unserved),
            bound: match made.and_then(|made| made.total) {
                Some(Total::AtMost(_)) => Bound::AtMost,
                None if !takers.is_empty() => Bound::AtLeast,
                Some(Total::Winner(_)) | None => Bound::Exactly,
            },
            takers: takers.clone(),
            made,
            held: held.map(|(_, guard)| guard.clone()),
        }
    }
}

/// US dollars for a request: what the bill says, and what the app says of those that nobody serves.
fn price(takers: &Takers, made: Option<Made>, unserved: f64) -> Option<f64> {
    let taken = f64::from(takers.iter().map(|(_, part)| part.0).sum::<u16>()) / 1e3;
    if taken == 0.0 {
        return Some(unserved);
    }
    let made = made?;
    let dollars = match made.total {
        Some(Total::Winner(total) | Total::AtMost(total)) => total.0 as f64 / 1e6,
        None => 0.0,
    };
    let requests = per_second(made.rate) * seconds(Span::HOUR);
    (requests > 0.0).then(|| taken * dollars / requests + (1.0 - taken) * unserved)
}

/// The part of a flow that two runs give to different clusters, or one of them to nobody.
fn part_elsewhere(base: &Takers, other: &Takers) -> f64 {
    let part = |takers: &Takers, name: &str| {
        takers.iter().find(|(taker, _)| taker == name).map_or(Permille::ZERO, |taker| taker.1)
    };
    let alike: u32 =
        base.iter().map(|(name, mine)| u32::from((*mine).min(part(other, name)).0)).sum();
    let all = |takers: &Takers| takers.iter().map(|(_, part)| u32::from(part.0)).sum::<u32>();
    let nobody = (1_000 - all(base).min(1_000)).min(1_000 - all(other).min(1_000));
    1.0 - f64::from(alike + nobody) / 1e3
}

fn per_second(rate: MilliRps) -> f64 {
    rate.0 as f64 / 1e3
}

fn seconds(span: Span) -> f64 {
    span.0 as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use periplus_core::ids::Seq;
    use periplus_core::units::MicroUsdPerHour;

    use super::*;

    fn takers(parts: &[(&str, u16)]) -> Takers {
        parts.iter().map(|(name, part)| ((*name).to_owned(), Permille(*part))).collect()
    }

    fn made(at: u64, micros: i64) -> Made {
        Made {
            at: Tick(at * 60_000),
            seq: Seq(at),
            decision: 0,
            total: Some(Total::Winner(MicroUsdPerHour(micros))),
            rate: MilliRps(1_000_000),
        }
    }

    /// A thousand requests per second, taken by these at each minute.
    fn flows(each: &[(usize, Made)], names: &[Takers]) -> Flows {
        let look =
            |(takers, _): &(usize, Made)| Some(Look { rate: MilliRps(1_000_000), takers: *takers });
        let mut decisions: Vec<Made> = each.iter().map(|(_, made)| *made).collect();
        decisions.sort_by_key(|made| made.at);
        let track = Track {
            looks: each.iter().map(look).collect(),
            made: decisions,
            held: Vec::new(),
            unserved: 0.5,
        };
        let name = FlowName::of_zone("shop", "port");
        Flows { every: Span::MINUTE, takers: names.to_vec(), by_name: [(name, track)].into() }
    }

    #[test]
    fn the_part_that_goes_elsewhere_counts_nobody_as_a_place() {
        let (a, b) = (takers(&[("a", 1_000)]), takers(&[("a", 600), ("b", 400)]));
        assert_eq!(part_elsewhere(&a, &a), 0.0);
        assert!((part_elsewhere(&a, &b) - 0.4).abs() < 1e-9);
        assert_eq!(part_elsewhere(&a, &takers(&[])), 1.0);
        assert!((part_elsewhere(&takers(&[("a", 900)]), &takers(&[])) - 0.9).abs() < 1e-9);
    }

    #[test]
    fn runs_part_where_they_differ_and_join_again() {
        let names = [takers(&[("a", 1_000)]), takers(&[("b", 1_000)])];
        let first = made(1, 3_600_000);
        let base = flows(&[(0, first); 6], &names);
        let dear = made(3, 7_200_000);
        let other = [(0, first), (0, first), (1, dear), (1, dear), (0, first), (0, first)];
        let found = find(&base, &flows(&other, &names));
        let [parting] = found.told.as_slice() else { panic!("{found:?}") };
        assert_eq!((found.flows, parting.from, parting.until), (1, Tick(180_000), Tick(300_000)));
        // Two minutes of a thousand requests per second, at a dollar per million more.
        assert!((parting.moved - 120_000.0).abs() < 1e-6, "{parting:?}");
        assert!((parting.stake - 0.12).abs() < 1e-9, "{parting:?}");
        assert!(find(&base, &base).told.is_empty());
    }

    #[test]
    fn what_nobody_serves_costs_what_the_app_says() {
        let names = [takers(&[("a", 1_000)]), takers(&[])];
        let first = made(1, 0);
        let base = flows(&[(0, first); 3], &names);
        let found = find(&base, &flows(&[(1, first); 3], &names));
        assert!((found.told[0].stake - 180_000.0 * 0.5).abs() < 1e-6, "{found:?}");
    }
}
