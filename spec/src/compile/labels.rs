//! Labels as they are written: what a selector or a list of names picks while compiling.

use std::collections::BTreeMap;

use crate::code::Code;
use crate::compile::context::Complaints;
use crate::compile::roll::{Noun, Roll, Version};
use crate::diagnostic::Diagnostic;
use crate::draft::{OperatorDraft, SelectionDraft, SelectorDraft};
use crate::values::{LabelKey, LabelValue};
use crate::yaml::Cursor;

/// Labels as they are written.
pub(crate) type LabelMap = BTreeMap<LabelKey, LabelValue>;

/// The things that are meant, ascending.
pub(crate) fn select<D>(
    roll: &Roll<'_, D>,
    noun: Noun,
    selection: &SelectionDraft,
    here: Cursor<'_>,
    labels: impl Fn(&Version<'_, D>) -> LabelMap,
    complaints: &mut Complaints,
) -> Vec<usize> {
    let mut found: Vec<usize> = match selection {
        SelectionDraft::Names(names) => names
            .iter()
            .enumerate()
            .filter_map(|(index, name)| roll.find(noun, name, here.item(index), complaints))
            .collect(),
        SelectionDraft::Labels(selector) => {
            complaints.list.extend(check_selector(selector, here));
            let entities = roll.entities.iter().enumerate();
            let fits = entities.filter(|(_, entity)| matches(selector, &labels(entity.last())));
            let fits: Vec<usize> = fits.map(|(index, _)| index).collect();
            if fits.is_empty() {
                let message = format!("this selects no {}", noun.name);
                complaints.push_missing(here.error(Code::NothingSelected, message));
            }
            fits
        }
    };
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether a selector matches labels, both as they are written.
pub(crate) fn matches(selector: &SelectorDraft, labels: &LabelMap) -> bool {
    let equal = |(key, value): (&LabelKey, &LabelValue)| labels.get(key) == Some(value);
    selector.match_labels.iter().all(equal)
        && selector.match_expressions.iter().all(|expression| {
            let value = labels.get(&expression.key);
            let listed = value.is_some_and(|value| expression.values.contains(value));
            match expression.operator {
                OperatorDraft::In => listed,
                OperatorDraft::NotIn => !listed,
                OperatorDraft::Exists => value.is_some(),
                OperatorDraft::DoesNotExist => value.is_none(),
            }
        })
}

/// What contradicts itself in a selector.
pub(crate) fn check_selector(selector: &SelectorDraft, here: Cursor<'_>) -> Vec<Diagnostic> {
    let here = here.key("matchExpressions");
    let expressions = selector.match_expressions.iter().enumerate();
    let wrong = expressions.filter_map(|(index, expression)| {
        let here = here.item(index);
        let valued = matches!(expression.operator, OperatorDraft::In | OperatorDraft::NotIn);
        let operator = expression.operator;
        match (valued, expression.values.is_empty()) {
            (true, true) => {
                let message = format!("`{operator:?}` compares with values; here are none");
                Some(here.error(Code::BadSelector, message).with_help("add `values: [...]`"))
            }
            (false, false) => {
                let message = format!("`{operator:?}` asks for the label, not for its value");
                Some(
                    here.key("values")
                        .error(Code::BadSelector, message)
                        .with_help("remove `values`"),
                )
            }
            _ => None,
        }
    });
    wrong.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::ExpressionDraft;

    fn map(pairs: &[(&str, &str)]) -> LabelMap {
        pairs.iter().map(|(key, value)| (key.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn selectors_match_as_in_kubernetes() {
        let expression = |operator, values: &[&str]| SelectorDraft {
            match_labels: BTreeMap::new(),
            match_expressions: vec![ExpressionDraft {
                key: "tier".parse().unwrap(),
                operator,
                values: values.iter().map(|value| value.parse().unwrap()).collect(),
            }],
        };
        let edge = map(&[("tier", "edge")]);
        let none = map(&[]);
        let table = [
            (expression(OperatorDraft::In, &["edge"]), true, false),
            (expression(OperatorDraft::NotIn, &["edge"]), false, true),
            (expression(OperatorDraft::Exists, &[]), true, false),
            (expression(OperatorDraft::DoesNotExist, &[]), false, true),
            (SelectorDraft::default(), true, true),
        ];
        for (selector, with, without) in table {
            assert_eq!(matches(&selector, &edge), with, "{selector:?}");
            assert_eq!(matches(&selector, &none), without, "{selector:?}");
        }
    }
}
