//! What a standby asks, and what a leader answers: a line of JSON that says what follows, then the files, then the frames.

use std::collections::BTreeMap;

use periplus_journal::Header;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::epochs::Epochs;

/// The type of an answer.
pub const MEDIA_TYPE: &str = "application/vnd.periplus.copy";
/// The version of its form.
pub(super) const VERSION: u32 = 1;

/// What a standby asks for. All before the record that it asks from is on its disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "CopyQuestion")]
pub struct Asked {
    /// Which folder asks, by the name that it has in `replica.json`.
    pub(super) replica: String,
    /// What tells the log that is there from others, if there is one.
    pub(super) log: Option<String>,
    /// From this record on; what is kept of the log, where there is none.
    pub(super) from: u64,
    /// The checksum of the record before it, if there is one.
    pub(super) last: Option<u32>,
    /// Whose records are there.
    pub(super) epochs: Epochs,
    /// What tells the content of files that are there.
    pub(super) files: BTreeMap<String, String>,
}

/// What an answer begins with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Head {
    pub(super) version: u32,
    /// Who answers, and the epoch in which it leads.
    pub(super) leader: String,
    pub(super) epoch: u64,
    pub(super) log: LogHead,
    pub(super) epochs: Epochs,
    /// How many records the leader has on its disk.
    pub(super) end: u64,
    /// The first record of those that follow.
    pub(super) from: u64,
    /// With how many records both logs begin, where the one that asks has others after them; all that it has, where what comes
    /// next is kept no more. Nothing follows then.
    pub(super) parted: Option<u64>,
    /// With fewer records than this, nobody can go on with a copy that was like the one that asks.
    pub(super) whole_from: u64,
    pub(super) files: Vec<Sent>,
    /// How many bytes of frames follow the files.
    pub(super) bytes: usize,
    /// The hash of everything that follows.
    pub(super) hash: String,
}

/// The header of the log, as far as it is not the same in every program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct LogHead {
    format: u16,
    decider: u16,
    scenario: String,
    epoch_unix_ms: i64,
    made_by: String,
}

/// A file that follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Sent {
    pub(super) name: String,
    /// It is put in place once the log has so many records.
    pub(super) at: u64,
    pub(super) bytes: usize,
}

/// An answer, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Answer<'a> {
    pub(super) head: Head,
    pub(super) files: Vec<(Sent, &'a [u8])>,
    pub(super) frames: &'a [u8],
}

impl LogHead {
    pub(super) fn of(header: &Header) -> Self {
        Self {
            format: header.format,
            decider: header.decider,
            scenario: format!("{:032x}", header.scenario),
            epoch_unix_ms: header.epoch_unix_ms,
            made_by: header.made_by().to_owned(),
        }
    }

    pub(super) fn format(&self) -> u16 {
        self.format
    }

    /// The header that a copy has; none where it cannot be read.
    pub(super) fn header(&self) -> Option<Header> {
        let scenario = u128::from_str_radix(&self.scenario, 16).ok()?;
        Some(Header::new(scenario, self.epoch_unix_ms, &self.made_by).of_decider(self.decider))
    }
}

/// An answer as it goes over the wire.
pub(super) fn encode(mut head: Head, files: &[Vec<u8>], frames: &[u8]) -> Vec<u8> {
    let mut rest: Vec<u8> = files.concat();
    rest.extend_from_slice(frames);
    head.bytes = frames.len();
    head.hash = hash(&rest);
    // It holds nothing that JSON cannot say.
    let mut bytes = serde_json::to_vec(&head).unwrap_or_default();
    bytes.push(b'\n');
    bytes.extend(rest);
    bytes
}

/// Takes an answer apart. Nothing of one that is not whole is given.
pub(super) fn decode(bytes: &[u8]) -> Result<Answer<'_>, String> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("it has no head")?;
    let (head, rest) = (&bytes[..end], &bytes[end + 1..]);
    let head: Head = serde_json::from_slice(head).map_err(|fault| fault.to_string())?;
    if head.version != VERSION {
        return Err(format!("it is of version {}, not {VERSION}", head.version));
    }
    let got = hash(rest);
    if got != head.hash {
        return Err(format!("it was changed on its way: its hash is {got}, not {}", head.hash));
    }
    if !head.epochs.is_ascending() {
        return Err("its epochs are in no order".to_owned());
    }
    let (mut files, mut left) = (Vec::new(), rest);
    for sent in &head.files {
        let (content, more) = left.split_at_checked(sent.bytes).ok_or("a file is cut off")?;
        files.push((sent.clone(), content));
        left = more;
    }
    if left.len() != head.bytes {
        return Err(format!("{} bytes of records follow, not {}", left.len(), head.bytes));
    }
    Ok(Answer { head, files, frames: left })
}

fn hash(bytes: &[u8]) -> String {
    format!("{:032x}", xxh3_128(bytes))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A head of an answer that nothing follows.
    pub(in super::super) fn head() -> Head {
        Head {
            version: VERSION,
            leader: "a.1".to_owned(),
            epoch: 1,
            log: LogHead::of(&Header::new(7, 0, "a")),
            epochs: Epochs::default(),
            end: 0,
            from: 0,
            parted: None,
            whole_from: 0,
            files: Vec::new(),
            bytes: 0,
            hash: String::new(),
        }
    }

    #[test]
    fn an_answer_that_was_changed_or_cut_is_refused() {
        let sent = Sent { name: "intents.json".to_owned(), at: 3, bytes: 2 };
        let bytes =
            encode(Head { files: vec![sent.clone()], ..head() }, &[b"{}".to_vec()], b"frames");
        let answer = decode(&bytes).unwrap();
        assert_eq!((answer.files, answer.frames), (vec![(sent, &b"{}"[..])], &b"frames"[..]));
        assert_eq!(answer.head.log.header().unwrap(), Header::new(7, 0, "a"));
        let body = bytes.iter().position(|byte| *byte == b'\n').unwrap();
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_err(), "{cut}");
        }
        for at in body..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(decode(&changed).is_err(), "{at}");
        }
    }
}
