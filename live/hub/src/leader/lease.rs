//! The lease in the cluster: read, made, taken, renewed and released, each only if it is as it was read last.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client, Error};

use super::Election;
use super::marks::Board;
use super::view::holder;
use crate::clusters::{Books, full};
use crate::service::Clock;

/// The way to the lease.
pub(super) struct Way {
    pub(super) election: Election,
    /// Who we are: nobody else was ever called so.
    pub(super) identity: String,
    /// What stands in the lease besides; nothing where replicas share a folder.
    pub(super) board: Option<Board>,
    clock: Arc<dyn Clock>,
    books: Arc<Books>,
    client: Option<Client>,
}

/// How a write ended.
pub(super) enum Written {
    /// It is so now.
    Done(Box<Lease>),
    /// Somebody was quicker: look again.
    Raced,
}

impl Way {
    pub(super) fn new(election: Election, identity: String, clock: Arc<dyn Clock>) -> Self {
        Self { election, identity, board: None, clock, books: Arc::default(), client: None }
    }

    /// What is there.
    pub(super) async fn read(&mut self) -> Result<Option<Lease>, String> {
        let api = self.api().await?;
        let read = api.get_opt(&self.election.name).await;
        read.map_err(|error| self.told(&error))
    }

    /// Becomes the holder of what was read. The number of transitions becomes this.
    pub(super) async fn take(
        &mut self,
        read: Option<&Lease>,
        transitions: i32,
    ) -> Result<Written, String> {
        let now = self.now();
        let mut lease = read.cloned().unwrap_or_else(|| Lease {
            metadata: ObjectMeta {
                name: Some(self.election.name.clone()),
                namespace: Some(self.election.namespace.clone()),
                ..ObjectMeta::default()
            },
            spec: None,
        });
        let spec = lease.spec.get_or_insert_default();
        spec.acquire_time.clone_from(&now);
        spec.lease_transitions = Some(transitions);
        self.hold(spec, now);
        self.put(&lease).await
    }

    /// Says that we are still there.
    pub(super) async fn renew(&mut self, mut lease: Lease) -> Result<Written, String> {
        let now = self.now();
        self.hold(lease.spec.get_or_insert_default(), now);
        self.put(&lease).await
    }

    /// Says that we lead no more.
    pub(super) async fn release(&mut self, mut lease: Lease) -> Result<Written, String> {
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = None;
        spec.renew_time = self.now();
        // As client-go does, for those who look at the times.
        spec.lease_duration_seconds = Some(1);
        self.put(&lease).await
    }

    /// Whether a lease is ours.
    pub(super) fn is_ours(&self, lease: &Lease) -> bool {
        holder(lease) == Some(&self.identity)
    }

    /// A connection of its own is made for the next question: this one may lead nowhere, or its token be old.
    pub(super) fn give_up(&mut self) {
        self.client = None;
    }

    fn hold(&self, spec: &mut LeaseSpec, now: Option<MicroTime>) {
        spec.holder_identity = Some(self.identity.clone());
        spec.lease_duration_seconds = Some(seconds(self.election.spans.lease));
        spec.renew_time = now;
    }

    async fn put(&mut self, lease: &Lease) -> Result<Written, String> {
        let api = self.api().await?;
        let params = PostParams::default();
        let mut lease = lease.clone();
        let marks = self.board.as_ref().map(|board| {
            let marks = board.wanted();
            marks.put(&mut lease);
            board.trying(&marks);
            marks
        });
        let put = match lease.metadata.resource_version {
            Some(_) => api.replace(&self.election.name, &params, &lease).await,
            None => api.create(&params, &lease).await,
        };
        match put {
            Ok(lease) => {
                if let (Some(board), Some(marks)) = (&self.board, marks) {
                    board.written(marks);
                }
                Ok(Written::Done(Box::new(lease)))
            }
            // 404: it was deleted meanwhile, or its namespace is not there, which reading tells as well as this.
            Err(Error::Api(status)) if status.code == 409 => Ok(Written::Raced),
            Err(Error::Api(status))
                if status.code == 404 && lease.metadata.resource_version.is_some() =>
            {
                Ok(Written::Raced)
            }
            Err(error) => Err(self.told(&error)),
        }
    }

    async fn api(&mut self) -> Result<Api<Lease>, String> {
        let client = match &self.client {
            Some(client) => client.clone(),
            None => {
                let (client, _) = self.election.source.connect(&self.books).await?;
                self.client.insert(client).clone()
            }
        };
        Ok(Api::namespaced(client, &self.election.namespace))
    }

    /// For people only: nobody compares it with a clock.
    fn now(&self) -> Option<MicroTime> {
        Timestamp::from_millisecond(self.clock.now_unix_ms()).ok().map(MicroTime)
    }

    fn told(&self, error: &Error) -> String {
        let code = if let Error::Api(status) = error { status.code } else { 0 };
        let help = match code {
            403 => ". Let the account get, create and update leases in the namespace",
            404 => ". Make the namespace first",
            _ => "",
        };
        format!("{}: {}{help}", self.election, full(error))
    }
}

/// Whole seconds, of which there is one at least; rounded up, so that nobody waits for less.
fn seconds(span: Duration) -> i32 {
    let whole = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    i32::try_from(whole).unwrap_or(i32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_seconds_are_rounded_up() {
        assert_eq!(seconds(Duration::from_millis(1_001)), 2);
        assert_eq!(seconds(Duration::from_secs(15)), 15);
        assert_eq!(seconds(Duration::ZERO), 1);
    }
}
