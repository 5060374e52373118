//! What a unit of each resource costs in one cluster now: prices and carbon as the search adds them up.

use crate::capacity::Totals;
use crate::fleet::{EXTENDED_RESOURCES_MAX, Prices};
use crate::units::MicroUsdPerHour;

/// What a unit of each resource costs in one cluster now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UnitPrices {
    core: i64,
    /// One core and its carbon.
    core_and_carbon: i64,
    gib: i64,
    extended: [i64; EXTENDED_RESOURCES_MAX],
}

impl UnitPrices {
    pub(crate) fn new(prices: &Prices, carbon: MicroUsdPerHour) -> Self {
        Self {
            core: prices.core.0,
            core_and_carbon: prices.core.0 + carbon.0,
            gib: prices.gib.0,
            extended: prices.extended.map(|price| price.0),
        }
    }

    /// The price of the resources, carbon included.
    #[inline]
    pub(crate) fn total(&self, of: &Totals) -> i64 {
        share_up(of.cpu, self.core_and_carbon, 1_000) + self.rest(of)
    }

    /// The price of the resources by themselves.
    pub(crate) fn compute(&self, of: &Totals) -> i64 {
        share_up(of.cpu, self.core, 1_000) + self.rest(of)
    }

    /// What carbon adds to the price of the resources.
    pub(crate) fn carbon(&self, of: &Totals) -> i64 {
        self.total(of) - self.compute(of)
    }

    #[inline]
    fn rest(&self, of: &Totals) -> i64 {
        let mut sum = share_up(of.memory, self.gib, 1_024);
        for (units, price) in of.extended.iter().zip(self.extended) {
            sum += signed(*units) * price;
        }
        sum
    }
}

/// `units` at `price` per `unit` of them, rounded up: nothing is free by rounding.
#[inline]
fn share_up(units: u64, price: i64, unit: i64) -> i64 {
    (signed(units) * price + unit - 1).div_euclid(unit)
}

#[inline]
fn signed(units: u64) -> i64 {
    i64::try_from(units).expect("a cluster's resources fit i64")
}
