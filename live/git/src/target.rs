//! Where a writer writes to: a branch of a remote. URLs that carry secrets are refused.

use std::fmt;
use std::path::PathBuf;

/// A branch of a remote.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The remote.
    pub remote: Remote,
    /// The branch, without `refs/heads/`.
    pub branch: String,
}

/// A repository elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remote {
    /// A folder of this machine.
    Local(PathBuf),
    /// A repository behind a web server: its URL, without a slash at its end.
    Http(String),
    /// A repository behind OpenSSH.
    Ssh {
        /// Who to be there; whoever OpenSSH takes where it is none.
        user: Option<String>,
        /// The machine.
        host: String,
        /// Its port; what OpenSSH takes where it is none.
        port: Option<u16>,
        /// The repository there.
        path: String,
    },
}

/// A URL or a branch that cannot be written to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{what}` cannot be written to: {why}")]
pub struct BadTarget {
    /// The URL, without what stands before `@`, or the branch.
    pub what: String,
    /// What is wrong, and what to do.
    pub why: &'static str,
}

/// The longest URL or branch.
const LENGTH_MAX: usize = 2_048;

impl Target {
    /// The branch `branch` of the repository at `url`: a path, or a URL with `file`, `http`, `https` or `ssh`, or
    /// `user@host:path`.
    ///
    /// # Errors
    /// It is none of these, it holds a user or a password where a file should, or the branch has no name for git.
    pub fn new(url: &str, branch: &str) -> Result<Self, BadTarget> {
        let bad = |why| BadTarget { what: without_user(url), why };
        if url.len() > LENGTH_MAX || branch.len() > LENGTH_MAX {
            return Err(BadTarget { what: "…".to_owned(), why: "it is longer than 2,048 bytes" });
        }
        if url.contains(|letter: char| letter.is_control() || letter == ' ') {
            return Err(bad("a blank or a control character stands in it"));
        }
        if !git2::Reference::is_valid_name(&format!("refs/heads/{branch}"))
            || branch.starts_with('-')
        {
            return Err(BadTarget {
                what: branch.to_owned(),
                why: "git takes no such name for a branch",
            });
        }
        Ok(Self { remote: Remote::new(url).map_err(bad)?, branch: branch.to_owned() })
    }

    /// The reference in full.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { remote, branch } = self;
        write!(out, "{remote} ({branch})")
    }
}

impl Remote {
    fn new(url: &str) -> Result<Self, &'static str> {
        if let Some((scheme, rest)) = url.split_once("://") {
            return match scheme {
                "file" => local(rest),
                "http" | "https" => http(url, rest),
                "ssh" => ssh_url(rest),
                _ => Err("only `file`, `http`, `https` and `ssh` are spoken"),
            };
        }
        if url.starts_with('/') {
            return local(url);
        }
        match url.split_once(':') {
            Some((host, path))
                if !host.contains('/') && path.contains('@') && !host.contains('@') =>
            {
                Err(
                    "`@` stands behind its first `:`: a password has no place there, name a key file instead",
                )
            }
            Some((host, path)) if !host.contains('/') => ssh(host, None, path),
            _ => Err("it is neither a URL, nor `user@host:path`, nor a path from the root"),
        }
    }

    /// The machine that answers; empty for a folder. What rates are counted by.
    #[must_use]
    pub fn host(&self) -> &str {
        match self {
            Self::Local(_) => "",
            Self::Http(url) => {
                let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
                rest.split('/').next().unwrap_or("")
            }
            Self::Ssh { host, .. } => host,
        }
    }
}

fn local(path: &str) -> Result<Remote, &'static str> {
    if path.starts_with('/') {
        Ok(Remote::Local(path.into()))
    } else {
        Err("a path must begin at the root, as in `file:///srv/fleet.git`")
    }
}

fn http(url: &str, rest: &str) -> Result<Remote, &'static str> {
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.contains('@') || path.contains('@') {
        Err("a user or a password stands in it: take it out, and name a token file instead")
    } else if host.is_empty() || host.starts_with('-') {
        Err("it names no host")
    } else if path.contains(['?', '#']) {
        Err("`?` or `#` stands in it: name the repository only, and a token file for who may write")
    } else {
        Ok(Remote::Http(url.trim_end_matches('/').to_owned()))
    }
}

fn ssh_url(rest: &str) -> Result<Remote, &'static str> {
    let (machine, path) = rest.split_once('/').ok_or("it names no repository")?;
    // As git does: what begins with `~` is in somebody's home.
    let path = if path.starts_with('~') { path.to_owned() } else { format!("/{path}") };
    let after_user = machine.rfind('@').map_or(0, |at| at + 1);
    let after_host = machine[after_user..].rfind(']').map_or(after_user, |end| after_user + end);
    match machine[after_host..].split_once(':') {
        None => ssh(machine, None, &path),
        Some((_, port)) => {
            let port = port.parse().map_err(|_| "its port is no number up to 65,535")?;
            let end = machine.len()
                - machine[after_host..].split_once(':').map_or(0, |(_, port)| port.len() + 1);
            ssh(&machine[..end], Some(port), &path)
        }
    }
}

fn ssh(machine: &str, port: Option<u16>, path: &str) -> Result<Remote, &'static str> {
    let (user, host) = match machine.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, machine),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if user.is_some_and(|user| user.contains(':')) {
        return Err("a password stands in it: take it out, and name a key file instead");
    }
    if user.is_some_and(|user| user.is_empty() || user.starts_with('-')) {
        return Err("its user has no name");
    }
    // OpenSSH would take a host that begins with a dash for an option.
    if host.is_empty() || host.starts_with('-') {
        return Err("it names no host");
    }
    if path.is_empty() || path.starts_with('-') {
        return Err("it names no repository");
    }
    Ok(Remote::Ssh {
        user: user.map(str::to_owned),
        host: host.to_owned(),
        port,
        path: path.to_owned(),
    })
}

/// A URL without what stands before the host.
fn without_user(url: &str) -> String {
    let (scheme, rest) = match url.find("://") {
        Some(at) => url.split_at(at + 3),
        None => ("", url),
    };
    // A password may hold slashes, though it should not: all up to the last `@` goes.
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or("");
    format!("{scheme}{rest}").replace(char::is_control, "")
}

impl fmt::Display for Remote {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(out, "{}", path.display()),
            Self::Http(url) => out.write_str(url),
            Self::Ssh { user, host, port, path } => {
                out.write_str("ssh://")?;
                if let Some(user) = user {
                    write!(out, "{user}@")?;
                }
                if host.contains(':') {
                    write!(out, "[{host}]")?;
                } else {
                    out.write_str(host)?;
                }
                if let Some(port) = port {
                    write!(out, ":{port}")?;
                }
                let slash = if path.starts_with('/') { "" } else { "/" };
                write!(out, "{slash}{path}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_told_apart() {
        for (url, shown) in [
            ("/srv/fleet.git", "/srv/fleet.git"),
            ("file:///srv/fleet.git", "/srv/fleet.git"),
            ("https://git.example/fleet.git/", "https://git.example/fleet.git"),
            (
                "ssh://git@git.example:2222/srv/fleet.git",
                "ssh://git@git.example:2222/srv/fleet.git",
            ),
            ("ssh://[::1]:22/x", "ssh://[::1]:22/x"),
            ("ssh://git.example/~hub/x", "ssh://git.example/~hub/x"),
            ("git@git.example:fleet.git", "ssh://git@git.example/fleet.git"),
        ] {
            assert_eq!(Target::new(url, "main").unwrap().remote.to_string(), shown, "{url}");
        }
    }

    #[test]
    fn what_carries_a_secret_or_an_option_is_refused_without_repeating_it() {
        for url in [
            "https://me:hunter2@git.example/fleet.git",
            "https://hunter2@git.example/fleet.git",
            "https://me:hunter2/@git.example/fleet.git",
            "https://git.example/fleet.git?token=hunter2",
            "https://git.example/fleet.git#hunter2",
            "ssh://me:hunter2@git.example/fleet.git",
            "ftp://me:hunter2@git.example/fleet.git",
            "me:hunter2@git.example:fleet.git",
            "ssh://-oProxyCommand=x/y",
            "-oProxyCommand=x:y",
            "git@host:--upload-pack=x",
            "file://fleet.git",
            "fleet.git",
            "https://",
            "https:///x",
            "ssh://host:99999/x",
            "https://a b/c",
        ] {
            let told = Target::new(url, "main").unwrap_err();
            assert!(!format!("{told} {told:?}").contains("hunter2"), "{url}: {told}");
        }
    }

    #[test]
    fn branches_have_names_that_git_takes() {
        for branch in ["main", "fleet/eu-1"] {
            assert!(Target::new("/x", branch).is_ok(), "{branch}");
        }
        for branch in ["", "a..b", "-x", "a b", "a\n", "x.lock", "a:b"] {
            assert!(Target::new("/x", branch).is_err(), "{branch}");
        }
    }
}
