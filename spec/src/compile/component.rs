//! Components: what one microservice asks for, how many replicas hold which rate, and what it really is.

use std::collections::BTreeMap;

use periplus_core::fleet::{EXTENDED_RESOURCES_MAX, Resources};
use periplus_core::ids::KindId;
use periplus_core::intent::{Component, Scaling};
use periplus_core::units::{MiB, MicrosRtt, MilliCpu, MilliRps};

use crate::border::rounded_u32;
use crate::border::staffing::{self, Load};
use crate::code::Code;
use crate::compile::context::{Amounts, Context, Rounding};
use crate::compile::roll::Version;
use crate::compile::{gates, world};
use crate::draft::{ApplicationDraft, ComponentDraft, ScalingDraft};
use crate::scenario::ComponentTruth;
use crate::yaml::Cursor;

/// The most replicas that a staffing table is made for where nothing is said.
pub const REPLICAS_DEFAULT: u16 = 100;

/// Staffing tables that were made already: apps are often alike.
#[derive(Debug, Default)]
pub(crate) struct Tables(BTreeMap<[u64; 6], Vec<MilliRps>>);

/// What is demanded of one component.
pub(crate) struct Demanded {
    pub(crate) visits: f64,
    pub(crate) wait: MicrosRtt,
    pub(crate) allowed: f64,
}

/// What the machine is told of a component; nothing where no number of replicas keeps the promise.
pub(crate) fn component(
    context: &mut Context<'_>,
    tables: &mut Tables,
    version: &Version<'_, ApplicationDraft>,
    draft: &ComponentDraft,
    demanded: &Demanded,
    revision: u64,
    here: Cursor<'_>,
) -> Option<Component> {
    let said = Amounts {
        cpu: draft.requests.cpu,
        memory: draft.requests.memory,
        extended: &draft.requests.extended,
        rounding: Rounding::Up,
    };
    let request = context.resources(&said, &USUAL_REQUEST, here.key("requests"));
    let limits = [
        ("cpu", draft.requests.cpu, draft.limits.cpu),
        ("memory", draft.requests.memory, draft.limits.memory),
    ];
    for (field, asked, limit) in limits {
        if let (Some(asked), Some(limit)) = (asked, limit)
            && limit < asked
        {
            let message =
                format!("`limits.{field}` ({limit}) is less than `requests.{field}` ({asked})");
            context.complain(here.path(&["limits", field]), Code::InvertedRange, message);
        }
    }
    let scaling = match draft.scaling {
        ScalingDraft::Fixed { min } => Scaling::Fixed { min },
        ScalingDraft::Hpa { min, max } => {
            if min > max {
                let message = format!("`min` ({min}) is more than `max` ({max})");
                context.complain(
                    here.path(&["scaling", "hpa", "min"]),
                    Code::InvertedRange,
                    message,
                );
            }
            Scaling::Hpa { min, max }
        }
    };
    let staffing = staffing_tables(context, tables, draft, demanded, here)?;
    let after = gates::gates(context, version, draft, here);
    Some(Component {
        name: context.names.symbol(&draft.name),
        revision,
        request,
        scaling,
        staffing,
        after,
    })
}

/// What the Kubernetes scheduler counts for a pod that requests nothing: `DefaultMilliCPURequest` and
/// `DefaultMemoryRequest` in its `util/pod_resources.go`.
const USUAL_REQUEST: Resources =
    Resources { cpu: MilliCpu(100), memory: MiB(200), extended: [0; EXTENDED_RESOURCES_MAX] };

fn staffing_tables(
    context: &mut Context<'_>,
    tables: &mut Tables,
    draft: &ComponentDraft,
    demanded: &Demanded,
    here: Cursor<'_>,
) -> Option<Vec<(KindId, Vec<MilliRps>)>> {
    let (min, max) = match draft.scaling {
        ScalingDraft::Fixed { min } => {
            (min, draft.max_replicas.unwrap_or(REPLICAS_DEFAULT).max(min))
        }
        ScalingDraft::Hpa { min, max } => {
            (min, draft.max_replicas.unwrap_or(max).min(max).max(min))
        }
    };
    let service = service_micros(draft);
    if service > 0.0 && demanded.visits <= 0.0 {
        let message =
            format!("no call leads from the users to `{}`, so nothing is asked of it", draft.name);
        let wrong = here.key("name").error(Code::UncalledComponent, message).as_warning();
        context
            .complaints
            .push(wrong.with_help("add a call to it, or leave its `serviceTime` out"));
    }
    let mut staffing = Vec::with_capacity(context.kinds.list.len());
    for (index, (kind, speed)) in context.kinds.list.iter().enumerate() {
        let table = if service > 0.0 && demanded.visits > 0.0 {
            let load = Load {
                service_micros: service / speed,
                visits: demanded.visits,
                concurrency: draft.concurrency,
                wait: demanded.wait,
                allowed: demanded.allowed,
            };
            tables.table(&load, max)
        } else {
            staffing::idle_table(min)
        };
        if table.is_empty() {
            let message = format!(
                "a replica of `{}` in a cluster of kind `{kind}` cannot keep its part of the promise even \
                 for one request in a thousand seconds",
                draft.name
            );
            let help = "raise `slo.wait` or the component's `waitShare`, or make it faster";
            let wrong = here.key("serviceTime").error(Code::SloImpossible, message);
            context.complaints.push(wrong.with_help(help));
            return None;
        }
        staffing.push((KindId::from_index(index), table));
    }
    Some(staffing)
}

impl Tables {
    fn table(&mut self, load: &Load, replicas: u16) -> Vec<MilliRps> {
        let key = [
            load.service_micros.to_bits(),
            load.visits.to_bits(),
            u64::from(load.concurrency),
            u64::from(load.wait.0),
            load.allowed.to_bits(),
            u64::from(replicas),
        ];
        self.0.entry(key).or_insert_with(|| staffing::table(load, replicas)).clone()
    }
}

/// What a component really is.
pub(crate) fn truth(
    context: &mut Context<'_>,
    draft: &ComponentDraft,
    visits: f64,
    here: Cursor<'_>,
) -> ComponentTruth {
    let service = service_micros(draft);
    ComponentTruth {
        name: draft.name.to_string(),
        image: draft.image.clone(),
        image_bytes: draft.image_size.units(),
        start: world::delay(context, draft.start_time, here.key("startTime")),
        visits: rounded_u32(visits * 1_000.0),
        concurrency: draft.concurrency,
        service: context
            .kinds
            .list
            .iter()
            .map(|(_, speed)| MicrosRtt(rounded_u32(service / speed)))
            .collect(),
    }
}

/// Mean time that a visit is worked on, in microseconds; 0 where it works on nothing.
pub(crate) fn service_micros(component: &ComponentDraft) -> f64 {
    component.service_time.map_or(0.0, |time| f64::from(time.0.0))
}
