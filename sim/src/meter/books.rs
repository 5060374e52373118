//! Books: sums over time, of an app, a zone, or one interval of an app.

use periplus_core::fleet::Prices;

use super::tally::Tally;
use super::{Answer, Taken};
use crate::desks::Holding;
use crate::service::{STRATA, WEIGHTS};
use crate::tariffs::Tariff;

/// Milliseconds of an hour.
pub(super) const HOUR_MS: f64 = 3.6e6;

/// Sums over time. Requests are counted in millionths.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    pub(crate) offered: u64,
    pub(crate) served: u64,
    pub(crate) attained: u64,
    /// Offered while nobody was to serve them.
    pub(crate) dormant: u64,
    pub(crate) cold_starts: u64,
    pub(crate) money: Money,
    pub(crate) latency: Tally,
}

/// Money, energy and carbon.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Money {
    /// US dollars for resources that were held.
    pub(crate) compute: f64,
    /// US dollars for being active.
    pub(crate) fixed: f64,
    /// US dollars for bytes that left clusters.
    pub(crate) egress: f64,
    /// Watt-hours.
    pub(crate) energy: f64,
    /// Grams of CO2e.
    pub(crate) carbon: f64,
}

impl Book {
    /// Takes requests that reached a desk, `rtt_us` away.
    #[inline]
    pub(crate) fn take(&mut self, taken: &Taken, rtt_us: f64, answer: &Answer) {
        self.offered += taken.offered;
        self.served += taken.served;
        self.attained += taken.attained;
        if taken.served > 0 {
            for ((weight, _), latency) in STRATA.iter().zip(&answer.strata) {
                let count = taken.served as f64 * (*weight as f64 / WEIGHTS as f64);
                self.latency.add(rtt_us + f64::from(*latency), count);
            }
        }
    }

    /// Adds another book to this one.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self { offered, served, attained, dormant, cold_starts, money, latency } = other;
        self.offered += offered;
        self.served += served;
        self.attained += attained;
        self.dormant += dormant;
        self.cold_starts += cold_starts;
        self.money.add(money);
        self.latency.merge(latency);
    }

    /// Empties the book.
    pub(crate) fn clear(&mut self) {
        let mut latency = std::mem::take(&mut self.latency);
        latency.clear();
        *self = Self { latency, ..Self::default() };
    }

    /// The latency that this part of the served requests were not above, in milliseconds.
    pub(crate) fn quantile_ms(&self, part: f64) -> f64 {
        self.latency.quantile(part) / 1e3
    }
}

impl Money {
    /// Pays for what was held at this tariff; `held` is in units times milliseconds.
    pub(crate) fn hold(&mut self, held: &Holding, tariff: &Tariff) {
        let Holding { cpu, memory, extended, active } = held;
        if *active == 0 && *cpu == 0 && *memory == 0 {
            return;
        }
        let Tariff { prices, power, carbon } = tariff;
        let dollars = |price: i64| price as f64 / 1e6;
        let core_hours = *cpu as f64 / 1e3 / HOUR_MS;
        let gib_hours = *memory as f64 / 1_024.0 / HOUR_MS;
        self.compute += core_hours * dollars(prices.core.0) + gib_hours * dollars(prices.gib.0);
        for (units, price) in extended.iter().zip(prices.extended) {
            self.compute += *units as f64 / HOUR_MS * dollars(price.0);
        }
        self.fixed += *active as f64 / HOUR_MS * dollars(prices.active.0);
        let watts = f64::from(power.core.0) / 1e3 * f64::from(power.effectiveness) / 1e3;
        let energy = core_hours * watts;
        self.energy += energy;
        self.carbon += energy / 1e3 * f64::from(carbon.0);
    }

    /// Pays for bytes that left a cluster.
    pub(crate) fn move_bytes(&mut self, bytes: f64, prices: &Prices) {
        self.egress += bytes / 1e9 * (prices.egress_gigabyte.0 as f64 / 1e6);
    }

    /// US dollars in sum.
    pub(crate) fn total(&self) -> f64 {
        self.compute + self.fixed + self.egress
    }

    fn add(&mut self, other: &Self) {
        let Self { compute, fixed, egress, energy, carbon } = other;
        self.compute += compute;
        self.fixed += fixed;
        self.egress += egress;
        self.energy += energy;
        self.carbon += carbon;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use periplus_core::fleet::Power;
    use periplus_core::units::{GramsPerKwh, MicroUsd, MicroUsdPerHour, MilliWatts};

    #[test]
    fn an_hour_of_two_cores_is_paid_and_powered() {
        let tariff = Tariff {
            prices: Prices {
                core: MicroUsdPerHour(40_000),
                gib: MicroUsdPerHour(5_000),
                extended: [MicroUsdPerHour(1_000_000); 4],
                active: MicroUsdPerHour(10_000),
                egress_gigabyte: MicroUsd(90_000),
            },
            power: Power { core: MilliWatts(5_000), effectiveness: 1_200, carbon: GramsPerKwh(0) },
            carbon: GramsPerKwh(650),
        };
        let hour = 3_600_000;
        let held = Holding {
            cpu: 2_000 * hour,
            memory: 4_096 * hour,
            extended: [hour, 0, 0, 0],
            active: hour,
        };
        let mut money = Money::default();
        money.hold(&held, &tariff);
        money.move_bytes(2e9, &tariff.prices);
        let close = |value: f64, known: f64| assert!((value - known).abs() < 1e-9, "{value}");
        close(money.compute, 0.08 + 0.02 + 1.0);
        close(money.fixed, 0.01);
        close(money.egress, 0.18);
        // 2 cores × 5 W × 1.2 for an hour.
        close(money.energy, 12.0);
        close(money.carbon, 7.8);
        close(money.total(), 1.29);
    }
}
