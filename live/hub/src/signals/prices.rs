//! What clusters cost now: from a Prometheus that knows, as with `OpenCost`, or from a document that somebody renews.
//!
//! A document is JSON, in the words of a `Cluster`'s prices:
//!
//! ```json
//! {"time": "2026-11-27T10:00:00Z", "clusters": {"edge": {"coreHour": 0.041, "egressGB": 0.08}}}
//! ```
//!
//! What is not told is as declared. Nothing is made up when nobody answers: the machine keeps what it was told last.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use periplus_spec::values::{Name, Price, Timestamp};
use serde::Deserialize;

use super::fault::Fault;
use super::http::{Token, Web};
use super::prometheus::Source;
use super::signal::PricesFrom;
use crate::sighting::Prices;

/// Prices that are looked at again and again.
#[derive(Debug)]
pub(super) struct Tariffs {
    from: Reads,
}

/// Where they are read.
#[derive(Debug)]
enum Reads {
    File(PathBuf),
    Endpoint(Web),
    /// A question for each part of a price.
    Prometheus(Vec<Source>),
}

/// What one look found.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// When it was true.
    pub(super) as_of_unix_ms: i64,
    /// Clusters with what is known of their prices, ascending.
    pub(super) prices: Vec<(String, Prices)>,
    /// What was warned of.
    pub(super) warning: Option<String>,
}

/// A part of a price, and what it goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Per requested core and hour.
    CoreHour,
    /// Per requested GiB of memory and hour.
    GibHour,
    /// Per hour in which a group is active.
    ActiveHour,
    /// Per gigabyte that leaves the cluster.
    EgressGb,
}

impl Part {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::CoreHour => "coreHour",
            Self::GibHour => "gibHour",
            Self::ActiveHour => "activeHour",
            Self::EgressGb => "egressGB",
        }
    }

    const ALL: [Self; 4] = [Self::CoreHour, Self::GibHour, Self::ActiveHour, Self::EgressGb];

    fn of(self, prices: &mut Prices) -> &mut Option<u64> {
        match self {
            Self::CoreHour => &mut prices.core_hour,
            Self::GibHour => &mut prices.gib_hour,
            Self::ActiveHour => &mut prices.active_hour,
            Self::EgressGb => &mut prices.egress_gb,
        }
    }
}

/// A document, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    time: Option<Timestamp>,
    clusters: BTreeMap<Name, Told>,
}

/// The prices of a cluster, as they are written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Told {
    core_hour: Option<Amount>,
    gib_hour: Option<Amount>,
    active_hour: Option<Amount>,
    #[serde(rename = "egressGB")]
    egress_gb: Option<Amount>,
    #[serde(default)]
    extended: BTreeMap<String, Amount>,
}

/// Thousands of clusters take some hundred thousand bytes.
const DOCUMENT_BYTES_MAX: usize = 16 << 20;

impl Tariffs {
    pub(super) fn new(from: PricesFrom) -> Self {
        let from = match from {
            PricesFrom::File(file) => Reads::File(file),
            PricesFrom::Endpoint(endpoint) => Reads::Endpoint(Web::new(endpoint)),
            PricesFrom::Prometheus(asked) => {
                Reads::Prometheus(asked.into_iter().map(Source::new).collect())
            }
        };
        Self { from }
    }

    /// Looks. What a question does not bring is not told; if none brings anything, that is a fault.
    pub(super) async fn look(&mut self, now: i64) -> Result<Seen, Fault> {
        match &mut self.from {
            Reads::File(file) => {
                let bytes = fs::read(&*file).map_err(|fault| Fault::file(file, fault))?;
                read(&bytes, now).map_err(|why| Fault::content(file, why))
            }
            Reads::Endpoint(web) => {
                let url = web.url("");
                let answer = web.ask(&url, Token::Bearer).await?;
                if answer.status != 200 {
                    return Err(Fault::status(answer.status, &answer.body));
                }
                read(&answer.body, now).map_err(Fault::Unreadable)
            }
            Reads::Prometheus(sources) => ask(sources, now).await,
        }
    }
}

/// Asks for one part after the other: they are few.
async fn ask(sources: &mut [Source], now: i64) -> Result<Seen, Fault> {
    let mut prices: BTreeMap<String, Prices> = BTreeMap::new();
    let mut seen = Seen { as_of_unix_ms: now, ..Seen::default() };
    for source in sources {
        let (found, warning) = source.look(now, None).await?;
        seen.warning = seen.warning.or(warning);
        for (_, series, micros) in &found.points {
            let (part, cluster) = &found.series[*series];
            let part = Part::ALL.into_iter().find(|one| one.name() == part);
            if let Some(part) = part {
                *part.of(prices.entry(cluster.clone()).or_default()) = Some(*micros);
            }
        }
    }
    seen.prices = prices.into_iter().collect();
    Ok(seen)
}

fn read(bytes: &[u8], now: i64) -> Result<Seen, String> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err(format!("it has more than {DOCUMENT_BYTES_MAX} bytes"));
    }
    let document: Document = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let as_of_unix_ms = document.time.map_or(now, |time| time.0);
    let prices = document.clusters.into_iter().map(|(cluster, told)| {
        let Told { core_hour, gib_hour, active_hour, egress_gb, extended } = told;
        let extended = extended.into_iter().map(|(name, amount)| (name, amount.0));
        let prices = Prices {
            core_hour: core_hour.map(|amount| amount.0),
            gib_hour: gib_hour.map(|amount| amount.0),
            active_hour: active_hour.map(|amount| amount.0),
            egress_gb: egress_gb.map(|amount| amount.0),
            extended: extended.collect(),
        };
        (cluster.to_string(), prices)
    });
    Ok(Seen { as_of_unix_ms, prices: prices.collect(), warning: None })
}

/// Dollars, to the millionth.
struct Amount(u64);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "an amount in US dollars, such as 0.041")]
        enum Said {
            Number(f64),
            Text(String),
        }
        // Tools write more digits than there are cents' ten-thousandths.
        let text = match Said::deserialize(from)? {
            Said::Number(number) => format!("{number:.6}"),
            Said::Text(text) => text,
        };
        let price: Price = text.parse().map_err(|fault| {
            serde::de::Error::custom(format_args!("`{text}` is no price: {fault}"))
        })?;
        Ok(Self(price.once().0.unsigned_abs()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_document_tells_what_it_says_and_nothing_else() {
        let text = r#"{"time": "2026-11-27T10:00:00Z", "clusters": {
            "edge": {"coreHour": 0.041, "egressGB": "0.08", "extended": {"nvidia.com/gpu": 1.2}},
            "cloud": {}}}"#;
        let seen = read(text.as_bytes(), 5).unwrap();
        assert_eq!(seen.as_of_unix_ms, 1_795_773_600_000);
        let edge = Prices {
            core_hour: Some(41_000),
            egress_gb: Some(80_000),
            extended: BTreeMap::from([("nvidia.com/gpu".to_owned(), 1_200_000)]),
            ..Prices::default()
        };
        let told = vec![("cloud".to_owned(), Prices::default()), ("edge".to_owned(), edge)];
        assert_eq!(seen.prices, told);
        assert_eq!(read(br#"{"clusters": {}}"#, 5).unwrap().as_of_unix_ms, 5);
    }

    #[test]
    fn what_is_no_price_is_refused_with_its_place() {
        for (text, said) in [
            (r#"{"clusters": {"edge": {"coreHour": -1}}}"#, "line 1"),
            (r#"{"clusters": {"edge": {"corehour": 1}}}"#, "corehour"),
            (r#"{"clusters": {"Not a name": {}}}"#, "Not a name"),
            ("[]", "line 1"),
        ] {
            let why = read(text.as_bytes(), 0).unwrap_err();
            assert!(why.contains(said), "{why}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_in_a_document_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes, 0);
        }
    }
}
