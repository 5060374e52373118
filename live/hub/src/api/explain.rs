//! What only the program around the API can answer: sentences about decisions, and records of the log, whose wording and
//! encoding are its own.

use serde_json::Value;

/// Answers about decisions and records. It may wait for the disk: it is called where that harms nobody.
pub trait Explain: Send + Sync {
    /// Why an app is, or is not, where it is.
    ///
    /// # Errors
    /// The question cannot be answered.
    fn why(&self, question: &WhyQuestion) -> Result<Value, Refused>;

    /// Up to `limit` decisions from a record on, or the last ones; those about one app only, if one is named.
    ///
    /// # Errors
    /// The log cannot be read, or there is no such app.
    fn decisions(
        &self,
        from: Option<u64>,
        limit: usize,
        app: Option<&str>,
    ) -> Result<Value, Refused>;

    /// Up to `limit` records from one on, in order and without gaps, each as one line of JSON. None if it is yet to come.
    ///
    /// # Errors
    /// The log cannot be read.
    fn log(&self, from: u64, limit: usize) -> Result<Vec<String>, Refused>;
}

/// A question why an app is, or is not, where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhyQuestion {
    /// The app.
    pub app: String,
    /// The cluster, if one is meant.
    pub cluster: Option<String>,
    /// The zone, if only its users are meant.
    pub zone: Option<String>,
    /// Which decision.
    pub when: When,
}

/// Which decision is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The last one.
    Last,
    /// The last one up to this time, in milliseconds since 1970-01-01 UTC.
    At(i64),
    /// That of this record.
    Record(u64),
}

/// Why there is no answer. Each says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// What is asked about is not there.
    Unknown {
        /// What.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The question makes no sense.
    Wrong {
        /// Why.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The answer could not be found.
    Failed {
        /// Why.
        message: String,
        /// What to do.
        hint: String,
    },
}
