//! What all of compiling shares: names, rolls, complaints, and small conversions.

use std::collections::BTreeMap;

use periplus_core::fleet::{EXTENDED_RESOURCES_MAX, Resources};
use periplus_core::ids::{KindId, Symbol, TenantId};
use periplus_core::labels::{Labels, Operator, Requirement, Selector};
use periplus_core::units::{MiB, MilliCpu, Permille, Tick};

use crate::code::Code;
use crate::compile::names::Names;
use crate::compile::roll::{Noun, Roll};
use crate::diagnostic::Diagnostic;
use crate::draft::{
    ApplicationDraft, ClusterDraft, OperatorDraft, SelectionDraft, SelectorDraft, TenantDraft,
    ZoneDraft,
};
use crate::values::{LabelKey, LabelValue, Percentage, Quantity};
use crate::yaml::Cursor;

/// Labels as they are written.
pub(crate) type LabelMap = BTreeMap<LabelKey, LabelValue>;

/// Complaints, as they come.
#[derive(Debug)]
pub(crate) struct Complaints {
    pub(crate) list: Vec<Diagnostic>,
    pub(crate) coverage: Coverage,
}

/// Whether everything that is referred to must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// It must: this is a scenario.
    Whole,
    /// It need not: this is a file of some kinds.
    Part,
}

/// What all of compiling shares.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) names: Names,
    pub(crate) rolls: Rolls<'a>,
    pub(crate) kinds: Kinds<'a>,
    pub(crate) extended: Vec<String>,
    pub(crate) complaints: Complaints,
}

/// All things of all kinds.
#[derive(Debug)]
pub(crate) struct Rolls<'a> {
    pub(crate) apps: Roll<'a, ApplicationDraft>,
    pub(crate) clusters: Roll<'a, ClusterDraft>,
    pub(crate) tenants: Roll<'a, TenantDraft>,
    pub(crate) zones: Roll<'a, ZoneDraft>,
}

/// The kinds of clusters, by id, and how fast each is.
#[derive(Debug, Default)]
pub(crate) struct Kinds<'a> {
    ids: BTreeMap<&'a str, KindId>,
    /// Names and speeds by id.
    pub(crate) list: Vec<(&'a str, f64)>,
}

impl Complaints {
    pub(crate) const fn new(coverage: Coverage) -> Self {
        Self { list: Vec::new(), coverage }
    }

    pub(crate) fn push(&mut self, wrong: Diagnostic) {
        self.list.push(wrong);
    }

    /// Complains of something that is not there, unless it may be elsewhere.
    pub(crate) fn push_missing(&mut self, wrong: Diagnostic) {
        if self.coverage == Coverage::Whole {
            self.list.push(wrong);
        }
    }

    pub(crate) fn have_errors(&self) -> bool {
        self.list.iter().any(Diagnostic::is_error)
    }
}

impl<'a> Kinds<'a> {
    /// The kinds of all clusters in the order of their ids. Clusters of one kind must agree.
    pub(crate) fn of(clusters: &Roll<'a, ClusterDraft>, complaints: &mut Complaints) -> Self {
        let mut kinds = Self::default();
        let mut first: BTreeMap<&str, Cursor<'a>> = BTreeMap::new();
        for version in clusters.entities.iter().flat_map(|cluster| &cluster.versions) {
            let draft = &version.object.spec;
            let here = version.here.path(&["spec", "speed"]);
            if draft.speed.in_millionths() == 0 {
                let message = "the speed of a cluster must be more than 0";
                complaints.push(here.error(Code::OutOfRange, message));
                continue;
            }
            let name: &'a str = &draft.kind;
            match kinds.ids.get(name) {
                None => {
                    kinds.ids.insert(name, KindId::from_index(kinds.list.len()));
                    kinds.list.push((name, draft.speed.float()));
                    first.insert(name, here);
                }
                Some(kind) => {
                    let before = kinds.list[kind.index()].1;
                    if before.to_bits() != draft.speed.float().to_bits() {
                        let message = format!(
                            "clusters of kind `{name}` are of speed {before}; this one says {}",
                            draft.speed
                        );
                        let wrong = here.error(Code::KindDisagrees, message);
                        let wrong = wrong.with_help("give it another kind, or the same speed");
                        complaints.push(first[name].remark(wrong, "first said here"));
                    }
                }
            }
        }
        if kinds.list.is_empty() {
            kinds.list.push(("default", 1.0));
        }
        kinds
    }

    pub(crate) fn id(&self, name: &str) -> KindId {
        self.ids.get(name).copied().unwrap_or(KindId(0))
    }
}

impl Context<'_> {
    pub(crate) fn labels(&mut self, labels: &LabelMap) -> Labels {
        let names = &mut self.names;
        Labels::new(labels.iter().map(|(key, value)| (names.symbol(key), names.symbol(value))))
    }

    pub(crate) fn optional(&mut self, text: Option<&str>) -> Option<Symbol> {
        text.map(|text| self.names.symbol(text))
    }

    pub(crate) fn selector(&mut self, draft: &SelectorDraft, here: Cursor<'_>) -> Selector {
        self.complaints.list.extend(check_selector(draft, here));
        let names = &mut self.names;
        let equal = draft.match_labels.iter().map(|(key, value)| Requirement {
            key: names.symbol(key),
            operator: Operator::In,
            values: vec![names.symbol(value)],
        });
        let mut requirements: Vec<_> = equal.collect();
        for expression in &draft.match_expressions {
            requirements.push(Requirement {
                key: names.symbol(&expression.key),
                operator: match expression.operator {
                    OperatorDraft::In => Operator::In,
                    OperatorDraft::NotIn => Operator::NotIn,
                    OperatorDraft::Exists => Operator::Exists,
                    OperatorDraft::DoesNotExist => Operator::DoesNotExist,
                },
                values: expression.values.iter().map(|value| names.symbol(value)).collect(),
            });
        }
        Selector(requirements)
    }

    /// Resources as a node has them or a pod asks for them; `missing` says what counts where nothing is said.
    pub(crate) fn resources(
        &mut self,
        said: &Said<'_>,
        missing: &Resources,
        here: Cursor<'_>,
    ) -> Resources {
        let mut resources = *missing;
        if let Some(cpu) = said.cpu {
            let cpu = cpu.cpu().unwrap_or_else(|| {
                self.too_much("cpu", cpu, here);
                MilliCpu::ZERO
            });
            resources.cpu = cpu;
        }
        if let Some(memory) = said.memory {
            let counted = match said.rounding {
                Rounding::Up => memory.memory(),
                Rounding::Down => memory.memory_there(),
            };
            resources.memory = counted.unwrap_or_else(|| {
                self.too_much("memory", memory, here);
                MiB::ZERO
            });
        }
        for (name, units) in said.extended {
            let here = here.key("extended");
            if let Some(place) = self.extended(name, here) {
                resources.extended[place] = *units;
            }
        }
        resources
    }

    fn too_much(&mut self, field: &str, amount: Quantity, here: Cursor<'_>) {
        let message = format!("`{field}` of {amount} is more than can be counted");
        self.complaints.push(here.key(field).error(Code::OutOfRange, message));
    }

    /// The place of an extended resource among those that the fleet counts.
    pub(crate) fn extended(&mut self, name: &str, here: Cursor<'_>) -> Option<usize> {
        if let Some(place) = self.extended.iter().position(|known| known == name) {
            return Some(place);
        }
        if self.extended.len() == EXTENDED_RESOURCES_MAX {
            let message = format!(
                "`{name}` would be one extended resource too many; a fleet counts {EXTENDED_RESOURCES_MAX}"
            );
            let known = self.extended.iter().map(String::as_str).collect::<Vec<_>>();
            let help = format!("it counts {} already", crate::schema::listed(&known));
            let wrong = here.name_of(name).error(Code::TooMany, message).with_help(help);
            self.complaints.push(wrong);
            return None;
        }
        self.extended.push(name.to_owned());
        Some(self.extended.len() - 1)
    }

    /// The clusters that are meant, ascending.
    pub(crate) fn clusters(&mut self, selection: &SelectionDraft, here: Cursor<'_>) -> Vec<usize> {
        let labels = |cluster: &ClusterVersion<'_>| cluster.object.metadata.labels.clone();
        select(
            &self.rolls.clusters,
            crate::compile::roll::CLUSTER,
            selection,
            here,
            labels,
            &mut self.complaints,
        )
    }

    /// The zones that are meant, ascending.
    pub(crate) fn zones(&mut self, selection: &SelectionDraft, here: Cursor<'_>) -> Vec<usize> {
        let labels = |zone: &ZoneVersion<'_>| zone.object.metadata.labels.clone();
        select(
            &self.rolls.zones,
            crate::compile::roll::ZONE,
            selection,
            here,
            labels,
            &mut self.complaints,
        )
    }

    /// The id of a declared tenant. The tenant that exists without being declared has the first one.
    pub(crate) fn tenant_id(&self, place: usize) -> TenantId {
        let tenants = &self.rolls.tenants.entities;
        let default = |name: &str| name == crate::compile::fleet::DEFAULT_TENANT;
        if default(tenants[place].name) {
            return TenantId(0);
        }
        let before = tenants[..place].iter().filter(|tenant| !default(tenant.name));
        TenantId::from_index(1 + before.count())
    }

    /// A part of a whole that is at most the whole.
    pub(crate) fn part(&mut self, part: Percentage, here: Cursor<'_>) -> Permille {
        if part.0 > Permille::WHOLE {
            let message = format!("{part} is more than the whole");
            self.complaints.push(here.error(Code::OutOfRange, message));
        }
        part.0.min(Permille::WHOLE)
    }

    pub(crate) fn complain(&mut self, here: Cursor<'_>, code: Code, message: impl Into<String>) {
        self.complaints.push(here.error(code, message));
    }
}

type ClusterVersion<'a> = crate::compile::roll::Version<'a, ClusterDraft>;
type ZoneVersion<'a> = crate::compile::roll::Version<'a, ZoneDraft>;

/// Resources as they are said.
pub(crate) struct Said<'a> {
    pub(crate) cpu: Option<Quantity>,
    pub(crate) memory: Option<Quantity>,
    pub(crate) extended: &'a BTreeMap<String, u16>,
    pub(crate) rounding: Rounding,
}

/// Where fractions of a MiB go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// What is asked for.
    Up,
    /// What is there.
    Down,
}

fn select<D>(
    roll: &Roll<'_, D>,
    noun: Noun,
    selection: &SelectionDraft,
    here: Cursor<'_>,
    labels: impl Fn(&crate::compile::roll::Version<'_, D>) -> LabelMap,
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

fn check_selector(selector: &SelectorDraft, here: Cursor<'_>) -> Vec<Diagnostic> {
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

/// The point in time that something counted from the start is at.
pub(crate) const fn tick(since_start: crate::values::Duration) -> Tick {
    Tick(since_start.0.0)
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
