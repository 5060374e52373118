//! Expectations: from what people write to checks.

use periplus_core::event::Refusal;
use periplus_core::ids::{ClusterId, ComponentId, ZoneId};
use periplus_core::state::Phase;

use crate::code::Code;
use crate::compile::context::{Context, tick};
use crate::compile::roll::ZONE;
use crate::compile::timeline::{self, Known};
use crate::draft::{ExpectDraft, RefusalDraft, StateDraft};
use crate::scenario::{Check, Expectation};
use crate::values::{Duration, Name};
use crate::yaml::Cursor;

/// What an expectation means.
pub(crate) fn expectation(
    context: &mut Context<'_>,
    known: &Known<'_>,
    draft: &ExpectDraft,
    here: Cursor<'_>,
) -> Option<Expectation> {
    for (field, at) in [("at", draft.at), ("quietFrom", draft.quiet_from)] {
        if let Some(at) = at.filter(|at| at.0 > known.until) {
            let message =
                format!("this is at {at}; the scenario ends at {}", Duration(known.until));
            context.complain(here.key(field), Code::OutOfTime, message);
        }
    }
    let said = Said::of(draft);
    let chosen: Vec<_> = said.iter().filter(|said| said.1).map(|said| said.0).collect();
    let check = match chosen.as_slice() {
        [] => {
            let wrong = here.error(Code::ExactlyOne, "this does not say what is expected");
            let all: Vec<_> = said.iter().map(|said| said.0).collect();
            let help = format!("give one of {}", crate::schema::listed(&all));
            context.complaints.push(wrong.with_help(help));
            return None;
        }
        [only] => *only,
        [first, second, ..] => {
            let message = format!("`{first}` and `{second}` are two expectations");
            let wrong = here.name_of(second).error(Code::ExactlyOne, message);
            context.complaints.push(wrong.with_help("make an entry of its own of each"));
            return None;
        }
    };
    refuse_useless(context, draft, check, here);
    let mut reader = Reader { context, known, draft, here };
    let check = reader.check(check)?;
    let text = here.words().unwrap_or_else(|| format!("{check:?}"));
    Some(Expectation { text, at: draft.at.map(tick), check })
}

/// The fields that say what is expected, and whether they are given. `replicas` alone means `is: ready`.
struct Said;

impl Said {
    fn of(draft: &ExpectDraft) -> [(&'static str, bool); 8] {
        [
            ("metric", draft.metric.is_some()),
            ("on", draft.on.is_some()),
            ("is", draft.is.is_some() || draft.replicas.is_some()),
            ("servedBy", draft.served_by.is_some()),
            ("holds", draft.holds.is_some()),
            ("quietFrom", draft.quiet_from.is_some()),
            ("before", draft.before.is_some()),
            ("refused", draft.refused.is_some()),
        ]
    }
}

/// Which fields belong to which check, besides the one that names it.
const COMPANIONS: [(&str, &[&str]); 8] = [
    ("metric", &["at", "atLeast", "atMost"]),
    ("on", &["at", "app", "group"]),
    ("is", &["at", "app", "component", "cluster", "replicas"]),
    ("servedBy", &["at", "app", "zone"]),
    ("holds", &["at"]),
    ("quietFrom", &[]),
    ("before", &["app", "component", "cluster"]),
    ("refused", &["app"]),
];

fn refuse_useless(context: &mut Context<'_>, draft: &ExpectDraft, check: &str, here: Cursor<'_>) {
    let given = [
        ("at", draft.at.is_some()),
        ("app", draft.app.is_some()),
        ("group", draft.group.is_some()),
        ("component", draft.component.is_some()),
        ("cluster", draft.cluster.is_some()),
        ("zone", draft.zone.is_some()),
        ("atLeast", draft.at_least.is_some()),
        ("atMost", draft.at_most.is_some()),
    ];
    let known = COMPANIONS.iter().find(|known| known.0 == check).map_or(&[][..], |known| known.1);
    for (field, _) in given.iter().filter(|given| given.1 && !known.contains(&given.0)) {
        let message = format!("`{field}` has no meaning beside `{check}`");
        context.complain(here.name_of(field), Code::UselessField, message);
    }
}

struct Reader<'c, 'a, 'd> {
    context: &'c mut Context<'a>,
    known: &'c Known<'c>,
    draft: &'d ExpectDraft,
    here: Cursor<'d>,
}

impl Reader<'_, '_, '_> {
    fn check(&mut self, check: &str) -> Option<Check> {
        match check {
            "metric" => self.metric(),
            "on" => {
                let name = self.needed("app", self.draft.app.as_ref())?;
                let group = self.draft.group.as_deref();
                let (app, group) =
                    timeline::group(self.context, self.known, name, group, self.here)?;
                let clusters = self.clusters(self.draft.on.as_deref()?, "on");
                Some(Check::Clusters { app, group, clusters })
            }
            "is" => self.binding(),
            "servedBy" => {
                let name = self.needed("app", self.draft.app.as_ref())?;
                let zone = self.needed("zone", self.draft.zone.as_ref())?;
                let app = timeline::app(self.context, name, self.here.key("app"))?;
                let here = self.here.key("zone");
                let zone = self.context.rolls.zones.find(
                    ZONE,
                    zone,
                    here,
                    &mut self.context.complaints,
                )?;
                let clusters = self.clusters(self.draft.served_by.as_deref()?, "servedBy");
                Some(Check::ServedBy { app, zone: ZoneId::from_index(zone), clusters })
            }
            "holds" => self.draft.holds.map(Check::Holds),
            "quietFrom" => self.draft.quiet_from.map(|from| Check::QuietFrom(tick(from))),
            "before" => self.before(),
            _ => {
                let name = self.needed("app", self.draft.app.as_ref())?;
                let app = timeline::app(self.context, name, self.here.key("app"))?;
                Some(Check::Refused(match self.draft.refused? {
                    RefusalDraft::ShapeChanged => Refusal::ShapeChanged { app },
                    RefusalDraft::Withdrawn => Refusal::Withdrawn { app },
                }))
            }
        }
    }

    /// A field without which the check makes no sense.
    fn needed<'n>(&mut self, field: &str, name: Option<&'n Name>) -> Option<&'n Name> {
        if name.is_none() {
            let message = format!("this expectation needs `{field}`");
            self.context.complain(self.here, Code::MissingField, message);
        }
        name
    }

    fn clusters(&mut self, names: &[Name], field: &str) -> Vec<ClusterId> {
        let here = self.here.key(field);
        let found = names.iter().enumerate();
        let found = found
            .filter_map(|(index, name)| timeline::cluster(self.context, name, here.item(index)));
        let mut clusters: Vec<ClusterId> = found.collect();
        clusters.sort_unstable();
        clusters
    }

    fn metric(&mut self) -> Option<Check> {
        let (least, most) = (self.draft.at_least, self.draft.at_most);
        match (least, most) {
            (None, None) => {
                let wrong = self.here.error(Code::MissingField, "a metric is expected to be what?");
                self.context.complaints.push(wrong.with_help("give `atLeast`, `atMost` or both"));
            }
            (Some(least), Some(most)) if least > most => {
                let message = format!("`atLeast` ({least}) is more than `atMost` ({most})");
                self.context.complain(self.here.key("atLeast"), Code::InvertedRange, message);
            }
            _ => {}
        }
        Some(Check::Metric {
            path: self.draft.metric.clone()?,
            least: least.map(|bound| bound.0),
            most: most.map(|bound| bound.0),
        })
    }

    fn binding(&mut self) -> Option<Check> {
        let app = self.needed("app", self.draft.app.as_ref());
        let component = self.needed("component", self.draft.component.as_ref());
        let cluster = self.needed("cluster", self.draft.cluster.as_ref());
        let (app, component) = timeline::component(self.context, app?, component?, self.here)?;
        let cluster = timeline::cluster(self.context, cluster?, self.here.key("cluster"))?;
        let phase = match self.draft.is.unwrap_or(StateDraft::Ready) {
            StateDraft::Absent => None,
            StateDraft::Waiting => Some(Phase::Waiting),
            StateDraft::Primed => Some(Phase::Primed),
            StateDraft::Applied => Some(Phase::Applied),
            StateDraft::Ready => Some(Phase::Ready),
            StateDraft::Draining => Some(Phase::Draining),
            StateDraft::Failed => Some(Phase::Failed),
        };
        if phase.is_none() && self.draft.replicas.is_some() {
            let message = "what is absent has no replicas";
            self.context.complain(self.here.name_of("replicas"), Code::UselessField, message);
        }
        Some(Check::Binding { app, component, cluster, phase, replicas: self.draft.replicas })
    }

    fn before(&mut self) -> Option<Check> {
        let app = self.needed("app", self.draft.app.as_ref());
        let component = self.needed("component", self.draft.component.as_ref());
        let cluster = self.needed("cluster", self.draft.cluster.as_ref());
        let (app, component, cluster) = (app?, component?, cluster?);
        let then = self.draft.before.as_ref()?;
        let here = self.here.key("before");
        let first = self.bound(app, component, cluster, self.here)?;
        let then_app = then.app.as_ref().unwrap_or(app);
        let then_cluster = then.cluster.as_ref().unwrap_or(cluster);
        let then = self.bound(then_app, &then.component, then_cluster, here)?;
        Some(Check::Before { first, then })
    }

    fn bound(
        &mut self,
        app: &Name,
        component: &Name,
        cluster: &Name,
        here: Cursor<'_>,
    ) -> Option<(periplus_core::ids::AppId, ComponentId, ClusterId)> {
        let (app, component) = timeline::component(self.context, app, component, here)?;
        let cluster = timeline::cluster(self.context, cluster, here.key("cluster"))?;
        Some((app, component, cluster))
    }
}
