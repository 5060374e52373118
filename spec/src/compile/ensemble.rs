//! Ensembles: which days are drawn, checked against what there is to draw from.

use std::sync::Arc;

use periplus_core::ids::ClusterId;
use periplus_core::units::Span;

use crate::border::delay::recorded;
use crate::border::{growth, rounded};
use crate::code::Code;
use crate::compile::context::Context;
use crate::compile::trace::{Trace, cells};
use crate::draft::{
    BlocksDraft, EnsembleDraft, FailureDraft, GrowthDraft, LastsDraft, SelectionDraft,
};
use crate::files::Files;
use crate::scenario::{Blocks, Delay, Ensemble, Failure, SeriesTruth};
use crate::values::LabelKey;
use crate::yaml::Cursor;

/// What was said of an ensemble, and where.
pub(crate) struct Said<'a> {
    pub(crate) draft: &'a EnsembleDraft,
    pub(crate) here: Cursor<'a>,
    pub(crate) path: &'a str,
}

/// The ensemble that is meant.
pub(crate) fn ensemble(
    context: &mut Context<'_>,
    files: &mut Files,
    said: &Said<'_>,
    series: &[SeriesTruth],
) -> Ensemble {
    let Said { draft, here, path } = *said;
    let EnsembleDraft { demand, growth, lead_time, horizon, failures, spare } = draft;
    let demand = demand.and_then(|draft| blocks(context, draft, series, here.key("demand")));
    let growth = growth.and_then(|draft| grown(context, draft, here.key("growth")));
    let failures = failures.iter().enumerate().filter_map(|(index, draft)| {
        failure(context, files, draft, path, here.key("failures").item(index))
    });
    let failures = failures.collect();
    let spare = spare.as_ref().map_or_else(Vec::new, |draft| {
        units(context, &draft.clusters, draft.by.as_ref(), here.key("spare"))
    });
    Ensemble { demand, growth, lead: lead_time.0, horizon: horizon.0, failures, spare }
}

fn blocks(
    context: &mut Context<'_>,
    draft: BlocksDraft,
    series: &[SeriesTruth],
    here: Cursor<'_>,
) -> Option<Blocks> {
    let (block, season) = (draft.block.0, draft.season.0);
    let whole = block > Span::ZERO && season.0.is_multiple_of(block.0);
    if !whole || season == Span::ZERO {
        let message = format!("blocks of {block} do not fill a season of {season}");
        context.complain(here.key("block"), Code::OutOfRange, message);
        return None;
    }
    let long = |series: &SeriesTruth| series.demand.shape.period().0 >= 2 * season.0;
    if !series.iter().any(long) {
        let message = format!("no demand is recorded for two seasons of {season} or longer");
        let wrong = here.name_of("demand").error(Code::NothingSelected, message);
        let help = "give a demand a `trace` of several days, or a shorter `season`";
        context.complaints.push(wrong.with_help(help));
        return None;
    }
    Some(Blocks { block, season })
}

fn grown(context: &mut Context<'_>, draft: GrowthDraft, here: Cursor<'_>) -> Option<Arc<[u32]>> {
    let (p50, p95) = (draft.p50.float(), draft.p95.float());
    if p50 <= 0.0 || p95 < p50 {
        let message = format!(
            "`p50` ({}) must be more than nothing and at most `p95` ({})",
            draft.p50, draft.p95
        );
        context.complain(here.key("p50"), Code::InvertedRange, message);
        return None;
    }
    Some(growth::quantiles(p50, p95))
}

fn failure(
    context: &mut Context<'_>,
    files: &mut Files,
    draft: &FailureDraft,
    path: &str,
    here: Cursor<'_>,
) -> Option<Failure> {
    let units = units(context, &draft.clusters, draft.by.as_ref(), here);
    let per_millennium = draft.per_year.in_thousandths().or_else(|| {
        let message = format!("nothing fails {} times a year", draft.per_year);
        context.complain(here.key("perYear"), Code::OutOfRange, message);
        None
    })?;
    let lasts = lasts(context, files, &draft.lasts, path, here.key("lasts"))?;
    Some(Failure { units, per_millennium, lasts })
}

fn lasts(
    context: &mut Context<'_>,
    files: &mut Files,
    draft: &LastsDraft,
    path: &str,
    here: Cursor<'_>,
) -> Option<Delay> {
    match draft {
        LastsDraft::Delay(delay) => Some(super::world::delay(context, *delay, here.key("delay"))),
        LastsDraft::Recorded(draft) => {
            let here = here.key("recorded");
            let trace = Trace {
                file: &draft.file,
                column: &draft.column,
                step: crate::values::Duration(Span::MINUTE),
                skip: crate::values::Duration::default(),
            };
            let minutes = cells(files, &trace, path, here);
            let minutes = minutes.map_err(|wrong| context.complaints.list.extend(wrong)).ok()?;
            let spans = minutes.iter().map(|minutes| Span(rounded(minutes * 60_000.0)));
            Some(recorded(spans.collect()))
        }
    }
}

/// Clusters one by one, or those together that have the same value of a label, in the order of the first of each: what
/// values are called decides nothing.
fn units(
    context: &mut Context<'_>,
    clusters: &SelectionDraft,
    by: Option<&LabelKey>,
    here: Cursor<'_>,
) -> Vec<Vec<ClusterId>> {
    let selected = context.clusters(clusters, here.key("clusters"));
    let ids = selected.into_iter().map(ClusterId::from_index);
    let Some(key) = by else { return ids.map(|id| vec![id]).collect() };
    let mut together: Vec<(&str, Vec<ClusterId>)> = Vec::new();
    for id in ids {
        let labels = &context.rolls.clusters.entities[id.index()].first().object.metadata.labels;
        match labels.get(key) {
            Some(value) => match together.iter_mut().find(|(known, _)| *known == &**value) {
                Some((_, ids)) => ids.push(id),
                None => together.push((value, vec![id])),
            },
            None => {
                let name = context.rolls.clusters.entities[id.index()].name;
                let message = format!("`{name}` has no label `{key}`");
                context.complain(here.key("by"), Code::NothingSelected, message);
                return Vec::new();
            }
        }
    }
    together.into_iter().map(|(_, ids)| ids).collect()
}
