//! Reading: one object, and lists with selectors, pages and the versions of the past.

use serde_json::{Value, json};

use super::call::Call;
use super::kinds::api_version;
use super::object::{Shape, head};
use super::rules;
use super::select::Selector;
use super::status::Refused;
use super::store::{Store, Table, key};

/// One object, as bytes.
pub(super) fn one(store: &Store, table: usize, call: &Call) -> Result<Vec<u8>, Refused> {
    let kind = &store.kinds[table];
    let found = store.stored(table, &key(&call.namespace, &call.name));
    let stored = found.ok_or_else(|| Refused::not_found(kind, &call.name))?;
    let mut bytes = Vec::new();
    let api = api_version(&call.group, &call.version);
    stored.write(&head(&api, &kind.kind), call.shape, &mut bytes);
    Ok(bytes)
}

/// A list, as bytes.
pub(super) fn list(store: &Store, table: usize, call: &Call) -> Result<Vec<u8>, Refused> {
    let selector = Selector::read(
        &store.kinds[table],
        call.asked("labelSelector"),
        call.asked("fieldSelector"),
    )?;
    let asked = Asked::read(call)?;
    let version = match &asked.state {
        State::At(version) | State::Resumed(Some(version), _) => *version,
        State::AtLeast(version) => store.version().max(*version),
        State::Newest | State::Resumed(None, _) => store.version(),
    };
    if version > store.version() {
        let said = format!("Too large resource version: {version}, current: {}", store.version());
        return Err(Refused::too_new(&said));
    }
    let past;
    let rows: &Table = if version == store.version() {
        store.table(table)
    } else {
        past = store.at(table, version).ok_or_else(|| asked.expired())?;
        &past
    };
    let kind = &store.kinds[table];
    let api = api_version(&call.group, &call.version);
    // Items of the server's own kinds are typed in Go and do not say what they are.
    let item_head = if kind.traits.builtin { String::new() } else { head(&api, &kind.kind) };
    let mut page = Page::new(&asked, &selector);
    let mut items = Vec::new();
    let prefix = key(&call.namespace, "");
    let start = match &asked.state {
        State::Resumed(_, start) => start.as_str(),
        State::Newest | State::At(_) | State::AtLeast(_) => "",
    };
    for (key, stored) in
        rows.iter().filter(|(key, _)| call.namespace.is_empty() || key.starts_with(&*prefix))
    {
        if &**key <= start || !page.takes(key, selector.matches(key, stored)) {
            continue;
        }
        if !items.is_empty() {
            items.push(b',');
        }
        stored.write(&item_head, call.shape, &mut items);
    }
    let (list_api, list_kind) = match call.shape {
        Shape::Full => (api, format!("{}List", kind.kind)),
        Shape::Metadata => ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadataList".to_owned()),
    };
    let mut metadata = page.metadata(version);
    if call.shape == Shape::Metadata {
        rules::put(&mut metadata, "remainingItemCount", None);
    } else if !kind.traits.builtin && metadata.get("continue").is_none() {
        // Lists of custom kinds are not typed in Go, and say what is empty.
        metadata["continue"] = json!("");
    }
    let bytes = format!("{{{},\"metadata\":{metadata},\"items\":[", head(&list_api, &list_kind));
    let mut bytes = bytes.into_bytes();
    bytes.append(&mut items);
    bytes.extend_from_slice(b"]}");
    Ok(bytes)
}

/// Every object that a collection call is about, by name.
pub(super) fn names(store: &Store, table: usize, call: &Call) -> Result<Vec<String>, Refused> {
    let selector = Selector::read(
        &store.kinds[table],
        call.asked("labelSelector"),
        call.asked("fieldSelector"),
    )?;
    let prefix = key(&call.namespace, "");
    let rows = store.table(table).iter().filter(|(key, _)| key.starts_with(&*prefix));
    let chosen = rows.filter(|(key, stored)| selector.matches(key, stored));
    Ok(chosen.map(|(key, _)| super::store::parts(key).1.to_owned()).collect())
}

/// What state of the cluster is listed, and how much of it.
struct Asked {
    state: State,
    limit: Option<usize>,
}

enum State {
    Newest,
    At(u64),
    AtLeast(u64),
    /// After a key; at a version, or at whatever is newest if the token had to give up consistency.
    Resumed(Option<u64>, String),
}

impl Asked {
    fn read(call: &Call) -> Result<Self, Refused> {
        let (version, matching) =
            (call.asked("resourceVersion"), call.asked("resourceVersionMatch"));
        let token = call.asked("continue");
        let options = |field, reason, said: String| {
            Err(Refused::invalid("ListOptions", "meta.k8s.io", "", &[(reason, field, said)]))
        };
        if !matching.is_empty() && version.is_empty() {
            let said =
                "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided";
            return options("resourceVersionMatch", "FieldValueForbidden", said.to_owned());
        }
        let limit = call.asked("limit").parse().ok().filter(|limit| *limit > 0);
        let state = if token.is_empty() {
            match (version, matching, limit) {
                ("" | "0", _, _) => State::Newest,
                // Without a word on it, a page is exact and a whole list is "at least".
                (_, "Exact", _) | (_, "", Some(_)) => State::At(known(version)?),
                (_, _, _) => State::AtLeast(known(version)?),
            }
        } else {
            if !version.is_empty() && version != "0" {
                let said = "specifying resource version is not allowed when using continue";
                return Err(Refused::bad(said));
            }
            read_token(token).ok_or_else(|| {
                let said = "invalid continue token: continue key is not valid: illegal base64 data \
                            at input byte 0";
                Refused::bad(said)
            })?
        };
        // The real server's cache answers from "any" version whole.
        let whole = version == "0" && token.is_empty();
        Ok(Self { state, limit: limit.filter(|_| !whole) })
    }

    fn expired(&self) -> Refused {
        match &self.state {
            State::Resumed(_, start) => {
                Refused { resume: Some(token(None, start)), ..Refused::expired(RESUME_SAID) }
            }
            State::Newest | State::At(_) | State::AtLeast(_) => {
                Refused::expired("The resourceVersion for the provided list is too old.")
            }
        }
    }
}

const RESUME_SAID: &str = "The provided continue parameter is too old to display a consistent list \
    result. You can start a new list without the continue parameter, or use the continue token in \
    this response to retrieve the remainder of the results. Continuing with the provided token \
    results in an inconsistent list - objects that were created, modified, or deleted between the \
    time the first chunk was returned and now may show up in the list.";

/// A resourceVersion as a number, or what is wrong with it.
pub(super) fn number(version: &str) -> Result<u64, String> {
    let said = "strconv.ParseUint: parsing";
    version.parse().map_err(|_| {
        format!(
            "resourceVersion: Invalid value: \"{version}\": {said} \"{version}\": invalid syntax"
        )
    })
}

fn known(version: &str) -> Result<u64, Refused> {
    number(version).map_err(|said| Refused::bad(format!("invalid resource version: {said}")))
}

/// Counts what fits on a page.
struct Page {
    limit: usize,
    taken: usize,
    left: u64,
    last: String,
    all: bool,
}

impl Page {
    fn new(asked: &Asked, selector: &Selector) -> Self {
        let limit = asked.limit.unwrap_or(usize::MAX);
        Self { limit, taken: 0, left: 0, last: String::new(), all: selector.is_empty() }
    }

    fn takes(&mut self, key: &str, selected: bool) -> bool {
        if !selected {
            return false;
        }
        if self.taken == self.limit {
            self.left += 1;
            return false;
        }
        self.taken += 1;
        key.clone_into(&mut self.last);
        true
    }

    fn metadata(&self, version: u64) -> Value {
        let mut metadata = json!({ "resourceVersion": version.to_string() });
        if self.left > 0 {
            metadata["continue"] = json!(token(Some(version), &self.last));
            if self.all {
                metadata["remainingItemCount"] = json!(self.left);
            }
        }
        metadata
    }
}

/// A token that says where a list goes on. The real one is opaque to clients, too.
fn token(version: Option<u64>, last: &str) -> String {
    let version = version.map_or_else(|| "-".to_owned(), |version| version.to_string());
    format!("{version}.{}", last.replace('/', "~"))
}

fn read_token(token: &str) -> Option<State> {
    let (version, last) = token.split_once('.')?;
    let version = if version == "-" { None } else { Some(version.parse().ok()?) };
    Some(State::Resumed(version, last.replace('~', "/")))
}
