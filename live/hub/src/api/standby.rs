//! What a replica answers that waits to lead: that it is alive, that it is not ready, and that nobody else should ask.
//!
//! It knows nothing: the log is another's. Connections that wait in the kernel's queue are accepted by [`serve`](super::serve)
//! once it leads.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
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

use super::health::{alive, waiting};
use super::problem::Problem;
use super::server::{PAUSE, ServeFault};
use super::tls::Secure;
use super::{Config, Limits};

/// What is waited for, for people.
const WAITS: &str = "it waits to lead: another replica does, or nobody can be asked who does";

/// What there is to say of a copy, if one is kept.
pub type Copied = Arc<dyn Fn() -> String + Send + Sync>;

/// Answers so until what is waited for is there.
///
/// # Errors
/// The API could not be served afterwards.
pub async fn stand_by<T>(
    listener: &TcpListener,
    config: &Config,
    copied: Option<&Copied>,
    until: impl Future<Output = T>,
) -> Result<T, ServeFault> {
    let at = listener.local_addr()?;
    if let Some(why) = config.too_open(at) {
        return Err(ServeFault::TooOpen { at, why });
    }
    let secure = match &config.tls {
        Some(files) => Some(Arc::new(Secure::new(files.clone(), config.clients.clone())?)),
        None => None,
    };
    let limits = Limits::default();
    let room = Arc::new(Semaphore::new(limits.connections));
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
            Ok((stream, _)) => {
                let (secure, limits, copied) = (secure.clone(), limits.clone(), copied.cloned());
                connections.spawn(async move {
                    connection(stream, secure.as_deref(), copied.as_ref(), &limits).await;
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

async fn connection(
    stream: TcpStream,
    secure: Option<&Secure>,
    copied: Option<&Copied>,
    limits: &Limits,
) {
    let Some(secure) = secure else { return requests(stream, copied, limits).await };
    let acceptor = secure.acceptor().await;
    if let Ok(Ok(stream)) = timeout(limits.head, acceptor.accept(stream)).await {
        requests(stream, copied, limits).await;
    }
}

async fn requests<S>(stream: S, copied: Option<&Copied>, limits: &Limits)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request: Request<Incoming>| async move {
        Ok::<Response<Body>, Infallible>(answer(request.uri().path(), copied))
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        // Who asks again is to be accepted by who leads then.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Who has gone needs no answer.
    let _ = serving.await;
}

fn answer(path: &str, copied: Option<&Copied>) -> Response {
    match path {
        "/healthz" => alive().into_response(),
        "/readyz" => {
            let notes = copied.map(|copied| copied()).into_iter().collect();
            (StatusCode::SERVICE_UNAVAILABLE, waiting(WAITS, notes)).into_response()
        }
        _ => Problem::busy(WAITS, "ask the replica that leads; its /readyz says 200", 2)
            .into_response(),
    }
}
