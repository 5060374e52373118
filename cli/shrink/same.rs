//! The same failure: what a smaller scenario must still do.
//!
//! An expectation that failed fails in the same way if what came out instead is the same; a number may be another, but
//! misses its bound by at most twice as much: a fleet without clusters keeps no promise either, and shows nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use periplus_core::State;
use periplus_core::units::Tick;
use periplus_sim::{RunFault, Watch, World};
use periplus_spec::scenario::{Check, Scenario};
use periplus_spec::{Bundle, Setting};

use crate::expect::{self, Traces};
use crate::failure::Failure;
use crate::whatif::guard::Comparison;
use crate::whatif::measures::{self, Measures};

/// What must stay.
#[derive(Clone, Debug)]
pub(crate) struct Same {
    pub(crate) failure: Failing,
    /// With these settings it does not fail: what cures it stays the same as well. Nothing is asked where there are none.
    pub(crate) cure: Vec<Setting>,
}

/// What fails.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failing {
    /// These expectations fail, by their places.
    Unmet(Vec<Unmet>),
    /// These conditions hold.
    While(Vec<Condition>),
    /// The run breaks with this message.
    Breaks(String),
}

/// An expectation that is not met.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unmet {
    pub(crate) place: usize,
    /// What came out instead.
    pub(crate) got: String,
    /// How far a number is from its bound.
    miss: Option<f64>,
}

/// A measure, how it is compared, and with what.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    pub(crate) text: String,
    pub(crate) measure: String,
    above: bool,
    equal: bool,
    limit: f64,
}

/// How a run came out.
#[derive(Clone, Debug)]
pub(crate) enum Played {
    Through { unmet: Vec<Unmet>, measures: Measures },
    Broken(String),
}

/// A miss may grow to so many times what it was.
const MISS_MAX: f64 = 2.0;

impl Condition {
    /// Reads a measure, `<`, `<=`, `>` or `>=`, and a number.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let read = Comparison::read(text).filter(|read| !read.signed && !read.name.is_empty());
        let read = read.ok_or_else(|| Failure::Usage {
            message: format!("`{text}` does not say what must still be so"),
            hint: "write a measure, `<` or `>`, and a number, as in 'slo < 99%'".into(),
        })?;
        let measure = read.measure()?;
        let Comparison { above, equal, value, .. } = read;
        Ok(Self { text: text.into(), measure, above, equal, limit: value })
    }

    pub(crate) fn holds(&self, measures: &Measures) -> bool {
        measures.get(&*self.measure).is_some_and(|value| match (self.above, self.equal) {
            (true, true) => *value >= self.limit,
            (true, false) => *value > self.limit,
            (false, true) => *value <= self.limit,
            (false, false) => *value < self.limit,
        })
    }
}

impl Same {
    /// Whether a scenario does the same. One that cannot be loaded does not.
    pub(crate) fn is_in(&self, bundle: &Bundle) -> Result<Option<bool>, Failure> {
        let Ok(loaded) = bundle.load() else { return Ok(None) };
        if !self.failure.is(&play(&loaded.scenario)?) {
            return Ok(Some(false));
        }
        if self.cure.is_empty() {
            return Ok(Some(true));
        }
        let Ok(cured) = bundle.load_with(&self.cure) else { return Ok(Some(false)) };
        Ok(Some(self.failure.is_cured(&play(&cured.scenario)?)))
    }
}

impl Failing {
    /// Whether nothing of it is left.
    pub(crate) fn is_cured(&self, played: &Played) -> bool {
        match (self, played) {
            (Self::Breaks(_), Played::Through { .. }) => true,
            (_, Played::Broken(_)) => false,
            (Self::Unmet(wanted), Played::Through { unmet, .. }) => {
                wanted.iter().all(|one| unmet.iter().all(|other| one.place != other.place))
            }
            (Self::While(conditions), Played::Through { measures, .. }) => {
                !conditions.iter().any(|one| one.holds(measures))
            }
        }
    }

    /// Whether a run does the same.
    pub(crate) fn is(&self, played: &Played) -> bool {
        match (self, played) {
            (Self::Breaks(message), Played::Broken(other)) => message == other,
            (Self::Unmet(wanted), Played::Through { unmet, .. }) => {
                wanted.iter().all(|one| unmet.iter().any(|other| one.is_like(other)))
            }
            (Self::While(conditions), Played::Through { measures, .. }) => {
                conditions.iter().all(|one| one.holds(measures))
            }
            (Self::Breaks(_), Played::Through { .. })
            | (Self::Unmet(_) | Self::While(_), Played::Broken(_)) => false,
        }
    }
}

impl Unmet {
    fn is_like(&self, other: &Self) -> bool {
        let Self { place, got, miss } = self;
        *place == other.place
            && match (miss, other.miss) {
                (Some(miss), Some(other)) => other <= miss * MISS_MAX,
                (None, None) => *got == other.got,
                (Some(_), None) | (None, Some(_)) => false,
            }
    }
}

/// Runs a scenario, bugs and all.
pub(crate) fn play(scenario: &Scenario) -> Result<Played, Failure> {
    let run = AssertUnwindSafe(|| {
        let mut traces = Traces::new(scenario);
        let mut looker = Looker { scenario, unmet: Vec::new() };
        let outcome = periplus_sim::run(scenario, &mut traces, &mut looker)?;
        let mut unmet = looker.unmet;
        unmet.extend(expect::found_at(scenario, None, &outcome.state));
        unmet.extend(expect::found_after(scenario, &outcome.summary, &traces));
        Ok::<_, RunFault>((unmet, measures::of_run(&outcome.summary, scenario)))
    });
    match catch_unwind(run) {
        Ok(Ok((unmet, measures))) => {
            let unmet = unmet.into_iter().map(|(place, got)| {
                let miss = miss(&scenario.expectations[place].check, &got);
                Unmet { place, got, miss }
            });
            Ok(Played::Through { unmet: unmet.collect(), measures })
        }
        Ok(Err(RunFault::Stuck { .. })) => Ok(Played::Broken("timers without end".into())),
        Ok(Err(fault @ RunFault::Time(_))) => Ok(Played::Broken(fault.to_string())),
        Ok(Err(fault @ (RunFault::Sink(_) | RunFault::Tape(_)))) => Err(fault.into()),
        Err(thrown) => {
            let text = thrown.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| thrown.downcast_ref::<&str>().copied());
            let line = text.and_then(|text| text.lines().next());
            Ok(Played::Broken(without_numbers(line.unwrap_or("a bug"))))
        }
    }
}

/// The same message whichever ids and times it is about.
fn without_numbers(message: &str) -> String {
    let parts = message.split(|letter: char| letter.is_ascii_digit());
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("…")
}

/// How far a number is from its bound. Of other checks, and of the time at which it was not quiet any more, nothing.
fn miss(check: &Check, got: &str) -> Option<f64> {
    match check {
        Check::Metric { least, most, .. } => {
            let number: f64 = got.parse().ok()?;
            let short = least.map_or(0.0, |least| least - number);
            let over = most.map_or(0.0, |most| number - most);
            Some(short.max(over))
        }
        Check::QuietFrom(_) => Some(0.0),
        Check::Clusters { .. }
        | Check::Binding { .. }
        | Check::ServedBy { .. }
        | Check::Holds(_)
        | Check::Before { .. }
        | Check::Refused(_) => None,
    }
}

/// Looks whenever an expectation is due.
struct Looker<'s> {
    scenario: &'s Scenario,
    unmet: Vec<(usize, String)>,
}

impl Watch for Looker<'_> {
    fn probes(&self) -> Vec<Tick> {
        expect::moments(self.scenario)
    }

    fn probe(&mut self, at: Tick, state: &State, _: &World<'_>) {
        self.unmet.extend(expect::found_at(self.scenario, Some(at), state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unmet(got: &str, miss: Option<f64>) -> Unmet {
        Unmet { place: 0, got: got.into(), miss }
    }

    #[test]
    fn a_number_may_miss_its_bound_by_twice_as_much_and_a_place_is_the_same_place() {
        let was = unmet("0.97", Some(0.02));
        assert!(was.is_like(&unmet("0.96", Some(0.03))) && !was.is_like(&unmet("0", Some(0.99))));
        assert!(unmet("nowhere", None).is_like(&unmet("nowhere", None)));
        assert!(!unmet("nowhere", None).is_like(&unmet("cluster-1", None)));
    }

    #[test]
    fn conditions_are_read_and_kept() {
        let measures: Measures = [("slo.attainment".into(), 0.985)].into();
        let holds = |text| Condition::parse(text).unwrap().holds(&measures);
        assert!(holds("slo < 99%") && holds("slo.attainment >= 98.5%") && !holds("slo > 99%"));
        assert!(!holds("nothing > 1"));
        for text in ["slo", "slo < -1%", "< 5", ""] {
            assert!(Condition::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_bug_is_the_same_whichever_ids_it_is_about() {
        assert_eq!(without_numbers("berth 17 of app 3"), without_numbers("berth 2 of app 45"));
    }
}
