//! edgeday-v1: one small day that every simulator can run, so that the cost of an event can be compared.
//!
//! Ten mobile populations per site ask for eight apps; each site counts its demand every fifteen seconds,
//! starts and stops instances, and turns to a neighbour when it is full. Integer arithmetic only, and a
//! checksum that does not depend on the order of events at one time. It says nothing about good decisions.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the workload is defined in 64-bit arithmetic, and its numbers are small"
)]

/// Apps.
const APPS: usize = 8;
/// Demand that one instance serves.
const PER_INSTANCE: u64 = 100;
/// Instances that one site has room for.
const SITE_ROOM: u64 = 14;
/// When the day ends, in milliseconds.
const END_MS: u64 = 86_400_000;
/// How often a population moves and asks.
const UPDATE_MS: u64 = 60_000;
/// How often a site looks at its demand.
const SITE_MS: u64 = 15_000;
/// From starting an instance to its being ready.
const START_MS: u64 = 5_250;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A population moves and asks.
    Update(u32),
    /// A site looks at its demand.
    Look(u32),
    /// Instances of an app at a site are ready.
    Ready { site: u32, app: u8, instances: u32 },
}

/// What an engine must do: keep events until they are due.
pub(crate) trait Agenda {
    /// Lets `event` happen at `at` milliseconds.
    fn put(&mut self, at: u64, event: Event);
}

/// What came out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) events: u64,
    pub(crate) moves: u64,
    pub(crate) ups: u64,
    pub(crate) downs: u64,
    pub(crate) bursts: u64,
    pub(crate) checksum: u64,
}

/// The outcomes that all engines must reach, by number of sites.
pub(crate) const PUBLISHED: [(u32, Outcome); 3] = [
    (10, outcome([206_591, 4_626, 5_848, 5_739, 17_249], 0x26cf_421c_6a9c_3ec6)),
    (100, outcome([2_068_228, 48_218, 60_624, 59_535, 171_199], 0x726b_0583_6486_9cc1)),
    (1_000, outcome([20_674_497, 480_913, 598_762, 588_156, 1_655_303], 0x636e_2db0_106c_4865)),
];

const fn outcome([events, moves, ups, downs, bursts]: [u64; 5], checksum: u64) -> Outcome {
    Outcome { events, moves, ups, downs, bursts, checksum }
}

/// The day's state.
pub(crate) struct Day {
    sites: Vec<Site>,
    populations: Vec<Population>,
    outcome: Outcome,
}

#[derive(Clone, Default)]
struct Site {
    demand: [u64; APPS],
    ready: [u64; APPS],
    pending: [u64; APPS],
}

struct Population {
    luck: u64,
    base: u64,
    app: usize,
    site: usize,
    current: u64,
}

impl Day {
    /// A day of `sites` sites; its first events go to `agenda`.
    pub(crate) fn begin(sites: u32, agenda: &mut impl Agenda) -> Self {
        let mut populations = Vec::new();
        for number in 0..u64::from(sites) * 10 {
            let mut luck = 42 ^ number.wrapping_mul(0xD1B5_4A32_D192_ED03);
            populations.push(Population {
                base: 50 + next(&mut luck) % 200,
                luck,
                app: (number % 8) as usize,
                site: (number % u64::from(sites)) as usize,
                current: 0,
            });
            agenda.put(number % 60 * 1_000, Event::Update(number as u32));
        }
        for site in 0..sites {
            agenda.put(u64::from(site) % 15 * 1_000 + 500, Event::Look(site));
        }
        let sites = vec![Site::default(); sites as usize];
        Self { sites, populations, outcome: Outcome::default() }
    }

    /// Lets `event` happen at `at` milliseconds.
    #[inline]
    pub(crate) fn happen(&mut self, at: u64, event: Event, agenda: &mut impl Agenda) {
        self.outcome.events += 1;
        match event {
            Event::Update(population) => {
                self.update(at, population as usize);
                again(at + UPDATE_MS, event, agenda);
            }
            Event::Look(site) => {
                self.look(at, site, agenda);
                again(at + SITE_MS, event, agenda);
            }
            Event::Ready { site, app, instances } => {
                let site = &mut self.sites[site as usize];
                site.ready[usize::from(app)] += u64::from(instances);
                site.pending[usize::from(app)] -= u64::from(instances);
            }
        }
    }

    /// What came out.
    pub(crate) fn outcome(&self) -> Outcome {
        self.outcome
    }

    fn update(&mut self, at: u64, population: usize) {
        let sites = self.sites.len();
        let population = &mut self.populations[population];
        let luck = next(&mut population.luck);
        let minute = at / 60_000 % 1_440;
        let triangle = if minute < 720 { minute } else { 1_440 - minute };
        let shape = 256 + triangle * 768 / 720;
        let demand = population.base * shape / 1_024 * (768 + (luck & 511)) / 1_024;
        self.sites[population.site].demand[population.app] -= population.current;
        if (luck >> 32).is_multiple_of(30) {
            let step = 1 + (luck >> 40) as usize % (sites - 1);
            population.site = (population.site + step) % sites;
            self.outcome.moves += 1;
        }
        self.sites[population.site].demand[population.app] += demand;
        population.current = demand;
    }

    fn look(&mut self, at: u64, number: u32, agenda: &mut impl Agenda) {
        // Quarters of a second, as the checksum counts time.
        let quarters = at / 250;
        let site = &mut self.sites[number as usize];
        let mut total = 0;
        for app in 0..APPS {
            let want = site.demand[app].div_ceil(PER_INSTANCE);
            total += want;
            let have = site.ready[app] + site.pending[app];
            if want > have {
                let instances = want - have;
                site.pending[app] += instances;
                self.outcome.ups += instances;
                let ready =
                    Event::Ready { site: number, app: app as u8, instances: instances as u32 };
                agenda.put(at + START_MS, ready);
            } else if want + 1 < site.ready[app] {
                self.outcome.downs += site.ready[app] - want;
                site.ready[app] = want;
            } else {
                continue;
            }
            self.outcome.count(quarters, number, app as u64, want);
        }
        if total > SITE_ROOM {
            self.outcome.bursts += 1;
            let chosen = self.least_asked_of(number as usize);
            self.outcome.count(quarters, number, 99, chosen as u64);
        }
    }

    /// Among the next six sites, the one with the least total demand; the first of equals.
    fn least_asked_of(&self, site: usize) -> usize {
        let neighbours = (1..=6).map(|step| (site + step) % self.sites.len());
        let total = |site: &usize| self.sites[*site].demand.iter().sum::<u64>();
        neighbours.min_by_key(total).expect("there are six neighbours")
    }
}

impl Outcome {
    fn count(&mut self, quarters: u64, site: u32, what: u64, value: u64) {
        let mixed = mix(quarters, u64::from(site), what, value);
        self.checksum = self.checksum.wrapping_add(mixed);
    }
}

fn again(at: u64, event: Event, agenda: &mut impl Agenda) {
    if at < END_MS {
        agenda.put(at, event);
    }
}

/// `SplitMix64`.
fn next(luck: &mut u64) -> u64 {
    *luck = luck.wrapping_add(0x9E37_79B9_7F4A_7C15);
    finish(*luck)
}

fn finish(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn mix(a: u64, b: u64, c: u64, d: u64) -> u64 {
    finish(
        a.wrapping_mul(0x9E37_79B9_7F4A_7C15)
            ^ b.wrapping_mul(0xD1B5_4A32_D192_ED03)
            ^ c.wrapping_mul(0x2545_F491_4F6C_DD1D)
            ^ d.wrapping_mul(0xA24B_AED4_963E_E407),
    )
}
