//! What Prometheus answers: vectors, matrices and scalars, and faults in its own words.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::signals::fault::{Fault, shown};
use crate::signals::http::Answer;
use crate::signals::samples::{Found, Samples, Twice};
use crate::signals::signal::{Asked, NamedBy};

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<Data<'a>>,
    #[serde(rename = "errorType")]
    error_type: Option<String>,
    error: Option<String>,
    warnings: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data<'a> {
    #[serde(borrow)]
    Vector(Vec<Instant<'a>>),
    Matrix(Vec<Span<'a>>),
    Scalar(Value<'a>),
    String(serde::de::IgnoredAny),
}

/// The last value of a series. There is none where the series is of histograms.
#[derive(Deserialize)]
struct Instant<'a> {
    #[serde(borrow)]
    metric: Labels<'a>,
    value: Option<Value<'a>>,
}

/// The values of a series.
#[derive(Deserialize)]
struct Span<'a> {
    #[serde(borrow)]
    metric: Labels<'a>,
    values: Option<Vec<Value<'a>>>,
}

/// When, in seconds, and how much, in words: JSON has no infinity.
#[derive(Deserialize)]
struct Value<'a>(f64, #[serde(borrow)] Text<'a>);

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The labels of a series, most of which nobody asks for.
struct Labels<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Labels<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Labels<'de>;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("labels")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels<'de>, A::Error> {
                let mut labels = Vec::new();
                while let Some((name, value)) = map.next_entry::<Text<'de>, Text<'de>>()? {
                    labels.push((name.0, value.0));
                }
                Ok(Labels(labels))
            }
        }
        from.deserialize_map(Map)
    }
}

/// How many warnings are shown.
const WARNINGS_MAX: usize = 3;

/// Reads an answer. Gives what was found, and what Prometheus warned of: an answer with warnings may be a part only, and
/// what it lacks is absent and not zero.
pub(super) fn read(answer: &Answer, asked: &Asked) -> Result<(Found, Option<String>), Fault> {
    let envelope: Envelope<'_> = match serde_json::from_slice(&answer.body) {
        Ok(envelope) => envelope,
        Err(_) if answer.status != 200 => return Err(Fault::status(answer.status, &answer.body)),
        Err(fault) => return Err(Fault::Unreadable(fault.to_string())),
    };
    let Envelope { data, error_type, error, warnings } = envelope;
    if let Some(said) = error {
        let kind = error_type.unwrap_or_else(|| format!("HTTP status {}", answer.status));
        return Err(Fault::Refused { kind, said: shown(&said) });
    }
    if answer.status != 200 {
        return Err(Fault::status(answer.status, &answer.body));
    }
    let mut reader = Reader { asked, samples: Samples::new(Twice::Parts) };
    match data {
        Some(Data::Vector(series)) => {
            for Instant { metric, value } in &series {
                reader.add(metric, value.as_ref().map(std::slice::from_ref));
            }
        }
        Some(Data::Matrix(series)) => {
            for Span { metric, values } in &series {
                reader.add(metric, values.as_deref());
            }
        }
        Some(Data::Scalar(value)) => reader.add(&Labels(vec![]), Some(&[value])),
        Some(Data::String(_)) => {
            return Err(Fault::Unreadable("it is a text, not rates".to_owned()));
        }
        None => return Err(Fault::Unreadable("there is no `data` in it".to_owned())),
    }
    let warnings = warnings.filter(|warnings| !warnings.is_empty());
    let warning = warnings.map(|all| shown(&all[..all.len().min(WARNINGS_MAX)].join("; ")));
    Ok((reader.samples.found(), warning))
}

struct Reader<'a> {
    asked: &'a Asked,
    samples: Samples,
}

impl Reader<'_> {
    fn add(&mut self, labels: &Labels<'_>, values: Option<&[Value<'_>]>) {
        let asked = self.asked;
        let name = |by| named(by, labels);
        let series = match (name(&asked.app), name(&asked.zone)) {
            (Some(app), Some(zone)) => self.samples.series(app, zone),
            (None, _) | (_, None) => None,
        };
        let Some(series) = series else {
            self.samples.refused.unnamed += 1;
            return;
        };
        let Some(values) = values else {
            self.samples.refused.not_a_rate += 1;
            return;
        };
        for Value(seconds, text) in values {
            match (millis(*seconds), text.0.parse::<f64>()) {
                (Some(at), Ok(value)) => self.samples.add(series, at, value / asked.per_seconds),
                (None, _) | (_, Err(_)) => self.samples.refused.not_a_rate += 1,
            }
        }
    }
}

fn named<'a>(by: &'a NamedBy, labels: &'a Labels<'_>) -> Option<&'a str> {
    match by {
        NamedBy::Always(name) => Some(name),
        NamedBy::Label(label) => {
            labels.0.iter().find(|(name, _)| name == label).map(|(_, value)| value.as_ref())
        }
    }
}

/// A time in whole milliseconds; none after the year 9999.
fn millis(seconds: f64) -> Option<i64> {
    let millis = (seconds * 1_000.0).round();
    #[expect(clippy::cast_possible_truncation, reason = "just compared")]
    (0.0..=253_402_300_799_999.0).contains(&millis).then_some(millis as i64)
}

#[cfg(test)]
mod tests;
