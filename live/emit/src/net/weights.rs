//! Parts of requests in the whole numbers that others take.

use std::cmp::Reverse;

use crate::net::names::hash;

/// What Istio's weights add up to.
pub const PERCENT: u32 = 100;

/// The most that a record may weigh: Route 53 takes none above that.
pub const RECORD_MAX: u32 = 255;

/// Divides `whole` in proportion to `shares`, by the largest remainder (Hamilton).
///
/// Equal remainders are settled by a hash of `salt` and the name, not by the order of names: what is left over would
/// pile up on whoever comes first. All are zero where the shares are.
#[must_use]
pub fn divided(shares: &[(&str, u32)], whole: u32, salt: &str) -> Vec<u32> {
    let total: u64 = shares.iter().map(|(_, share)| u64::from(*share)).sum();
    if total == 0 {
        return vec![0; shares.len()];
    }
    let exact = |share: u32| u64::from(share) * u64::from(whole);
    let narrow = |number: u64| u32::try_from(number).expect("no part is more than the whole");
    let mut parts: Vec<u32> =
        shares.iter().map(|(_, share)| narrow(exact(*share) / total)).collect();
    let left = whole - parts.iter().sum::<u32>();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by_cached_key(|place| {
        let (name, share) = shares[*place];
        (Reverse(exact(share) % total), hash(&[salt, name]), *place)
    });
    for place in order.into_iter().take(left as usize) {
        parts[place] += 1;
    }
    parts
}

/// Weights of records in proportion to `shares`, in the smallest numbers. Whoever has a share weighs at least 1, whoever
/// has none 0.
#[must_use]
pub fn relative(shares: &[u32]) -> Vec<u32> {
    let common = shares.iter().copied().fold(0, divisor).max(1);
    let most = shares.iter().max().map_or(1, |most| most / common).max(1);
    let weight = |share: u32| {
        let share = share / common;
        if most <= RECORD_MAX || share == 0 {
            return share;
        }
        let exact = u64::from(share) * u64::from(RECORD_MAX);
        let rounded = (exact + u64::from(most) / 2) / u64::from(most);
        u32::try_from(rounded).expect("no share is more than the largest").max(1)
    };
    shares.iter().map(|share| weight(*share)).collect()
}

/// The greatest common divisor (Euclid).
const fn divisor(one: u32, other: u32) -> u32 {
    if other == 0 { one } else { divisor(other, one % other) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_largest_remainder_gets_what_is_left() {
        assert_eq!(divided(&[("a", 706), ("b", 294)], 100, ""), [71, 29]);
        assert_eq!(divided(&[("a", 1), ("b", 1)], 100, ""), [50, 50]);
        assert_eq!(divided(&[("a", 700)], 100, ""), [100], "what nobody serves does not count");
        assert_eq!(divided(&[("a", 0), ("b", 0)], 100, ""), [0, 0]);
        assert_eq!(divided(&[], 100, ""), [0; 0]);
    }

    #[test]
    fn what_is_left_over_does_not_pile_up_on_the_first_name() {
        let winners = (0..300).map(|salt| {
            let parts = divided(&[("a", 1), ("b", 1), ("c", 1)], 100, &salt.to_string());
            parts.iter().position(|part| *part == 34).unwrap()
        });
        let mut won = [0; 3];
        winners.for_each(|winner| won[winner] += 1);
        assert!(won.iter().all(|won| *won > 60), "{won:?}");
    }

    #[test]
    fn records_weigh_as_little_as_they_can_and_nobody_is_lost() {
        assert_eq!(relative(&[700, 300]), [7, 3]);
        assert_eq!(relative(&[1_000]), [1]);
        assert_eq!(relative(&[0, 500]), [0, 1]);
        assert_eq!(relative(&[703, 297]), [255, 108]);
        assert_eq!(relative(&[999_999, 1]), [255, 1]);
        assert_eq!(relative(&[0, 0]), [0, 0]);
        assert_eq!(relative(&[]), [0; 0]);
    }

    proptest! {
        #[test]
        fn parts_add_up_and_are_less_than_one_off(
            shares in prop::collection::vec(0_u32..1_001, 1..20), whole in 1_u32..1_000,
        ) {
            let names: Vec<String> = (0..shares.len()).map(|place| place.to_string()).collect();
            let told: Vec<_> = names.iter().map(String::as_str).zip(shares.iter().copied()).collect();
            let parts = divided(&told, whole, "salt");
            let total: u64 = shares.iter().map(|share| u64::from(*share)).sum();
            prop_assert_eq!(parts.iter().sum::<u32>(), if total == 0 { 0 } else { whole });
            for (part, share) in parts.iter().zip(&shares) {
                let off = (u64::from(*part) * total).abs_diff(u64::from(*share) * u64::from(whole));
                prop_assert!(off < total.max(1));
            }
        }
    }
}
