//! How the service stood when it ran last: what its mode has done, which no restart may forget.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use periplus_core::State;
use periplus_core::input::Command;
use serde::{Deserialize, Serialize};

use crate::config::Mode;

/// How the service stood when it ran last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Standing {
    /// Whether it was paused by its mode, and not by an operator.
    pub paused_by_mode: bool,
    /// Whether it was ever in a mode that writes.
    pub wrote: bool,
}

/// The file in which it stands.
#[derive(Clone, Debug)]
pub struct StandingFile {
    path: PathBuf,
}

impl StandingFile {
    /// The file in the folder of a service.
    #[must_use]
    pub fn below(folder: &Path) -> Self {
        Self { path: folder.join("standing.json") }
    }

    /// How it stood; as nothing was, before the first time.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn read(&self) -> io::Result<Standing> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Standing::default()),
            Err(error) => Err(error),
        }
    }

    /// Keeps how it stands now, if that is new.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, standing: Standing) -> io::Result<()> {
        if self.read().is_ok_and(|known| known == standing) && self.path.exists() {
            return Ok(());
        }
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(&standing)?)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_all()
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Standing {
    /// What a mode asks of the machine, and how the service stands then. A pause that an operator asked for outlives every
    /// mode.
    #[must_use]
    pub fn enter(self, mode: Mode, state: &State) -> (Option<Command>, Self) {
        match (mode, state.is_paused()) {
            (Mode::Observe, false) => (Some(Command::Pause), Self { paused_by_mode: true, ..self }),
            (Mode::Observe, true) => (None, self),
            (Mode::Propose | Mode::Act, true) if self.paused_by_mode => {
                (Some(Command::Resume), Self { paused_by_mode: false, wrote: true })
            }
            (Mode::Propose | Mode::Act, _) => (None, Self { paused_by_mode: false, wrote: true }),
        }
    }
}

#[cfg(test)]
mod tests {
    use periplus_core::Outbox;
    use periplus_core::units::Tick;
    use periplus_core::{Input, step};

    use super::*;

    fn told(state: &mut State, command: Command) {
        let mut out = Outbox::default();
        step(state, Tick(1), &Input::Command(command), &mut out).unwrap();
    }

    /// Enters a mode, and gives whether the machine is paused then.
    fn enter(state: &mut State, standing: &mut Standing, mode: Mode) -> bool {
        let (command, next) = standing.enter(mode, state);
        *standing = next;
        if let Some(command) = command {
            told(state, command);
        }
        state.is_paused()
    }

    #[test]
    fn a_mode_undoes_its_own_pause_and_no_other() {
        let (mut state, mut standing) = (State::default(), Standing::default());
        assert!(enter(&mut state, &mut standing, Mode::Observe));
        assert!(enter(&mut state, &mut standing, Mode::Observe));
        assert!(!enter(&mut state, &mut standing, Mode::Act));
        told(&mut state, Command::Pause);
        assert!(enter(&mut state, &mut standing, Mode::Act));
        assert!(enter(&mut state, &mut standing, Mode::Observe));
        assert!(enter(&mut state, &mut standing, Mode::Propose));
        assert!(standing.wrote && !standing.paused_by_mode);
    }

    #[test]
    fn it_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = StandingFile::below(folder.path());
        assert_eq!(file.read().unwrap(), Standing::default());
        let standing = Standing { paused_by_mode: true, wrote: true };
        file.write(standing).unwrap();
        file.write(standing).unwrap();
        assert_eq!(file.read().unwrap(), standing);
        fs::write(file.path(), "{").unwrap();
        assert!(file.read().is_err());
    }
}
