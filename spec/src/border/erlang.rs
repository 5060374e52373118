//! Erlang's formulas: how many servers it takes so that few requests wait long.
//!
//! A queue with Poisson arrivals, exponential service times and `c` servers (M/M/c), offered `a` erlangs
//! (arrival rate × mean service time). Erlang (1917); in L. Kleinrock, *Queueing Systems*, vol. 1 (1975),
//! section 3.5, and in any other book on queues:
//!
//! * `B(c, a)`, the probability that all servers are busy if nobody waits:
//!   `1/B = Σ_{k=0..c} c (c−1) … (c−k+1) / a^k`, all terms positive, so that nothing cancels;
//! * `C(c, a) = B / (1 − (a/c) (1 − B))`, the probability that a request must wait;
//! * `P(wait > t) = C(c, a) · exp(−(c − a) t / s)` with `s` the mean service time.

/// The probability that a request finds `servers` busy if nobody waits, offered `load` erlangs.
#[must_use]
pub fn blocking(servers: u32, load: f64) -> f64 {
    if load <= 0.0 {
        return if servers == 0 { 1.0 } else { 0.0 };
    }
    let mut term = 1.0;
    let mut sum = 1.0;
    for left in (1..=servers).rev() {
        let ratio = f64::from(left) / load;
        term *= ratio;
        sum += term;
        // From here on each term is smaller than the last by at least this ratio.
        if ratio < 1.0 && term < 1e-17 * sum * (1.0 - ratio) {
            break;
        }
        if sum.is_infinite() {
            return 0.0;
        }
    }
    1.0 / sum
}

/// The probability that a request must wait for one of `servers`, offered `load` erlangs.
#[must_use]
pub fn waiting(servers: u32, load: f64) -> f64 {
    let servers_float = f64::from(servers);
    if load >= servers_float {
        return 1.0;
    }
    let blocking = blocking(servers, load);
    blocking / (1.0 - load / servers_float * (1.0 - blocking))
}

/// The probability that a request waits longer than `patience` mean service times.
#[must_use]
pub fn waiting_longer(servers: u32, load: f64, patience: f64) -> f64 {
    let spare = f64::from(servers) - load;
    if spare <= 0.0 {
        return 1.0;
    }
    waiting(servers, load) * libm::exp(-spare * patience)
}

/// The highest load in erlangs at which no more than `allowed` of all requests wait longer than `patience`
/// mean service times. `known` is a load that is certainly allowed, to begin the search with: 0, or the
/// answer for fewer servers.
///
/// The probability rises with the load, so that its logarithm is searched for the limit: by false position
/// in the manner of Illinois, with a halving where that is slow. Equal arguments give equal results.
#[must_use]
pub fn highest_load(servers: u32, patience: f64, allowed: f64, known: f64) -> f64 {
    let excess = |load: f64| {
        let waiting = waiting(servers, load);
        if waiting <= 0.0 {
            return EXCESS_MIN;
        }
        let spare = f64::from(servers) - load;
        (libm::log(waiting / allowed) - spare * patience).max(EXCESS_MIN)
    };
    let (mut low, mut high) = (known, f64::from(servers));
    let (mut below, mut above) = (excess(low), excess(high));
    if below > 0.0 {
        return 0.0;
    }
    let mut last_low = None;
    for round in 0..ROUNDS_MAX {
        if high - low <= 1e-13 * high {
            break;
        }
        let halving = round % 4 == 3;
        let next = if halving || above - below <= 0.0 {
            low + (high - low) / 2.0
        } else {
            (low * above - high * below) / (above - below)
        };
        let next = next.clamp(low, high);
        let found = excess(next);
        if found <= 0.0 {
            (low, below) = (next, found);
            if last_low == Some(true) && !halving {
                above /= 2.0;
            }
            last_low = Some(true);
        } else {
            (high, above) = (next, found);
            if last_low == Some(false) && !halving {
                below /= 2.0;
            }
            last_low = Some(false);
        }
        if found == 0.0 {
            break;
        }
    }
    low
}

/// Logarithms below this are as good as minus infinity, and keep false position going.
const EXCESS_MIN: f64 = -1e4;

/// Halving alone would need about 53 rounds, four times as many with every fourth a halving.
const ROUNDS_MAX: u32 = 220;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blocking_is_as_in_erlangs_tables() {
        // Erlang B tables (traffic that n trunks carry at a given blocking), as printed in teletraffic books:
        // n, blocking, erlangs.
        let table = [
            (1, 0.01, 0.0101),
            (5, 0.01, 1.361),
            (10, 0.01, 4.461),
            (20, 0.01, 12.031),
            (50, 0.01, 37.901),
            (100, 0.01, 84.064),
            (10, 0.05, 6.216),
            (20, 0.05, 15.249),
        ];
        for (servers, probability, load) in table {
            let found = blocking(servers, load);
            assert!((found - probability).abs() < 2e-4, "{servers} {load}: {found}");
        }
    }

    #[test]
    fn waiting_is_as_published() {
        // M/M/1 waits with probability ρ. M/M/2 at ρ = 3/4: 9/14. The call centre of many textbooks: 10
        // erlangs on 11, 12 and 14 servers. The last two values by the recurrence in 50-digit arithmetic.
        let table = [
            (1, 0.5, 0.5),
            (2, 1.5, 9.0 / 14.0),
            (2, 1.0, 1.0 / 3.0),
            (3, 2.0, 4.0 / 9.0),
            (11, 10.0, 0.682_118),
            (12, 10.0, 0.449_388),
            (14, 10.0, 0.174_132),
        ];
        for (servers, load, probability) in table {
            let found = waiting(servers, load);
            assert!((found - probability).abs() < 1e-5, "{servers} {load}: {found}");
        }
        assert!((waiting_longer(1, 0.5, 2.0) - 0.5 * libm::exp(-1.0)).abs() < 1e-12);
        assert!((waiting(5, 5.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn thousands_of_servers_neither_overflow_nor_vanish() {
        assert!(blocking(4_000, 1.0).abs() < 1e-300);
        let busy = waiting(4_000, 3_950.0);
        assert!(busy > 0.2 && busy < 0.8, "{busy}");
        let light = highest_load(1_000_000, 1.0, 0.05, 0.0);
        assert!(light > 999_000.0 && light < 1_000_000.0, "{light}");
    }

    /// Erlang B by its usual recurrence.
    fn recurrence(servers: u32, load: f64) -> f64 {
        (1..=servers)
            .fold(1.0, |blocking, server| load * blocking / (f64::from(server) + load * blocking))
    }

    proptest! {
        #[test]
        fn the_sum_says_what_the_recurrence_says(servers in 1_u32..400, part in 0.001_f64..1.5) {
            let load = f64::from(servers) * part;
            let (sum, steps) = (blocking(servers, load), recurrence(servers, load));
            prop_assert!((sum - steps).abs() <= 1e-12 * steps.max(1e-3), "{sum} {steps}");
        }

        #[test]
        fn the_highest_load_holds_and_a_little_more_does_not(
            servers in 1_u32..300,
            patience in 0.0_f64..20.0,
            allowed in 0.001_f64..0.5,
        ) {
            let load = highest_load(servers, patience, allowed, 0.0);
            prop_assert!(load < f64::from(servers));
            prop_assert!(waiting_longer(servers, load, patience) <= allowed * (1.0 + 1e-9));
            let more = load + 1e-6 * f64::from(servers);
            prop_assert!(waiting_longer(servers, more, patience) > allowed * (1.0 - 1e-9));
        }

        #[test]
        fn more_servers_hold_more(servers in 1_u32..200, patience in 0.0_f64..5.0) {
            let fewer = highest_load(servers, patience, 0.05, 0.0);
            let more = highest_load(servers + 1, patience, 0.05, fewer);
            prop_assert!(more > fewer);
        }
    }
}
