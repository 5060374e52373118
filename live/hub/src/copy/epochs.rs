//! Whose record is whose: which epoch began with which record. In one epoch one replica writes, so two logs agree for as long
//! as they name the same epochs, and where they do not is known without comparing records.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The epochs of a log, ascending, each with its first record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Epochs(Vec<Began>);

/// An epoch that began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EpochBegan")]
struct Began {
    /// Its number; 0 for whatever was before there were epochs.
    epoch: u64,
    /// The first record that was made in it.
    from: u64,
}

impl Epochs {
    /// An epoch begins in a log that has so many records.
    pub fn begin(&mut self, epoch: u64, records: u64) {
        *self = self.of(records);
        if self.0.is_empty() && records > 0 {
            self.0.push(Began { epoch: 0, from: 0 });
        }
        self.0.push(Began { epoch, from: records });
    }

    /// Those of a log that has so many records: one in which none was made leaves no trace.
    #[must_use]
    pub fn of(&self, records: u64) -> Self {
        Self(self.0.iter().filter(|began| began.from < records).copied().collect())
    }

    /// The last one.
    #[must_use]
    pub fn last(&self) -> Option<u64> {
        self.0.last().map(|began| began.epoch)
    }

    /// Whether every epoch is higher than the one before it, and begins after it.
    #[must_use]
    pub fn is_ascending(&self) -> bool {
        self.0.is_sorted_by(|one, next| one.epoch < next.epoch && one.from <= next.from)
    }

    /// With how many records a log of so many begins that are also those of another one.
    #[must_use]
    pub fn shared(&self, records: u64, other: &Self, others: u64) -> u64 {
        let (ours, theirs) = (self.of(records), other.of(others));
        let (mut ours, mut theirs) = (ours.0.iter().peekable(), theirs.0.iter().peekable());
        let mut shared = 0;
        while let (Some(our), Some(their)) = (ours.next(), theirs.next()) {
            if our != their {
                break;
            }
            let our_end = ours.peek().map_or(records, |next| next.from);
            let their_end = theirs.peek().map_or(others, |next| next.from);
            shared = our_end.min(their_end);
            if our_end != their_end {
                break;
            }
        }
        shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(list: &[(u64, u64)]) -> Epochs {
        Epochs(list.iter().map(|(epoch, from)| Began { epoch: *epoch, from: *from }).collect())
    }

    #[test]
    fn logs_share_what_one_replica_wrote_and_part_where_two_did() {
        for (ours, records, theirs, others, shared) in [
            (&[][..], 0, &[(1, 0)][..], 9, 0),
            (&[(1, 0)], 50, &[(1, 0), (2, 103)], 110, 50),
            (&[(1, 0)], 103, &[(1, 0), (2, 103)], 103, 103),
            // The last seven of epoch 1 were never copied.
            (&[(1, 0)], 110, &[(1, 0), (2, 103)], 104, 103),
            (&[(1, 0)], 110, &[(1, 0), (2, 103)], 300, 103),
            // Both went on from different places.
            (&[(1, 0), (2, 60)], 80, &[(1, 0), (3, 70)], 90, 60),
            (&[(1, 0), (2, 60), (4, 70)], 80, &[(1, 0), (2, 60), (3, 65)], 90, 65),
            // An epoch without records leaves no trace.
            (&[(1, 0), (2, 103)], 103, &[(1, 0), (3, 103)], 300, 103),
            // Two logs that have nothing to do with each other.
            (&[(0, 0)], 10, &[(1, 0)], 20, 0),
            (&[(0, 0)], 10, &[(0, 0), (5, 12)], 20, 10),
        ] {
            let (ours, theirs) = (epochs(ours), epochs(theirs));
            assert_eq!(ours.shared(records, &theirs, others), shared, "{ours:?} {theirs:?}");
            assert_eq!(theirs.shared(others, &ours, records), shared, "{theirs:?} {ours:?}");
        }
    }

    #[test]
    fn a_log_from_before_there_were_epochs_is_of_epoch_0() {
        let mut begun = Epochs::default();
        begun.begin(4, 17);
        assert_eq!(begun, epochs(&[(0, 0), (4, 17)]));
        begun.begin(5, 17);
        assert_eq!(begun, epochs(&[(0, 0), (5, 17)]));
        let mut fresh = Epochs::default();
        fresh.begin(1, 0);
        assert_eq!((fresh.last(), fresh), (Some(1), epochs(&[(1, 0)])));
        assert!(begun.is_ascending() && !epochs(&[(2, 0), (2, 9)]).is_ascending());
    }
}
