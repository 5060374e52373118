//! The words for a study that a Kubernetes cluster is to run.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use periplus_spec::values::{Fault, Name, Quantity};

/// What to write instead of running a study.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Emit {
    /// A Kubernetes Job with a shard per index, a suspended Job that puts the shards together, and a `ConfigMap` with
    /// the scenario's files.
    IndexedJob,
}

/// Arguments of `whatif --emit`.
#[derive(Debug, Args)]
#[command(next_help_heading = "In a Kubernetes cluster")]
pub struct KubernetesArgs {
    /// Run nothing; write what runs the study elsewhere, to stdout.
    #[arg(long, value_enum, value_name = "WHAT", requires_all = ["shards", "out"], conflicts_with = "shard")]
    pub emit: Option<Emit>,
    /// How many shards the study is split into; all run at once if there is room.
    #[arg(long, value_name = "N", requires = "emit", value_parser = shards)]
    pub shards: Option<usize>,
    /// The image, which has `periplus` in its path.
    #[arg(long, value_name = "IMAGE", requires = "emit", default_value = IMAGE, value_parser = NonEmptyStringValueParser::new())]
    pub image: String,
    /// The Secret whose keys become variables of the environment, such as `AWS_ACCESS_KEY_ID`.
    #[arg(long, value_name = "SECRET", requires = "emit", value_parser = object_name)]
    pub credentials: Option<String>,
    /// The service account, where it has the right to the object store.
    #[arg(long, value_name = "NAME", requires = "emit", value_parser = object_name)]
    pub service_account: Option<String>,
    /// Keep the study on this persistent volume claim, which many nodes may write to; `--out` is a folder on it.
    #[arg(long, value_name = "CLAIM", requires = "emit", value_parser = object_name)]
    pub claim: Option<String>,
    /// Read the scenario's files, or the log, from this persistent volume claim: for what is too large for a `ConfigMap`.
    #[arg(long, value_name = "CLAIM", requires = "emit", value_parser = object_name)]
    pub scenario_claim: Option<String>,
    /// The cores of each shard.
    #[arg(long, value_name = "QUANTITY", requires = "emit", default_value = "1", value_parser = quantity)]
    pub cpu: String,
    /// The memory of each shard.
    #[arg(long, value_name = "QUANTITY", requires = "emit", default_value = "512Mi", value_parser = quantity)]
    pub memory: String,
}

const IMAGE: &str = concat!("periplus:", env!("CARGO_PKG_VERSION"));

/// Beyond this, Kubernetes limits how many pods of a Job run at once.
const SHARDS_MAX: usize = 10_000;

fn shards(text: &str) -> Result<usize, String> {
    let shards = text.parse().ok().filter(|shards| (1..=SHARDS_MAX).contains(shards));
    shards.ok_or_else(|| format!("write a number from 1 to {SHARDS_MAX}"))
}

/// The name of an object: names with dots between them.
fn object_name(text: &str) -> Result<String, String> {
    let wrong = text.split('.').find_map(|part| part.parse::<Name>().err());
    wrong.map_or(Ok(text.to_owned()), |fault| Err(told(&fault)))
}

fn quantity(text: &str) -> Result<String, String> {
    match text.parse::<Quantity>() {
        Ok(quantity) if quantity > Quantity::default() => Ok(text.to_owned()),
        Ok(_) => Err("nothing runs on nothing".into()),
        Err(fault) => Err(told(&fault)),
    }
}

fn told(fault: &Fault) -> String {
    match &fault.help {
        Some(help) => format!("{fault}; {help}"),
        None => fault.to_string(),
    }
}
