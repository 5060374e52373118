//! The sync agent: makes a cluster equal to its folder in git, as Flux and Argo CD do.
//!
//! Looks at its interval from a phase of its own, or at once when a webhook tells it of a push; takes the
//! folder as it is then, and applies that after a while. What changes meanwhile waits for the next look. A
//! look of which nothing would come is not simulated: the next one is counted from the clock when a push
//! changes the folder.

use periplus_core::ids::BindingId;
use periplus_core::units::{Span, Tick};
use periplus_spec::scenario::AgentTruth;

use crate::git::Manifest;

/// The sync agent of one cluster.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    truth: AgentTruth,
    /// Where in its interval it looks.
    phase: Span,
    /// What changed in the folder since it looked.
    unseen: Vec<Manifest>,
    /// What it is applying.
    applying: Option<Vec<Manifest>>,
    /// Whether a look is already on its way, and when.
    due: Option<Tick>,
    /// Whether it was told of a push that it has not looked at.
    told: bool,
    serial: u32,
}

impl Agent {
    pub(crate) fn new(truth: AgentTruth, phase: Span) -> Self {
        Self { truth, phase, unseen: Vec::new(), applying: None, due: None, told: false, serial: 0 }
    }

    /// It is set up otherwise.
    pub(crate) fn change(&mut self, truth: AgentTruth) {
        self.truth = truth;
        self.due = None;
    }

    /// How long it takes to apply what it found.
    pub(crate) fn apply(&self) -> Span {
        self.truth.apply
    }

    /// The folder has changed. `told` says whether the webhook reaches the agent.
    pub(crate) fn folder_changed(&mut self, manifest: Manifest, reached: bool) {
        self.keep(manifest);
        self.told |= reached && self.truth.webhook;
    }

    /// The newest version of each binding waits for the next look.
    fn keep(&mut self, manifest: Manifest) {
        let known =
            self.unseen.iter_mut().find(|known| known.target.binding == manifest.target.binding);
        match known {
            Some(known) => *known = manifest,
            None => self.unseen.push(manifest),
        }
    }

    /// When to look next, if there is something to see and no look on its way; `from` is the first tick
    /// that counts.
    pub(crate) fn plan_look(&mut self, from: Tick) -> Option<Tick> {
        if self.unseen.is_empty() || self.applying.is_some() {
            return None;
        }
        let next = if self.told { from } else { self.next_look(from) };
        if self.due.is_some_and(|due| due <= next) {
            return None;
        }
        self.due = Some(next);
        Some(next)
    }

    /// The first tick of its interval that is not before `from`.
    fn next_look(&self, from: Tick) -> Tick {
        let interval = self.truth.interval.0.max(1);
        let ahead = (self.phase.0 + interval - from.0 % interval) % interval;
        Tick(from.0 + ahead)
    }

    /// Looks: takes what is in the folder now. Gives the serial under which it is applied, if anything is.
    pub(crate) fn look(&mut self, now: Tick) -> Option<u32> {
        if self.due != Some(now) {
            return None;
        }
        self.due = None;
        if self.applying.is_some() || self.unseen.is_empty() {
            return None;
        }
        self.told = false;
        self.applying = Some(std::mem::take(&mut self.unseen));
        Some(self.serial)
    }

    /// What it has applied now.
    pub(crate) fn applied(&mut self, serial: u32) -> Option<Vec<Manifest>> {
        if serial == self.serial { self.applying.take() } else { None }
    }

    /// Something could not be applied and is tried again at the next look.
    pub(crate) fn keep_for_later(&mut self, manifest: Manifest) {
        let binding = manifest.target.binding;
        if !self.unseen.iter().any(|newer| newer.target.binding == binding) {
            self.unseen.push(manifest);
        }
    }

    /// Whatever it has not seen or applied of a binding will never be applied.
    pub(crate) fn forget(&mut self, binding: BindingId) {
        self.unseen.retain(|manifest| manifest.target.binding != binding);
        if let Some(applying) = &mut self.applying {
            applying.retain(|manifest| manifest.target.binding != binding);
        }
    }

    /// It cannot look; what it was applying is lost if it is dead as well.
    pub(crate) fn stop(&mut self, dead: bool) {
        self.due = None;
        self.told = false;
        if dead {
            self.serial += 1;
            let applying = self.applying.take().into_iter().flatten();
            applying.for_each(|manifest| self.keep_for_later(manifest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::manifest;

    const MINUTE: AgentTruth =
        AgentTruth { interval: Span::MINUTE, webhook: false, apply: Span(2_000) };

    #[test]
    fn it_looks_at_its_interval_from_its_own_phase() {
        let mut agent = Agent::new(MINUTE, Span(7_000));
        assert_eq!(agent.plan_look(Tick(0)), None, "there is nothing to see");
        agent.folder_changed(manifest(1, 1), true);
        assert_eq!(agent.plan_look(Tick(70_000)), Some(Tick(127_000)));
        assert_eq!(agent.plan_look(Tick(80_000)), None, "one look is enough");
        assert_eq!(agent.look(Tick(127_000)), Some(0));
    }

    #[test]
    fn a_push_at_the_very_tick_of_a_look_is_seen() {
        let mut agent = Agent::new(MINUTE, Span(7_000));
        agent.folder_changed(manifest(1, 1), true);
        assert_eq!(agent.plan_look(Tick(67_000)), Some(Tick(67_000)));
    }

    #[test]
    fn a_webhook_is_quicker_unless_it_does_not_arrive() {
        let truth = AgentTruth { webhook: true, ..MINUTE };
        let mut told = Agent::new(truth, Span(0));
        told.folder_changed(manifest(1, 1), true);
        assert_eq!(told.plan_look(Tick(5)), Some(Tick(5)));
        let mut cut_off = Agent::new(truth, Span(0));
        cut_off.folder_changed(manifest(1, 1), false);
        assert_eq!(cut_off.plan_look(Tick(5)), Some(Tick(60_000)));
    }

    #[test]
    fn only_the_newest_version_is_applied_and_what_comes_later_waits() {
        let mut agent = Agent::new(MINUTE, Span(0));
        agent.folder_changed(manifest(1, 1), true);
        agent.folder_changed(manifest(1, 2), true);
        agent.plan_look(Tick(1));
        let serial = agent.look(Tick(60_000)).unwrap();
        agent.folder_changed(manifest(1, 3), true);
        assert_eq!(agent.plan_look(Tick(60_500)), None, "it is busy");
        let applied = agent.applied(serial).unwrap();
        assert_eq!(applied.len(), 1);
        assert_eq!(applied[0].generation.0, 2);
        assert_eq!(agent.plan_look(Tick(62_000)), Some(Tick(120_000)));
    }

    #[test]
    fn what_a_dead_agent_was_applying_is_applied_again() {
        let mut agent = Agent::new(MINUTE, Span(0));
        agent.folder_changed(manifest(1, 1), true);
        agent.plan_look(Tick(1));
        let serial = agent.look(Tick(60_000)).unwrap();
        agent.stop(true);
        assert!(agent.applied(serial).is_none());
        assert_eq!(agent.plan_look(Tick(100_000)), Some(Tick(120_000)));
    }
}
