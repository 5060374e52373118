//! Desks: where the requests for a group are served in a cluster.
//!
//! What clusters staff and users load, and what the meter reads: how many pods of each component are ready,
//! how many requests arrive and can be served, what is bound to nodes. What is read on every measuring
//! interval lies in arrays of its own, so that a pass over a hundred thousand desks is a stream.

use std::collections::BTreeMap;

use periplus_core::fleet::Resources;
use periplus_core::ids::{AppId, ClusterId, ComponentId, GroupId, KindId};
use periplus_core::units::Tick;
use periplus_spec::scenario::ComponentTruth;

use crate::routes::Split;

/// Of what a queue could just serve, the part that it is let serve, in thousandths; the rest goes unserved.
/// At 99 % a request already waits as long as about a hundred services of one server take, divided by the
/// servers.
const SATURATION: u64 = 990;

/// A desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DeskId(pub(crate) u32);

/// Where the requests for a group are served in a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) app: AppId,
    pub(crate) group: GroupId,
    pub(crate) cluster: ClusterId,
    /// The cluster's kind.
    pub(crate) kind: KindId,
    /// The components of the group.
    pub(crate) staff: Vec<Staff>,
    /// The calls that it makes to other groups, by their place in the intent.
    pub(crate) calls: Vec<(usize, Split)>,
    /// Shifts that ended since the meter looked.
    pub(crate) past: Vec<Shift>,
    pub(crate) usage: Usage,
    /// Pods that had to wait for their image.
    pub(crate) cold_starts: u64,
}

/// A component of a desk's group, and who serves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Staff {
    pub(crate) component: ComponentId,
    /// Ready pods.
    pub(crate) ready: u32,
    /// Requests that one pod works on at once.
    pub(crate) concurrency: u32,
    /// Mean time that one visit is worked on, in microseconds.
    pub(crate) service_us: u32,
    /// Visits per user request, in thousandths.
    pub(crate) visits: u32,
}

/// What a desk did while its staff did not change.
#[derive(Clone, Debug)]
pub(crate) struct Shift {
    /// The ready pods, in the order of the desk's staff.
    pub(crate) ready: Vec<u32>,
    pub(crate) work: Work,
}

/// Requests over time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Work {
    /// Those that arrived, in millionths.
    pub(crate) asked: u64,
    /// Those that could be served, in millionths.
    pub(crate) served: u64,
    /// For how long any were served, in milliseconds.
    pub(crate) busy: u64,
    /// The rate at which they were served, squared and summed over that time.
    pub(crate) square: f64,
    /// The lowest rate at which they were served.
    pub(crate) low: u64,
    /// The highest.
    pub(crate) high: u64,
}

/// What is read and written on every interval.
#[derive(Clone, Copy, Debug, Default)]
struct Pulse {
    /// User requests per thousand seconds that the staff can serve.
    limit: u64,
    /// Up to when `work` is written.
    since: Tick,
    work: Work,
}

/// What the pods of a desk that are bound to nodes hold, and held over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) now: Holding,
    /// The sums of `now` times milliseconds since it was last taken.
    pub(crate) sum: Holding,
    since: Tick,
}

/// Resources that are held; over time, times milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holding {
    /// Thousandths of a core.
    pub(crate) cpu: u64,
    /// MiB.
    pub(crate) memory: u64,
    /// Units by kind.
    pub(crate) extended: [u64; 4],
    /// Pods; over time, the milliseconds in which there was one.
    pub(crate) active: u64,
}

/// All desks.
#[derive(Clone, Debug)]
pub(crate) struct Desks {
    desks: Vec<Desk>,
    pulses: Vec<Pulse>,
    /// User requests per thousand seconds that arrive. Alone, because users reach them in any order.
    rates: Vec<u64>,
    places: BTreeMap<(AppId, GroupId, ClusterId), DeskId>,
    of_app: Vec<Vec<DeskId>>,
    in_cluster: Vec<Vec<DeskId>>,
}

impl DeskId {
    /// Nobody serves there.
    pub(crate) const NOBODY: Self = Self(u32::MAX);

    fn at(place: usize) -> Self {
        Self(u32::try_from(place).expect("fewer than 2^32 desks"))
    }

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

impl Desks {
    pub(crate) fn new(apps: usize, clusters: usize) -> Self {
        Self {
            desks: Vec::new(),
            pulses: Vec::new(),
            rates: Vec::new(),
            places: BTreeMap::new(),
            of_app: vec![Vec::new(); apps],
            in_cluster: vec![Vec::new(); clusters],
        }
    }

    /// The desk of a group in a cluster; a new one begins at `now` with no staff and no calls.
    pub(crate) fn open(
        &mut self,
        app: AppId,
        group: GroupId,
        cluster: ClusterId,
        kind: KindId,
        now: Tick,
    ) -> DeskId {
        if let Some(desk) = self.places.get(&(app, group, cluster)) {
            return *desk;
        }
        let desk = DeskId::at(self.desks.len());
        self.desks.push(Desk {
            app,
            group,
            cluster,
            kind,
            staff: Vec::new(),
            calls: Vec::new(),
            past: Vec::new(),
            usage: Usage { since: now, ..Usage::default() },
            cold_starts: 0,
        });
        self.pulses.push(Pulse { since: now, ..Pulse::default() });
        self.rates.push(0);
        self.places.insert((app, group, cluster), desk);
        self.of_app[app.index()].push(desk);
        self.in_cluster[cluster.index()].push(desk);
        desk
    }

    /// The desk of a group in a cluster, if there is one.
    pub(crate) fn find(&self, app: AppId, group: GroupId, cluster: ClusterId) -> Option<DeskId> {
        self.places.get(&(app, group, cluster)).copied()
    }

    /// The intent of an app has changed: the desk has these components and makes these calls.
    pub(crate) fn reshape<'t>(
        &mut self,
        desk: DeskId,
        components: impl Iterator<Item = (ComponentId, &'t ComponentTruth)>,
        calls: impl Iterator<Item = usize>,
        now: Tick,
    ) {
        self.end_shift(desk, now);
        let entry = &mut self.desks[desk.index()];
        let known = std::mem::take(&mut entry.staff);
        let staff = components.map(|(component, truth)| {
            let known = known.iter().find(|staff| staff.component == component);
            Staff::new(component, truth, entry.kind, known.map_or(0, |staff| staff.ready))
        });
        entry.staff = staff.collect();
        if entry.staff.len() != known.len() {
            // Shifts of another staff cannot be told any more; this is rare and they are short.
            entry.past.clear();
        }
        let known = std::mem::take(&mut entry.calls);
        entry.calls = calls
            .map(|call| {
                let split = known.iter().find(|known| known.0 == call);
                let split = split.map(|known| known.1.clone());
                (call, split.unwrap_or_else(|| Split::all_to(DeskId::NOBODY)))
            })
            .collect();
        self.pulses[desk.index()].limit = entry.limit();
    }

    pub(crate) fn get(&self, desk: DeskId) -> &Desk {
        &self.desks[desk.index()]
    }

    pub(crate) fn get_mut(&mut self, desk: DeskId) -> &mut Desk {
        &mut self.desks[desk.index()]
    }

    pub(crate) fn of_app(&self, app: AppId) -> &[DeskId] {
        &self.of_app[app.index()]
    }

    pub(crate) fn in_cluster(&self, cluster: ClusterId) -> &[DeskId] {
        &self.in_cluster[cluster.index()]
    }

    /// All desks.
    pub(crate) fn ids(&self) -> impl ExactSizeIterator<Item = DeskId> + use<> {
        (0..self.desks.len()).map(DeskId::at)
    }

    /// User requests per thousand seconds that arrive at a desk.
    pub(crate) fn rate(&self, desk: DeskId) -> u64 {
        self.rates[desk.index()]
    }

    /// User requests per thousand seconds that a desk's staff can serve now.
    pub(crate) fn limit(&self, desk: DeskId) -> u64 {
        self.pulses[desk.index()].limit
    }

    /// What a desk did since its staff last changed, as far as the meter has not seen it.
    pub(crate) fn work(&self, desk: DeskId) -> &Work {
        &self.pulses[desk.index()].work
    }

    /// The meter has seen what a desk did.
    pub(crate) fn clear_work(&mut self, desk: DeskId) {
        self.desks[desk.index()].past.clear();
        self.pulses[desk.index()].work = Work::default();
    }

    /// More requests arrive at a desk whose work is written up to now; nobody takes no note.
    #[inline]
    pub(crate) fn load(&mut self, desk: DeskId, rate: u64) {
        if let Some(known) = self.rates.get_mut(desk.index()) {
            *known += rate;
        }
    }

    /// Fewer requests arrive at a desk whose work is written up to now.
    pub(crate) fn unload(&mut self, desk: DeskId, rate: u64) {
        if let Some(known) = self.rates.get_mut(desk.index()) {
            *known -= rate;
        }
    }

    /// Nothing arrives anywhere, until it is loaded again. All work is written up to now.
    pub(crate) fn unload_all(&mut self, now: Tick) {
        self.write_all(now);
        self.rates.fill(0);
    }

    /// Writes the work of all desks up to now.
    pub(crate) fn write_all(&mut self, now: Tick) {
        for (pulse, rate) in self.pulses.iter_mut().zip(&self.rates) {
            pulse.write(*rate, now);
        }
    }

    /// Writes a desk's work up to now.
    pub(crate) fn write(&mut self, desk: DeskId, now: Tick) {
        if let Some(pulse) = self.pulses.get_mut(desk.index()) {
            pulse.write(self.rates[desk.index()], now);
        }
    }

    /// So many pods of a component are ready from now on.
    pub(crate) fn staff(&mut self, desk: DeskId, component: ComponentId, ready: u32, now: Tick) {
        let entry = self.get(desk);
        let Some(place) = entry.staff.iter().position(|staff| staff.component == component) else {
            return;
        };
        if entry.staff[place].ready != ready {
            self.end_shift(desk, now);
            let entry = self.get_mut(desk);
            entry.staff[place].ready = ready;
            self.pulses[desk.index()].limit = self.get(desk).limit();
        }
    }

    fn end_shift(&mut self, desk: DeskId, now: Tick) {
        self.write(desk, now);
        let work = std::mem::take(&mut self.pulses[desk.index()].work);
        if work.asked > 0 {
            let entry = self.get_mut(desk);
            let ready = entry.staff.iter().map(|staff| staff.ready).collect();
            entry.past.push(Shift { ready, work });
        }
    }

    /// A pod is bound to a node.
    pub(crate) fn hold(&mut self, desk: DeskId, request: &Resources, now: Tick) {
        let usage = &mut self.get_mut(desk).usage;
        usage.write(now);
        usage.now.cpu += u64::from(request.cpu.0);
        usage.now.memory += u64::from(request.memory.0);
        for (held, units) in usage.now.extended.iter_mut().zip(request.extended) {
            *held += u64::from(units);
        }
        usage.now.active += 1;
    }

    /// A pod has left its node.
    pub(crate) fn release(&mut self, desk: DeskId, request: &Resources, now: Tick) {
        let usage = &mut self.get_mut(desk).usage;
        usage.write(now);
        usage.now.cpu -= u64::from(request.cpu.0);
        usage.now.memory -= u64::from(request.memory.0);
        for (held, units) in usage.now.extended.iter_mut().zip(request.extended) {
            *held -= u64::from(units);
        }
        usage.now.active -= 1;
    }

    pub(crate) fn count_cold_start(&mut self, desk: DeskId) {
        self.get_mut(desk).cold_starts += 1;
    }
}

impl Desk {
    /// User requests per thousand seconds that the staff can serve.
    fn limit(&self) -> u64 {
        self.staff.iter().map(Staff::limit).min().unwrap_or(0)
    }
}

impl Staff {
    fn new(component: ComponentId, truth: &ComponentTruth, kind: KindId, ready: u32) -> Self {
        let by_kind = truth.service.get(kind.index()).or(truth.service.last());
        Self {
            component,
            ready,
            concurrency: truth.concurrency,
            service_us: by_kind.map_or(1, |time| time.0).max(1),
            visits: truth.visits,
        }
    }

    /// User requests per thousand seconds that these pods can serve: [`SATURATION`] of servers ÷ (µs ×
    /// visits ÷ 1,000).
    fn limit(&self) -> u64 {
        let servers = u128::from(self.ready) * u128::from(self.concurrency);
        let asked = u128::from(self.service_us) * u128::from(self.visits.max(1));
        let limit = servers * 1_000_000_000_000 / asked;
        u64::try_from(limit * u128::from(SATURATION) / 1_000).unwrap_or(u64::MAX)
    }
}

impl Pulse {
    #[inline]
    fn write(&mut self, rate: u64, now: Tick) {
        let span = now.since(self.since).0;
        self.since = now;
        if rate == 0 || span == 0 {
            return;
        }
        let Work { asked, served, busy, square, low, high } = &mut self.work;
        *asked += rate * span;
        let rate = rate.min(self.limit);
        if rate > 0 {
            *served += rate * span;
            *square += rate as f64 * rate as f64 * span as f64;
            *low = if *busy == 0 { rate } else { rate.min(*low) };
            *high = rate.max(*high);
            *busy += span;
        }
    }
}

impl Usage {
    /// Writes the sums up to now.
    fn write(&mut self, now: Tick) {
        let span = now.since(self.since).0;
        self.since = now;
        let Holding { cpu, memory, extended, active } = self.now;
        self.sum.cpu += cpu * span;
        self.sum.memory += memory * span;
        for (sum, units) in self.sum.extended.iter_mut().zip(extended) {
            *sum += units * span;
        }
        self.sum.active += if active > 0 { span } else { 0 };
    }

    /// What was held since this was asked last.
    pub(crate) fn take(&mut self, now: Tick) -> Holding {
        self.write(now);
        std::mem::take(&mut self.sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use periplus_core::units::{MiB, MicrosRtt, MilliCpu, Span};
    use periplus_spec::scenario::Delay;

    fn desks() -> (Desks, DeskId) {
        // One pod works on two requests of ten milliseconds each: 200 a second.
        let truth = ComponentTruth {
            name: String::new(),
            image: String::new(),
            image_bytes: 0,
            start: Delay::always(Span::ZERO),
            visits: 1_000,
            concurrency: 2,
            service: vec![MicrosRtt(10_000)],
        };
        let mut desks = Desks::new(1, 1);
        let desk = desks.open(AppId(0), GroupId(0), ClusterId(0), KindId(0), Tick(0));
        let components = [(ComponentId(0), &truth), (ComponentId(2), &truth)];
        desks.reshape(desk, components.into_iter(), std::iter::empty(), Tick(0));
        (desks, desk)
    }

    #[test]
    fn a_shift_ends_when_the_staff_changes_and_its_slowest_component_limits_it() {
        let (mut desks, desk) = desks();
        desks.load(desk, 500_000);
        desks.staff(desk, ComponentId(0), 3, Tick(1_000));
        desks.staff(desk, ComponentId(2), 2, Tick(3_000));
        desks.unload_all(Tick(4_000));
        desks.load(desk, 100_000);
        desks.write_all(Tick(6_000));
        let past: Vec<_> = desks.get(desk).past.iter().map(|shift| &shift.ready).collect();
        assert_eq!(past, [&vec![0, 0], &vec![3, 0]]);
        assert_eq!(desks.get(desk).past[1].work.asked, 500_000 * 2_000);
        let limit = 400_000 * SATURATION / 1_000;
        assert_eq!(desks.limit(desk), limit);
        let work = desks.work(desk);
        assert_eq!(work.asked, 500_000 * 1_000 + 100_000 * 2_000);
        assert_eq!(work.served, limit * 1_000 + 100_000 * 2_000);
        assert_eq!((work.low, work.high, work.busy), (100_000, limit, 3_000));
    }

    #[test]
    fn what_is_held_is_summed_over_time() {
        let (mut desks, desk) = desks();
        let request = Resources { cpu: MilliCpu(500), memory: MiB(64), extended: [0; 4] };
        desks.hold(desk, &request, Tick(1_000));
        desks.hold(desk, &request, Tick(2_000));
        desks.release(desk, &request, Tick(4_000));
        let held = desks.get_mut(desk).usage.take(Tick(5_000));
        assert_eq!(held.cpu, 500 * (1_000 + 2 * 2_000 + 1_000));
        assert_eq!(held.active, 4_000);
        assert_eq!(desks.get_mut(desk).usage.take(Tick(6_000)).memory, 64 * 1_000);
    }

    #[test]
    fn opening_a_desk_twice_gives_the_same() {
        let (mut desks, desk) = desks();
        let again = desks.open(AppId(0), GroupId(0), ClusterId(0), KindId(0), Tick(9));
        assert_eq!(again, desk);
        assert_eq!(desks.ids().count(), 1);
    }
}
