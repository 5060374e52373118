//! What goldens hold: the numbers at their end, as they are written there.

use std::cmp::Ordering;

use crate::failure::Failure;

/// A number that every golden has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// The part of all requests for which the promise was kept, in percent.
    Slo,
    /// What it cost, in US dollars.
    Cost,
    /// Requests that nobody served.
    Unserved,
    /// A count, by its name.
    Count(&'static str),
}

/// The counts of which less is better.
const COUNTS: [&str; 7] =
    ["placements", "removals", "moves", "bursts", "preemptions", "commits", "alerts"];

impl Held {
    /// The number that is meant.
    ///
    /// # Errors
    /// No golden has it.
    pub fn parse(name: &str) -> Result<Self, Failure> {
        let count = COUNTS.iter().find(|count| **count == name).map(|count| Self::Count(count));
        match name {
            "slo" | "slo.attainment" => Ok(Self::Slo),
            "cost" | "cost.total" => Ok(Self::Cost),
            "unserved" | "requests.unserved" => Ok(Self::Unserved),
            _ => count.ok_or_else(|| {
                let known: Vec<&str> =
                    ["slo", "cost", "unserved"].into_iter().chain(COUNTS).collect();
                Failure::no_such("measure in goldens", name, &known)
            }),
        }
    }

    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Slo => "slo",
            Self::Cost => "cost",
            Self::Unserved => "unserved",
            Self::Count(name) => name,
        }
    }

    /// The number in a golden.
    pub(crate) fn read(self, golden: &str) -> Option<f64> {
        let mut last = golden.trim_end().lines().rev();
        let (counts, sums) = (last.next()?, last.next()?);
        let text = match self {
            Self::Slo => between(sums, "promise kept ", " %")?,
            Self::Cost => sums.split_once("cost $")?.1.to_owned(),
            Self::Unserved => between(sums, "requests, ", " unserved")?,
            Self::Count(name) => between(&format!("{counts},"), &format!("{name} "), ",")?,
        };
        text.trim().parse().ok()
    }

    /// Whether it became worse (`Less`), stayed, or became better, in what a golden shows of it.
    pub(crate) fn compare(self, was: f64, is: f64) -> Ordering {
        match self {
            Self::Slo => is.total_cmp(&was),
            Self::Cost | Self::Unserved | Self::Count(_) => was.total_cmp(&is),
        }
    }

    /// How it became better or worse, by how much.
    pub(crate) fn told(self, how: &str, was: f64, is: f64) -> String {
        let (before, decimals, unit) = match self {
            Self::Slo => ("", 2, " %"),
            Self::Cost => ("$", 2, ""),
            Self::Unserved | Self::Count(_) => ("", 0, ""),
        };
        let name = self.name();
        if was.total_cmp(&is) == Ordering::Equal {
            return format!("{name} is {how}, {before}{is:.decimals$}{unit}");
        }
        let sign = if is < was { "−" } else { "+" };
        let by = (is - was).abs();
        let part = if was == 0.0 {
            String::new()
        } else {
            format!(" ({sign}{:.1} %)", 100.0 * by / was.abs())
        };
        let change = match self {
            Self::Slo => format!(", {sign}{by:.2} pp"),
            Self::Cost | Self::Unserved | Self::Count(_) => {
                format!(", {sign}{before}{by:.decimals$}{unit}{part}")
            }
        };
        format!(
            "{name} is {how}: it was {before}{was:.decimals$}{unit} in the golden and is \
             {before}{is:.decimals$}{unit}{change}"
        )
    }
}

/// The number between two texts, without the commas that people read it by.
fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    let end = rest.find(after)?;
    Some(rest[..end].replace(',', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &str = "a\n\n00:00:00  something\n\n\
        188,684,318 requests, 198,212 unserved (7 of them from zones that were asleep); promise kept 99.89 %, \
        cost $119.11\n\
        placements 53, removals 42, moves 225, bursts 4, preemptions 0, commits 374, alerts 0\n";

    #[test]
    fn what_goldens_hold_is_read_from_them() {
        let read = |name| Held::parse(name).unwrap().read(GOLDEN);
        assert_eq!(read("slo"), Some(99.89));
        assert_eq!(read("cost.total"), Some(119.11));
        assert_eq!(read("unserved"), Some(198_212.0));
        assert_eq!(
            [read("placements"), read("moves"), read("alerts")],
            [53.0, 225.0, 0.0].map(Some)
        );
        assert!(Held::parse("p95").is_err());
        assert_eq!(Held::Cost.read("torn"), None);
    }

    #[test]
    fn more_promises_kept_and_less_of_everything_else_is_better() {
        assert_eq!(Held::Slo.compare(99.0, 99.5), Ordering::Greater);
        assert_eq!(Held::Cost.compare(1.0, 1.5), Ordering::Less);
        assert_eq!(
            Held::Cost.told("worse", 1.0, 1.5),
            "cost is worse: it was $1.00 in the golden and is $1.50, +$0.50 (+50.0 %)"
        );
        assert_eq!(
            Held::Slo.told("worse", 99.5, 99.0),
            "slo is worse: it was 99.50 % in the golden and is 99.00 %, −0.50 pp"
        );
    }
}
