//! Who one is at a cluster, and files of it for others: a kubeconfig has a context for each.

use std::fs;
use std::path::{Path, PathBuf};

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

/// An address, whom to trust there, and who one is.
#[derive(Clone)]
pub struct Access {
    context: String,
    url: String,
    authority: PathBuf,
    token: String,
}

impl Access {
    pub(super) fn new(context: &str, url: String, authority: PathBuf, token: &str) -> Self {
        Self { context: context.to_owned(), url, authority, token: token.to_owned() }
    }

    /// The name of its context in kubeconfigs: that of the cluster, if nothing else was said.
    #[must_use]
    pub fn context(&self) -> &str {
        &self.context
    }

    /// The same under another name.
    #[must_use]
    pub fn named(&self, context: &str) -> Self {
        Self { context: context.to_owned(), ..self.clone() }
    }

    /// The same place as somebody else.
    pub(super) fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// What is sent to say who one is.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Where the API is: `https://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The certificates that are trusted there.
    #[must_use]
    pub fn authority(&self) -> &Path {
        &self.authority
    }

    /// How a client of one's own would reach it.
    ///
    /// # Panics
    ///
    /// If the cluster's files are gone.
    pub async fn config(&self) -> Config {
        let config = kubeconfig([self]);
        let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await;
        config.expect("a kubeconfig of ours holds all that is needed")
    }

    /// A client.
    ///
    /// # Panics
    ///
    /// If the cluster's files are gone.
    pub async fn client(&self) -> Client {
        Client::try_from(self.config().await).expect("its configuration is one")
    }
}

/// A kubeconfig with a context for each, of which the first is the current one.
///
/// # Panics
///
/// If two have the same name.
pub fn kubeconfig<'a>(accesses: impl IntoIterator<Item = &'a Access>) -> Kubeconfig {
    serde_json::from_value(document(accesses)).expect("a kubeconfig of ours is one")
}

/// Writes a kubeconfig with a context for each, of which the first is the current one. It holds while the clusters run.
///
/// # Panics
///
/// If two have the same name, or the file cannot be written.
pub fn write_kubeconfig<'a>(path: &Path, accesses: impl IntoIterator<Item = &'a Access>) {
    // JSON is YAML.
    let text = format!("{:#}\n", document(accesses));
    fs::write(path, text).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
}

fn document<'a>(accesses: impl IntoIterator<Item = &'a Access>) -> Value {
    let mut names: Vec<&str> = Vec::new();
    let (mut clusters, mut users, mut contexts) = (Vec::new(), Vec::new(), Vec::new());
    for Access { context: name, url, authority, token } in accesses {
        assert!(!names.contains(&name.as_str()), "two contexts have the name {name}");
        names.push(name);
        let place = json!({ "server": url, "certificate-authority": authority });
        clusters.push(json!({ "name": name, "cluster": place }));
        users.push(json!({ "name": name, "user": { "token": token } }));
        contexts.push(json!({ "name": name, "context": { "cluster": name, "user": name } }));
    }
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": clusters,
        "users": users,
        "contexts": contexts,
        "current-context": names.first(),
    })
}
