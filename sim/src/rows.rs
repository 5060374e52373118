//! Rows of `series.csv`: how each app fared in each meter interval.

use periplus_core::ids::AppId;
use periplus_core::units::Tick;
use serde::Serialize;

use crate::meter::Book;

/// How an app fared in one meter interval. An interval in which nothing was asked for or held has no row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Row {
    /// When the interval ended.
    pub at: Tick,
    /// The app.
    pub app: AppId,
    /// Requests that users made.
    pub offered: f64,
    /// Requests that were served.
    pub served: f64,
    /// Requests that were not.
    pub unserved: f64,
    /// Half of the served requests took at most this long, in milliseconds.
    pub p50_ms: f64,
    /// 95 % of them took at most this long.
    pub p95_ms: f64,
    /// 99 % of them took at most this long.
    pub p99_ms: f64,
    /// US dollars per hour.
    pub cost_per_hour: f64,
    /// Grams of CO2e per hour.
    pub carbon_per_hour: f64,
    /// Ready pods at the end of the interval.
    pub replicas: u32,
    /// Clusters in which it held anything at the end of the interval.
    pub clusters: u32,
}

impl Row {
    pub(crate) fn new(
        at: Tick,
        app: AppId,
        book: &Book,
        hours: f64,
        replicas: u32,
        clusters: u32,
    ) -> Self {
        Self {
            at,
            app,
            offered: book.offered as f64 / 1e6,
            served: book.served as f64 / 1e6,
            unserved: (book.offered - book.served) as f64 / 1e6,
            p50_ms: book.quantile_ms(0.50),
            p95_ms: book.quantile_ms(0.95),
            p99_ms: book.quantile_ms(0.99),
            cost_per_hour: book.money.total() / hours,
            carbon_per_hour: book.money.carbon / hours,
            replicas,
            clusters,
        }
    }
}
