//! Makes signals of what people wrote, and says everything that is wrong with it at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use periplus_spec::values;
use reqwest::Url;

use super::config::{Carbon, Csv, Draft, Fallback, Prices, PricesAsked, Prometheus};
use super::prices::Part;
use super::signal::{
    Ahead, Asked, CarbonFrom, CarbonPlace, DemandFrom, Endpoint, Form, Kind, NamedBy, PricesFrom,
    Signal,
};
use crate::complaint::Complaint;

const EVERY_MIN_MS: u64 = 100;
const EVERY_MAX_MS: u64 = 24 * 60 * 60 * 1_000;
/// How many looks a signal may miss and still be fresh, and one.
const LOOKS_MIN: u64 = 2;
const TIMEOUT_DEFAULT_MS: u64 = 10_000;
const TIMEOUT_MAX_MS: u64 = 300_000;
/// What Prometheus answers to at most, in points of one series.
const STEPS_MAX: u64 = 11_000;
/// Values are kept in thousandths, which for prices are to be millionths of a dollar.
const DOLLARS_PER_THOUSANDTH: f64 = 1e-3;
/// What fits an URL everywhere.
const QUERY_BYTES_MAX: usize = 4_096;

/// Makes signals of what was written. Files are looked for from `folder`.
///
/// # Errors
/// Everything that is wrong with them.
pub fn read(drafts: &[Draft], folder: &Path) -> Result<Vec<Signal>, Vec<Complaint>> {
    let mut names = BTreeSet::new();
    let mut complaints = Vec::new();
    let mut signals = Vec::new();
    for (number, draft) in drafts.iter().enumerate() {
        let mut reader = Reader { place: format!("signals[{number}]"), folder, complaints: vec![] };
        let name = draft.name.to_string();
        if !names.insert(name.clone()) {
            reader.complain("name", format!("`{name}` is another signal too"), "give each its own");
        }
        let signal = reader.signal(name, draft);
        match signal {
            Some(signal) if reader.complaints.is_empty() => signals.push(signal),
            Some(_) | None => complaints.append(&mut reader.complaints),
        }
    }
    if complaints.is_empty() { Ok(signals) } else { Err(complaints) }
}

struct Reader<'a> {
    place: String,
    folder: &'a Path,
    complaints: Vec<Complaint>,
}

impl Reader<'_> {
    fn complain(&mut self, field: &str, what: impl Into<String>, help: impl Into<String>) {
        let place = format!("{}.{field}", self.place);
        self.complaints.push(Complaint { place, what: what.into(), help: help.into() });
    }

    fn signal(&mut self, name: String, draft: &Draft) -> Option<Signal> {
        let every = draft.every.0.0;
        if !(EVERY_MIN_MS..=EVERY_MAX_MS).contains(&every) {
            let what = format!("`{}` is not between 100ms and 24h", draft.every);
            self.complain("every", what, "write for example `15s`");
        }
        let stale_after_ms = draft.stale_after.0.0;
        self.outlives(stale_after_ms, "every", draft.every);
        let kind = match (&draft.prometheus, &draft.csv, &draft.carbon, &draft.prices) {
            (Some(asked), None, None, None) => self.prometheus(asked, draft),
            (None, Some(Csv { file }), None, None) => {
                let from = DemandFrom::Csv(self.folder.join(file));
                self.demand(draft, Some(from))
            }
            (None, None, Some(carbon), None) => self.carbon(carbon, draft).map(Kind::Carbon),
            (None, None, None, Some(prices)) => self.prices(prices, draft).map(Kind::Prices),
            (None, None, None, None) => {
                let what = format!("`{name}` reads nothing");
                let help = "say one of `prometheus`, `csv`, `carbon` and `prices`";
                self.complain("prometheus", what, help);
                None
            }
            (Some(_) | None, _, _, _) => {
                let what = format!("`{name}` reads from several places");
                self.complain("prometheus", what, "make a signal of each");
                None
            }
        };
        Some(Signal { name, every: Duration::from_millis(every), stale_after_ms, kind: kind? })
    }

    /// One look that fails, or one sample that is missed, is not yet silence.
    fn outlives(&mut self, stale_after_ms: u64, field: &str, span: values::Duration) {
        let least = span.0.0.saturating_mul(LOOKS_MIN);
        if stale_after_ms < least {
            let what = format!("it is less than twice `{field}`, which is {span}");
            let right = values::Duration(periplus_core::units::Span(least));
            self.complain("staleAfter", what, format!("write `{right}` or more"));
        }
    }

    fn demand(&mut self, draft: &Draft, from: Option<DemandFrom>) -> Option<Kind> {
        if let Fallback::Decay { half_life } = draft.fallback
            && half_life.0.0 == 0
        {
            let help = "write for example `10m`";
            self.complain("fallback.decay.halfLife", "nothing halves within no time", help);
        }
        let Some(measures) = draft.measures else {
            let help = "write `offered` if it counts what users ask for, where they enter, and \
                        `served` if it counts what was served";
            self.complain("measures", "it is not said what the rates show", help);
            return None;
        };
        Some(Kind::Demand { measures, fallback: draft.fallback, from: from? })
    }

    fn prometheus(&mut self, asked: &Prometheus, draft: &Draft) -> Option<Kind> {
        let Prometheus { url, query, range, labels, app, zone, .. } = asked;
        let Prometheus { unit, window, timeout, token_file, ca_file, .. } = asked;
        if query.trim().is_empty() || query.len() > QUERY_BYTES_MAX {
            let what = format!("it has {} bytes, not 1 to {QUERY_BYTES_MAX}", query.len());
            self.complain("prometheus.query", what, "record what is longer as a rule");
        }
        if let Some(range) = range {
            let (step, over) = (range.step.0.0, range.over.0.0);
            self.outlives(draft.stale_after.0.0, "prometheus.range.step", range.step);
            if step == 0 || over < step || over / step > STEPS_MAX {
                let what = format!(
                    "{} in steps of {} is not 1 to {STEPS_MAX} steps",
                    range.over, range.step
                );
                self.complain(
                    "prometheus.range",
                    what,
                    "write for example `{step: 15s, over: 10m}`",
                );
            }
        }
        let per_seconds = unit.per_seconds(*window).unwrap_or_else(|(what, help)| {
            self.complain("prometheus.window", what, help);
            1.0
        });
        let app = self.named_by("app", labels.app.as_deref(), app.as_ref());
        let zone = self.named_by("zone", labels.zone.as_deref(), zone.as_ref());
        let timeout = timeout.map_or(TIMEOUT_DEFAULT_MS, |timeout| timeout.0.0);
        if timeout == 0 || timeout > TIMEOUT_MAX_MS {
            let what = format!("{timeout} ms is not between 1ms and 5m");
            self.complain("prometheus.timeout", what, "write for example `10s`");
        }
        let files = (token_file.as_deref(), ca_file.as_deref());
        let endpoint = self.endpoint("prometheus.url", url, timeout, files);
        let from = match (endpoint, app, zone) {
            (Some(endpoint), Some(app), Some(zone)) => {
                let range = range.map(|range| (range.step.0.0, range.over.0.0));
                let query = query.clone();
                let asked = Asked { endpoint, query, range, app, zone, per_seconds };
                Some(DemandFrom::Prometheus(Box::new(asked)))
            }
            (None, _, _) | (_, None, _) | (_, _, None) => None,
        };
        self.demand(draft, from)
    }

    fn named_by(
        &mut self,
        what: &str,
        label: Option<&str>,
        always: Option<&values::Name>,
    ) -> Option<NamedBy> {
        let place = format!("prometheus.labels.{what}");
        match (label, always) {
            (Some(label), None) if is_label(label) => Some(NamedBy::Label(label.to_owned())),
            (Some(label), None) => {
                let help = "use letters, digits and `_`, not beginning with a digit";
                self.complain(&place, format!("`{label}` is no label's name"), help);
                None
            }
            (None, Some(always)) => Some(NamedBy::Always(always.to_string())),
            (None, None) => {
                let help = format!("name the label, or write `{what}: <name>` if it is always one");
                self.complain(&place, format!("nothing says the {what} of a series"), help);
                None
            }
            (Some(_), Some(_)) => {
                let said = format!("a label says the {what}, and `{what}` does too");
                self.complain(&place, said, "leave one of them out");
                None
            }
        }
    }

    fn endpoint(
        &mut self,
        field: &str,
        url: &str,
        timeout_ms: u64,
        (token_file, ca_file): (Option<&Path>, Option<&Path>),
    ) -> Option<Endpoint> {
        let help = "write for example `http://prometheus.monitoring:9090`";
        // It is not shown: there may be a password in it.
        let url = match Url::parse(url) {
            Ok(url) => url,
            Err(fault) => {
                self.complain(field, format!("it is no URL: {fault}"), help);
                return None;
            }
        };
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            self.complain(field, format!("`{}` is neither http nor https", url.scheme()), help);
        }
        if url.fragment().is_some() || url.password().is_some() || !url.username().is_empty() {
            let what = "it holds a user or a fragment";
            self.complain(field, what, "leave that out, and put a token into `tokenFile`");
        }
        let timeout = Duration::from_millis(timeout_ms);
        let here = |file: &Path| self.folder.join(file);
        let (token_file, ca_file) = (token_file.map(here), ca_file.map(here));
        Some(Endpoint { url, timeout, token_file, ca_file })
    }

    fn carbon(&mut self, carbon: &Carbon, draft: &Draft) -> Option<CarbonFrom> {
        let Carbon { watt_time, electricity_maps, clusters } = carbon;
        if draft.measures.is_some() {
            let help = "leave `measures` out: it is about demand";
            self.complain(
                "measures",
                "the intensity of a grid is neither offered nor served",
                help,
            );
        }
        let ahead = match draft.fallback {
            Fallback::Hold => Ahead::Ignored,
            Fallback::Forecast => Ahead::Told,
            Fallback::Decay { .. } | Fallback::Floor(_) => {
                let help = "write `hold`, or `forecast` to go on with what the service foresaw";
                self.complain(
                    "fallback",
                    "the intensity of a grid knows neither decay nor floor",
                    help,
                );
                Ahead::Ignored
            }
        };
        let clusters = self.clusters(clusters);
        let (form, name, place) = match (watt_time, electricity_maps) {
            (Some(place), None) => (Form::WattTime, "carbon.wattTime", place),
            (None, Some(place)) => (Form::ElectricityMaps, "carbon.electricityMaps", place),
            (None, None) | (Some(_), Some(_)) => {
                let what = "it is not said, or said twice, who tells";
                self.complain("carbon", what, "say one of `wattTime` and `electricityMaps`");
                return None;
            }
        };
        let files = (place.token_file.as_deref(), place.ca_file.as_deref());
        let place = match (&place.file, &place.url) {
            (Some(file), None) => CarbonPlace::File(self.folder.join(file)),
            (None, Some(url)) => {
                let field = format!("{name}.url");
                CarbonPlace::Endpoint(self.endpoint(&field, url, TIMEOUT_DEFAULT_MS, files)?)
            }
            (None, None) | (Some(_), Some(_)) => {
                self.complain(name, "it is in no place, or in two", "say one of `file` and `url`");
                return None;
            }
        };
        Some(CarbonFrom { form, place, clusters, ahead })
    }

    fn prices(&mut self, prices: &Prices, draft: &Draft) -> Option<PricesFrom> {
        if draft.measures.is_some() {
            let help = "leave `measures` out: it is about demand";
            self.complain("measures", "a price is neither offered nor served", help);
        }
        if draft.fallback != Fallback::Hold {
            let help = "leave `fallback` out: the last prices hold";
            self.complain("fallback", "prices know no other fallback than `hold`", help);
        }
        let files = (prices.token_file.as_deref(), prices.ca_file.as_deref());
        match (&prices.prometheus, &prices.file, &prices.url) {
            (Some(asked), None, None) => self.prices_asked(asked),
            (None, Some(file), None) => Some(PricesFrom::File(self.folder.join(file))),
            (None, None, Some(url)) => {
                let endpoint = self.endpoint("prices.url", url, TIMEOUT_DEFAULT_MS, files)?;
                Some(PricesFrom::Endpoint(endpoint))
            }
            _ => {
                let help = "say one of `prometheus`, `file` and `url`";
                self.complain("prices", "they are in no place, or in two", help);
                None
            }
        }
    }

    fn prices_asked(&mut self, asked: &PricesAsked) -> Option<PricesFrom> {
        let files = (asked.token_file.as_deref(), asked.ca_file.as_deref());
        let url = &asked.url;
        let endpoint = self.endpoint("prices.prometheus.url", url, TIMEOUT_DEFAULT_MS, files)?;
        if !is_label(&asked.cluster) {
            let what = format!("`{}` is no label's name", asked.cluster);
            let help = "use letters, digits and `_`, not beginning with a digit";
            self.complain("prices.prometheus.cluster", what, help);
        }
        let mut questions = Vec::new();
        for (part, query) in [
            (Part::CoreHour, &asked.core_hour),
            (Part::GibHour, &asked.gib_hour),
            (Part::ActiveHour, &asked.active_hour),
            (Part::EgressGb, &asked.egress_gb),
        ] {
            let Some(query) = query else { continue };
            questions.push(Asked {
                endpoint: endpoint.clone(),
                query: query.clone(),
                range: None,
                app: NamedBy::Always(part.name().into()),
                zone: NamedBy::Label(asked.cluster.clone()),
                per_seconds: DOLLARS_PER_THOUSANDTH,
            });
        }
        if questions.is_empty() {
            let help = "write for example `coreHour: avg by (cluster) (node_cpu_hourly_cost)`";
            self.complain("prices.prometheus", "it is asked for nothing", help);
        }
        Some(PricesFrom::Prometheus(questions))
    }

    fn clusters(
        &mut self,
        zones: &BTreeMap<String, Vec<values::Name>>,
    ) -> BTreeMap<String, Vec<String>> {
        let mut seen = BTreeSet::new();
        if zones.values().all(Vec::is_empty) {
            let help = "write for example `{DE: [berlin, hamburg]}`";
            self.complain("carbon.clusters", "no cluster is in any zone", help);
        }
        for cluster in zones.values().flatten() {
            if !seen.insert(cluster) {
                let what = format!("`{cluster}` is there twice");
                self.complain("carbon.clusters", what, "put it into one zone");
            }
        }
        let names =
            |clusters: &Vec<values::Name>| clusters.iter().map(ToString::to_string).collect();
        zones.iter().map(|(zone, clusters)| (zone.clone(), names(clusters))).collect()
    }
}

/// <https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels>
fn is_label(text: &str) -> bool {
    let fits = |next: char| next.is_ascii_alphanumeric() || next == '_';
    !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<Signal>, Vec<String>> {
        let drafts: Vec<Draft> = periplus_spec::Sheet::of_text("signals", text).unwrap().says;
        let shown =
            |complaints: Vec<Complaint>| complaints.iter().map(ToString::to_string).collect();
        read(&drafts, Path::new("/etc/periplus")).map_err(shown)
    }

    #[test]
    fn files_are_looked_for_beside_the_configuration() {
        let text = "- {name: a, every: 1s, staleAfter: 5s, measures: offered, csv: {file: a.csv}}";
        let signals = read_text(text).unwrap();
        let Kind::Demand { from: DemandFrom::Csv(file), .. } = &signals[0].kind else { panic!() };
        assert_eq!(file, Path::new("/etc/periplus/a.csv"));
    }

    #[test]
    fn a_count_is_divided_by_its_window() {
        let text = "- name: a\n  every: 15s\n  staleAfter: 1m\n  measures: served\n  \
                    prometheus: {url: 'https://p/prom', query: x, app: shop, labels: {zone: pop}, unit: count, window: 90s}";
        let signals = read_text(text).unwrap();
        let Kind::Demand { from: DemandFrom::Prometheus(asked), .. } = &signals[0].kind else {
            panic!()
        };
        assert!((asked.per_seconds - 90.0).abs() < f64::EPSILON);
        assert_eq!(asked.app, NamedBy::Always("shop".into()));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once_with_what_to_do() {
        let text = "\
- {name: a, every: 1ms, staleAfter: 5s}
- {name: a, every: 10s, staleAfter: 15s, csv: {file: a.csv}}
- name: b
  every: 1s
  staleAfter: 10s
  measures: offered
  prometheus: {url: 'ftp://p', query: '', labels: {app: 1app}, range: {step: 10s, over: 1s}, unit: count}
- {name: c, every: 1s, staleAfter: 10s, measures: offered, fallback: {floor: 1}, carbon: {wattTime: {}, clusters: {}}}
";
        let complaints = read_text(text).unwrap_err();
        let told = complaints.join("\n");
        for part in [
            "signals[0].every: `1ms` is not between 100ms and 24h; write for example `15s`",
            "signals[0].prometheus: `a` reads nothing; say one of",
            "signals[1].name: `a` is another signal too; give each its own",
            "signals[1].staleAfter: it is less than twice `every`, which is 10s; write `20s` or more",
            "signals[1].measures: it is not said what the rates show; write `offered`",
            "signals[2].prometheus.url: `ftp` is neither http nor https",
            "signals[2].prometheus.query: it has 0 bytes, not 1 to 4096",
            "signals[2].staleAfter: it is less than twice `prometheus.range.step`, which is 10s",
            "signals[2].prometheus.range: 1s in steps of 10s is not 1 to 11000 steps",
            "signals[2].prometheus.window: `unit: count` counts over no time",
            "signals[2].prometheus.labels.app: `1app` is no label's name",
            "signals[2].prometheus.labels.zone: nothing says the zone of a series",
            "signals[3].fallback: the intensity of a grid knows neither decay nor floor",
            "signals[3].measures: the intensity of a grid is neither offered nor served",
            "signals[3].carbon.clusters: no cluster is in any zone",
            "signals[3].carbon.wattTime: it is in no place, or in two",
        ] {
            assert!(told.contains(part), "{part}\nis not in\n{told}");
        }
        assert_eq!(complaints.len(), 16, "{told}");
    }

    #[test]
    fn a_password_in_an_url_is_refused_and_not_shown() {
        let text = "- {name: a, every: 1s, staleAfter: 5s, measures: offered, \
                    prometheus: {url: 'http://me:hunter2@p', query: x, app: a, zone: z}}";
        let complaints = read_text(text).unwrap_err();
        assert!(complaints[0].contains("tokenFile") && !complaints[0].contains("hunter2"));
    }
}
