//! What each subcommand does.

#[cfg(feature = "live")]
mod adopt;
mod anonymize;
mod bootstrap;
mod check;
#[cfg(feature = "live")]
mod crds;
mod diff;
mod fetch;
#[cfg(feature = "live")]
mod get;
#[cfg(feature = "live")]
mod live;
pub(crate) mod log;
mod man;
#[cfg(feature = "live")]
mod order;
mod plan;
mod plan_sites;
mod record;
mod render;
mod replay;
#[cfg(feature = "live")]
mod report;
mod schema;
mod shrink;
mod sim;
mod summary;
mod swarm;
mod test;
mod upgrade_check;
mod whatif;
pub(crate) mod why;

use crate::args::Command;
use crate::failure::{Exit, Failure};

pub(crate) fn run(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Sim(args) => sim::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::UpgradeCheck(args) => upgrade_check::run(&args),
        Command::Render(args) => render::run(&args),
        Command::Fetch(args) => fetch::run(&args),
        #[cfg(feature = "live")]
        Command::Live(args) => live::run(args),
        #[cfg(feature = "live")]
        Command::Adopt(args) => adopt::run(&args),
        #[cfg(feature = "live")]
        Command::Report(args) => report::run(&args),
        #[cfg(feature = "live")]
        Command::Crds => crds::run(),
        #[cfg(feature = "live")]
        Command::Get(args) => get::run(&args),
        #[cfg(feature = "live")]
        Command::Order(command) => order::run(command),
        Command::Bootstrap(args) => bootstrap::run(&args),
        Command::Why(args) => why::run(&args),
        Command::Log(command) => log::run(command),
        Command::Diff(args) => diff::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Whatif(args) => whatif::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Anonymize(args) => anonymize::run(&args),
        Command::Shrink(args) => shrink::run(&args),
        Command::Swarm(args) => swarm::run(&args),
        Command::Completions { shell } => man::completions(shell),
        Command::Man { out } => man::pages(&out),
    }
}
