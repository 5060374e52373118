//! Why: decisions of a run with their bills, worked out by running it again as far as the last of them.

use std::collections::{BTreeMap, BTreeSet};

use periplus_core::decision::{Decision, Subject};
use periplus_core::explain::{Candidate, Explained};
use periplus_core::fleet::Place;
use periplus_core::ids::Seq;
use periplus_core::units::{Span, Tick};
use periplus_core::{RecordRef, State};

use crate::failure::{Failure, pasted};
use crate::names::Names;
use crate::report::data::{BillTold, DecidedTold, RefusalTold};
use crate::whatif::study::{Study, Way};
use crate::wording::{bills, clock, cost, cure, events, rtt};

/// So many bills are told besides those of the clusters that were chosen on either side.
const BILLS_TOLD: usize = 5;

/// Which decisions are to be explained: the place in the record, and clusters whose bills are wanted.
pub(crate) type Wanted = BTreeMap<Seq, BTreeMap<usize, BTreeSet<String>>>;

/// Decisions with their bills.
pub(crate) type Explanations = BTreeMap<(Seq, usize), DecidedTold>;

/// Explains what is wanted of a run, the last of it made at `last`.
///
/// # Errors
/// The machine or the world has a bug.
pub(crate) fn explain(
    study: &Study,
    way: &Way,
    wanted: &Wanted,
    last: Tick,
) -> Result<Explanations, Failure> {
    let mut clerk = Clerk { wanted, told: Explanations::new() };
    if !wanted.is_empty() {
        study.run(&way.shortened(Span(last.0 + 1)), &mut (), &mut clerk)?;
    }
    Ok(clerk.told)
}

struct Clerk<'a> {
    wanted: &'a Wanted,
    told: Explanations,
}

impl periplus_sim::Watch for Clerk<'_> {
    fn asks_why(&self) -> bool {
        true
    }

    fn explain(&mut self, record: &RecordRef<'_>, explained: &[Explained], state: &State) {
        let Some(wanted) = self.wanted.get(&record.seq) else { return };
        for why in explained {
            let Some(named) = wanted.get(&why.decision) else { continue };
            let decision = &record.decisions[why.decision];
            let told = Told { record, decision, candidates: &why.candidates, state };
            self.told.insert((record.seq, why.decision), told.told(named));
        }
    }
}

/// A decision to be told.
struct Told<'a> {
    record: &'a RecordRef<'a>,
    decision: &'a Decision,
    candidates: &'a [Candidate],
    state: &'a State,
}

impl Told<'_> {
    fn told(&self, named: &BTreeSet<String>) -> DecidedTold {
        let names = Names(self.state);
        let subject = match self.decision.subject {
            Subject::Berth(cluster) => names.cluster(cluster),
            Subject::Flow(place) => names.place(place),
        };
        let runner_up = self.decision.runner_up.zip(self.decision.margin());
        DecidedTold {
            seq: self.record.seq.0,
            at: clock(self.record.at),
            verdict: events::decided(self.decision, self.state).unwrap_or_else(|| subject.into()),
            because: bills::because(self.decision, self.record.input),
            bills: self.bills(named),
            billed: self.candidates.iter().filter(|one| one.outcome.is_ok()).count(),
            refusals: self.refusals(named),
            runner_up: runner_up.map(|(next, margin)| {
                format!("{}, {} from the winner", names.cluster(next.cluster), cost(margin))
            }),
            why: self.why(),
        }
    }

    fn bills(&self, named: &BTreeSet<String>) -> Vec<BillTold> {
        let mut billed: Vec<_> =
            self.candidates.iter().filter_map(|one| Some((one, one.outcome.ok()?))).collect();
        billed.sort_by_key(|(candidate, bill)| (bill.total(), candidate.cluster));
        let told = billed.iter().enumerate().filter_map(|(place, (candidate, bill))| {
            let cluster = Names(self.state).cluster(candidate.cluster);
            (place < BILLS_TOLD || named.contains(cluster)).then(|| BillTold {
                cluster: cluster.into(),
                rtt: rtt(candidate.rtt),
                takes: false,
                other: false,
                lines: bills::lines(bill).into(),
            })
        });
        told.collect()
    }

    /// One for each code, and one for each cluster that was named.
    fn refusals(&self, named: &BTreeSet<String>) -> Vec<RefusalTold> {
        let name = |candidate: &Candidate| Names(self.state).cluster(candidate.cluster);
        let mut told = Vec::new();
        for (code, group) in bills::refused(self.candidates) {
            let (asked, others): (Vec<&Candidate>, Vec<&Candidate>) =
                group.into_iter().partition(|candidate| named.contains(name(candidate)));
            let single = asked.into_iter().map(|candidate| (1, candidate));
            let rest = others.first().map(|candidate| (others.len(), *candidate));
            told.extend(single.chain(rest).map(|(count, candidate)| {
                let why = bills::refusal(self.state, self.decision, candidate).unwrap_or_default();
                RefusalTold {
                    count,
                    code: code.slug().into(),
                    text: format!("{}: {why}", name(candidate)),
                    cure: cure(code).into(),
                }
            }));
        }
        told
    }

    /// The command that tells the same from a log.
    fn why(&self) -> String {
        let names = Names(self.state);
        let seq = self.record.seq.0.to_string();
        let mut words = vec!["why", "RUN/run.log", "--app", names.app(self.decision.app)];
        match (self.decision.subject, self.decision.winner) {
            (Subject::Flow(Place::Zone(zone)), _) => words.extend(["--zone", names.zone(zone)]),
            (Subject::Flow(Place::Cluster(_)), Some(winner)) => {
                words.extend(["--cluster", names.cluster(winner.cluster)]);
            }
            (Subject::Flow(Place::Cluster(_)), None) => {}
            (Subject::Berth(cluster), _) => words.extend(["--cluster", names.cluster(cluster)]),
        }
        words.extend(["--seq", &seq]);
        pasted(words)
    }
}
