//! Signatures of commits with an SSH key, made by ssh-keygen as git has them made.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::fault::Fault;
use crate::secret::plain;
use crate::wire::program::Running;

/// Who signs.
///
/// Ed25519 and RSA keys sign equal bytes equally, so that equal commits have equal names; others do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The private key, or the public one of a key that an agent holds.
    pub key: PathBuf,
    /// The program.
    pub program: PathBuf,
}

/// How long a signature may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long a signature may be, in bytes.
const SIGNATURE_MAX: u64 = 64 << 10;

impl Signer {
    /// Who signs with this key.
    #[must_use]
    pub fn new(key: impl Into<PathBuf>) -> Self {
        Self { key: key.into(), program: PathBuf::from("ssh-keygen") }
    }

    /// The signature of these bytes.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Result<String, Fault> {
        let Self { key, program } = self;
        let told = |fault: std::io::Error| Fault::Program {
            program: program.display().to_string(),
            why: fault.to_string(),
        };
        let mut command = Command::new(program);
        command.args(["-Y", "sign", "-n", "git", "-f"]).arg(key);
        // Nobody is there to be asked for a passphrase.
        command
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("SSH_ASKPASS", "/bin/false")
            .env("DISPLAY", ":");
        let mut running = Running::start(&mut command, DEADLINE).map_err(told)?;
        // A key that cannot be read ends the program before it reads: its end tells why.
        let _ = running.stdin.take().map(|mut stdin| stdin.write_all(bytes));
        let mut signature = String::new();
        let read = (&mut running.stdout).take(SIGNATURE_MAX).read_to_string(&mut signature);
        let end = running.end();
        if end.well && read.is_ok() && signature.starts_with("-----BEGIN SSH SIGNATURE-----") {
            return Ok(signature);
        }
        Err(self.fault(key, if end.late { "it took longer than 30 s" } else { "" }, &end.said))
    }

    fn fault(&self, key: &Path, late: &str, said: &[u8]) -> Fault {
        let why = if late.is_empty() { plain(said, &[]) } else { late.to_owned() };
        Fault::Sign { key: key.to_owned(), why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_not_there_is_told() {
        let fault = Signer::new("/none/key").sign(b"x").unwrap_err();
        assert!(fault.to_string().contains("/none/key"), "{fault}");
        let signer = Signer { program: "/none/ssh-keygen".into(), ..Signer::new("/none/key") };
        assert!(matches!(signer.sign(b"x"), Err(Fault::Program { .. })));
    }
}
