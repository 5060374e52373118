//! Settings: fields that are to be otherwise than the files say, as in `clusters[tier=edge].nodePools[0].nodes=2`.
//!
//! They change trees before anything is read from them, so that a value that is set is held to the same forms
//! as one that stands in a file.

use std::sync::Arc;

use periplus_core::units::Tick;
use xxhash_rust::xxh3::xxh3_128;

use crate::book::Place;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Source, Span};
use crate::draft::{API_VERSION, Document, Kind};
use crate::schema::nearest;
use crate::values::Name;
use crate::yaml::{self, Entry, Node, Origin, Scalar, Style, Value};

/// One field, or the same field of several documents, and its value.
#[derive(Clone, Debug)]
pub struct Setting {
    text: String,
    kind: Kind,
    /// Which documents of the kind: all, or those with a name or a label.
    filter: Option<Filter>,
    path: Vec<Step>,
    value: Node,
}

/// What a document must have.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Filter {
    Name(String),
    Label(String, String),
}

/// A step further into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// A field; in a list, the field of every item.
    Key(String),
    /// One item of a list.
    Item(usize),
    /// The items of a list that have this value.
    Where(String, String),
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
    /// Reads `path=value`.
    ///
    /// # Errors
    /// It is not of that form, or the value is not YAML.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let (path, value) = Self::split(text)?;
        Self::new(path, value)
    }

    /// A path and what stands behind its `=`, unread.
    ///
    /// # Errors
    /// There is no `=`.
    pub fn split(text: &str) -> Result<(&str, &str), Diagnostic> {
        split(text)
            .ok_or_else(|| bad(text, "a setting is a path and a value, as in `demand.growth=2`"))
    }

    /// The same with path and value apart.
    ///
    /// # Errors
    /// The path is not one, or the value is not YAML.
    pub fn new(path: &str, value: &str) -> Result<Self, Diagnostic> {
        let text = format!("{path}={value}");
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
        if path.is_empty() {
            return Err(bad(&text, "it names no field"));
        }
        let source = Arc::new(Source { name: "the setting".into(), text: value.into() });
        let mut trees = yaml::parse(&source).map_err(|mut wrong| wrong.remove(0))?;
        let value = match trees.len() {
            0 => Node::null(Span::default()),
            1 => trees.remove(0),
            _ => return Err(bad(&text, "the value is more than one document")),
        };
        let kind = first.map_or(Kind::Scenario, |(_, kind)| *kind);
        Ok(Self { text, kind, filter, path, value })
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
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

/// A path and a value, at the first `=` that is not in brackets.
fn split(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_u32;
    for (place, letter) in text.char_indices() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '=' if depth == 0 => return Some((&text[..place], &text[place + 1..])),
            _ => {}
        }
    }
    None
}

/// The steps of a path: fields with dots between them, brackets behind them.
fn steps(path: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (inner, behind) = inside
                .split_once(']')
                .ok_or_else(|| format!("a `[` in `{path}` is never closed"))?;
            steps.push(match (inner.split_once('='), inner.parse()) {
                (Some((key, value)), _) => Step::Where(key.trim().into(), value.trim().into()),
                (None, Ok(item)) => Step::Item(item),
                (None, Err(_)) => Step::Where("name".into(), inner.trim().into()),
            });
            rest = behind;
        } else {
            let word = rest.strip_prefix('.').filter(|_| !steps.is_empty()).unwrap_or(rest);
            let end = word.find(['.', '[']).unwrap_or(word.len());
            if end == 0 {
                return Err(format!("`{path}` has an empty step"));
            }
            steps.push(Step::Key(word[..end].into()));
            rest = &word[end..];
        }
    }
    Ok(steps)
}

/// Sets the field at the end of a path. Says how many it was.
fn set(node: &mut Node, path: &[Step], value: &Node) -> Result<usize, String> {
    let Some((step, rest)) = path.split_first() else {
        *node = placed(value, node.span);
        return Ok(1);
    };
    match (step, &mut node.value) {
        (Step::Key(_), Value::List(items)) => {
            items.iter_mut().map(|item| set(item, path, value)).sum()
        }
        (Step::Key(key), Value::Map(_) | Value::Null) => {
            let span = node.head();
            let field = entry_mut(node, key, span).expect("it is a mapping, or becomes one");
            set(field, rest, value)
        }
        (Step::Item(item), Value::List(items)) => {
            let count = items.len();
            let found = items.get_mut(*item);
            set(
                found.ok_or_else(|| format!("the list has {count} items, none is [{item}]"))?,
                rest,
                value,
            )
        }
        (Step::Where(key, wanted), Value::List(items)) => {
            let mut fields = 0;
            let mut names: Vec<String> = Vec::new();
            for item in items.iter_mut() {
                let text = item.get(key).and_then(Node::text).map(str::to_owned);
                if text.as_ref() == Some(wanted) {
                    fields += set(item, rest, value)?;
                }
                names.extend(text);
            }
            if fields > 0 {
                return Ok(fields);
            }
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let known = nearest(wanted, &names).map(|near| format!("; did you mean `{near}`?"));
            Err(format!("no item has `{key}: {wanted}`{}", known.unwrap_or_default()))
        }
        (Step::Key(key), Value::Scalar(_)) => {
            Err(format!("`{key}` is looked for in {}", node.noun()))
        }
        (Step::Item(_) | Step::Where(..), _) => {
            Err(format!("brackets stand behind {}, not a list", node.noun()))
        }
    }
}

/// The value under a key, made if there is none; nothing where the node is no mapping.
fn entry_mut<'a>(node: &'a mut Node, key: &str, span: Span) -> Option<&'a mut Node> {
    if node.is_null() {
        node.value = Value::Map(Vec::new());
    }
    let Value::Map(entries) = &mut node.value else { return None };
    let place = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
        entries.push(Entry { key: key.into(), key_span: span, value: Node::null(span) });
        entries.len() - 1
    });
    Some(&mut entries[place].value)
}

/// A value as it stands at another place.
fn placed(value: &Node, span: Span) -> Node {
    let value = match &value.value {
        Value::Null => Value::Null,
        Value::Scalar(Scalar { text, style: Style::Plain }) => {
            Value::Scalar(Scalar { text: text.clone(), style: Style::Filled })
        }
        Value::Scalar(scalar) => Value::Scalar(scalar.clone()),
        Value::List(items) => Value::List(items.iter().map(|item| placed(item, span)).collect()),
        Value::Map(entries) => Value::Map(
            entries
                .iter()
                .map(|entry| Entry {
                    key: entry.key.clone(),
                    key_span: span,
                    value: placed(&entry.value, span),
                })
                .collect(),
        ),
    };
    Node { span, value }
}

#[cfg(test)]
mod tests {
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

    fn tree(text: &str) -> Node {
        let source = Arc::new(Source { name: "test".into(), text: text.into() });
        yaml::parse(&source).unwrap().remove(0)
    }

    fn said(node: &Node) -> String {
        match &node.value {
            Value::Null => "~".into(),
            Value::Scalar(scalar) => scalar.text.clone(),
            Value::List(items) => {
                format!("[{}]", items.iter().map(said).collect::<Vec<_>>().join(", "))
            }
            Value::Map(entries) => {
                let entries =
                    entries.iter().map(|one| format!("{}: {}", one.key, said(&one.value)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn set_in(text: &str, path: &str, value: &str) -> Result<String, String> {
        let setting = Setting::new(path, value).map_err(|wrong| wrong.message)?;
        let mut node = tree(text);
        set(&mut node, &setting.path, &setting.value)
            .map(|fields| format!("{fields} {}", said(&node)))
    }

    #[test]
    fn a_field_is_set_where_the_path_leads() {
        let set = |text, path, value| set_in(text, path, value).unwrap();
        assert_eq!(set("{a: {b: 1}}", "a.b", "2"), "1 {a: {b: 2}}");
        assert_eq!(set("{}", "a.b", "{c: 2}"), "1 {a: {b: {c: 2}}}");
        assert_eq!(set("{a: [{b: 1}, {b: 2}]}", "a.b", "3"), "2 {a: [{b: 3}, {b: 3}]}");
        assert_eq!(set("{a: [{b: 1}, {b: 2}]}", "a[1].b", "3"), "1 {a: [{b: 1}, {b: 3}]}");
        assert_eq!(
            set("{a: [{name: x, b: 1}, {name: y, b: 2}]}", "a[name=y].b", "3"),
            "1 {a: [{name: x, b: 1}, {name: y, b: 3}]}"
        );
        assert_eq!(set("{a: [{name: x, b: 1}]}", "a[x].b", "3"), "1 {a: [{name: x, b: 3}]}");
    }

    #[test]
    fn what_cannot_be_set_says_why() {
        let why = |text, path| set_in(text, path, "1").unwrap_err();
        assert_eq!(why("{a: [1]}", "a[3]"), "the list has 1 items, none is [3]");
        assert_eq!(why("{a: x}", "a.b"), "`b` is looked for in a text");
        assert_eq!(why("{a: {}}", "a[0]"), "brackets stand behind a mapping, not a list");
        assert_eq!(
            why("{a: [{name: edge}]}", "a[name=egde].b"),
            "no item has `name: egde`; did you mean `edge`?"
        );
        for text in ["x", "=1", "[a]=1", "a..b=1", "a[=1", "clusters=1", "a=[", "a=1\n---\n2"] {
            assert!(Setting::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn documents_are_meant_by_name_or_label() {
        let cluster = tree("{metadata: {name: one, labels: {tier: edge}}}");
        let means = |path: &str| Setting::new(path, "1").unwrap().means(Kind::Cluster, &cluster);
        assert!(means("clusters.a") && means("clusters[tier=edge].a") && means("cluster[one].a"));
        assert!(!means("clusters[tier=core].a") && !means("zones.a") && !means("growth"));
    }
}
