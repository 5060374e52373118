//! Demand from a Prometheus, or from what speaks like one: <https://prometheus.io/docs/prometheus/latest/querying/api/>.
//!
//! An answer to a question about now says as of when it was evaluated, by Prometheus' own clock, and looks back by five
//! minutes unless a scrape failed. So the query decides how old what it shows may be, and `staleAfter` how long that holds
//! when there is no answer. A question about a span brings what was missed while nobody could be asked.

mod answer;

use std::sync::Arc;

use reqwest::Url;

use super::fault::Fault;
use super::http::{Token, Web};
use super::samples::Found;
use super::signal::Asked;

/// A question that is asked again and again.
#[derive(Debug)]
pub(super) struct Source {
    asked: Arc<Asked>,
    web: Web,
}

impl Source {
    pub(super) fn new(asked: Asked) -> Self {
        let web = Web::new(asked.endpoint.clone());
        Self { asked: Arc::new(asked), web }
    }

    /// Asks for what is not told yet. Gives what was found, and what Prometheus warned of.
    pub(super) async fn look(
        &mut self,
        now: i64,
        told: Option<i64>,
    ) -> Result<(Found, Option<String>), Fault> {
        let url = self.question(now, told);
        let answer = self.web.ask(&url, Token::Bearer).await?;
        let asked = Arc::clone(&self.asked);
        // Large answers take longer to read than others may wait.
        let read = tokio::task::spawn_blocking(move || answer::read(&answer, &asked));
        read.await.unwrap_or_else(|fault| std::panic::resume_unwind(fault.into_panic()))
    }

    fn question(&self, now: i64, told: Option<i64>) -> Url {
        let (below, span) = match self.asked.range {
            None => ("/api/v1/query", None),
            Some((step, over)) => {
                let (start, end) = span(now, told, step, over);
                ("/api/v1/query_range", Some((start, end, step)))
            }
        };
        let mut url = self.web.url(below);
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("query", &self.asked.query);
        if let Some((start, end, step)) = span {
            pairs.append_pair("start", &seconds(start)).append_pair("end", &seconds(end));
            pairs.append_pair("step", &seconds(i64::try_from(step).unwrap_or(i64::MAX)));
        }
        // It need not go on when nobody waits any more.
        pairs.append_pair("timeout", &format!("{}ms", self.web.timeout().as_millis()));
        drop(pairs);
        url
    }
}

/// From when to when to ask, on whole steps, so that the same times are asked for whenever it is.
fn span(now: i64, told: Option<i64>, step: u64, over: u64) -> (i64, i64) {
    let step = i64::try_from(step.max(1)).unwrap_or(i64::MAX);
    let over = i64::try_from(over).unwrap_or(i64::MAX);
    let whole = |at: i64| at.div_euclid(step).saturating_mul(step);
    let end = whole(now);
    let farthest = whole(now.saturating_sub(over));
    let next = told.map_or(farthest, |told| whole(told).saturating_add(step));
    (next.clamp(farthest.min(end), end), end)
}

fn seconds(millis: i64) -> String {
    format!("{}.{:03}", millis.div_euclid(1_000), millis.rem_euclid(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_not_asked_for_again() {
        assert_eq!(span(100_999, None, 1_000, 60_000), (40_000, 100_000));
        assert_eq!(span(100_999, Some(90_000), 1_000, 60_000), (91_000, 100_000));
        assert_eq!(span(100_999, Some(10_000), 1_000, 60_000), (40_000, 100_000));
        assert_eq!(span(100_999, Some(100_000), 1_000, 60_000), (100_000, 100_000));
        assert_eq!(span(100_999, Some(900_000), 1_000, 60_000), (100_000, 100_000));
    }

    #[test]
    fn times_are_said_in_seconds() {
        assert_eq!(seconds(1_700_000_000_250), "1700000000.250");
        assert_eq!(seconds(5), "0.005");
    }
}
