//! Asking the desk. It answers between two turns, so that all of an answer is of one instant; and whatever goes wrong with a
//! question stays out of its thread.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use periplus_core::input::Command;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::Api;
use super::explain::{Explain, Refused};
use super::problem::{Problem, internal};
use crate::desk::Desk;
use crate::service::Order;
use crate::traces::Parent;

impl Api {
    /// What the desk says.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Desk) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let (to, answer) = oneshot::channel();
        let ask = Order::Ask(Box::new(move |desk: &Desk| {
            // Who asked may have given up.
            if !to.is_closed() {
                let _ = to.send(catch_unwind(AssertUnwindSafe(|| question(desk))));
            }
        }));
        let asked = async {
            self.parts().feed.ask(ask).await;
            answer.await
        };
        match timeout(self.limits().desk, asked).await {
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(panic))) => resume_unwind(panic),
            Ok(Err(_)) => Err(gone()),
            Err(_) => {
                let message = format!("the desk did not answer within {:?}", self.limits().desk);
                Err(Problem::busy(message, "ask again; /metrics shows how much waits for it", 5))
            }
        }
    }

    /// Gives a command, and waits until the disk has it.
    pub(super) async fn command(&self, command: Command, asked_by: Parent) -> Result<(), Problem> {
        let (to, taken) = oneshot::channel();
        let given = async {
            self.parts().feed.ask(Order::Command(command, to, asked_by)).await;
            taken.await
        };
        match timeout(self.limits().desk, given).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(gone()),
            Err(_) => {
                let message = format!("the desk did not take it within {:?}", self.limits().desk);
                let hint = "it may still take it: look at the state before you give it again";
                Err(Problem::busy(message, hint, 5))
            }
        }
    }

    /// What the program around says, where waiting for the disk harms nobody.
    pub(super) async fn explained<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Explain) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Problem> {
        let explain = Arc::clone(&self.parts().explain);
        let answered = spawn_blocking(move || question(&*explain)).await;
        match answered {
            Ok(answer) => answer.map_err(Problem::from),
            Err(fault) => match fault.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(fault) => Err(internal(fault)),
            },
        }
    }
}

fn gone() -> Problem {
    let hint = "the service is stopping, or has stopped: look at its own log";
    Problem::busy("the desk takes nothing in any more", hint, 10)
}
