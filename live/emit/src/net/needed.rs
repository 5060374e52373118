//! Whether everything that is written is needed: what is taken away must change an answer.

use std::sync::Arc;

use serde_json::json;

use crate::Object;
use crate::net::example::{EDGE, call, users, without, world};
use crate::net::objects;
use crate::net::reach::{Pod, Question, SitePicture, World, arrives};

/// Kinds of which the example has a second line of defence, or whose work the checker does not see.
const NOT_MISSED: [&str; 5] = [
    "PeerAuthentication",
    "Server",
    "AuthorizationPolicy",
    "FirewallForwarding",
    "CiliumEgressGatewayPolicy",
];

/// The world with a pod in each cluster that nothing knows, in the namespace of the app.
fn with_strangers(world: &World) -> World {
    let mut world = world.clone();
    for site in &mut world.sites {
        let mut picture = SitePicture::clone(site);
        let labels = json!({ "app": "stranger" });
        let pods = json!({ "spec": { "template": {
            "metadata": { "labels": labels },
            "spec": { "containers": [{ "ports": [{ "containerPort": 1 }] }] },
        } } });
        let front = json!({ "spec": { "selector": labels, "ports": [{ "port": 1 }] } });
        let pods = Object::new("apps/v1", "Deployment", "shop", "stranger", pods);
        picture.pods.extend(Pod::of(&pods));
        picture.objects.push(Object::new("v1", "Service", "shop", "stranger", front));
        *site = Arc::new(picture);
    }
    world
}

#[test]
fn there_is_no_object_whose_loss_changes_nothing() {
    for (name, fleet) in crate::net::goldens::fleets() {
        let whole = with_strangers(&world(&fleet));
        let zone = Question::Enter { host: "bay.shop.example.net".into() };
        let to_itself = |caller: &str, port| Question::Call {
            from: EDGE,
            caller: ("shop".into(), caller.into()),
            callee: ("shop".into(), caller.into()),
            port,
        };
        let mut leave = Vec::new();
        for caller in ["web", "job"] {
            let caller = ("shop".to_owned(), caller.to_owned());
            let to = [203, 0, 113, 80].into();
            leave.push(Question::Leave { from: EDGE, caller, to, port: 443 });
        }
        let questions = [call("web"), call("job"), users(), zone, to_itself("job", 7070)];
        for from in fleet.site_indices() {
            let stranger = || ("shop".to_owned(), "stranger".to_owned());
            leave.push(Question::Call { from, caller: stranger(), callee: stranger(), port: 1 });
        }
        let answers = |world: &World| -> Vec<_> {
            questions.iter().chain(&leave).map(|question| arrives(world, question)).collect()
        };
        let before = answers(&whole);
        for site in fleet.site_indices() {
            for written in objects(&fleet, site) {
                let (kind, full) = (written.object.kind(), written.object.name());
                let after = answers(&without(&whole, site, kind, full));
                let missed = before != after || NOT_MISSED.contains(&kind);
                assert!(missed, "{name}: nothing changes without {kind} {full} at {site:?}");
            }
        }
    }
}
