//! Kubernetes clusters on loopback: etcd, kube-apiserver, kube-controller-manager and kube-scheduler as they are, in a
//! folder of their own. They have no nodes; `kubelet` plays those.
//!
//! What cannot go on here is the end of a test, so everything panics, and says what the servers said last.

mod access;
mod servers;

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::Request;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::authorization::v1::{SelfSubjectRulesReview, SelfSubjectRulesReviewSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject};
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tempfile::TempDir;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::process::{self, Process};
pub use access::{Access, kubeconfig, write_kubeconfig};

/// A cluster; its servers end when it is let go, and when the test's process ends in whatever way.
pub struct Cluster {
    admin: Access,
    client: Client,
    servers: Vec<Process>,
    plan: servers::Plan,
    // After the servers: they write into it until they end.
    folder: TempDir,
}

/// How long a cluster may take to come up on a machine that has much else to do. It takes ten seconds on a free one.
const START_MAX: Duration = Duration::from_secs(240);
/// How long what was asked for may take to be in force.
const SOON: Duration = Duration::from_secs(60);
/// How often what is waited for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often a cluster is tried on other ports, as somebody else may take one meanwhile.
const TRIES_MAX: usize = 5;
/// How long tokens of accounts hold: longer than any test runs.
const TOKEN_HOLDS_S: i64 = 24 * 60 * 60;
/// Where service accounts are made.
const NAMESPACE: &str = "default";

impl Cluster {
    /// Starts a cluster and waits until it can be used: it is ready, describes its API, and admits pods to the
    /// namespace `default`. The name is that of its context in kubeconfigs.
    ///
    /// # Panics
    ///
    /// If it does not come up.
    pub async fn start(name: &str) -> Self {
        let programs = tokio::task::spawn_blocking(install).await.expect("the installation ends");
        for _ in 0..TRIES_MAX {
            if let Some(cluster) = Self::try_start(name, &programs).await {
                return cluster;
            }
        }
        panic!("the cluster {name} did not come up in {TRIES_MAX} tries");
    }

    /// `None` if a server ended at once, as it does when its port is taken.
    async fn try_start(name: &str, programs: &Path) -> Option<Self> {
        let folder =
            TempDir::with_prefix(format!("periplus-{name}-")).expect("a folder can be made");
        let plan = servers::Plan::new(programs, folder.path());
        let mut servers = vec![plan.etcd(), plan.apiserver()];

        let admin = Access::new(name, plan.url(), plan.authority(), servers::ADMIN_TOKEN);
        wait_for("kube-apiserver's certificate", &mut servers, async || {
            plan.authority().exists().then_some(())
        })
        .await?;
        let client = admin.client().await;
        wait_for("kube-apiserver to be ready", &mut servers, async || {
            answers(&client, "/readyz").await
        })
        .await?;

        plan.write_kubeconfigs();
        servers.extend([plan.controller_manager(), plan.scheduler()]);
        wait_for("the description of the API", &mut servers, async || {
            answers(&client, "/openapi/v2").await
        })
        .await?;
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), NAMESPACE);
        wait_for("the namespace's service account", &mut servers, async || {
            accounts.get("default").await.ok()?.secrets.filter(|secrets| !secrets.is_empty())
        })
        .await?;
        Some(Self { admin, client, servers, plan, folder })
    }

    /// Its name, which is that of its context in kubeconfigs.
    #[must_use]
    pub fn name(&self) -> &str {
        self.admin.context()
    }

    /// Who may do everything.
    #[must_use]
    pub fn admin(&self) -> &Access {
        &self.admin
    }

    /// A client of who may do everything.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The folder in which the servers of this cluster write what they do, one `.log` each.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The numbers of its processes, by program.
    pub fn processes(&self) -> impl Iterator<Item = (&'static str, u32)> {
        self.servers.iter().map(|server| (server.program(), server.id()))
    }

    /// Ends kube-apiserver as a crash does, and starts it again where it was. All watches are cut, and what they had seen is
    /// too old for the new one to go on from. It returns when the cluster is ready.
    ///
    /// # Panics
    ///
    /// If it does not start again.
    pub async fn restart_api(&mut self) {
        self.servers.retain(|server| server.program() != "kube-apiserver");
        self.servers.push(self.plan.apiserver());
        let client = &self.client;
        let ready = wait_for("kube-apiserver to be ready again", &mut self.servers, async || {
            answers(client, "/readyz").await
        });
        assert!(ready.await.is_some(), "its port is taken");
    }

    /// Makes a service account in the namespace `default` that may do in the whole cluster what the rules say, and
    /// nothing else. It returns when the rules are in force.
    ///
    /// # Panics
    ///
    /// If the cluster does not do it.
    pub async fn account(&self, name: &str, rules: Vec<PolicyRule>) -> Access {
        let named = || ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        let post = PostParams::default();
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), NAMESPACE);
        let account = ServiceAccount { metadata: named(), ..ServiceAccount::default() };
        accounts.create(&post, &account).await.expect("a service account is made");

        let role =
            ClusterRole { metadata: named(), rules: Some(rules.clone()), ..ClusterRole::default() };
        Api::all(self.client()).create(&post, &role).await.expect("its role is made");
        let binding = ClusterRoleBinding {
            metadata: named(),
            role_ref: RoleRef {
                api_group: "rbac.authorization.k8s.io".to_owned(),
                kind: "ClusterRole".to_owned(),
                name: name.to_owned(),
            },
            subjects: Some(vec![Subject {
                kind: "ServiceAccount".to_owned(),
                name: name.to_owned(),
                namespace: Some(NAMESPACE.to_owned()),
                api_group: None,
            }]),
        };
        Api::all(self.client()).create(&post, &binding).await.expect("its role is bound to it");

        let access = self.token(NAMESPACE, name).await;
        let client = access.client().await;
        until("the rules to be in force", SOON, async || {
            may(&client).await.filter(|found| has_all(found, &rules))
        })
        .await;
        access
    }

    /// The access of a service account that there is.
    ///
    /// # Panics
    ///
    /// If the cluster gives no token.
    pub async fn token(&self, namespace: &str, account: &str) -> Access {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
        let asked = TokenRequest {
            spec: TokenRequestSpec {
                expiration_seconds: Some(TOKEN_HOLDS_S),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let given = accounts.create_token_request(account, &PostParams::default(), &asked).await;
        let given = given.expect("a token is given").status.expect("it is in the answer");
        self.admin.with_token(&given.token)
    }
}

/// Waits until there is something, and looks often.
///
/// # Panics
///
/// If there is nothing within this time.
pub async fn until<T>(what: &str, within: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let mut often = interval(LOOK_EVERY);
    often.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let found = timeout(within, async {
        loop {
            often.tick().await;
            if let Some(found) = look().await {
                break found;
            }
        }
    });
    found.await.unwrap_or_else(|_| panic!("waited {within:?} for {what}"))
}

/// Waits until there is something, and `None` if one of the servers ended meanwhile.
async fn wait_for<T>(
    what: &str,
    servers: &mut [Process],
    look: impl AsyncFn() -> Option<T>,
) -> Option<T> {
    let mut often = interval(LOOK_EVERY);
    often.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let found = timeout(START_MAX, async {
        loop {
            often.tick().await;
            if let Some(found) = look().await {
                break Some(found);
            }
            if servers.iter_mut().any(Process::has_ended) {
                break None;
            }
        }
    });
    let found = found.await;
    let Ok(Some(found)) = found else {
        let said: String = servers.iter().map(Process::said_last).collect();
        assert!(found.is_ok(), "waited {START_MAX:?} for {what}:\n{said}");
        assert!(said.contains(PORT_IS_TAKEN), "waited for {what}, and a server ended:\n{said}");
        return None;
    };
    Some(found)
}

/// How etcd and kube-apiserver say that another process has their port.
const PORT_IS_TAKEN: &str = "address already in use";

async fn answers(client: &Client, path: &str) -> Option<()> {
    let asked = Request::get(path).body(Vec::new()).expect("a path of ours is one");
    client.request_text(asked).await.ok().map(|_| ())
}

/// What the holder of this client may do.
async fn may(client: &Client) -> Option<SelfSubjectRulesReview> {
    let asked = SelfSubjectRulesReview {
        spec: SelfSubjectRulesReviewSpec { namespace: Some(NAMESPACE.to_owned()) },
        ..SelfSubjectRulesReview::default()
    };
    Api::all(client.clone()).create(&PostParams::default(), &asked).await.ok()
}

fn has_all(found: &SelfSubjectRulesReview, rules: &[PolicyRule]) -> bool {
    let Some(status) = &found.status else { return false };
    rules.iter().all(|rule| {
        let for_resources = status.resource_rules.iter().any(|found| {
            found.verbs == rule.verbs
                && found.resources == rule.resources
                && found.api_groups == rule.api_groups
                && found.resource_names == rule.resource_names
        });
        let for_paths = status.non_resource_rules.iter().any(|found| {
            found.verbs == rule.verbs && found.non_resource_urls == rule.non_resource_urls
        });
        for_resources || for_paths
    })
}

/// Installs what is missing, and says where it is.
fn install() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kubernetes/install");
    process::output(&script).into()
}
