//! A line of one's own to a server, which may be cut or go silent while the lines of others are well.

use kube::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A line to a server.
pub(crate) struct Line {
    state: watch::Sender<State>,
    task: JoinHandle<()>,
}

/// What becomes of what is said on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Well,
    /// Connections break.
    Cut,
    /// Nothing arrives, in either direction, until it is well again. Then all of it does.
    Held,
    /// What is asked arrives, and no answer does until it is well again.
    Mute,
}

impl Line {
    /// A line to where a configuration leads, and the configuration that leads along it.
    pub(crate) async fn to(mut config: Config) -> (Self, Config) {
        let authority = config.cluster_url.authority().unwrap().to_string();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (state, seen) = watch::channel(State::Well);
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (far, seen) = (TcpStream::connect(&authority).await.unwrap(), seen.clone());
                tokio::spawn(talk(near, far, seen));
            }
        });
        let path = config.cluster_url.path().to_owned();
        config.cluster_url = format!("http://{at}{path}").parse().unwrap();
        (Self { state, task }, config)
    }

    pub(crate) fn is(&self, state: State) {
        self.state.send_replace(state);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
        self.state.send_replace(State::Cut);
    }
}

async fn talk(near: TcpStream, far: TcpStream, seen: watch::Receiver<State>) {
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let mut cut = seen.clone();
    tokio::select! {
        () = pass(near_in, far_out, seen.clone(), &[State::Well, State::Mute]) => {}
        () = pass(far_in, near_out, seen, &[State::Well]) => {}
        _ = cut.wait_for(|state| *state == State::Cut) => {}
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut seen: watch::Receiver<State>,
    in_states: &[State],
) {
    let mut piece = vec![0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        if seen.wait_for(|state| in_states.contains(state)).await.is_err() {
            return;
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
