//! Who may ask for what: bearer tokens and client certificates have roles, and each route needs one.
//!
//! Where nobody is named, the API listens on loopback only (`checked`): who is on this machine may read, and nobody may
//! change anything.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::Api;
use super::checked::{Config, TokenFile};
use super::config::{Metrics, Role};
use super::problem::Problem;

/// Somebody who is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) name: String,
    pub(super) role: Role,
}

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    /// Who that is, if a certificate said so.
    pub(super) who: Option<Who>,
}

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Nothing,
    /// A signature of its own, which the route looks at.
    Signature,
    Metrics,
    Read,
    Demand,
    Operate,
}

/// A route's need, where it is checked.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) api: Api,
    pub(super) need: Need,
}

/// Tokens as their files have them. They must not be shown, so this cannot be.
pub(super) struct Keys {
    files: Vec<TokenFile>,
    read: Mutex<Read>,
}

#[derive(Default)]
struct Read {
    at: Option<Instant>,
    /// One for each file: what is in it, or why that is no token.
    secrets: Vec<Result<Vec<u8>, String>>,
}

/// How old what was read of a token's file may be.
const KEEP: Duration = Duration::from_secs(1);
/// What is shorter can be guessed.
const TOKEN_BYTES_MIN: usize = 16;

impl Role {
    fn may(self, need: Need) -> bool {
        match need {
            Need::Nothing | Need::Signature => true,
            Need::Metrics | Need::Read => matches!(self, Self::Read | Self::Operate),
            Need::Demand => matches!(self, Self::Demand | Self::Operate),
            Need::Operate => matches!(self, Self::Operate),
        }
    }
}

impl Need {
    /// The role that is asked for, as it is written.
    pub(super) const fn role(self) -> Option<&'static str> {
        match self {
            Self::Nothing | Self::Signature => None,
            Self::Metrics | Self::Read => Some("read"),
            Self::Demand => Some("demand"),
            Self::Operate => Some("operate"),
        }
    }
}

/// Lets a request through to its route, or says why not.
pub(super) async fn admit(
    State(Door { api, need }): State<Door>,
    request: Request,
    next: Next,
) -> Response {
    let (mut asked, body) = request.into_parts();
    match who(api.config(), api.keys(), need, &asked).await {
        Ok(who) => {
            if let Some(who) = who {
                asked.extensions.insert(who);
            }
            next.run(Request::from_parts(asked, body)).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Who asks, if that is known and needs to be, or why there is no answer.
pub(super) async fn who(
    config: &Config,
    keys: &Keys,
    need: Need,
    asked: &Parts,
) -> Result<Option<Who>, Problem> {
    let Some(role) = need.role() else { return Ok(None) };
    if need == Need::Metrics && config.metrics == Metrics::Open {
        return Ok(None);
    }
    if !config.names_anybody() {
        return nobody_is_named(need, role, asked).map(|()| None);
    }
    let who = match bearer(&asked.headers) {
        Some(token) => keys.who(token).await,
        None => asked.extensions.get::<Peer>().and_then(|peer| peer.who.clone()),
    };
    let Some(who) = who else {
        let hint = format!("{} with the role `{role}`", ways(config));
        let message = "it is not known who asks";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, message, hint));
    };
    if who.role.may(need) {
        return Ok(Some(who));
    }
    let message = format!("`{}` may not do this", who.name);
    let hint = format!("show a token or a certificate with the role `{role}`");
    Err(Problem::new(StatusCode::FORBIDDEN, message, hint))
}

fn ways(config: &Config) -> &'static str {
    if config.clients.is_empty() {
        "send `Authorization: Bearer …` with a token"
    } else {
        "send `Authorization: Bearer …` with a token, or show a certificate,"
    }
}

fn nobody_is_named(need: Need, role: &str, asked: &Parts) -> Result<(), Problem> {
    match need {
        // A page in somebody's browser must not read this by a name that leads here.
        Need::Nothing | Need::Signature | Need::Metrics | Need::Read => {
            if is_asked_as_loopback(&asked.uri, &asked.headers) {
                return Ok(());
            }
            let message = "without tokens, only who asks for `localhost` is answered";
            let hint = "ask for `localhost` or `127.0.0.1`, or write `api.tokens` in live.yaml";
            Err(Problem::new(StatusCode::FORBIDDEN, message, hint))
        }
        Need::Demand | Need::Operate => {
            let message = "nobody may do this, as no tokens are declared";
            let hint = format!(
                "write in live.yaml `api: {{tokens: [{{name: me, role: {role}, file: me.token}}]}}`, and a secret of \
                 at least {TOKEN_BYTES_MIN} characters into that file"
            );
            Err(Problem::new(StatusCode::FORBIDDEN, message, hint))
        }
    }
}

fn is_asked_as_loopback(uri: &Uri, headers: &HeaderMap) -> bool {
    let said = headers.get(HOST).map(|host| host.to_str().unwrap_or(""));
    let Some(host) = uri.authority().map(Authority::as_str).or(said) else {
        return true;
    };
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let host = authority.host();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let said = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = said.split_at_checked(SCHEME.len())?;
    // Something else than a bearer token is shown: as good as a wrong one.
    Some(if scheme.eq_ignore_ascii_case(SCHEME) { token.trim_ascii() } else { b"" })
}

const SCHEME: &[u8] = b"Bearer ";

impl Keys {
    pub(super) fn new(files: Vec<TokenFile>) -> Self {
        Self { files, read: Mutex::default() }
    }

    /// Whose token it is.
    async fn who(&self, token: &[u8]) -> Option<Who> {
        let is_old = self.lock().at.is_none_or(|at| at.elapsed() >= KEEP);
        if is_old {
            let mut secrets = Vec::with_capacity(self.files.len());
            for TokenFile { file, .. } in &self.files {
                let read = tokio::fs::read(file).await;
                secrets
                    .push(read.map_err(|fault| fault.to_string()).and_then(|text| secret(&text)));
            }
            self.renew(secrets);
        }
        let read = self.lock();
        let mut found = None;
        // All are compared, so that the time that it takes does not tell which was near.
        for (file, secret) in self.files.iter().zip(&read.secrets) {
            if let Ok(secret) = secret
                && bool::from(secret.ct_eq(token))
            {
                found = Some(Who { name: file.name.clone(), role: file.role });
            }
        }
        found
    }

    fn renew(&self, secrets: Vec<Result<Vec<u8>, String>>) {
        let mut read = self.lock();
        for (place, (file, secret)) in self.files.iter().zip(&secrets).enumerate() {
            if let Err(why) = secret
                && read.secrets.get(place) != Some(secret)
            {
                let path = file.file.display();
                tracing::warn!(token = file.name, "{path}: {why}; nobody can use this token");
            }
        }
        *read = Read { at: Some(Instant::now()), secrets };
    }

    fn lock(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn secret(text: &[u8]) -> Result<Vec<u8>, String> {
    let secret = text.trim_ascii();
    if secret.len() < TOKEN_BYTES_MIN {
        let bytes = secret.len();
        return Err(format!("a token of {bytes} characters is shorter than {TOKEN_BYTES_MIN}"));
    }
    Ok(secret.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_reach_as_far_as_is_said() {
        let needs = [Need::Nothing, Need::Metrics, Need::Read, Need::Demand, Need::Operate];
        let may = |role: Role| needs.map(|need| role.may(need));
        assert_eq!(may(Role::Read), [true, true, true, false, false]);
        assert_eq!(may(Role::Demand), [true, false, false, true, false]);
        assert_eq!(may(Role::Operate), [true; 5]);
    }

    #[test]
    fn only_names_of_this_machine_are_its_names() {
        let asked = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            is_asked_as_loopback(&Uri::from_static("/v1/state"), &headers)
        };
        for host in ["localhost:8080", "LOCALHOST", "127.0.0.1:1", "[::1]:8080", "127.8.8.8"] {
            assert!(asked(host), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "192.0.2.7:8080", "", "a b"] {
            assert!(!asked(host), "{host}");
        }
        let whole = Uri::from_static("http://evil.example/v1/state");
        assert!(!is_asked_as_loopback(&whole, &HeaderMap::new()));
    }

    #[tokio::test]
    async fn tokens_are_what_their_files_say() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("token");
        let named = TokenFile { name: "ops".into(), role: Role::Operate, file: file.clone() };
        let long: &[u8] = b"0123456789abcdef";
        for (text, token, is_known) in [
            (&b"0123456789abcdef\n"[..], long, true),
            (b"0123456789abcdef", b"0123456789abcdeg", false),
            (b"0123456789abcdef", b"0123456789abcdef0", false),
            (b"0123456789abcdef", b"", false),
            (b"short", b"short", false),
            (b"", b"", false),
        ] {
            std::fs::write(&file, text).unwrap();
            let keys = Keys::new(vec![named.clone()]);
            assert_eq!(keys.who(token).await.is_some(), is_known, "{text:?} {token:?}");
        }
        std::fs::remove_file(&file).unwrap();
        assert_eq!(Keys::new(vec![named]).who(long).await, None);
    }
}
