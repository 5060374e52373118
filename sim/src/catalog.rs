//! The catalog: what components are made of, by app and component, with their images numbered.

use std::collections::BTreeMap;

use periplus_core::ids::{AppId, ComponentId};
use periplus_spec::scenario::{AppTruth, ComponentTruth};

/// All components of all apps.
#[derive(Clone, Debug)]
pub(crate) struct Catalog<'s> {
    apps: &'s [AppTruth],
    images: Vec<Vec<u32>>,
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
        let mut numbers = BTreeMap::new();
        let mut number = |image: &'s str| {
            let next = u32::try_from(numbers.len()).expect("fewer than 2^32 images");
            *numbers.entry(image).or_insert(next)
        };
        let mut images = Vec::new();
        for app in apps {
            images.push(app.components.iter().map(|component| number(&component.image)).collect());
        }
        Self { apps, images }
    }

    pub(crate) fn part(&self, app: AppId, component: ComponentId) -> Part<'s> {
        Part {
            truth: &self.apps[app.index()].components[component.index()],
            image: self.images[app.index()][component.index()],
        }
    }
}
