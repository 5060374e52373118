//! The way to one cluster in one round: how long its answers are waited for, and whether we may still write.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use kube::{Api, Client, Error};
use periplus_emit::OURS;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::fault::Fault;
use super::id::{Id, MANAGER, Wanted, is_ours};
use super::inventory::{NAME, NAMESPACE};
use super::kinds::Place;
use super::{Force, Shared};

/// The way to a cluster.
pub(super) struct Way<'w> {
    pub(super) cluster: &'w str,
    pub(super) client: Client,
    pub(super) shared: &'w Shared,
}

/// What became of an object that is not wanted any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Removed {
    /// It is deleted, or was gone already.
    Deleted,
    /// It is not ours any more, and stays.
    Left,
}

impl Way<'_> {
    /// Whether we may still write. It is asked right before every write.
    pub(super) fn may(&self) -> Result<(), Fault> {
        let cluster = self.cluster.to_owned();
        if *self.shared.stop.borrow() {
            return Err(Fault::Stopped { cluster });
        }
        match &self.shared.options.fence {
            Some(fence) if !(fence.leads)() => {
                let (epoch, why) = (fence.epoch, "another may lead by now".to_owned());
                Err(Fault::Deposed { cluster, epoch, why })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Waits for an answer, as long as one may take and the service goes on.
    pub(super) async fn asked<T>(&self, ask: impl Future<Output = T>) -> Result<T, Fault> {
        let within = self.shared.options.deadline;
        let cluster = || self.cluster.to_owned();
        let mut stop = self.shared.stop.clone();
        tokio::select! {
            answer = timeout(within, ask) => {
                answer.map_err(|_| Fault::Deadline { cluster: cluster(), within })
            }
            _ = stop.wait_for(|stop| *stop) => Err(Fault::Stopped { cluster: cluster() }),
        }
    }

    /// The same, where an API server's fault is one of an object.
    pub(super) async fn told<T>(
        &self,
        id: &Id,
        ask: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Fault> {
        let answer = self.asked(ask).await?;
        answer.map_err(|error| Fault::of(&error, self.cluster, id))
    }

    pub(super) fn inventories(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    /// The object that faults of the inventory are about.
    pub(super) fn inventory() -> Id {
        Id::new("", "ConfigMap", NAMESPACE, NAME)
    }

    /// Makes the namespace of the inventory.
    pub(super) async fn make_home(&self) -> Result<(), Fault> {
        self.may()?;
        let id = Id::new("", "Namespace", "", NAMESPACE);
        let home = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": NAMESPACE, "labels": { OURS.0: OURS.1 } },
        });
        let api: Api<Namespace> = Api::all(self.client.clone());
        let params = PatchParams::apply(MANAGER);
        self.told(&id, api.patch(NAMESPACE, &params, &Patch::Apply(home))).await.map(drop)
    }

    /// What is there of an object.
    pub(super) async fn get(&self, id: &Id, place: &Place) -> Result<Option<DynamicObject>, Fault> {
        let api = place.api(&self.client, id);
        self.told(id, api.get_opt(&id.name)).await
    }

    /// Applies an object.
    pub(super) async fn apply(&self, wanted: &Wanted, place: &Place) -> Result<(), Fault> {
        let id = &wanted.id;
        let mut object = wanted.object(self.cluster)?;
        if !place.is_namespaced()
            && let Some(Value::Object(metadata)) = object.get_mut("metadata")
        {
            metadata.remove("namespace");
        }
        let mut params = PatchParams::apply(MANAGER);
        params.force = self.shared.options.force == Force::Yes;
        let api = place.api(&self.client, id);
        self.may()?;
        let applied = self.told(id, api.patch(&id.name, &params, &Patch::Apply(object))).await?;
        match applied.metadata.deletion_timestamp {
            None => Ok(()),
            Some(_) => {
                let (cluster, object) = (self.cluster.to_owned(), id.to_string());
                Err(Fault::Going { cluster, object })
            }
        }
    }

    /// Deletes an object that is not wanted any more, if it is still ours.
    pub(super) async fn remove(&self, id: &Id, place: &Place) -> Result<Removed, Fault> {
        let Some(found) = self.get(id, place).await? else { return Ok(Removed::Deleted) };
        if found.metadata.deletion_timestamp.is_some() {
            return Ok(Removed::Deleted);
        }
        if !is_ours(&found) {
            return Ok(Removed::Left);
        }
        let preconditions = Preconditions { uid: found.metadata.uid, resource_version: None };
        let params =
            DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
        let api = place.api(&self.client, id);
        self.may()?;
        match self.asked(api.delete(&id.name, &params)).await? {
            Ok(_) => Ok(Removed::Deleted),
            Err(Error::Api(status)) if status.code == 404 => Ok(Removed::Deleted),
            // Somebody has made another of this name meanwhile.
            Err(Error::Api(status)) if status.code == 409 => Ok(Removed::Left),
            Err(error) => Err(Fault::of(&error, self.cluster, id)),
        }
    }
}
