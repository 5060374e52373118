//! What came out of a variant, in words.

use crate::whatif::compare::Difference;
use crate::whatif::measures::Form;

/// Relative differences below this are too small to be worth a number.
const WORTH_TELLING: f64 = 0.000_5;
/// Parts of all requests, likewise.
const SHARE_WORTH_TELLING: f64 = 0.000_05;
/// Latency is told where it changes by this much.
const LATENCY_WORTH_TELLING: f64 = 0.01;

/// How a number changes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    /// Not at all, or too little to be told.
    Same,
    /// Perhaps: the seeds do not tell it from nothing.
    Unclear,
    More,
    Less,
}

/// What a variant costs, emits and keeps, beside what the others are compared with: `costs 27 % more ($151.60
/// instead of $118.95), emits 46 % more CO2e, and keeps the promise as well (99.89 %)`.
pub(crate) fn told(of: &dyn Fn(&str) -> Option<Difference>) -> String {
    let mut parts = Vec::new();
    parts.extend(of("cost.total").map(|one| cost(&one)));
    parts.extend(of("carbon.kg").map(|one| carbon(&one)));
    parts.extend(of("slo.attainment").map(|one| promise(&one)));
    let latency = of("latency.p95Ms").filter(|one| {
        let relative = one.relative().unwrap_or(0.0);
        relative.abs() >= LATENCY_WORTH_TELLING && change(one) != Change::Unclear
    });
    let mut text = match parts.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{}, and {last}", first.join(", ")),
        None => "has nothing to compare".into(),
    };
    if let Some(one) = latency {
        let word = if one.size() > 0.0 { "higher" } else { "lower" };
        let [now, before] = [one.variant, one.base].map(|value| Form::Milliseconds.told(value));
        let much = percent(&one);
        text += &format!("; p95 latency is {much} {word} ({now} instead of {before})");
    }
    text
}

fn cost(one: &Difference) -> String {
    let now = Form::Dollars.told(one.variant);
    match change(one) {
        Change::Same => format!("costs as much ({now})"),
        Change::Unclear => format!("costs about as much ({now}; the seeds tell no difference)"),
        Change::More | Change::Less => {
            let before = Form::Dollars.told(one.base);
            if now == before {
                let more = Form::Dollars.told_difference(one.size(), None);
                return format!("costs {} ({more} on {before})", amount(one));
            }
            format!("costs {} ({now} instead of {before})", amount(one))
        }
    }
}

fn carbon(one: &Difference) -> String {
    match change(one) {
        Change::Same => "emits as much CO2e".into(),
        Change::Unclear => "emits about as much CO2e".into(),
        Change::More | Change::Less => format!("emits {} CO2e", amount(one)),
    }
}

fn promise(one: &Difference) -> String {
    let now = Form::Share.told(one.variant);
    let before = Form::Share.told(one.base);
    match change(one) {
        _ if one.size().abs() < SHARE_WORTH_TELLING || now == before => {
            format!("keeps the promise as well ({now})")
        }
        Change::Same => format!("keeps the promise as well ({now})"),
        Change::Unclear => {
            format!("keeps the promise about as well ({now}; the seeds tell no difference)")
        }
        Change::More => format!("keeps the promise better ({now} of requests instead of {before})"),
        Change::Less => format!("keeps the promise worse ({now} of requests instead of {before})"),
    }
}

fn change(one: &Difference) -> Change {
    let small = one.relative().map_or(one.size() == 0.0, |part| part.abs() < WORTH_TELLING);
    match one.size() {
        _ if small => Change::Same,
        _ if one.margin.is_some() && !one.is_sure() => Change::Unclear,
        size if size > 0.0 => Change::More,
        _ => Change::Less,
    }
}

fn amount(one: &Difference) -> String {
    let word = if one.size() > 0.0 { "more" } else { "less" };
    format!("{} {word}", percent(one))
}

/// The size of a relative difference; several times as much where percents become hard to read.
fn percent(one: &Difference) -> String {
    match one.relative().map(f64::abs) {
        None => Form::Count.told(one.size().abs()),
        Some(part) if part >= TIMES_FROM => format!("{part:.0} times"),
        Some(part) if part >= 0.1 => format!("{:.0} %", part * 1e2),
        Some(part) => format!("{:.1} %", part * 1e2),
    }
}

/// From ten times on.
const TIMES_FROM: f64 = 10.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn told_of(cost: (f64, f64, Option<f64>), promise: (f64, f64), p95: (f64, f64)) -> String {
        told(&|path| {
            let of = |(base, variant): (f64, f64)| Difference { base, variant, margin: None };
            Some(match path {
                "cost.total" => Difference { margin: cost.2, ..of((cost.0, cost.1)) },
                "carbon.kg" => of((1.0, 1.0)),
                "slo.attainment" => of(promise),
                _ => of(p95),
            })
        })
    }

    #[test]
    fn a_variant_is_told_in_a_sentence() {
        assert_eq!(
            told_of((118.95, 151.6, Some(1.41)), (0.998_9, 0.998_9), (58.6, 58.8)),
            "costs 27 % more ($151.60 instead of $118.95), emits as much CO2e, and keeps the promise as well (99.89 %)"
        );
        assert_eq!(
            told_of((100.0, 101.0, Some(2.0)), (0.998_9, 0.776), (58.6, 64.3)),
            "costs about as much ($101.00; the seeds tell no difference), emits as much CO2e, and keeps the promise worse \
             (77.60 % of requests instead of 99.89 %); p95 latency is 9.7 % higher (64.3 ms instead of 58.6 ms)"
        );
        assert!(
            told_of((1.576, 1.584, None), (0.9, 0.9), (50.0, 50.0)).contains("(+$0.008 on $1.58)")
        );
        assert!(told_of((1.0, 31.0, None), (0.9, 0.95), (50.0, 40.0)).contains("30 times more"));
    }
}
