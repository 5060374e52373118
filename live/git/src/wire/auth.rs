//! Who we are for a web server. Secrets are read at each use, so that new ones are taken up without a restart.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use git2::{Config, CredentialHelper};

use crate::fault::Fault;
use crate::secret::Secret;

/// Who we are for a web server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Nobody.
    None,
    /// Who bears the token in this file (GitLab, Gitea, cloud tokens).
    Bearer(PathBuf),
    /// This user, whose password is the token in this file (GitHub takes any user name).
    Basic {
        /// The user.
        user: String,
        /// The file.
        token: PathBuf,
    },
    /// Whom the credential helper of git knows, as `credential.helper` in its configuration says.
    Helper,
}

/// What a header says of us, and what must be hidden of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    pub(crate) header: Option<Secret>,
    pub(crate) secrets: Vec<Secret>,
}

/// How large a file with a token may be, in bytes.
const TOKEN_MAX: u64 = 64 << 10;

impl Auth {
    /// Reads who we are for `url`.
    pub(crate) fn read(&self, url: &str) -> Result<Credentials, Fault> {
        match self {
            Self::None => Ok(Credentials::default()),
            Self::Bearer(path) => {
                let token = token(path)?;
                let header = Secret::new(format!("Bearer {}", token.expose()));
                Ok(Credentials { header: Some(header), secrets: vec![token] })
            }
            Self::Basic { user, token: path } => Ok(basic(user, token(path)?)),
            Self::Helper => {
                let missing = || Fault::NoCredentials { remote: url.to_owned() };
                let config = Config::open_default().map_err(|_| missing())?;
                let mut helper = CredentialHelper::new(url);
                let (user, password) = helper.config(&config).execute().ok_or_else(missing)?;
                Ok(basic(&user, Secret::new(password)))
            }
        }
    }
}

fn basic(user: &str, password: Secret) -> Credentials {
    let pair = Secret::new(STANDARD.encode(format!("{user}:{}", password.expose())));
    let header = Secret::new(format!("Basic {}", pair.expose()));
    Credentials { header: Some(header), secrets: vec![password, pair] }
}

fn token(path: &Path) -> Result<Secret, Fault> {
    let fault = |why: &str| Fault::SecretFile { path: path.to_owned(), why: why.to_owned() };
    let mut text = String::new();
    let file = File::open(path).map_err(|found| fault(&found.to_string()))?;
    let read = file.take(TOKEN_MAX + 1).read_to_string(&mut text);
    // The error of a text that is no UTF-8 does not repeat it.
    read.map_err(|found| fault(&found.to_string()))?;
    let text = text.trim();
    if text.len() as u64 > TOKEN_MAX {
        Err(fault("it is longer than 64 KiB"))
    } else if text.is_empty() {
        Err(fault("it is empty"))
    } else if text.contains(|letter: char| letter.is_control() || letter == ' ') {
        Err(fault("it holds more than one word"))
    } else {
        Ok(Secret::new(text))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_token_is_read_at_each_use_and_never_shown() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("token");
        fs::write(&path, "hunter2\n").unwrap();
        let auth = Auth::Basic { user: "x".to_owned(), token: path.clone() };
        let read = auth.read("https://h/r").unwrap();
        assert_eq!(read.header.as_ref().unwrap().expose(), "Basic eDpodW50ZXIy");
        assert!(!format!("{read:?} {auth:?}").contains("hunter2"));
        fs::write(&path, "hunter3").unwrap();
        assert_eq!(Auth::Bearer(path).read("").unwrap().header.unwrap().expose(), "Bearer hunter3");
    }

    #[test]
    fn a_file_that_is_no_token_is_told_without_repeating_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("token");
        for text in ["", "hunter2 hunter2", "hunter2\nhunter2"] {
            fs::write(&path, text).unwrap();
            let told = Auth::Bearer(path.clone()).read("").unwrap_err();
            assert!(!format!("{told} {told:?}").contains("hunter2"), "{told}");
        }
        assert!(Auth::Bearer(home.path().join("none")).read("").is_err());
    }
}
