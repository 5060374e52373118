//! `POST /v1/demand`: demand that is pushed to us, in batches.
//!
//! All of a request is looked at before anything of it is told: one rate that cannot be is a mistake of who sends it, and
//! the others may be as wrong. Sources have a prefix, so that none passes for a signal that we read ourselves.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::post;
use periplus_core::input::BATCH_MAX;
use periplus_spec::values::Name;
use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::Api;
use super::access::Need;
use super::extract::Answer;
use super::problem::{Problem, short};
use super::questions::time;
use super::routes::Route;
use crate::desk::Desk;
use crate::feed::Arrival;
use crate::sighting::{Measures, Rate, Sight, Sighting};

/// Rates that one source saw at one time, or several of them.
#[derive(JsonSchema)]
#[schemars(rename = "Demand", untagged)]
enum Pushed {
    One(Batch),
    Several(Vec<Batch>),
}

/// Rates that one source saw at one time.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "DemandBatch")]
struct Batch {
    /// Who measured: lower case letters, digits and hyphens. What one source tells is ordered by `asOf`.
    source: String,
    /// When it was true, in RFC 3339: not older than 15 minutes, and not to come.
    as_of: String,
    /// What the rates show.
    measures: MeasuresWord,
    /// At most 4096, each app and zone once.
    rates: Vec<OneRate>,
}

/// What rates show.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Measures")]
enum MeasuresWord {
    /// What users ask for, counted where they enter.
    Offered,
    /// What was served.
    Served,
}

/// The demand of one app from one zone.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DemandRate")]
struct OneRate {
    app: String,
    zone: String,
    /// Requests per second: 0 to a hundred million.
    rps: f64,
}

/// Demand that was taken.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DemandTaken")]
struct Taken {
    /// Rates that are told to the machine.
    taken: usize,
    /// Rates of apps or zones that are not declared, or of pairs without demand: nobody hears of them.
    unknown: usize,
    /// Some of those.
    unknown_of: Vec<Pair>,
    /// Rates of batches whose source has told of a later time already: nobody hears of them either.
    late: usize,
}

/// An app and a zone.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AppAndZone")]
pub(super) struct Pair {
    app: String,
    zone: String,
}

impl fmt::Display for Pair {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "`{}` from `{}`", self.app, self.zone)
    }
}

/// What a batch says, if it can be so.
pub(super) struct Checked {
    pub(super) source: String,
    pub(super) as_of_unix_ms: i64,
    pub(super) measures: Measures,
    /// Ascending by app and zone.
    pub(super) rates: Vec<Rate>,
}

/// Who has pushed demand since the start, and of when its newest is. Each of them has a number in the machine for ever.
#[derive(Debug, Default)]
pub(super) struct Sources(Mutex<BTreeMap<String, i64>>);

/// A batch of rates of the longest names has some 700 kilobytes.
const BODY_BYTES_MAX: usize = 4 << 20;
const BATCHES_MAX: usize = 64;
/// The highest rate that can be said anywhere.
const RPS_MAX: f64 = 1e8;
pub(super) const AGE_MAX_MS: i64 = 15 * 60 * 1_000;
/// How far clocks may be apart.
pub(super) const AHEAD_MAX_MS: i64 = 60 * 1_000;
/// How far apart the parts of one look may be.
const TOGETHER_MS: i64 = 60 * 1_000;
const SOURCES_MAX: usize = 64;
const PAIRS_SHOWN_MAX: usize = 10;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::post::<Pushed, Taken>(
        "/v1/demand",
        Need::Demand,
        "Tell how much users ask for, in batches",
        StatusCode::ACCEPTED,
        post(take),
    )]
}

async fn take(
    State(api): State<Api>,
    request: Request,
) -> Result<(StatusCode, Answer<Taken>), Problem> {
    let batches = match api.body(request, BODY_BYTES_MAX).await? {
        Pushed::One(batch) => vec![batch],
        Pushed::Several(batches) => batches,
    };
    if batches.len() > BATCHES_MAX {
        return Err(too_many("the request", batches.len(), "batches", BATCHES_MAX));
    }
    let now = api.now_unix_ms();
    let mut pushed = Vec::with_capacity(batches.len());
    for (place, batch) in batches.into_iter().enumerate() {
        pushed.push(checked(batch, place, now)?);
    }
    let (pushed, late) = api.shared.sources.admit(pushed)?;
    let (known, unknown, unknown_of) = api.ask(move |desk| sift(pushed, desk)).await?;
    let mut taken = 0;
    for Checked { source, as_of_unix_ms, measures, rates } in known {
        let count = rates.len();
        let sighting = Sighting { as_of_unix_ms, sight: Sight::Demand { source, measures, rates } };
        if api.parts().feed.try_put(Arrival::Sighting(sighting)).is_err() {
            let hint = "send the same again in a second: what was taken of it is not told twice";
            return Err(Problem::busy("the desk is far behind", hint, 1));
        }
        taken += count;
    }
    Ok((StatusCode::ACCEPTED, Answer::new(Taken { taken, unknown, unknown_of, late })))
}

fn too_many(whose: &str, count: usize, what: &str, most: usize) -> Problem {
    let message = format!("{whose} has {count} {what}; at most {most} are taken at once");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message, "send it in several parts")
}

/// What a batch says, if it can be so.
fn checked(batch: Batch, place: usize, now: i64) -> Result<Checked, Problem> {
    let Batch { source, as_of, measures, rates } = batch;
    let whose = format!("batch {place}");
    if source.parse::<Name>().is_err() {
        let message = format!("{whose}: `source` is not a name");
        return Err(Problem::wrong(message, "use lower case letters, digits and hyphens"));
    }
    if rates.len() > BATCH_MAX {
        return Err(too_many(&whose, rates.len(), "rates", BATCH_MAX));
    }
    let as_of_unix_ms = time(&as_of, &format!("{whose}: asOf"))?;
    let age = now.saturating_sub(as_of_unix_ms);
    if age > AGE_MAX_MS {
        let message = format!("{whose}: `asOf` is {} s ago", age / 1_000);
        return Err(Problem::wrong(message, "tell what is true now: old rates say nothing of it"));
    }
    if age < -AHEAD_MAX_MS {
        let message = format!("{whose}: `asOf` is {} s to come", -age / 1_000);
        return Err(Problem::wrong(message, "look at the clocks of both machines"));
    }
    let mut seen: Vec<Rate> = Vec::with_capacity(rates.len());
    for OneRate { app, zone, rps } in rates {
        let milli_rps = milli(rps).ok_or_else(|| {
            let message = format!("{whose}: {rps} of `{app}` from `{zone}` is not a rate");
            Problem::wrong(message, "write requests per second, 0 to 100000000")
        })?;
        seen.push(Rate { app, zone, milli_rps });
    }
    seen.sort_by(|a, b| (&a.app, &a.zone).cmp(&(&b.app, &b.zone)));
    let twice =
        seen.windows(2).find(|two| (&two[0].app, &two[0].zone) == (&two[1].app, &two[1].zone));
    if let Some([one, ..]) = twice {
        let message = format!("{whose}: `{}` from `{}` is there twice", one.app, one.zone);
        return Err(Problem::wrong(message, "add up what belongs together"));
    }
    let measures = match measures {
        MeasuresWord::Offered => Measures::Offered,
        MeasuresWord::Served => Measures::Served,
    };
    let source = format!("api/{source}");
    // A clock that is ahead must not make later batches come too late.
    Ok(Checked { source, as_of_unix_ms: as_of_unix_ms.min(now), measures, rates: seen })
}

/// By what it begins with, so that what is wrong in it is told with its place.
impl<'de> Deserialize<'de> for Pushed {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OneOrSeveral;

        impl<'de> Visitor<'de> for OneOrSeveral {
            type Value = Pushed;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a batch, or a list of them")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Pushed, A::Error> {
                Batch::deserialize(MapAccessDeserializer::new(map)).map(Pushed::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Pushed, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Pushed::Several)
            }
        }

        from.deserialize_any(OneOrSeveral)
    }
}

/// Rounded to the nearest, but what is more than nothing stays so.
pub(super) fn milli(rps: f64) -> Option<u64> {
    if !(0.0..=RPS_MAX).contains(&rps) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "just compared")]
    let whole = (rps * 1_000.0).round() as u64;
    Some(if rps > 0.0 { whole.max(1) } else { whole })
}

/// What is about something that is declared, how much is not, and some of that.
pub(super) fn sift(pushed: Vec<Checked>, desk: &Desk) -> (Vec<Checked>, usize, Vec<Pair>) {
    let is_known = |rate: &Rate| desk.has_demand(&rate.app, &rate.zone);
    let (mut known, mut unknown, mut shown) = (Vec::new(), 0, Vec::new());
    for batch in pushed {
        let (rates, not): (Vec<Rate>, Vec<Rate>) = batch.rates.into_iter().partition(is_known);
        unknown += not.len();
        let room = PAIRS_SHOWN_MAX - shown.len();
        shown.extend(
            not.into_iter()
                .take(room)
                .map(|rate| Pair { app: short(&rate.app), zone: short(&rate.zone) }),
        );
        if !rates.is_empty() {
            known.push(Checked { rates, ..batch });
        }
    }
    (known, unknown, shown)
}

fn too_many_sources() -> Problem {
    let message = format!("more than {SOURCES_MAX} sources have pushed demand");
    Problem::wrong(message, "name a source for who measures, not for each measurement")
}

impl Sources {
    /// What does not come too late, and how many rates do.
    fn admit(&self, pushed: Vec<Checked>) -> Result<(Vec<Checked>, usize), Problem> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut in_time, mut late) = (Vec::with_capacity(pushed.len()), 0);
        for batch in pushed {
            let is_full = known.len() >= SOURCES_MAX;
            match known.get_mut(&batch.source) {
                Some(newest) if batch.as_of_unix_ms < *newest => {
                    late += batch.rates.len();
                    continue;
                }
                Some(newest) => *newest = batch.as_of_unix_ms,
                None if is_full => {
                    return Err(too_many_sources());
                }
                None => {
                    known.insert(batch.source.clone(), batch.as_of_unix_ms);
                }
            }
            in_time.push(batch);
        }
        Ok((in_time, late))
    }

    /// As of when a look of a source is told; none if it comes too late. Parts of one look are of different times and come in any
    /// order, and the machine hears no source go back, so all within a minute are of the newest.
    pub(super) fn advance(&self, source: &str, as_of_unix_ms: i64) -> Result<Option<i64>, Problem> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = known.len() >= SOURCES_MAX;
        match known.get_mut(source) {
            Some(newest) if newest.saturating_sub(as_of_unix_ms) > TOGETHER_MS => Ok(None),
            Some(newest) => {
                *newest = as_of_unix_ms.max(*newest);
                Ok(Some(*newest))
            }
            None if is_full => Err(too_many_sources()),
            None => {
                known.insert(source.to_owned(), as_of_unix_ms);
                Ok(Some(as_of_unix_ms))
            }
        }
    }

    /// Of when the newest of each is.
    pub(super) fn newest(&self) -> BTreeMap<String, i64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_numbers_from_nothing_to_a_hundred_million() {
        for (rps, milli_rps) in [
            (0.0, Some(0)),
            (-0.0, Some(0)),
            (0.000_1, Some(1)),
            (12.5, Some(12_500)),
            (1e8, Some(100_000_000_000)),
        ] {
            assert_eq!(milli(rps), milli_rps, "{rps}");
        }
        for wrong in [-0.1, 1e9, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(milli(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sources_that_are_never_the_same_come_to_an_end() {
        let sources = Sources::default();
        let told = |source: usize, as_of_unix_ms: i64| {
            let (source, measures) = (source.to_string(), Measures::Offered);
            let rates = vec![Rate { app: "a".into(), zone: "z".into(), milli_rps: 1 }];
            sources.admit(vec![Checked { source, as_of_unix_ms, measures, rates }])
        };
        for number in 0..SOURCES_MAX {
            assert_eq!(told(number, 7).unwrap().1, 0);
        }
        assert!(told(SOURCES_MAX, 7).is_err());
        // Those that are known may go on, but not back.
        let late = [9, 8, 9, 10].map(|at| told(0, at).unwrap().1);
        assert_eq!(late, [0, 1, 0, 0]);
        assert_eq!((sources.newest()["0"], sources.newest().len()), (10, SOURCES_MAX));
    }
}
