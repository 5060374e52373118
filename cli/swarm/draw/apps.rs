//! The drawn apps: components in groups that call each other, gates, rules, worth.

use periplus_core::units::MilliRps;
use periplus_spec::draft::{
    ActivationDraft, AfterDraft, ApplicationDraft, CallDraft, ComponentDraft, DelayDraft,
    ExpressionDraft, GroupDraft, Object, OperatorDraft, OtherwiseDraft, PlacementDraft,
    PreferenceDraft, ResourcesDraft, ScalingDraft, ScopeDraft, SelectorDraft, TolerationDraft,
    UntilDraft,
};
use periplus_spec::values::{Duration, Latency, Name, Number, Price, Quantity, Rate};

use super::fleet::{Fleet, KIND, REGION, TAINT};
use super::{minutes, name, numbered};
use crate::swarm::dice::{Dice, Topic};

pub(super) fn draw(seed: u64, count: usize, fleet: &Fleet) -> Vec<Object<ApplicationDraft>> {
    let mut dice = Dice::new(seed, Topic::Apps);
    let mut apps: Vec<Object<ApplicationDraft>> = Vec::new();
    for number in 0..count {
        let mut app = numbered("app", number, app(&mut dice, fleet));
        if let Some(other) = apps.last().filter(|_| dice.happens(10)) {
            app.spec.placement.avoid.push(other.metadata.name.clone());
        }
        if let Some(other) = apps.first().filter(|_| dice.happens(10)) {
            let mut gate = gate(&mut dice, name("c0"), ScopeDraft::Any);
            gate.app = Some(other.metadata.name.clone());
            app.spec.components[0].after.push(gate);
        }
        apps.push(app);
    }
    apps
}

fn app(dice: &mut Dice, fleet: &Fleet) -> ApplicationDraft {
    let count = 1 + dice.below(4);
    let components = (0..count).map(|number| component(dice, number)).collect();
    let mut app = ApplicationDraft::new(components);
    app.priority = *dice.pick(&[-1, 0, 0, 1, 5]);
    if !fleet.tenants.is_empty() && dice.happens(50) {
        app.tenant = name("team");
    }
    for number in 1..count {
        let caller = dice.below(number);
        app.calls.push(call(dice, caller, number));
    }
    if count > 1 && dice.happens(40) {
        group(dice, &mut app);
    }
    gates(dice, &mut app);
    app.placement = placement(dice);
    let above = dice.from(1, 5_000);
    app.activation = ActivationDraft {
        above: Rate(MilliRps(above)),
        dwell: Duration::seconds(dice.from(0, 120)),
        idle_below: Some(Rate(MilliRps((above / dice.from(1, 4)).max(1)))),
        idle_after: minutes(dice.from(1, 5)),
    };
    app.slo.latency = Latency::millis(dice.small(150, 400));
    app.worth.unserved_price = Price::micros(*dice.pick(&[1_000, 20_000, 200_000, 1_000_000]));
    app.worth.latency_price = Price::micros(dice.money(0, 100));
    app.response_bytes = Quantity::whole(dice.from(0, 50_000));
    app
}

fn component(dice: &mut Dice, number: usize) -> ComponentDraft {
    let service = Latency::millis(dice.small(1, 20));
    let mut component = ComponentDraft::new(name(&format!("c{number}")), service);
    component.requests = ResourcesDraft {
        cpu: Some(Quantity::milli(dice.from(1, 15) * 100)),
        memory: Some(Quantity::mebi(dice.from(64, 2_048))),
        ..ResourcesDraft::default()
    };
    component.concurrency = dice.small(1, 8);
    let min = dice.tiny(1, 2);
    component.scaling = if dice.happens(30) {
        ScalingDraft::Hpa { min, max: min + dice.tiny(0, 8) }
    } else {
        ScalingDraft::Fixed { min }
    };
    component.image_size = Quantity::whole(dice.from(0, 500_000_000));
    component.start_time = DelayDraft::Always(Duration::seconds(dice.from(1, 40)));
    component
}

fn call(dice: &mut Dice, from: usize, to: usize) -> CallDraft {
    CallDraft {
        from: name(&format!("c{from}")),
        to: name(&format!("c{to}")),
        per_request: Number::thousandths(dice.small(100, 2_000)),
        bytes: Quantity::whole(dice.from(0, 20_000)),
    }
}

/// Two groups: the first components, and the others, which may hold data.
fn group(dice: &mut Dice, app: &mut ApplicationDraft) {
    let names: Vec<Name> = app.components.iter().map(|component| component.name.clone()).collect();
    let (front, back) = names.split_at(1 + dice.below(names.len() - 1));
    let stateful = dice.happens(40);
    let group = |called: &str, components: &[Name]| GroupDraft {
        name: name(called),
        components: components.to_vec(),
        selector: SelectorDraft::default(),
        stateful: false,
        standing: None,
        cluster: None,
    };
    let mut back = group("back", back);
    back.stateful = stateful;
    back.standing = dice.happens(50).then(|| dice.tiny(1, 2)).filter(|_| !stateful);
    app.groups = vec![group("front", front), back];
}

/// Components that wait for others: of their own group where they are, of another wherever it is.
fn gates(dice: &mut Dice, app: &mut ApplicationDraft) {
    for number in 1..app.components.len() {
        if !dice.happens(30) {
            continue;
        }
        let needed = app.components[dice.below(number)].name.clone();
        let dependent = app.components[number].name.clone();
        let grouped = |one: &Name| app.groups.iter().position(|g| g.components.contains(one));
        // What is behind waits for nobody in front of it: it may stand where no user is.
        let gate = if grouped(&needed) == grouped(&dependent) {
            let scopes = [ScopeDraft::Same, ScopeDraft::Same, ScopeDraft::Any, ScopeDraft::Every];
            let scope = *dice.pick(&scopes);
            Some((number, gate(dice, needed, scope)))
        } else {
            let scopes = [ScopeDraft::Any, ScopeDraft::Every, ScopeDraft::Nearest];
            let scope = *dice.pick(&scopes);
            let place = app.components.iter().position(|one| one.name == needed);
            place.map(|place| (place, gate(dice, dependent, scope)))
        };
        if let Some((place, gate)) =
            gate.filter(|(place, _)| app.components[*place].after.is_empty())
        {
            app.components[place].after.push(gate);
        }
    }
}

fn gate(dice: &mut Dice, component: Name, scope: ScopeDraft) -> AfterDraft {
    let deadline = dice.happens(40).then(|| minutes(dice.from(10, 30)));
    AfterDraft {
        app: None,
        component,
        until: *dice.pick(&[UntilDraft::Deployed, UntilDraft::Ready]),
        hold: Duration::seconds(*dice.pick(&[0, 0, 30])),
        scope,
        deadline,
        otherwise: if deadline.is_some() {
            *dice.pick(&[OtherwiseDraft::Hold, OtherwiseDraft::Proceed])
        } else {
            OtherwiseDraft::Hold
        },
    }
}

fn placement(dice: &mut Dice) -> PlacementDraft {
    let mut placement = PlacementDraft::default();
    if dice.happens(15) {
        placement.selector.match_expressions.push(ExpressionDraft {
            key: KIND.parse().expect("a valid key"),
            operator: OperatorDraft::NotIn,
            values: vec!["region".parse().expect("a valid value")],
        });
    }
    if dice.happens(30) {
        let key = Some(TAINT.parse().expect("a valid key"));
        placement.tolerations.push(TolerationDraft { key, value: None });
    }
    if dice.happens(15) {
        placement.residency = Some(REGION.parse().expect("a valid key"));
    }
    placement.max_rtt = dice.happens(15).then(|| Latency::millis(dice.small(7, 14)));
    placement.max_clusters = dice.happens(15).then(|| dice.tiny(1, 3));
    if dice.happens(15) {
        let key = KIND.parse().expect("a valid key");
        let mut selector = SelectorDraft::default();
        selector.match_labels.insert(key, "edge".parse().expect("a valid value"));
        let per_hour = dice.pick(&["-0.02", "-0.003", "0.01"]).parse().expect("a valid price");
        placement.preferences.push(PreferenceDraft { selector, per_hour });
    }
    placement
}
