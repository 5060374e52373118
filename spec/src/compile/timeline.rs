//! The timeline: from verbs to commands and to what happens to the world.

use periplus_core::ids::{AppId, ClusterId, ComponentId, GroupId, SeriesId};
use periplus_core::input::{Command, Fault};
use periplus_core::units::{GramsPerKwh, Span};

use crate::code::Code;
use crate::compile::context::{Context, tick};
use crate::compile::roll::{APP, CLUSTER, Noun, unknown};
use crate::draft::{FaultDraft, MomentDraft, OneOrMany, SelectionDraft};
use crate::scenario::{Act, Moment, SeriesTruth};
use crate::values::{Duration, Name, Number};
use crate::yaml::Cursor;

pub(crate) const COMPONENT: Noun = Noun { name: "component", unknown: Code::UnknownComponent };
const GROUP: Noun = Noun { name: "group", unknown: Code::UnknownGroup };

/// What compiling the timeline needs to know besides.
pub(crate) struct Known<'a> {
    pub(crate) series: &'a [SeriesTruth],
    /// The groups of each app, by id; nothing where they could not be told.
    pub(crate) groups: &'a [Option<Vec<String>>],
    /// How long the scenario runs.
    pub(crate) until: Span,
}

/// What a moment means. Documents that it declares are not in it: they are compiled with all others.
pub(crate) fn moments(
    context: &mut Context<'_>,
    known: &Known<'_>,
    draft: &MomentDraft,
    here: Cursor<'_>,
) -> Vec<Moment> {
    if draft.at.0 > known.until {
        let message =
            format!("this is at {}; the scenario ends at {}", draft.at, Duration(known.until));
        context.complain(here.key("at"), Code::OutOfTime, message);
    }
    let mut acts = commands(context, known, draft, here);
    let commands = !acts.is_empty() || draft.declare.is_some();
    if commands && draft.lasts.is_some() {
        let message = "a command holds until the opposite one is given; only what happens to the world ends by itself";
        context.complain(here.name_of("for"), Code::UselessField, message);
    }
    acts.extend(happenings(context, known, draft, here));
    let at = tick(draft.at);
    acts.into_iter().map(|act| Moment { at, act }).collect()
}

/// A command about one cluster.
type Mark = fn(ClusterId) -> Command;

fn commands(
    context: &mut Context<'_>,
    known: &Known<'_>,
    draft: &MomentDraft,
    here: Cursor<'_>,
) -> Vec<Act> {
    let marks: [(&str, &Option<SelectionDraft>, Mark); 6] = [
        ("cordon", &draft.cordon, Command::Cordon),
        ("uncordon", &draft.uncordon, Command::Uncordon),
        ("drain", &draft.drain, Command::Drain),
        ("undrain", &draft.undrain, Command::Undrain),
        ("lost", &draft.lost, Command::DeclareLost),
        ("retire", &draft.retire, Command::RetireCluster),
    ];
    let mut acts = Vec::new();
    for (verb, selection, command) in marks {
        if let Some(selection) = selection {
            let clusters = present(context, draft, selection, here.key(verb));
            acts.extend(clusters.into_iter().map(|cluster| Act::Command(command(cluster))));
        }
    }
    if let Some(pin) = &draft.pin {
        let here = here.key("pin");
        let group = group(context, known, &pin.app, pin.group.as_deref(), here);
        let cluster = cluster(context, &pin.cluster, here.key("cluster"));
        if let (Some((app, group)), Some(cluster)) = (group, cluster) {
            acts.push(Act::Command(Command::Pin { app, group, cluster }));
        }
    }
    if let Some(unpin) = &draft.unpin {
        let here = here.key("unpin");
        if let Some((app, group)) = group(context, known, &unpin.app, unpin.group.as_deref(), here)
        {
            acts.push(Act::Command(Command::Unpin { app, group }));
        }
    }
    if draft.approve.is_some() {
        acts.push(Act::Approve);
    }
    if draft.pause.is_some() {
        acts.push(Act::Command(Command::Pause));
    }
    if draft.resume.is_some() {
        acts.push(Act::Command(Command::Resume));
    }
    if let Some(apps) = &draft.withdraw {
        let apps = self::apps(context, apps, here.key("withdraw"));
        acts.extend(apps.into_iter().map(|app| Act::Command(Command::WithdrawApp(app))));
    }
    acts
}

fn happenings(
    context: &mut Context<'_>,
    known: &Known<'_>,
    draft: &MomentDraft,
    here: Cursor<'_>,
) -> Vec<Act> {
    let lasts = draft.lasts.map(|lasts| lasts.0);
    let mut acts = Vec::new();
    if let Some(selection) = &draft.outage {
        let clusters = present(context, draft, selection, here.key("outage"));
        acts.push(Act::Outage { clusters, lasts });
    }
    if let Some(selection) = &draft.partition {
        let clusters = present(context, draft, selection, here.key("partition"));
        acts.push(Act::Partition { clusters, lasts });
    }
    if let Some(loss) = &draft.node_loss {
        let clusters =
            present(context, draft, &loss.clusters, here.path(&["nodeLoss", "clusters"]));
        let losses = clusters.into_iter();
        acts.extend(losses.map(|cluster| Act::NodeLoss { cluster, nodes: loss.nodes, lasts }));
    }
    if let Some(drift) = &draft.drift {
        let here = here.key("drift");
        let clusters = present(context, draft, &drift.clusters, here.key("clusters"));
        acts.push(Act::Drift { clusters, used: context.part(drift.used, here.key("used")), lasts });
    }
    if let Some(price) = &draft.price {
        let here = here.key("price");
        let clusters = present(context, draft, &price.clusters, here.key("clusters"));
        let factor = factor(context, price.factor, here.key("factor"));
        acts.push(Act::Price { clusters, factor, lasts });
    }
    if let Some(carbon) = &draft.carbon {
        let clusters =
            present(context, draft, &carbon.clusters, here.path(&["carbon", "clusters"]));
        acts.push(Act::Carbon { clusters, to: GramsPerKwh(carbon.to), lasts });
    }
    if let Some(surge) = &draft.surge {
        let here = here.key("surge");
        let series = series(context, known, &surge.apps, &surge.zones, here);
        let factor = factor(context, surge.factor, here.key("factor"));
        acts.push(Act::Surge { series, factor, lasts });
    }
    if let Some(sensor) = &draft.sensor {
        let series = series(context, known, &sensor.apps, &sensor.zones, here.key("sensor"));
        let shows = sensor.shows.map(|shows| u32::from(shows.0.0));
        acts.push(Act::Sensor { series, shows, lasts });
    }
    if draft.git_outage.is_some() {
        acts.push(Act::GitOutage { lasts });
    }
    if let Some(failure) = &draft.pod_failure {
        let here = here.key("podFailure");
        let component = component(context, &failure.app, &failure.component, here);
        let clusters = failure.clusters.as_ref();
        let clusters =
            clusters.map(|clusters| present(context, draft, clusters, here.key("clusters")));
        let fault = match failure.fault {
            FaultDraft::ApplyFailed => Fault::ApplyFailed,
            FaultDraft::ImagePull => Fault::ImagePull,
            FaultDraft::PodFailed => Fault::PodFailed,
            FaultDraft::TimedOut => Fault::TimedOut,
        };
        if let Some((app, component)) = component {
            let clusters = clusters.unwrap_or_default();
            acts.push(Act::PodFailure { app, component, clusters, fault, lasts });
        }
    }
    if let Some(late) = &draft.late_reports {
        let clusters =
            present(context, draft, &late.clusters, here.path(&["lateReports", "clusters"]));
        acts.push(Act::LateReports { clusters, by: late.by.0, lasts });
    }
    acts
}

/// The clusters that are meant, which must have joined by then.
fn present(
    context: &mut Context<'_>,
    draft: &MomentDraft,
    selection: &SelectionDraft,
    here: Cursor<'_>,
) -> Vec<ClusterId> {
    let all = context.clusters(selection, here);
    let mut present = Vec::with_capacity(all.len());
    for cluster in all {
        let entity = &context.rolls.clusters.entities[cluster];
        let (name, born) = (entity.name, entity.born().at);
        if born <= tick(draft.at) {
            present.push(ClusterId::from_index(cluster));
        } else if matches!(selection, SelectionDraft::Names(_)) {
            let message = format!("the cluster `{name}` joins only at {}", Duration(Span(born.0)));
            context.complain(here, Code::OutOfTime, message);
        }
    }
    present
}

pub(crate) fn cluster(
    context: &mut Context<'_>,
    name: &Name,
    here: Cursor<'_>,
) -> Option<ClusterId> {
    let found = context.rolls.clusters.find(CLUSTER, name, here, &mut context.complaints);
    found.map(ClusterId::from_index)
}

pub(crate) fn app(context: &mut Context<'_>, name: &Name, here: Cursor<'_>) -> Option<AppId> {
    context.rolls.apps.find(APP, name, here, &mut context.complaints).map(AppId::from_index)
}

fn apps(context: &mut Context<'_>, names: &OneOrMany, here: Cursor<'_>) -> Vec<AppId> {
    let names = names.0.iter().enumerate();
    names.filter_map(|(index, name)| app(context, name, here.item(index))).collect()
}

/// A component of an app; both are named under `here`.
pub(crate) fn component(
    context: &mut Context<'_>,
    app: &Name,
    name: &Name,
    here: Cursor<'_>,
) -> Option<(AppId, ComponentId)> {
    let app = self::app(context, app, here.key("app"))?;
    let components = &context.rolls.apps.entities[app.index()].last().object.spec.components;
    if let Some(place) = components.iter().position(|component| component.name == *name) {
        return Some((app, ComponentId::from_index(place)));
    }
    let names: Vec<&str> = components.iter().map(|component| &*component.name).collect();
    context.complaints.push(unknown(COMPONENT, name, names.iter(), here.key("component")));
    None
}

/// A group of an app, the front where none is named; both are named under `here`.
pub(crate) fn group(
    context: &mut Context<'_>,
    known: &Known<'_>,
    app: &Name,
    name: Option<&str>,
    here: Cursor<'_>,
) -> Option<(AppId, GroupId)> {
    let app = self::app(context, app, here.key("app"))?;
    let Some(name) = name else { return Some((app, GroupId::FRONT)) };
    let groups = known.groups.get(app.index())?.as_ref()?;
    if let Some(place) = groups.iter().position(|group| group == name) {
        return Some((app, GroupId::from_index(place)));
    }
    let names: Vec<&str> = groups.iter().map(String::as_str).collect();
    context.complaints.push(unknown(GROUP, name, names.iter(), here.key("group")));
    None
}

fn series(
    context: &mut Context<'_>,
    known: &Known<'_>,
    apps: &OneOrMany,
    zones: &SelectionDraft,
    here: Cursor<'_>,
) -> Vec<SeriesId> {
    let wanted = self::apps(context, apps, here.key("apps"));
    let zones = context.zones(zones, here.key("zones"));
    let meant = |series: &SeriesTruth| {
        (apps.0.is_empty() || wanted.contains(&series.spec.app))
            && zones.binary_search(&series.spec.zone.index()).is_ok()
    };
    let places = known.series.iter().enumerate().filter(|(_, series)| meant(series));
    let series: Vec<SeriesId> = places.map(|(place, _)| SeriesId::from_index(place)).collect();
    if series.is_empty() {
        let wrong =
            here.error(Code::NothingSelected, "no demand is declared for these apps and zones");
        context.complaints.push_missing(wrong);
    }
    series
}

fn factor(context: &mut Context<'_>, factor: Number, here: Cursor<'_>) -> u32 {
    factor.in_thousandths().unwrap_or_else(|| {
        let message = format!("a factor of {factor} is more than can be counted");
        context.complain(here, Code::OutOfRange, message);
        0
    })
}
