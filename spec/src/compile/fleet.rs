//! Clusters, zones and tenants: from drafts to what the machine is told and what there is.

use std::sync::Arc;

use periplus_core::fleet::{
    ClusterSpec, EXTENDED_RESOURCES_MAX, Power, Prices, Resources, Room, TenantSpec, ZoneSpec,
};
use periplus_core::labels::{Selector, Taint, TaintEffect};
use periplus_core::units::{
    GramsPerKwh, MiB, MicroUsd, MicroUsdPerHour, MilliCpu, MilliWatts, Span, Tick,
};

use crate::border::investment::per_year;
use crate::code::Code;
use crate::compile::context::{Amounts, Context, Rounding, tick};
use crate::compile::roll::Entity;
use crate::compile::shape::VALUES_MAX;
use crate::compile::trace::{Trace, cells};
use crate::draft::{
    AgentType, CarbonDraft, CarbonTraceDraft, ClusterDraft, InvestmentDraft, LocationDraft,
    NodePoolDraft, Object, PricesDraft, TaintEffectDraft, TenantDraft, ZoneDraft,
};
use crate::files::Files;
use crate::scenario::{
    AgentTruth, AutoscalerTruth, ClusterTruth, Location, PoolTruth, Schedule, ZoneTruth,
};
use crate::values::{Duration, Number, Percentage, Price};
use crate::yaml::Cursor;

/// What the machine is told of a cluster, and what it is.
pub(crate) fn cluster(
    context: &mut Context<'_>,
    files: &mut Files,
    version: &crate::compile::roll::Version<'_, ClusterDraft>,
    until: Span,
) -> (ClusterSpec, ClusterTruth) {
    let Object { metadata, spec: draft } = version.object;
    let here = version.here.key("spec");
    let pools: Vec<_> = draft
        .node_pools
        .iter()
        .enumerate()
        .map(|(index, pool)| node_pool(context, pool, here.key("nodePools").item(index)))
        .collect();
    let prices = schedule(context, draft, here);
    let carbon = carbon(context, files, draft, version, until);
    let power = Power {
        core: MilliWatts(thousandths(
            context,
            draft.power.watts_per_core,
            here.path(&["power", "wattsPerCore"]),
        )),
        effectiveness: thousandths(context, draft.power.pue, here.path(&["power", "pue"])),
        carbon: carbon.at(version.when.at),
    };
    if draft.power.pue < Number::thousandths(1_000) {
        let message =
            format!("a building draws at least what is in it; pue is {}", draft.power.pue);
        context.complain(here.path(&["power", "pue"]), Code::OutOfRange, message);
    }
    let spec = ClusterSpec {
        name: context.names.symbol(&metadata.name),
        kind: context.kinds.id(&draft.kind),
        labels: context.labels(&metadata.labels),
        taints: draft
            .taints
            .iter()
            .map(|taint| Taint {
                key: context.names.symbol(&taint.key),
                value: context.optional(taint.value.as_deref()),
                effect: match taint.effect {
                    TaintEffectDraft::NoExecute => TaintEffect::NoExecute,
                    TaintEffectDraft::NoSchedule => TaintEffect::NoSchedule,
                },
            })
            .collect(),
        prices: prices.at(version.when.at),
        power,
    };
    let truth = ClusterTruth {
        name: metadata.name.to_string(),
        pools,
        agent: agent(context, draft, here),
        pull_bytes_per_second: draft.pull_bandwidth.units(),
        joins: version.when.at,
        power,
        prices,
        carbon,
        kind: spec.kind,
        location: draft.location.map(location),
        upkeep: upkeep(context, draft, here),
    };
    if truth.pull_bytes_per_second == 0 {
        let message = "a cluster that pulls nothing never starts anything";
        context.complain(here.key("pullBandwidth"), Code::OutOfRange, message);
    }
    (spec, truth)
}

/// What it takes in a year to have a cluster with its nodes.
fn upkeep(context: &mut Context<'_>, draft: &ClusterDraft, here: Cursor<'_>) -> MicroUsd {
    let Some(investment) = draft.investment else { return MicroUsd(0) };
    let here = here.key("investment");
    let InvestmentDraft { site, node, life_years, interest, upkeep } = investment;
    if life_years == Number::default() {
        let message = "what is bought lives longer than nothing";
        context.complain(here.key("lifeYears"), Code::OutOfRange, message);
        return MicroUsd(0);
    }
    let nodes: i64 = draft.node_pools.iter().map(|pool| i64::from(pool.nodes)).sum();
    let site = if nodes > 0 { site.once().0 } else { 0 };
    let paid = MicroUsd(node.once().0.saturating_mul(nodes).saturating_add(site));
    let part = |part: Percentage| f64::from(part.0.0) / 1_000.0;
    per_year(paid, life_years.float(), part(interest), part(upkeep))
}

fn node_pool(context: &mut Context<'_>, draft: &NodePoolDraft, here: Cursor<'_>) -> PoolTruth {
    // The machine is told of pools by name when it is told of their room.
    context.names.symbol(&draft.name);
    let capacity = Amounts {
        cpu: Some(draft.capacity.cpu),
        memory: Some(draft.capacity.memory),
        extended: &draft.capacity.extended,
        rounding: Rounding::Down,
    };
    let reserved = Amounts {
        cpu: draft.reserved.cpu,
        memory: draft.reserved.memory,
        extended: &draft.reserved.extended,
        rounding: Rounding::Up,
    };
    let all = context.resources(&capacity, &Resources::default(), here.key("capacity"));
    let kept = context.resources(&reserved, &Resources::default(), here.key("reserved"));
    let short = all.cpu < kept.cpu
        || all.memory < kept.memory
        || all.extended.iter().zip(kept.extended).any(|(all, kept)| *all < kept);
    if short {
        let message = format!("pool `{}` reserves more than a node has", draft.name);
        context.complain(here.key("reserved"), Code::InvertedRange, message);
    }
    let mut free = Resources {
        cpu: all.cpu.saturating_sub(kept.cpu),
        memory: all.memory.saturating_sub(kept.memory),
        extended: all.extended,
    };
    for (units, kept) in free.extended.iter_mut().zip(kept.extended) {
        *units = units.saturating_sub(kept);
    }
    let autoscaler = draft.autoscaler.map(|scaler| {
        if scaler.max < draft.nodes {
            let message = format!(
                "pool `{}` has {} nodes already; its autoscaler stops at {}",
                draft.name, draft.nodes, scaler.max
            );
            context.complain(here.path(&["autoscaler", "max"]), Code::InvertedRange, message);
        }
        AutoscalerTruth { max: scaler.max, delay: scaler.delay.0, idle_after: scaler.idle_after.0 }
    });
    PoolTruth {
        name: draft.name.to_string(),
        nodes: draft.nodes,
        room: Room { free, pods: draft.capacity.pods },
        autoscaler,
    }
}

fn prices(context: &mut Context<'_>, draft: &PricesDraft, here: Cursor<'_>) -> Prices {
    let mut extended = [MicroUsdPerHour::ZERO; EXTENDED_RESOURCES_MAX];
    for (name, price) in &draft.extended {
        if let Some(place) = context.extended(name, here.key("extended")) {
            extended[place] = price.hourly();
        }
    }
    for (field, price) in [("coreHour", draft.core_hour), ("gibHour", draft.gib_hour)] {
        if price > RESOURCE_PRICE_MAX {
            let message = format!(
                "`{field}` is {price} dollars; at most {RESOURCE_PRICE_MAX} can be counted"
            );
            context.complain(here.key(field), Code::OutOfRange, message);
        }
    }
    Prices {
        core: draft.core_hour.hourly(),
        gib: draft.gib_hour.hourly(),
        extended,
        active: draft.active_hour.hourly(),
        egress_gigabyte: draft.egress_gb.once(),
    }
}

/// A thousand dollars an hour for a core or a GiB: more, and the price of a large pod could overflow.
const RESOURCE_PRICE_MAX: Price = Price::micros(1_000_000_000);

fn schedule(context: &mut Context<'_>, draft: &ClusterDraft, here: Cursor<'_>) -> Schedule<Prices> {
    let mut values = vec![(Tick::ZERO, prices(context, &draft.prices, here.key("prices")))];
    for (index, later) in draft.price_schedule.iter().enumerate() {
        let here = here.key("priceSchedule").item(index);
        let at = tick(later.at);
        let last = values[values.len() - 1].0;
        if at <= last {
            let message = format!(
                "prices from {} on come after those from {} on",
                later.at,
                Duration(Span(last.0))
            );
            context.complain(here.key("at"), Code::InvertedRange, message);
        }
        values.push((at, prices(context, &later.prices, here.key("prices"))));
    }
    Schedule(values)
}

fn carbon(
    context: &mut Context<'_>,
    files: &mut Files,
    draft: &ClusterDraft,
    version: &crate::compile::roll::Version<'_, ClusterDraft>,
    until: Span,
) -> Schedule<GramsPerKwh> {
    match &draft.power.carbon {
        CarbonDraft::GramsPerKwh(grams) => Schedule(vec![(Tick::ZERO, GramsPerKwh(*grams))]),
        CarbonDraft::Trace(trace) => {
            let here = version.here.path(&["spec", "power", "carbon", "trace"]);
            match carbon_trace(files, trace, version.path, here, until) {
                Ok(schedule) => schedule,
                Err(wrong) => {
                    context.complaints.list.extend(wrong);
                    Schedule(vec![(Tick::ZERO, GramsPerKwh::ZERO)])
                }
            }
        }
    }
}

/// The trace from the start of the scenario to its end, beginning again where it ends; equal neighbours once.
fn carbon_trace(
    files: &mut Files,
    draft: &CarbonTraceDraft,
    path: &str,
    here: Cursor<'_>,
    until: Span,
) -> Result<Schedule<GramsPerKwh>, Vec<crate::diagnostic::Diagnostic>> {
    let trace =
        Trace { file: &draft.file, column: &draft.column, step: draft.step, skip: draft.skip };
    let values: Arc<[f64]> = cells(files, &trace, path, here)?;
    let steps = until.0.div_ceil(draft.step.0.0) + 1;
    if steps > VALUES_MAX {
        let message =
            format!("in such short steps, the trace would have more than {VALUES_MAX} values");
        return Err(vec![here.key("step").error(Code::TooMany, message)]);
    }
    let mut schedule: Vec<(Tick, GramsPerKwh)> = Vec::new();
    for (step, grams) in (0..steps).zip(values.iter().cycle()) {
        let grams = GramsPerKwh(crate::border::rounded_u32(*grams));
        if schedule.last().is_none_or(|last| last.1 != grams) {
            schedule.push((Tick(step * draft.step.0.0), grams));
        }
    }
    Ok(Schedule(schedule))
}

fn agent(context: &mut Context<'_>, draft: &ClusterDraft, here: Cursor<'_>) -> AgentTruth {
    let usual = match draft.agent.agent {
        AgentType::Flux => Span::MINUTE,
        AgentType::Argocd => Span(3 * Span::MINUTE.0),
    };
    let interval = draft.agent.interval.map_or(usual, |interval| interval.0);
    if interval == Span::ZERO {
        let message = "an agent that looks without a pause never rests";
        context.complain(here.path(&["agent", "interval"]), Code::OutOfRange, message);
    }
    AgentTruth {
        interval,
        webhook: draft.agent.webhook,
        apply: draft.agent.apply.map_or(Span(5 * Span::SECOND.0), |apply| apply.0),
    }
}

fn thousandths(context: &mut Context<'_>, number: Number, here: Cursor<'_>) -> u32 {
    number.in_thousandths().unwrap_or_else(|| {
        let message = format!("{number} is more than can be counted");
        context.complain(here, Code::OutOfRange, message);
        0
    })
}

/// What the machine is told of a zone.
pub(crate) fn zone(context: &mut Context<'_>, object: &Object<ZoneDraft>) -> ZoneSpec {
    ZoneSpec {
        name: context.names.symbol(&object.metadata.name),
        labels: context.labels(&object.metadata.labels),
    }
}

/// What a zone is.
pub(crate) fn zone_truth(zone: &Entity<'_, ZoneDraft>) -> ZoneTruth {
    ZoneTruth { name: zone.name.to_owned(), location: zone.first().spec().location.map(location) }
}

fn location(draft: LocationDraft) -> Location {
    Location { latitude: draft.latitude.degrees(), longitude: draft.longitude.degrees() }
}

/// The tenant that exists without being declared: it may use everything.
pub(crate) fn default_tenant(context: &mut Context<'_>) -> TenantSpec {
    TenantSpec {
        name: context.names.symbol(DEFAULT_TENANT),
        clusters: Selector::default(),
        quota: None,
    }
}

/// Its name.
pub(crate) const DEFAULT_TENANT: &str = "default";

/// What the machine is told of a tenant.
pub(crate) fn tenant(
    context: &mut Context<'_>,
    object: &Object<TenantDraft>,
    here: Cursor<'_>,
) -> TenantSpec {
    let here = here.key("spec");
    let unbounded = Resources {
        cpu: MilliCpu::MAX,
        memory: MiB::MAX,
        extended: [u16::MAX; EXTENDED_RESOURCES_MAX],
    };
    let quota = object.spec.quota.as_ref().map(|quota| {
        let said = Amounts {
            cpu: quota.cpu,
            memory: quota.memory,
            extended: &quota.extended,
            rounding: Rounding::Down,
        };
        context.resources(&said, &unbounded, here.key("quota"))
    });
    TenantSpec {
        name: context.names.symbol(&object.metadata.name),
        clusters: context.selector(&object.spec.clusters, here.key("clusters")),
        quota,
    }
}
