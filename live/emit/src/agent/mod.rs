//! Agents: what tells Flux or Argo CD in a cluster which folders are its own, and where they pull from.

pub(crate) mod argocd;
pub(crate) mod flux;

use periplus_spec::scenario::ClusterFacts;

/// A repository that agents pull from: one for all clusters, or as many as its URL has variables for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Where it is. `${cluster.name}` and `${cluster.labels.KEY}` in it make one repository of each cluster, or of each
    /// value of a label.
    pub url: String,
    /// The branch that is written. It may hold the same variables.
    pub branch: String,
}

/// A cluster for which a repository has no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no repository for the cluster {cluster}: {why}")]
pub struct Unnamed {
    /// The URL or branch.
    pub text: String,
    /// The cluster.
    pub cluster: String,
    /// What is wrong.
    pub why: String,
}

impl Repository {
    /// The repository of one cluster.
    ///
    /// # Errors
    /// A variable is not known, or the cluster has no such label.
    pub fn of(&self, cluster: &ClusterFacts) -> Result<Self, Unnamed> {
        let fill = |text: &String| {
            filled(text, cluster).map_err(|why| Unnamed {
                text: text.clone(),
                cluster: cluster.name.to_string(),
                why,
            })
        };
        Ok(Self { url: fill(&self.url)?, branch: fill(&self.branch)? })
    }
}

fn filled(text: &str, cluster: &ClusterFacts) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, behind) = after.split_once('}').ok_or("a variable is not closed")?;
        out.push_str(before);
        match (name, name.strip_prefix("cluster.labels.")) {
            ("cluster.name", _) => out.push_str(&cluster.name),
            (_, Some(key)) => match cluster.labels.get(key) {
                Some(value) if !value.is_empty() => out.push_str(value),
                Some(_) | None => return Err(format!("it has no label `{key}`")),
            },
            (other, None) => {
                return Err(format!(
                    "there is no variable `{other}`; there are cluster.name and cluster.labels.KEY"
                ));
            }
        }
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}
