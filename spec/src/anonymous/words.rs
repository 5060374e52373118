//! Words: what stands for what. The same text becomes the same word wherever it stands, whatever it names there:
//! selectors, measured ways and tables may know a cluster by its name or by a label's value.

use std::collections::{BTreeMap, BTreeSet};

/// What stands for what.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// Names that something has, in the order in which they were met, and what has them.
    declared: Vec<(String, BTreeSet<String>)>,
    /// Keys that are counted in their order: where they stand among each other decides.
    keys: BTreeSet<String>,
    /// Names and labels' values.
    names: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    /// Other texts, by what they are.
    texts: BTreeMap<(String, String), String>,
    /// How many words begin alike.
    counts: BTreeMap<String, usize>,
}

/// Names that mean something without being declared.
const BUILT_IN: [&str; 2] = ["default", "main"];
/// Words that tell no more than where in a network something stands, unless something is called so.
const TIERS: [&str; 5] = ["cloud", "core", "edge", "metro", "region"];
/// Labels' keys that everybody uses.
const LABELS: [&str; 7] = ["arch", "os", "provider", "region", "site", "tier", "zone"];
/// Kubernetes' own labels' keys. Behind its domains, anybody writes others.
const WELL_KNOWN: [&str; 8] = [
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/worker",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];
/// What numbers of a summary are called by; a step of a path that is not here may be anybody's.
#[rustfmt::skip]
const METRICS: [&str; 44] = [
    "alerts", "apps", "attainment", "bursts", "carbon", "coldStarts", "commits", "compute", "cost", "count",
    "decisions", "demandToReady", "dormant", "effects", "egress", "energy", "events", "fixed", "hours", "inputs", "kg",
    "kwh", "latency", "machine", "maxS", "meanMs", "moves", "offered", "p50Ms", "p50S", "p90Ms", "p95Ms", "p95S",
    "p999Ms", "p99Ms", "placements", "preemptions", "records", "removals", "requests", "served", "slo",
    "total", "unserved",
];

impl Words {
    /// Something has this name.
    pub(super) fn declare(&mut self, what: &str, name: &str) {
        let place = self.declared.iter().position(|(known, _)| known == name);
        let place = place.unwrap_or_else(|| {
            self.declared.push((name.to_owned(), BTreeSet::new()));
            self.declared.len() - 1
        });
        self.declared[place].1.insert(kebab(what));
    }

    /// This key is counted.
    pub(super) fn list(&mut self, key: &str) {
        self.keys.insert(key.to_owned());
    }

    /// The same with a word for everything that was declared or listed: a cluster is called `cluster-1`, and what
    /// has its name in common with something of another kind `name-1`.
    pub(super) fn numbered(mut self) -> Self {
        for (name, whats) in std::mem::take(&mut self.declared) {
            let mut whats = whats.into_iter();
            let word = match (BUILT_IN.contains(&name.as_str()), whats.next(), whats.next()) {
                (true, _, _) => name.clone(),
                (false, Some(what), None) => self.next(&what),
                (false, _, _) => self.next("name"),
            };
            self.names.insert(name, word);
        }
        self
    }

    /// What stands for a name.
    pub(super) fn name(&mut self, field: &str, name: &str) -> String {
        if let Some(word) = self.names.get(name) {
            return word.clone();
        }
        let is_built_in = BUILT_IN.contains(&name) || TIERS.contains(&name);
        let word = if is_built_in { name.to_owned() } else { self.next(&kebab(field)) };
        self.names.insert(name.to_owned(), word.clone());
        word
    }

    /// What stands for a name, if it is known.
    pub(super) fn known(&self, name: &str) -> Option<&str> {
        self.names.get(name).map(String::as_str)
    }

    /// What stands for a label's key.
    pub(super) fn label(&mut self, key: &str) -> String {
        if LABELS.contains(&key) || WELL_KNOWN.contains(&key) {
            return key.to_owned();
        }
        if !self.labels.contains_key(key) {
            let word = self.next("label");
            self.labels.insert(key.to_owned(), word);
        }
        self.labels[key].clone()
    }

    /// What stands for a label's value.
    pub(super) fn value(&mut self, value: &str) -> String {
        let is_flag = ["", "true", "false"].contains(&value);
        if is_flag { value.to_owned() } else { self.name("value", value) }
    }

    /// What stands for a text. None stands for none.
    pub(super) fn text(&mut self, field: &str, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        let key = (field.to_owned(), text.to_owned());
        if !self.texts.contains_key(&key) {
            let word = self.next(&kebab(field));
            self.texts.insert(key.clone(), word);
        }
        self.texts[&key].clone()
    }

    /// What stands for a key that is counted: it stands among the others where the key stood.
    pub(super) fn listed(&self, key: &str) -> String {
        let place = self.keys.iter().position(|known| known == key).unwrap_or(self.keys.len());
        let width = self.keys.len().to_string().len();
        format!("key-{:0width$}", place + 1)
    }

    /// A number of the summary by its path, of which an app's name may be a part.
    pub(super) fn metric(&mut self, path: &str) -> String {
        let mut app = false;
        let steps = path.split('.').enumerate().map(|(place, step)| {
            let after_apps = std::mem::replace(&mut app, place == 0 && step == "apps");
            match (after_apps, METRICS.contains(&step)) {
                (true, _) => self.name("app", step),
                (false, true) => step.to_owned(),
                (false, false) => self.text("metric", step),
            }
        });
        steps.collect::<Vec<_>>().join(".")
    }

    fn next(&mut self, what: &str) -> String {
        let count = self.counts.entry(what.to_owned()).or_default();
        *count += 1;
        format!("{what}-{count}")
    }
}

/// `nodePool` as `node-pool`.
fn kebab(field: &str) -> String {
    let mut word = String::new();
    for letter in field.chars() {
        if letter.is_ascii_uppercase() {
            word.push('-');
        }
        word.push(letter.to_ascii_lowercase());
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_becomes_one_word_wherever_it_stands() {
        let mut words = Words::default();
        words.declare("cluster", "harbour");
        words.declare("zone", "harbour");
        words.declare("cluster", "cloud");
        words.declare("nodePool", "default");
        let mut words = words.numbered();
        assert_eq!(words.name("cluster", "harbour"), "name-1");
        assert_eq!(words.value("harbour"), "name-1");
        assert_eq!(words.value("cloud"), "cluster-1");
        assert_eq!([words.value("edge"), words.name("kind", "edge")], ["edge", "edge"]);
        assert_eq!(words.value("acme"), "value-1");
        assert_eq!(words.name("nodePool", "default"), "default");
        assert_eq!(words.label("topology.kubernetes.io/zone"), "topology.kubernetes.io/zone");
        assert_eq!(words.label("acme.example/kubernetes.io"), "label-1");
        assert_eq!(words.label("acme.example.node-restriction.kubernetes.io/fips"), "label-2");
        assert_eq!(words.label("node-role.kubernetes.io/harbour"), "label-3");
        assert_eq!(words.metric("apps.harbour.cost.total"), "apps.name-1.cost.total");
        assert_eq!(words.metric("apps.harbour.secret"), "apps.name-1.metric-1");
        assert_eq!(words.text("env", ""), "");
    }

    #[test]
    fn keys_keep_their_order() {
        let mut words = Words::default();
        for key in ["nvidia.com/gpu", "amd.com/gpu"] {
            words.list(key);
        }
        assert_eq!(words.listed("amd.com/gpu"), "key-1");
        assert_eq!(words.listed("nvidia.com/gpu"), "key-2");
    }
}
