//! Apps: a front, a service and a store in one group, staffed as queueing theory asks.

use periplus_core::fleet::Resources;
use periplus_core::ids::{ComponentId, KindId, Symbol, TenantId};
use periplus_core::intent::{
    Activation, Component, Group, Intent, RolloutRules, Rules, Scaling, Worth,
};
use periplus_core::labels::Selector;
use periplus_core::units::{Bytes, MiB, MicroUsd, MicrosRtt, MilliCpu, MilliRps, Span};
use periplus_spec::border::staffing::{Load, table};
use periplus_spec::scenario::{AppTruth, ComponentTruth};

use super::delay;

/// The replicas that a staffing table goes up to.
const REPLICAS_MAX: u16 = 60;

/// What one component is.
struct Part {
    name: &'static str,
    symbol: Symbol,
    service: MicrosRtt,
    /// How often one user request visits it.
    visits: u32,
    concurrency: u32,
    /// What one user request may wait there.
    wait: MicrosRtt,
    cpu: MilliCpu,
    memory: MiB,
}

const PARTS: [Part; 3] = [
    Part {
        name: "front",
        symbol: Symbol(2),
        service: MicrosRtt(5_000),
        visits: 1,
        concurrency: 4,
        wait: MicrosRtt(10_000),
        cpu: MilliCpu(250),
        memory: MiB(256),
    },
    Part {
        name: "service",
        symbol: Symbol(3),
        service: MicrosRtt(20_000),
        visits: 1,
        concurrency: 4,
        wait: MicrosRtt(40_000),
        cpu: MilliCpu(500),
        memory: MiB(512),
    },
    Part {
        name: "store",
        symbol: Symbol(4),
        service: MicrosRtt(2_000),
        visits: 3,
        concurrency: 8,
        wait: MicrosRtt(6_000),
        cpu: MilliCpu(250),
        memory: MiB(1_024),
    },
];

pub(super) fn components() -> Vec<Component> {
    PARTS.iter().map(component).collect()
}

pub(super) fn intent(name: Symbol, components: Vec<Component>) -> Intent {
    Intent {
        name,
        tenant: TenantId(0),
        generation: 1,
        priority: 0,
        components,
        groups: vec![Group {
            name: Symbol(5),
            components: (0..PARTS.len()).map(ComponentId::from_index).collect(),
            selector: Selector::default(),
            stateful: false,
            standing: 0,
            pinned: None,
        }],
        calls: Vec::new(),
        rules: Rules::default(),
        activation: Activation {
            above: MilliRps(1_000),
            dwell: Span::ZERO,
            idle_below: MilliRps(500),
            idle_after: Span(5 * Span::MINUTE.0),
        },
        worth: Worth {
            latency_target: MicrosRtt(10_000),
            service_time: MicrosRtt(31_000),
            latency: MicroUsd(2),
            unserved: MicroUsd(20_000),
            response: Bytes(10_000),
        },
        rollout: RolloutRules::default(),
    }
}

pub(super) fn truth(number: u32) -> AppTruth {
    let component = |part: &Part| ComponentTruth {
        name: part.name.into(),
        image: format!("registry/app-{number}/{}", part.name),
        image_bytes: 200_000_000,
        start: delay(2_000, 30),
        visits: 1_000 * part.visits,
        concurrency: part.concurrency,
        service: vec![part.service],
    };
    AppTruth {
        name: format!("app-{number}"),
        components: PARTS.iter().map(component).collect(),
        slo_latency: MicrosRtt(120_000),
        groups: vec!["all".into()],
    }
}

fn component(part: &Part) -> Component {
    let load = Load {
        service_micros: f64::from(part.service.0),
        visits: f64::from(part.visits),
        concurrency: part.concurrency,
        wait: part.wait,
        allowed: 0.05,
    };
    Component {
        name: part.symbol,
        revision: 1,
        request: Resources { cpu: part.cpu, memory: part.memory, extended: [0; 4] },
        scaling: Scaling::Fixed { min: 1 },
        staffing: vec![(KindId(0), table(&load, REPLICAS_MAX))],
        after: Vec::new(),
    }
}
