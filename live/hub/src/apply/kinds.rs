//! Which kinds a cluster has, and where their objects lie. What was found is kept; what was not is asked for again.

use std::collections::BTreeMap;

use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::discovery::{self, Scope};
use kube::error::DiscoveryError;
use kube::{Api, Client, Error};

use super::id::Id;

/// Kinds that were found, by group, version and name.
#[derive(Debug, Default)]
pub(super) struct Kinds(BTreeMap<(String, String, String), Place>);

/// Where objects of a kind lie.
#[derive(Clone, Debug)]
pub(super) struct Place {
    resource: ApiResource,
    scope: Scope,
}

impl Kinds {
    /// Where an object of this version lies; none if the cluster has no such kind.
    pub(super) async fn find(
        &mut self,
        client: &Client,
        id: &Id,
        version: &str,
    ) -> Result<Option<Place>, Error> {
        let key = (id.group.clone(), version.to_owned(), id.kind.clone());
        if let Some(place) = self.0.get(&key) {
            return Ok(Some(place.clone()));
        }
        let kind = GroupVersionKind::gvk(&id.group, version, &id.kind);
        let asked = discovery::pinned_kind(client, &kind).await;
        let Some((resource, able)) = there(asked)? else { return Ok(None) };
        let place = Place { resource, scope: able.scope };
        self.0.insert(key, place.clone());
        Ok(Some(place))
    }

    /// The same in whichever version the cluster has now: for what was applied by an earlier one.
    pub(super) async fn find_any(
        &mut self,
        client: &Client,
        id: &Id,
        version: &str,
    ) -> Result<Option<Place>, Error> {
        if let Some(place) = self.find(client, id, version).await? {
            return Ok(Some(place));
        }
        let group = there(discovery::group(client, &id.group).await)?;
        let found = group.and_then(|group| group.recommended_kind(&id.kind));
        Ok(found.map(|(resource, able)| Place { resource, scope: able.scope }))
    }

    /// A kind may be there no more.
    pub(super) fn forget(&mut self, id: &Id) {
        self.0.retain(|(group, _, kind), _| *group != id.group || *kind != id.kind);
    }
}

impl Place {
    pub(super) fn api(&self, client: &Client, id: &Id) -> Api<DynamicObject> {
        match self.scope {
            Scope::Namespaced if !id.namespace.is_empty() => {
                Api::namespaced_with(client.clone(), &id.namespace, &self.resource)
            }
            Scope::Namespaced => Api::default_namespaced_with(client.clone(), &self.resource),
            Scope::Cluster => Api::all_with(client.clone(), &self.resource),
        }
    }

    /// Whether objects of it lie in namespaces.
    pub(super) fn is_namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }
}

/// What was found; nothing if the cluster says that there is none.
fn there<T>(asked: Result<T, Error>) -> Result<Option<T>, Error> {
    match asked {
        Ok(found) => Ok(Some(found)),
        Err(Error::Discovery(
            DiscoveryError::MissingKind(_)
            | DiscoveryError::MissingApiGroup(_)
            | DiscoveryError::EmptyApiGroup(_)
            | DiscoveryError::MissingResource(_),
        )) => Ok(None),
        Err(Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}
