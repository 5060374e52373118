//! Investment: what was paid once, as a cost per year.
//!
//! What is paid at the beginning is written off in equal yearly amounts over the life of what was bought, at what money
//! costs: the capital recovery factor `i / (1 − (1 + i)^−n)` of annuities, `1 / n` without interest.

use periplus_core::units::MicroUsd;

/// What something that cost `paid` takes in a year, with `upkeep` as a part of what was paid.
#[must_use]
pub fn per_year(paid: MicroUsd, life_years: f64, interest: f64, upkeep: f64) -> MicroUsd {
    let recovery = match interest {
        0.0 => 1.0 / life_years,
        _ => interest / (1.0 - libm::pow(1.0 + interest, -life_years)),
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "amounts stay far below 2^53 µ$, and the cast saturates"
    )]
    let yearly = libm::round(paid.0 as f64 * (recovery + upkeep)) as i64;
    MicroUsd(yearly)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annuities_are_those_of_the_tables() {
        let dollars = |dollars: i64| MicroUsd(dollars * 1_000_000);
        // 10 % over 5 years: a factor of 0.26380.
        let yearly = per_year(dollars(1_000), 5.0, 0.1, 0.0);
        assert!(yearly.0.abs_diff(263_797_481) < 1_000, "{yearly:?}");
        assert_eq!(per_year(dollars(1_000), 5.0, 0.0, 0.0), dollars(200));
        assert_eq!(per_year(dollars(1_000), 5.0, 0.0, 0.1), dollars(300));
    }
}
