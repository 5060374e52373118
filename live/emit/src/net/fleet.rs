//! The whole picture, and what is asked of it most: what one cluster has to do with whom.

use std::collections::{BTreeMap, BTreeSet};

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
    into: Vec<Vec<usize>>,
    users_of: Vec<Vec<usize>>,
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
        let (mut from, mut into) = (vec![Vec::new(); sites.len()], vec![Vec::new(); sites.len()]);
        for (place, call) in calls.iter().enumerate() {
            assert!(call.caller.0 < services.len() && call.callee.0 < services.len());
            from[call.from.0].push(place);
            check(&call.shares);
            for site in call.opened() {
                into[site.0].push(place);
            }
        }
        let mut users_of = vec![Vec::new(); services.len()];
        for (place, users) in users.iter().enumerate() {
            check(&users.shares);
            users_of[users.service.0].push(place);
        }
        Self { sites, services, calls, users, at, from, into, users_of, callees }
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
        let into = self.into[site.0].iter().map(|place| &self.calls[*place]);
        into.filter(move |calls| calls.callee == callee)
    }

    /// The services that a service calls.
    #[must_use]
    pub fn callees(&self, caller: ServiceIndex) -> &[ServiceIndex] {
        &self.callees[caller.0]
    }

    /// Where the users of each zone enter that a service takes.
    pub fn users_of(&self, service: ServiceIndex) -> impl Iterator<Item = &Users> {
        self.users_of[service.0].iter().map(|place| &self.users[*place])
    }

    /// The users that a service takes in each cluster: a thousand for each zone that is sent there as a whole.
    #[must_use]
    pub fn entries(&self, service: ServiceIndex) -> BTreeMap<SiteIndex, u32> {
        let mut sums = BTreeMap::new();
        for (site, share) in self.users_of(service).flat_map(|users| &users.shares) {
            if *share > 0 {
                *sums.entry(*site).or_default() += u32::from(*share);
            }
        }
        sums
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

fn check(shares: &[(SiteIndex, u16)]) {
    let sum: u32 = shares.iter().map(|(_, share)| u32::from(*share)).sum();
    assert!(sum <= 1_000, "shares add up to {sum} of 1,000");
}
