//! What ran already.

use crate::ids::{BerthId, BindingId};
use crate::input::{Command, Input};
use crate::state::{Content, FlowId, Phase, Share, State};
use crate::units::Tick;

impl State {
    /// All bindings of a berth are in git, applied and ready, with the replicas that the input says.
    pub(super) fn adopt(&mut self, at: Tick, input: &Input, berth: BerthId, place: u32) {
        let Input::Command(Command::Adopt(adoption)) = input else {
            panic!("only who adopts says what runs already")
        };
        let adopted = &adoption.berths[place as usize];
        let generation = self.berths[berth.index()].generation.next();
        self.raise_generation(berth, generation);
        for (place, replicas) in adopted.replicas.iter().enumerate() {
            let entry = self.berth(berth);
            let component = entry.bindings[place].component;
            let primed = self.intent(entry.app).component(component).scaling.primed(*replicas);
            self.change_binding(berth, place, |binding| {
                binding.phase = Phase::Ready;
                binding.since = at;
                binding.primed = primed;
                binding.ceiling = primed;
                binding.seen = *replicas;
                binding.generation = generation;
                binding.content = Content::Present;
                binding.as_of = at;
                binding.served = true;
            });
            self.stop_waiting_one(BindingId { berth, component });
        }
    }

    /// Users are where a flow is assigned to.
    pub(super) fn settle_flow(&mut self, flow: FlowId) {
        let entry = self.flow(flow).expect("a flow that is adopted exists");
        let (before, generation) = (entry.shares, entry.generation.next());
        let mut shares = before;
        for share in before.iter() {
            shares.set(Share { routed: share.assigned, ..*share });
        }
        self.set_shares(flow, shares);
        self.flow_mut(flow).generation = generation;
    }
}
