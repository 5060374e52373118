//! Bills and refusals of a decision's candidates, as they are told wherever a decision is explained.

use periplus_core::decision::{Bill, Decision, Reason, ReasonCode, Trigger};
use periplus_core::explain::Candidate;
use periplus_core::units::MicroUsdPerHour;
use periplus_core::{Input, State};

use super::{events, reason, reasons, values};

/// What the lines of a bill are called.
pub const LINES: [&str; 8] =
    ["total", "compute", "active", "carbon", "latency", "egress", "moving", "preference"];

/// The lines of a bill in US dollars per hour, in the order of [`LINES`].
#[must_use]
pub fn lines(bill: &Bill) -> [String; 8] {
    let Bill { compute, fixed, carbon, latency, egress, moving, preference, unserved: _ } = *bill;
    let [compute, fixed, carbon, latency, egress, moving, preference] =
        [compute, fixed, carbon, latency, egress, moving, preference].map(line);
    let total = values::dollars(bill.total());
    [total, compute, fixed, carbon, latency, egress, moving, preference]
}

fn line(price: MicroUsdPerHour) -> String {
    if price.0 == 0 { "·".into() } else { values::dollars(price) }
}

/// What made the machine decide.
#[must_use]
pub fn because(decision: &Decision, input: &Input) -> String {
    match (decision.trigger, input) {
        (Trigger::Timer, Input::Timer(_)) => "because its time had come".into(),
        (trigger, input) => {
            format!("because of {}: {}", reasons::trigger(trigger), events::kind(input))
        }
    }
}

/// Candidates that were refused, gathered by code.
#[must_use]
pub fn refused(candidates: &[Candidate]) -> Vec<(ReasonCode, Vec<&Candidate>)> {
    let code = |candidate: &Candidate| candidate.outcome.err().map(|why| why.code());
    let mut refused: Vec<&Candidate> =
        candidates.iter().filter(|candidate| candidate.outcome.is_err()).collect();
    refused.sort_by_key(|candidate| code(candidate));
    let groups = refused.chunk_by(|a, b| code(a) == code(b));
    groups.filter_map(|group| Some((code(group.first()?)?, group.to_vec()))).collect()
}

/// Why a candidate was refused, if it was.
#[must_use]
pub fn refusal(state: &State, decision: &Decision, candidate: &Candidate) -> Option<String> {
    let why: Reason = candidate.outcome.err()?;
    Some(reason(state, decision.app, &why))
}
