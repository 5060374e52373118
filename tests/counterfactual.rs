//! What would have been if nothing had been otherwise is what was: for every scenario, record by record.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};

use periplus_core::units::Tick;
use periplus_core::{Record, State};
use periplus_sim::{Fork, Past, Twins, rerun, run};
use periplus_spec::Forked;

/// Every scenario of the project but those that plan eight hundred users at once.
fn scenarios() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found =
        periplus::case::find(&[root.join("scenarios"), root.join("docs/guide")]).unwrap();
    found.retain(|file| !file.starts_with(root.join("scenarios/quality")));
    assert!(found.len() > 50);
    found
}

#[test]
fn nothing_changed_gives_every_recorded_log_again() {
    for file in scenarios() {
        // Read by the way that settings go, so that this says something of it too.
        let Forked { before, after } =
            periplus_spec::load_forked(&file, &[], Tick(60_000)).unwrap();
        let (before, after) = (before.scenario, after.scenario);
        let mut recorded: Vec<Record> = Vec::new();
        run(&before, &mut recorded, &mut ()).unwrap();
        let mut past = Past::new(&before);
        let mut state = State::default();
        for record in &recorded {
            state.fold(record);
            past.read(&record.as_ref(), &state);
        }
        past.finish();
        let fork = Fork::new(&past, &before, &after, Tick::ZERO);
        assert!(fork.kept.is_empty(), "{}", file.display());
        let tape = Box::new(recorded.iter().cloned().map(Ok));
        let mut again: Vec<Record> = Vec::new();
        rerun(&fork, &past, tape, Twins::Followed, &mut again, &mut ()).unwrap();
        let parting = recorded.iter().zip(&again).position(|(one, other)| one != other);
        assert_eq!((parting, again.len()), (None, recorded.len()), "{}", file.display());
    }
}
