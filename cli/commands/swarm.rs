//! `swarm`: worlds drawn from seeds, troubled, and checked.

use crate::args::SwarmArgs;
use crate::failure::{Exit, Failure};
use crate::swarm::{self, Sailed};
use crate::{parallel, render};

pub(super) fn run(args: &SwarmArgs) -> Result<Exit, Failure> {
    let jobs = parallel::jobs(args.jobs);
    let end = args.from.saturating_add(args.seeds);
    let mut failed = 0;
    let mut records = 0;
    let mut cramped = 0;
    let mut tell = |sailed: &Sailed| {
        records += sailed.numbers.records;
        failed += u64::from(sailed.breach.is_some());
        cramped += u64::from(sailed.numbers.cramped);
        told(sailed, args);
    };
    swarm::sail(args.from..end, jobs, args.out.as_deref(), &mut tell)?;
    render::line(&format!(
        "{} seeds held, {failed} failed; {cramped} were cramped, of which no convergence is demanded; \
         {records} records were checked one by one",
        args.seeds - failed
    ));
    Ok(if failed == 0 { Exit::Held } else { Exit::Failed })
}

fn told(sailed: &Sailed, args: &SwarmArgs) {
    let Sailed { seed, options, numbers, breach } = sailed;
    match breach {
        Some(breach) => {
            let command = format!("periplus swarm --from {seed} --seeds 1");
            render::line(&format!("FAIL  seed {seed} ({options}): {breach}; repeat: {command}"));
        }
        None if args.verbose => {
            render::line(&format!("ok    seed {seed} ({options}): {numbers}"));
        }
        None => {}
    }
}
