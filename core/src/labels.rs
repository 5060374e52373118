//! Labels, label selectors, taints and tolerations, as Kubernetes defines them, over interned names.
//!
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/> and
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/>. Must not know what
//! carries the labels.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::Symbol;

/// Labels of a cluster or zone: at most one value per key, ascending by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(Vec<(Symbol, Symbol)>);

impl Labels {
    /// Labels from pairs in any order. Of several values for one key the last stays.
    #[must_use]
    pub fn new(pairs: impl IntoIterator<Item = (Symbol, Symbol)>) -> Self {
        let mut labels = Self::default();
        for (key, value) in pairs {
            match labels.0.binary_search_by_key(&key, |pair| pair.0) {
                Ok(place) => labels.0[place].1 = value,
                Err(place) => labels.0.insert(place, (key, value)),
            }
        }
        labels
    }

    /// The value under `key`.
    #[must_use]
    pub fn value(&self, key: Symbol) -> Option<Symbol> {
        let place = self.0.binary_search_by_key(&key, |pair| pair.0).ok()?;
        Some(self.0[place].1)
    }

    /// All pairs, ascending by key.
    pub fn iter(&self) -> impl Iterator<Item = (Symbol, Symbol)> + '_ {
        self.0.iter().copied()
    }
}

/// A label selector: all of its requirements must hold; none means that everything matches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Selector(pub Vec<Requirement>);

/// One requirement of a selector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// The label that is asked about.
    pub key: Symbol,
    /// How.
    pub operator: Operator,
    /// The values that are compared; empty for `Exists` and `DoesNotExist`.
    pub values: Vec<Symbol>,
}

/// The operators of `matchExpressions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// The label is there and its value is listed.
    In,
    /// The label is absent, or its value is not listed.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is absent.
    DoesNotExist,
}

impl Selector {
    /// The first requirement that `labels` do not meet.
    #[must_use]
    pub fn unmet(&self, labels: &Labels) -> Option<&Requirement> {
        self.0.iter().find(|requirement| !requirement.holds(labels))
    }

    /// Whether all requirements hold.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.unmet(labels).is_none()
    }
}

impl Requirement {
    fn holds(&self, labels: &Labels) -> bool {
        let value = labels.value(self.key);
        match self.operator {
            Operator::In => value.is_some_and(|value| self.values.contains(&value)),
            Operator::NotIn => value.is_none_or(|value| !self.values.contains(&value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

/// A taint of a cluster: only apps that tolerate it are placed there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taint {
    /// Its key.
    pub key: Symbol,
    /// Its value, if it has one.
    pub value: Option<Symbol>,
    /// What it does to apps that do not tolerate it.
    pub effect: TaintEffect,
}

/// What a taint does to apps that do not tolerate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaintEffect {
    /// They move away.
    NoExecute,
    /// They stay, but nothing new is placed.
    NoSchedule,
}

/// A toleration of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toleration {
    /// The taint's key; `None` tolerates every taint.
    pub key: Option<Symbol>,
    /// The taint's value; `None` tolerates every value (operator `Exists`).
    pub value: Option<Symbol>,
}

impl Toleration {
    /// Whether `taint` is tolerated.
    #[must_use]
    pub fn covers(&self, taint: &Taint) -> bool {
        self.key.is_none_or(|key| key == taint.key)
            && self.value.is_none_or(|value| Some(value) == taint.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn requirements_hold_as_in_kubernetes() {
        let labels = Labels::new([(Symbol(2), Symbol(20)), (Symbol(1), Symbol(10))]);
        let table = [
            (1, Operator::In, vec![Symbol(10)], true),
            (1, Operator::In, vec![Symbol(11)], false),
            (3, Operator::In, vec![Symbol(10)], false),
            (1, Operator::NotIn, vec![Symbol(10)], false),
            (3, Operator::NotIn, vec![Symbol(10)], true),
            (2, Operator::Exists, vec![], true),
            (3, Operator::Exists, vec![], false),
            (2, Operator::DoesNotExist, vec![], false),
            (3, Operator::DoesNotExist, vec![], true),
        ];
        for (key, operator, values, holds) in table {
            let requirement = Requirement { key: Symbol(key), operator, values };
            assert_eq!(
                Selector(vec![requirement.clone()]).matches(&labels),
                holds,
                "{requirement:?}"
            );
        }
        assert!(Selector::default().matches(&labels));
    }

    #[test]
    fn a_toleration_without_a_value_covers_every_value_of_its_key() {
        let taint =
            Taint { key: Symbol(1), value: Some(Symbol(5)), effect: TaintEffect::NoSchedule };
        let covers = |key, value| Toleration { key, value }.covers(&taint);
        assert!(covers(None, None));
        assert!(covers(Some(Symbol(1)), None));
        assert!(covers(Some(Symbol(1)), Some(Symbol(5))));
        assert!(!covers(Some(Symbol(1)), Some(Symbol(6))));
        assert!(!covers(Some(Symbol(2)), None));
    }
}
