//! What goes wrong with a source. None of it is a fact about demand.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a look found nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("cannot read {}: {fault}", file.display())]
    File { file: PathBuf, fault: io::Error },
    #[error("{}: {why}", file.display())]
    Content { file: PathBuf, why: String },
    #[error("cannot set up HTTP: {0}")]
    Setup(String),
    #[error("no answer: {0}")]
    Unreachable(String),
    #[error("no answer within {0:?}")]
    Slow(Duration),
    #[error("the answer has more than {0} bytes; ask for fewer series or a shorter span")]
    TooLong(usize),
    #[error("HTTP status {status}: {said}")]
    Status { status: u16, said: String },
    #[error("the query was refused ({kind}): {said}")]
    Refused { kind: String, said: String },
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
}

/// How much of what others say is shown.
const SHOWN_CHARS_MAX: usize = 300;

impl Fault {
    pub(super) fn file(file: &Path, fault: io::Error) -> Self {
        Self::File { file: file.to_owned(), fault }
    }

    pub(super) fn content(file: &Path, why: impl Into<String>) -> Self {
        Self::Content { file: file.to_owned(), why: why.into() }
    }

    pub(super) fn status(status: u16, body: &[u8]) -> Self {
        Self::Status { status, said: shown(&String::from_utf8_lossy(body)) }
    }

    /// Whether the same question may be answered a moment later. Who is slow already is not asked again at once.
    pub(super) const fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Status { status, .. } => matches!(status, 429 | 500..=599),
            Self::File { .. }
            | Self::Content { .. }
            | Self::Setup(_)
            | Self::Slow(_)
            | Self::TooLong(_)
            | Self::Refused { .. }
            | Self::Unreadable(_) => false,
        }
    }
}

/// What others say, on one line and not too long.
pub(super) fn shown(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<&str>>().join(" ");
    match words.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}
