//! Who asks a running service, over its API.

use std::fs;
use std::path::Path;
use std::time::Duration;

use reqwest::blocking::{Client as Http, RequestBuilder};
use reqwest::{Certificate, Identity, StatusCode, Url};
use serde_json::Value;

use crate::args::ClientArgs;
use crate::delivery::http::{NO_AUTHORITIES, chain};
use crate::failure::Failure;

/// A way to a service.
#[derive(Debug)]
pub(crate) struct Client {
    http: Http,
    url: Url,
    token: Option<String>,
}

/// How long an answer may take. The service gives up earlier.
const DEADLINE: Duration = Duration::from_secs(60);

impl Client {
    /// Makes ready to ask.
    ///
    /// # Errors
    /// The address is none, or a file cannot be used.
    pub(crate) fn new(args: &ClientArgs) -> Result<Self, Failure> {
        // Whoever was first has chosen the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = Url::parse(&args.api).ok().filter(Url::has_host);
        let url = url.ok_or_else(|| Failure::Usage {
            message: format!("`{}` is no address of a service", args.api),
            hint: "write it as `http://127.0.0.1:8080`".into(),
        })?;
        let token = args.identity.token_file.as_deref().map(read).transpose()?;
        let token = token.map(|token| String::from_utf8_lossy(&token).trim().to_owned());
        let mut http = Http::builder().timeout(DEADLINE).no_proxy();
        let unfit = |path: &Path, error: reqwest::Error| Failure::Usage {
            message: format!("{}: {error}", path.display()),
            hint: "name a file in PEM".into(),
        };
        if let Some(path) = &args.identity.ca_file {
            let authority = Certificate::from_pem(&read(path)?);
            http = http.add_root_certificate(authority.map_err(|error| unfit(path, error))?);
        }
        if let Some(path) = &args.identity.identity_file {
            let identity = Identity::from_pem(&read(path)?);
            http = http.identity(identity.map_err(|error| unfit(path, error))?);
        }
        let http = http.build().map_err(|error| Failure::Environment {
            message: format!("cannot set up HTTP: {}", chain(&error)),
            hint: Some(NO_AUTHORITIES.into()),
        })?;
        Ok(Self { http, url, token })
    }

    /// Asks for something.
    ///
    /// # Errors
    /// The service cannot be reached, or says no.
    pub(crate) fn get(&self, path: &[&str], query: &[(&str, String)]) -> Result<Value, Failure> {
        let mut url = self.at(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(self.http.get(url))
    }

    /// Tells something.
    ///
    /// # Errors
    /// The service cannot be reached, or says no.
    pub(crate) fn post(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        let asked = self.http.post(self.at(path)).header("content-type", "application/json");
        self.send(asked.body(body.to_string()))
    }

    fn at(&self, path: &[&str]) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    fn send(&self, mut asked: RequestBuilder) -> Result<Value, Failure> {
        if let Some(token) = &self.token {
            asked = asked.bearer_auth(token);
        }
        let unreached = |error: reqwest::Error| Failure::Environment {
            message: format!("no answer from {}: {}", self.url, innermost(&error)),
            hint: Some("is the service there? Name another with `--api`".into()),
        };
        let answer = asked.send().map_err(unreached)?;
        let status = answer.status();
        let body = answer.text().map_err(unreached)?;
        let said: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(said);
        }
        let text = |path: &str| said.pointer(path).and_then(Value::as_str).map(str::to_owned);
        let message = text("/error/message")
            .unwrap_or_else(|| format!("{} answers {status}, which is not its form", self.url));
        let hint = text("/error/hint");
        Err(match status {
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::CONFLICT => {
                Failure::Usage { message, hint: hint.unwrap_or_default() }
            }
            _ => Failure::Environment { message, hint },
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::io("read", path, &error))
}

fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}
