//! What must not be told: tokens and passwords.

use std::fmt;

/// A text that never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// What stands where a secret would.
const HIDDEN: &str = "<secret>";

/// Shorter secrets are not looked for in what others say: they would be found everywhere.
const FOUND_FROM: usize = 4;

impl Secret {
    /// Keeps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What somebody else said, without this secret in it.
    #[must_use]
    pub fn hide_in(&self, said: &str) -> String {
        if self.0.len() < FOUND_FROM { said.to_owned() } else { said.replace(&self.0, HIDDEN) }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(HIDDEN)
    }
}

/// What a server said, fit to be shown: no secrets, no control characters, and not too much of it.
pub(crate) fn plain(said: &[u8], secrets: &[Secret]) -> String {
    let mut text = String::from_utf8_lossy(&said[..said.len().min(SAID_MAX)]).into_owned();
    for secret in secrets {
        text = secret.hide_in(&text);
    }
    let lines = text.split(['\n', '\r']).map(|line| line.trim().replace(char::is_control, ""));
    let lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    lines.join(" | ")
}

/// How much of what a server says is kept, in bytes.
pub(crate) const SAID_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_itself_to_nobody() {
        let secret = Secret::new("hunter2-hunter2");
        assert_eq!(
            format!("{secret} {secret:?} {:?}", Some(&secret)).matches("hunter2").count(),
            0
        );
        assert_eq!(secret.expose(), "hunter2-hunter2");
    }

    #[test]
    fn what_a_server_says_is_shown_without_secrets_and_control_characters() {
        let secrets = [Secret::new("s3cr3t")];
        let said = b"no\x1b[31m way for s3cr3t\r\n\n  ask the owner \n";
        assert_eq!(plain(said, &secrets), "no[31m way for <secret> | ask the owner");
        assert_eq!(plain(&[b'a'; 10_000], &[]).len(), SAID_MAX);
    }
}
