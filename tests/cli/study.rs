//! The study that most tests of studies run.

use std::fs;
use std::path::Path;

use crate::place::Place;

/// A study of six runs that is kept in `study`, with rows for every cluster and hour.
pub(crate) const STUDY: [&str; 10] = [
    "whatif",
    "harbour.yaml",
    "--vary",
    "clusters[tier=edge].nodePools[0].nodes=1,3",
    "--seeds",
    "2",
    "--out",
    "study",
    "--rows",
    "hour,cluster",
];

pub(crate) fn with(more: &[&'static str]) -> Vec<&'static str> {
    STUDY.iter().chain(more).copied().collect()
}

/// What a study that is kept in `study` comes to, file by file.
pub(crate) fn tables(place: &Place) -> Vec<Vec<u8>> {
    tables_in(&place.path("study"))
}

/// The same in any folder.
pub(crate) fn tables_in(folder: &Path) -> Vec<Vec<u8>> {
    let tables = ["runs", "apps", "differences", "cluster-hour"];
    let names = tables.iter().flat_map(|name| [format!("{name}.csv"), format!("{name}.parquet")]);
    let names = names.chain(["answer.json".into()]);
    names.map(|name| fs::read(folder.join(name)).unwrap()).collect()
}
