//! Series: how apps fared, interval by interval, in as many points as a chart can show.

use std::collections::BTreeMap;

use periplus_core::ids::AppId;
use periplus_core::units::{Span, Tick};
use periplus_sim::{Part, Row};
use periplus_spec::scenario::Scenario;

use crate::report::data::SeriesTold;
use crate::report::short::Short;

/// A series has so many points at most: the minutes of a day.
const POINTS_MAX: usize = 1_440;
/// So many apps have a series of their own at most: those with the most requests.
pub(crate) const APPS_MAX: usize = 12;

/// How the points of a run's series lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Grid {
    points: usize,
    /// How many intervals one point stands for.
    each: usize,
    interval_ms: u64,
}

impl Grid {
    pub(crate) fn of(scenario: &Scenario) -> Self {
        let interval_ms = scenario.world.meter_every.0;
        let intervals = scenario.duration.0.div_ceil(interval_ms);
        let intervals = usize::try_from(intervals).unwrap_or(usize::MAX);
        let each = intervals.div_ceil(POINTS_MAX).max(1);
        Self { points: intervals.div_ceil(each), each, interval_ms }
    }

    pub(crate) fn step_seconds(self) -> f64 {
        self.each as f64 * self.interval_ms as f64 / 1e3
    }

    /// Whether points stand for several intervals.
    pub(crate) fn is_coarse(self) -> bool {
        self.each > 1
    }

    fn point(self, at: Tick) -> usize {
        let interval = at.0.saturating_sub(1) / self.interval_ms;
        let interval = usize::try_from(interval).unwrap_or(usize::MAX);
        (interval / self.each).min(self.points - 1)
    }
}

/// All apps together, then each by itself if there are several.
pub(crate) fn series(
    scenario: &Scenario,
    grid: Grid,
    rows: &[Row],
    [hours, clusters]: [&[Part]; 2],
) -> Vec<SeriesTold> {
    let apps = &scenario.fleet.apps;
    let of = |app: AppId| rows.iter().filter(move |row| row.app == app);
    if apps.len() < 2 {
        return vec![Points::new(grid, rows.iter()).told(None)];
    }
    let mut all = Points::new(grid, rows.iter());
    all.take_hours(hours, clusters);
    let mut listed: Vec<AppId> = (0..apps.len()).map(AppId::from_index).collect();
    let offered = |app: AppId| of(app).map(|row| row.offered).sum::<f64>();
    listed.sort_by(|a, b| offered(*b).total_cmp(&offered(*a)).then(a.cmp(b)));
    listed.truncate(APPS_MAX);
    listed.sort_unstable();
    let each = listed.into_iter().map(|app| {
        let name = apps[app.index()].name.clone();
        Points::new(grid, of(app)).told(Some(name))
    });
    std::iter::once(all.told(None)).chain(each).collect()
}

/// Sums over the intervals of each point.
struct Points {
    grid: Grid,
    offered: Vec<f64>,
    served: Vec<f64>,
    /// The highest of its intervals.
    quantiles: [Vec<Option<f64>>; 3],
    cost: Vec<f64>,
    carbon: Vec<f64>,
    replicas: Vec<Last>,
    clusters: Vec<Last>,
}

/// A count at the end of a point's last interval, summed over apps.
#[derive(Clone, Copy, Default)]
struct Last {
    at: Tick,
    count: u32,
}

impl Last {
    fn take(&mut self, at: Tick, count: u32) {
        let before = if at > self.at { 0 } else { self.count };
        *self = Self { at, count: before.saturating_add(count) };
    }
}

impl Points {
    fn new<'r>(grid: Grid, rows: impl Iterator<Item = &'r Row>) -> Self {
        let zeros = || vec![0.0; grid.points];
        let none = || vec![None; grid.points];
        let mut points = Self {
            grid,
            offered: zeros(),
            served: zeros(),
            quantiles: [none(), none(), none()],
            cost: zeros(),
            carbon: zeros(),
            replicas: vec![Last::default(); grid.points],
            clusters: vec![Last::default(); grid.points],
        };
        rows.for_each(|row| points.take(row));
        points
    }

    fn take(&mut self, row: &Row) {
        let point = self.grid.point(row.at);
        self.offered[point] += row.offered;
        self.served[point] += row.served;
        if row.served > 0.0 {
            for (quantile, found) in
                self.quantiles.iter_mut().zip([row.p50_ms, row.p95_ms, row.p99_ms])
            {
                let highest = quantile[point].map_or(found, |highest: f64| highest.max(found));
                quantile[point] = Some(highest);
            }
        }
        self.cost[point] += row.cost_per_hour / self.grid.each as f64;
        self.carbon[point] += row.carbon_per_hour / self.grid.each as f64;
        self.replicas[point].take(row.at, row.replicas);
        self.clusters[point].take(row.at, row.clusters);
    }

    /// Quantiles of several apps together, and clusters that they share, are known by the hour only.
    fn take_hours(&mut self, hours: &[Part], clusters: &[Part]) {
        let hours: BTreeMap<u32, &Part> =
            hours.iter().filter_map(|part| Some((part.hour?, part))).collect();
        let mut active: BTreeMap<u32, u32> = BTreeMap::new();
        let holds = |part: &&Part| part.spent.is_some_and(|spent| spent.core_hours > 0.0);
        for hour in clusters.iter().filter(holds).filter_map(|part| part.hour) {
            *active.entry(hour).or_default() += 1;
        }
        for point in 0..self.grid.points {
            let at = self.grid.interval_ms * (point * self.grid.each) as u64;
            let hour = u32::try_from(at / Span::HOUR.0).unwrap_or(u32::MAX);
            let told = |of: fn(&Part) -> Option<f64>| hours.get(&hour).copied().and_then(of);
            self.clusters[point].count = active.get(&hour).copied().unwrap_or(0);
            self.quantiles[0][point] = told(|part| part.p50_ms);
            self.quantiles[1][point] = told(|part| part.p95_ms);
            self.quantiles[2][point] = told(|part| part.p99_ms);
        }
    }

    fn told(self, app: Option<String>) -> SeriesTold {
        let seconds = self.grid.step_seconds();
        let rates =
            |sums: Vec<f64>| sums.into_iter().map(|sum| Short::drawn(sum / seconds)).collect();
        let plain = |values: Vec<f64>| values.into_iter().map(Short::drawn).collect();
        let counts = |counts: Vec<Last>| counts.into_iter().map(|last| last.count).collect();
        let [p50, p95, p99] = self
            .quantiles
            .map(|values| values.into_iter().map(|value| value.map(Short::drawn)).collect());
        SeriesTold {
            app,
            offered: rates(self.offered),
            served: rates(self.served),
            p50,
            p95,
            p99,
            cost: plain(self.cost),
            carbon: plain(self.carbon),
            replicas: counts(self.replicas),
            clusters: counts(self.clusters),
        }
    }
}
