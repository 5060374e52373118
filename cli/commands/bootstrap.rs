//! `bootstrap`: what must be installed once, so that a cluster pulls what is written for it.

use crate::args::BootstrapArgs;
use crate::failure::{Exit, Failure};
use crate::render;

pub(super) fn run(args: &BootstrapArgs) -> Result<Exit, Failure> {
    let delivery = periplus_spec::delivery(&args.source).map_err(Failure::Files)?;
    let mut clusters = delivery.clusters.iter().filter_map(|versions| versions.last());
    let Some(cluster) = clusters.find(|cluster| *cluster.facts.name == *args.cluster) else {
        let known = delivery.clusters.iter().filter_map(|versions| versions.last());
        let known: Vec<&str> = known.map(|cluster| &*cluster.facts.name).collect();
        return Err(Failure::no_such("cluster", &args.cluster, &known));
    };
    let objects = periplus_emit::bootstrap(&cluster.facts, &args.repository.repository())?;
    let texts: Vec<String> = objects.iter().map(periplus_emit::Object::to_yaml).collect();
    render::line(texts.join("---\n").trim_end());
    Ok(Exit::Held)
}
