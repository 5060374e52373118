//! The log as its users meet it: written, read, cut, damaged, crashed and gone on with.
#![cfg(test)]

mod crashes;
mod cuts;
mod damage;
mod disorder;
mod following;
mod forgetting;
mod garbage;
mod layout;
mod round_trip;
mod snapshots;
mod story;
