//! What of two logs must agree, and how much of it there was.

use std::collections::BTreeMap;
use std::fmt::Debug;

use periplus_core::Record;
use periplus_core::State;
use periplus_core::effect::Effect;
use periplus_core::event::Event;
use periplus_core::ids::AppId;
use periplus_core::units::Tick;

use crate::Ran;

/// How soon a repository takes what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// At once.
    AtOnce,
    /// As the scenario says. When ways are reported need not agree then.
    AsWritten,
}

/// How much agreed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Agreed {
    pub(crate) simulated: usize,
    pub(crate) lived: usize,
    pub(crate) facts: usize,
    pub(crate) effects: usize,
    pub(crate) decisions: usize,
}

impl Agreed {
    pub(crate) fn add(&mut self, other: Self) {
        let Self { simulated, lived, facts, effects, decisions } = other;
        self.simulated += simulated;
        self.lived += lived;
        self.facts += facts;
        self.effects += effects;
        self.decisions += decisions;
    }
}

/// Holds two logs and what they led to against each other.
pub(crate) fn compare(simulated: &Ran, lived: &Ran, pace: Pace) -> Result<Agreed, String> {
    let decisions = |ran: &Ran| -> Vec<String> {
        let all =
            ran.records.iter().flat_map(|one| one.decisions.iter().map(|said| (one.at, said)));
        all.map(text).collect()
    };
    let effects = |ran: &Ran| -> Vec<String> {
        let all = ran
            .records
            .iter()
            .flat_map(|one| one.effects.iter().map(|said| (one.at, &said.effect)));
        all.filter(|(_, effect)| pace == Pace::AtOnce || !is_way(effect)).map(text).collect()
    };
    let facts = |ran: &Ran| -> Vec<String> {
        let facts = facts(&ran.records, pace);
        facts
            .into_iter()
            .flat_map(|(at, facts)| facts.into_iter().map(move |fact| format!("{at} {fact}")))
            .collect()
    };
    let agreed = Agreed {
        simulated: simulated.records.len(),
        lived: lived.records.len(),
        decisions: same("decisions", &decisions(simulated), &decisions(lived))?,
        effects: same("effects", &effects(simulated), &effects(lived))?,
        facts: same("facts", &facts(simulated), &facts(lived))?,
    };
    same("beliefs at the end", &beliefs(&simulated.state, pace), &beliefs(&lived.state, pace))?;
    Ok(agreed)
}

fn is_way(effect: &Effect) -> bool {
    matches!(effect, Effect::Route { .. })
}

/// What became so, by time; facts of one millisecond in an order of their own.
fn facts(records: &[Record], pace: Pace) -> BTreeMap<Tick, Vec<String>> {
    let mut facts: BTreeMap<Tick, Vec<String>> = BTreeMap::new();
    for record in records {
        for event in record.events.iter().filter(|event| matters(event, pace)) {
            facts.entry(record.at).or_default().push(text(event));
        }
    }
    facts.values_mut().for_each(|facts| facts.sort());
    facts
}

/// Whether something must be so in both logs.
fn matters(event: &Event, pace: Pace) -> bool {
    // A service hears of each cluster by itself; nobody shows it what they cost.
    let is_greeting = matches!(event, Event::HeartbeatsAccepted | Event::PricesAccepted);
    let is_about_ways = matches!(
        event,
        Event::RouteIssued { .. }
            | Event::RouteDone { .. }
            | Event::RouteTimed { .. }
            | Event::EffectDone { .. }
            | Event::EffectPostponed { .. }
            | Event::EffectRepeated { .. }
    );
    !is_greeting && (pace == Pace::AtOnce || !is_about_ways)
}

/// What is believed of everything that is not about time.
fn beliefs(state: &State, pace: Pace) -> Vec<String> {
    let mut beliefs: Vec<String> = state.berths().map(text).collect();
    beliefs.extend(state.clusters().iter().map(text));
    beliefs.extend(state.holds().map(text));
    if pace == Pace::AtOnce {
        beliefs.extend(state.series().iter().map(text));
        let apps = (0..state.apps().len()).map(AppId::from_index);
        beliefs.extend(apps.map(|app| text(state.app(app))));
        beliefs.extend(state.outstanding().map(|issued| text(issued.effect)));
    }
    beliefs
}

/// How many there are, if they are the same.
fn same(what: &str, simulated: &[String], lived: &[String]) -> Result<usize, String> {
    if simulated == lived {
        return Ok(simulated.len());
    }
    let equal = simulated.iter().zip(lived).take_while(|(one, other)| one == other).count();
    let next = |lines: &[String]| lines.iter().skip(equal).take(4).cloned().collect::<Vec<_>>();
    Err(format!(
        "{what} differ after {equal} of {} and {}: simulated {:#?}, lived {:#?}",
        simulated.len(),
        lived.len(),
        next(simulated),
        next(lived)
    ))
}

/// What something says, without the numbers of records.
fn text(said: impl Debug) -> String {
    let said = format!("{said:?}");
    let mut parts = said.split("EffectKey { seq: Seq(");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str("key");
        text.push_str(part.split_once('}').map_or(part, |(_, rest)| rest));
    }
    text
}
