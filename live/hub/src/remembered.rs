//! What no restart may forget of what the mode of the service has done.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use periplus_core::State;
use periplus_core::input::Command;
use serde::{Deserialize, Serialize};

use crate::config::Mode;

/// What no restart may forget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Remembered {
    /// Whether it was paused by its mode, and not by an operator.
    pub paused_by_mode: bool,
    /// Whether it was ever in a mode that writes.
    pub wrote: bool,
}

/// The file in which it stands.
#[derive(Clone, Debug)]
pub struct RememberedFile {
    path: PathBuf,
}

impl RememberedFile {
    /// The file in the folder of a service.
    #[must_use]
    pub fn below(folder: &Path) -> Self {
        Self { path: folder.join("remembered.json") }
    }

    /// What there is to remember; nothing, before the first time.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn read(&self) -> io::Result<Remembered> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Remembered::default()),
            Err(error) => Err(error),
        }
    }

    /// Keeps it, if it is new.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, remembered: Remembered) -> io::Result<()> {
        if self.read().is_ok_and(|known| known == remembered) && self.path.exists() {
            return Ok(());
        }
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(&remembered)?)?;
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

impl Remembered {
    /// What a mode asks of the machine, and what there is to remember then. A pause that an operator asked for outlives every
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
    fn enter(state: &mut State, remembered: &mut Remembered, mode: Mode) -> bool {
        let (command, next) = remembered.enter(mode, state);
        *remembered = next;
        if let Some(command) = command {
            told(state, command);
        }
        state.is_paused()
    }

    #[test]
    fn a_mode_undoes_its_own_pause_and_no_other() {
        let (mut state, mut remembered) = (State::default(), Remembered::default());
        assert!(enter(&mut state, &mut remembered, Mode::Observe));
        assert!(enter(&mut state, &mut remembered, Mode::Observe));
        assert!(!enter(&mut state, &mut remembered, Mode::Act));
        told(&mut state, Command::Pause);
        assert!(enter(&mut state, &mut remembered, Mode::Act));
        assert!(enter(&mut state, &mut remembered, Mode::Observe));
        assert!(enter(&mut state, &mut remembered, Mode::Propose));
        assert!(remembered.wrote && !remembered.paused_by_mode);
    }

    #[test]
    fn it_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = RememberedFile::below(folder.path());
        assert_eq!(file.read().unwrap(), Remembered::default());
        let remembered = Remembered { paused_by_mode: true, wrote: true };
        file.write(remembered).unwrap();
        file.write(remembered).unwrap();
        assert_eq!(file.read().unwrap(), remembered);
        fs::write(file.path(), "{").unwrap();
        assert!(file.read().is_err());
    }
}
