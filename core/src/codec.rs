//! The codec: the only file that knows bincode.
//!
//! The format is bincode 2's standard configuration (little endian, variable-length integers), frozen by
//! golden bytes in `tests` below and decoded there a second time by another implementation, because
//! bincode's authors have stopped.

use alloc::vec::Vec;

use bincode::config::{Configuration, standard};
use bincode::enc::write::Writer;
use bincode::error::EncodeError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

const CONFIG: Configuration = standard();

/// Bytes that are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeFault {
    /// They end too early or hold an impossible value.
    #[error("cannot be decoded: {0}")]
    Malformed(alloc::string::String),
    /// There are more of them than the value needs.
    #[error("{0} bytes are left over after the value")]
    TrailingBytes(usize),
}

/// Appends the encoding of `value` to `bytes`.
///
/// # Panics
/// Panics if `value` holds a map or sequence of unknown length, which none of our types does.
pub fn encode<T: Serialize + ?Sized>(value: &T, bytes: &mut Vec<u8>) {
    struct Append<'a>(&'a mut Vec<u8>);
    impl Writer for Append<'_> {
        fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }
    }
    bincode::serde::encode_into_writer(value, Append(bytes), CONFIG)
        .expect("our types have no unknown lengths, and memory takes every byte");
}

/// The value that `bytes` hold, all of them.
///
/// # Errors
/// [`DecodeFault`] if they are not exactly one value.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeFault> {
    let (value, used) = bincode::serde::decode_from_slice(bytes, CONFIG)
        .map_err(|error| DecodeFault::Malformed(alloc::format!("{error:?}")))?;
    match bytes.len() - used {
        0 => Ok(value),
        rest => Err(DecodeFault::TrailingBytes(rest)),
    }
}

/// Ascending ids as the differences between neighbours: one byte each where they are dense. Where people read them, as
/// they are.
pub(crate) mod ascending {
    use alloc::vec::Vec;

    use serde::ser::SerializeSeq;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::ids::ClusterId;

    pub(crate) fn serialize<S: Serializer>(ids: &[ClusterId], to: S) -> Result<S::Ok, S::Error> {
        let plain = to.is_human_readable();
        let mut sequence = to.serialize_seq(Some(ids.len()))?;
        let mut last = 0;
        for id in ids {
            sequence.serialize_element(&id.0.wrapping_sub(last))?;
            last = if plain { 0 } else { id.0 };
        }
        sequence.end()
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<ClusterId>, D::Error> {
        let plain = from.is_human_readable();
        let mut last = 0_u32;
        Vec::<u32>::deserialize(from)?
            .into_iter()
            .map(|step| {
                let id =
                    last.checked_add(step).ok_or_else(|| D::Error::custom("ids beyond u32"))?;
                last = if plain { 0 } else { id };
                Ok(ClusterId(id))
            })
            .collect()
    }
}

/// Like [`ascending`], with a rate beside each id.
pub(crate) mod ascending_pairs {
    use alloc::vec::Vec;
    use core::fmt;

    use serde::de::{Error, SeqAccess, Visitor};
    use serde::ser::SerializeSeq;
    use serde::{Deserializer, Serializer};

    use crate::ids::SeriesId;
    use crate::input::BATCH_MAX;
    use crate::units::MilliRps;

    type Rates = Vec<(SeriesId, MilliRps)>;

    pub(crate) fn serialize<S: Serializer>(
        rates: &[(SeriesId, MilliRps)],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let plain = to.is_human_readable();
        let mut sequence = to.serialize_seq(Some(rates.len()))?;
        let mut last = 0;
        for (series, rate) in rates {
            sequence.serialize_element(&(series.0.wrapping_sub(last), rate.0))?;
            last = if plain { 0 } else { series.0 };
        }
        sequence.end()
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Rates, D::Error> {
        struct Pairs {
            plain: bool,
        }
        impl<'de> Visitor<'de> for Pairs {
            type Value = Rates;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("pairs of an id's step and a rate")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Rates, A::Error> {
                let mut rates = Vec::with_capacity(pairs.size_hint().unwrap_or(0).min(BATCH_MAX));
                let mut last = 0_u32;
                while let Some((step, rate)) = pairs.next_element::<(u32, u64)>()? {
                    let id =
                        last.checked_add(step).ok_or_else(|| A::Error::custom("ids beyond u32"))?;
                    last = if self.plain { 0 } else { id };
                    rates.push((SeriesId(id), MilliRps(rate)));
                }
                Ok(rates)
            }
        }
        let plain = from.is_human_readable();
        from.deserialize_seq(Pairs { plain })
    }
}

#[cfg(test)]
mod tests;
