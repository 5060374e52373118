//! Delta debugging: which of many parts can be left out so that what is left still does the same.
//!
//! `ddmin` of A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE Transactions on
//! Software Engineering 28 (2002). Of its two steps only that to complements is taken, which it begins with all parts at
//! once: a part of a scenario without what it refers to is hardly ever a scenario. What is left is 1-minimal: no single
//! part can be left out of it.

/// The parts that can be left out together. `first` is given sets of parts and says which is the first that can.
pub(super) fn superfluous<T: Clone, E>(
    parts: Vec<T>,
    mut first: impl FnMut(&[Vec<T>]) -> Result<Option<usize>, E>,
) -> Result<Vec<T>, E> {
    let mut kept = parts;
    let mut out: Vec<T> = Vec::new();
    let mut chunks = 1;
    while !kept.is_empty() {
        let size = kept.len().div_ceil(chunks);
        let more = |chunk: &[T]| out.iter().chain(chunk).cloned().collect();
        let candidates: Vec<Vec<T>> = kept.chunks(size).map(more).collect();
        match first(&candidates)? {
            Some(found) => {
                kept.drain(found * size..kept.len().min((found + 1) * size));
                chunks = (candidates.len() - 1).max(1);
                out.clone_from(&candidates[found]);
            }
            None if size == 1 => break,
            None => chunks = (2 * chunks).min(kept.len()),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    /// What is left of so many parts if it must hold something, and how many sets were tried.
    fn left(count: u32, holds: impl Fn(&[u32]) -> bool) -> (Vec<u32>, usize) {
        let parts: Vec<u32> = (0..count).collect();
        let rest = |out: &[u32]| -> Vec<u32> {
            parts.iter().filter(|part| !out.contains(part)).copied().collect()
        };
        let mut tried = 0;
        let out = superfluous(parts.clone(), |sets| -> Result<_, Infallible> {
            let found = sets.iter().position(|out| holds(&rest(out)));
            tried += found.map_or(sets.len(), |found| found + 1);
            Ok(found)
        });
        (rest(&out.unwrap()), tried)
    }

    #[test]
    fn what_need_not_be_there_goes_at_once() {
        assert_eq!(left(1_000, |_| true), (vec![], 1));
        assert_eq!(left(0, |_| true), (vec![], 0));
    }

    #[test]
    fn a_single_cause_is_found_among_many_in_few_runs() {
        let (left, tried) = left(1_000, |kept| kept.contains(&617));
        assert_eq!(left, [617]);
        assert!(tried < 50, "{tried}");
    }

    proptest! {
        #[test]
        fn no_single_part_can_be_left_out_of_what_is_left(
            count in 1_u32..60,
            needed in prop::collection::btree_set(0_u32..60, 0..6),
            least in 0_usize..8,
        ) {
            let needed: Vec<u32> = needed.into_iter().filter(|part| *part < count).collect();
            let least = least.min(count as usize);
            let holds = |kept: &[u32]| {
                kept.len() >= least && needed.iter().all(|part| kept.contains(part))
            };
            let (left, _) = left(count, holds);
            prop_assert!(holds(&left));
            for part in &left {
                let fewer: Vec<u32> = left.iter().filter(|other| *other != part).copied().collect();
                prop_assert!(!holds(&fewer));
            }
        }
    }
}
