//! Paths of files in a repository: relative, with forward slashes, and never out of their folder.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

/// The path of a file, from the root of its repository.
///
/// Its parts are neither empty, `.`, `..` nor `.git`, whatever their case, and hold only letters, digits, `-`, `_`, `.`,
/// `@` and `+`: what is a file name on every system, and means nothing to a shell or to git.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(String);

/// A path that would lead out of its folder, or that some system could not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` cannot be a file in a repository: {why}")]
pub struct BadPath {
    /// The path.
    pub path: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// The longest part of a path: what common file systems hold.
const PART_MAX: usize = 255;
/// The longest path.
const PATH_MAX: usize = 1_024;

impl FilePath {
    /// The path that `path` says.
    ///
    /// # Errors
    /// It leads out of the repository, into git's own folder, or could not be a file.
    pub fn new(path: impl Into<String>) -> Result<Self, BadPath> {
        let path = path.into();
        match fault(&path) {
            None => Ok(Self(path)),
            Some(why) => Err(BadPath { path, why }),
        }
    }
}

fn fault(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return Some("it is empty");
    }
    if path.len() > PATH_MAX {
        return Some("it is longer than 1,024 characters");
    }
    path.split('/').find_map(part_fault)
}

fn part_fault(part: &str) -> Option<&'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@+".contains(&byte);
    if part.is_empty() {
        Some("a part of it is empty")
    } else if part == "." || part == ".." {
        Some("it leads elsewhere")
    } else if part.eq_ignore_ascii_case(".git") {
        Some("it leads into git's own folder")
    } else if part.len() > PART_MAX {
        Some("a part of it is longer than 255 characters")
    } else if !part.bytes().all(plain) {
        Some("only letters, digits, `-`, `_`, `.`, `@` and `+` may stand in it")
    } else {
        None
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Deref for FilePath {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for FilePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_climb_out_of_their_folder_are_refused() {
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a/./b",
            "a//b",
            "a/",
            ".git/config",
            "a/.GIT/x",
        ] {
            assert!(FilePath::new(path).is_err(), "{path}");
        }
        for path in ["a b", "a\\b", "a:b", "a\nb", "$(x)", "ä", "a*"] {
            assert!(FilePath::new(path).is_err(), "{path}");
        }
        for path in ["deploy/edge-1/shop/50-deployment-web.yaml", ".owned/edge-1.json", "a..b"] {
            assert_eq!(&*FilePath::new(path).unwrap(), path);
        }
    }
}
