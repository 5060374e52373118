//! A real kube-apiserver has the lease, and the account may do what the rules say and nothing else.

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{Patch, PatchParams};
use periplus_live::leader::{Began, rules};
use periplus_support::real::Cluster;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::emulated::{SOON, SPANS, elector, leads};
use crate::timeline::Timeline;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_lease_is_led_by_handed_over_and_taken_over() {
    let cluster = Cluster::start("hub").await;
    let account = cluster.account("periplus", rules("periplus")).await;
    let config = account.config().await;
    let leases: Api<Lease> = Api::namespaced(cluster.client(), "default");
    let timeline = Timeline::new();

    let first = leads(elector(config.clone(), "first")).await;
    timeline.watch("first", &first);
    assert_eq!((first.epoch(), first.began()), (1, Began::Made));
    let mut second = tokio::spawn(elector(config.clone(), "second").run());
    // Whoever else writes to it ends no term.
    let note = Patch::Merge(json!({ "metadata": { "annotations": { "note": "a" } } }));
    leases.patch("periplus", &PatchParams::default(), &note).await.unwrap();
    assert!(timeout(SPANS.lease * 2, &mut second).await.is_err());
    assert!(first.leads()());

    first.release().await;
    let second = timeout(SOON, second).await.unwrap().unwrap();
    timeline.watch("second", &second);
    assert_eq!((second.epoch(), second.began()), (2, Began::Released));
    sleep(SPANS.lease).await;
    assert!(second.leads()());
    drop(second);

    let third = leads(elector(config, "third")).await;
    timeline.watch("third", &third);
    assert_eq!((third.epoch(), third.began()), (3, Began::Expired));
    let spec = leases.get("periplus").await.unwrap().spec.unwrap();
    assert_eq!(spec.lease_transitions, Some(2));
    assert!(spec.holder_identity.unwrap().starts_with("third_"));
    timeline.holds();
}
