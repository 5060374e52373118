//! Intents as they stand in git: what people declared about apps, as far as it was written for clusters.

use std::sync::Arc;

use periplus_core::State;
use periplus_core::ids::AppId;
use periplus_core::intent::Intent;

/// The newest written intent of each app.
#[derive(Clone, Debug)]
pub(crate) struct Intents(Vec<Option<Arc<Intent>>>);

impl Intents {
    pub(crate) fn new(apps: usize) -> Self {
        Self(vec![None; apps])
    }

    #[cfg(test)]
    pub(crate) fn of(intents: Vec<Intent>) -> Self {
        Self(intents.into_iter().map(|intent| Some(Arc::new(intent))).collect())
    }

    pub(crate) fn get(&self, app: AppId) -> Option<&Arc<Intent>> {
        self.0[app.index()].as_ref()
    }

    /// All intents.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Intent>> {
        self.0.iter().flatten()
    }

    /// All apps, written for or not.
    pub(crate) fn apps(&self) -> impl Iterator<Item = AppId> + use<> {
        (0..self.0.len()).map(AppId::from_index)
    }

    /// An app is declared for the first time: nothing of it can be older than that.
    pub(crate) fn declare(&mut self, app: AppId, intent: &Intent) {
        self.0[app.index()].get_or_insert_with(|| Arc::new(intent.clone()));
    }

    /// Takes over the intent that the machine has now. Says whether it is another one.
    pub(crate) fn refresh(&mut self, app: AppId, state: &State) -> bool {
        let newest = state.intent(app);
        let known = &mut self.0[app.index()];
        let same = known.as_ref().is_some_and(|known| known.generation == newest.generation);
        if !same {
            *known = Some(Arc::new(newest.clone()));
        }
        !same
    }
}
