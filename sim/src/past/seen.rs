//! What a log shows of the world: demand, tariffs, who fell silent, how late reports are.

use std::collections::BTreeMap;

use periplus_core::State;
use periplus_core::effect::EffectKey;
use periplus_core::fleet::Prices;
use periplus_core::ids::{BindingId, ClusterId, SeriesId};
use periplus_core::input::{Command, Observation, Reading, Seen, Sight};
use periplus_core::state::Health;
use periplus_core::units::{GramsPerKwh, MilliRps, Span, Tick};
use periplus_spec::scenario::Scenario;

/// A cluster that was heard of this many times less often than it should be was silent.
const BEATS_MISSED: u64 = 3;
/// Whatever a cluster says this soon after a silence tells how it came through it.
const AFTERMATH: Span = Span(5 * Span::MINUTE.0);
/// So many reports say well enough how late reports are.
const LAGS_MAX: usize = 100_000;
/// No demand was reported for an interval.
const UNSEEN: u32 = u32::MAX;

/// What a log shows of the world.
#[derive(Clone, Debug)]
pub(crate) struct World {
    demand_every: Span,
    heartbeat_every: Span,
    /// By series, the rate of each interval.
    rates: Vec<Vec<u32>>,
    clusters: Vec<Heard>,
    /// The ready replicas that were last reported of each binding, and of which effect they came.
    ready: BTreeMap<BindingId, (EffectKey, u16)>,
    /// How long reports took.
    lags: Vec<Span>,
}

/// What was heard of a cluster.
#[derive(Clone, Debug, Default)]
struct Heard {
    /// The newest heartbeat.
    last: Option<Tick>,
    /// The newest word of any kind.
    word: Tick,
    retired: bool,
    silences: Vec<Silence>,
    prices: Vec<(Tick, Prices)>,
    carbon: Vec<(Tick, GramsPerKwh)>,
}

/// A time in which nothing was heard of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Silence {
    pub(crate) from: Tick,
    /// Nothing where it lasts to the end of the log.
    pub(crate) until: Option<Tick>,
    /// Whether its pods had died, rather than only its connection.
    pub(crate) dead: bool,
}

impl World {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        Self {
            demand_every: scenario.world.demand_every.max(Span(1)),
            heartbeat_every: scenario.world.heartbeat_every.max(Span(1)),
            rates: vec![Vec::new(); scenario.fleet.series.len()],
            clusters: vec![Heard::default(); scenario.fleet.clusters.len()],
            ready: BTreeMap::new(),
            lags: Vec::new(),
        }
    }

    /// Tariffs and grids are as a state has them, and clusters were heard of when it says so.
    pub(crate) fn begin(&mut self, state: &State) {
        for (heard, known) in self.clusters.iter_mut().zip(state.clusters()) {
            note(&mut heard.prices, Tick::ZERO, known.prices);
            note(&mut heard.carbon, Tick::ZERO, known.carbon);
            heard.retired = known.health == Health::Retired;
            heard.last = Some(known.last_seen);
            heard.word = known.last_seen;
        }
    }

    pub(crate) fn see(&mut self, at: Tick, observation: &Observation) {
        let as_of = observation.as_of;
        if self.lags.len() < LAGS_MAX {
            self.lags.push(at.since(as_of));
        }
        match &observation.sight {
            Sight::Heartbeats(clusters) => {
                for cluster in clusters {
                    self.hear(*cluster, as_of);
                }
            }
            Sight::Demand { rates, .. } => {
                for (series, rate) in rates {
                    self.measure(*series, as_of, *rate);
                }
            }
            Sight::Readiness { cluster, readings } => {
                self.clusters[cluster.index()].speak(as_of);
                self.look(*cluster, as_of, readings);
            }
            Sight::Prices(prices) => {
                for (cluster, prices) in prices {
                    note(&mut self.clusters[cluster.index()].prices, as_of, *prices);
                }
            }
            Sight::Carbon(carbon) => {
                for (cluster, grams) in carbon {
                    note(&mut self.clusters[cluster.index()].carbon, as_of, *grams);
                }
            }
            Sight::Capacity { cluster, .. } => self.clusters[cluster.index()].speak(as_of),
            Sight::Reach { .. } => {}
        }
    }

    pub(crate) fn heed(&mut self, at: Tick, command: &Command) {
        if let Command::RetireCluster(cluster) = command {
            let heard = &mut self.clusters[cluster.index()];
            heard.retired = true;
            heard.last = Some(at);
        }
    }

    fn hear(&mut self, cluster: ClusterId, as_of: Tick) {
        let every = self.heartbeat_every;
        let heard = &mut self.clusters[cluster.index()];
        if let Some(last) = heard.last
            && is_silence(last, as_of, every)
        {
            let from = heard.fell_silent(last, every);
            heard.silences.push(Silence { from, until: Some(as_of), dead: false });
        }
        heard.last = heard.last.max(Some(as_of));
        heard.speak(as_of);
    }

    /// Fewer replicas after a silence than before it, although nobody had asked for anything else: they had died.
    fn look(&mut self, cluster: ClusterId, as_of: Tick, readings: &[Reading]) {
        let silence = self.clusters[cluster.index()].silences.last_mut();
        let mut silence = silence
            .filter(|silence| silence.until.is_some_and(|until| as_of.since(until) <= AFTERMATH));
        for reading in readings {
            match reading.seen {
                Seen::Replicas(now) => {
                    let known = (reading.cause, now);
                    let before = self.ready.insert(reading.binding, known);
                    if let Some(silence) = silence.as_deref_mut()
                        && before.is_some_and(|(cause, then)| cause == reading.cause && now < then)
                    {
                        silence.dead = true;
                    }
                }
                Seen::Gone => {
                    self.ready.remove(&reading.binding);
                }
                Seen::Applied | Seen::Failed(_) => {}
            }
        }
    }

    /// A rate is that of the interval that ended when it was measured.
    fn measure(&mut self, series: SeriesId, as_of: Tick, rate: MilliRps) {
        let Some(interval) = as_of.0.div_ceil(self.demand_every.0).checked_sub(1) else { return };
        let interval = usize::try_from(interval).expect("intervals fit into memory");
        let rates = &mut self.rates[series.index()];
        if rates.len() <= interval {
            rates.resize(interval + 1, UNSEEN);
        }
        rates[interval] = u32::try_from(rate.0).unwrap_or(UNSEEN - 1);
    }

    /// The log is over.
    pub(crate) fn finish(&mut self, end: Tick) {
        self.lags.sort_unstable();
        for heard in &mut self.clusters {
            let Some(last) = heard.last.filter(|_| !heard.retired) else { continue };
            if is_silence(last, end, self.heartbeat_every) {
                let from = heard.fell_silent(last, self.heartbeat_every);
                // Nobody knows whether it runs; the machine will give it up, and so does the world.
                heard.silences.push(Silence { from, until: None, dead: true });
            }
        }
    }

    /// How long reports took, ascending.
    pub(crate) fn lags(&self) -> &[Span] {
        &self.lags
    }

    pub(crate) fn demand_every(&self) -> Span {
        self.demand_every
    }

    /// The rates of a series in all intervals up to the last that was measured, in thousandths of a request per
    /// second; what was not measured is as it was before, or first measured.
    pub(crate) fn rates(&self, series: SeriesId) -> Vec<u32> {
        let rates = &self.rates[series.index()];
        let mut known = rates.iter().copied().find(|rate| *rate != UNSEEN).unwrap_or(0);
        let filled = rates.iter().map(|rate| {
            if *rate != UNSEEN {
                known = *rate;
            }
            known
        });
        filled.collect()
    }

    pub(crate) fn silences(&self, cluster: ClusterId) -> &[Silence] {
        &self.clusters[cluster.index()].silences
    }

    pub(crate) fn prices(&self, cluster: ClusterId) -> &[(Tick, Prices)] {
        &self.clusters[cluster.index()].prices
    }

    pub(crate) fn carbon(&self, cluster: ClusterId) -> &[(Tick, GramsPerKwh)] {
        &self.clusters[cluster.index()].carbon
    }
}

impl Heard {
    fn speak(&mut self, as_of: Tick) {
        self.word = self.word.max(as_of);
    }

    /// Half way between its last word and the heartbeat that did not come.
    fn fell_silent(&self, last: Tick, every: Span) -> Tick {
        let missed = last.after(every);
        let known = self.word.max(last).min(missed);
        known.after(Span(missed.since(known).0 / 2))
    }
}

fn is_silence(last: Tick, now: Tick, every: Span) -> bool {
    now.since(last).0 > BEATS_MISSED * every.0
}

/// Keeps a value from when on it held; reports may overtake each other.
fn note<T: Copy + PartialEq>(known: &mut Vec<(Tick, T)>, as_of: Tick, value: T) {
    let place = known.partition_point(|entry| entry.0 <= as_of);
    if known[..place].last().is_none_or(|before| before.1 != value) {
        known.insert(place, (as_of, value));
    }
}
