//! Draws: what the runs of a variant differ in, and so what their intervals cover.

use clap::Args;
use periplus_core::units::Span;
use periplus_sim::ensemble::{self, Day};
use periplus_spec::border::growth::YEAR;
use periplus_spec::scenario::{Delay, Ensemble, Failure};
use serde::Serialize;

use crate::failure::Failure as Wrong;
use crate::render::{counted, percent};
use crate::whatif::study::Way;
use crate::wording::values::listed;

/// How many seeds there are, if nobody says.
pub(crate) const SEEDS_OF_VARIANTS: u64 = 1;
/// How many seeds there are of candidates, if nobody says.
pub(crate) const SEEDS_OF_CANDIDATES: u64 = 10;

/// How many runs there are of each variant.
#[derive(Clone, Copy, Debug, Args)]
pub struct DrawsArgs {
    /// How many seeds every variant runs with: the scenario's own and those after it [default: 1; 10 for `plan`].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: Option<u64>,
    /// How many days of the scenario's ensemble every variant runs through, the same for all: their demand, growth and
    /// failures are drawn, as the scenario says, besides the luck of a seed.
    #[arg(long, value_name = "N", conflicts_with = "seeds", value_parser = clap::value_parser!(u64).range(1..))]
    pub days: Option<u64>,
}

/// What a seed stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Draws {
    /// The luck of one run.
    Luck,
    /// A day of the ensemble, and luck.
    Days,
}

/// Whether days with what seldom fails are drawn apart from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strata {
    Apart,
    Together,
}

/// The runs of each variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) draws: Draws,
    pub(crate) count: u64,
    /// How many seeds after the scenario's own are passed over.
    pub(crate) skip: u64,
}

/// What intervals cover, and what not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Uncertainty {
    pub(crate) covers: Vec<String>,
    pub(crate) leaves_out: Vec<String>,
}

impl DrawsArgs {
    /// What is drawn, and how often; `usual` seeds if nobody says.
    pub(crate) fn sample(self, usual: u64) -> Sample {
        match self.days {
            Some(count) => Sample { draws: Draws::Days, count, skip: 0 },
            None => Sample { draws: Draws::Luck, count: self.seeds.unwrap_or(usual), skip: 0 },
        }
    }

    /// The same as it can be asked again.
    pub(crate) fn words(self, usual: u64) -> [String; 2] {
        let Sample { draws, count, .. } = self.sample(usual);
        let flag = match draws {
            Draws::Luck => "--seeds",
            Draws::Days => "--days",
        };
        [flag.into(), count.to_string()]
    }
}

impl Sample {
    /// As many that have nothing in common with these.
    pub(crate) fn fresh(self) -> Self {
        Self { skip: self.skip + self.count, ..self }
    }
}

impl Draws {
    /// Refuses to draw days of what has none.
    ///
    /// # Errors
    /// A log has happened, or the scenario does not say what its days differ in.
    pub(crate) fn require(self, way: &Way) -> Result<(), Wrong> {
        let (message, hint) = match (self, way) {
            (Self::Luck, _) => return Ok(()),
            (Self::Days, Way::Simulated(scenario)) => {
                if scenario.ensemble != Ensemble::default() {
                    return Ok(());
                }
                let message = format!("`{}` does not say what its days differ in", scenario.name);
                (message, "give it an `ensemble`, or draw only luck with `--seeds`")
            }
            (Self::Days, Way::Forked(_)) => (
                "a log is one day, that happened".to_owned(),
                "make a scenario of it with `periplus record`, and give that an `ensemble`",
            ),
        };
        Err(Wrong::Usage { message, hint: hint.into() })
    }

    /// The world that a seed stands for.
    pub(crate) fn draw(self, way: &Way, day: Day) -> Way {
        match (self, way) {
            (Self::Days, Way::Simulated(scenario)) => Way::Simulated(ensemble::draw(scenario, day)),
            (Self::Luck, _) | (Self::Days, Way::Forked(_)) => way.with_seed(day.seed),
        }
    }

    /// The part of all days on which something fails that seldom does; nothing where there is no such thing.
    pub(crate) fn failing(self, way: &Way) -> Option<f64> {
        match (self, way) {
            (Self::Days, Way::Simulated(scenario)) => ensemble::failing_days(scenario),
            (Self::Luck, _) | (Self::Days, Way::Forked(_)) => None,
        }
    }

    /// So many of them.
    pub(crate) fn told(self, count: usize) -> String {
        match self {
            Self::Luck => counted(count, "seed"),
            Self::Days => counted(count, "day"),
        }
    }

    /// What an interval over them covers.
    pub(crate) fn uncertainty(self, way: &Way, strata: Strata) -> Uncertainty {
        let mut covers = vec!["the luck of single runs".to_owned()];
        let mut leaves_out = Vec::new();
        let ensemble = match (self, way) {
            (Self::Days, Way::Simulated(scenario)) => scenario.ensemble.clone(),
            (Self::Luck, _) | (Self::Days, Way::Forked(_)) => Ensemble::default(),
        };
        let mut part = |told: Option<String>, name: &str| match told {
            Some(told) => covers.push(told),
            None => leaves_out.push(name.to_owned()),
        };
        let blocks = ensemble.demand.map(|blocks| {
            format!(
                "days put together from {} blocks of recorded seasons of {}",
                short(blocks.block),
                short(blocks.season)
            )
        });
        part(blocks, "other days");
        part(growth(&ensemble), "growth");
        if ensemble.failures.is_empty() {
            part(None, "other failures than the scenario has");
        }
        covers.extend(ensemble.failures.iter().map(failure));
        if !ensemble.spare.is_empty() {
            covers.push(format!("that one of {} is out all day", ensemble.spare.len()));
        }
        if let Some(failing) = self.failing(way) {
            let last = covers.last_mut().expect("luck is always covered");
            let failing = percent(failing);
            *last += &match strata {
                Strata::Apart => format!(
                    " (days with what seldom fails are drawn as often as others, and count for the {failing} that they are)"
                ),
                Strata::Together => format!(
                    " (so few days are drawn at random, and what seldom fails is on {failing} of them)"
                ),
            };
        }
        leaves_out.push("what the simulated world leaves out".into());
        Uncertainty { covers, leaves_out }
    }
}

impl Uncertainty {
    /// The same in words.
    pub(crate) fn told(&self) -> String {
        let left_out = match self.leaves_out.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
            None => String::new(),
        };
        format!("{}; not {left_out}", listed(&self.covers))
    }
}

fn growth(ensemble: &Ensemble) -> Option<String> {
    let quantiles = ensemble.growth.as_ref()?;
    let factor =
        |permille: usize| f64::from(quantiles[quantiles.len() * permille / 1_000]) / 1_000.0;
    let until = Span(ensemble.lead.0.saturating_add(ensemble.horizon.0));
    let when = if ensemble.horizon == Span::ZERO {
        format!("{} from now", short(ensemble.lead))
    } else {
        format!("between {} and {} from now", short(ensemble.lead), short(until))
    };
    Some(format!(
        "growth by ×{:.2} a year, ×{:.2} at most with 95 % certainty, {when}",
        factor(500),
        factor(950)
    ))
}

fn failure(failure: &Failure) -> String {
    let Failure { units, per_millennium, lasts } = failure;
    let often = f64::from(*per_millennium) / 1_000.0;
    let median = |lasts: &Delay| short(lasts.0[lasts.0.len() / 2]);
    format!(
        "failures of {}, {often} a year for each, half of them longer than {}",
        counted(units.len(), "unit"),
        median(lasts)
    )
}

/// A span in the unit that people would take.
fn short(span: Span) -> String {
    let of = |unit: Span| span.0 as f64 / unit.0 as f64;
    match span {
        _ if span.0 >= 2 * YEAR.0 => format!("{:.1} years", of(YEAR)),
        _ if of(Span::HOUR) >= 72.0 => format!("{:.0} days", of(Span::HOUR) / 24.0),
        _ if of(Span::MINUTE) >= 180.0 || span.0.is_multiple_of(Span::HOUR.0) => {
            format!("{:.0} h", of(Span::HOUR))
        }
        _ => format!("{:.0} min", of(Span::MINUTE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_the_unit_that_people_take() {
        let told = |hours: u64| short(Span(hours * Span::HOUR.0));
        assert_eq!([told(2), told(24), told(84 * 24)], ["2 h", "24 h", "84 days"]);
        assert_eq!([short(Span(1_813_362)), short(Span(9_000_000))], ["30 min", "150 min"]);
        assert_eq!(told(3 * 8_766), "3.0 years");
    }
}
