//! What holds for all commits: the files are what changes make of them, and equal commits have equal names.

use std::collections::BTreeMap;
use std::fs;

use periplus_emit::{Change, FilePath, Files, apply};
use periplus_git::{Fault, Options, Outcome, Ownership, Writer};
use proptest::prelude::*;

use crate::common::{Home, bytes, change, done, filed, git, numbered, options, said, tried};

fn free() -> Options {
    Options { ownership: Ownership::Off, ..options() }
}

/// Changes of files that also become folders, and back.
fn changes() -> impl Strategy<Value = Vec<Change>> {
    let path =
        "[ab](/[ab0.-]{1,2}){0,3}".prop_filter_map("no path", |path| FilePath::new(path).ok());
    let change = prop::collection::btree_map(
        path,
        prop::option::of("[a-z]{0,9}".prop_map(|text| bytes(&text))),
        1..6,
    );
    prop::collection::vec(change, 1..8)
}

/// Whether no path is a file and a folder.
fn possible(files: &Files) -> bool {
    let folders = |path: &FilePath| -> Vec<String> {
        path.match_indices('/').map(|(at, _)| path[..at].to_owned()).collect()
    };
    !files.keys().flat_map(folders).any(|folder| files.contains_key(&*folder))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_commit_holds_what_the_changes_make_of_the_files(changes in changes()) {
        let home = Home::new();
        let mut writer = Writer::open(&home.path().join("cache"), home.target(), free()).unwrap();
        let mut files = Files::new();
        for (number, change) in (1..).zip(changes) {
            let mut after = files.clone();
            apply(&mut after, &change);
            let outcome = writer.write(&numbered(number, change));
            if !possible(&after) {
                prop_assert!(matches!(outcome, Outcome::Failed(Fault::Commit { .. })), "{outcome:?}");
                continue;
            }
            if after == files {
                prop_assert!(matches!(outcome, Outcome::Unchanged { .. }), "{outcome:?}");
                continue;
            }
            let commit = done(&outcome).to_string();
            let wanted: BTreeMap<String, Vec<u8>> =
                after.iter().map(|(path, bytes)| (path.to_string(), bytes.to_vec())).collect();
            prop_assert_eq!(home.files(&commit), wanted);
            files = after;
        }
        home.is_sound();
    }
}

#[test]
fn equal_commits_on_equal_parents_have_equal_names() {
    let heads = [Home::new(), Home::new().with_rules()].map(|home| {
        let mut writer = home.writer();
        for number in 1..=5 {
            done(&writer.write(&filed(number)));
        }
        home.is_sound();
        said(&git(&home.remote(), &["rev-parse", "main"]))
    });
    assert_eq!(heads[0], heads[1]);
}

#[test]
fn a_change_that_is_there_makes_no_commit() {
    let home = Home::new();
    let mut writer = home.writer();
    let head = done(&writer.write(&filed(1)));
    let again = numbered(2, filed(1).change);
    assert_eq!(
        writer.write(&again),
        Outcome::Unchanged { head: Some(head), conflicts: Vec::new() }
    );
}

#[test]
fn what_is_out_is_not_written_again_even_if_it_was_undone() {
    let home = Home::new();
    let first = done(&home.writer().write(&filed(1)));
    done(
        &home
            .writer()
            .write(&numbered(2, change(&[("deploy/edge-1/shop/0001-configmap-x.yaml", None)]))),
    );
    let (commit, attempts) = tried(&home.writer().write(&filed(1)));
    assert_eq!((commit, attempts), (first, 0));
    assert_eq!(home.numbers(), [1, 2]);
}

#[test]
fn a_new_writer_knows_what_is_out_under_commits_of_others() {
    let home = Home::new();
    done(&home.writer().write(&filed(7)));
    git(home.path(), &["clone", "--quiet", "remote.git", "rival"]);
    let rival = home.path().join("rival");
    for number in 0..5 {
        git(&rival, &["commit", "--quiet", "--allow-empty", "-m", &format!("note {number}")]);
    }
    git(&rival, &["push", "--quiet"]);
    fs::remove_dir_all(home.path().join("cache")).unwrap();
    let head = home.writer().refresh().unwrap();
    assert_eq!(head.commit.unwrap().to_string(), said(&git(&rival, &["rev-parse", "HEAD"])));
    let newest = head.newest.unwrap();
    assert_eq!(newest.trailers, filed(7).trailers);
    assert_eq!(newest.commit.to_string(), said(&git(&rival, &["rev-parse", "HEAD~5"])));
}

#[test]
fn whoever_merges_us_second_does_not_hide_us() {
    let home = Home::new();
    done(&home.writer().write(&filed(1)));
    git(home.path(), &["clone", "--quiet", "remote.git", "rival"]);
    let rival = home.path().join("rival");
    git(&rival, &["commit", "--quiet", "--allow-empty", "-m", "mine"]);
    done(&home.writer().write(&filed(2)));
    git(&rival, &["pull", "--quiet", "--no-rebase", "--no-edit"]);
    git(&rival, &["push", "--quiet"]);
    let mut writer = home.writer();
    assert_eq!(writer.refresh().unwrap().newest.unwrap().trailers, filed(2).trailers);
    let (_, attempts) = tried(&writer.write(&filed(2)));
    assert_eq!(attempts, 0);
}

#[test]
fn a_rewritten_branch_is_followed_and_what_it_lost_is_written_again() {
    let home = Home::new();
    let mut writer = home.writer();
    let first = done(&writer.write(&filed(1)));
    done(&writer.write(&filed(2)));
    git(&home.remote(), &["update-ref", "refs/heads/main", &first.to_string()]);
    assert_eq!(writer.refresh().unwrap().commit, Some(first));
    done(&writer.write(&filed(2)));
    git(&home.remote(), &["update-ref", "-d", "refs/heads/main"]);
    assert_eq!(writer.refresh().unwrap().commit, None);
    done(&writer.write(&filed(2)));
    assert_eq!(home.numbers(), [2]);
}

#[test]
fn a_cache_that_is_broken_anywhere_is_made_again_from_the_remote() {
    let home = Home::new();
    for number in 1..=3 {
        done(&home.writer().write(&filed(number)));
    }
    let cache = home.path().join("cache");
    let entries = || fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path());
    let folder = entries().find(|path| path.is_dir()).unwrap();
    let packs = || -> Vec<_> {
        let entries = fs::read_dir(folder.join("objects/pack")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let breakages: [(&str, &dyn Fn()); 6] = [
        ("no packs", &|| packs().iter().for_each(|path| fs::remove_file(path).unwrap())),
        ("packs of nothing", &|| {
            for path in packs() {
                fs::remove_file(&path).unwrap();
                fs::write(&path, "").unwrap();
            }
        }),
        ("a wrong head", &|| fs::write(folder.join("periplus-head"), "7").unwrap()),
        ("no repository", &|| fs::remove_file(folder.join("HEAD")).unwrap()),
        ("garbage for a configuration", &|| fs::write(folder.join("config"), "[[[").unwrap()),
        ("nothing", &|| fs::remove_dir_all(&folder).unwrap()),
    ];
    for (number, (what, breakage)) in (4..).zip(breakages) {
        breakage();
        let outcome = home.writer().write(&filed(number));
        assert!(matches!(outcome, Outcome::Done { .. }), "{what}: {outcome:?}");
    }
    home.is_sound();
    assert_eq!(home.numbers(), (1..10).collect::<Vec<_>>());
}

#[test]
fn a_cache_that_breaks_under_a_writer_is_made_again_too() {
    let home = Home::new();
    let mut writer = home.writer();
    done(&writer.write(&filed(1)));
    git(home.path(), &["clone", "--quiet", "remote.git", "rival"]);
    let rival = home.path().join("rival");
    git(&rival, &["commit", "--quiet", "--allow-empty", "-m", "mine"]);
    git(&rival, &["push", "--quiet"]);
    writer.refresh().unwrap();
    let cache = fs::read_dir(home.path().join("cache")).unwrap();
    let folder = cache.map(|entry| entry.unwrap().path()).find(|path| path.is_dir()).unwrap();
    fs::remove_dir_all(folder.join("objects")).unwrap();
    git(&rival, &["commit", "--quiet", "--allow-empty", "-m", "again"]);
    git(&rival, &["push", "--quiet"]);
    done(&writer.write(&filed(2)));
    home.is_sound();
}

#[test]
fn a_cache_that_others_fill_stays_small_and_sound() {
    let home = Home::new();
    done(&home.writer().write(&filed(1)));
    git(home.path(), &["clone", "--quiet", "remote.git", "rival"]);
    let rival = home.path().join("rival");
    let mut writer = home.writer();
    fs::create_dir_all(rival.join("notes")).unwrap();
    for number in 0..400 {
        fs::write(rival.join(format!("notes/{number}")), format!("{number}\n").repeat(50)).unwrap();
    }
    for number in 0..100_u64 {
        // One name in many changes: git sends the folder as a delta.
        fs::write(rival.join(format!("notes/{}", number * 3)), format!("{number}\n").repeat(60))
            .unwrap();
        git(&rival, &["add", "notes"]);
        git(&rival, &["commit", "--quiet", "-m", "note"]);
        git(&rival, &["push", "--quiet"]);
        writer.refresh().unwrap();
        if number % 9 == 0 {
            done(&writer.write(&filed(number + 2)));
            git(&rival, &["pull", "--quiet", "--rebase"]);
        }
    }
    let head = writer.refresh().unwrap().commit.unwrap().to_string();
    drop(writer);
    let cache = fs::read_dir(home.path().join("cache")).unwrap();
    let folder = cache.map(|entry| entry.unwrap().path()).find(|path| path.is_dir()).unwrap();
    git(&folder, &["fsck", "--strict", "--full", "--no-progress", "--no-dangling"]);
    git(&folder, &["rev-list", "--objects", "--quiet", &head]);
    let packs =
        fs::read_dir(folder.join("objects/pack")).unwrap().map(|entry| entry.unwrap().path());
    let packs: Vec<_> =
        packs.filter(|path| path.extension().is_some_and(|end| end == "pack")).collect();
    assert!(packs.len() <= 41, "{} packs", packs.len());
    for pack in packs {
        git(&folder, &["index-pack", "--verify", pack.to_str().unwrap()]);
    }
}
