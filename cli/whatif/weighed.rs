//! Weighed: values of runs that count for different parts of the whole.
//!
//! Runs are drawn from strata. A stratum's runs count for as much as it is likely, in equal parts. The mean is the sum of
//! all parts; its variance is that of a stratified sample, `Σ n_h s_h²` over the parts of each stratum, with as many
//! degrees of freedom as Satterthwaite (1946) gives such a sum; its skewness that of a sum of independent parts. With one
//! stratum all are those of a plain mean.

/// A value, the part of the whole that it counts for, and the stratum that it is from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Weighed {
    pub(crate) part: f64,
    pub(crate) stratum: usize,
    pub(crate) value: f64,
}

/// A mean, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) mean: f64,
    /// Nothing where a stratum has a single value.
    pub(crate) error: Option<Error>,
}

/// How a mean is spread around the true one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Error {
    /// The standard error.
    pub(crate) size: f64,
    pub(crate) freedom: f64,
    /// The skewness: below nothing where the mean is far too low more often than far too high.
    pub(crate) skew: f64,
}

/// Values that count equally.
#[cfg(test)]
pub(crate) fn equally(values: &[f64]) -> Vec<Weighed> {
    let part = 1.0 / values.len() as f64;
    values.iter().map(|value| Weighed { part, stratum: 0, value: *value }).collect()
}

/// The mean of each stratum times the part of the whole that it is. Equal values give just that value, which a sum of
/// single parts would miss.
pub(crate) fn mean(sample: &[Weighed]) -> f64 {
    let whole: f64 = sample.iter().map(|one| one.part).sum();
    let strata = sample.iter().map(|one| one.stratum + 1).max().unwrap_or(0);
    let of_stratum = |stratum: usize| {
        let alike = || sample.iter().filter(move |one| one.stratum == stratum);
        let (count, sum) = (alike().count(), alike().map(|one| one.value).sum::<f64>());
        let part = alike().map(|one| one.part).sum::<f64>() / whole;
        if count > 0 { sum / count as f64 * part } else { 0.0 }
    };
    (0..strata).map(of_stratum).sum()
}

/// The mean of a sample.
pub(crate) fn estimate(sample: &[Weighed]) -> Estimate {
    let error = of_parts(sample.iter().map(|one| (one.stratum, one.part * one.value)));
    Estimate { mean: mean(sample), error }
}

/// How much more the mean of one sample is than that of another, run by run.
pub(crate) fn difference(base: &[Weighed], other: &[Weighed]) -> Estimate {
    let pairs = base.iter().zip(other);
    let parts = pairs
        .map(|(base, other)| (base.stratum, other.part * other.value - base.part * base.value));
    Estimate { mean: mean(other) - mean(base), error: of_parts(parts) }
}

/// How the sum of parts is spread around what it would be on average.
fn of_parts(parts: impl Iterator<Item = (usize, f64)>) -> Option<Error> {
    let mut strata: Vec<Vec<f64>> = Vec::new();
    for (stratum, part) in parts {
        if strata.len() <= stratum {
            strata.resize(stratum + 1, Vec::new());
        }
        strata[stratum].push(part);
    }
    strata.retain(|parts| !parts.is_empty());
    let spreads: Option<Vec<Spread>> = strata.iter().map(|parts| Spread::of(parts)).collect();
    spreads.map(|spreads| error(&spreads))
}

fn error(strata: &[Spread]) -> Error {
    let variance: f64 = strata.iter().map(|one| one.variance).sum();
    let third: f64 = strata.iter().map(|one| one.third).sum();
    let parts: f64 = strata.iter().map(|one| one.variance * one.variance / one.freedom).sum();
    let freedom = match parts {
        0.0 => strata.iter().map(|one| one.freedom).sum(),
        parts => variance * variance / parts,
    };
    let size = variance.sqrt();
    let skew = if size > 0.0 { third / size.powi(3) } else { 0.0 };
    Error { size, freedom, skew }
}

/// How a sum of parts that are drawn alike is spread: its second and third cumulants.
struct Spread {
    variance: f64,
    third: f64,
    freedom: f64,
}

impl Spread {
    fn of(parts: &[f64]) -> Option<Self> {
        if parts.len() < 2 {
            return None;
        }
        let count = parts.len() as f64;
        let mean = parts.iter().sum::<f64>() / count;
        let power = |power: i32| parts.iter().map(|part| (part - mean).powi(power)).sum::<f64>();
        let variance = count * power(2) / (count - 1.0);
        let third = match parts.len() {
            2 => 0.0,
            _ => count * count * power(3) / ((count - 1.0) * (count - 2.0)),
        };
        Some(Self { variance, third, freedom: count - 1.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stratum_is_a_plain_sample() {
        let sample = equally(&[1.0, 2.0, 4.0, 9.0]);
        let Estimate { mean, error } = estimate(&sample);
        let Error { size, freedom, skew } = error.unwrap();
        // s² = 38/3 over four values; their skewness, 60 / s³ = 1.3309, over √4.
        assert!((mean - 4.0).abs() < 1e-12 && (size - (38.0_f64 / 12.0).sqrt()).abs() < 1e-12);
        assert!((freedom - 3.0).abs() < 1e-9 && (skew - 0.6655).abs() < 1e-4, "{skew}");
        assert_eq!(estimate(&equally(&[5.0])).error, None);
    }

    #[test]
    fn strata_count_for_as_much_as_they_are_likely() {
        let of = |stratum, part, value| Weighed { part, stratum, value };
        let sample = [of(0, 0.45, 1.0), of(0, 0.45, 3.0), of(1, 0.05, 10.0), of(1, 0.05, 30.0)];
        let Estimate { mean, error } = estimate(&sample);
        assert!((mean - (0.9 * 2.0 + 0.1 * 20.0)).abs() < 1e-12);
        // Variances of the strata's means: 0.9² · 2/2 and 0.1² · 200/2.
        let Error { size, freedom, skew } = error.unwrap();
        assert!((size - (0.81_f64 + 1.0).sqrt()).abs() < 1e-12 && skew == 0.0);
        assert!((freedom - (1.81_f64 * 1.81) / (0.81 * 0.81 + 1.0)).abs() < 1e-9);
    }

    #[test]
    fn the_mean_of_equal_values_is_that_value() {
        for count in 1..200 {
            assert_eq!(mean(&equally(&vec![52.0; count])), 52.0);
        }
    }

    #[test]
    fn what_does_not_differ_has_no_error() {
        let sample = equally(&[1.0, 2.0, 4.0]);
        let error = Some(Error { size: 0.0, freedom: 2.0, skew: 0.0 });
        assert_eq!(difference(&sample, &sample), Estimate { mean: 0.0, error });
    }
}
