//! What live.yaml says of traces, checked.

use super::draft::TracesDraft;
use super::settings::Checker;
use crate::traces::{self, at_or_below, endpoint_of, headers};

/// All of them, in thousandths.
const ALL: u16 = 1_000;

impl Checker<'_> {
    pub(super) fn traces(&mut self, draft: Option<&TracesDraft>) -> traces::Options {
        let Some(TracesDraft { endpoint, headers_file, ca_file, sample }) = draft else {
            return traces::Options::default();
        };
        let endpoint = endpoint.as_ref().and_then(|said| match endpoint_of(said) {
            Ok(url) => Some(at_or_below(url)),
            Err(why) => {
                let help =
                    "write where a collector takes OTLP over HTTP, as `http://collector:4318`";
                self.complain("traces.endpoint", format!("it {why}"), help);
                None
            }
        });
        let place = "traces.headersFile";
        let headers_file = self.file(place, headers_file.as_ref());
        if let Some(file) = headers_file.as_ref().filter(|file| file.is_file())
            && let Err(wrong) = headers(file)
        {
            self.complain(
                place,
                wrong,
                "write a header on each line, as `authorization: Bearer …`",
            );
        }
        let permille = sample.map(|sample| sample.0.0);
        if permille.is_some_and(|part| part > ALL) {
            let what = "more than all traces cannot be sent";
            self.complain("traces.sample", what, "write `100%` or less");
        }
        let ca_file = self.file("traces.caFile", ca_file.as_ref());
        traces::Options { endpoint, headers_file, ca_file, permille }
    }
}

#[cfg(test)]
mod tests {
    use periplus_spec::Sheet;

    use crate::config::Settings;
    use crate::traces::Options;

    fn read(traces: &str) -> Result<Options, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("good"), "# ours\nauthorization: Bearer a b\n\n")
            .unwrap();
        std::fs::write(folder.path().join("bad"), "x-key: a\nsecret\n").unwrap();
        let text = format!(
            "state: state\nintents: {{path: intents}}\ngit: {{url: fleet.git}}\ntraces: {traces}\n"
        );
        let told = |wrong: Vec<periplus_spec::diagnostic::Diagnostic>| {
            wrong.into_iter().map(|one| one.message).collect::<Vec<_>>().join("; ")
        };
        let sheet = Sheet::of_text("live.yaml", &text).map_err(told)?;
        Settings::of(&sheet, folder.path()).map(|settings| settings.traces).map_err(told)
    }

    #[test]
    fn an_endpoint_is_a_collectors_or_that_of_its_traces() {
        assert_eq!(read("null").unwrap(), Options::default());
        let endpoint = |said: &str| read(&format!("{{endpoint: '{said}'}}")).unwrap().endpoint;
        for said in ["http://a:4318", "http://a:4318/", "http://a:4318/v1/traces"] {
            assert_eq!(endpoint(said).unwrap().as_str(), "http://a:4318/v1/traces");
        }
        assert_eq!(endpoint("https://a/otlp").unwrap().as_str(), "https://a/otlp/v1/traces");
        let said = read("{endpoint: 'http://a', headersFile: good, sample: 2.5%}").unwrap();
        assert_eq!(said.permille, Some(25));
    }

    #[test]
    fn what_is_wrong_is_told_and_no_secret_with_it() {
        for (said, told) in [
            ("{endpoint: 'a:4318'}", "is no address"),
            ("{endpoint: 'http://me:secret@a'}", "holds a user or a password"),
            ("{endpoint: 'http://a', sample: 101%}", "more than all"),
            ("{endpoint: 'http://a', headersFile: nowhere}", "there is no file"),
            ("{endpoint: 'http://a', headersFile: bad}", "line 2 is no header"),
            ("{endpoint: 'http://a', caFile: nowhere}", "there is no file"),
        ] {
            let wrong = read(said).unwrap_err();
            assert!(wrong.contains(told) && !wrong.contains("secret"), "{said}: {wrong}");
        }
    }
}
