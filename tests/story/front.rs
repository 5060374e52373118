//! What stands before the service as a `Service` of Kubernetes does: an address that stays, whoever is behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// It ends when it is let go.
pub(crate) struct Front {
    pub(crate) port: u16,
    to: Arc<AtomicU16>,
    task: JoinHandle<()>,
}

impl Front {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let to = Arc::new(AtomicU16::new(0));
        let behind = Arc::clone(&to);
        let task = tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                let port = behind.load(Ordering::Relaxed);
                tokio::spawn(async move {
                    // Where nobody is, who asks hears nothing.
                    if let Ok(mut to) = TcpStream::connect(("127.0.0.1", port)).await {
                        let _ = copy_bidirectional(&mut from, &mut to).await;
                    }
                });
            }
        });
        Self { port, to, task }
    }

    /// Who is behind it from now on.
    pub(crate) fn leads_to(&self, port: u16) {
        self.to.store(port, Ordering::Relaxed);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}
