//! Apps: from drafts to intents, and to what their components really are.

use periplus_core::ids::{AppId, ClusterId, ComponentId, TenantId};
use periplus_core::intent::{
    Activation, Approval, Group, Intent, Preference, RolloutRules, Rules, Worth,
};
use periplus_core::labels::Toleration;
use periplus_core::units::{Bytes, MicrosRtt, Permille, Span};

use crate::border::rounded_u32;
use crate::code::Code;
use crate::compile::component::{self, Demanded, Tables, service_micros};
use crate::compile::context::Context;
use crate::compile::delivery::{self, Brought};
use crate::compile::graph::{Graph, graph};
use crate::compile::roll::{APP, CLUSTER, TENANT, Version};
use crate::draft::{ApplicationDraft, ApproveDraft, ComponentDraft, GroupDraft, RolloutDraft};
use crate::scenario::AppTruth;
use crate::values::{Duration, Latency};
use crate::yaml::Cursor;

/// An app as it is declared once.
pub(crate) struct Compiled {
    pub(crate) intent: Intent,
    pub(crate) truth: AppTruth,
}

/// What an app is declared as; `before` is its declaration before this one. Nothing where the draft
/// contradicts itself so much that no intent could be made.
pub(crate) fn app(
    context: &mut Context<'_>,
    tables: &mut Tables,
    version: &Version<'_, ApplicationDraft>,
    brought: &Brought,
    before: Option<&Compiled>,
) -> Option<Compiled> {
    let draft = version.spec();
    let here = version.here.key("spec");
    let graph = graph(context, draft, here, before.map(|before| &before.truth))?;
    let promise = promise(context, draft, here);
    let shares = wait_shares(context, draft, &graph, here);
    let mut components = Vec::with_capacity(draft.components.len());
    let mut truths = Vec::with_capacity(draft.components.len());
    for (index, component) in draft.components.iter().enumerate() {
        let here = here.key("components").item(index);
        let visits = graph.visits[index];
        let wait = MicrosRtt(rounded_u32(shares[index] * f64::from(promise.wait.0)));
        let demand = Demanded { visits, wait, allowed: promise.allowed };
        let revision = delivery::revision(draft, component, brought, index);
        let demanded = &demand;
        components.push(component::component(
            context, tables, version, component, demanded, revision, here,
        )?);
        truths.push(component::truth(context, component, visits, here));
    }
    let groups = graph.order.iter().map(|declared| {
        let (group, here) = graph.group(draft, *declared, here);
        self::group(context, version, group, &graph.members[*declared], here)
    });
    let groups: Vec<Group> = groups.collect();
    let service: f64 = draft
        .components
        .iter()
        .zip(&graph.visits)
        .map(|(component, visits)| visits * service_micros(component))
        .sum();
    let tenant = tenant(context, draft, here);
    let intent = Intent {
        name: context.names.symbol(&version.object.metadata.name),
        tenant,
        generation: before.map_or(1, |before| before.intent.generation + 1),
        priority: draft.priority,
        components,
        calls: graph.calls,
        rules: rules(context, version, here),
        activation: activation(context, draft, here),
        worth: Worth {
            latency_target: promise.target,
            service_time: MicrosRtt(rounded_u32(service)),
            latency: draft.worth.latency_price.once(),
            unserved: draft.worth.unserved_price.once(),
            response: Bytes(draft.response_bytes.units()),
        },
        rollout: rollout(&draft.rollout),
        groups,
    };
    let truth = AppTruth {
        name: version.object.metadata.name.to_string(),
        components: truths,
        slo_latency: draft.slo.latency.0,
        groups: graph.order.iter().map(|declared| graph.names[*declared].clone()).collect(),
    };
    Some(Compiled { intent, truth })
}

/// What users are promised, in the units of the border.
struct Promise {
    wait: MicrosRtt,
    /// The part of all requests that may wait longer.
    allowed: f64,
    target: MicrosRtt,
}

fn promise(context: &mut Context<'_>, draft: &ApplicationDraft, here: Cursor<'_>) -> Promise {
    let slo = &draft.slo;
    let wait = slo.wait.map_or(MicrosRtt(slo.latency.0.0 / 5), |wait| wait.0);
    if wait > slo.latency.0 {
        let message =
            format!("`wait` ({}) is longer than `latency` ({})", Latency(wait), slo.latency);
        context.complain(here.path(&["slo", "wait"]), Code::InvertedRange, message);
    }
    if slo.wait_quantile.0 < Permille(500) || slo.wait_quantile.0 > Permille(999) {
        let message =
            format!("`waitQuantile` must be between 50% and 99.9%; it is {}", slo.wait_quantile);
        context.complain(here.path(&["slo", "waitQuantile"]), Code::OutOfRange, message);
    }
    let rest = slo.latency.0.saturating_sub(wait);
    Promise {
        wait,
        allowed: (1.0 - f64::from(slo.wait_quantile.0.0) / 1_000.0).clamp(0.001, 0.5),
        target: draft.worth.latency_target.map_or(rest, |target| target.0),
    }
}

/// Each component's part of `slo.wait`: as declared, and what is left in proportion to its work.
fn wait_shares(
    context: &mut Context<'_>,
    draft: &ApplicationDraft,
    graph: &Graph,
    here: Cursor<'_>,
) -> Vec<f64> {
    let works = draft.components.iter().zip(&graph.visits);
    let works: Vec<f64> =
        works.map(|(component, visits)| visits * service_micros(component)).collect();
    let said = |component: &ComponentDraft| {
        component.wait_share.map(|share| f64::from(share.0.0) / 1_000.0)
    };
    let declared: f64 = draft.components.iter().filter_map(said).sum();
    if declared > 1.0 {
        let message = format!(
            "the components' `waitShare` add up to {:.1}%, more than the whole",
            declared * 100.0
        );
        let first = draft.components.iter().position(|component| component.wait_share.is_some());
        let here = here.key("components").item(first.unwrap_or(0)).key("waitShare");
        context.complain(here, Code::OutOfRange, message);
    }
    let left = (1.0 - declared).max(0.0);
    let both = || draft.components.iter().zip(&works);
    let open: f64 =
        both().filter(|(component, _)| component.wait_share.is_none()).map(|both| both.1).sum();
    both()
        .map(|(component, work)| match said(component) {
            Some(share) => share,
            None if open > 0.0 => left * work / open,
            None => 0.0,
        })
        .collect()
}

fn group(
    context: &mut Context<'_>,
    version: &Version<'_, ApplicationDraft>,
    draft: &GroupDraft,
    members: &[usize],
    here: Cursor<'_>,
) -> Group {
    let pinned = draft.cluster.as_ref().and_then(|name| {
        let here = here.key("cluster");
        let found = context.rolls.clusters.find(CLUSTER, name, here, &mut context.complaints)?;
        let born = context.rolls.clusters.entities[found].born();
        if born > version.when {
            let born = Duration(Span(born.at.0));
            let message =
                format!("the cluster `{name}` joins only at {born}, after this is declared");
            context.complain(here, Code::OutOfTime, message);
        }
        Some(ClusterId::from_index(found))
    });
    Group {
        name: context.names.symbol(&draft.name),
        components: members.iter().map(|member| ComponentId::from_index(*member)).collect(),
        selector: context.selector(&draft.selector, here.key("selector")),
        stateful: draft.stateful,
        standing: draft.standing.unwrap_or(u16::from(draft.stateful)),
        pinned,
    }
}

fn tenant(context: &mut Context<'_>, draft: &ApplicationDraft, here: Cursor<'_>) -> TenantId {
    let name = &draft.tenant;
    if let Some(found) = context.rolls.tenants.index(name) {
        return context.tenant_id(found);
    }
    if &**name != crate::compile::fleet::DEFAULT_TENANT {
        let here = here.key("tenant");
        context.rolls.tenants.find(TENANT, name, here, &mut context.complaints);
    }
    TenantId(0)
}

fn rules(
    context: &mut Context<'_>,
    version: &Version<'_, ApplicationDraft>,
    here: Cursor<'_>,
) -> Rules {
    let here = here.key("placement");
    let placement = &version.spec().placement;
    let tolerations = placement.tolerations.iter().map(|toleration| Toleration {
        key: context.optional(toleration.key.as_deref()),
        value: context.optional(toleration.value.as_deref()),
    });
    let tolerations = tolerations.collect();
    let mut avoid = Vec::new();
    for (index, name) in placement.avoid.iter().enumerate() {
        let here = here.key("avoid").item(index);
        if **name == *version.object.metadata.name {
            context.complain(here, Code::UnknownApp, "an app cannot avoid itself");
        } else if let Some(found) =
            context.rolls.apps.find(APP, name, here, &mut context.complaints)
        {
            avoid.push(AppId::from_index(found));
        }
    }
    avoid.sort_unstable();
    avoid.dedup();
    let preferences =
        placement.preferences.iter().enumerate().map(|(index, preference)| Preference {
            selector: context.selector(
                &preference.selector,
                here.key("preferences").item(index).key("selector"),
            ),
            price: preference.per_hour.hourly(),
        });
    let preferences = preferences.collect();
    Rules {
        selector: context.selector(&placement.selector, here.key("selector")),
        tolerations,
        residency: context.optional(placement.residency.as_deref()),
        max_rtt: placement.max_rtt.map(|rtt| rtt.0),
        max_clusters: placement.max_clusters,
        avoid,
        preferences,
    }
}

fn rollout(draft: &RolloutDraft) -> RolloutRules {
    let RolloutDraft { max_unavailable_clusters, soak, approve, paused } = *draft;
    RolloutRules {
        max_unavailable: max_unavailable_clusters,
        soak: soak.0,
        approval: match approve {
            ApproveDraft::Never => Approval::Never,
            ApproveDraft::AfterFirst => Approval::AfterFirst,
        },
        paused,
    }
}

fn activation(context: &mut Context<'_>, draft: &ApplicationDraft, here: Cursor<'_>) -> Activation {
    let said = &draft.activation;
    let idle_below = said.idle_below.unwrap_or(said.above);
    if idle_below > said.above {
        let message = format!("`idleBelow` ({idle_below}) is more than `above` ({})", said.above);
        let wrong = here.path(&["activation", "idleBelow"]).error(Code::InvertedRange, message);
        let help = format!("write `idleBelow: {}`, or less", said.above);
        context.complaints.push(wrong.with_help(help));
    }
    Activation {
        above: said.above.0,
        dwell: said.dwell.0,
        idle_below: idle_below.0,
        idle_after: said.idle_after.0,
    }
}
