//! Virtual addresses of services: one each in the whole fleet, from 240.0.0.0/4, which nobody routes.
//!
//! Each name has a row of addresses of its own, drawn from its hash. In the order of their names, each takes the first
//! one of its row that is free. So who gets what does not hang on the order in which names are told; a name that comes
//! or goes moves only those that met it, and among a hundred thousand names a few dozen meet at all.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::net::names::hash;

/// A service: its namespace, then its name.
pub type ServiceName<'n> = (&'n str, &'n str);

/// The /24 networks of 240.0.0.0/4.
const NETWORKS: u64 = 1 << 20;
/// Addresses of each that are given away: some stacks refuse `.0` and `.255`.
const IN_NETWORK: u64 = 254;
/// Addresses that are given away.
const SLOTS: u64 = NETWORKS * IN_NETWORK;
/// The most names: few enough that a name seldom meets another.
pub const NAMES_MAX: usize = 1 << 26;
const _: () = assert!(NAMES_MAX as u64 <= SLOTS / 2);

/// The address of every service.
///
/// # Panics
/// Panics for more than [`NAMES_MAX`] names.
#[must_use]
pub fn virtual_addresses<'n>(
    names: impl IntoIterator<Item = ServiceName<'n>>,
) -> BTreeMap<ServiceName<'n>, Ipv4Addr> {
    let slots = assign(names, SLOTS);
    slots.into_iter().map(|(name, slot)| (name, address(slot))).collect()
}

fn assign<'n>(
    names: impl IntoIterator<Item = ServiceName<'n>>,
    slots: u64,
) -> BTreeMap<ServiceName<'n>, u64> {
    let names: BTreeSet<_> = names.into_iter().collect();
    assert!(names.len() <= NAMES_MAX && (names.len() as u64) <= slots, "no address is left");
    let mut taken = BTreeSet::new();
    let mut assigned = BTreeMap::new();
    for name in names {
        let slot = row(name, slots).find(|slot| taken.insert(*slot));
        assigned.insert(name, slot.expect("a row never ends before every address was in it"));
    }
    assigned
}

/// The addresses that a name would have, the one it likes best first: drawn ones, then all in a circle.
fn row((namespace, service): ServiceName<'_>, slots: u64) -> impl Iterator<Item = u64> {
    const DRAWN: u64 = 16;
    let drawn = move |attempt: u64| hash(&[namespace, service, &attempt.to_string()]) % slots;
    let first = drawn(0);
    (0..DRAWN).map(drawn).chain((1..=slots).map(move |step| (first + step) % slots))
}

fn address(slot: u64) -> Ipv4Addr {
    let network = u32::try_from(slot / IN_NETWORK).expect("fewer networks than that");
    let host = u32::try_from(slot % IN_NETWORK).expect("fewer hosts than that") + 1;
    Ipv4Addr::from(0xf000_0000 | network << 8 | host)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hundred_thousand_names_have_addresses_of_their_own() {
        let names: Vec<String> = (0..100_000).map(|number| format!("web-{number}")).collect();
        let told = || names.iter().map(|name| ("shop", name.as_str()));
        let addresses = virtual_addresses(told());
        let distinct: BTreeSet<_> = addresses.values().collect();
        assert_eq!(distinct.len(), names.len());
        for address in addresses.values() {
            let [first, .., last] = address.octets();
            assert!(first >= 240 && last != 0 && last != 255, "{address}");
        }
        assert_eq!(virtual_addresses(told().rev()), addresses);
        let kept: Vec<_> = told().step_by(2).collect();
        let fewer = virtual_addresses(kept.iter().copied());
        let moved = fewer.iter().filter(|(name, address)| addresses[*name] != **address).count();
        assert!(moved < 40, "{moved} moved when half of them went");
    }

    #[test]
    fn an_address_is_the_same_in_every_release() {
        let addresses = virtual_addresses([("shop", "web"), ("shop", "api")]);
        let told: Vec<String> = addresses.values().map(ToString::to_string).collect();
        insta::assert_snapshot!(told.join(" "), @"255.23.224.123 247.224.169.12");
    }

    #[test]
    fn the_last_address_is_not_the_broadcast_address() {
        assert_eq!(address(0), Ipv4Addr::new(240, 0, 0, 1));
        assert_eq!(address(SLOTS - 1), Ipv4Addr::new(255, 255, 255, 254));
    }

    #[test]
    fn names_that_meet_are_settled_in_the_order_of_their_names() {
        let names = [("a", "x"), ("b", "x"), ("c", "x"), ("d", "x")];
        let crowded = assign(names, 4);
        assert_eq!(crowded.values().collect::<BTreeSet<_>>().len(), 4);
        let first = |name| row(name, 4).next().unwrap();
        assert_eq!(crowded[&names[0]], first(names[0]), "the first name gets what it likes best");
        assert_eq!(assign(names.into_iter().rev(), 4), crowded);
    }

    proptest! {
        #[test]
        fn however_crowded_no_two_names_share_an_address_and_later_names_move_nobody_before_them(
            numbers in prop::collection::btree_set(0_u16..500, 1..120),
            room in 0_u64..40,
        ) {
            let names: Vec<String> = numbers.iter().map(|number| format!("s{number:03}")).collect();
            let told: Vec<_> = names.iter().map(|name| ("n", name.as_str())).collect();
            let slots = told.len() as u64 + room;
            let all = assign(told.iter().copied(), slots);
            prop_assert_eq!(all.values().collect::<BTreeSet<_>>().len(), told.len());
            let fewer = assign(told.iter().copied().take(told.len() - 1), slots);
            for (name, slot) in fewer {
                prop_assert_eq!(all[&name], slot);
            }
        }
    }
}
