//! What a replica answers that waits to lead: that it is alive, that it is not ready, how its copy of the log stands, and that
//! nobody else should ask.
//!
//! It knows nothing more: the log is another's. Connections that wait in the kernel's queue are accepted by
//! [`serve`](super::serve) once it leads.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::access::{Keys, Need, Peer, who};
use super::health::{alive, waiting};
use super::metrics;
use super::problem::Problem;
use super::server::{PAUSE, ServeFault};
use super::tls::Secure;
use super::{Config, Limits};
use crate::copy::Standing;

/// What is waited for, for people.
const WAITS: &str = "it waits to lead: another replica does, or nobody can be asked who does";

/// Answers so until what is waited for is there. `copied` tells how a copy stands, if one is kept.
///
/// # Errors
/// The API could not be served afterwards.
pub async fn stand_by<T>(
    listener: &TcpListener,
    config: &Config,
    copied: Option<Standing>,
    until: impl Future<Output = T>,
) -> Result<T, ServeFault> {
    let at = listener.local_addr()?;
    if let Some(why) = config.too_open(at) {
        return Err(ServeFault::TooOpen { at, why });
    }
    let secure = match &config.tls {
        Some(files) => Some(Secure::new(files.clone(), config.clients.clone())?),
        None => None,
    };
    let limits = Limits::default();
    let room = Arc::new(Semaphore::new(limits.connections));
    let keys = Keys::new(config.tokens.clone());
    let waiting = Arc::new(Waiting { config: config.clone(), keys, secure, limits, copied });
    let mut connections = JoinSet::new();
    tokio::pin!(until);
    loop {
        let accept = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            there = &mut until => return Ok(there),
            accepted = accept => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let waiting = Arc::clone(&waiting);
                connections.spawn(async move {
                    waiting.connection(stream, address).await;
                    drop(permit);
                });
            }
            Err(fault) => {
                tracing::warn!(%fault, "no connection can be accepted");
                sleep(PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// A replica that waits.
struct Waiting {
    config: Config,
    keys: Keys,
    secure: Option<Secure>,
    limits: Limits,
    copied: Option<Standing>,
}

impl Waiting {
    async fn connection(&self, stream: TcpStream, address: SocketAddr) {
        let Some(secure) = &self.secure else {
            return self.requests(stream, Peer { address, who: None }).await;
        };
        let acceptor = secure.acceptor().await;
        if let Ok(Ok(stream)) = timeout(self.limits.head, acceptor.accept(stream)).await {
            let who = secure.who(stream.get_ref().1.peer_certificates());
            self.requests(stream, Peer { address, who }).await;
        }
    }

    async fn requests<S>(&self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            let (asked, _) = request.into_parts();
            async move { Ok::<Response<Body>, Infallible>(self.answer(&asked).await) }
        });
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            // Who asks again is to be accepted by who leads then.
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service);
        // Who has gone needs no answer.
        let _ = serving.await;
    }

    async fn answer(&self, asked: &Parts) -> Response {
        match asked.uri.path() {
            "/healthz" => alive().into_response(),
            "/readyz" => {
                let notes = self.copied.iter().map(Standing::words).collect();
                (StatusCode::SERVICE_UNAVAILABLE, waiting(WAITS, notes)).into_response()
            }
            "/metrics" => match who(&self.config, &self.keys, Need::Metrics, asked).await {
                Ok(_) => {
                    let stands = self.copied.as_ref().map(Standing::read);
                    ([(CONTENT_TYPE, metrics::MEDIA_TYPE)], metrics::of_standby(stands))
                        .into_response()
                }
                Err(problem) => problem.into_response(),
            },
            _ => Problem::busy(WAITS, "ask the replica that leads; its /readyz says 200", 2)
                .into_response(),
        }
    }
}
