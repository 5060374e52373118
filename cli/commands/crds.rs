//! `crds`: the kinds as a cluster's API server needs to know them.

use periplus_live::intents::custom::crds;

use crate::failure::{Exit, Failure};
use crate::render;

pub(super) fn run() -> Result<Exit, Failure> {
    let texts = crds().into_iter().map(|definition| {
        serde_saphyr::to_string(&definition).expect("a definition is written as YAML")
    });
    render::line(texts.collect::<Vec<_>>().join("---\n").trim_end());
    Ok(Exit::Held)
}
