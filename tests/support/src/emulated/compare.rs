//! Holds the answers of two servers against each other: the same requests, one after the other, and what differs.
//!
//! Not compared: uids, times, versions and tokens of pages as such (they must be there on both sides); the order of
//! `managedFields`; what only the real server has below `spec`, `status`, their fields in `managedFields` and entries
//! of discovery, which are its defaults; text that Go's JSON reader words in its own way.

use std::collections::BTreeMap;
use std::fmt;

use axum::http::{Method, Request};
use futures::{StreamExt, TryStreamExt};
use kube::Client;
use kube::client::Body;
use serde_json::{Map, Value, json};

use super::table::{Step, steps};

/// One place in one answer where two servers differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The request, by its name in the table.
    pub step: &'static str,
    /// Where in the answer.
    pub at: String,
    /// What the emulated server says there; null for nothing.
    pub emulated: Value,
    /// What the real server says there; null for nothing.
    pub real: Value,
}

/// What a server said to each request of the table.
pub type Answers = BTreeMap<&'static str, Value>;

/// Asks both servers all requests of the table and tells where they differ. Both must be fresh: the table makes what
/// it needs and does not clean up.
pub async fn compare(emulated: &Client, real: &Client) -> Vec<Difference> {
    let (emulated, real) = futures::join!(answers(emulated), answers(real));
    differences(&emulated, &real)
}

/// Asks one server all requests of the table.
pub async fn answers(client: &Client) -> Answers {
    let mut answers = Answers::new();
    let mut last: BTreeMap<&'static str, String> = BTreeMap::new();
    for step in steps() {
        let mut answer = ask(client, &step, &last).await;
        // A definition takes a moment to be served by the real server.
        for _ in 0..RETRIES_MAX {
            if !(step.awaited && answer["code"] == 404) {
                break;
            }
            tokio::task::yield_now().await;
            answer = ask(client, &step, &last).await;
        }
        let remembered = [
            ("{rv}", "/body/metadata/resourceVersion"),
            ("{uid}", "/body/metadata/uid"),
            ("{continue}", "/body/metadata/continue"),
        ];
        for (name, at) in remembered {
            if let Some(Value::String(text)) = answer.pointer(at) {
                last.insert(name, text.clone());
            }
        }
        answers.insert(step.name, answer);
    }
    answers
}

/// Requests until a definition is served; each of them takes the server a moment.
const RETRIES_MAX: usize = 10_000;

/// Where two servers' answers differ.
#[must_use]
pub fn differences(emulated: &Answers, real: &Answers) -> Vec<Difference> {
    let mut found = Vec::new();
    for step in steps() {
        let of = |answers: &Answers| {
            let mut answer = answers.get(step.name).cloned().unwrap_or_default();
            normalize(&mut answer);
            answer
        };
        let (emulated, real) = (of(emulated), of(real));
        let mut found_here = Vec::new();
        differ(step.name, "", &emulated, &real, &mut found_here);
        // Custom kinds of the table have no defaults.
        let defaults = !step.path.starts_with("/apis/table.example.org/v1/");
        found_here.retain(|difference| {
            !(defaults && difference.emulated.is_null() && is_default(&difference.at))
        });
        found.append(&mut found_here);
    }
    found
}

async fn ask(client: &Client, step: &Step, last: &BTreeMap<&'static str, String>) -> Value {
    let filled = |text: &str| {
        last.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    };
    let method = Method::from_bytes(step.method.as_bytes()).unwrap_or_default();
    let mut request = Request::builder().method(method).uri(filled(step.path));
    request = request.header("User-Agent", "table/1.0");
    if !step.media.is_empty() {
        request = request.header("Content-Type", step.media);
    }
    request = request
        .header("Accept", if step.accept.is_empty() { "application/json" } else { step.accept });
    let body = Body::from(filled(&step.body).into_bytes());
    let request = match request.body(body) {
        Ok(request) => request,
        Err(error) => return json!({ "no request": error.to_string() }),
    };
    let response = match client.send(request).await {
        Ok(response) => response,
        Err(error) => return json!({ "no response": error.to_string() }),
    };
    let code = response.status().as_u16();
    let body = axum::body::Body::new(response.into_body());
    let chunks = body.into_data_stream().map_ok(|bytes| bytes.to_vec());
    let chunks: Vec<Vec<u8>> = chunks.filter_map(async |chunk| chunk.ok()).collect().await;
    let text = String::from_utf8_lossy(&chunks.concat()).into_owned();
    json!({ "code": code, "body": read(step, &text) })
}

fn read(step: &Step, text: &str) -> Value {
    if step.path.contains("watch=") && text.starts_with("{\"type\"") {
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap_or_default());
        return Value::Array(lines.collect());
    }
    let mut answer = serde_json::from_str(text).unwrap_or_else(|_| json!(text.trim()));
    // The real server's cache has no order.
    if let (true, Some(Value::Array(items))) =
        (step.path.contains("resourceVersion=0"), answer.pointer_mut("/items"))
    {
        items.sort_by_key(|item| item["metadata"]["name"].to_string());
    }
    answer
}

/// What is different each time, and what has no order.
fn normalize(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            for (name, value) in map.iter_mut() {
                normalize(value);
                mask(name, value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(normalize),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn mask(name: &str, value: &mut Value) {
    const EACH_TIME: [&str; 9] = [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "resourceVersion",
        "continue",
        "time",
        "lastTransitionTime",
        "lastUpdateTime",
        "storageVersionHash",
    ];
    match value {
        Value::String(text) if EACH_TIME.contains(&name) && !text.is_empty() => {
            *value = json!("*");
        }
        Value::String(text) if name == "name" && text.starts_with("drawn-") => {
            *value = json!(format!("drawn-{} letters", text.len() - "drawn-".len()));
        }
        Value::String(text) if name == "message" => *value = json!(without_draws(text)),
        Value::Array(entries) if name == "managedFields" => {
            let of = |entry: &Value| {
                let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
                (
                    format!("{} {} {}", text("manager"), text("operation"), text("apiVersion")),
                    entry.clone(),
                )
            };
            *value = Value::Object(entries.iter().map(of).collect::<Map<_, _>>());
        }
        Value::Array(causes) if name == "causes" => {
            // The real server takes managers as its map has them.
            causes.sort_by_key(|cause| (cause["field"].to_string(), cause["message"].to_string()));
        }
        Value::Array(entries) if name == "resources" || name == "groups" => {
            let of = |entry: &Value| {
                (entry["name"].as_str().unwrap_or_default().to_owned(), entry.clone())
            };
            *value = Value::Object(entries.iter().map(of).collect::<Map<_, _>>());
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {}
    }
}

/// A message without versions, uids and times.
fn without_draws(text: &str) -> String {
    let word = |word: &str| {
        let bare = word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric());
        let number = !bare.is_empty() && bare.chars().all(|letter| letter.is_ascii_digit());
        let uid = bare.len() == 36 && bare.matches('-').count() == 4;
        let time =
            bare.len() >= 20 && bare.contains('T') && bare.contains("Z") && bare.contains(':');
        if number || uid || time { word.replace(bare, "*") } else { word.to_owned() }
    };
    text.split(' ').map(word).collect::<Vec<String>>().join(" ")
}

fn differ(
    step: &'static str,
    at: &str,
    emulated: &Value,
    real: &Value,
    found: &mut Vec<Difference>,
) {
    match (emulated, real) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (name, theirs) in theirs {
                let at = format!("{at}/{name}");
                match ours.get(name) {
                    Some(ours) => differ(step, &at, ours, theirs, found),
                    None => differ(step, &at, &Value::Null, theirs, found),
                }
            }
            for (name, ours) in ours.iter().filter(|(name, _)| !theirs.contains_key(*name)) {
                differ(step, &format!("{at}/{name}"), ours, &Value::Null, found);
            }
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                differ(step, &format!("{at}/{index}"), ours, theirs, found);
            }
        }
        (ours, theirs) if ours == theirs => {}
        (ours, theirs) => found.push(Difference {
            step,
            at: at.to_owned(),
            emulated: ours.clone(),
            real: theirs.clone(),
        }),
    }
}

/// Whether only the real server having something there is one of its defaults.
fn is_default(at: &str) -> bool {
    const BELOW: [&str; 6] =
        ["/spec/", "/status/", "/f:spec/", "/f:status/", "/resources/", "/groups/"];
    const ITSELF: [&str; 4] =
        ["/f:status", "/body/spec", "/serverAddressByClientCIDRs", "/body/status"];
    BELOW.iter().any(|place| at.contains(place)) || ITSELF.iter().any(|place| at.ends_with(place))
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, at, emulated, real } = self;
        write!(f, "{step}{at}: emulated {emulated}, real {real}")
    }
}
