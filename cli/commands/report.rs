//! `report`: what runs in a cluster that the service cannot reach.

use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use periplus_live::clusters::{self, Source};
use periplus_live::hub::told_to_stop;
use periplus_live::reporter::{self, Options};
use periplus_spec::values;
use reqwest::Url;

use super::live::begin_log;
use crate::args::ReportArgs;
use crate::failure::{Exit, Failure};

/// How long what still runs in the background is waited for at the end.
const END_WITHIN: Duration = Duration::from_millis(500);

pub(super) fn run(args: &ReportArgs) -> Result<Exit, Failure> {
    let options = options(args)?;
    begin_log(args.log_lines);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Environment {
        message: format!("cannot begin threads: {error}"),
        hint: None,
    })?;
    runtime.block_on(reporter::run(options, told_to_stop()));
    runtime.shutdown_timeout(END_WITHIN);
    Ok(Exit::Held)
}

fn options(args: &ReportArgs) -> Result<Options, Failure> {
    let ReportArgs {
        cluster,
        hub,
        key_file,
        ca_file,
        kubeconfig,
        context,
        heartbeat,
        room_every,
        patience,
        log_lines: _,
    } = args;
    let source = match kubeconfig {
        Some(file) => {
            Source::Context { file: file.clone(), context: context.clone().unwrap_or_default() }
        }
        None => Source::InCluster,
    };
    let hub = address(hub)?;
    // What is wrong with a file is better said now than at each report.
    for file in [Some(key_file), ca_file.as_ref()].into_iter().flatten() {
        fs::File::open(file).map_err(|error| Failure::io("read", file, &error))?;
    }
    if let Some(why) = reporter::key_fault(key_file) {
        return Err(Failure::Usage {
            message: format!("{} holds no key: {why}", key_file.display()),
            hint: "write what `openssl rand -hex 32` says into it, and give the service the same"
                .into(),
        });
    }
    let span = |values::Duration(span): values::Duration| Duration::from_millis(span.0);
    Ok(Options {
        cluster: cluster.to_string(),
        source,
        hub,
        key_file: key_file.clone(),
        ca_file: ca_file.clone(),
        watch: clusters::Options {
            heartbeat: span(*heartbeat),
            room_every: span(*room_every),
            patience: span(*patience),
            ..clusters::Options::default()
        },
    })
}

/// Where the service is. What runs where is nobody else's business, so it goes over HTTPS.
fn address(said: &str) -> Result<Url, Failure> {
    let url = Url::parse(said).ok().filter(Url::has_host);
    let url = url.filter(|url| url.scheme() == "https" || is_here(url));
    url.ok_or_else(|| Failure::Usage {
        message: format!("`{said}` is no address that reports go to"),
        hint: "write it as `https://periplus.example.net`; `http` is for this machine only".into(),
    })
}

fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_loopback = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    url.scheme() == "http" && is_loopback
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_leave_this_machine_over_https_only() {
        for here in
            ["https://hub.example", "http://127.0.0.1:8080", "http://[::1]:1", "http://localhost"]
        {
            assert!(address(here).is_ok(), "{here}");
        }
        for nowhere in [
            "http://hub.example",
            "hub.example",
            "ftp://127.0.0.1",
            "http://localhost.evil.example",
            "",
        ] {
            assert!(address(nowhere).is_err(), "{nowhere}");
        }
    }
}
