//! The inventory: what was applied to a cluster, by whom and in whose time. It lies in the cluster itself.
//!
//! It is written before anything is applied, so that a crash leaves no object that nobody knows of. The first
//! `ConfigMap`, the head, says whose it is. Every write begins with it and is refused by the API server if somebody has
//! written since it was read: so two never apply at the same time without one of them hearing of the other. Further ones
//! take what one cannot hold; an object stays in the one that it stands in.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ListParams, ObjectMeta, PostParams};
use kube::{Api, Error};
use periplus_emit::OURS;
use serde::{Deserialize, Serialize};

use super::id::Id;

/// Where it lies.
pub const NAMESPACE: &str = "periplus";
/// The name of the head. Further ones have a number behind it.
pub const NAME: &str = "periplus-inventory";
/// The label with the number of each.
const NUMBER: &str = "periplus.dev/inventory";
const RUN: &str = "periplus.dev/run";
const CLUSTER: &str = "periplus.dev/cluster";
const EPOCH: &str = "periplus.dev/epoch";
const RECORD: &str = "periplus.dev/record";
/// The key of the objects in each.
const OBJECTS: &str = "objects.json";
/// The most bytes of objects in one: an API server takes no `ConfigMap` beyond 1 MiB.
const BYTES_MAX: usize = 768 << 10;
/// The most of them: a hundred thousand objects and more.
const SHARDS_MAX: usize = 64;

/// Whose an inventory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// What tells a log from others.
    pub(super) run: String,
    /// How the cluster is called there.
    pub(super) cluster: String,
    /// In whose time it was written; 0 where there is no election.
    pub(super) epoch: u64,
    /// The last record that is in it.
    pub(super) record: u64,
}

/// What is known of an object besides its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The version of its group by which it was applied.
    pub(super) version: String,
    /// Whose it is; none if it is the cluster's.
    pub(super) app: Option<String>,
    pub(super) origin: Origin,
}

/// Who made an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// We did.
    Ours,
    /// It was there, without our mark. It is never deleted, and listed for ever.
    Found,
}

/// What was applied to a cluster.
pub(super) type Entries = BTreeMap<Id, Entry>;

/// An inventory as it was read or written last.
#[derive(Clone, Debug, Default)]
pub(super) struct Inventory {
    claim: Option<Claim>,
    shards: Vec<Shard>,
}

#[derive(Clone, Debug, Default)]
struct Shard {
    /// The version of the `ConfigMap`; none if it is not there.
    version: Option<String>,
    entries: Entries,
}

/// An object as it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Row {
    api_version: String,
    kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    namespace: String,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    app: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    found: bool,
}

/// Why an inventory could not be read or written.
#[derive(Debug)]
pub(super) enum Wrong {
    /// Somebody was quicker: read it again.
    Raced,
    /// Its namespace is not there.
    Homeless,
    /// It is not what we wrote.
    Broken(String),
    /// The API server.
    Api(Error),
}

impl fmt::Display for Claim {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the log {} for the cluster {}", self.run, self.cluster)
    }
}

impl Wrong {
    /// Why a `ConfigMap` was not written that was read in this version, or was not there.
    fn of(error: Error, version: Option<&String>) -> Self {
        let Error::Api(status) = &error else { return Self::Api(error) };
        match status.code {
            409 => Self::Raced,
            // Somebody has deleted it.
            404 if version.is_some() => Self::Raced,
            404 => Self::Homeless,
            _ => Self::Api(error),
        }
    }
}

impl Inventory {
    /// Reads it, as it is now.
    pub(super) async fn read(api: &Api<ConfigMap>) -> Result<Self, Wrong> {
        let listed = api.list(&ListParams::default().labels(NUMBER)).await.map_err(Wrong::Api)?;
        let mut inventory = Self { claim: None, shards: vec![Shard::default()] };
        for map in listed.items {
            let labels = map.metadata.labels.as_ref();
            let number = labels.and_then(|labels| labels.get(NUMBER)?.parse::<usize>().ok());
            let number = number
                .filter(|number| *number < SHARDS_MAX)
                .ok_or_else(|| Wrong::Broken(format!("{:?} has no number", map.metadata.name)))?;
            if inventory.shards.len() <= number {
                inventory.shards.resize_with(number + 1, Shard::default);
            }
            if number == 0 {
                inventory.claim = Some(claim(&map).map_err(Wrong::Broken)?);
            }
            inventory.shards[number] = Shard::of(&map).map_err(Wrong::Broken)?;
        }
        Ok(inventory)
    }

    /// Whose it is; nobody's if it is not there.
    pub(super) fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    /// All that was applied.
    pub(super) fn entries(&self) -> Entries {
        let all = self.shards.iter().flat_map(|shard| &shard.entries);
        all.map(|(id, entry)| (id.clone(), entry.clone())).collect()
    }

    /// Makes it this, if nobody has written since it was read. After a failure it must be read again.
    pub(super) async fn write(
        &mut self,
        api: &Api<ConfigMap>,
        claim: Claim,
        entries: Entries,
    ) -> Result<(), Wrong> {
        let next = self.filled(entries, BYTES_MAX).map_err(Wrong::Broken)?;
        self.shards.resize_with(next.len(), Shard::default);
        for (number, (shard, entries)) in self.shards.iter_mut().zip(next).enumerate() {
            // The head says who writes, also where nothing else has changed.
            if number > 0 && shard.version.is_some() && shard.entries == entries {
                continue;
            }
            let map = shard.map(number, &claim, &entries).map_err(Wrong::Broken)?;
            let params = PostParams::default();
            let put = match shard.version {
                Some(_) => api.replace(&name(number), &params, &map).await,
                None => api.create(&params, &map).await,
            };
            let put = put.map_err(|error| Wrong::of(error, shard.version.as_ref()))?;
            *shard = Shard { version: put.metadata.resource_version, entries };
        }
        self.claim = Some(claim);
        Ok(())
    }

    /// What each `ConfigMap` is to hold: what is in it and stays, and of what is new as much as it has room for.
    fn filled(&self, mut entries: Entries, bytes_max: usize) -> Result<Vec<Entries>, String> {
        let mut next: Vec<Entries> = Vec::with_capacity(self.shards.len());
        for shard in &self.shards {
            let stays = shard.entries.keys();
            let stays = stays.filter_map(|id| entries.remove_entry(id)).collect();
            next.push(stays);
        }
        if next.is_empty() {
            next.push(Entries::new());
        }
        let mut sizes: Vec<usize> = next.iter().map(size).collect();
        let mut at = 0;
        for (id, entry) in entries {
            let bytes = size_of(&id, &entry);
            while sizes[at] + bytes > bytes_max && sizes[at] > 0 {
                at += 1;
                if at == next.len() {
                    next.push(Entries::new());
                    sizes.push(0);
                }
            }
            sizes[at] += bytes;
            next[at].insert(id, entry);
        }
        if next.len() > SHARDS_MAX {
            return Err(format!("there are more objects than {SHARDS_MAX} ConfigMaps hold"));
        }
        Ok(next)
    }
}

impl Shard {
    fn of(map: &ConfigMap) -> Result<Self, String> {
        let text = map.data.as_ref().and_then(|data| data.get(OBJECTS));
        let text = text.ok_or_else(|| format!("it has no `{OBJECTS}`"))?;
        let rows: Vec<Row> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let entries = rows.into_iter().map(|row| {
            let Row { api_version, kind, namespace, name, app, found } = row;
            let (id, version) = Id::split(&api_version, &kind, &namespace, &name);
            let origin = if found { Origin::Found } else { Origin::Ours };
            (id, Entry { version, app, origin })
        });
        Ok(Self { version: map.metadata.resource_version.clone(), entries: entries.collect() })
    }

    fn map(&self, number: usize, claim: &Claim, entries: &Entries) -> Result<ConfigMap, String> {
        let Claim { run, cluster, epoch, record } = claim;
        let pair = |name: &str, value: &dyn fmt::Display| (name.to_owned(), value.to_string());
        let rows: Vec<Row> = entries.iter().map(|(id, entry)| row(id, entry)).collect();
        let text = serde_json::to_string(&rows).map_err(|error| error.to_string())?;
        let annotations =
            [pair(RUN, run), pair(CLUSTER, cluster), pair(EPOCH, epoch), pair(RECORD, record)];
        let metadata = ObjectMeta {
            name: Some(name(number)),
            namespace: Some(NAMESPACE.to_owned()),
            resource_version: self.version.clone(),
            labels: Some([pair(OURS.0, &OURS.1), pair(NUMBER, &number)].into()),
            annotations: Some(annotations.into()),
            ..ObjectMeta::default()
        };
        let data = Some([(OBJECTS.to_owned(), text)].into());
        Ok(ConfigMap { metadata, data, ..ConfigMap::default() })
    }
}

fn name(number: usize) -> String {
    if number == 0 { NAME.to_owned() } else { format!("{NAME}-{number}") }
}

fn claim(map: &ConfigMap) -> Result<Claim, String> {
    let said = |name: &str| {
        let said = map.metadata.annotations.as_ref().and_then(|said| said.get(name));
        said.cloned().ok_or_else(|| format!("it has no annotation `{name}`"))
    };
    let number = |name: &str| {
        said(name)?.parse::<u64>().map_err(|_| format!("its annotation `{name}` is no number"))
    };
    Ok(Claim {
        run: said(RUN)?,
        cluster: said(CLUSTER)?,
        epoch: number(EPOCH)?,
        record: number(RECORD)?,
    })
}

fn row(id: &Id, entry: &Entry) -> Row {
    let Id { group: _, kind, namespace, name } = id.clone();
    let Entry { version, app, origin } = entry;
    let found = match origin {
        Origin::Ours => false,
        Origin::Found => true,
    };
    let api_version = id.api_version(version);
    Row { api_version, kind, namespace, name, app: app.clone(), found }
}

fn size(entries: &Entries) -> usize {
    entries.iter().map(|(id, entry)| size_of(id, entry)).sum()
}

/// At least as many bytes as an object takes: its words, and what stands around them.
fn size_of(id: &Id, entry: &Entry) -> usize {
    const AROUND: usize = 90;
    let Id { group, kind, namespace, name } = id;
    let app = entry.app.as_ref().map_or(0, String::len);
    [group, kind, namespace, name, &entry.version].map(String::len).iter().sum::<usize>()
        + app
        + AROUND
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(origin: Origin) -> Entry {
        Entry { version: "v1".into(), app: Some("shop".into()), origin }
    }

    fn entries(numbers: impl IntoIterator<Item = u32>) -> Entries {
        let id = |number| Id::new("", "ConfigMap", "shop", &format!("m{number:04}"));
        numbers.into_iter().map(|number| (id(number), entry(Origin::Ours))).collect()
    }

    fn inventory(shards: Vec<Entries>) -> Inventory {
        let shard = |entries| Shard { version: Some("1".into()), entries };
        Inventory { claim: None, shards: shards.into_iter().map(shard).collect() }
    }

    #[test]
    fn what_is_written_is_read() {
        let claim = Claim { run: "r".into(), cluster: "a".into(), epoch: 3, record: 17 };
        let mut all = entries(0..3);
        all.insert(Id::new("", "Namespace", "", "shop"), entry(Origin::Found));
        let map = Shard::default().map(0, &claim, &all).unwrap();
        assert_eq!(super::claim(&map).unwrap(), claim);
        assert_eq!(Shard::of(&map).unwrap().entries, all);
        assert!(size(&all) >= map.data.unwrap()[OBJECTS].len());
        assert!(Shard::of(&ConfigMap::default()).is_err());
    }

    #[test]
    fn what_one_cannot_hold_goes_into_further_ones_and_stays_where_it_is() {
        let most = size(&entries(0..4));
        let filled = inventory(vec![]).filled(entries(0..10), most).unwrap();
        assert_eq!(filled, [entries(0..4), entries(4..8), entries(8..10)]);
        let without = entries([0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
        let filled = inventory(filled).filled(without, most).unwrap();
        assert_eq!(filled[0], entries([0, 1, 10, 11]));
        assert_eq!(filled[1], entries(4..8));
        assert_eq!(filled[2], entries([8, 9, 12, 13]));
        let none = inventory(filled).filled(Entries::new(), most).unwrap();
        assert!(none.len() == 3 && none.iter().all(Entries::is_empty));
        assert!(inventory(vec![]).filled(entries(0..260), most).is_err());
    }
}
