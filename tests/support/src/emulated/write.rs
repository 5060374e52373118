//! Everything that changes a cluster through the API: create, update, patch, apply, delete. It decides what the real
//! server would; the store only keeps.

use std::sync::Arc;

use serde_json::{Value, json};

use super::kinds::Kind;
use super::managed::{self, Force, Writer};
use super::object::{metadata, text};
use super::rules::{self, Part};
use super::status::Refused;
use super::store::{Namespace, Store, key};
use super::strategic;
use super::typed::strip_nulls;

/// What is written to, by whom.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Index of the kind.
    pub(super) table: usize,
    /// The kind.
    pub(super) kind: Arc<Kind>,
    /// Empty outside of namespaces.
    pub(super) namespace: String,
    /// The name in the path; empty for a create.
    pub(super) name: String,
    /// Main or status.
    pub(super) part: Part,
    /// Who writes.
    pub(super) by: Writer,
    /// Whether to answer only.
    pub(super) dry: bool,
}

/// A patch, by its media type.
#[derive(Clone, Debug)]
pub(super) enum Patch {
    /// RFC 6902.
    Json(Value),
    /// RFC 7386.
    Merge(Value),
    /// Kubernetes' own.
    Strategic(Value),
    /// Server-side apply.
    Apply(Value, Force),
}

/// What came of a write.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Written {
    /// A new object.
    Created(Value),
    /// A changed one, or the same.
    Updated(Value),
}

impl Target {
    fn key(&self) -> String {
        key(&self.namespace, &self.name)
    }

    fn live(&self, store: &Store) -> Option<Value> {
        let stored = store.stored(self.table, &self.key())?;
        Some(stored.value(&self.by.api_version, &self.kind.kind))
    }

    fn absent(&self) -> Refused {
        Refused::not_found(&self.kind, &self.name)
    }

    fn check_type(&self, object: &Value) -> Result<(), Refused> {
        let (api, kind) = (text(object, "/apiVersion"), text(object, "/kind"));
        let (own_api, own_kind) = (&self.by.api_version, &self.kind.kind);
        if kind.is_empty() && !self.kind.traits.builtin {
            return Err(Refused::bad("Object 'Kind' is missing"));
        }
        if (!kind.is_empty() && kind != own_kind) || (!api.is_empty() && api != own_api) {
            let version = api.rsplit('/').next().unwrap_or_default();
            let said = match (self.kind.traits.builtin, self.kind.group.as_str()) {
                (true, "") if kind != own_kind => format!(
                    "{kind} in version \"{version}\" cannot be handled as a {own_kind}: converting \
                     ({version}.{kind}) to (core.{own_kind}): unknown conversion"
                ),
                (true | false, _) => format!(
                    "the API version in the data ({api}) does not match the expected API version \
                     ({own_api})"
                ),
            };
            return Err(Refused::bad(said));
        }
        Ok(())
    }
}

/// Creates.
pub(super) fn create(store: &mut Store, target: &Target, object: Value) -> Result<Value, Refused> {
    target.check_type(&object)?;
    let mut object = object;
    strip_nulls(&mut object);
    make(store, target, object, |kind, object, by| {
        managed::update(kind.traits, None, object, by);
    })
}

fn make(
    store: &mut Store,
    target: &Target,
    mut object: Value,
    own: impl FnOnce(&Kind, &mut Value, &Writer),
) -> Result<Value, Refused> {
    let kind = &target.kind;
    rules::address(kind, &mut object, &target.namespace, None)?;
    if kind.namespaced {
        match store.namespace(&target.namespace) {
            Some(Namespace::Open) => {}
            Some(Namespace::Going) => {
                let name = text(&object, "/metadata/name");
                return Err(Refused::terminating(kind, name, &target.namespace));
            }
            None => {
                let table = store.serves("", "v1", "namespaces").unwrap_or_default();
                return Err(Refused::not_found(&store.kinds[table], &target.namespace));
            }
        }
    }
    let (number, uid) = store.uid();
    let prefix = text(&object, "/metadata/generateName").to_owned();
    if text(&object, "/metadata/name").is_empty() {
        if prefix.is_empty() {
            let said = "Required value: name or generateName is required".to_owned();
            let complaint = ("FieldValueRequired", "metadata.name", said);
            return Err(Refused::invalid(&kind.kind, &kind.group, "", &[complaint]));
        }
        object["metadata"]["name"] = json!(rules::generated(&prefix, number));
    }
    let name = text(&object, "/metadata/name").to_owned();
    rules::check_name(kind, &name)?;
    let key = key(&target.namespace, &name);
    if store.stored(target.table, &key).is_some() {
        return Err(Refused::exists(kind, &name));
    }
    rules::defaults(kind, &mut object);
    rules::compact(kind, &mut object);
    own(kind, &mut object, &target.by);
    rules::born(kind, &mut object, &uid);
    object["apiVersion"] = json!(target.by.api_version);
    object["kind"] = json!(kind.kind);
    if target.dry {
        return Ok(object);
    }
    if is_definition(kind) {
        define(store, &mut object);
    }
    Ok(store.write(target.table, &key, object))
}

/// Replaces the whole object, or its status.
pub(super) fn update(store: &mut Store, target: &Target, object: Value) -> Result<Value, Refused> {
    target.check_type(&object)?;
    let mut object = object;
    strip_nulls(&mut object);
    rules::address(&target.kind, &mut object, &target.namespace, Some(&target.name))?;
    let live = target.live(store).ok_or_else(|| target.absent())?;
    let unversioned = text(&object, "/metadata/resourceVersion").is_empty();
    if unversioned && target.kind.updates_need_versions() {
        let said = "Invalid value: 0x0: must be specified for an update".to_owned();
        let complaint = ("FieldValueInvalid", "metadata.resourceVersion", said);
        let kind = &target.kind;
        // Here, and only here, the real server says the resource where it says the kind else.
        return Err(Refused::invalid(&kind.plural, &kind.group, &target.name, &[complaint]));
    }
    change(store, target, &live, object)
}

/// Patches; an apply makes what is not there.
pub(super) fn patch(store: &mut Store, target: &Target, patch: Patch) -> Result<Written, Refused> {
    let live = target.live(store);
    let traits = target.kind.traits;
    let (patch, force) = match (patch, live) {
        (Patch::Apply(config, force), live) => (apply_config(target, config, live)?, force),
        (_, None) => return Err(target.absent()),
        (Patch::Json(patch), Some(live)) => {
            let said = |error: serde_json::Error| Refused::bad(error.to_string());
            let patch: json_patch::Patch = serde_json::from_value(patch).map_err(said)?;
            let mut new = live.clone();
            json_patch::patch(&mut new, &patch).map_err(|_| Refused::unfit())?;
            return patched(store, target, &live, new);
        }
        (Patch::Merge(patch), Some(live)) => {
            let mut new = live.clone();
            json_patch::merge(&mut new, &patch);
            return patched(store, target, &live, new);
        }
        (Patch::Strategic(patch), Some(live)) => {
            let mut new = live.clone();
            strategic::merge(traits, &mut new, &patch);
            return patched(store, target, &live, new);
        }
    };
    let (config, live) = patch;
    let Some(live) = live else {
        let object = managed::apply(traits, None, &config, &target.by, force)?;
        return make(store, target, object, |_, _, _| {}).map(Written::Created);
    };
    check_identity(target, &live, &config)?;
    let mut new = managed::apply(traits, Some(&live), &config, &target.by, force)?;
    rules::defaults(&target.kind, &mut new);
    rules::compact(&target.kind, &mut new);
    rules::kept(&target.kind, target.part, &live, &mut new);
    settle(store, target, &live, new).map(Written::Updated)
}

type Applied = (Value, Option<Value>);

fn apply_config(
    target: &Target,
    mut config: Value,
    live: Option<Value>,
) -> Result<Applied, Refused> {
    target.check_type(&config)?;
    if config.pointer("/metadata/managedFields").is_some_and(|fields| !fields.is_null()) {
        return Err(Refused::bad("metadata.managedFields must be nil"));
    }
    strip_nulls(&mut config);
    if text(&config, "/metadata/name").is_empty() {
        metadata(&mut config).insert("name".to_owned(), json!(target.name));
    }
    rules::address(&target.kind, &mut config, &target.namespace, Some(&target.name))?;
    if live.is_none() && target.part == Part::Status {
        return Err(target.absent());
    }
    Ok((config, live))
}

fn patched(
    store: &mut Store,
    target: &Target,
    live: &Value,
    new: Value,
) -> Result<Written, Refused> {
    let mut new = new;
    strip_nulls(&mut new);
    rules::address(&target.kind, &mut new, &target.namespace, Some(&target.name))?;
    change(store, target, live, new).map(Written::Updated)
}

/// Whether the object written is the one that is there, and as new as it.
fn check_identity(target: &Target, live: &Value, new: &Value) -> Result<(), Refused> {
    let kind = &target.kind;
    let of = |at: &str| (text(live, at).to_owned(), text(new, at).to_owned());
    let (version, given) = of("/metadata/resourceVersion");
    if !given.is_empty() && given != version {
        return Err(Refused::modified(kind, &target.name));
    }
    let (uid, given) = of("/metadata/uid");
    if !given.is_empty() && given != uid {
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: /registry/{}/{}, ResourceVersion: 0, \
             AdditionalErrorMsg: Precondition failed: UID in precondition: {given}, UID in object \
             meta: {uid}",
            kind.plural,
            target.key(),
        );
        return Err(Refused::conflict(kind, &target.name, &why));
    }
    Ok(())
}

fn change(
    store: &mut Store,
    target: &Target,
    live: &Value,
    mut new: Value,
) -> Result<Value, Refused> {
    check_identity(target, live, &new)?;
    rules::defaults(&target.kind, &mut new);
    rules::compact(&target.kind, &mut new);
    rules::kept(&target.kind, target.part, live, &mut new);
    managed::update(target.kind.traits, Some(live), &mut new, &target.by);
    settle(store, target, live, new)
}

/// Writes what has become of `live`, or lets go what nobody holds back any more.
fn settle(
    store: &mut Store,
    target: &Target,
    live: &Value,
    mut new: Value,
) -> Result<Value, Refused> {
    new["apiVersion"] = json!(target.by.api_version);
    new["kind"] = json!(target.kind.kind);
    if target.dry || rules::same(live, &new) {
        return Ok(if target.dry { new } else { live.clone() });
    }
    let going = new.pointer("/metadata/deletionTimestamp").is_some();
    if going && rules::is_free(&new) && target.kind.plural != "namespaces" {
        erase(store, target.table, &target.key(), new.clone());
        return Ok(new);
    }
    if is_definition(&target.kind) && target.part == Part::Main {
        define(store, &mut new);
    }
    Ok(store.write(target.table, &target.key(), new))
}

/// What a delete answers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Deleted {
    /// It is gone; this is what it was.
    Gone(Value),
    /// Somebody holds it back; this is what it is now.
    Going(Value),
}

/// Deletes, if the preconditions of `options` hold.
pub(super) fn delete(
    store: &mut Store,
    target: &Target,
    options: &Value,
) -> Result<Deleted, Refused> {
    let live = target.live(store).ok_or_else(|| target.absent())?;
    for (field, said, perhaps) in [
        ("uid", "UID", "deleted and then recreated"),
        ("resourceVersion", "ResourceVersion", "modified"),
    ] {
        let wanted = text(options, &format!("/preconditions/{field}"));
        let found = text(&live, &format!("/metadata/{field}"));
        if !wanted.is_empty() && wanted != found {
            let why = format!(
                "the {said} in the precondition ({wanted}) does not match the {said} in record \
                 ({found}). The object might have been {perhaps}"
            );
            // Here, and only here, the real server says the kind where it says the resource else.
            let kind = Kind { plural: target.kind.kind.clone(), ..Kind::clone(&target.kind) };
            return Err(Refused::conflict(&kind, &target.name, &why));
        }
    }
    let namespace = target.kind.plural == "namespaces";
    if rules::is_free(&live) && !namespace {
        if !target.dry {
            erase(store, target.table, &target.key(), live.clone());
        }
        return Ok(Deleted::Gone(live));
    }
    let mut going = live;
    if going.pointer("/metadata/deletionTimestamp").is_none() {
        let metadata = metadata(&mut going);
        metadata.insert("deletionTimestamp".to_owned(), json!(rules::now()));
        if !namespace {
            metadata.insert("deletionGracePeriodSeconds".to_owned(), json!(0));
        }
        if let Some(generation) = metadata.get("generation").and_then(Value::as_i64) {
            metadata.insert("generation".to_owned(), json!(generation + 1));
        }
        if namespace {
            going["status"]["phase"] = json!("Terminating");
        }
        if target.dry {
            return Ok(Deleted::Going(going));
        }
        going = store.write(target.table, &target.key(), going);
    }
    if namespace && !target.dry {
        empty(store, &target.name);
        sweep(store, &target.name);
    }
    Ok(Deleted::Going(going))
}

/// Deletes all that lies in a namespace.
fn empty(store: &mut Store, namespace: &str) {
    let prefix = format!("{namespace}/");
    for table in 0..store.kinds.len() {
        let kind = Arc::clone(&store.kinds[table]);
        if !kind.namespaced {
            continue;
        }
        let keys = store.table(table).keys().filter(|key| key.starts_with(&prefix));
        let keys: Vec<Box<str>> = keys.cloned().collect();
        for key in keys {
            let by = Writer {
                manager: "namespace-controller".to_owned(),
                api_version: kind.api_version(),
                now: rules::now(),
            };
            let target = Target {
                table,
                kind: Arc::clone(&kind),
                namespace: namespace.to_owned(),
                name: key[prefix.len()..].to_owned(),
                part: Part::Main,
                by,
                dry: false,
            };
            // It was listed under this lock, so it is there, and no precondition is given.
            let deleted = delete(store, &target, &Value::Null);
            assert!(deleted.is_ok(), "{key} could not be deleted with its namespace");
        }
    }
}

/// Takes an object away and with it what goes when it goes.
fn erase(store: &mut Store, table: usize, key: &str, last: Value) {
    let kind = Arc::clone(&store.kinds[table]);
    let defined = is_definition(&kind).then(|| Kind::defined_by(&last)).flatten();
    store.erase(table, key, last);
    if let Some(defined) = defined {
        undefine(store, defined);
    }
    if kind.namespaced {
        sweep(store, super::store::parts(key).0);
    }
}

/// Lets a namespace go that is to go and has nothing left in it.
fn sweep(store: &mut Store, namespace: &str) {
    let Some(table) = store.serves("", "v1", "namespaces") else { return };
    let prefix = format!("{namespace}/");
    let inhabited = (0..store.kinds.len())
        .any(|table| store.table(table).keys().any(|key| key.starts_with(&prefix)));
    if store.namespace(namespace) != Some(Namespace::Going) || inhabited {
        return;
    }
    if let Some(last) = store.value(table, namespace).filter(rules::is_free) {
        store.erase(table, namespace, last);
    }
}

fn is_definition(kind: &Kind) -> bool {
    kind.plural == "customresourcedefinitions"
}

/// Serves what a `CustomResourceDefinition` defines, and says so in its status.
fn define(store: &mut Store, definition: &mut Value) {
    let Some(kind) = Kind::defined_by(definition) else { return };
    let condition = |kind: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": "True", "reason": reason, "message": message,
            "lastTransitionTime": rules::now(),
        })
    };
    let conditions = [
        condition("NamesAccepted", "NoConflicts", "no conflicts found"),
        condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ];
    definition["status"] = json!({
        "acceptedNames": definition["spec"]["names"], "conditions": conditions,
        "storedVersions": [kind.versions[0]],
    });
    store.register(kind);
}

/// Takes away all objects of a kind, and serves it no more.
fn undefine(store: &mut Store, kind: Kind) {
    let Some(table) = store.serves(&kind.group, &kind.versions[0], &kind.plural) else { return };
    let keys: Vec<Box<str>> = store.table(table).keys().cloned().collect();
    for key in keys {
        let last = store.value(table, &key).unwrap_or_default();
        store.erase(table, &key, last);
    }
    store.register(Kind { versions: Vec::new(), ..kind });
}
