//! Where traces go, and how many of them: of live.yaml, and where it says nothing, of OpenTelemetry's variables
//! (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>). The names of those that the libraries read by themselves are
//! in the guide.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use super::Options;

/// Where traces go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct From {
    pub(super) endpoint: Url,
    pub(super) headers_file: Option<PathBuf>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) permille: Option<u16>,
    /// How long one request may take.
    pub(super) timeout: Duration,
    /// How many spans may wait.
    pub(super) waiting_max: usize,
    /// What may not be meant so.
    pub(super) warnings: Vec<String>,
}

/// What the specification has where nothing is said.
const TIMEOUT: Duration = Duration::from_secs(10);
const WAITING_MAX: usize = 2_048;
/// A span takes about a kilobyte.
const WAITING_CEILING: usize = 65_536;
/// What `OTEL_TRACES_SAMPLER` may say.
const SAMPLERS: [&str; 6] = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];
/// The path of traces below an endpoint.
const PATH: &str = "/v1/traces";

impl From {
    /// Where traces go; nowhere if nothing says so. `said` gives what a variable holds.
    pub(super) fn read(
        options: &Options,
        said: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, String> {
        let is = |name: &str, value: &str| {
            said(name).is_some_and(|text| text.trim().eq_ignore_ascii_case(value))
        };
        if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return Ok(None);
        }
        let Options { endpoint, headers_file, ca_file, permille } = options.clone();
        let variable = |name: &'static str| said(name).map(|text| (name, text));
        let url = |(of, text): (&'static str, String)| {
            endpoint_of(&text).map(|url| (of, url)).map_err(|why| format!("{of} {why}"))
        };
        let (of, endpoint) = if let Some(endpoint) = endpoint {
            ("traces.endpoint", endpoint)
        } else if let Some(whole) = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
            url(whole)?
        } else if let Some(base) = variable("OTEL_EXPORTER_OTLP_ENDPOINT") {
            let (of, base) = url(base)?;
            (of, below(base))
        } else {
            return Ok(None);
        };
        let first = |names: [&'static str; 2]| names.into_iter().find_map(variable);
        let protocol = first(["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]);
        let protocol = protocol.filter(|(_, said)| said.trim().eq_ignore_ascii_case("grpc"));
        let mut warnings = Vec::new();
        warnings.extend(protocol.map(|(name, _)| {
            format!(
                "{name} says `grpc`, and traces are sent over HTTP: let {of} name the collector's port for HTTP, as a rule 4318"
            )
        }));
        if permille.is_none() {
            warnings.extend(unknown_sampler(&said));
        }
        let timeout = first(["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"]);
        let timeout = timeout.and_then(|(_, ms)| ms.trim().parse().ok());
        let waiting = said("OTEL_BSP_MAX_QUEUE_SIZE").and_then(|count| count.trim().parse().ok());
        let ca_file = ca_file.or_else(|| {
            let names = ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"];
            first(names).map(|(_, path)| path.into())
        });
        Ok(Some(Self {
            endpoint,
            headers_file,
            ca_file,
            permille,
            timeout: timeout.map_or(TIMEOUT, Duration::from_millis),
            waiting_max: waiting.unwrap_or(WAITING_MAX).clamp(1, WAITING_CEILING),
            warnings,
        }))
    }
}

/// Where traces go below an endpoint.
pub(crate) fn below(mut endpoint: Url) -> Url {
    let path = format!("{}{PATH}", endpoint.path().trim_end_matches('/'));
    endpoint.set_path(&path);
    endpoint
}

/// The same, unless it is named already.
pub(crate) fn at_or_below(endpoint: Url) -> Url {
    if endpoint.path().ends_with(PATH) { endpoint } else { below(endpoint) }
}

/// What of the sampler's variables cannot be used: the library would say nothing, and send all of them.
fn unknown_sampler(said: impl Fn(&str) -> Option<String>) -> Option<String> {
    let sampler = said("OTEL_TRACES_SAMPLER")?;
    if !SAMPLERS.contains(&&*sampler) {
        let known = SAMPLERS.join("`, `");
        return Some(format!("OTEL_TRACES_SAMPLER is none of `{known}`: all traces are sent"));
    }
    let part = said("OTEL_TRACES_SAMPLER_ARG").and_then(|part| part.parse::<f64>().ok());
    let is_part = part.is_some_and(|part| (0.0..=1.0).contains(&part));
    (sampler.ends_with("traceidratio") && !is_part)
        .then(|| "OTEL_TRACES_SAMPLER_ARG is no number from 0 to 1".to_owned())
}

/// The URL of an endpoint, or what is wrong with it. What is in it is not repeated: it may hold a password.
pub(crate) fn endpoint_of(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text.trim()).ok().filter(Url::has_host);
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.ok_or("is no address such as `http://collector:4318`")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user or a password: put them into a header");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(endpoint: Option<&str>, said: &[(&str, &str)]) -> Result<Option<From>, String> {
        let endpoint = endpoint.map(|url| url.parse().unwrap());
        let options = Options { endpoint, ..Options::default() };
        From::read(&options, |name| {
            said.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn goes(endpoint: Option<&str>, said: &[(&str, &str)]) -> Option<String> {
        read(endpoint, said).unwrap().map(|from| from.endpoint.to_string())
    }

    #[test]
    fn the_file_comes_before_the_variables_and_the_nearer_variable_before_the_other() {
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://base:4318/");
        let near = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://near/as/it/is");
        assert_eq!(goes(None, &[]), None);
        assert_eq!(goes(None, &[base]).unwrap(), "http://base:4318/v1/traces");
        let keyed = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://base/in?key=a");
        assert_eq!(goes(None, &[keyed]).unwrap(), "https://base/in/v1/traces?key=a");
        assert_eq!(goes(None, &[base, near]).unwrap(), "https://near/as/it/is");
        assert_eq!(
            goes(Some("http://file/v1/traces"), &[base, near]).unwrap(),
            "http://file/v1/traces"
        );
        for off in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
            assert_eq!(goes(Some("http://file/v1/traces"), &[off]), None);
        }
    }

    #[test]
    fn what_is_said_of_the_sending_is_heard() {
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://base:4317");
        let usual = read(None, &[base]).unwrap().unwrap();
        assert_eq!((usual.timeout, usual.waiting_max), (TIMEOUT, WAITING_MAX));
        assert_eq!(usual.warnings.len(), 0);
        let said = read(
            None,
            &[
                base,
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
                ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
                ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
                ("OTEL_BSP_MAX_QUEUE_SIZE", "9"),
                ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
                ("OTEL_TRACES_SAMPLER_ARG", "10%"),
            ],
        );
        let said = said.unwrap().unwrap();
        assert_eq!((said.timeout, said.waiting_max), (Duration::from_millis(2_500), 9));
        assert_eq!(said.ca_file, Some("/ca.pem".into()));
        assert!(said.warnings[0].contains("4318") && said.warnings[1].contains("_ARG"));
        let sampler = |name: &str| {
            let said = [base, ("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", "0.1")];
            read(None, &said).unwrap().unwrap().warnings.len()
        };
        assert_eq!((sampler("traceidratio"), sampler("always_off"), sampler("some")), (0, 0, 1));
    }

    #[test]
    fn an_endpoint_that_is_none_is_told_without_what_it_holds() {
        for wrong in ["collector:4318", "file:///a", "http://", "http://me:s3cr3t@collector"] {
            let told = read(None, &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", wrong)]).unwrap_err();
            assert!(told.starts_with("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT "), "{told}");
            assert!(!told.contains("s3cr3t"), "{told}");
        }
    }
}
