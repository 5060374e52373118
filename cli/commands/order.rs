//! `cordon`, `drain`, `pause` and others: what a running service is told to do.

use serde_json::{Value, json};

use crate::args::OrderCommand;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::render;

pub(super) fn run(command: OrderCommand) -> Result<Exit, Failure> {
    let about = |word: &str, cluster: &str| json!({"command": word, "cluster": cluster});
    let (order, client) = match command {
        OrderCommand::Cordon(order) => (about("cordon", &order.cluster), order.client),
        OrderCommand::Uncordon(order) => (about("uncordon", &order.cluster), order.client),
        OrderCommand::Drain(order) => (about("drain", &order.cluster), order.client),
        OrderCommand::Undrain(order) => (about("undrain", &order.cluster), order.client),
        OrderCommand::DeclareLost(order) => (about("declareLost", &order.cluster), order.client),
        OrderCommand::Retire(order) => (about("retire", &order.cluster), order.client),
        OrderCommand::Pin { app, group, cluster, client } => {
            (json!({"command": "pin", "app": app, "group": group, "cluster": cluster}), client)
        }
        OrderCommand::Unpin { app, group, client } => {
            (json!({"command": "unpin", "app": app, "group": group}), client)
        }
        OrderCommand::Approve { hold, client } => {
            (json!({"command": "approve", "hold": hold}), client)
        }
        OrderCommand::Pause(order) => (json!({"command": "pause"}), order.client),
        OrderCommand::Resume(order) => (json!({"command": "resume"}), order.client),
    };
    let taken = Client::new(&client)?.post(&["v1", "commands"], &order)?;
    let seq = taken.get("seq").and_then(Value::as_u64).unwrap_or_default();
    render::line(&format!("it is in the log, before record {seq}"));
    Ok(Exit::Held)
}
