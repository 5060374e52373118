//! HTTP for signals: one question at a time, with limits to how long it takes and how much comes back.

use std::fs;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Response, Url};
use tokio::time::sleep;

use super::fault::Fault;
use super::luck;
use super::signal::Endpoint;
use crate::clusters::full;
use crate::web::Web as Client;

/// An endpoint that is asked again and again.
#[derive(Debug)]
pub(super) struct Web {
    endpoint: Endpoint,
    client: Client,
}

/// In which header a token goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// `Authorization: Bearer`
    Bearer,
    /// `auth-token`, as Electricity Maps has it.
    AuthToken,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// A hundred thousand series take some twenty million bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;
const TRIES_MAX: u32 = 3;
/// How long to wait before the second try; twice as long before the third.
const BACKOFF: Duration = Duration::from_millis(200);

impl Web {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        let client = Client::new(endpoint.ca_file.clone(), |plain| plain);
        Self { endpoint, client }
    }

    /// How long an answer may take.
    pub(super) const fn timeout(&self) -> Duration {
        self.endpoint.timeout
    }

    /// The endpoint's URL with this below its path.
    pub(super) fn url(&self, below: &str) -> Url {
        let mut url = self.endpoint.url.clone();
        let path = format!("{}{below}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }

    /// Asks, and asks again where that may help. An answer of status 4xx is one too.
    pub(super) async fn ask(&mut self, url: &Url, token: Token) -> Result<Answer, Fault> {
        let mut backoff = BACKOFF;
        for _ in 1..TRIES_MAX {
            match self.ask_once(url, token).await {
                Err(fault) if fault.may_pass() => {}
                answered => return answered,
            }
            sleep(backoff.mul_f64(0.5 + luck())).await;
            backoff *= 2;
        }
        self.ask_once(url, token).await
    }

    async fn ask_once(&mut self, url: &Url, token: Token) -> Result<Answer, Fault> {
        let client = self.client.client().map_err(Fault::Setup)?;
        let mut asked = client.get(url.clone()).timeout(self.endpoint.timeout);
        if let Some((name, value)) = self.token(token)? {
            asked = asked.header(name, value);
        }
        let answered = match asked.send().await {
            Ok(answered) => self.body(answered).await,
            Err(fault) => Err(self.fault(fault)),
        };
        if matches!(answered, Err(Fault::Unreachable(_))) {
            self.client.forget();
        }
        let answer = answered?;
        let fault = Fault::status(answer.status, &answer.body);
        if fault.may_pass() { Err(fault) } else { Ok(answer) }
    }

    async fn body(&self, mut answered: Response) -> Result<Answer, Fault> {
        let status = answered.status().as_u16();
        let mut body = Vec::new();
        while let Some(part) = answered.chunk().await.map_err(|fault| self.fault(fault))? {
            if body.len() + part.len() > ANSWER_BYTES_MAX {
                return Err(Fault::TooLong(ANSWER_BYTES_MAX));
            }
            body.extend_from_slice(&part);
        }
        Ok(Answer { status, body })
    }

    fn token(&self, token: Token) -> Result<Option<(HeaderName, HeaderValue)>, Fault> {
        let Some(file) = &self.endpoint.token_file else { return Ok(None) };
        let secret = fs::read_to_string(file).map_err(|fault| Fault::file(file, fault))?;
        let (name, text) = match token {
            Token::Bearer => (AUTHORIZATION, format!("Bearer {}", secret.trim())),
            Token::AuthToken => (HeaderName::from_static("auth-token"), secret.trim().to_owned()),
        };
        let unfit = |_| Fault::content(file, "the token in it holds what no header can");
        let mut value = HeaderValue::from_str(&text).map_err(unfit)?;
        value.set_sensitive(true);
        Ok(Some((name, value)))
    }

    fn fault(&self, fault: reqwest::Error) -> Fault {
        if fault.is_timeout() {
            return Fault::Slow(self.endpoint.timeout);
        }
        // The query is long, and the signal's name stands beside it.
        Fault::Unreachable(full(&fault.without_url()))
    }
}
