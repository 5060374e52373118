//! The server: one listener for all clusters, each below `/c/<name>`. It finds the cluster, suffers its faults, checks
//! the token, and hands the call to those who read, write and watch.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::World;
use super::call::Call;
use super::cluster::{Manner, Shard};
use super::discovery::{self, Found};
use super::kinds::{Kind, api_version};
use super::managed::{Force, Writer};
use super::object::Shape;
use super::read;
use super::rules::{self, Part};
use super::scale;
use super::status::Refused;
use super::store::Store;
use super::watch::Watching;
use super::wire::Switch;
use super::write::{self, Deleted, Patch, Target, Written};

/// The largest body that is read, as in the real server about.
const BODY_BYTES_MAX: usize = 3 << 20;

/// Answers one request.
pub(super) async fn answer(
    State(world): State<Arc<World>>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let uri = head.uri.clone();
    let Some((shard, path)) = world.find(uri.path()) else {
        return Refused::no_such_path().response();
    };
    let call = Call::read(&head.method, path, &uri, &head.headers);
    shard.count(call.verb, call.resource());
    match manner(&shard).await {
        Manner::Well | Manner::Silent => {}
        Manner::Refusing => return Refused::unavailable().response(),
        Manner::Cut => {
            switch.off();
            return Refused::unavailable().response();
        }
    }
    let delay = shard.delay();
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    if shard.throttles() {
        return Refused::throttled().response();
    }
    let authorization = head.headers.get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !shard.admits(authorization) && !discovery::is_public(&call.path) {
        return Refused::unauthorized().response();
    }
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return Refused::bad("the body could not be read").response();
    };
    let answered = dispatch(&shard, &call, &body);
    shard.tell();
    answered.unwrap_or_else(|refused| refused.response())
}

/// How the cluster answers, once it does.
async fn manner(shard: &Shard) -> Manner {
    let mut signal = shard.signal.subscribe();
    let spoke = signal.wait_for(|signal| signal.manner != Manner::Silent).await;
    // The sender is part of the shard, which is held here.
    spoke.map_or(Manner::Cut, |signal| signal.manner)
}

fn dispatch(shard: &Arc<Shard>, call: &Call, body: &[u8]) -> Result<Response, Refused> {
    let mut store = shard.store();
    if call.plural.is_empty() {
        return match discovery::find(&store, &call.path) {
            Some(Found::Json(found)) => Ok(json_response(200, found.to_string())),
            Some(Found::Text(text)) => Ok(Response::new(Body::from(text))),
            None => Err(Refused::no_such_path()),
        };
    }
    let served = store.serves(&call.group, &call.version, &call.plural);
    let grouped = store.has_group(&call.group, &call.version);
    let absent = || if grouped { Refused::no_such_resource() } else { Refused::no_such_path() };
    let table = served.ok_or_else(absent)?;
    let kind = Arc::clone(&store.kinds[table]);
    let part = match call.subresource.as_str() {
        "" => Part::Main,
        "status" if kind.traits.status => Part::Status,
        "scale" if kind.traits.scale => return scaled(&mut store, table, call, body),
        _ => return Err(Refused::no_such_resource()),
    };
    match call.verb {
        "get" => return Ok(json_response(200, read::one(&store, table, call)?)),
        "list" => return Ok(json_response(200, read::list(&store, table, call)?)),
        "watch" => {
            let watching = Watching::begin(shard, &store, table, call)?;
            let mut response = Response::new(Body::from_stream(watching.stream()));
            let json = header::HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
            return Ok(response);
        }
        "" => return Err(Refused::method()),
        "deletecollection" if !kind.deletes_collections() => return Err(Refused::method()),
        _ => {}
    }
    let target = target(&store, table, part, call);
    let (code, object) = match call.verb {
        "create" => (201, write::create(&mut store, &target, parse(body)?)?),
        "update" => (200, write::update(&mut store, &target, parse(body)?)?),
        "patch" => {
            let patch = patch(call, &kind, body)?;
            match write::patch(&mut store, &target, patch)? {
                Written::Created(object) => (201, object),
                Written::Updated(object) => (200, object),
            }
        }
        "delete" => (200, deleted(&mut store, &target, body)?),
        _ => (200, collection(&mut store, &target, call, body)?),
    };
    Ok(json_response(code, shaped(call.shape, object).to_string()))
}

fn scaled(store: &mut Store, table: usize, call: &Call, body: &[u8]) -> Result<Response, Refused> {
    let target = target(store, table, Part::Main, call);
    let kind = &*target.kind;
    let scale = match call.verb {
        "get" => scale::of(store, &target)?,
        "update" => scale::set(store, &target, &parse(body)?)?,
        "patch" => match patch(call, kind, body)? {
            Patch::Merge(patch) => {
                let mut scale = scale::of(store, &target)?;
                json_patch::merge(&mut scale, &patch);
                scale::set(store, &target, &scale)?
            }
            Patch::Json(_) | Patch::Strategic(_) | Patch::Apply(..) => {
                return Err(Refused::media(kind));
            }
        },
        _ => return Err(Refused::method()),
    };
    Ok(json_response(200, scale.to_string()))
}

fn target(store: &Store, table: usize, part: Part, call: &Call) -> Target {
    let kind = Arc::clone(&store.kinds[table]);
    let given = call.asked("fieldManager");
    let manager = if given.is_empty() { &call.agent } else { given };
    let by = Writer {
        manager: manager.to_owned(),
        api_version: api_version(&call.group, &call.version),
        now: rules::now(),
    };
    let (namespace, name) = (call.namespace.clone(), call.name.clone());
    Target { table, kind, namespace, name, part, by, dry: call.asked("dryRun") == "All" }
}

fn patch(call: &Call, kind: &Kind, body: &[u8]) -> Result<Patch, Refused> {
    let options = |field: &str, reason: &str, said: &str| {
        let complaint = (reason, field, said.to_owned());
        Refused::invalid("PatchOptions", "meta.k8s.io", "", &[complaint])
    };
    let apply = call.media == "application/apply-patch+yaml";
    if apply && call.asked("fieldManager").is_empty() {
        let said = "Required value: is required for apply patch";
        return Err(options("fieldManager", "FieldValueRequired", said));
    }
    if !apply && call.is("force") {
        let said = "Forbidden: may not be specified for non-apply patch";
        return Err(options("force", "FieldValueForbidden", said));
    }
    let patch = || -> Result<Value, Refused> {
        serde_json::from_slice(body).map_err(|_| Refused::unexpected("Invalid JSON Patch"))
    };
    match call.media.as_str() {
        "application/json-patch+json" => Ok(Patch::Json(parse(body)?)),
        "application/merge-patch+json" => Ok(Patch::Merge(patch()?)),
        "application/strategic-merge-patch+json" if kind.traits.builtin => {
            Ok(Patch::Strategic(patch()?))
        }
        "application/apply-patch+yaml" => {
            let force = if call.is("force") { Force::Yes } else { Force::No };
            // Every JSON is YAML, and clients in Rust write JSON; other YAML is not read.
            Ok(Patch::Apply(parse(body)?, force))
        }
        _ => Err(Refused::media(kind)),
    }
}

fn deleted(store: &mut Store, target: &Target, body: &[u8]) -> Result<Value, Refused> {
    let options = if body.is_empty() { Value::Null } else { parse(body)? };
    match write::delete(store, target, &options)? {
        // The real server gives back a pod, and of others only who they were.
        Deleted::Gone(object) if target.kind.kind != "Pod" => {
            let mut details = json!({
                "name": target.name, "kind": target.kind.plural,
                "uid": object["metadata"]["uid"],
            });
            if !target.kind.group.is_empty() {
                details["group"] = json!(target.kind.group);
            }
            Ok(json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                "details": details,
            }))
        }
        Deleted::Gone(mut pod) => {
            pod["metadata"]["deletionTimestamp"] = json!(target.by.now);
            pod["metadata"]["deletionGracePeriodSeconds"] = json!(0);
            Ok(pod)
        }
        Deleted::Going(object) => Ok(object),
    }
}

fn collection(
    store: &mut Store,
    target: &Target,
    call: &Call,
    body: &[u8],
) -> Result<Value, Refused> {
    let options = if body.is_empty() { Value::Null } else { parse(body)? };
    let mut items = Vec::new();
    for name in read::names(store, target.table, call)? {
        let one = Target { name, ..target.clone() };
        let (Deleted::Gone(mut object) | Deleted::Going(mut object)) =
            write::delete(store, &one, &options)?;
        if target.kind.traits.builtin {
            rules::put(&mut object, "apiVersion", None);
            rules::put(&mut object, "kind", None);
        }
        items.push(object);
    }
    Ok(json!({
        "apiVersion": target.by.api_version, "kind": format!("{}List", target.kind.kind),
        "metadata": { "resourceVersion": store.version().to_string() }, "items": items,
    }))
}

/// What a client gets that wants metadata only.
fn shaped(shape: Shape, object: Value) -> Value {
    if shape == Shape::Full || object["kind"] == "Status" {
        return object;
    }
    json!({
        "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
        "metadata": object["metadata"],
    })
}

fn parse(body: &[u8]) -> Result<Value, Refused> {
    serde_json::from_slice(body).map_err(|error| {
        Refused::bad(format!("the object provided is unrecognized (must be of type JSON): {error}"))
    })
}

fn json_response(code: u16, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::OK);
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
