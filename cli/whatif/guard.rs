//! Guards: what must not come out, as in `cost > +5%`, `slo < 99.9%` or `p95 > +10`.

use crate::failure::Failure;
use crate::whatif::compare::Difference;
use crate::whatif::measures::{self, path_of};

/// What must not come out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Guard {
    text: String,
    /// The measure's path.
    pub(crate) measure: String,
    above: bool,
    limit: Limit,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Limit {
    /// The variant's own value.
    Value(f64),
    /// How much more than the base it is.
    More(f64),
    /// The same as a part of the base.
    Relative(f64),
}

impl Guard {
    /// Reads a measure, `>` or `<`, and a number: with a sign it means the difference from the base, with a
    /// percent sign as a part of it.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = || Failure::Usage {
            message: format!("`{text}` does not say what must not come out"),
            hint: "write a measure, `>` or `<`, and a number, as in 'cost > +5%' or 'slo < 99.9%'"
                .into(),
        };
        let read = Comparison::read(text).filter(|read| !read.equal).ok_or_else(wrong)?;
        let measure = read.measure()?;
        let Comparison { above, value, signed, percent, .. } = read;
        let limit = match (signed, percent) {
            (true, true) => Limit::Relative(value),
            (true, false) => Limit::More(value),
            (false, _) => Limit::Value(value),
        };
        Ok(Self { text: text.into(), measure, above, limit })
    }

    /// What came out that must not, if it did.
    pub(crate) fn broken(&self, found: &Difference) -> Option<String> {
        let (value, limit) = match self.limit {
            Limit::Value(limit) => (found.variant, limit),
            Limit::More(limit) => (found.size(), limit),
            Limit::Relative(limit) => {
                let grown = if found.size() == 0.0 { 0.0 } else { f64::INFINITY * found.size() };
                (found.relative().unwrap_or(grown), limit)
            }
        };
        let broken = if self.above { value > limit } else { value < limit };
        broken.then(|| {
            let told = |value| measures::told(&self.measure, value);
            format!(
                "`{}` came out: {} is {} and was {}",
                self.text,
                measures::label(&self.measure),
                told(found.variant),
                told(found.base)
            )
        })
    }
}

/// A name, a sign of comparison and a number.
pub(crate) struct Comparison<'a> {
    pub(crate) name: &'a str,
    pub(crate) above: bool,
    /// Whether the number itself is meant as well.
    pub(crate) equal: bool,
    /// Parts of a whole, where it was said in percent.
    pub(crate) value: f64,
    pub(crate) percent: bool,
    /// Whether the number has a sign.
    pub(crate) signed: bool,
}

impl<'a> Comparison<'a> {
    /// Reads one, as in `slo >= 99.9%`.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let place = text.find(['<', '>'])?;
        let behind = &text[place + 1..];
        let equal = behind.starts_with('=');
        let number = behind.strip_prefix('=').unwrap_or(behind).trim();
        let (digits, percent) = match number.strip_suffix('%') {
            Some(digits) => (digits.trim(), true),
            None => (number, false),
        };
        let value = number_of(digits, percent)?;
        Some(Self {
            name: text[..place].trim(),
            above: text[place..].starts_with('>'),
            equal,
            value,
            percent,
            signed: digits.starts_with(['+', '-', '−']),
        })
        .filter(|read| read.value.is_finite())
    }

    /// The path of what is compared.
    ///
    /// # Errors
    /// A part of all is compared with more than all of it.
    pub(crate) fn measure(&self) -> Result<String, Failure> {
        let path = path_of(self.name);
        let is_share = matches!(measures::form(&path), Some(measures::Form::Share));
        if is_share && !self.percent && self.value.abs() > 1.0 {
            return Err(Failure::Usage {
                message: format!("`{}` is a part of all, and never {}", self.name, self.value),
                hint: format!("write `{}%`", self.value),
            });
        }
        Ok(path)
    }
}

/// A number as it was written; in percent, the part that is just that, which a division might miss.
pub(crate) fn number_of(digits: &str, percent: bool) -> Option<f64> {
    let digits = digits.replace('−', "-");
    let part = format!("{digits}e-2");
    if percent { part.parse().ok() } else { digits.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaks(text: &str, base: f64, variant: f64) -> bool {
        let guard = Guard::parse(text).unwrap();
        guard.broken(&Difference { base, variant, margin: None }).is_some()
    }

    #[test]
    fn guards_mean_values_differences_and_parts() {
        assert!(breaks("cost > +5%", 100.0, 106.0) && !breaks("cost > +5%", 100.0, 104.0));
        assert!(breaks("cost > +5", 10.0, 16.0) && !breaks("cost > +5", 10.0, 14.0));
        assert!(breaks("slo < 99.9%", 1.0, 0.998) && !breaks("slo < 99.9%", 0.9, 0.9995));
        assert!(breaks("cost.total<-10%", 100.0, 80.0) && !breaks("cost.total<-10%", 100.0, 95.0));
        assert!(breaks("cost > +5%", 0.0, 1.0) && !breaks("cost > +5%", 0.0, 0.0));
    }

    #[test]
    fn what_is_no_guard_is_told() {
        for text in ["", "cost", "cost > ", "cost > x", "cost > inf"] {
            assert!(Guard::parse(text).is_err(), "{text}");
        }
    }
}
