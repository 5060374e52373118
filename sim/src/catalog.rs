//! The catalog: what apps and components are made of now, with images numbered.

use std::collections::BTreeMap;

use periplus_core::ids::{AppId, ComponentId};
use periplus_core::units::MicrosRtt;
use periplus_spec::scenario::{AppTruth, ComponentTruth};

/// All components of all apps.
#[derive(Clone, Debug)]
pub(crate) struct Catalog<'s> {
    apps: Vec<Entry<'s>>,
    images: BTreeMap<&'s str, u32>,
}

#[derive(Clone, Debug)]
struct Entry<'s> {
    slo_latency: MicrosRtt,
    parts: Vec<Part<'s>>,
}

/// One component.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'s> {
    pub(crate) truth: &'s ComponentTruth,
    /// Its image's number; equal for components of any app with the same image.
    pub(crate) image: u32,
}

impl<'s> Catalog<'s> {
    pub(crate) fn new(apps: &'s [AppTruth]) -> Self {
        let mut catalog = Self { apps: Vec::new(), images: BTreeMap::new() };
        for (place, truth) in apps.iter().enumerate() {
            let slo_latency = truth.slo_latency;
            catalog.apps.push(Entry { slo_latency, parts: Vec::new() });
            catalog.change(AppId::from_index(place), truth);
        }
        catalog
    }

    /// An app is really something else from now on. What it no longer has stays known while its last pods
    /// stop.
    pub(crate) fn change(&mut self, app: AppId, truth: &'s AppTruth) {
        let Self { apps, images } = self;
        let entry = &mut apps[app.index()];
        entry.slo_latency = truth.slo_latency;
        for (place, truth) in truth.components.iter().enumerate() {
            let next = u32::try_from(images.len()).expect("fewer than 2^32 images");
            let image = *images.entry(&truth.image).or_insert(next);
            let part = Part { truth, image };
            match entry.parts.get_mut(place) {
                Some(known) => *known = part,
                None => entry.parts.push(part),
            }
        }
    }

    /// The latency that an app's users are promised.
    pub(crate) fn slo_latency(&self, app: AppId) -> MicrosRtt {
        self.apps[app.index()].slo_latency
    }

    pub(crate) fn part(&self, app: AppId, component: ComponentId) -> Part<'s> {
        self.apps[app.index()].parts[component.index()]
    }
}
