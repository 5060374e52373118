//! The server: connections are accepted, within limits, until the shutdown comes, and then ended in order.
//!
//! axum's own server waits for ever for a request that does not end; here hyper is told how long a head may take.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower_service::Service;

use super::access::Peer;
use super::tls::{Secure, TlsFault};
use super::{Api, routes};

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeFault {
    /// The listener says no address.
    #[error("the API's listener has no address: {0}")]
    Address(#[from] io::Error),
    /// It would be too open.
    #[error(
        "the API must not listen on {at}: {why}. Listen on 127.0.0.1, or declare `api.tls` and `api.tokens`."
    )]
    TooOpen {
        /// Where.
        at: SocketAddr,
        /// Why.
        why: &'static str,
    },
    /// TLS cannot be spoken.
    #[error(transparent)]
    Tls(#[from] TlsFault),
}

/// The largest head of a request.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// How long nothing is accepted when it fails, as it does when there are too many files.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// Answers requests until the shutdown comes and those that were begun are answered.
///
/// # Errors
/// It would be too open, or TLS cannot be spoken.
pub async fn serve(
    listener: TcpListener,
    api: Api,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeFault> {
    let at = listener.local_addr()?;
    let config = api.config();
    if let Some(why) = config.too_open(at) {
        return Err(ServeFault::TooOpen { at, why });
    }
    let secure = match &config.tls {
        Some(files) => Some(Secure::new(files.clone(), config.clients.clone())?),
        None => None,
    };
    let limits = api.limits().clone();
    let room = Arc::new(Semaphore::new(limits.connections));
    let server = Arc::new(Server { router: routes::router(&api), api: api.clone(), secure });
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let accept = async {
            // Those who come meanwhile wait in the kernel's queue.
            let permit = Arc::clone(&room).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let (server, watcher) = (Arc::clone(&server), graceful.watcher());
                connections.spawn(async move {
                    server.connection(stream, address, watcher).await;
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
    drop(listener);
    api.stop();
    if timeout(limits.end, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were not answered before the API stopped");
    }
    connections.shutdown().await;
    Ok(())
}

struct Server {
    router: Router,
    api: Api,
    secure: Option<Secure>,
}

impl Server {
    async fn connection(&self, stream: TcpStream, address: SocketAddr, watcher: Watcher) {
        // An answer is written at once; it need not wait for another packet.
        let _ = stream.set_nodelay(true);
        let Some(secure) = &self.secure else {
            return self.requests(stream, Peer { address, who: None }, watcher).await;
        };
        let acceptor = secure.acceptor().await;
        match timeout(self.api.limits().head, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                let who = secure.who(stream.get_ref().1.peer_certificates());
                self.requests(stream, Peer { address, who }, watcher).await;
            }
            Ok(Err(fault)) => tracing::debug!(%address, %fault, "TLS failed"),
            Err(_) => tracing::debug!(%address, "TLS took too long"),
        }
    }

    async fn requests<S>(&self, stream: S, peer: Peer, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let address = peer.address;
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer.clone());
            self.router.clone().call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.api.limits().head)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(fault) = watcher.watch(connection).await {
            tracing::debug!(%address, %fault, "a connection ended");
        }
    }
}
