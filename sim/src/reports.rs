//! Reports on their way to the hub: each arrives after a delay of its own, so they may overtake each other.
//!
//! A collector of demand, a cluster and a feed each have their own luck. Whoever cannot be heard sends
//! nothing; what was sent before arrives all the same.

use periplus_core::Input;
use periplus_core::effect::EffectKey;
use periplus_core::ids::{ClusterId, SeriesId};
use periplus_core::input::{EffectReport, Observation, Outcome, Sight};
use periplus_core::units::{MilliRps, Span, Tick};
use periplus_spec::scenario::Delay;

use crate::happening::Happening;
use crate::luck::{Luck, Purpose, Stream};
use crate::queue::Queue;

/// Batches of demand that are kept for reuse.
const SPARE_MAX: usize = 256;

/// Who reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// A cluster, about itself.
    Cluster(ClusterId),
    /// A collector of demand, by number.
    Collector(u32),
    /// Whoever listens for heartbeats, by number.
    Listener(u32),
    /// Prices and carbon intensities.
    Feed,
}

/// Reports on their way to the hub.
#[derive(Clone, Debug)]
pub(crate) struct Reports {
    delay: Delay,
    luck: Luck,
    clusters: Vec<Stream>,
    collectors: Vec<Stream>,
    listeners: Vec<Stream>,
    feed: Stream,
    /// How much longer reports of each cluster take.
    late: Vec<Span>,
    /// By number; nothing, if the hub that waited for it is dead.
    on_their_way: Vec<Option<Input>>,
    free: Vec<u32>,
    spare: Vec<Vec<(SeriesId, MilliRps)>>,
}

impl Reports {
    pub(crate) fn new(clusters: usize, delay: Delay, luck: &Luck) -> Self {
        let number = |cluster| u32::try_from(cluster).expect("clusters are counted by u32");
        let stream = |cluster| luck.stream(Purpose::Report, &[0, number(cluster)]);
        Self {
            delay,
            luck: luck.clone(),
            clusters: (0..clusters).map(stream).collect(),
            collectors: Vec::new(),
            listeners: Vec::new(),
            feed: luck.stream(Purpose::Report, &[3]),
            late: vec![Span::ZERO; clusters],
            on_their_way: Vec::new(),
            free: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Sends what was seen now.
    pub(crate) fn send(
        &mut self,
        sender: Sender,
        now: Tick,
        sight: Sight,
        queue: &mut Queue<Happening>,
    ) {
        let takes = self.takes(sender);
        let input = Input::Observation(Observation { as_of: now, sight });
        self.put(now.after(takes), input, queue);
    }

    /// Sends how an effect went; the hub itself found out, so it takes no time.
    pub(crate) fn answer(
        &mut self,
        key: EffectKey,
        outcome: Outcome,
        now: Tick,
        queue: &mut Queue<Happening>,
    ) {
        self.put(now, Input::Report(EffectReport { key, outcome }), queue);
    }

    fn takes(&mut self, sender: Sender) -> Span {
        let by_number = |streams: &mut Vec<Stream>, luck: &Luck, kind: u32, number: u32| {
            while streams.len() <= number as usize {
                let next = u32::try_from(streams.len()).expect("senders are few");
                streams.push(luck.stream(Purpose::Report, &[kind, next]));
            }
            streams[number as usize].span(&self.delay)
        };
        match sender {
            Sender::Cluster(cluster) => {
                let delay = self.clusters[cluster.index()].span(&self.delay);
                delay.saturating_add(self.late[cluster.index()])
            }
            Sender::Collector(number) => by_number(&mut self.collectors, &self.luck, 1, number),
            Sender::Listener(number) => by_number(&mut self.listeners, &self.luck, 2, number),
            Sender::Feed => self.feed.span(&self.delay),
        }
    }

    fn put(&mut self, at: Tick, input: Input, queue: &mut Queue<Happening>) {
        let number = self.free.pop().unwrap_or_else(|| {
            self.on_their_way.push(None);
            u32::try_from(self.on_their_way.len() - 1).expect("fewer than 2^32 reports")
        });
        self.on_their_way[number as usize] = Some(input);
        queue.push(at.0, Happening::Report(number));
    }

    /// A report arrives.
    pub(crate) fn arrive(&mut self, number: u32) -> Option<Input> {
        self.free.push(number);
        self.on_their_way[number as usize].take()
    }

    /// The hub is dead: what is on its way to it is lost.
    pub(crate) fn lose_all(&mut self) {
        self.on_their_way.fill(None);
    }

    /// Reports of a cluster take so much longer, or no longer.
    pub(crate) fn delay_cluster(&mut self, cluster: ClusterId, by: Span, lasts: bool) {
        let late = &mut self.late[cluster.index()];
        *late = if lasts { late.saturating_add(by) } else { late.saturating_sub(by) };
    }

    /// Whether reports of a cluster take longer than others.
    pub(crate) fn is_late(&self, cluster: ClusterId) -> bool {
        self.late(cluster) > Span::ZERO
    }

    /// How much longer reports of a cluster take.
    pub(crate) fn late(&self, cluster: ClusterId) -> Span {
        self.late[cluster.index()]
    }

    /// An empty batch of demand.
    pub(crate) fn batch(&mut self) -> Vec<(SeriesId, MilliRps)> {
        self.spare.pop().unwrap_or_default()
    }

    /// Keeps the room of an input that was taken.
    pub(crate) fn recycle(&mut self, input: Input) {
        if let Input::Observation(Observation { sight: Sight::Demand { mut rates, .. }, .. }) =
            input
            && self.spare.len() < SPARE_MAX
        {
            rates.clear();
            self.spare.push(rates);
        }
    }
}
