//! Where a study is to be kept, as it is named on the command line: a folder, or the URL of an object store.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::failure::Failure;
use crate::whatif::store::{Folder, Store};

/// A place for a study.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A folder of this machine, or one that it shares with others.
    Folder(PathBuf),
    /// A prefix in an object store, as in `s3://bucket/prefix`.
    Url(String),
}

impl Target {
    /// What reads a target from the command line. Everything with a scheme is a URL, all else a folder.
    pub(crate) fn parser() -> impl TypedValueParser<Value = Self> {
        OsStringValueParser::new().map(Self::from)
    }

    /// Makes sure that it can be opened as far as its name says.
    ///
    /// # Errors
    /// It is the URL of no store, or has more in it than a place.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self {
            Self::Folder(_) => Ok(()),
            #[cfg(feature = "objects")]
            Self::Url(url) => crate::whatif::objects::check(url),
            #[cfg(not(feature = "objects"))]
            Self::Url(_) => Err(without_objects()),
        }
    }

    /// Opens it. A folder is made if it is not there.
    ///
    /// # Errors
    /// It cannot be made, or is no place that this build can keep anything in.
    pub(crate) fn open(&self) -> Result<Box<dyn Store>, Failure> {
        match self {
            Self::Folder(path) => Ok(Box::new(Folder::open(path.clone())?)),
            #[cfg(feature = "objects")]
            Self::Url(url) => Ok(Box::new(crate::whatif::objects::Objects::open(url)?)),
            #[cfg(not(feature = "objects"))]
            Self::Url(_) => Err(without_objects()),
        }
    }
}

#[cfg(not(feature = "objects"))]
fn without_objects() -> Failure {
    Failure::Usage {
        message: "this periplus was built without object stores".into(),
        hint: "name a folder with `--out`, or build it with the feature `objects`".into(),
    }
}

impl From<OsString> for Target {
    fn from(text: OsString) -> Self {
        let scheme = |text: &str| {
            let (scheme, _) = text.split_once("://")?;
            let known = |letter: char| letter.is_ascii_alphanumeric() || "+-.".contains(letter);
            Some(!scheme.is_empty() && scheme.chars().all(known))
        };
        match text.to_str() {
            Some(text) if scheme(text) == Some(true) => Self::Url(text.to_owned()),
            Some(_) | None => Self::Folder(text.into()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(out),
            Self::Url(url) => url.fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_scheme_is_a_url_and_all_else_a_folder() {
        for url in ["s3://bucket/a", "gs://b", "az://container/x", "file:///tmp/study"] {
            assert_eq!(Target::from(OsString::from(url)), Target::Url(url.into()));
        }
        for folder in ["study", "/tmp/study", "a/b://c", "://", ""] {
            assert_eq!(Target::from(OsString::from(folder)), Target::Folder(folder.into()));
        }
    }
}
