//! What all of compiling shares: names, rolls, complaints, and small conversions.

use std::collections::BTreeMap;

use periplus_core::fleet::{EXTENDED_RESOURCES_MAX, Resources};
use periplus_core::ids::{KindId, Symbol, TenantId};
use periplus_core::labels::{Labels, Operator, Requirement, Selector};
use periplus_core::units::{MiB, MilliCpu, Permille, Tick};

use crate::code::Code;
use crate::compile::labels::{LabelMap, check_selector, select};
use crate::compile::names::Names;
use crate::compile::roll::{CLUSTER, Roll, Version, ZONE};
use crate::diagnostic::Diagnostic;
use crate::draft::{
    ApplicationDraft, ClusterDraft, OperatorDraft, SelectionDraft, SelectorDraft, TenantDraft,
    ZoneDraft,
};
use crate::values::{Percentage, Quantity};
use crate::yaml::Cursor;

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
        select(&self.rolls.clusters, CLUSTER, selection, here, labels, &mut self.complaints)
    }

    /// The zones that are meant, ascending.
    pub(crate) fn zones(&mut self, selection: &SelectionDraft, here: Cursor<'_>) -> Vec<usize> {
        let labels = |zone: &ZoneVersion<'_>| zone.object.metadata.labels.clone();
        select(&self.rolls.zones, ZONE, selection, here, labels, &mut self.complaints)
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

type ClusterVersion<'a> = Version<'a, ClusterDraft>;
type ZoneVersion<'a> = Version<'a, ZoneDraft>;

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

/// The point in time that something counted from the start is at.
pub(crate) const fn tick(since_start: crate::values::Duration) -> Tick {
    Tick(since_start.0.0)
}
