//! Erlang C: the probability that a request has to wait, tabulated so that it costs one look-up.

/// Steps of the utilization in a table.
const STEPS: u8 = 255;
/// More servers than this are treated as this many with the same √c·(1 − ρ), which is what the probability
/// depends on when servers are many (Halfin and Whitt, Operations Research 1981).
const SERVERS_MAX: u32 = 1_024;

type Row = [f32; STEPS as usize + 1];

/// Erlang C by servers and utilization. A row is made when its number of servers is first asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Erlang {
    rows: Vec<Option<Box<Row>>>,
}

impl Erlang {
    /// The probability that a request waits at `servers` servers, each busy a part `utilization` of the
    /// time; one where there are no servers.
    pub(crate) fn waits(&mut self, servers: u32, utilization: f64) -> f64 {
        if servers == 0 {
            return 1.0;
        }
        if servers > SERVERS_MAX {
            let ratio = f64::from(servers) / f64::from(SERVERS_MAX);
            let same = 1.0 - (1.0 - utilization) * libm::sqrt(ratio);
            return self.waits(SERVERS_MAX, same.max(0.0));
        }
        let row = self.row(servers);
        let place = utilization.clamp(0.0, 1.0) * f64::from(STEPS);
        let step = libm::floor(place).min(f64::from(STEPS - 1));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 254 by the lines above"
        )]
        let index = step as usize;
        let (low, high) = (f64::from(row[index]), f64::from(row[index + 1]));
        low + (high - low) * (place - step)
    }

    fn row(&mut self, servers: u32) -> &Row {
        let place = servers as usize;
        if self.rows.len() <= place {
            self.rows.resize(place + 1, None);
        }
        self.rows[place].get_or_insert_with(|| Box::new(row(servers)))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a probability needs no more than an f32")]
fn row(servers: u32) -> Row {
    let mut row = [0.0; STEPS as usize + 1];
    for (step, entry) in (0..=STEPS).zip(&mut row) {
        *entry = erlang_c(servers, f64::from(step) / f64::from(STEPS)) as f32;
    }
    row
}

/// The exact probability, from Erlang B by its recursion over the number of servers (Erlang 1917).
pub(crate) fn erlang_c(servers: u32, utilization: f64) -> f64 {
    let offered = utilization * f64::from(servers);
    let blocked = (1..=servers)
        .fold(1.0, |blocked, server| offered * blocked / (f64::from(server) + offered * blocked));
    blocked / (1.0 - utilization * (1.0 - blocked))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Servers, offered load in erlangs and the probability to wait, from the closed form in exact fractions.
    const KNOWN: [(u32, f64, f64); 6] = [
        (1, 0.5, 0.5),
        (2, 1.0, 1.0 / 3.0),
        (3, 2.0, 4.0 / 9.0),
        (5, 4.0, 0.554_11),
        (10, 8.0, 0.409_18),
        (55, 50.0, 0.384_55),
    ];

    #[test]
    fn known_values_are_met() {
        let mut erlang = Erlang::default();
        for (servers, offered, known) in KNOWN {
            let utilization = offered / f64::from(servers);
            let exact = erlang_c(servers, utilization);
            assert!((exact - known).abs() < 5e-4, "{servers} servers: {exact}");
            let tabulated = erlang.waits(servers, utilization);
            assert!((tabulated - exact).abs() < 1e-3, "{servers} servers: {tabulated}");
        }
    }

    #[test]
    fn beyond_the_table_the_square_root_rule_is_close() {
        let mut erlang = Erlang::default();
        for utilization in [0.95, 0.98, 0.99] {
            let (exact, scaled) = (erlang_c(4_000, utilization), erlang.waits(4_000, utilization));
            assert!((exact - scaled).abs() < 0.01, "{utilization}: {exact} and {scaled}");
        }
    }

    #[test]
    fn nobody_to_serve_means_waiting() {
        assert!((Erlang::default().waits(0, 0.0) - 1.0).abs() < f64::EPSILON);
    }
}
