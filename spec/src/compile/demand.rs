//! Demand: one series for each app and zone that users ask for.

use std::collections::BTreeMap;
use std::sync::Arc;

use periplus_core::fleet::{SeriesSpec, Signal};
use periplus_core::ids::{AppId, ZoneId};
use periplus_core::units::{MilliRps, Span};

use crate::border::float;
use crate::code::Code;
use crate::compile::context::Context;
use crate::compile::roll::{APP, When};
use crate::compile::shape::{self, Clock, VALUES_MAX};
use crate::compile::trace::{Trace, cells};
use crate::draft::{
    CommutersDraft, DemandDraft, ModelDraft, SelectionDraft, ShareDraft, SignalDraft, TraceDraft,
    TraceUnit,
};
use crate::files::Files;
use crate::scenario::{Demand, SeriesTruth, Shape};
use crate::values::TimeZone;
use crate::yaml::Cursor;

/// A series, and from when on its app and zone are there.
pub(crate) struct Asked {
    pub(crate) from: When,
    pub(crate) truth: SeriesTruth,
}

/// When a scenario starts and how long it runs.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    pub(crate) epoch_ms: i64,
    pub(crate) until: Span,
}

/// A demand draft and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Said<'a> {
    pub(crate) draft: &'a DemandDraft,
    pub(crate) here: Cursor<'a>,
    /// The file that it stands in.
    pub(crate) path: &'a str,
}

/// All series that `said` asks for, in the order of their ids.
pub(crate) fn demand(
    context: &mut Context<'_>,
    files: &mut Files,
    run: Run,
    said: &[Said<'_>],
) -> Vec<Asked> {
    let mut asked: Vec<Asked> = Vec::new();
    let mut known: BTreeMap<(AppId, ZoneId), Cursor<'_>> = BTreeMap::new();
    for said in said {
        let app = context.rolls.apps.find(
            APP,
            &said.draft.app,
            said.here.key("app"),
            &mut context.complaints,
        );
        let rates = Rates { context, files, run, said: *said }.of_zones();
        let Some(app) = app else { continue };
        for (zone, demand) in rates {
            let spec = SeriesSpec {
                app: AppId::from_index(app),
                zone: ZoneId::from_index(zone),
                signal: match said.draft.signal {
                    SignalDraft::Offered => Signal::Offered,
                    SignalDraft::Served => Signal::Served,
                },
            };
            if let Some(first) = known.insert((spec.app, spec.zone), said.here.key("app")) {
                let message = format!(
                    "the demand for `{}` from `{}` is declared twice",
                    said.draft.app, context.rolls.zones.entities[zone].name
                );
                let here = said.here.key("app");
                let wrong = here.error(Code::DuplicateDemand, message);
                context.complaints.push(first.remark(wrong, "first here"));
                // One such zone says it all.
                break;
            }
            let born = context.rolls.apps.entities[app].born();
            let from = born.max(context.rolls.zones.entities[zone].born());
            asked.push(Asked { from, truth: SeriesTruth { spec, demand } });
        }
    }
    asked.sort_by_key(|series| series.from);
    asked
}

/// A highest rate and a shape.
type Made = (MilliRps, Arc<Shape>);

/// What one draft means for each zone.
struct Rates<'c, 'a, 'd> {
    context: &'c mut Context<'a>,
    files: &'c mut Files,
    run: Run,
    said: Said<'d>,
}

impl Rates<'_, '_, '_> {
    fn of_zones(&mut self) -> Vec<(usize, Demand)> {
        let Said { draft, here, .. } = self.said;
        let model = here.key("model");
        if let ModelDraft::Commuters(commuters) = &draft.model {
            if draft.zones.is_some() {
                let message = "commuters name their own zones";
                self.context.complain(here.name_of("zones"), Code::UselessField, message);
            }
            return self.commuters(commuters, model.key("commuters"));
        }
        let all = SelectionDraft::default();
        let selection = draft.zones.as_ref().unwrap_or(&all);
        let zones = self.context.zones(selection, here.key("zones"));
        let column = draft.share == ShareDraft::Column;
        match &draft.model {
            ModelDraft::Trace(trace) => self.trace(trace, &zones, model.key("trace")),
            _ if column => {
                let message = "only a trace has columns";
                self.context.complain(here.key("share"), Code::UselessField, message);
                Vec::new()
            }
            ModelDraft::Constant(rate) => {
                self.spread(&zones, |_, _| Some((rate.0, Arc::new(shape::constant()))))
            }
            ModelDraft::Diurnal(diurnal) => {
                if diurnal.low > diurnal.high {
                    let message =
                        format!("`low` ({}) is more than `high` ({})", diurnal.low, diurnal.high);
                    self.context.complain(
                        model.path(&["diurnal", "low"]),
                        Code::InvertedRange,
                        message,
                    );
                }
                self.by_clock(&zones, |clock| shape::diurnal(diurnal, clock))
            }
            ModelDraft::Steps(steps) => {
                let made = shape::steps(steps, self.run.until);
                if made.is_none() {
                    let message = format!(
                        "these times are so fine that the shape would have more than {VALUES_MAX} values"
                    );
                    let wrong = model.key("steps").error(Code::TooMany, message);
                    self.context
                        .complaints
                        .push(wrong.with_help("use times that are whole seconds or minutes"));
                }
                let Some((high, shape)) = made else { return Vec::new() };
                let shape = Arc::new(shape);
                self.spread(&zones, |_, _| Some((high, Arc::clone(&shape))))
            }
            ModelDraft::FlashCrowd(crowd) => {
                if crowd.base > crowd.peak {
                    let message =
                        format!("`base` ({}) is more than `peak` ({})", crowd.base, crowd.peak);
                    self.context.complain(
                        model.path(&["flashCrowd", "base"]),
                        Code::InvertedRange,
                        message,
                    );
                }
                let (high, shape) = shape::flash_crowd(crowd, self.run.until);
                let shape = Arc::new(shape);
                self.spread(&zones, |_, _| Some((high, Arc::clone(&shape))))
            }
            ModelDraft::Commuters(_) => unreachable!("commuters name their own zones"),
        }
    }

    /// How far local time in a zone is ahead of UTC, in milliseconds.
    fn offset(&self, zone: usize) -> i64 {
        match self.said.draft.timezone {
            TimeZone::Utc => 0,
            TimeZone::Minutes(minutes) => i64::from(minutes) * 60_000,
            TimeZone::Solar => {
                let zone = &self.context.rolls.zones.entities[zone].first().object.spec;
                let degrees = zone.location.map_or(0.0, |location| location.longitude.degrees());
                let hours = libm::round(degrees.abs() / 15.0);
                let hours = i64::try_from(crate::border::rounded(hours)).unwrap_or(0);
                let hour = i64::try_from(Span::HOUR.0).unwrap_or(0);
                if degrees < 0.0 { -hours * hour } else { hours * hour }
            }
        }
    }

    /// A shape that follows a clock, made once for each clock that differs.
    fn by_clock(
        &mut self,
        zones: &[usize],
        make: impl Fn(Clock) -> (MilliRps, Shape),
    ) -> Vec<(usize, Demand)> {
        let mut made: BTreeMap<Clock, Made> = BTreeMap::new();
        let epoch_ms = self.run.epoch_ms;
        self.spread(zones, |rates, zone| {
            let clock = Clock::at(epoch_ms, rates.offset(zone));
            let made = made.entry(clock).or_insert_with(|| {
                let (high, shape) = make(clock);
                (high, Arc::new(shape))
            });
            Some(made.clone())
        })
    }

    /// Gives each zone its share of a rate, and a shape.
    fn spread(
        &mut self,
        zones: &[usize],
        mut shape: impl FnMut(&Self, usize) -> Option<Made>,
    ) -> Vec<(usize, Demand)> {
        let users =
            |zone: &usize| self.context.rolls.zones.entities[*zone].first().object.spec.users;
        let weights: Vec<u64> = match self.said.draft.share {
            ShareDraft::Users => zones.iter().map(users).collect(),
            ShareDraft::Equal => vec![1; zones.len()],
            ShareDraft::Each | ShareDraft::Column => Vec::new(),
        };
        if !weights.is_empty() && weights.iter().all(|weight| *weight == 0) {
            let message = "none of these zones has users to share the demand between";
            self.context.complain(self.said.here.key("zones"), Code::NothingSelected, message);
            return Vec::new();
        }
        let growth = self.said.draft.growth.float();
        let noise = self.said.draft.noise;
        let noise = self.context.part(noise, self.said.here.key("noise"));
        let mut shares: BTreeMap<MilliRps, Vec<MilliRps>> = BTreeMap::new();
        let mut given = Vec::with_capacity(zones.len());
        for (place, zone) in zones.iter().enumerate() {
            let Some((rate, shape)) = shape(self, *zone) else { continue };
            let rate = shape::times(rate, growth);
            let base = match weights.is_empty() {
                true => rate,
                false => shares.entry(rate).or_insert_with(|| shape::shared(rate, &weights))[place],
            };
            given.push((*zone, Demand { base, shape, noise }));
        }
        given
    }

    fn commuters(&mut self, draft: &CommutersDraft, here: Cursor<'_>) -> Vec<(usize, Demand)> {
        let homes = self.context.zones(&draft.homes, here.key("homes"));
        let works = self.context.zones(&draft.works, here.key("works"));
        if let Some(both) = homes.iter().find(|zone| works.binary_search(zone).is_ok()) {
            let name = self.context.rolls.zones.entities[*both].name;
            let message = format!("`{name}` is both a home and a place of work");
            self.context.complain(here.key("works"), Code::DuplicateDemand, message);
            return Vec::new();
        }
        if draft.evening < draft.morning {
            let message =
                format!("`evening` ({}) comes before `morning` ({})", draft.evening, draft.morning);
            self.context.complain(here.key("evening"), Code::InvertedRange, message);
        }
        let rate = draft.rate.0;
        let mut all = self.by_clock(&homes, |clock| (rate, shape::commuters(draft, clock).0));
        all.extend(self.by_clock(&works, |clock| (rate, shape::commuters(draft, clock).1)));
        all
    }

    fn trace(
        &mut self,
        draft: &TraceDraft,
        zones: &[usize],
        here: Cursor<'_>,
    ) -> Vec<(usize, Demand)> {
        let by_column = self.said.draft.share == ShareDraft::Column;
        match (&draft.column, by_column) {
            (Some(_), true) => {
                let message = "with `share: column`, each zone has the column of its own name";
                self.context.complain(here.name_of("column"), Code::UselessField, message);
                return Vec::new();
            }
            (None, false) => {
                let wrong = here.error(Code::MissingField, "`trace` needs `column`");
                self.context.complaints.push(wrong);
                return Vec::new();
            }
            _ => {}
        }
        if draft.scale.is_some() && draft.peak.is_some() {
            let message = "`scale` and `peak` both say what the values mean; give one of them";
            self.context.complain(here.name_of("scale"), Code::ExactlyOne, message);
        }
        let mut columns: BTreeMap<String, Arc<[f64]>> = BTreeMap::new();
        let names =
            zones.iter().map(|zone| self.context.rolls.zones.entities[*zone].name.to_owned());
        let names: Vec<String> = match &draft.column {
            Some(column) => vec![column.clone()],
            None => names.collect(),
        };
        for name in names {
            let trace =
                Trace { file: &draft.file, column: &name, step: draft.step, skip: draft.skip };
            match cells(self.files, &trace, self.said.path, here) {
                Ok(values) => {
                    columns.insert(name, values);
                }
                Err(wrong) => {
                    self.context.complaints.list.extend(wrong);
                    return Vec::new();
                }
            }
        }
        let highest =
            columns.values().flat_map(|values| values.iter().copied()).fold(0.0, f64::max);
        let per_value = per_value(draft, highest);
        let mut made: BTreeMap<(String, u64), Option<Made>> = BTreeMap::new();
        let period = |values: &[f64]| draft.step.0.0 * values.len() as u64;
        let demand = self.spread(zones, |rates, zone| {
            let own = rates.context.rolls.zones.entities[zone].name;
            let column = draft.column.as_deref().unwrap_or(own);
            let values = columns.get(column)?;
            let length = i64::try_from(period(values)).ok()?;
            let ahead = u64::try_from(rates.offset(zone).rem_euclid(length.max(1))).ok()?;
            let made = made.entry((column.to_owned(), ahead)).or_insert_with(|| {
                let (high, shape) = shape::recorded(values, draft.step.0, ahead)?;
                let high = MilliRps(crate::border::rounded(high * per_value));
                Some((high, Arc::new(shape)))
            });
            made.clone()
        });
        if columns.values().any(|values| values.len() as u64 > VALUES_MAX) {
            let message = format!("a trace may have {VALUES_MAX} rows at most");
            self.context.complain(here.key("file"), Code::TooMany, message);
        }
        demand
    }
}

/// The rate in mRPS that a value of 1 stands for.
fn per_value(draft: &TraceDraft, highest: f64) -> f64 {
    if let Some(peak) = draft.peak {
        return if highest > 0.0 { float(peak.0.0) / highest } else { 0.0 };
    }
    let scale = draft.scale.map_or(1.0, crate::values::Number::float);
    let seconds = match draft.unit {
        TraceUnit::PerSecond => 1.0,
        TraceUnit::PerStep => float(draft.step.0.0) / 1_000.0,
    };
    scale * 1_000.0 / seconds
}
