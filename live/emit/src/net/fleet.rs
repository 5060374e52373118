//! The whole picture, and what is asked of it most: what one cluster has to do with whom.

use std::collections::{BTreeMap, BTreeSet};

use crate::net::weights::relative;
use crate::net::{Calls, Service, ServiceIndex, Site, SiteIndex, Users};

/// All clusters, all services, and who sends requests where.
#[derive(Clone, Debug)]
pub struct Fleet {
    sites: Vec<Site>,
    services: Vec<Service>,
    calls: Vec<Calls>,
    users: Vec<Users>,
    // What follows is made of what stands above: places in it, by what they are looked for by.
    at: Vec<Vec<ServiceIndex>>,
    from: Vec<Vec<usize>>,
    into: Vec<BTreeMap<ServiceIndex, Vec<usize>>>,
    users_at: Vec<BTreeMap<ServiceIndex, Vec<usize>>>,
    entries: Vec<BTreeMap<SiteIndex, u32>>,
    callees: Vec<Vec<ServiceIndex>>,
}

impl Fleet {
    /// The picture of these parts.
    ///
    /// # Panics
    /// Panics where a part names a cluster or a service that is not there, or shares add up to more than 1,000.
    #[must_use]
    pub fn new(
        sites: Vec<Site>,
        services: Vec<Service>,
        mut calls: Vec<Calls>,
        mut users: Vec<Users>,
    ) -> Self {
        calls.sort_by_key(|calls| (calls.from, calls.callee, calls.caller));
        users.sort_by(|one, other| (&one.zone, one.service).cmp(&(&other.zone, other.service)));
        let mut at = vec![Vec::new(); sites.len()];
        let mut callees = vec![Vec::new(); services.len()];
        for (place, service) in services.iter().enumerate() {
            for home in service.homes.iter().collect::<BTreeSet<_>>() {
                at[home.0].push(ServiceIndex(place));
            }
            for caller in service.callers.iter().collect::<BTreeSet<_>>() {
                callees[caller.0].push(ServiceIndex(place));
            }
        }
        let mut from = vec![Vec::new(); sites.len()];
        let mut into = vec![BTreeMap::new(); sites.len()];
        for (place, call) in calls.iter().enumerate() {
            assert!(call.caller.0 < services.len() && call.callee.0 < services.len());
            from[call.from.0].push(place);
            check(&call.shares);
            for site in call.opened() {
                into[site.0].entry(call.callee).or_insert_with(Vec::new).push(place);
            }
        }
        let mut users_at = vec![BTreeMap::new(); sites.len()];
        let mut sums: Vec<BTreeMap<SiteIndex, u32>> = vec![BTreeMap::new(); services.len()];
        for (place, users) in users.iter().enumerate() {
            check(&users.shares);
            for (site, share) in users.shares.iter().filter(|(_, share)| *share > 0) {
                *sums[users.service.0].entry(*site).or_default() += u32::from(*share);
                users_at[site.0].entry(users.service).or_insert_with(Vec::new).push(place);
            }
        }
        let entries = sums.into_iter().map(weighed).collect();
        Self { sites, services, calls, users, at, from, into, users_at, entries, callees }
    }

    /// The clusters, by [`SiteIndex`].
    #[must_use]
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// The services, by [`ServiceIndex`].
    #[must_use]
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// A cluster.
    ///
    /// # Panics
    /// Panics for one that is not there.
    #[must_use]
    pub fn site(&self, site: SiteIndex) -> &Site {
        &self.sites[site.0]
    }

    /// A service.
    ///
    /// # Panics
    /// Panics for one that is not there.
    #[must_use]
    pub fn service(&self, service: ServiceIndex) -> &Service {
        &self.services[service.0]
    }

    /// The clusters and their places.
    pub fn site_indices(&self) -> impl Iterator<Item = SiteIndex> + use<> {
        (0..self.sites.len()).map(SiteIndex)
    }

    /// All calls, by where they come from, who is called and who calls.
    #[must_use]
    pub fn calls(&self) -> &[Calls] {
        &self.calls
    }

    /// Where the users of all zones enter, by zone and service.
    #[must_use]
    pub fn users(&self) -> &[Users] {
        &self.users
    }

    /// The services that are written in a cluster.
    #[must_use]
    pub fn services_at(&self, site: SiteIndex) -> &[ServiceIndex] {
        &self.at[site.0]
    }

    /// The calls of services in a cluster.
    pub fn calls_from(&self, site: SiteIndex) -> impl Iterator<Item = &Calls> {
        self.from[site.0].iter().map(|place| &self.calls[*place])
    }

    /// The calls from elsewhere that are sent to a service in a cluster, or for which the way to it is open.
    pub fn calls_into(
        &self,
        site: SiteIndex,
        callee: ServiceIndex,
    ) -> impl Iterator<Item = &Calls> {
        let places = self.into[site.0].get(&callee).into_iter().flatten();
        places.map(|place| &self.calls[*place])
    }

    /// The services that a service calls.
    #[must_use]
    pub fn callees(&self, caller: ServiceIndex) -> &[ServiceIndex] {
        &self.callees[caller.0]
    }

    /// The zones of which some users enter a service in a cluster.
    pub fn users_at(&self, site: SiteIndex, service: ServiceIndex) -> impl Iterator<Item = &Users> {
        let places = self.users_at[site.0].get(&service).into_iter().flatten();
        places.map(|place| &self.users[*place])
    }

    /// What each cluster weighs among those in which users enter a service, each zone counting alike.
    #[must_use]
    pub fn entries(&self, service: ServiceIndex) -> &BTreeMap<SiteIndex, u32> {
        &self.entries[service.0]
    }

    /// The calls out of a cluster by who is called, without those that stay in it as a whole and those of gateways.
    #[must_use]
    pub fn leaving(&self, site: SiteIndex) -> BTreeMap<ServiceIndex, Vec<&Calls>> {
        let mut leaving: BTreeMap<ServiceIndex, Vec<&Calls>> = BTreeMap::new();
        for calls in
            self.calls_from(site).filter(|calls| calls.caller != calls.callee && calls.leave())
        {
            leaving.entry(calls.callee).or_default().push(calls);
        }
        leaving
    }

    /// The services that are called from a cluster, or written in it.
    #[must_use]
    pub fn known_at(&self, site: SiteIndex) -> BTreeSet<ServiceIndex> {
        let called = self.calls_from(site).map(|calls| calls.callee);
        self.services_at(site).iter().copied().chain(called).collect()
    }
}

impl Calls {
    /// Whether any of them is sent to another cluster.
    #[must_use]
    pub fn leave(&self) -> bool {
        self.elsewhere().next().is_some()
    }

    /// Where they are sent in other clusters, and which part.
    pub fn elsewhere(&self) -> impl Iterator<Item = (SiteIndex, u16)> + '_ {
        let elsewhere = self.shares.iter().filter(|(site, share)| *share > 0 && *site != self.from);
        elsewhere.copied()
    }

    /// The other clusters to which the way is open.
    #[must_use]
    pub fn opened(&self) -> BTreeSet<SiteIndex> {
        self.shares.iter().map(|(site, _)| *site).filter(|site| *site != self.from).collect()
    }

    /// The part that stays where the caller is.
    #[must_use]
    pub fn here(&self) -> u16 {
        let here = self.shares.iter().filter(|(site, _)| *site == self.from);
        here.map(|(_, share)| share).sum()
    }
}

fn weighed(sums: BTreeMap<SiteIndex, u32>) -> BTreeMap<SiteIndex, u32> {
    let weights = relative(&sums.values().copied().collect::<Vec<_>>());
    sums.into_keys().zip(weights).collect()
}

fn check(shares: &[(SiteIndex, u16)]) {
    let sum: u32 = shares.iter().map(|(_, share)| u32::from(*share)).sum();
    assert!(sum <= 1_000, "shares add up to {sum} of 1,000");
}
