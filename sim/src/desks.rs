//! Desks: where the requests for a group are served in a cluster.
//!
//! What clusters staff and users load, and what the meter reads: how many pods of each component are ready,
//! how many requests arrive, what is bound to nodes. Integers only; pieces of time in which nothing changed
//! are kept until the meter takes them.

use std::collections::BTreeMap;

use periplus_core::fleet::Resources;
use periplus_core::ids::{AppId, ClusterId, ComponentId, GroupId, KindId};
use periplus_core::units::{Span, Tick};

use crate::routes::Split;

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
    /// The components of the group, and how many pods of each are ready.
    pub(crate) staff: Vec<(ComponentId, u32)>,
    /// The calls that it makes to other groups, by their place in the intent.
    pub(crate) calls: Vec<(usize, Split)>,
    pub(crate) log: Log,
    pub(crate) usage: Usage,
    /// Pods that had to wait for their image.
    pub(crate) cold_starts: u64,
}

/// What happened at a desk since the meter looked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// Up to when it is written.
    since: Tick,
    pub(crate) pieces: Vec<Piece>,
    /// Ready pods by component, one row after the other; pieces name their row.
    pub(crate) rows: Vec<u32>,
}

/// A piece of time in which nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// How long.
    pub(crate) span: Span,
    /// User requests per thousand seconds.
    pub(crate) rate: u64,
    /// The row of ready pods.
    pub(crate) row: u32,
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
    /// User requests per thousand seconds that arrive at each desk.
    rates: Vec<u64>,
    places: BTreeMap<(AppId, GroupId, ClusterId), DeskId>,
    of_app: Vec<Vec<DeskId>>,
    in_cluster: Vec<Vec<DeskId>>,
}

impl DeskId {
    /// Nobody serves there.
    pub(crate) const NOBODY: Self = Self(u32::MAX);
}

impl Desks {
    pub(crate) fn new(apps: usize, clusters: usize) -> Self {
        Self {
            desks: Vec::new(),
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
        let desk = DeskId(u32::try_from(self.desks.len()).expect("fewer than 2^32 desks"));
        self.desks.push(Desk {
            app,
            group,
            cluster,
            kind,
            staff: Vec::new(),
            calls: Vec::new(),
            log: Log { since: now, ..Log::default() },
            usage: Usage { since: now, ..Usage::default() },
            cold_starts: 0,
        });
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
    pub(crate) fn reshape(
        &mut self,
        desk: DeskId,
        components: &[ComponentId],
        calls: impl Iterator<Item = usize>,
        now: Tick,
    ) {
        self.close(desk, now);
        let entry = &mut self.desks[desk.0 as usize];
        let ready = |component: &ComponentId| {
            entry.staff.iter().find(|known| known.0 == *component).map_or(0, |known| known.1)
        };
        let staff: Vec<_> = components.iter().map(|id| (*id, ready(id))).collect();
        if staff.len() != entry.staff.len() {
            // Rows have another length now. What the meter did not see of the old ones is small.
            entry.log.pieces.clear();
            entry.log.rows.clear();
        }
        entry.staff = staff;
        let known = std::mem::take(&mut entry.calls);
        entry.calls = calls
            .map(|call| {
                let split = known.iter().find(|known| known.0 == call);
                let split = split.map(|known| known.1.clone());
                (call, split.unwrap_or_else(|| Split::all_to(DeskId::NOBODY)))
            })
            .collect();
    }

    pub(crate) fn get(&self, desk: DeskId) -> &Desk {
        &self.desks[desk.0 as usize]
    }

    pub(crate) fn get_mut(&mut self, desk: DeskId) -> &mut Desk {
        &mut self.desks[desk.0 as usize]
    }

    pub(crate) fn of_app(&self, app: AppId) -> &[DeskId] {
        &self.of_app[app.index()]
    }

    pub(crate) fn in_cluster(&self, cluster: ClusterId) -> &[DeskId] {
        &self.in_cluster[cluster.index()]
    }

    pub(crate) fn len(&self) -> usize {
        self.desks.len()
    }

    /// User requests per thousand seconds that arrive at a desk.
    pub(crate) fn rate(&self, desk: DeskId) -> u64 {
        self.rates[desk.0 as usize]
    }

    /// More requests arrive at a desk whose log is written up to now; nobody takes no note.
    #[inline]
    pub(crate) fn load(&mut self, desk: DeskId, rate: u64) {
        if let Some(known) = self.rates.get_mut(desk.0 as usize) {
            *known += rate;
        }
    }

    /// Fewer requests arrive at a desk whose log is written up to now.
    pub(crate) fn unload(&mut self, desk: DeskId, rate: u64) {
        if let Some(known) = self.rates.get_mut(desk.0 as usize) {
            *known -= rate;
        }
    }

    /// Nothing arrives anywhere, until it is loaded again. All logs are written up to now.
    pub(crate) fn unload_all(&mut self, now: Tick) {
        self.close_all(now);
        self.rates.fill(0);
    }

    pub(crate) fn close_all(&mut self, now: Tick) {
        for number in 0..self.desks.len() {
            self.close(DeskId(u32::try_from(number).expect("fewer than 2^32 desks")), now);
        }
    }

    /// Writes a desk's log up to now.
    #[inline]
    pub(crate) fn close(&mut self, desk: DeskId, now: Tick) {
        let Some(entry) = self.desks.get_mut(desk.0 as usize) else { return };
        let rate = self.rates[desk.0 as usize];
        let Log { since, pieces, rows } = &mut entry.log;
        let span = now.since(*since);
        *since = now;
        if rate == 0 || span == Span::ZERO {
            return;
        }
        let width = entry.staff.len();
        if rows.is_empty() || !entry.staff.iter().map(|part| part.1).eq(last_row(rows, width)) {
            rows.extend(entry.staff.iter().map(|part| part.1));
        }
        let row = (rows.len() / width.max(1)).max(1) - 1;
        let row = u32::try_from(row).expect("rows are few");
        match pieces.last_mut() {
            Some(last) if last.rate == rate && last.row == row => {
                last.span = last.span.saturating_add(span)
            }
            _ => pieces.push(Piece { span, rate, row }),
        }
    }

    /// So many pods of a component are ready from now on.
    pub(crate) fn staff(&mut self, desk: DeskId, component: ComponentId, ready: u32, now: Tick) {
        let entry = self.get(desk);
        let Some(place) = entry.staff.iter().position(|part| part.0 == component) else { return };
        if entry.staff[place].1 != ready {
            self.close(desk, now);
            self.get_mut(desk).staff[place].1 = ready;
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

fn last_row(rows: &[u32], width: usize) -> impl Iterator<Item = u32> + '_ {
    rows[rows.len() - width..].iter().copied()
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

impl Log {
    /// Forgets all that was written.
    pub(crate) fn clear(&mut self) {
        self.pieces.clear();
        self.rows.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use periplus_core::units::{MiB, MilliCpu};

    fn desks() -> (Desks, DeskId) {
        let mut desks = Desks::new(1, 1);
        let desk = desks.open(AppId(0), GroupId(0), ClusterId(0), KindId(0), Tick(0));
        desks.reshape(desk, &[ComponentId(0), ComponentId(2)], std::iter::empty(), Tick(0));
        (desks, desk)
    }

    #[test]
    fn a_piece_ends_when_the_rate_or_the_staff_changes() {
        let (mut desks, desk) = desks();
        desks.load(desk, 5);
        desks.staff(desk, ComponentId(2), 3, Tick(1_000));
        desks.unload_all(Tick(3_000));
        desks.load(desk, 5);
        desks.unload_all(Tick(4_000));
        desks.load(desk, 7);
        desks.close_all(Tick(9_000));
        let log = &desks.get(desk).log;
        let piece = |span, rate, row| Piece { span: Span(span), rate, row };
        assert_eq!(log.pieces, [piece(1_000, 5, 0), piece(3_000, 5, 1), piece(5_000, 7, 1)]);
        assert_eq!(log.rows, [0, 0, 0, 3]);
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
        assert_eq!(desks.open(AppId(0), GroupId(0), ClusterId(0), KindId(0), Tick(9)), desk);
        assert_eq!(desks.len(), 1);
    }
}
