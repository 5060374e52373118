//! Goals: what must hold, with confidence, and which candidate holds it for least.
//!
//! A goal is about the mean of all runs, or about a part of them. The bound of a mean is that of Student's t after Hall's
//! transformation; that of a part, Clopper and Pearson's (1934). With several candidates and goals every single bound holds with so much more
//! confidence that all of them together hold with the one that is stated (Bonferroni): otherwise the best of many would
//! be chosen for its luck.

use serde::Serialize;
use statrs::distribution::{Beta, ContinuousCDF};

use crate::failure::Failure;
use crate::render::percent;
use crate::whatif::compare::{CONFIDENCE, Side, bounded};
use crate::whatif::guard::{Comparison, number_of};
use crate::whatif::measures;
use crate::whatif::runs::{Run, sample};
use crate::whatif::weighed::{Weighed, mean};

/// What must hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Goal {
    pub(crate) text: String,
    /// The measure's path.
    pub(crate) measure: String,
    /// Whether it must be the limit at least, rather than at most.
    pub(crate) at_least: bool,
    pub(crate) limit: f64,
    /// The part of all runs in which it must hold, rather than for their mean.
    pub(crate) part: Option<f64>,
}

/// How a candidate stands to a goal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Standing {
    /// The mean over runs, or the part of them in which the goal held.
    pub(crate) found: f64,
    /// What the truth is not worse than, with confidence; what was found itself from a single run.
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
    /// Reads a measure, `>=` or `<=`, and a number; perhaps in how many of all runs.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = || {
            Failure::Usage {
            message: format!("`{text}` does not say what must hold"),
            hint: "write a measure, `>=` or `<=`, and a number, as in 'slo >= 99.9%' or 'slo >= 99.9% in 95% of days'"
                .into(),
        }
        };
        let (limit, part) = match text.split_once(" in ") {
            Some((limit, part)) => (limit, Some(read_part(part).ok_or_else(wrong)?)),
            None => (text, None),
        };
        let read = Comparison::read(limit).filter(|read| read.equal && !read.signed);
        let read = read.ok_or_else(wrong)?;
        let measure = read.measure()?;
        Ok(Self { text: text.into(), measure, at_least: read.above, limit: read.value, part })
    }

    /// Refuses to ask too few runs whether something holds in nearly all; each counts for its part.
    ///
    /// # Errors
    /// Even if it held in all of them, that would not be sure.
    pub(crate) fn require(&self, runs: &[Weighed], confidence: f64) -> Result<(), Failure> {
        let Some(part) = self.part else { return Ok(()) };
        let all: Vec<Weighed> =
            runs.iter().map(|run| Weighed { value: self.limit, ..*run }).collect();
        if self.held(&all, confidence).1 >= part {
            return Ok(());
        }
        Err(Failure::Usage {
            message: format!("{} runs are too few to be sure of `{}`", runs.len(), self.text),
            hint: format!(
                "ask for at least {} with `--days` or `--seeds`, for fewer candidates at once, or for a smaller part",
                enough(&all, part, confidence)
            ),
        })
    }

    /// How runs of one candidate stand to it, with this much confidence.
    fn stands(&self, runs: &[Run], confidence: f64) -> Standing {
        let sample = sample(runs, &self.measure).unwrap_or_default();
        if let Some(part) = self.part {
            let (found, bound) = self.held(&sample, confidence);
            return Standing { found, bound, holds: bound >= part };
        }
        let side = if self.at_least { Side::Below } else { Side::Above };
        let (mean, bound) = bounded(&sample, confidence, side);
        Standing { found: mean, bound, holds: self.holds(bound) }
    }

    /// How much is missing to it: to the bound of the mean, or in single runs on average.
    pub(crate) fn gap(&self, runs: &[Run], confidence: f64) -> f64 {
        let missing = |value: f64| {
            let missing = if self.at_least { self.limit - value } else { value - self.limit };
            missing.max(0.0)
        };
        match self.part {
            None => missing(self.stands(runs, confidence).bound),
            Some(_) => {
                let sample = sample(runs, &self.measure).unwrap_or_default();
                sample.iter().map(|one| one.part * missing(one.value)).sum()
            }
        }
    }

    /// The part of all in which it holds, and the least that this may be: where there are strata, the sum of what it is
    /// at least in each.
    fn held(&self, sample: &[Weighed], confidence: f64) -> (f64, f64) {
        let found: f64 =
            sample.iter().filter(|one| self.holds(one.value)).map(|one| one.part).sum();
        let strata = sample.iter().map(|one| one.stratum).max().unwrap_or(0) + 1;
        let each = 1.0 - (1.0 - confidence) / strata as f64;
        let least = (0..strata).map(|stratum| {
            let alike = || sample.iter().filter(move |one| one.stratum == stratum);
            let held = alike().filter(|one| self.holds(one.value)).count();
            let part: f64 = alike().map(|one| one.part).sum();
            part * least_part(held, alike().count(), each)
        });
        (found, least.sum())
    }

    fn holds(&self, value: f64) -> bool {
        if self.at_least { value >= self.limit } else { value <= self.limit }
    }

    /// How much better one value is than another.
    fn gain(&self, mine: f64, other: f64) -> f64 {
        let more_is_better = self.at_least || self.part.is_some();
        if more_is_better { mine - other } else { other - mine }
    }

    /// A value of it as people read it.
    pub(crate) fn told(&self, value: f64) -> String {
        match self.part {
            Some(_) => format!("{} of runs", percent(value)),
            None => measures::told(&self.measure, value),
        }
    }
}

/// Reads `95% of days`.
fn read_part(text: &str) -> Option<f64> {
    let (number, of) = text.trim().split_once(" of ")?;
    let part = number_of(number.trim().strip_suffix('%')?.trim(), true)?;
    (matches!(of.trim(), "days" | "runs" | "seeds") && part > 0.0 && part < 1.0).then_some(part)
}

/// The confidence of each of so many bounds that hold together with the one that is stated.
pub(crate) fn confidence_of_each(bounds: usize) -> f64 {
    1.0 - (1.0 - CONFIDENCE) / bounds.max(1) as f64
}

/// So many runs like these would be enough, if it held in all of them.
fn enough(all: &[Weighed], part: f64, confidence: f64) -> usize {
    let strata = strata_of(all);
    let each = 1.0 - (1.0 - confidence) / strata.len() as f64;
    let holds = |times: usize| {
        let least = strata.iter().map(|(count, weight)| weight * least_of_all(count * times, each));
        least.sum::<f64>() >= part
    };
    let mut most = 2;
    while !holds(most) && most < usize::MAX / (2 * all.len()) {
        most *= 2;
    }
    let mut least = most / 2;
    while least + 1 < most {
        let middle = usize::midpoint(least, most);
        if holds(middle) { most = middle } else { least = middle }
    }
    most * all.len()
}

/// How many runs each stratum has, and what part of all they count for.
fn strata_of(all: &[Weighed]) -> Vec<(usize, f64)> {
    let mut strata: Vec<(usize, f64)> = Vec::new();
    for one in all {
        strata.resize(strata.len().max(one.stratum + 1), (0, 0.0));
        let (count, part) = &mut strata[one.stratum];
        (*count, *part) = (*count + 1, *part + one.part);
    }
    strata
}

/// The least part of all in which something holds, if it held each of so many times.
fn least_of_all(times: usize, confidence: f64) -> f64 {
    (1.0 - confidence).powf(1.0 / times as f64)
}

/// The least part of all in which something holds, if it held `held` times of `of`.
fn least_part(held: usize, of: usize, confidence: f64) -> f64 {
    match (held, of) {
        (0, _) => 0.0,
        // One run says what came out of it, and nothing about others.
        (1, 1) => 1.0,
        _ => Beta::new(held as f64, (of - held + 1) as f64)
            .map_or(0.0, |beta| beta.inverse_cdf(1.0 - confidence)),
    }
}

impl Candidate {
    pub(crate) fn new(
        name: &str,
        runs: &[Run],
        minimize: &str,
        goals: &[Goal],
        confidence: f64,
    ) -> Self {
        let standings: Vec<Standing> =
            goals.iter().map(|goal| goal.stands(runs, confidence)).collect();
        Self {
            name: name.into(),
            price: mean(&sample(runs, minimize).unwrap_or_default()),
            holds: standings.iter().all(|standing| standing.holds),
            standings,
            frontier: false,
        }
    }

    fn dominates(&self, other: &Self, goals: &[Goal]) -> bool {
        let pairs = self.standings.iter().zip(&other.standings).zip(goals);
        let gains = pairs.map(|((mine, theirs), goal)| goal.gain(mine.found, theirs.found));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::whatif::weighed::equally;

    fn candidate(price: f64, found: f64, holds: bool) -> Candidate {
        let standing = Standing { found, bound: found, holds };
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
        let wrong = [
            "slo",
            "slo > 99%",
            "slo >= +1%",
            "slo >= many",
            "slo >= 9% in days",
            "slo >= 9% in 100% of days",
            "slo >= 9% in 50% of moons",
        ];
        for text in wrong {
            assert!(Goal::parse(text).is_err(), "{text}");
        }
        let goal = Goal::parse("slo >= 99.9% in 95% of days").unwrap();
        assert_eq!((goal.limit, goal.part), (0.999, Some(0.95)));
    }

    #[test]
    fn parts_are_bounded_as_in_the_tables() {
        // Clopper and Pearson: of 10, 9 held; with 95 % to one side, at least 0.6058 do.
        assert!((least_part(9, 10, 0.95) - 0.6058).abs() < 1e-4);
        // All of 59 held: at least 95 %, the rule of Wilks (1941).
        assert!(least_part(59, 59, 0.95) >= 0.95 && least_part(58, 58, 0.95) < 0.95);
        let goal = Goal::parse("slo >= 99% in 95% of days").unwrap();
        let runs = |count: usize| equally(&vec![0.0; count]);
        assert!(goal.require(&runs(59), 0.95).is_ok());
        let told = goal.require(&runs(30), 0.95).unwrap_err();
        assert!(format!("{told:?}").contains("at least 60"), "{told:?}");
    }
}
