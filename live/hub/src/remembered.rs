//! What no restart may forget of what the mode of the service has done.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use periplus_core::State;
use periplus_core::input::Command;
use serde::{Deserialize, Serialize};

use crate::config::Mode;
use crate::leader::Began;

/// What no restart may forget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Remembered {
    /// Whether it was paused by its mode, and not by an operator.
    pub paused_by_mode: bool,
    /// Whether it was ever in a mode that writes.
    pub wrote: bool,
    /// The epoch of who led last; 0 if there was never an election.
    #[serde(default)]
    pub epoch: u64,
    /// Whoever led in an epoch before this one may not have heard that it is over.
    #[serde(default)]
    pub unheard_below: u64,
}

/// Another has led in this epoch or a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("epoch {epoch} has begun here, but epoch {known} was here already")]
pub struct Stale {
    /// Ours.
    pub epoch: u64,
    /// The one that is known.
    pub known: u64,
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
    /// What there is to remember when an epoch begins.
    ///
    /// # Errors
    /// The epoch is over.
    pub fn lead(self, epoch: u64, began: Began) -> Result<Self, Stale> {
        if epoch <= self.epoch {
            return Err(Stale { epoch, known: self.epoch });
        }
        let unheard_below = match began {
            Began::Made | Began::Expired => epoch,
            Began::Released => self.unheard_below,
        };
        Ok(Self { epoch, unheard_below, ..self })
    }

    /// What a mode asks of the machine, and what there is to remember then. A pause that an operator asked for outlives every
    /// mode.
    #[must_use]
    pub fn enter(self, mode: Mode, state: &State) -> (Option<Command>, Self) {
        match (mode, state.is_paused()) {
            (Mode::Observe, false) => (Some(Command::Pause), Self { paused_by_mode: true, ..self }),
            (Mode::Observe, true) => (None, self),
            (Mode::Propose | Mode::Act, true) if self.paused_by_mode => {
                (Some(Command::Resume), Self { paused_by_mode: false, wrote: true, ..self })
            }
            (Mode::Propose | Mode::Act, _) => {
                (None, Self { paused_by_mode: false, wrote: true, ..self })
            }
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
    fn epochs_only_grow_and_who_was_silent_is_kept_out_until_all_is_told() {
        let first = Remembered::default().lead(1, Began::Made).unwrap();
        let second = first.lead(2, Began::Released).unwrap();
        assert_eq!((second.epoch, second.unheard_below), (2, 1));
        let third = second.lead(3, Began::Expired).unwrap();
        assert_eq!(third.unheard_below, 3);
        assert_eq!(third.lead(4, Began::Released).unwrap().unheard_below, 3);
        assert_eq!(third.lead(3, Began::Made), Err(Stale { epoch: 3, known: 3 }));
    }

    #[test]
    fn what_was_kept_before_there_were_elections_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = RememberedFile::below(folder.path());
        fs::write(file.path(), r#"{"pausedByMode":false,"wrote":true}"#).unwrap();
        assert_eq!(file.read().unwrap(), Remembered { wrote: true, ..Remembered::default() });
    }

    #[test]
    fn it_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = RememberedFile::below(folder.path());
        assert_eq!(file.read().unwrap(), Remembered::default());
        let remembered =
            Remembered { paused_by_mode: true, wrote: true, epoch: 7, unheard_below: 6 };
        file.write(remembered).unwrap();
        file.write(remembered).unwrap();
        assert_eq!(file.read().unwrap(), remembered);
        fs::write(file.path(), "{").unwrap();
        assert!(file.read().is_err());
    }
}
