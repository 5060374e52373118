//! Where apps are: what people see of the machine's state in the status of an app.

use std::collections::{BTreeMap, BTreeSet};

use crate::desk::Desk;

/// Where an app is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// Clusters in which all of it that belongs there is ready.
    ready: BTreeSet<String>,
    /// Others in which it is to be.
    waiting: BTreeSet<String>,
}

/// Something that a condition says: whether it holds, why in one word, and why in a sentence.
pub(super) type Said = (&'static str, &'static str, String);

/// So many clusters are named; what comes after them is counted.
const NAMED_MAX: usize = 10;

/// Where each app is.
pub(super) fn places(desk: &Desk) -> BTreeMap<String, Places> {
    let state = desk.state();
    let mut all: BTreeMap<String, Places> = BTreeMap::new();
    for (_, berth) in state.berths().filter(|(_, berth)| berth.is_live()) {
        let app = state.name(state.intent(berth.app).name);
        let cluster = state.name(state.cluster(berth.cluster).spec.name).to_owned();
        let places = all.entry(app.to_owned()).or_default();
        // An app may have several groups in a cluster.
        if berth.is_ready() && !places.waiting.contains(&cluster) {
            places.ready.insert(cluster);
        } else {
            places.ready.remove(&cluster);
            places.waiting.insert(cluster);
        }
    }
    all
}

impl Places {
    /// Whether it is in any cluster, and in which.
    pub(super) fn placed(&self) -> Said {
        let all: Vec<&str> = self.ready.union(&self.waiting).map(String::as_str).collect();
        if all.is_empty() {
            return ("False", "NotNeeded", "it is needed in no cluster now".to_owned());
        }
        ("True", "InClusters", listed(&all))
    }

    /// Whether all of it is ready, and where.
    pub(super) fn ready(&self) -> Said {
        let all = self.ready.len() + self.waiting.len();
        if all == 0 {
            return ("Unknown", "NotNeeded", "it is needed in no cluster now".to_owned());
        }
        let ready: Vec<&str> = self.ready.iter().map(String::as_str).collect();
        let counted = format!("{} of {all} clusters ready", ready.len());
        let message =
            if ready.is_empty() { counted } else { format!("{counted}: {}", listed(&ready)) };
        if self.waiting.is_empty() {
            ("True", "AllReady", message)
        } else {
            ("False", "Waiting", message)
        }
    }
}

fn listed(names: &[&str]) -> String {
    let some = names[..names.len().min(NAMED_MAX)].join(", ");
    match names.len().saturating_sub(NAMED_MAX) {
        0 => some,
        more => format!("{some} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_is_said_of_an_app_is_short() {
        let places = Places { ready: names(&["a", "b"]), waiting: names(&["c"]) };
        assert_eq!(places.placed(), ("True", "InClusters", "a, b, c".to_owned()));
        assert_eq!(places.ready(), ("False", "Waiting", "2 of 3 clusters ready: a, b".to_owned()));
        let waiting = Places { waiting: names(&["c"]), ..Places::default() };
        assert_eq!(waiting.ready(), ("False", "Waiting", "0 of 1 clusters ready".to_owned()));
        assert_eq!(Places::default().placed().1, "NotNeeded");
        let many: Vec<String> = (10..40).map(|number| format!("c{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let all = Places { ready: names(&many), ..Places::default() };
        assert!(all.ready().2.ends_with("c19 and 20 more"), "{:?}", all.ready());
    }
}
