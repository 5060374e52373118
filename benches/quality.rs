//! How good plans are: real sites and users, beside the exact optimum. Writes `docs/quality.md`.
//!
//! `cargo bench --bench quality`

#![expect(clippy::print_stdout, reason = "the answer of a benchmark")]

use std::fs;
use std::path::{Path, PathBuf};

use periplus_core::State;
use periplus_core::units::{Permille, Span, Tick};
use periplus_sim::{Watch, World, run};

/// When the first plan is looked at: every user has been placed, and nobody has been placed again.
const FIRST: Tick = Tick::ZERO.after(Span(5 * 60_000));

const HEAD: &str = "\
# How good plans are

Made by `cargo bench --bench quality`, which runs `scenarios/quality/eua-*.yaml`: 125 real sites and 816 real users
of central Melbourne, of whom 807 have a site within 150 m. A site holds so many users and no more. Users who are
not served are dear, a site in use costs a little, distance costs nothing; so the best plan serves as many users as
can be, on as few sites as can be. That optimum is exact, solved elsewhere for the same sites and users
(`scenarios/data/README.md`, `eua-optimum.csv`).

*First* is what the planner answers as soon as it hears of the users, all at once. *Settled* is what it has made
of that after having considered it again, 10 minutes later with cheap moves and every hour with all of them.

| users per site | served: best | first | settled | sites: best | first | settled | gap in sites |
|---|---:|---:|---:|---:|---:|---:|---:|
";

const TAIL: &str = "
The aim: everybody served whom the optimum serves, and at most 5 % more sites.
";

/// Users that are served and sites that serve them.
#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    served: usize,
    sites: usize,
}

#[derive(Debug, Default)]
struct Looker(Plan);

impl Watch for Looker {
    fn probes(&self) -> Vec<Tick> {
        vec![FIRST]
    }

    fn probe(&mut self, _: Tick, state: &State, _: &World<'_>) {
        self.0 = Plan::of(state);
    }
}

impl Plan {
    fn of(state: &State) -> Self {
        let whole = |series: &&_| {
            let series: &periplus_core::state::Series = series;
            series.flow.unassigned() == Permille::ZERO
        };
        let live = |(_, berth): &(_, &periplus_core::state::Berth)| berth.is_live();
        Self {
            served: state.series().iter().filter(whole).count(),
            sites: state.berths().filter(live).count(),
        }
    }
}

fn main() {
    // `cargo test --benches` builds and starts this as well; it then only has to be alive.
    if !std::env::args().any(|flag| flag == "--bench") {
        return;
    }
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let optima = fs::read_to_string(root.join("scenarios/data/eua-optimum.csv"));
    let mut page = String::from(HEAD);
    for line in optima.expect("the table is part of the project").lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let [capacity, _, served, sites] = cells[..] else { panic!("not a row: {line}") };
        let best = Plan { served: number(served), sites: number(sites) };
        let (first, settled) = plans(&root.join(format!("scenarios/quality/eua-{capacity}.yaml")));
        page += &row(capacity, best, first, settled);
    }
    page += TAIL;
    print!("{page}");
    fs::write(root.join("docs/quality.md"), page).expect("the docs can be written");
}

fn number(cell: &str) -> usize {
    cell.parse().expect("a count")
}

fn plans(file: &Path) -> (Plan, Plan) {
    let scenario = periplus_spec::load(file).expect("the scenario is right").scenario;
    let mut looker = Looker::default();
    let outcome = run(&scenario, &mut (), &mut looker).expect("it runs");
    (looker.0, Plan::of(&outcome.state))
}

fn row(capacity: &str, best: Plan, first: Plan, settled: Plan) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a percentage of small counts")]
    let gap = 100.0 * (settled.sites as f64 / best.sites as f64 - 1.0);
    format!(
        "| {capacity} | {} | {} | {} | {} | {} | {} | {gap:+.1} % |\n",
        best.served, first.served, settled.served, best.sites, first.sites, settled.sites
    )
}
