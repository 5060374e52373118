//! Golden bytes, and the same bytes read by an independent implementation of the format.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::ids::{ClusterId, SeriesId};
use crate::input::{Input, Observation, Sight, SourceId, TimerFired};
use crate::units::{MilliRps, Tick};

fn bytes<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(value, &mut bytes);
    bytes
}

fn demand() -> Input {
    let rates = vec![(SeriesId(3), MilliRps(250)), (SeriesId(4), MilliRps(65_535))];
    let sight = Sight::Demand { source: SourceId(1), rates };
    Input::Observation(Observation { as_of: Tick(60_000), sight })
}

#[test]
fn the_format_is_frozen() {
    // variant 0 (observation), as_of u16 60000, variant 2 (demand), source 1, two pairs of (step, rate)
    let golden = [0, 251, 0x60, 0xea, 2, 1, 2, 3, 250, 1, 251, 0xff, 0xff];
    assert_eq!(bytes(&demand()), golden);
    assert_eq!(decode::<Input>(&golden).unwrap(), demand());
    assert_eq!(bytes(&Input::Timer(TimerFired { due: Tick(7) })), [3, 7]);
    assert_eq!(bytes(&u128::MAX), [[254].as_slice(), &[255; 16]].concat());
    assert_eq!(bytes(&-3_i64), [5]);
    assert_eq!(bytes(&(true, Some(300_u32), "ab")), [1, 1, 251, 44, 1, 2, b'a', b'b']);
}

#[test]
fn another_implementation_reads_the_same_bytes() {
    #[derive(Debug, PartialEq, Serialize, wincode::SchemaRead)]
    enum Shape {
        Empty,
        Full {
            small: u32,
            large: u64,
            wide: u128,
            signed: i64,
            pairs: Vec<(u32, u64)>,
            text: String,
        },
        Maybe(Option<bool>),
    }
    let config = wincode::config::Configuration::default().with_varint_encoding();
    let shapes = [
        Shape::Empty,
        Shape::Full {
            small: 251,
            large: 1 << 40,
            wide: 1 << 100,
            signed: -70_000,
            pairs: vec![(1, 250), (2, 65_536)],
            text: "berth".into(),
        },
        Shape::Maybe(Some(true)),
        Shape::Maybe(None),
    ];
    for shape in shapes {
        let read: Shape = wincode::config::deserialize(&bytes(&shape), config).unwrap();
        assert_eq!(read, shape);
    }
}

#[test]
fn bytes_that_are_cut_or_left_over_are_told_apart() {
    let whole = bytes(&demand());
    for cut in 0..whole.len() {
        assert!(matches!(decode::<Input>(&whole[..cut]), Err(DecodeFault::Malformed(_))), "{cut}");
    }
    let longer = [whole.as_slice(), &[0]].concat();
    assert_eq!(decode::<Input>(&longer), Err(DecodeFault::TrailingBytes(1)));
}

#[test]
fn a_dense_batch_of_small_rates_takes_four_bytes_an_observation() {
    let rates = (0..4_096).map(|id| (SeriesId(id), MilliRps(60_000))).collect();
    let sight = Sight::Demand { source: SourceId(0), rates };
    let input = Input::Observation(Observation { as_of: Tick(0), sight });
    assert!(bytes(&input).len() <= 4 * 4_096 + 16);
}

proptest! {
    #[test]
    fn batches_come_back_as_they_went(ids in proptest::collection::btree_set(any::<u32>(), 0..50), rate in any::<u64>()) {
        let clusters: Vec<_> = ids.iter().map(|id| ClusterId(*id)).collect();
        let rates = ids.iter().map(|id| (SeriesId(*id), MilliRps(rate))).collect();
        for sight in [Sight::Heartbeats(clusters), Sight::Demand { source: SourceId(0), rates }] {
            let input = Input::Observation(Observation { as_of: Tick(1), sight });
            prop_assert_eq!(decode::<Input>(&bytes(&input)).unwrap(), input);
        }
    }

    #[test]
    fn no_bytes_make_decoding_panic(garbage in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode::<crate::record::Record>(&garbage);
    }
}
