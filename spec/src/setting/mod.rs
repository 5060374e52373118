//! Settings: fields that are to be otherwise than the files say, as in `clusters[tier=edge].nodePools[0].nodes=2`.
//!
//! They change trees before anything is read from them, so that a value that is set is held to the same forms
//! as one that stands in a file.

mod path;

use std::sync::Arc;

use periplus_core::units::Tick;
use xxhash_rust::xxh3::xxh3_128;

use self::path::{Step, entry_mut, set, split, steps};
use crate::book::Place;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Severity, Source, Span};
use crate::draft::{API_VERSION, Document, Kind};
use crate::load::check_text;
use crate::values::Name;
use crate::yaml::{self, Node, Origin, Value};

/// One field, or the same field of several documents, and its value.
#[derive(Clone, Debug)]
pub struct Setting {
    text: String,
    kind: Kind,
    /// Which documents of the kind: all, or those with a name or a label.
    filter: Option<Filter>,
    /// Of no steps where it is all that the documents say.
    path: Vec<Step>,
    value: Node,
    /// What stands for the file that the value is from.
    content: Option<u128>,
}

/// What a document must have.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Filter {
    Name(String),
    Label(String, String),
}

/// What paths can begin with; anything else is a field of the scenario.
const KINDS: [(&str, Kind); 13] = [
    ("apps", Kind::Application),
    ("applications", Kind::Application),
    ("application", Kind::Application),
    ("clusters", Kind::Cluster),
    ("cluster", Kind::Cluster),
    ("initialState", Kind::InitialState),
    ("policy", Kind::Policy),
    ("scenario", Kind::Scenario),
    ("tenants", Kind::Tenant),
    ("tenant", Kind::Tenant),
    ("zones", Kind::Zone),
    ("zone", Kind::Zone),
    ("app", Kind::Application),
];

impl Setting {
    /// A path and what stands behind its `=`, unread.
    ///
    /// # Errors
    /// There is no `=`.
    pub fn split(text: &str) -> Result<(&str, &str), Diagnostic> {
        split(text)
            .ok_or_else(|| bad(text, "a setting is a path and a value, as in `demand.growth=2`"))
    }

    /// A path, and a value in YAML.
    ///
    /// # Errors
    /// The path is not one, or the value is not YAML.
    pub fn new(path: &str, value: &str) -> Result<Self, Diagnostic> {
        let text = format!("{path}={value}");
        Self::read(text, path, Source { name: "the setting".into(), text: value.into() })
    }

    /// The same with a value that stands in a file, said as `@` and its name. All that documents say, as in
    /// `policy=@policy.yaml`, stands there as such a document.
    ///
    /// # Errors
    /// The path is not one, or the file does not hold one value in YAML.
    pub fn from_file(path: &str, name: &str, content: &str) -> Result<Self, Diagnostic> {
        let text = format!("{path}=@{name}");
        let source = Source { name: name.into(), text: content.into() };
        let mut setting = Self::read(text, path, source)?;
        setting.content = Some(xxh3_128(content.as_bytes()));
        if setting.path.is_empty() {
            let wrong = check_text(name, content);
            if let Some(wrong) = wrong.into_iter().find(|one| one.severity == Severity::Error) {
                return Err(wrong);
            }
            let kind = setting.value.get("kind").and_then(Node::text);
            if kind != Some(setting.kind.name()) {
                let why = format!("{name} does not say `kind: {}`", setting.kind.name());
                return Err(bad(&setting.text, &why));
            }
            let spec = setting.value.get("spec").cloned();
            setting.value = spec.unwrap_or_else(|| Node::null(Span::default()));
        }
        Ok(setting)
    }

    fn read(text: String, path: &str, source: Source) -> Result<Self, Diagnostic> {
        let mut steps = steps(path).map_err(|why| bad(&text, &why))?.into_iter().peekable();
        let first = match steps.peek() {
            Some(Step::Key(word)) => KINDS.iter().find(|(name, _)| name == word),
            _ => return Err(bad(&text, "a path begins with a word, as in `policy.pace.dwell`")),
        };
        let mut filter = None;
        if first.is_some() {
            steps.next();
            filter = match steps.peek() {
                Some(Step::Where(key, value)) if key == "name" => Some(Filter::Name(value.clone())),
                Some(Step::Where(key, value)) => Some(Filter::Label(key.clone(), value.clone())),
                _ => None,
            };
            if filter.is_some() {
                steps.next();
            }
        }
        let path: Vec<Step> = steps.collect();
        let kind = first.map_or(Kind::Scenario, |(_, kind)| *kind);
        let mut trees = yaml::parse(&Arc::new(source)).map_err(|mut wrong| wrong.remove(0))?;
        let value = match trees.len() {
            0 => Node::null(Span::default()),
            1 => trees.remove(0),
            _ => return Err(bad(&text, "the value is more than one document")),
        };
        if path.is_empty() {
            match (kind, &value.value) {
                (Kind::Scenario | Kind::InitialState, _) => {
                    return Err(bad(&text, "it names no field"));
                }
                (_, Value::Map(_)) => {}
                (_, Value::Null | Value::Scalar(_) | Value::List(_)) => {
                    let why =
                        format!("it names no field, and all of a {} is a mapping", noun(kind));
                    return Err(bad(&text, &why));
                }
            }
        }
        Ok(Self { text, kind, filter, path, value, content: None })
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether its value stands in a file.
    #[must_use]
    pub fn is_from_file(&self) -> bool {
        self.content.is_some()
    }

    /// The names of those documents that it sets a field of.
    pub fn subjects<'d>(&self, documents: &'d [Document]) -> impl Iterator<Item = &'d Name> {
        let means = |document: &Document| {
            let metadata = document.metadata();
            self.kind == document.kind()
                && match &self.filter {
                    None => true,
                    Some(Filter::Name(name)) => *metadata.name == **name,
                    Some(Filter::Label(key, value)) => metadata
                        .labels
                        .iter()
                        .any(|(known, has)| **known == **key && **has == **value),
                }
        };
        documents.iter().filter(move |document| means(document)).map(|one| &one.metadata().name)
    }

    /// The path of the same field in one document only.
    #[must_use]
    pub fn path_in(&self, name: &str) -> String {
        let path = Self::split(&self.text).map_or(&*self.text, |(path, _)| path);
        let word = path.find(['.', '[']).unwrap_or(path.len());
        let (kind, rest) = path.split_at(word);
        let rest = match (&self.filter, rest.find(']')) {
            (Some(_), Some(end)) => &rest[end + 1..],
            (Some(_), None) | (None, _) => rest,
        };
        format!("{kind}[{name}]{rest}")
    }

    fn means(&self, kind: Kind, tree: &Node) -> bool {
        let metadata = tree.get("metadata");
        let has = |node: Option<&Node>, value: &str| node.and_then(Node::text) == Some(value);
        self.kind == kind
            && match &self.filter {
                None => true,
                Some(Filter::Name(name)) => has(metadata.and_then(|node| node.get("name")), name),
                Some(Filter::Label(key, value)) => {
                    let labels = metadata.and_then(|node| node.get("labels"));
                    has(labels.and_then(|node| node.get(key)), value)
                }
            }
    }
}

/// Settings, and how many fields each has set so far.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    list: Vec<(Setting, usize)>,
    /// From when on they hold.
    at: Tick,
}

impl Settings {
    pub(crate) fn new(settings: &[Setting]) -> Self {
        let list = settings.iter().map(|setting| (setting.clone(), 0)).collect();
        Self { list, at: Tick::ZERO }
    }

    /// They hold from a later time on.
    pub(crate) fn fork_at(&mut self, at: Tick) {
        self.at = at;
    }

    /// Sets what is to be set in a document.
    pub(crate) fn apply(
        &mut self,
        kind: Kind,
        tree: &mut Node,
        origin: &Origin,
    ) -> Result<(), Vec<Diagnostic>> {
        let mut wrong = Vec::new();
        for (setting, fields) in &mut self.list {
            if !setting.means(kind, tree) {
                continue;
            }
            let span = tree.head();
            let spec = entry_mut(tree, "spec", span);
            match spec.map_or(Err("the document is no mapping".into()), |spec| {
                set(spec, &setting.path, &setting.value)
            }) {
                Ok(count) => *fields += count,
                Err(why) => {
                    let wrong_here = bad(&setting.text, &why);
                    wrong.push(wrong_here.with_label(&origin.source, span, "in this document"));
                }
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// A policy for settings that mean one where no file has one.
    pub(crate) fn policy(&self) -> Option<Place> {
        let wanted = |(setting, fields): &&(Setting, usize)| {
            setting.kind == Kind::Policy && setting.filter.is_none() && *fields == 0
        };
        self.list.iter().find(wanted)?;
        let text = format!(
            "apiVersion: {API_VERSION}\nkind: Policy\nmetadata: {{name: set}}\nspec: {{}}\n"
        );
        let source = Arc::new(Source { name: "the settings".into(), text });
        let tree = yaml::parse(&source).ok()?.pop()?;
        let origin = Arc::new(Origin { source, row: None });
        Some(Place { origin, tree: Arc::new(tree), path: "".into() })
    }

    /// Settings that have set nothing.
    pub(crate) fn idle(&self) -> impl Iterator<Item = Diagnostic> + '_ {
        self.list.iter().filter(|(_, fields)| *fields == 0).map(|(setting, _)| {
            let nothing = match &setting.filter {
                Some(Filter::Name(name)) => format!("no {} is called `{name}`", noun(setting.kind)),
                Some(Filter::Label(key, value)) => {
                    format!("no {} has the label `{key}: {value}`", noun(setting.kind))
                }
                None => format!("there is no such field in any {}", noun(setting.kind)),
            };
            Diagnostic::error(
                Code::NothingSelected,
                format!("`{}` sets nothing: {nothing}", setting.text),
            )
        })
    }

    /// What stands for files with a fingerprint and these settings together.
    pub(crate) fn fingerprint(&self, files: u128) -> u128 {
        if self.list.is_empty() {
            return files;
        }
        let mut bytes = files.to_le_bytes().to_vec();
        if self.at > Tick::ZERO {
            bytes.extend_from_slice(&self.at.0.to_le_bytes());
        }
        for (setting, _) in &self.list {
            bytes.extend_from_slice(setting.text.as_bytes());
            bytes.push(0);
            bytes.extend(setting.content.into_iter().flat_map(u128::to_le_bytes));
        }
        xxh3_128(&bytes)
    }
}

fn noun(kind: Kind) -> String {
    kind.name().to_lowercase()
}

fn bad(text: &str, why: &str) -> Diagnostic {
    Diagnostic::error(Code::BadSetting, format!("`{text}` cannot be set: {why}"))
        .with_help("write a path and a value, as in `clusters[tier=edge].nodePools[0].nodes=2`")
}

#[cfg(test)]
mod tests {
    use super::path::tests::{said, tree};
    use super::*;

    #[test]
    fn a_setting_of_many_documents_becomes_one_of_a_single_one() {
        let path_in = |path| Setting::new(path, "1").unwrap().path_in("one");
        assert_eq!(
            path_in("clusters[tier=edge].nodePools[0].nodes"),
            "clusters[one].nodePools[0].nodes"
        );
        assert_eq!(path_in("clusters[other].speed"), "clusters[one].speed");
        assert_eq!(path_in("apps.worth.unservedPrice"), "apps[one].worth.unservedPrice");
    }

    #[test]
    fn what_is_no_setting_is_refused() {
        for text in [
            "x",
            "=1",
            "[a]=1",
            "a..b=1",
            "a[=1",
            "clusters=1",
            "scenario={}",
            "a=[",
            "a=1\n---\n2",
        ] {
            let read = Setting::split(text).and_then(|(path, value)| Setting::new(path, value));
            assert!(read.is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_says_one_value_or_all_of_a_document() {
        let policy = "apiVersion: periplus.dev/v1alpha1\nkind: Policy\nmetadata: {name: a}\nspec: {carbonPrice: 3}\n";
        let whole = Setting::from_file("policy", "new.yaml", policy).unwrap();
        assert_eq!(
            (whole.text(), said(&whole.value)),
            ("policy=@new.yaml", "{carbonPrice: 3}".into())
        );
        let field = Setting::from_file("policy.pace", "pace.yaml", "dwell: 5m\n").unwrap();
        assert_eq!(said(&field.value), "{dwell: 5m}");
        assert!(Setting::from_file("clusters[a]", "new.yaml", policy).is_err());
        let print = |setting: &Setting| Settings::new(std::slice::from_ref(setting)).fingerprint(1);
        let other = Setting::from_file("policy", "new.yaml", &policy.replace('3', "4")).unwrap();
        assert_ne!(print(&whole), print(&other));
    }

    #[test]
    fn documents_are_meant_by_name_or_label() {
        let cluster = tree("{metadata: {name: one, labels: {tier: edge}}}");
        let means = |path: &str| Setting::new(path, "1").unwrap().means(Kind::Cluster, &cluster);
        assert!(means("clusters.a") && means("clusters[tier=edge].a") && means("cluster[one].a"));
        assert!(!means("clusters[tier=core].a") && !means("zones.a") && !means("growth"));
    }
}
