//! Shards: which runs of a study are whose, and the part of the table of runs that each leaves.
//!
//! `parts/*.parquet` of all shards together is that table, for programs that read many files as one. A shard that
//! is run again writes the same bytes under the same name, so that nothing is counted twice.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::failure::Failure;
use crate::whatif::rows;
use crate::whatif::runs::Run;
use crate::whatif::store::Store;
use crate::whatif::study::Study;

/// Which part of a study is run here: every `of`-th run from the `number`-th.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    pub(crate) number: usize,
    pub(crate) of: usize,
}

impl Shard {
    /// Everything.
    pub(crate) const WHOLE: Self = Self { number: 1, of: 1 };

    /// Reads `2/8`, or `env:JOB_COMPLETION_INDEX/8`, where the variable counts from 0.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let form = || "write a number and how many there are, as in `2/8`".to_owned();
        let (number, of) = text.split_once('/').ok_or_else(form)?;
        let number = match number.strip_prefix("env:") {
            None => number.parse().map_err(|_| form())?,
            Some(variable) => counted_from_zero(variable)?,
        };
        let of = of.parse().map_err(|_| form())?;
        if (1..=of).contains(&number) {
            Ok(Self { number, of })
        } else if of > 0 && text.starts_with("env:") {
            Err(format!("the variable counts from 0: {} is not below {of}", number.wrapping_sub(1)))
        } else {
            Err(form())
        }
    }

    pub(crate) fn has(self, run: usize) -> bool {
        run % self.of == self.number - 1
    }

    /// Makes sure that parts of another split do not lie beside this one's: together they would have runs twice.
    ///
    /// # Errors
    /// There are more shards than runs, or the place has parts of another split already.
    pub(crate) fn claim(self, store: &dyn Store, study: &Study) -> Result<(), Failure> {
        let runs = study.runs().len();
        if self.of > runs {
            return Err(Failure::Usage {
                message: format!("{} shards are more than the study has runs: {runs}", self.of),
                hint: "each shard needs a run of its own; ask for fewer".into(),
            });
        }
        let split = Split { version: VERSION, study: fingerprint(study), of: self.of };
        let found = store.get(SPLIT)?;
        let known = found.as_deref().and_then(|found| serde_json::from_slice::<Split>(found).ok());
        match (found.is_some(), known) {
            (true, Some(known)) if known == split => Ok(()),
            (false, _) => store.put(SPLIT, &split.bytes()),
            (true, known) => {
                let other = match known {
                    Some(known) if known.study == split.study => {
                        format!("{} shards, not {}", known.of, split.of)
                    }
                    Some(_) | None => "another study".into(),
                };
                Err(Failure::Usage {
                    message: format!("{} is of parts of {other}", store.told(SPLIT)),
                    hint: "remove that folder `parts`, or name another place with `--out`; runs that are kept \
                           are not lost"
                        .into(),
                })
            }
        }
    }

    /// Leaves the rows of this shard's runs. Gives the name of what it left.
    ///
    /// # Errors
    /// They cannot be kept.
    pub(crate) fn leave(self, store: &dyn Store, runs: &[Run]) -> Result<String, Failure> {
        let name = format!("parts/runs-{:04}-of-{:04}.parquet", self.number, self.of);
        store.put(&name, &rows::whole(runs).to_parquet())?;
        Ok(name)
    }
}

/// The version of [`Split`].
const VERSION: u16 = 1;

/// Where it is said what the parts are of.
const SPLIT: &str = "parts/split.json";

/// What the parts in a place are of.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Split {
    version: u16,
    study: String,
    of: usize,
}

impl Split {
    fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and texts are JSON")
    }
}

/// What stands for all runs of a study, in their order.
fn fingerprint(study: &Study) -> String {
    let mut hash = Xxh3::new();
    for (variant, run) in study.runs() {
        hash.update(study.fingerprint(&study.variants[variant], run).as_bytes());
        hash.update(&[0]);
    }
    format!("{:032x}", hash.digest128())
}

fn counted_from_zero(variable: &str) -> Result<usize, String> {
    let value = std::env::var(variable)
        .map_err(|_| format!("the variable `{variable}` is not set, or is no text"))?;
    let number: Option<usize> = value.parse().ok();
    let number = number.and_then(|number| number.checked_add(1));
    number.ok_or_else(|| format!("the variable `{variable}` is `{value}`, not a number from 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_share_everything_and_nothing_twice() {
        for of in 1..=5 {
            let shards = (1..=of).map(|number| Shard { number, of });
            let shards: Vec<_> = shards.collect();
            for run in 0..20 {
                assert_eq!(shards.iter().filter(|shard| shard.has(run)).count(), 1);
            }
        }
        assert_eq!(Shard::parse("2/8"), Ok(Shard { number: 2, of: 8 }));
        for text in ["", "0/8", "9/8", "1", "a/b", "1/0", "env:/8", "env:NO_SUCH_VARIABLE/8"] {
            assert!(Shard::parse(text).is_err(), "{text}");
        }
    }
}
