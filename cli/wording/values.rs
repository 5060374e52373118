//! Numbers with their units.

use periplus_core::units::{MicroUsdPerHour, MicrosRtt, MilliRps, Permille, Tick};

/// A running price: `$0.0810/h`.
#[must_use]
pub fn cost(price: MicroUsdPerHour) -> String {
    format!("{}/h", dollars(price))
}

/// The dollars of a running price: `$0.0810`, `-$1.20`; more digits where there is less.
#[must_use]
pub fn dollars(price: MicroUsdPerHour) -> String {
    let sign = if price.0 < 0 { "-" } else { "" };
    let micros = price.0.unsigned_abs();
    if micros >= 10_000_000 {
        let cents = (micros + 5_000) / 10_000;
        format!("{sign}${}.{:02}", cents / 100, cents % 100)
    } else {
        let fine = (micros + 50) / 100;
        format!("{sign}${}.{:04}", fine / 10_000, fine % 10_000)
    }
}

/// A rate: `12 rps`, `0.5 rps`.
#[must_use]
pub fn rate(rate: MilliRps) -> String {
    format!("{} rps", thousandths(rate.0))
}

/// A point in time, to the second.
#[must_use]
pub fn clock(at: Tick) -> String {
    Tick(at.0 / 1_000 * 1_000).to_string()
}

/// A round-trip time: `2.1 ms`, `150 µs`.
#[must_use]
pub fn rtt(rtt: MicrosRtt) -> String {
    match rtt.0 {
        micros if micros < 1_000 => format!("{micros} µs"),
        micros if micros < 100_000 => {
            let tenths = (micros + 50) / 100;
            format!("{}.{} ms", tenths / 10, tenths % 10)
        }
        micros => format!("{} ms", (micros + 500) / 1_000),
    }
}

/// A part of a whole: `80 %`, `12.5 %`.
#[must_use]
pub fn part(part: Permille) -> String {
    match part.0 % 10 {
        0 => format!("{} %", part.0 / 10),
        tenth => format!("{}.{tenth} %", part.0 / 10),
    }
}

/// A number of thousandths as a decimal, to three digits.
fn thousandths(count: u64) -> String {
    let (whole, rest) = (count / 1_000, count % 1_000);
    match rest {
        0 => whole.to_string(),
        _ if whole >= 100 => ((count + 500) / 1_000).to_string(),
        _ if whole >= 10 => format!("{whole}.{}", rest / 100),
        _ if whole >= 1 => {
            let hundredths = (count + 5) / 10;
            let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
            text.trim_end_matches('0').trim_end_matches('.').to_string()
        }
        _ => format!("0.{rest:03}").trim_end_matches('0').to_string(),
    }
}

/// Things in a row: `a`, `a and b`, `a, b and c`.
#[must_use]
pub fn listed(items: &[String]) -> String {
    match items {
        [] => "nobody".into(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(cost(MicroUsdPerHour(81_000)), "$0.0810/h");
        assert_eq!(dollars(MicroUsdPerHour(-1_234_567)), "-$1.2346");
        assert_eq!(dollars(MicroUsdPerHour(12_345_678)), "$12.35");
        assert_eq!(rate(MilliRps(12_000)), "12 rps");
        assert_eq!(rate(MilliRps(500)), "0.5 rps");
        assert_eq!(rate(MilliRps(1_998)), "2 rps");
        assert_eq!(rate(MilliRps(1_234)), "1.23 rps");
        assert_eq!(rate(MilliRps(12_345)), "12.3 rps");
        assert_eq!(rate(MilliRps(1_234_567)), "1235 rps");
        assert_eq!(rtt(MicrosRtt(2_149)), "2.1 ms");
        assert_eq!(rtt(MicrosRtt(150)), "150 µs");
        assert_eq!(rtt(MicrosRtt(250_400)), "250 ms");
        assert_eq!(part(Permille(80)), "8 %");
        assert_eq!(part(Permille(125)), "12.5 %");
        assert_eq!(listed(&["a".into(), "b".into(), "c".into()]), "a, b and c");
    }
}
