//! `/metrics`: how the service is, for Prometheus.
//!
//! Nearly all of it is read where it is kept, at the moment that somebody asks. There are as many series as there are
//! clusters, apps, signals and routes, and no more.

mod gathered;
mod page;

use std::time::Instant;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;

use self::gathered::Gathered;
pub(super) use self::page::MEDIA_TYPE;
use self::page::{Kind, Page};
use super::Api;
use super::access::Need;
use super::routes::{Gives, Route};
use crate::apply::Status as Applying;
use crate::clusters::Status as Watching;
use crate::copy::{Known, Stands};
use crate::signals::Status as Signal;

pub(super) fn routes() -> Vec<Route> {
    let summary = "How the service is, for Prometheus";
    vec![Route::get("/metrics", Need::Metrics, summary, Gives::Text(MEDIA_TYPE), get(answer))]
}

async fn answer(State(api): State<Api>) -> impl IntoResponse {
    let gathered = api.ask(Gathered::of).await.ok();
    let mut page = Page::default();
    let text = {
        own(&api, &mut page);
        // Where the desk does not answer, that is what there is to say.
        page.gauge(
            "periplus_desk_answers",
            "Whether the desk answers.",
            u8::from(gathered.is_some()),
        );
        if let Some(gathered) = &gathered {
            state(gathered, &mut page);
            clusters(gathered, api.now_unix_ms(), &mut page);
            apps(gathered, &mut page);
        }
        watching(&api, &mut page);
        applying(&api, &mut page);
        copied(&api, &mut page);
        signals(&api, &mut page);
        pushed(&api, &mut page);
        requests(&api, &mut page);
        traced(&api, &mut page);
        page.into_text()
    };
    ([(CONTENT_TYPE, MEDIA_TYPE)], text)
}

/// What there is to say of a replica that waits to lead, and of its copy of the log, if it keeps one.
pub(super) fn of_standby(copied: Option<Stands>) -> String {
    let mut page = Page::default();
    is(&mut page, "standby");
    if let Some(Stands { records, whole_from, end, trouble, .. }) = copied {
        page.gauge("periplus_standby_records", "Records of the log that the copy has.", records);
        if let Some(end) = end {
            page.gauge(
                "periplus_standby_behind_records",
                "Records that the leader had when it answered last, and the copy has not.",
                end.saturating_sub(records),
            );
        }
        page.gauge(
            "periplus_standby_whole",
            "Whether the copy can be gone on with.",
            u8::from(records >= whole_from),
        );
        page.gauge(
            "periplus_standby_copying",
            "Whether a replica gives copies at this moment.",
            u8::from(trouble.is_none() && end.is_some()),
        );
    }
    page.into_text()
}

fn is(page: &mut Page, mode: &str) {
    page.family("periplus_build_info", Kind::Gauge, "1, with the version that runs.")
        .add(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.family("periplus_mode", Kind::Gauge, "1, with what the service does.")
        .add(&[("mode", mode)], 1);
}

fn own(api: &Api, page: &mut Page) {
    let mode = api.parts().situation.borrow().mode.clone();
    is(page, &mode);
    let (waiting, replaced) = api.parts().feed.lengths();
    page.gauge("periplus_feed_waiting", "Sightings and orders that wait for the desk.", waiting);
    page.counter(
        "periplus_feed_replaced_total",
        "Sightings that newer ones replaced before the desk came to them.",
        replaced,
    );
    let free = api.shared.streams.available_permits();
    let streams = api.limits().streams.saturating_sub(free);
    page.gauge("periplus_log_streams", "Streams of the log that are read.", streams);
}

fn state(gathered: &Gathered, page: &mut Page) {
    let Gathered { counts, seq, at_unix_ms, is_paused, outstanding, tray, applied, .. } = gathered;
    page.counter("periplus_records_total", "Records that were made.", counts.records);
    page.counter(
        "periplus_clock_clamped_total",
        "Times at which the clock stood before the last record.",
        counts.clamped,
    );
    page.counter(
        "periplus_unknown_entries_total",
        "Entries of sightings that were about nothing that is declared.",
        counts.unknown,
    );
    for (name, help, value) in [
        (
            "periplus_turns_total",
            "Turns of the desk: the disk is waited for once in each.",
            counts.turns,
        ),
        ("periplus_pushes_total", "Commits that repositories answered.", counts.pushes),
        (
            "periplus_applies_total",
            "Parcels, an app or the rest of a cluster each, that clusters without an agent answered.",
            counts.applies,
        ),
    ] {
        page.counter(name, help, value);
    }
    for (name, help, value) in [
        (
            "periplus_deciding_seconds_total",
            "Time in which records were decided and encoded.",
            counts.deciding,
        ),
        (
            "periplus_syncing_seconds_total",
            "Time in which the disk was waited for.",
            counts.syncing,
        ),
        (
            "periplus_pushing_seconds_total",
            "Time from when commits were sent until they were answered.",
            counts.pushing,
        ),
        (
            "periplus_applying_seconds_total",
            "Time from when such parcels were sent until they were answered.",
            counts.applying,
        ),
    ] {
        page.family(name, Kind::Counter, help).add(&[], value.as_secs_f64());
    }
    page.gauge("periplus_log_next_record", "The number of the next record.", seq);
    page.gauge(
        "periplus_last_record_timestamp_seconds",
        "When the last record was made, in seconds since 1970-01-01 UTC.",
        seconds(*at_unix_ms),
    );
    page.gauge("periplus_paused", "Whether an operator stopped all changes.", u8::from(*is_paused));
    page.gauge("periplus_effects_outstanding", "Effects that were not reported on.", outstanding);
    page.gauge(
        "periplus_repositories_flying",
        "Repositories that are being written.",
        tray.0 - applied.0,
    );
    page.gauge(
        "periplus_repositories_waiting",
        "Repositories that have something to take after what is being written.",
        tray.1 - applied.1,
    );
    page.gauge(
        "periplus_applies_flying",
        "Parts of clusters without an agent that are being applied.",
        applied.0,
    );
    page.gauge(
        "periplus_applies_waiting",
        "Parts of them that have something to take after what is being applied.",
        applied.1,
    );
    let mut family = page.family("periplus_holds", Kind::Gauge, "Changes that wait for a person.");
    for ((kind, approved), count) in &gathered.holds {
        family.add(&[("kind", kind), ("approved", truth(approved))], count);
    }
    let help = "Components in clusters, by what git may hold of them.";
    let mut family = page.family("periplus_bindings", Kind::Gauge, help);
    for ((content, ready), count) in &gathered.bindings {
        family.add(&[("content", content), ("ready", truth(ready))], count);
    }
    let mut family =
        page.family("periplus_clusters", Kind::Gauge, "Clusters, by how they are known.");
    for (known, count) in &gathered.known {
        family.add(&[("known", known)], count);
    }
}

fn clusters(gathered: &Gathered, now_unix_ms: i64, page: &mut Page) {
    use gathered::Cluster;
    type Read = fn(&Cluster, i64) -> f64;
    let families: [(&'static str, &'static str, Read); 7] = [
        (
            "periplus_cluster_last_heard_age_seconds",
            "How long ago the machine heard of a cluster.",
            |cluster, now| seconds(now.saturating_sub(cluster.last_heard_unix_ms).max(0)),
        ),
        (
            "periplus_cluster_cordoned",
            "Whether nothing new is placed in a cluster.",
            |cluster, _| f64::from(u8::from(cluster.cordoned)),
        ),
        (
            "periplus_cluster_draining",
            "Whether everything is moved out of a cluster.",
            |cluster, _| f64::from(u8::from(cluster.draining)),
        ),
        ("periplus_cluster_free_cores", "Free CPU, without what is ours.", |one, _| one.free_cores),
        ("periplus_cluster_free_memory_bytes", "Free memory, without what is ours.", |one, _| {
            one.free_bytes as f64
        }),
        ("periplus_cluster_held_cores", "CPU that our components are charged for.", |one, _| {
            one.held_cores
        }),
        (
            "periplus_cluster_held_memory_bytes",
            "Memory that our components are charged for.",
            |one, _| one.held_bytes as f64,
        ),
    ];
    for (name, help, read) in families {
        let mut family = page.family(name, Kind::Gauge, help);
        for cluster in &gathered.clusters {
            family.add(&[("cluster", &cluster.name)], read(cluster, now_unix_ms));
        }
    }
}

fn apps(gathered: &Gathered, page: &mut Page) {
    let help = "How much the users of an app ask for.";
    let mut family = page.family("periplus_app_demand_requests_per_second", Kind::Gauge, help);
    for app in &gathered.apps {
        family.add(&[("app", &app.name)], app.rps);
    }
    let mut family =
        page.family("periplus_app_clusters", Kind::Gauge, "Clusters that hold some of an app.");
    for app in &gathered.apps {
        family.add(&[("app", &app.name)], app.clusters);
    }
}

fn applying(api: &Api, page: &mut Page) {
    type Read = fn(&Applying) -> u64;
    let statuses = api.parts().applied.all();
    if statuses.is_empty() {
        return;
    }
    let families: [(&'static str, &'static str, Kind, Read); 5] = [
        (
            "periplus_applied_complete",
            "Whether a cluster without an agent took everything in the last round.",
            Kind::Gauge,
            |status| u64::from(status.complete),
        ),
        (
            "periplus_applied_objects",
            "Objects that the inventory of a cluster without an agent has.",
            Kind::Gauge,
            |status| status.objects as u64,
        ),
        ("periplus_objects_applied_total", "Objects that were applied.", Kind::Counter, |status| {
            status.applied
        }),
        ("periplus_objects_deleted_total", "Objects that were deleted.", Kind::Counter, |status| {
            status.deleted
        }),
        (
            "periplus_apply_failures_total",
            "Times that an app, or the rest of a cluster, was not applied because of one of its objects.",
            Kind::Counter,
            |status| status.refused,
        ),
    ];
    for (name, help, kind, read) in families {
        let mut family = page.family(name, kind, help);
        for (cluster, status) in &statuses {
            family.add(&[("cluster", cluster)], read(status));
        }
    }
    let help = "When everything that there was to apply was applied last, in seconds since 1970-01-01 UTC.";
    let mut family = page.family("periplus_last_applied_timestamp_seconds", Kind::Gauge, help);
    for (cluster, status) in &statuses {
        if let Some(at) = status.last_applied_unix_ms {
            family.add(&[("cluster", cluster)], seconds(at));
        }
    }
}

fn copied(api: &Api, page: &mut Page) {
    let Some(copies) = &api.parts().copies else { return };
    let ledger = copies.ledger();
    let known = ledger.known(Instant::now());
    type Read = fn(&Known) -> f64;
    let families: [(&'static str, &'static str, Read); 4] = [
        ("periplus_copy_connected", "Whether a standby has asked a moment ago.", |one| {
            f64::from(u8::from(one.connected))
        }),
        (
            "periplus_copy_acknowledged_record",
            "How many records a standby has on its disk.",
            |one| one.has as f64,
        ),
        ("periplus_copy_behind_records", "How many records a standby lacks.", |one| {
            one.lacks as f64
        }),
        (
            "periplus_copy_listed",
            "Whether effects wait for a standby, which may lead then.",
            |one| f64::from(u8::from(one.listed)),
        ),
    ];
    for (name, help, read) in families {
        let mut family = page.family(name, Kind::Gauge, help);
        for one in &known {
            family.add(&[("replica", &one.replica)], read(one));
        }
    }
    let (end, shows) = ledger.ends();
    page.gauge(
        "periplus_copies_alone",
        "Whether effects are to wait for copies, and no other replica has one.",
        u8::from(ledger.is_alone()),
    );
    page.gauge(
        "periplus_copies_held_records",
        "Records whose effects wait until a standby has them.",
        end.saturating_sub(shows),
    );
    page.counter(
        "periplus_stray_commits_total",
        "Commits of an earlier leader of records that were never copied here.",
        copies.strays().count() as u64,
    );
}

fn watching(api: &Api, page: &mut Page) {
    let statuses = api.watched();
    let now = api.now_unix_ms();
    type Read = fn(&Watching, i64) -> Option<f64>;
    let families: [(&'static str, Kind, &'static str, Read); 6] = [
        (
            "periplus_cluster_connected",
            Kind::Gauge,
            "Whether all of a cluster was read, and its API answers.",
            |status, _| Some(f64::from(u8::from(status.connected))),
        ),
        (
            "periplus_cluster_answered_age_seconds",
            Kind::Gauge,
            "How long ago the API of a cluster answered.",
            |status, now| Some(seconds(now.saturating_sub(status.last_heard_unix_ms?).max(0))),
        ),
        (
            "periplus_cluster_objects",
            Kind::Gauge,
            "Objects of a cluster that are held in memory.",
            |status, _| Some(status.objects as f64),
        ),
        (
            "periplus_cluster_object_bytes",
            Kind::Gauge,
            "Memory that the objects of a cluster take.",
            |status, _| Some(status.bytes as f64),
        ),
        (
            "periplus_cluster_relists_total",
            Kind::Counter,
            "Lists of a cluster that were read from the start.",
            |status, _| Some(status.relists as f64),
        ),
        (
            "periplus_cluster_connects_total",
            Kind::Counter,
            "Times that a connection to a cluster was begun.",
            |status, _| Some(status.connects as f64),
        ),
    ];
    for (name, kind, help, read) in families {
        let mut family = page.family(name, kind, help);
        for (cluster, status) in &statuses {
            if let Some(value) = read(status, now) {
                family.add(&[("cluster", cluster)], value);
            }
        }
    }
}

fn signals(api: &Api, page: &mut Page) {
    let statuses = api.parts().signals.read();
    let now = api.now_unix_ms();
    type Read = fn(&Signal, i64) -> Option<f64>;
    let families: [(&'static str, Kind, &'static str, Read); 8] = [
        ("periplus_signal_looks_total", Kind::Counter, "Looks at a signal.", |one, _| {
            Some(one.looks as f64)
        }),
        ("periplus_signal_failures_total", Kind::Counter, "Looks that failed.", |one, _| {
            Some(one.failures as f64)
        }),
        (
            "periplus_signal_age_seconds",
            Kind::Gauge,
            "How old the newest is that a signal told.",
            |one, now| Some(one.age_ms(now)? as f64 / 1_000.0),
        ),
        (
            "periplus_signal_fresh",
            Kind::Gauge,
            "Whether a signal tells how it is now.",
            |one, now| Some(f64::from(u8::from(one.is_fresh(now)))),
        ),
        ("periplus_signal_series", Kind::Gauge, "Series, or clusters, of a signal.", |one, _| {
            Some(one.series as f64)
        }),
        (
            "periplus_signal_silent_series",
            Kind::Gauge,
            "Series that have gone silent.",
            |one, _| Some(one.silent as f64),
        ),
        ("periplus_signal_told_total", Kind::Counter, "What was told as measured.", |one, _| {
            Some(one.told as f64)
        }),
        (
            "periplus_signal_told_instead_total",
            Kind::Counter,
            "What was told as the fallback has it.",
            |one, _| Some(one.told_instead as f64),
        ),
    ];
    for (name, kind, help, read) in families {
        let mut family = page.family(name, kind, help);
        for status in &statuses {
            if let Some(value) = read(status, now) {
                family.add(&[("signal", &status.name)], value);
            }
        }
    }
}

fn pushed(api: &Api, page: &mut Page) {
    let now = api.now_unix_ms();
    let help = "How old the newest demand is that a source has pushed.";
    let mut family = page.family("periplus_pushed_demand_age_seconds", Kind::Gauge, help);
    for (source, newest) in api.shared.sources.newest() {
        family.add(&[("source", &source)], seconds(now.saturating_sub(newest).max(0)));
    }
}

fn requests(api: &Api, page: &mut Page) {
    let traffic = api.traffic().read();
    let help = "Requests that were answered.";
    let mut family = page.family("periplus_http_requests_total", Kind::Counter, help);
    for (kind, tally) in &traffic {
        let status = kind.status.to_string();
        let labels = [("route", kind.route.as_str()), ("method", kind.method), ("status", &status)];
        family.add(&labels, tally.count);
    }
    let help = "How long answers took until they began.";
    let mut family = page.family("periplus_http_request_duration_seconds", Kind::Summary, help);
    for (kind, tally) in &traffic {
        let status = kind.status.to_string();
        let labels = [("route", kind.route.as_str()), ("method", kind.method), ("status", &status)];
        family.add_sum(&labels, tally.took.as_secs_f64(), tally.count);
    }
}

fn traced(api: &Api, page: &mut Page) {
    let Some(tally) = api.traces().tally() else { return };
    let help = "Spans of traces that a collector took.";
    page.counter("periplus_trace_spans_sent_total", help, tally.sent());
    let help = "Spans of traces that were too many, or that no collector took.";
    page.counter("periplus_trace_spans_dropped_total", help, tally.dropped());
}

fn truth(is_so: &bool) -> &'static str {
    if *is_so { "true" } else { "false" }
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}
