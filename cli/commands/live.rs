//! `live`: the service.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use periplus_live::config::{Draft, Settings};
use periplus_live::desk::DeskFault;
use periplus_live::hub::{self, Found, HubFault, Parts};
use periplus_live::intents::{self, Intents, IntentsFrom, KeepFault};
use periplus_spec::Sheet;
use tracing_subscriber::EnvFilter;

use crate::args::{LiveArgs, LogLines};
use crate::delivery::access;
use crate::explain::Explainer;
use crate::failure::{Exit, Failure};
use crate::narrator::Voice;
use crate::render;

/// How long what still runs in the background is waited for at the end.
const END_WITHIN: Duration = Duration::from_millis(500);

#[expect(clippy::needless_pass_by_value, reason = "as every command")]
pub(super) fn run(args: LiveArgs) -> Result<Exit, Failure> {
    if args.schema {
        render::json(&Sheet::<Draft>::schema("live.yaml"))?;
        return Ok(Exit::Held);
    }
    let settings = Settings::read(&args.config).map_err(Failure::Files)?;
    if args.check {
        if let IntentsFrom::Files(path) = &settings.intents {
            let declared = intents::read(path).map_err(Failure::Files)?;
            Intents::begin(declared, 0).map_err(Failure::Files)?;
        }
        render::line(&format!("{} can be used", args.config.display()));
        return Ok(Exit::Held);
    }
    begin_log(args.log_lines);
    let found = if args.replace_files { Found::Replace } else { Found::Refuse };
    let parts = Parts {
        narrator: |epoch_unix_ms| Box::new(Voice::new(epoch_unix_ms)),
        made_by: concat!("periplus ", env!("CARGO_PKG_VERSION")).to_owned(),
        http: access::http()?,
        found,
        explain: |log| Arc::new(Explainer::new(log.to_owned())),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Environment {
        message: format!("cannot begin threads: {error}"),
        hint: None,
    })?;
    let ended = runtime.block_on(hub::run(settings, parts, hub::told_to_stop()));
    // Who leads no more must end before others lead, whatever still hangs.
    runtime.shutdown_timeout(END_WITHIN);
    ended.map_err(failed)?;
    Ok(Exit::Held)
}

pub(super) fn begin_log(lines: LogLines) {
    let filter = EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Whoever was first keeps the log.
    let _ = match lines {
        LogLines::Text => log.with_ansi(io::stderr().is_terminal()).with_target(false).try_init(),
        LogLines::Json => log.json().flatten_event(true).try_init(),
    };
}

fn failed(fault: HubFault) -> Failure {
    let message = fault.to_string();
    let hint = match fault {
        HubFault::Declared(wrong)
        | HubFault::Desk(DeskFault::Intents(KeepFault::Invalid { diagnostics: wrong, .. })) => {
            return Failure::Files(wrong);
        }
        HubFault::Foreign { .. } => Some(
            "restore the folder `state` of the service that wrote them from its backup, or take over what runs with `periplus adopt`; or begin with `--replace-files`, which removes what is not decided anew; or look first what would be decided, with `mode: observe`",
        ),
        HubFault::Repository { .. } => Some(
            "before its first start the service must see that it overwrites nothing. Look at `git` in the configuration; `git init --bare FOLDER` makes a repository in a folder",
        ),
        HubFault::Folder { .. } => {
            Some("give the service a folder of its own that it may write to")
        }
        HubFault::Listen { .. } => {
            Some("name another address with `api.listen`, or stop what listens there")
        }
        HubFault::Undeclared(_) => Some(
            "the first start needs what is declared; later ones know it. Look at `intents` in the configuration",
        ),
        HubFault::Deposed(_) | HubFault::Stale(_) | HubFault::Desk(DeskFault::Deposed(_)) => Some(
            "let it be started again, as a standby: pods and systemd's services are by themselves",
        ),
        HubFault::Copy(_) => Some(
            "move the folder `state` of this replica away: it gets another copy from the leader",
        ),
        HubFault::Desk(_) | HubFault::Serve(_) => None,
    };
    Failure::Environment { message, hint: hint.map(str::to_owned) }
}
