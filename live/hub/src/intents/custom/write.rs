//! Writing back: conditions in the status of each document, and an event when one is refused or accepted again.
//!
//! Nothing is written that is there already.

use std::collections::BTreeMap;

use futures::StreamExt;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use k8s_openapi::jiff::Timestamp;
use kube::api::{DynamicObject, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use periplus_spec::draft::{API_VERSION, Kind};
use serde_json::json;
use tokio::time::{Duration, timeout};

use super::definitions::resource;
use super::places::{Places, Said};
use super::settle::{Verdict, Wrong};
use super::shelf::{Held, Key, Shelf};
use crate::clusters::full;

/// Who we are for the API.
const MANAGER: &str = "periplus";
/// Where events go that are about what lies in no namespace. Kubernetes before 1.21 takes them nowhere else.
const EVENTS_IN: &str = "kube-system";
/// How long an answer may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
/// How many documents are written at the same time.
const AT_ONCE: usize = 8;
/// The most bytes of a message: an event takes no more than 1,024.
const MESSAGE_MAX: usize = 1_000;

/// What became of a document, and of which generation that is said.
pub(super) type Judged = (i64, Verdict);

/// What is to be written to one document.
struct Writing {
    key: Key,
    uid: String,
    generation: i64,
    conditions: Vec<Condition>,
    event: Option<News>,
}

/// What people are told of a document.
struct News {
    type_: &'static str,
    reason: String,
    note: String,
}

/// Writes back what is not there yet. Gives what could not be written; it is tried again the next time.
pub(super) async fn write(
    client: &Client,
    shelf: &mut Shelf,
    judged: &BTreeMap<Key, Judged>,
    places: Option<&BTreeMap<String, Places>>,
) -> Vec<String> {
    let now = Timestamp::now();
    let writings: Vec<Writing> = shelf
        .own()
        .filter_map(|(key, held)| writing(&key, held, judged.get(&key)?, places, now))
        .collect();
    let mut faults = Vec::new();
    let mut done = futures::stream::iter(writings)
        .map(|writing| async {
            let sent = timeout(ANSWERS_WITHIN, send(client, &writing)).await;
            (writing, sent.unwrap_or_else(|_| Err("no answer in time".to_owned())))
        })
        .buffer_unordered(AT_ONCE);
    while let Some((writing, sent)) = done.next().await {
        let Writing { key, generation, conditions, .. } = writing;
        match sent {
            Ok(()) => shelf.written(&key, generation, conditions),
            Err(why) => faults.push(format!("the status of {}/{}: {why}", key.0, key.1)),
        }
    }
    faults
}

fn writing(
    key: &Key,
    held: &Held,
    (generation, verdict): &Judged,
    places: Option<&BTreeMap<String, Places>>,
    now: Timestamp,
) -> Option<Writing> {
    let before = held.conditions.iter().find(|one| one.type_ == ACCEPTED);
    let was_taken = before.is_some_and(|one| one.status == "True");
    let same = held.observed == Some(*generation);
    let accepted = match verdict {
        Verdict::Taken => ("True", "Declared".to_owned(), "it is declared".to_owned()),
        Verdict::Refused(Wrong { code, message }) => ("False", camel(code), short(message)),
        // What is declared already stays so.
        Verdict::Held(_) if was_taken && same => {
            ("True", "Declared".into(), "it is declared".into())
        }
        Verdict::Held(why) => {
            ("False", "Held".to_owned(), short(&format!("nothing is taken in: {why}")))
        }
    };
    let mut said = vec![(ACCEPTED, accepted)];
    if let Some(places) = places.filter(|_| key.0 == Kind::Application) {
        let none = Places::default();
        let place = places.get(&key.1).unwrap_or(&none);
        let owned = |(status, reason, message): Said| (status, reason.to_owned(), message);
        said.extend([("Placed", owned(place.placed())), ("Ready", owned(place.ready()))]);
    }
    let mut conditions: Vec<Condition> = said
        .into_iter()
        .map(|(type_, (status, reason, message))| {
            let known = held.conditions.iter().find(|one| one.type_ == type_);
            let since = known.filter(|one| one.status == status);
            let at = since.map_or_else(|| Time(now), |one| one.last_transition_time.clone());
            Condition {
                type_: type_.to_owned(),
                status: status.to_owned(),
                reason,
                message,
                observed_generation: Some(*generation),
                last_transition_time: at,
            }
        })
        .collect();
    // What is not known anew stays as it was said.
    let untold = |one: &&Condition| conditions.iter().all(|said| said.type_ != one.type_);
    let kept: Vec<Condition> = held.conditions.iter().filter(untold).cloned().collect();
    conditions.extend(kept);
    if same && conditions == held.conditions {
        return None;
    }
    let event = news(before, conditions.first());
    let (key, uid, generation) = (key.clone(), held.uid.clone(), *generation);
    Some(Writing { key, uid, generation, conditions, event })
}

/// The condition that says whether a document is declared.
const ACCEPTED: &str = "Accepted";

/// Refused, refused for another reason, or accepted again.
fn news(before: Option<&Condition>, now: Option<&Condition>) -> Option<News> {
    let now = now?;
    let said = |one: &Condition| (one.status.clone(), one.reason.clone(), one.message.clone());
    let was_refused = before.is_some_and(|one| one.status == "False");
    let refused = now.status == "False";
    if before.map(said) == Some(said(now)) || (!refused && !was_refused) {
        return None;
    }
    let type_ = if refused { "Warning" } else { "Normal" };
    Some(News { type_, reason: now.reason.clone(), note: now.message.clone() })
}

async fn send(client: &Client, writing: &Writing) -> Result<(), String> {
    let Writing { key: (kind, name), uid, generation, conditions, event } = writing;
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource(*kind));
    let status = json!({
        "apiVersion": API_VERSION,
        "kind": kind.name(),
        // Not one that was made anew under the same name.
        "metadata": { "name": name, "uid": uid },
        "status": { "observedGeneration": generation, "conditions": conditions },
    });
    let params = PatchParams::apply(MANAGER).force();
    match api.patch_status(name, &params, &Patch::Apply(status)).await {
        Ok(_) => {}
        // It is gone, or another one: the watch tells.
        Err(kube::Error::Api(status)) if [404, 409].contains(&status.code) => return Ok(()),
        Err(error) => return Err(full(&error)),
    }
    let Some(event) = event else { return Ok(()) };
    let api: Api<Event> = Api::namespaced(client.clone(), EVENTS_IN);
    let made = api.create(&PostParams::default(), &event_of(writing, event)).await;
    // The status says the same.
    if let Err(error) = made {
        tracing::warn!("an event about {kind}/{name}: {}", full(&error));
    }
    Ok(())
}

fn event_of(writing: &Writing, news: &News) -> Event {
    let Writing { key: (kind, name), uid, .. } = writing;
    let now = Timestamp::now();
    Event {
        metadata: ObjectMeta {
            namespace: Some(EVENTS_IN.to_owned()),
            name: Some(format!("{name}.{:x}", now.as_nanosecond())),
            ..ObjectMeta::default()
        },
        action: Some("Declare".to_owned()),
        event_time: Some(MicroTime(now)),
        note: Some(news.note.clone()),
        reason: Some(news.reason.clone()),
        regarding: Some(ObjectReference {
            api_version: Some(API_VERSION.to_owned()),
            kind: Some(kind.name().to_owned()),
            name: Some(name.clone()),
            uid: Some(uid.clone()),
            ..ObjectReference::default()
        }),
        reporting_controller: Some("periplus.dev/periplus".to_owned()),
        reporting_instance: Some(MANAGER.to_owned()),
        type_: Some(news.type_.to_owned()),
        ..Event::default()
    }
}

/// A message that is not too long.
fn short(message: &str) -> String {
    if message.len() <= MESSAGE_MAX {
        return message.to_owned();
    }
    let end = message.floor_char_boundary(MESSAGE_MAX - '…'.len_utf8());
    format!("{}…", &message[..end])
}

/// `unknown-key` as Kubernetes writes reasons: `UnknownKey`.
fn camel(code: &str) -> String {
    let mut out = String::new();
    for word in code.split('-') {
        let mut letters = word.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    if out.is_empty() { "Refused".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_reasons_and_messages_stay_short() {
        assert_eq!(camel("unknown-key"), "UnknownKey");
        assert_eq!(camel(""), "Refused");
        assert_eq!(short("short"), "short");
        assert!(short(&"ö".repeat(2_000)).len() <= MESSAGE_MAX);
    }
}
