//! Ensembles: the other days that a scenario could be as well.

use std::sync::Arc;

use periplus_core::ids::ClusterId;
use periplus_core::units::Span;

use super::Delay;

/// Days like that of the scenario: what differs between them is drawn from each day's seed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ensemble {
    /// How recorded demand is put together anew, if it is.
    pub demand: Option<Blocks>,
    /// How demand grows in a year, in thousandths: 256 quantiles, as those of a [`Delay`]. Nothing if it does not.
    pub growth: Option<Arc<[u32]>>,
    /// The days lie after this time.
    pub lead: Span,
    /// And within this one, evenly.
    pub horizon: Span,
    /// What fails by chance.
    pub failures: Vec<Failure>,
    /// One of these is out on every day, from the start.
    pub spare: Vec<Vec<ClusterId>>,
}

/// How recorded demand is put together anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    /// How long a block is.
    pub block: Span,
    /// After which time demand is of the same kind again.
    pub season: Span,
}

/// Clusters that are out by chance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What fails together.
    pub units: Vec<Vec<ClusterId>>,
    /// How often in 1,000 years, each of them.
    pub per_millennium: u32,
    /// For how long.
    pub lasts: Delay,
}
