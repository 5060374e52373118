//! A round: the inventory is claimed with all that may be there from now on, objects are applied in order, what is not wanted
//! any more is deleted in the other, and the inventory is written again without it.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use futures::stream;
use periplus_emit::FilePath;
use tokio::time::{Duration, Instant, sleep};

use super::fault::Fault;
use super::id::{Id, Wanted, is_marked};
use super::inventory::{Claim, Entries, Entry, Inventory, NAME, NAMESPACE, Origin, Wrong};
use super::kinds::Place;
use super::way::{Removed, Way};
use super::worker::{Failures, Told, Worker};
use crate::hub::Found;

/// How many requests are on their way to one cluster.
const REQUESTS_AT_ONCE: usize = 8;
/// How often the inventory is written if others are quicker.
const ATTEMPTS_MAX: u32 = 5;
/// How long a kind may take to be served after its definition was applied.
const SERVED_WITHIN: Duration = Duration::from_secs(15);
/// How often it is looked whether it is.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// An object that is to be applied, and where it lies.
type Ready = (Wanted, Place);

impl Worker {
    /// Applies these files, and deletes what is not wanted any more.
    pub(super) async fn apply(
        &mut self,
        way: &Way<'_>,
        paths: BTreeSet<FilePath>,
    ) -> Result<Failures, Fault> {
        let mut failures = Failures::new();
        let now = paths.iter().filter_map(|path| self.wanted.get(path));
        let mut now: Vec<Wanted> = now.cloned().collect();
        now.sort_by_cached_key(|wanted| (wanted.id.rank(), wanted.id.clone()));
        let entries = self.claim(way, &mut now, &mut failures).await?;
        self.apply_all(way, now, &mut failures).await?;
        let gone = self.prune(way, &entries, &mut failures).await?;
        if !gone.is_empty() {
            self.release(way, &gone).await?;
        }
        let objects = entries.len() - gone.len();
        way.shared.options.statuses.note(way.cluster, |status| status.objects = objects);
        Ok(failures)
    }

    /// Writes into the inventory what is there, and what may be from now on. From here on nobody else applies.
    async fn claim(
        &mut self,
        way: &Way<'_>,
        now: &mut Vec<Wanted>,
        failures: &mut Failures,
    ) -> Result<Entries, Fault> {
        let mut origins = BTreeMap::new();
        for _ in 0..ATTEMPTS_MAX {
            let mut inventory = self.known(way).await?;
            let mut entries = inventory.entries();
            self.look(way, now, &entries, &mut origins, failures).await?;
            for Wanted { id, version, app, bytes: _ } in &*now {
                let known = entries.get(id).map(|entry| entry.origin);
                let origin = known.or_else(|| origins.get(id).copied()).unwrap_or(Origin::Ours);
                let entry = Entry { version: version.clone(), app: app.clone(), origin };
                entries.insert(id.clone(), entry);
            }
            if self.put(way, &mut inventory, entries.clone()).await? {
                self.inventory = Some(inventory);
                self.mine.extend(now.iter().map(|wanted| wanted.id.clone()));
                return Ok(entries);
            }
        }
        Err(Fault::Contended { cluster: self.cluster.clone(), attempts: ATTEMPTS_MAX })
    }

    /// Takes out of the inventory what is not there any more.
    async fn release(&mut self, way: &Way<'_>, gone: &BTreeSet<Id>) -> Result<(), Fault> {
        for _ in 0..ATTEMPTS_MAX {
            let mut inventory = self.known(way).await?;
            let mut entries = inventory.entries();
            entries.retain(|id, _| !gone.contains(id));
            if self.put(way, &mut inventory, entries).await? {
                self.inventory = Some(inventory);
                self.mine.retain(|id| !gone.contains(id));
                return Ok(());
            }
        }
        Err(Fault::Contended { cluster: self.cluster.clone(), attempts: ATTEMPTS_MAX })
    }

    /// The inventory, if it is ours to write.
    async fn known(&mut self, way: &Way<'_>) -> Result<Inventory, Fault> {
        let inventory = match self.inventory.take() {
            Some(inventory) => inventory,
            None => {
                let read = way.asked(Inventory::read(&way.inventories())).await?;
                read.map_err(|wrong| self.wrong(wrong))?
            }
        };
        if let Some(claim) = inventory.claim() {
            self.check(claim)?;
        }
        Ok(inventory)
    }

    /// Whether an inventory of this claim is ours to write.
    fn check(&self, claim: &Claim) -> Result<(), Fault> {
        let options = &self.shared.options;
        let is_other_log = claim.run != options.run;
        let taken = claim.cluster != self.cluster && !is_other_log;
        if taken || (is_other_log && options.found == Found::Refuse) {
            return Err(Fault::Taken {
                cluster: self.cluster.clone(),
                inventory: format!("{NAMESPACE}/{NAME}"),
                whose: claim.to_string(),
                ours: self.ours().to_string(),
            });
        }
        match &options.fence {
            Some(fence) if !is_other_log && claim.epoch > fence.epoch => Err(Fault::Deposed {
                cluster: self.cluster.clone(),
                epoch: fence.epoch,
                why: format!("epoch {} has applied there", claim.epoch),
            }),
            Some(fence) if !is_other_log && claim.epoch < fence.epoch => {
                if let Some(found) = &fence.found {
                    found(claim.epoch, claim.record);
                }
                Ok(())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// What we say in an inventory.
    fn ours(&self) -> Claim {
        let options = &self.shared.options;
        Claim {
            run: options.run.clone(),
            cluster: self.cluster.clone(),
            epoch: options.fence.as_ref().map_or(0, |fence| fence.epoch),
            record: self.record,
        }
    }

    /// Writes an inventory. Says whether it stands there; if not, it is to be read again.
    async fn put(
        &self,
        way: &Way<'_>,
        inventory: &mut Inventory,
        entries: Entries,
    ) -> Result<bool, Fault> {
        way.may()?;
        match way.asked(inventory.write(&way.inventories(), self.ours(), entries)).await? {
            Ok(()) => Ok(true),
            Err(Wrong::Raced) => Ok(false),
            Err(Wrong::Homeless) => way.make_home().await.map(|()| false),
            Err(wrong @ (Wrong::Broken(_) | Wrong::Api(_))) => Err(self.wrong(wrong)),
        }
    }

    fn wrong(&self, wrong: Wrong) -> Fault {
        let cluster = self.cluster.clone();
        match wrong {
            Wrong::Api(error) => Fault::of(&error, &cluster, &Way::inventory()),
            Wrong::Broken(why) => {
                Fault::Inventory { cluster, inventory: format!("{NAMESPACE}/{NAME}"), why }
            }
            Wrong::Raced | Wrong::Homeless => Fault::Contended { cluster, attempts: 1 },
        }
    }

    /// Looks which objects that are new to the inventory are there already: what has not our mark was made by somebody
    /// else. Those that cannot be looked at are not applied.
    async fn look(
        &mut self,
        way: &Way<'_>,
        now: &mut Vec<Wanted>,
        known: &Entries,
        origins: &mut BTreeMap<Id, Origin>,
        failures: &mut Failures,
    ) -> Result<(), Fault> {
        let new = now
            .iter()
            .filter(|wanted| !known.contains_key(&wanted.id) && !origins.contains_key(&wanted.id));
        let new: Vec<Wanted> = new.cloned().collect();
        let mut ready: Vec<Ready> = Vec::new();
        let mut failed: Vec<(Wanted, Fault)> = Vec::new();
        for wanted in new {
            let found = self.kinds.find(&way.client, &wanted.id, &wanted.version);
            match way.told(&wanted.id, found).await {
                Ok(Some(place)) => ready.push((wanted, place)),
                // It cannot be there, then. Its kind may come with it.
                Ok(None) => {
                    origins.insert(wanted.id, Origin::Ours);
                }
                Err(fault) => failed.push((wanted, fault)),
            }
        }
        let looks = ready.into_iter().map(|(wanted, place)| async move {
            let found = way.get(&wanted.id, &place).await;
            (wanted, found)
        });
        let looked: Vec<_> = stream::iter(looks).buffer_unordered(REQUESTS_AT_ONCE).collect().await;
        for (wanted, found) in looked {
            match found {
                Ok(Some(object)) if !is_marked(&object) => {
                    origins.insert(wanted.id, Origin::Found);
                }
                Ok(Some(_) | None) => {
                    origins.insert(wanted.id, Origin::Ours);
                }
                Err(fault) => failed.push((wanted, fault)),
            }
        }
        for (wanted, fault) in failed {
            now.retain(|other| other.id != wanted.id);
            failed_with(failures, wanted.app, fault)?;
        }
        Ok(())
    }

    /// Applies in order: what others need comes first. An app in which something was refused gets nothing that comes after it:
    /// no pod runs without its policies.
    async fn apply_all(
        &mut self,
        way: &Way<'_>,
        now: Vec<Wanted>,
        failures: &mut Failures,
    ) -> Result<(), Fault> {
        let served_by = Instant::now() + SERVED_WITHIN;
        let mut definitions: Vec<Wanted> = Vec::new();
        for rank in now.chunk_by(|one, other| one.id.rank() == other.id.rank()) {
            let mut ready: Vec<Ready> = Vec::new();
            for wanted in rank {
                let is_late = wanted.app.is_some() && failures.contains_key(&wanted.app);
                if is_late {
                    continue;
                }
                match self.place(way, wanted, &definitions, served_by).await {
                    Ok(place) => ready.push((wanted.clone(), place)),
                    Err(fault) => failed_with(failures, wanted.app.clone(), fault)?,
                }
            }
            let applies = ready.into_iter().map(|(wanted, place)| async move {
                let applied = way.apply(&wanted, &place).await;
                (wanted, applied)
            });
            let mut applied = stream::iter(applies).buffer_unordered(REQUESTS_AT_ONCE);
            while let Some((wanted, applied)) = applied.next().await {
                match applied {
                    Ok(()) => {
                        way.shared.options.statuses.note(way.cluster, |status| status.applied += 1);
                        if wanted.id.kind == "CustomResourceDefinition" {
                            definitions.push(wanted);
                        }
                    }
                    Err(fault) => {
                        self.kinds.forget(&wanted.id);
                        failed_with(failures, wanted.app, fault)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Where an object lies. A kind that came with this round may take a moment to be served.
    async fn place(
        &mut self,
        way: &Way<'_>,
        wanted: &Wanted,
        definitions: &[Wanted],
        served_by: Instant,
    ) -> Result<Place, Fault> {
        let Wanted { id, version, .. } = wanted;
        let is_new = definitions.iter().any(|definition| {
            let object = definition.object(way.cluster).unwrap_or_default();
            object["spec"]["group"] == *id.group && object["spec"]["names"]["kind"] == *id.kind
        });
        loop {
            let found = way.told(id, self.kinds.find(&way.client, id, version)).await?;
            if let Some(place) = found {
                // A kind is listed before its objects are taken.
                if !is_new || way.get(id, &place).await.is_ok() {
                    return Ok(place);
                }
            }
            if !is_new || Instant::now() >= served_by {
                return Err(Fault::NoKind {
                    cluster: way.cluster.to_owned(),
                    object: id.to_string(),
                    api_version: id.api_version(version),
                    kind: id.kind.clone(),
                });
            }
            way.asked(sleep(LOOK_EVERY)).await?;
        }
    }

    /// Deletes what the inventory has and nothing wants any more, what others need last. Gives what is not there any more, or
    /// not ours.
    async fn prune(
        &mut self,
        way: &Way<'_>,
        entries: &Entries,
        failures: &mut Failures,
    ) -> Result<BTreeSet<Id>, Fault> {
        let wanted: BTreeSet<&Id> = self.wanted.values().map(|wanted| &wanted.id).collect();
        let may = |id: &Id| self.told == Told::Whole || self.mine.contains(id);
        // What was found stays, and stays listed: we must not take it for ours when it is wanted again.
        let stale = entries
            .iter()
            .filter(|(id, entry)| entry.origin == Origin::Ours && !wanted.contains(id) && may(id));
        let mut stale: Vec<(Id, Entry)> =
            stale.map(|(id, entry)| (id.clone(), entry.clone())).collect();
        stale.sort_by_cached_key(|(id, _)| (id.rank(), id.clone()));
        let mut gone = BTreeSet::new();
        for (id, Entry { version, app, origin: _ }) in stale.into_iter().rev() {
            // What it was to become is not there yet.
            if failures.contains_key(&app) {
                continue;
            }
            match self.remove(way, &id, &version).await {
                Ok(Removed::Deleted) => {
                    way.shared.options.statuses.note(way.cluster, |status| status.deleted += 1);
                    gone.insert(id);
                }
                Ok(Removed::Left) => {
                    let cluster = way.cluster;
                    tracing::info!(cluster, object = %id, "it is not ours any more, and stays");
                    gone.insert(id);
                }
                Err(fault) => failed_with(failures, app, fault)?,
            }
        }
        Ok(gone)
    }

    async fn remove(&mut self, way: &Way<'_>, id: &Id, version: &str) -> Result<Removed, Fault> {
        let place = way.told(id, self.kinds.find_any(&way.client, id, version)).await?;
        match place {
            // Objects go with their kind.
            None => Ok(Removed::Deleted),
            Some(place) => way.remove(id, &place).await,
        }
    }
}

/// Notes why an app did not get something, or ends the round.
fn failed_with(failures: &mut Failures, app: Option<String>, fault: Fault) -> Result<(), Fault> {
    if fault.is_of_cluster() {
        return Err(fault);
    }
    failures.entry(app).or_insert(fault);
    Ok(())
}
