//! Sites: how much of something each site is to have, found step by step.
//!
//! It begins with the least everywhere. Each step gives one site a level more (a greedy search): the one that saves most,
//! and if none saves anything, the one that closes most of what is missing per added price, as long as anything is
//! missing. What a step does shrinks as others are given more, so that what was measured earlier is at most that: only
//! steps that could be the best are measured again (lazily, Minoux 1978). At the end, steps that turn out not to be
//! needed any more are taken back.

use std::cmp::Ordering;

use crate::failure::Failure;

/// The level of every site, from 0.
pub(crate) type Levels = Vec<usize>;

/// What came out of some levels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    /// How much is missing to the goals, in parts of what was missing at the beginning.
    pub(crate) gap: f64,
    pub(crate) price: f64,
    /// Whether all goals hold.
    pub(crate) holds: bool,
}

/// A site's next level, and what came out with it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) site: usize,
    pub(crate) level: usize,
    pub(crate) measured: Measured,
    /// What it closes of the gap, and what it adds to the price, as they were measured.
    pub(crate) gain: f64,
    pub(crate) added: f64,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) start: Measured,
    pub(crate) steps: Vec<Step>,
    /// Steps that turned out not to be needed, by site.
    pub(crate) taken_back: Vec<usize>,
    pub(crate) levels: Levels,
    pub(crate) end: Measured,
    /// What would help most next, the best first.
    pub(crate) next: Vec<Step>,
}

/// What levels are measured by; several at once, so that cores have work.
pub(crate) trait Measure {
    /// What comes out of each.
    fn measure(&mut self, levels: &[Levels]) -> Result<Vec<Measured>, Failure>;
}

/// How far a search may go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) sites: usize,
    /// How many levels there are.
    pub(crate) levels: usize,
    /// How many steps are measured at once.
    pub(crate) batch: usize,
}

impl Step {
    /// Whether it saves something, and nothing is missing for it that was there.
    fn saves(&self) -> bool {
        self.added < 0.0 && (self.gain >= 0.0 || self.measured.holds)
    }

    /// What it saves, or closes for what it costs.
    fn order(&self, other: &Self) -> Ordering {
        let worth = |step: &Self| match step.saves() {
            true => (2, -step.added),
            false if step.gain > 0.0 => (1, step.gain / step.added.max(f64::MIN_POSITIVE)),
            false => (0, step.gain),
        };
        let (mine, others) = (worth(self), worth(other));
        let by_worth = mine.0.cmp(&others.0).then(mine.1.total_cmp(&others.1));
        by_worth.then(other.site.cmp(&self.site))
    }
}

/// Searches the levels that hold all goals for little.
///
/// # Errors
/// Something could not be measured.
pub(crate) fn search(bounds: Bounds, measure: &mut dyn Measure) -> Result<Found, Failure> {
    let mut levels: Levels = vec![0; bounds.sites];
    let start = one(measure, &levels)?;
    let mut search = Search { bounds, measure, now: start.clone(), steps: Vec::new() };
    let mut queue = search.first(&levels)?;
    while let Some(step) = search.best(&mut queue, &levels)? {
        levels[step.site] = step.level;
        search.now = step.measured.clone();
        search.steps.push(step.clone());
        queue.extend(search.further(&step));
    }
    let taken_back = search.take_back(&mut levels)?;
    let next = search.best_few(&mut queue, &levels)?;
    let (steps, end) = (search.steps, search.now);
    Ok(Found { start, steps, taken_back, levels, end, next })
}

/// So many steps are told that would help next.
const NEXT_TOLD: usize = 5;

/// A search that goes on.
struct Search<'m> {
    bounds: Bounds,
    measure: &'m mut dyn Measure,
    now: Measured,
    steps: Vec<Step>,
}

/// A step, and after how many others it was measured.
#[derive(Clone, Debug)]
struct Known {
    step: Step,
    after: usize,
}

impl Search<'_> {
    /// All first steps, measured.
    fn first(&mut self, levels: &Levels) -> Result<Vec<Known>, Failure> {
        if self.bounds.levels < 2 {
            return Ok(Vec::new());
        }
        let wanted: Vec<(usize, usize)> = (0..self.bounds.sites).map(|site| (site, 1)).collect();
        self.measured(&wanted, levels)
    }

    fn measured(
        &mut self,
        wanted: &[(usize, usize)],
        levels: &Levels,
    ) -> Result<Vec<Known>, Failure> {
        let states: Vec<Levels> = wanted
            .iter()
            .map(|(site, level)| {
                let mut state = levels.clone();
                state[*site] = *level;
                state
            })
            .collect();
        let measured = self.measure.measure(&states)?;
        let known = wanted.iter().zip(measured).map(|((site, level), measured)| {
            let (gain, added) = (self.now.gap - measured.gap, measured.price - self.now.price);
            let step = Step { site: *site, level: *level, measured, gain, added };
            Known { step, after: self.steps.len() }
        });
        Ok(known.collect())
    }

    /// A further step of a site: until it is measured it passes for as good as the last one.
    fn further(&self, step: &Step) -> Option<Known> {
        let level = step.level + 1;
        (level < self.bounds.levels)
            .then(|| Known { step: Step { level, ..step.clone() }, after: usize::MAX })
    }

    /// The best step, measured now; nothing if none saves anything, nor closes what is missing.
    fn best(&mut self, queue: &mut Vec<Known>, levels: &Levels) -> Result<Option<Step>, Failure> {
        loop {
            queue.sort_by(|one, other| other.step.order(&one.step));
            let Some(first) = queue.first() else { return Ok(None) };
            let helps = first.step.saves() || !self.now.holds && first.step.gain > 0.0;
            if !helps {
                return Ok(None);
            }
            if first.after == self.steps.len() {
                return Ok(Some(queue.remove(0).step));
            }
            let stale = queue.iter().take_while(|known| known.after != self.steps.len());
            let stale = stale.take(self.bounds.batch).count();
            self.renew(queue, stale, levels)?;
        }
    }

    /// Measures the first few of the queue again.
    fn renew(
        &mut self,
        queue: &mut Vec<Known>,
        count: usize,
        levels: &Levels,
    ) -> Result<(), Failure> {
        let stale: Vec<Known> = queue.drain(..count).collect();
        let wanted: Vec<(usize, usize)> =
            stale.iter().map(|known| (known.step.site, known.step.level)).collect();
        queue.extend(self.measured(&wanted, levels)?);
        Ok(())
    }

    /// Takes back steps without which all goals hold as well, those that closed least first.
    fn take_back(&mut self, levels: &mut Levels) -> Result<Vec<usize>, Failure> {
        let mut taken = Vec::new();
        if !self.now.holds {
            return Ok(taken);
        }
        let mut order: Vec<usize> = (0..self.steps.len()).collect();
        order.sort_by(|one, other| self.steps[*one].order(&self.steps[*other]));
        for place in order {
            let Step { site, level, .. } = self.steps[place];
            if levels[site] != level {
                continue;
            }
            let mut fewer = levels.clone();
            fewer[site] -= 1;
            let measured = one(self.measure, &fewer)?;
            if measured.holds && measured.price < self.now.price {
                *levels = fewer;
                self.now = measured;
                taken.push(site);
            }
        }
        Ok(taken)
    }

    /// What would help most next.
    fn best_few(&mut self, queue: &mut Vec<Known>, levels: &Levels) -> Result<Vec<Step>, Failure> {
        queue.sort_by(|one, other| other.step.order(&one.step));
        queue.retain(|known| known.step.level == levels[known.step.site] + 1);
        queue.truncate(2 * NEXT_TOLD);
        let count = queue.len();
        self.renew(queue, count, levels)?;
        queue.sort_by(|one, other| other.step.order(&one.step));
        let helping = queue.iter().filter(|known| known.step.gain > 0.0);
        Ok(helping.take(NEXT_TOLD).map(|known| known.step.clone()).collect())
    }
}

fn one(measure: &mut dyn Measure, levels: &Levels) -> Result<Measured, Failure> {
    let mut measured = measure.measure(std::slice::from_ref(levels))?;
    Ok(measured.remove(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places that sites cover together, each with a price; enough is covered at the goal.
    struct Covering {
        covers: Vec<Vec<Vec<u32>>>,
        prices: Vec<f64>,
        goal: usize,
        asked: usize,
    }

    impl Measure for Covering {
        fn measure(&mut self, levels: &[Levels]) -> Result<Vec<Measured>, Failure> {
            self.asked += levels.len();
            let measured = levels.iter().map(|levels| {
                let given = self.covers.iter().zip(levels);
                let mut covered: Vec<u32> =
                    given.flat_map(|(covers, level)| covers[..*level].concat()).collect();
                covered.sort_unstable();
                covered.dedup();
                let price =
                    self.prices.iter().zip(levels).map(|(price, level)| price * *level as f64);
                let missing = self.goal.saturating_sub(covered.len());
                let gap = missing as f64 / self.goal as f64;
                Measured { gap, price: price.sum(), holds: missing == 0 }
            });
            Ok(measured.collect())
        }
    }

    /// Each of 40 sites covers six of 90 places at first and three more with a second level. Parts of 64 are exact.
    fn covering() -> Covering {
        let place = |site: u32, number: u32| (site * 37 + number * number * 11 + number * 5) % 90;
        let covers = (0..40).map(|site| {
            vec![
                (0..6).map(|number| place(site, number)).collect(),
                (6..9).map(|number| place(site, number)).collect(),
            ]
        });
        let prices = (0..40).map(|site| 1.0 + f64::from(site % 3));
        Covering { covers: covers.collect(), prices: prices.collect(), goal: 64, asked: 0 }
    }

    const BOUNDS: Bounds = Bounds { sites: 40, levels: 3, batch: 4 };

    /// The same without being lazy, and without taking anything back.
    fn plainly(measure: &mut Covering) -> Vec<(usize, usize)> {
        let mut levels = vec![0; 40];
        let mut now = one(measure, &levels).unwrap();
        let mut steps = Vec::new();
        while !now.holds {
            let tried = (0..40).filter(|site| levels[*site] < 2).map(|site| {
                let mut state: Levels = levels.clone();
                state[site] += 1;
                let measured = one(measure, &state).unwrap();
                let (gain, added) = (now.gap - measured.gap, measured.price - now.price);
                Step { site, level: state[site], measured, gain, added }
            });
            let tried: Vec<Step> = tried.collect();
            let best = tried.iter().max_by(|one, other| one.order(other)).unwrap().clone();
            levels[best.site] = best.level;
            steps.push((best.site, best.level));
            now = best.measured;
        }
        steps
    }

    #[test]
    fn being_lazy_finds_the_same_and_asks_less() {
        let mut measure = covering();
        let found = search(BOUNDS, &mut measure).unwrap();
        assert!(found.end.holds && !found.start.holds);
        let mut plain = covering();
        let steps: Vec<(usize, usize)> =
            found.steps.iter().map(|step| (step.site, step.level)).collect();
        assert_eq!(steps, plainly(&mut plain));
        assert!(measure.asked * 2 < plain.asked, "{} and {}", measure.asked, plain.asked);
    }

    #[test]
    fn nothing_that_is_left_could_be_taken_back() {
        let mut measure = covering();
        let found = search(BOUNDS, &mut measure).unwrap();
        for site in 0..40 {
            let mut fewer = found.levels.clone();
            if fewer[site] > 0 {
                fewer[site] -= 1;
                assert!(!one(&mut measure, &fewer).unwrap().holds, "site {site}");
            }
        }
        assert!(found.next.iter().all(|step| step.gain > 0.0) || found.next.is_empty());
    }

    #[test]
    fn what_cannot_be_reached_ends_where_nothing_helps_any_more() {
        let mut measure = Covering { goal: 91, ..covering() };
        let found = search(BOUNDS, &mut measure).unwrap();
        assert!(!found.end.holds && found.end.gap > 0.0 && found.taken_back.is_empty());
        let mut none = Covering { goal: 0, ..covering() };
        let found = search(BOUNDS, &mut none).unwrap();
        assert!(found.steps.is_empty() && found.levels == vec![0; 40]);
    }

    #[test]
    fn what_saves_something_is_done_even_if_nothing_is_missing() {
        let mut measure = Covering { goal: 0, ..covering() };
        (measure.prices[7], measure.prices[9]) = (-1.0, -2.0);
        let found = search(BOUNDS, &mut measure).unwrap();
        let steps: Vec<(usize, usize)> =
            found.steps.iter().map(|step| (step.site, step.level)).collect();
        assert_eq!(steps, [(9, 1), (9, 2), (7, 1), (7, 2)]);
    }
}
