//! Finding the decision that is meant: backwards, because most people ask about what happened lately, and logs are long.

use periplus_core::State;
use periplus_core::decision::{Choice, Decision, Subject};
use periplus_core::fleet::Place;
use periplus_core::ids::{AppId, ClusterId, Seq};
use periplus_core::units::Tick;
use periplus_journal::Reader;

use crate::args::WhyArgs;
use crate::failure::Failure;
use crate::names::Names;

/// A decision in a log.
pub(super) struct Sought {
    pub(super) seq: Seq,
    /// Its place in the record.
    pub(super) decision: usize,
    pub(super) cluster: Option<ClusterId>,
}

/// What was asked for, as ids.
struct Asked {
    app: AppId,
    cluster: Option<ClusterId>,
    zone: Option<Place>,
    until: Option<Tick>,
}

/// So many of the last records are looked through first; then twice as many before them, and so on.
const FIRST_LOOK: u64 = 8_192;
/// A decision that names the cluster and is further back than this gives way to a later one about the app.
const NAMED_WITHIN: u64 = 1 << 20;

/// The decision that is meant: the last one that names the cluster, or else the last one about the app,
/// which then says why the cluster was not chosen.
pub(super) fn find(reader: &Reader, args: &WhyArgs) -> Result<Sought, Failure> {
    find_from(reader, args, FIRST_LOOK)
}

fn find_from(reader: &Reader, args: &WhyArgs, first_look: u64) -> Result<Sought, Failure> {
    let begins = reader.beginning()?.seq;
    let end = reader.last_seq()?.map_or(begins, |last| Seq(last.0 + 1));
    // What was declared is never forgotten: the last state knows all names.
    let known = state_before(reader, end)?;
    let wanted = resolve(&known, args, reader.header().epoch_unix_ms)?;
    let (mut from, mut to) = match args.seq {
        Some(seq) => (Seq(seq), Seq(seq.saturating_add(1)).min(end)),
        None => (Seq(end.0.saturating_sub(first_look)).max(begins), end),
    };
    let mut found = Found::default();
    while from < to {
        found.search(reader, &wanted, from, to)?;
        let far = end.0 - from.0 > NAMED_WITHIN && found.indirect.is_some();
        // The rest is later than what is asked about, or what is asked about is in one record.
        if found.direct.is_some() || far || args.seq.is_some() || from <= begins {
            break;
        }
        to = from;
        from = Seq(from.0.saturating_sub((end.0 - from.0).saturating_mul(2))).max(begins);
    }
    found.direct.or(found.indirect).ok_or_else(|| nothing_found(&known, args))
}

/// What was found so far.
#[derive(Default)]
struct Found {
    /// The last decision that names the cluster, or about the app where none is meant.
    direct: Option<Sought>,
    /// The last one about the app.
    indirect: Option<Sought>,
}

impl Found {
    /// Looks through records that are before all that was looked through.
    fn search(
        &mut self,
        reader: &Reader,
        wanted: &Asked,
        from: Seq,
        to: Seq,
    ) -> Result<(), Failure> {
        let (mut direct, mut indirect) = (None, None);
        for record in reader.records_from(from) {
            let record = record?;
            if record.seq >= to || wanted.until.is_some_and(|until| record.at > until) {
                break;
            }
            for (decision, told) in record.decisions.iter().enumerate() {
                let about_zone = wanted.zone.is_none_or(|zone| told.subject == Subject::Flow(zone));
                if told.app != wanted.app || !about_zone {
                    continue;
                }
                let sought = || Some(Sought { seq: record.seq, decision, cluster: wanted.cluster });
                indirect = sought();
                if wanted.cluster.is_none_or(|cluster| names(told, cluster)) {
                    direct = sought();
                }
            }
        }
        self.direct = direct;
        self.indirect = self.indirect.take().or(indirect);
        Ok(())
    }
}

/// The state that the records before a position lead to.
fn state_before(reader: &Reader, end: Seq) -> Result<State, Failure> {
    let start = reader.nearest_snapshot(end)?;
    let mut state = start.state;
    for record in reader.records_from(start.seq) {
        let record = record?;
        if record.seq >= end {
            break;
        }
        state.fold(&record);
    }
    Ok(state)
}

/// Whether a decision says something about a cluster.
fn names(decision: &Decision, cluster: ClusterId) -> bool {
    let chosen = |choice: Option<Choice>| choice.is_some_and(|choice| choice.cluster == cluster);
    decision.subject == Subject::Berth(cluster)
        || chosen(decision.winner)
        || chosen(decision.runner_up)
}

fn resolve(state: &State, args: &WhyArgs, epoch_unix_ms: i64) -> Result<Asked, Failure> {
    let all = Names(state);
    let app = all.find_app(&args.app).ok_or_else(|| no_such_app(state, &args.app))?;
    let cluster = args.cluster.as_ref().map(|name| {
        let known: Vec<&str> =
            (0..state.clusters().len()).map(|id| all.cluster(ClusterId::from_index(id))).collect();
        all.find_cluster(name).ok_or_else(|| Failure::no_such("cluster", name, &known))
    });
    let zone = args.zone.as_ref().map(|name| {
        let zones = 0..state.zones().len();
        let known: Vec<&str> =
            zones.map(|id| all.zone(periplus_core::ids::ZoneId::from_index(id))).collect();
        all.find_zone(name).ok_or_else(|| Failure::no_such("zone", name, &known))
    });
    Ok(Asked {
        app,
        cluster: cluster.transpose()?,
        zone: zone.transpose()?.map(Place::Zone),
        until: args.at.map(|at| at.tick(epoch_unix_ms)),
    })
}

pub(crate) fn no_such_app(state: &State, name: &str) -> Failure {
    let all = Names(state);
    let known: Vec<&str> =
        (0..state.apps().len()).map(|id| all.app(AppId::from_index(id))).collect();
    Failure::no_such("app", name, &known)
}

fn nothing_found(state: &State, args: &WhyArgs) -> Failure {
    if Names(state).find_app(&args.app).is_none() {
        return no_such_app(state, &args.app);
    }
    let when = match (args.seq, args.at) {
        (Some(seq), _) => format!(" in record {seq}"),
        (None, Some(_)) => " by then".into(),
        (None, None) => String::new(),
    };
    Failure::Usage {
        message: format!("nothing was decided about `{}`{when}", args.app),
        hint: "`periplus log show --notable` lists the records in which something was decided"
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use periplus_journal::{Fsync, Header, Options, Writer};

    use super::*;
    use crate::args::Format;
    #[cfg(feature = "live")]
    use crate::args::IdentityArgs;
    use crate::time::Moment;

    #[test]
    fn wherever_the_search_begins_it_finds_the_same() {
        let home = tempfile::tempdir().unwrap();
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/guide/voyage/harbour.yaml");
        let scenario = periplus_spec::load(std::path::Path::new(file)).unwrap().scenario;
        let options = Options { fsync: Fsync::Never, ..Options::default() };
        let header = Header::new(scenario.hash, scenario.epoch_unix_ms, "test");
        let mut writer = Writer::create(home.path(), header, options).unwrap();
        let state = periplus_sim::run(&scenario, &mut writer, &mut ()).unwrap().state;
        writer.finish(&state).unwrap();
        let reader = Reader::open(home.path()).unwrap();
        let (mut found, mut nothing) = (0, 0);
        for cluster in [None, Some("edge-harbour"), Some("edge-island"), Some("cloud")] {
            for zone in [None, Some("harbour"), Some("island")] {
                for at in [None, Some(1), Some(5), Some(50), Some(110), Some(170)] {
                    let args = WhyArgs {
                        log: home.path().to_owned(),
                        app: "shop".into(),
                        cluster: cluster.map(str::to_owned),
                        zone: zone.map(str::to_owned),
                        at: at.map(|minutes| {
                            Moment::After(periplus_core::units::Span(minutes * 60_000))
                        }),
                        seq: None,
                        #[cfg(feature = "live")]
                        client: IdentityArgs::default(),
                        format: Format::Json,
                    };
                    let all = find_from(&reader, &args, u64::MAX).ok();
                    for first_look in [1, 7, 100] {
                        let near = find_from(&reader, &args, first_look).ok();
                        let place = |one: &Sought| (one.seq, one.decision);
                        assert_eq!(near.as_ref().map(place), all.as_ref().map(place), "{args:?}");
                    }
                    match all {
                        Some(_) => found += 1,
                        None => nothing += 1,
                    }
                }
            }
        }
        assert!(found > 40 && nothing > 5, "{found} found, {nothing} not");
    }
}
