//! Makes of what people wrote about the API what cannot be wrong, and says everything that is wrong at once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use periplus_spec::values::Name;
use rustls::pki_types::ServerName;

use super::config::{Client, Draft, Metrics, Otlp, Role, Tls, Token};
use super::otlp::OtlpMetric;
use crate::complaint::Complaint;
use crate::sighting::Measures;
use crate::signals::NamedBy;

/// Where the API listens, and who may ask.
#[derive(Clone, Debug)]
pub struct Config {
    listen: SocketAddr,
    pub(super) tls: Option<TlsFiles>,
    pub(super) tokens: Vec<TokenFile>,
    pub(super) clients: Vec<ClientName>,
    pub(super) metrics: Metrics,
    pub(super) otlp: Vec<OtlpMetric>,
}

/// Where the files of TLS are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TlsFiles {
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
    pub(super) client_ca: Option<PathBuf>,
}

/// Where a token is, and whose it is.
#[derive(Clone, Debug)]
pub(super) struct TokenFile {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) file: PathBuf,
}

/// What a client's certificate is valid for, and what it may do.
#[derive(Clone, Debug)]
pub(super) struct ClientName {
    pub(super) name: ServerName<'static>,
    pub(super) shown: String,
    pub(super) role: Role,
}

/// More are not looked through for each request.
const TOKENS_MAX: usize = 256;

impl Config {
    /// Where to listen.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Whether it is said who may ask for what.
    pub(super) fn names_anybody(&self) -> bool {
        !self.tokens.is_empty() || !self.clients.is_empty()
    }

    /// Why nobody may listen there with this; `None` if it is fine.
    pub(super) fn too_open(&self, at: SocketAddr) -> Option<&'static str> {
        if at.ip().to_canonical().is_loopback() {
            None
        } else if self.tls.is_none() {
            Some("other machines reach it, and it does not speak TLS")
        } else if self.names_anybody() {
            None
        } else {
            Some("other machines reach it, and nobody needs a token or a certificate")
        }
    }
}

/// Makes of what was written what cannot be wrong. Files are looked for from `folder`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(draft: &Draft, folder: &Path) -> Result<Config, Vec<Complaint>> {
    let Draft { listen, tls, tokens, clients, metrics, otlp } = draft;
    let mut reader = Reader { folder, complaints: Vec::new() };
    let parsed = listen.parse();
    if parsed.is_err() {
        let what = format!("`{listen}` is not an address with a port");
        reader.complain("listen", what, "write for example `127.0.0.1:8080` or `[::]:8443`");
    }
    let config = Config {
        listen: parsed.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0))),
        tls: tls.as_ref().map(|tls| reader.tls(tls)),
        tokens: reader.tokens(tokens),
        clients: reader.clients(clients, tls.as_ref()),
        metrics: *metrics,
        otlp: reader.otlp(otlp),
    };
    if let Some(why) = config.too_open(config.listen) {
        let help = "listen on `127.0.0.1:8080`, or write `tls` and `tokens` (or `tls.clientCaFile` and `clients`)";
        reader.complain("listen", format!("`{listen}`: {why}"), help);
    }
    if reader.complaints.is_empty() { Ok(config) } else { Err(reader.complaints) }
}

struct Reader<'a> {
    folder: &'a Path,
    complaints: Vec<Complaint>,
}

impl Reader<'_> {
    fn complain(&mut self, field: &str, what: impl Into<String>, help: impl Into<String>) {
        let place = format!("api.{field}");
        self.complaints.push(Complaint { place, what: what.into(), help: help.into() });
    }

    fn tls(&self, tls: &Tls) -> TlsFiles {
        let Tls { cert_file, key_file, client_ca_file } = tls;
        let here = |file: &PathBuf| self.folder.join(file);
        TlsFiles {
            cert: here(cert_file),
            key: here(key_file),
            client_ca: client_ca_file.as_ref().map(here),
        }
    }

    fn tokens(&mut self, tokens: &[Token]) -> Vec<TokenFile> {
        if tokens.len() > TOKENS_MAX {
            let what = format!("{} tokens are more than {TOKENS_MAX}", tokens.len());
            self.complain("tokens", what, "let programs that do the same share one");
        }
        let mut names = BTreeSet::new();
        let mut files = Vec::new();
        for (number, Token { name, role, file }) in tokens.iter().enumerate() {
            let name = name.to_string();
            if !names.insert(name.clone()) {
                let what = format!("`{name}` has another token too");
                self.complain(&format!("tokens[{number}].name"), what, "give each its own name");
            }
            files.push(TokenFile { name, role: *role, file: self.folder.join(file) });
        }
        files
    }

    fn clients(&mut self, clients: &[Client], tls: Option<&Tls>) -> Vec<ClientName> {
        let signed = tls.is_some_and(|tls| tls.client_ca_file.is_some());
        if signed && clients.is_empty() {
            let help = "write for example `- {dnsName: ops.example.org, role: read}`";
            self.complain("clients", "certificates are asked for, and none may do anything", help);
        }
        if !signed && !clients.is_empty() {
            let help = "write `tls.clientCaFile` too";
            self.complain("clients", "nobody says which certificates are genuine", help);
        }
        let mut names = Vec::new();
        for (number, Client { dns_name, role }) in clients.iter().enumerate() {
            match ServerName::try_from(dns_name.clone()) {
                Ok(name @ ServerName::DnsName(_)) => {
                    names.push(ClientName { name, shown: dns_name.clone(), role: *role });
                }
                Ok(_) | Err(_) => {
                    let what = format!("`{dns_name}` is not a DNS name");
                    let place = format!("clients[{number}].dnsName");
                    self.complain(&place, what, "write for example `ops.example.org`");
                }
            }
        }
        names
    }

    fn otlp(&mut self, metrics: &[Otlp]) -> Vec<OtlpMetric> {
        let mut read = Vec::with_capacity(metrics.len());
        let (mut names, mut sources) = (BTreeSet::new(), BTreeMap::<_, Measures>::new());
        for (number, declared) in metrics.iter().enumerate() {
            let Otlp { metric, source, measures, labels, app, zone, unit, window } = declared;
            let at = |field: &str| format!("otlp[{number}].{field}");
            if metric.trim().is_empty() || !names.insert(metric.clone()) {
                let what = format!("`{metric}` is empty, or is there twice");
                self.complain(&at("metric"), what, "name each metric once");
            }
            let source = source.as_ref().map_or_else(|| "collector".to_owned(), Name::to_string);
            if *sources.entry(source.clone()).or_insert(*measures) != *measures {
                let what = format!("`{source}` measures something else too");
                self.complain(&at("measures"), what, "name another `source`");
            }
            let per_seconds = unit.per_seconds(*window).unwrap_or_else(|(what, help)| {
                self.complain(&at("window"), what, help);
                1.0
            });
            let app = self.named_by(&at("labels.app"), labels.app.as_deref(), app.as_ref());
            let zone = self.named_by(&at("labels.zone"), labels.zone.as_deref(), zone.as_ref());
            let (Some(app), Some(zone)) = (app, zone) else { continue };
            let (metric, source) = (metric.clone(), format!("otlp/{source}"));
            read.push(OtlpMetric { metric, source, measures: *measures, app, zone, per_seconds });
        }
        read
    }

    fn named_by(
        &mut self,
        place: &str,
        attribute: Option<&str>,
        always: Option<&Name>,
    ) -> Option<NamedBy> {
        match (attribute.filter(|key| !key.is_empty()), always) {
            (Some(key), None) => Some(NamedBy::Label(key.to_owned())),
            (None, Some(always)) => Some(NamedBy::Always(always.to_string())),
            (None, None) | (Some(_), Some(_)) => {
                let what = "the app and the zone of a point are named once each";
                let help = "name an attribute here, or write `app: NAME` or `zone: NAME`";
                self.complain(place, what, help);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(text: &str) -> Vec<String> {
        let draft: Draft = serde_saphyr::from_str(text).unwrap();
        match read(&draft, Path::new("/etc/periplus")) {
            Ok(_) => Vec::new(),
            Err(complaints) => complaints.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn loopback_needs_nothing_and_what_others_reach_needs_everything() {
        let tls = "tls: {certFile: a, keyFile: b}";
        let token = "tokens: [{name: ops, role: operate, file: t}]";
        for open in
            ["{}", "listen: '[::1]:80'", "listen: 127.3.0.1:80", "listen: '[::ffff:127.0.0.1]:1'"]
        {
            assert_eq!(complaints(open), [""; 0], "{open}");
        }
        for listen in ["0.0.0.0:8443", "'[::]:8443'", "192.0.2.7:8443", "'[::ffff:192.0.2.7]:1'"] {
            let listen = format!("listen: {listen}");
            for (more, wrong) in [("", "TLS"), (token, "TLS"), (tls, "token or a certificate")] {
                let told = complaints(&format!("{listen}\n{more}\n"));
                assert!(told.len() == 1 && told[0].contains(wrong), "{listen} {more}: {told:?}");
            }
            assert_eq!(complaints(&format!("{listen}\n{tls}\n{token}\n")), [""; 0]);
        }
    }

    #[test]
    fn a_metric_that_is_demand_is_named_once_and_so_are_its_app_and_its_zone() {
        let named = "measures: offered, labels: {app: service.name, zone: pop}";
        let read = |more: &str| complaints(&format!("otlp: [{{metric: a, {more}}}]"));
        for right in [
            named,
            "measures: served, app: shop, zone: harbour",
            "measures: offered, app: shop, labels: {zone: pop}, unit: count, window: 1m",
        ] {
            assert_eq!(read(right), [""; 0], "{right}");
        }
        for (wrong, place) in [
            ("measures: offered, labels: {app: app}", "api.otlp[0].labels.zone"),
            ("measures: offered, app: shop, labels: {app: app, zone: pop}", "otlp[0].labels.app"),
            ("measures: offered, app: shop, zone: z, unit: count", "otlp[0].window"),
            ("measures: offered, app: shop, zone: z, window: 1m", "otlp[0].window"),
        ] {
            let told = read(wrong);
            assert!(told.len() == 1 && told[0].contains(place), "{wrong}: {told:?}");
        }
        let two = |second: &str| {
            complaints(&format!("otlp: [{{metric: a, {named}}}, {{metric: {second}}}]"))
        };
        assert!(two(&format!("a, {named}"))[0].contains("there twice"));
        assert!(two("b, measures: served, app: s, zone: z")[0].contains("something else"));
        assert_eq!(two("b, source: other, measures: served, app: s, zone: z"), [""; 0]);
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let text = "listen: here\n\
                    tokens: [{name: a, role: read, file: x}, {name: a, role: demand, file: y}]\n\
                    clients: [{dnsName: 192.0.2.7, role: read}]\n";
        let places = [
            "api.listen: `here`",
            "api.tokens[1].name: `a`",
            "api.clients: nobody",
            "api.clients[0].dnsName",
        ];
        let told = complaints(text);
        assert_eq!(told.len(), places.len(), "{told:?}");
        for (told, place) in told.iter().zip(places) {
            assert!(told.starts_with(place), "{told}");
        }
        let asked = "tls: {certFile: a, keyFile: b, clientCaFile: c}";
        assert!(complaints(asked)[0].contains("none may do anything"));
    }

    #[test]
    fn files_are_looked_for_beside_the_configuration() {
        let text = "tokens: [{name: a, role: read, file: t/a}]\ntls: {certFile: /c, keyFile: k}";
        let draft: Draft = serde_saphyr::from_str(text).unwrap();
        let config = read(&draft, Path::new("/etc/periplus")).unwrap();
        assert_eq!(config.tokens[0].file, Path::new("/etc/periplus/t/a"));
        let tls = config.tls.unwrap();
        assert_eq!(
            (tls.cert.as_path(), tls.key.as_path()),
            (Path::new("/c"), Path::new("/etc/periplus/k"))
        );
    }
}
