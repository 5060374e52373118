//! Goals: what must hold, with confidence, and which candidate holds it for least.

use serde::Serialize;

use crate::failure::Failure;
use crate::whatif::compare::bounded;
use crate::whatif::guard::Comparison;
use crate::whatif::measures::path_of;
use crate::whatif::runs::Run;

/// What must hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Goal {
    pub(crate) text: String,
    /// The measure's path.
    pub(crate) measure: String,
    /// Whether it must be the limit at least, rather than at most.
    pub(crate) at_least: bool,
    pub(crate) limit: f64,
}

/// How a candidate stands to a goal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Standing {
    /// The mean over seeds.
    pub(crate) mean: f64,
    /// What the true mean is not worse than, with confidence; the mean itself from a single seed.
    pub(crate) bound: f64,
    /// Whether the goal holds even there.
    pub(crate) holds: bool,
}

/// A candidate: a variant with what came out of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    /// The mean of what is to be small.
    pub(crate) price: f64,
    /// In the order of the goals.
    #[serde(rename = "goals")]
    pub(crate) standings: Vec<Standing>,
    /// Whether all goals hold.
    pub(crate) holds: bool,
    /// No other candidate is better in one thing and not worse in all others.
    pub(crate) frontier: bool,
}

impl Goal {
    /// Reads a measure, `>=` or `<=`, and a number.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let read = Comparison::read(text).filter(|read| read.equal && !read.signed);
        let read = read.ok_or_else(|| Failure::Usage {
            message: format!("`{text}` does not say what must hold"),
            hint: "write a measure, `>=` or `<=`, and a number, as in 'slo >= 99.9%'".into(),
        })?;
        let measure = path_of(read.name);
        Ok(Self { text: text.into(), measure, at_least: read.above, limit: read.value })
    }

    /// How runs of one candidate stand to it.
    fn stands(&self, runs: &[Run]) -> Standing {
        let (mean, margin) = bounded(&sample(runs, &self.measure));
        let margin = margin.unwrap_or(0.0);
        let bound = if self.at_least { mean - margin } else { mean + margin };
        let holds = if self.at_least { bound >= self.limit } else { bound <= self.limit };
        Standing { mean, bound, holds }
    }
}

impl Candidate {
    pub(crate) fn new(name: &str, runs: &[Run], minimize: &str, goals: &[Goal]) -> Self {
        let standings: Vec<Standing> = goals.iter().map(|goal| goal.stands(runs)).collect();
        Self {
            name: name.into(),
            price: bounded(&sample(runs, minimize)).0,
            holds: standings.iter().all(|standing| standing.holds),
            standings,
            frontier: false,
        }
    }

    fn dominates(&self, other: &Self, goals: &[Goal]) -> bool {
        let pairs = self.standings.iter().zip(&other.standings).zip(goals);
        let gains = pairs.map(|((mine, theirs), goal)| {
            let gain = mine.mean - theirs.mean;
            if goal.at_least { gain } else { -gain }
        });
        let gains: Vec<f64> = gains.chain([other.price - self.price]).collect();
        gains.iter().all(|gain| *gain >= 0.0) && gains.iter().any(|gain| *gain > 0.0)
    }
}

/// Marks the candidates that no other one dominates, and gives the place of the one that holds all goals for
/// least: of equals, the first.
pub(crate) fn choose(candidates: &mut [Candidate], goals: &[Goal]) -> Option<usize> {
    for place in 0..candidates.len() {
        let beaten = candidates.iter().any(|other| other.dominates(&candidates[place], goals));
        candidates[place].frontier = !beaten;
    }
    let holding = candidates.iter().enumerate().filter(|(_, candidate)| candidate.holds);
    holding.min_by(|a, b| a.1.price.total_cmp(&b.1.price)).map(|(place, _)| place)
}

fn sample(runs: &[Run], measure: &str) -> Vec<f64> {
    runs.iter().filter_map(|run| run.measures.get(measure).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(price: f64, mean: f64, holds: bool) -> Candidate {
        let standing = Standing { mean, bound: mean, holds };
        Candidate { name: String::new(), price, standings: vec![standing], holds, frontier: false }
    }

    #[test]
    fn the_cheapest_that_holds_is_chosen_and_the_frontier_is_what_nothing_beats() {
        let goals = [Goal::parse("slo >= 99%").unwrap()];
        let mut candidates = [
            candidate(1.0, 0.98, false),
            candidate(3.0, 0.995, true),
            candidate(2.0, 0.99, true),
            candidate(2.0, 0.985, false),
            candidate(3.0, 0.995, true),
        ];
        assert_eq!(choose(&mut candidates, &goals), Some(2));
        let frontier: Vec<bool> = candidates.iter().map(|candidate| candidate.frontier).collect();
        assert_eq!(frontier, [true, true, true, false, true]);
        assert_eq!(choose(&mut [candidate(1.0, 0.5, false)], &goals), None);
    }

    #[test]
    fn what_is_no_goal_is_told() {
        for text in ["slo", "slo > 99%", "slo >= +1%", "slo >= many"] {
            assert!(Goal::parse(text).is_err(), "{text}");
        }
    }
}
