//! What of two logs must agree: facts, effects and decisions, in their order; and what need not.

use periplus_core::Record;

use crate::lived::Lived;

/// One log's lines.
fn lines(records: &[Record]) -> Vec<String> {
    let mut lines = Vec::new();
    for record in records {
        for event in &record.events {
            lines.push(format!("{} event {event:?}", record.at));
        }
        for issued in &record.effects {
            lines.push(format!("{} effect {:?}", record.at, issued.effect));
        }
        for decision in &record.decisions {
            lines.push(format!("{} decision {decision:?}", record.at));
        }
    }
    lines.into_iter().map(|line| without_keys(&line)).filter(|line| !line.contains("HeartbeatsAccepted")).collect()
}

/// The same without the numbers of records.
fn without_keys(line: &str) -> String {
    let mut parts = line.split("EffectKey { seq: Seq(");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str("key");
        text.push_str(part.split_once('}').map_or(part, |(_, rest)| rest));
    }
    text
}

/// How two logs differ.
pub(crate) fn compare(simulated: &[Record], lived: &Lived) -> Vec<String> {
    let (one, other) = (lines(simulated), lines(&lived.records));
    let decisions = |lines: &[String]| -> Vec<String> { lines.iter().filter(|line| line.contains(" decision ")).cloned().collect() };
    let untimed = |lines: &[String]| -> Vec<String> { lines.iter().map(|line| line.split_once(' ').map_or(String::new(), |(_, rest)| rest.to_owned())).collect() };
    let (d1, d2) = (decisions(&one), decisions(&other));
    let mut out = vec![format!("lines {} {} decisions {} {}", one.len(), other.len(), d1.len(), d2.len())];
    out.push(format!("all equal {} decisions equal {} untimed {}", one == other, d1 == d2, untimed(&d1) == untimed(&d2)));
    let (mut s1, mut s2) = (one.clone(), other.clone());
    s1.sort();
    s2.sort();
    out.push(format!("as sets {}", s1 == s2));
    if s1 != s2 {
        let only1: Vec<_> = one.iter().filter(|line| s2.binary_search(line).is_err()).take(6).collect();
        let only2: Vec<_> = other.iter().filter(|line| s1.binary_search(line).is_err()).take(6).collect();
        out.push(format!("\n   only simulated {only1:#?}\n   only lived {only2:#?}"));
    }
    out
}
