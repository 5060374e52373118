//! Rolls: all things of one kind, by name and by id, with the versions that their declarations go through.

use std::collections::BTreeMap;

use periplus_core::units::Tick;

use crate::code::Code;
use crate::compile::Complaints;
use crate::draft::Object;
use crate::schema::did_you_mean;
use crate::yaml::Cursor;

/// All things of one kind. Their order gives their ids: by the time of their first declaration, then as in
/// the files.
#[derive(Debug)]
pub(crate) struct Roll<'a, D> {
    pub(crate) entities: Vec<Entity<'a, D>>,
    by_name: BTreeMap<&'a str, usize>,
}

/// One thing and how it was declared, first to last.
#[derive(Debug)]
pub(crate) struct Entity<'a, D> {
    pub(crate) name: &'a str,
    pub(crate) versions: Vec<Version<'a, D>>,
}

/// When something is declared. What the files say comes before what the timeline says at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct When {
    pub(crate) at: Tick,
    pub(crate) by: By,
}

/// Where a declaration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum By {
    /// In a file: it is the only one for its name.
    File,
    /// In the timeline: it may change what was declared before.
    Timeline,
}

/// One declaration.
#[derive(Debug)]
pub(crate) struct Version<'a, D> {
    pub(crate) when: When,
    pub(crate) object: &'a Object<D>,
    pub(crate) here: Cursor<'a>,
    /// The file that it stands in.
    pub(crate) path: &'a str,
}

impl When {
    /// What is there from the start.
    pub(crate) const START: Self = Self { at: Tick::ZERO, by: By::File };
}

/// What things are called in complaints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noun {
    pub(crate) name: &'static str,
    pub(crate) unknown: Code,
}

pub(crate) const APP: Noun = Noun { name: "app", unknown: Code::UnknownApp };
pub(crate) const CLUSTER: Noun = Noun { name: "cluster", unknown: Code::UnknownCluster };
pub(crate) const TENANT: Noun = Noun { name: "tenant", unknown: Code::UnknownTenant };
pub(crate) const ZONE: Noun = Noun { name: "zone", unknown: Code::UnknownZone };

impl<'a, D> Roll<'a, D> {
    /// A roll of `versions`, given in the order of the files, the timeline's after those of the files.
    pub(crate) fn new(
        noun: Noun,
        versions: Vec<Version<'a, D>>,
        complaints: &mut Complaints,
    ) -> Self {
        let mut entities: Vec<Entity<'a, D>> = Vec::new();
        let mut by_name: BTreeMap<&'a str, usize> = BTreeMap::new();
        for version in versions {
            let name: &'a str = &version.object.metadata.name;
            let Some(known) = by_name.get(name) else {
                by_name.insert(name, entities.len());
                let versions = vec![version];
                entities.push(Entity { name, versions });
                continue;
            };
            let versions = &mut entities[*known].versions;
            if version.when.by == By::Timeline {
                versions.push(version);
                continue;
            }
            let place = |version: &Version<'a, D>| version.here.path(&["metadata", "name"]);
            let message = format!("the {} `{name}` is declared twice", noun.name);
            let wrong = place(&version).error(Code::DuplicateName, message);
            complaints.push(place(&versions[0]).remark(wrong, "first here"));
        }
        for entity in &mut entities {
            entity.versions.sort_by_key(|version| version.when);
        }
        entities.sort_by_key(|entity| entity.versions[0].when);
        let names = entities.iter().enumerate();
        let by_name = names.map(|(index, entity)| (entity.name, index)).collect();
        Self { entities, by_name }
    }

    /// The place of the thing with this name.
    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The same, or a complaint at `here`.
    pub(crate) fn find(
        &self,
        noun: Noun,
        name: &str,
        here: Cursor<'_>,
        complaints: &mut Complaints,
    ) -> Option<usize> {
        let found = self.index(name);
        if found.is_none() {
            complaints.push_missing(unknown(noun, name, self.by_name.keys(), here));
        }
        found
    }

    /// How many there are at `when`.
    pub(crate) fn count(&self, when: When) -> usize {
        self.entities.partition_point(|entity| entity.born() <= when)
    }

    /// All times at which one is declared.
    pub(crate) fn times(&self) -> impl Iterator<Item = When> + '_ {
        self.entities.iter().flat_map(|entity| entity.versions.iter().map(|version| version.when))
    }

    /// The ids of those that are declared at `when`, ascending.
    pub(crate) fn declared(&self, when: When) -> Vec<usize> {
        let entities = self.entities.iter().enumerate();
        let now = entities
            .filter(|(_, entity)| entity.versions.iter().any(|version| version.when == when));
        now.map(|(index, _)| index).collect()
    }
}

impl<'a, D> Entity<'a, D> {
    /// When it was declared first.
    pub(crate) fn born(&self) -> When {
        self.versions[0].when
    }

    /// Its first declaration.
    pub(crate) fn first(&self) -> &Version<'a, D> {
        &self.versions[0]
    }

    /// Its last declaration.
    pub(crate) fn last(&self) -> &Version<'a, D> {
        &self.versions[self.versions.len() - 1]
    }

    /// Its declaration that holds at `when`.
    pub(crate) fn version(&self, when: When) -> &Version<'a, D> {
        let after = self.versions.partition_point(|version| version.when <= when);
        &self.versions[after.max(1) - 1]
    }
}

impl<'a, D> Version<'a, D> {
    pub(crate) fn spec(&self) -> &'a D {
        &self.object.spec
    }
}

impl<D> Clone for Version<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for Version<'_, D> {}

/// A complaint about a name that nothing has.
pub(crate) fn unknown<'n>(
    noun: Noun,
    name: &str,
    known: impl Iterator<Item = &'n &'n str>,
    here: Cursor<'_>,
) -> crate::diagnostic::Diagnostic {
    let wrong = here.error(noun.unknown, format!("there is no {} `{name}`", noun.name));
    let known: Vec<&str> = known.copied().collect();
    match (did_you_mean(name, &known), known.as_slice()) {
        (Some(help), _) => wrong.with_help(help),
        (None, []) => wrong.with_help(format!("declare a {} first", noun.name)),
        (None, [only]) => wrong.with_help(format!("there is only `{only}`")),
        (None, few) if few.len() <= 8 => {
            wrong.with_help(format!("there are {}", crate::schema::listed(few)))
        }
        (None, _) => wrong,
    }
}
