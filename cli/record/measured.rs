//! Demand, prices and carbon as they were reported, and delays as the fitted world has them.

use std::collections::BTreeMap;

use periplus_core::fleet::Prices;
use periplus_core::ids::{AppId, SeriesId};
use periplus_core::units::{GramsPerKwh, MilliRps, Span, Tick};
use periplus_spec::Bundle;
use periplus_spec::draft::{
    AgentDraft, CarbonDraft, CarbonTraceDraft, ClusterDraft, ComponentDraft, DelayDraft,
    DemandDraft, Document, ModelDraft, PricesDraft, ScheduledPricesDraft, SelectionDraft,
    ShareDraft, SignalDraft, TraceDraft, TraceUnit, WorldDraft,
};
use periplus_spec::scenario::{AgentTruth, ClusterTruth, Delay, Schedule};
use periplus_spec::values::{Duration, Name, Number, Percentage, Price, TimeZone};

use super::Part;
use super::naming::Naming;

/// Grids are told no finer than this.
const CARBON_STEP_MIN: Span = Span::MINUTE;

impl Part<'_> {
    /// Everything that was measured stands in the bundle.
    pub(super) fn measure(&self, bundle: &mut Bundle, naming: &Naming<'_>) {
        self.measure_demand(bundle, naming);
        self.measure_carbon(bundle);
        let fitted = &self.fork.scenario;
        let world = &mut bundle.scenario.spec.world;
        fit_world(world, &self.scenario.world, &fitted.world);
        for document in &mut bundle.documents {
            let name = document.metadata().name.to_string();
            match document {
                Document::Cluster(object) => {
                    if let Some((truth, declared)) = self.cluster(&name) {
                        fit_agent(&mut object.spec.agent, truth.agent, declared.agent);
                        self.price(&mut object.spec, &truth.prices);
                    }
                }
                Document::Application(object) => {
                    let known = fitted.fleet.apps.iter().zip(&self.scenario.fleet.apps);
                    let known = known.into_iter().find(|(app, _)| app.name == name);
                    let Some((truth, declared)) = known else { continue };
                    let parts = truth.components.iter().zip(&declared.components);
                    for (part, declared) in parts.filter(|(part, old)| part.start != old.start) {
                        let is_it = |draft: &&mut ComponentDraft| *draft.name == declared.name;
                        if let Some(draft) = object.spec.components.iter_mut().find(is_it) {
                            draft.start_time = delay(&part.start);
                        }
                    }
                }
                Document::InitialState(_)
                | Document::Policy(_)
                | Document::Scenario(_)
                | Document::Tenant(_)
                | Document::Zone(_) => {}
            }
        }
    }

    fn cluster(&self, name: &str) -> Option<(&ClusterTruth, &ClusterTruth)> {
        let pairs = self.fork.scenario.fleet.clusters.iter().zip(&self.scenario.fleet.clusters);
        pairs.into_iter().find(|(truth, _)| truth.name == name)
    }

    /// One trace for each app and signal, with a column for each zone.
    fn measure_demand(&self, bundle: &mut Bundle, naming: &Naming<'_>) {
        let present = |name: &Name| {
            let documents = bundle.documents.iter();
            let declared = bundle.scenario.spec.timeline.iter();
            let declared = declared.filter_map(|moment| moment.declare.as_ref()).flatten();
            documents.chain(declared).any(|document| {
                matches!(document, Document::Application(_)) && document.metadata().name == *name
            })
        };
        let mut asked: BTreeMap<(AppId, SignalDraft), Vec<SeriesId>> = BTreeMap::new();
        for (place, series) in self.scenario.fleet.series.iter().enumerate() {
            if !present(&naming.app(series.spec.app)) {
                continue;
            }
            let signal = match series.spec.signal {
                periplus_core::fleet::Signal::Offered => SignalDraft::Offered,
                periplus_core::fleet::Signal::Served => SignalDraft::Served,
            };
            let id = SeriesId::from_index(place);
            asked.entry((series.spec.app, signal)).or_default().push(id);
        }
        let everywhere = self.scenario.fleet.zones.len();
        let mut demands = Vec::new();
        for ((app, signal), series) in asked {
            let app = naming.app(app);
            let suffix = if signal == SignalDraft::Served { "-served" } else { "" };
            let file = format!("demand-{app}{suffix}.csv");
            let zones: Vec<Name> = series.iter().map(|id| naming.zone_of(*id)).collect();
            let (step, text) = self.trace(&series, &zones);
            let trace = TraceDraft {
                file: file.clone(),
                column: None,
                step: Duration(step),
                unit: TraceUnit::PerSecond,
                skip: Duration::default(),
                scale: None,
                peak: None,
            };
            demands.push(DemandDraft {
                app,
                zones: (zones.len() < everywhere).then_some(SelectionDraft::Names(zones)),
                share: ShareDraft::Column,
                model: ModelDraft::Trace(trace),
                growth: Number::thousandths(1_000),
                noise: Percentage::default(),
                signal,
                timezone: TimeZone::default(),
            });
            bundle.tables.insert(file, text);
        }
        bundle.scenario.spec.demand = demands;
    }

    /// The rates of some series in requests per second, a column each.
    fn trace(&self, series: &[SeriesId], zones: &[Name]) -> (Span, String) {
        let demand = |id: &SeriesId| &self.fork.scenario.fleet.series[id.index()].demand;
        let step = series.first().map_or(Span::MINUTE, |id| demand(id).shape.step);
        let rows = self.to.since(self.from).0.div_ceil(step.0).max(1);
        let head: Vec<String> = zones.iter().map(Name::to_string).collect();
        let mut text = head.join(",") + "\n";
        for row in 0..rows {
            let at = Tick(self.from.0 + row * step.0);
            let cells = series.iter().map(|id| {
                let demand = demand(id);
                rate(MilliRps(demand.base.0 * u64::from(demand.shape.at(at)) / 1_000))
            });
            text += &cells.collect::<Vec<_>>().join(",");
            text.push('\n');
        }
        (step, text)
    }

    /// Grids that change get a column of one trace; those that change alike share it.
    fn measure_carbon(&self, bundle: &mut Bundle) {
        let mut courses: Vec<(Vec<(Tick, GramsPerKwh)>, String)> = Vec::new();
        let clusters = bundle.documents.iter_mut().filter_map(|document| match document {
            Document::Cluster(object) => Some(object),
            Document::Application(_)
            | Document::InitialState(_)
            | Document::Policy(_)
            | Document::Scenario(_)
            | Document::Tenant(_)
            | Document::Zone(_) => None,
        });
        let mut tracing = Vec::new();
        for object in clusters {
            let Some((truth, _)) = self.cluster(&object.metadata.name) else { continue };
            let course = self.course(&truth.carbon);
            if let [(_, always)] = course[..] {
                object.spec.power.carbon = CarbonDraft::GramsPerKwh(always.0);
                continue;
            }
            let known = courses.iter().position(|known| known.0 == course);
            let place = known.unwrap_or_else(|| {
                courses.push((course, object.metadata.name.to_string()));
                courses.len() - 1
            });
            tracing.push((place, &mut object.spec.power.carbon));
        }
        let times = courses.iter().flat_map(|(course, _)| course).map(|(at, _)| at.0);
        let step = times.fold(self.to.since(self.from).0, common).max(CARBON_STEP_MIN.0);
        for (place, carbon) in tracing {
            *carbon = CarbonDraft::Trace(CarbonTraceDraft {
                file: CARBON.into(),
                column: courses[place].1.clone(),
                step: Duration(Span(step)),
                skip: Duration::default(),
            });
        }
        if courses.is_empty() {
            return;
        }
        let head: Vec<&str> = courses.iter().map(|(_, column)| column.as_str()).collect();
        let mut text = head.join(",") + "\n";
        for row in 0..self.to.since(self.from).0.div_ceil(step).max(1) {
            let at = Tick(row * step);
            let cells = courses.iter().map(|(course, _)| {
                let known = course.partition_point(|entry| entry.0 <= at);
                course[known.max(1) - 1].1.0.to_string()
            });
            text += &cells.collect::<Vec<_>>().join(",");
            text.push('\n');
        }
        bundle.tables.insert(CARBON.into(), text);
    }

    fn price(&self, draft: &mut ClusterDraft, prices: &Schedule<Prices>) {
        let course = self.course(prices);
        draft.prices = self.priced(&course[0].1);
        let later = course[1..].iter().map(|(at, prices)| ScheduledPricesDraft {
            at: Duration(Span(at.0)),
            prices: self.priced(prices),
        });
        draft.price_schedule = later.collect();
    }

    fn priced(&self, prices: &Prices) -> PricesDraft {
        let extended = self.scenario.fleet.extended.iter().zip(prices.extended);
        let extended = extended.filter(|(_, price)| price.0 > 0);
        PricesDraft {
            core_hour: Price::micros(prices.core.0),
            gib_hour: Price::micros(prices.gib.0),
            active_hour: Price::micros(prices.active.0),
            egress_gb: Price::micros(prices.egress_gigabyte.0),
            extended: extended
                .map(|(name, price)| (name.clone(), Price::micros(price.0)))
                .collect(),
        }
    }

    /// What a schedule says in the part, counted from its beginning.
    fn course<T: Copy + PartialEq>(&self, schedule: &Schedule<T>) -> Vec<(Tick, T)> {
        let known = schedule.0.partition_point(|entry| entry.0 <= self.from);
        let mut course = vec![(Tick::ZERO, schedule.0[known.max(1) - 1].1)];
        for (at, value) in &schedule.0[known.max(1)..] {
            let last = course[course.len() - 1].1;
            if *at < self.to && last != *value {
                course.push((Tick(at.since(self.from).0), *value));
            }
        }
        course
    }
}

/// The table of all grids.
const CARBON: &str = "carbon.csv";

fn common(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { common(other, one % other) }
}

/// A rate in requests per second, as short as it is.
fn rate(rate: MilliRps) -> String {
    let (whole, part) = (rate.0 / 1_000, rate.0 % 1_000);
    let text = format!("{whole}.{part:03}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn fit_world(
    draft: &mut WorldDraft,
    declared: &periplus_spec::scenario::World,
    fitted: &periplus_spec::scenario::World,
) {
    if fitted.push != declared.push {
        draft.push = delay(&fitted.push);
    }
    if fitted.report_delay != declared.report_delay {
        draft.report_delay = delay(&fitted.report_delay);
    }
}

fn fit_agent(draft: &mut AgentDraft, fitted: AgentTruth, declared: AgentTruth) {
    if fitted.interval != declared.interval {
        draft.interval = Some(legible(fitted.interval));
    }
    if fitted.apply != declared.apply {
        draft.apply = Some(legible(fitted.apply));
    }
}

/// The log-normal through the quantiles of what was seen.
fn delay(seen: &Delay) -> DelayDraft {
    let quantile = |permille: usize| legible(seen.0[seen.0.len() * permille / 1_000]);
    let (p50, p95) = (quantile(500), quantile(950));
    if p50 >= p95 {
        return DelayDraft::Always(p50);
    }
    DelayDraft::Spread { p50: p50.max(Duration(Span(1))), p95 }
}

/// As much of a span as was measured well.
fn legible(span: Span) -> Duration {
    let mut unit = 1;
    while span.0 >= 1_000 * unit {
        unit *= 10;
    }
    Duration(Span((span.0 + unit / 2) / unit * unit))
}
