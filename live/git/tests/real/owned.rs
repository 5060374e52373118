//! Whose files are: nothing of others is overwritten or deleted.

use periplus_emit::FilePath;
use periplus_git::{Conflict, Edited, Options, Outcome, Ownership, Writer, place};

use crate::common::{Home, change, failed, git, numbered, options};

const WEB: &str = "deploy/edge-1/shop/50-deployment-web.yaml";
const MAP: &str = "deploy/edge-1/shop/10-configmap-web.yaml";
const THEIRS: &str = "deploy/edge-1/shop/99-theirs.yaml";
const LIST: &str = ".owned/edge-1.json";

fn home() -> Home {
    let home = Home::new();
    let first = numbered(1, change(&[(WEB, Some("web 1\n")), (MAP, Some("map 1\n"))]));
    assert!(matches!(home.writer().write(&first), Outcome::Done { .. }));
    git(home.path(), &["clone", "--quiet", "remote.git", "rival"]);
    home
}

fn rival(home: &Home, edits: &[(&str, Option<&str>)]) {
    let rival = home.path().join("rival");
    git(&rival, &["pull", "--quiet", "--rebase"]);
    for (path, text) in edits {
        match text {
            Some(text) => std::fs::write(rival.join(path), text).unwrap(),
            None => std::fs::remove_file(rival.join(path)).unwrap(),
        }
    }
    git(&rival, &["add", "--all"]);
    git(&rival, &["commit", "--quiet", "-m", "by hand"]);
    git(&rival, &["push", "--quiet"]);
}

fn path(path: &str) -> FilePath {
    FilePath::new(path).unwrap()
}

fn conflicts(outcome: &Outcome) -> Vec<Conflict> {
    let (Outcome::Done { conflicts, .. } | Outcome::Unchanged { conflicts, .. }) = &outcome else {
        unreachable!("{outcome:?}")
    };
    conflicts.clone()
}

fn text(home: &Home, path: &str) -> Option<String> {
    home.files("main").get(path).map(|bytes| String::from_utf8(bytes.clone()).unwrap())
}

#[test]
fn the_list_of_what_is_ours_is_part_of_the_commit() {
    let home = home();
    let list = text(&home, LIST).unwrap();
    assert_eq!(
        list,
        format!(
            "{{\n  \"{MAP}\": \"6ae9a92d0e2a3c4a86d49d20fa49ea1cdf6c7e7b9a1c5eb9dbfd7da9b1e8ea18\",\n  \"{WEB}\": \"x\"\n}}\n"
        )
        .replace("6ae9a92d0e2a3c4a86d49d20fa49ea1cdf6c7e7b9a1c5eb9dbfd7da9b1e8ea18", &sum(&home, MAP))
        .replace("\"x\"", &format!("\"{}\"", sum(&home, WEB)))
    );
    let gone = numbered(2, change(&[(WEB, None), (MAP, None)]));
    assert!(conflicts(&home.writer().write(&gone)).is_empty());
    assert!(home.files("main").is_empty());
}

fn sum(home: &Home, path: &str) -> String {
    let file = home.path().join("sum");
    std::fs::write(&file, text(home, path).unwrap()).unwrap();
    let output = std::process::Command::new("sha256sum").arg(&file).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn files_of_others_are_neither_overwritten_nor_deleted() {
    let home = home();
    rival(&home, &[(THEIRS, Some("theirs\n"))]);
    let over = numbered(2, change(&[(THEIRS, Some("ours\n")), (WEB, Some("web 2\n"))]));
    assert_eq!(conflicts(&home.writer().write(&over)), [Conflict::Foreign { path: path(THEIRS) }]);
    let gone = numbered(3, change(&[(THEIRS, None)]));
    assert_eq!(conflicts(&home.writer().write(&gone)), [Conflict::Foreign { path: path(THEIRS) }]);
    assert_eq!(text(&home, THEIRS).as_deref(), Some("theirs\n"));
    assert_eq!(text(&home, WEB).as_deref(), Some("web 2\n"));
    assert!(!text(&home, LIST).unwrap().contains(THEIRS));
    assert_eq!(home.writer().verify().unwrap(), [Conflict::Foreign { path: path(THEIRS) }]);
}

#[test]
fn edited_files_stay_or_are_restored_as_the_policy_says() {
    for (edited, web, map) in
        [(Edited::Keep, "by hand\n", None), (Edited::Restore, "web 2\n", Some("map 2\n"))]
    {
        let home = home();
        rival(&home, &[(WEB, Some("by hand\n")), (MAP, None)]);
        let ownership = Ownership::Listed { owner: place, edited };
        let mut writer = Writer::open(
            &home.path().join("cache"),
            home.target(),
            Options { ownership, ..options() },
        )
        .unwrap();
        let both = [Conflict::Edited { path: path(MAP) }, Conflict::Edited { path: path(WEB) }];
        assert_eq!(writer.verify().unwrap(), both);
        let next = numbered(2, change(&[(WEB, Some("web 2\n")), (MAP, Some("map 2\n"))]));
        assert_eq!(writer.conflicts(&next.change).unwrap(), both);
        assert_eq!(conflicts(&writer.write(&next)), both);
        assert_eq!(text(&home, WEB).as_deref(), Some(web));
        assert_eq!(text(&home, MAP).as_deref(), map);
    }
}

#[test]
fn an_edit_by_hand_to_what_we_want_is_taken_over() {
    let home = home();
    rival(&home, &[(WEB, Some("web 2\n")), (MAP, None)]);
    let next = numbered(2, change(&[(WEB, Some("web 2\n")), (MAP, None)]));
    assert!(conflicts(&home.writer().write(&next)).is_empty());
    assert!(home.writer().verify().unwrap().is_empty());
}

#[test]
fn a_list_that_is_none_and_a_path_without_a_place_are_told() {
    let home = home();
    for odd in ["README.md", LIST] {
        let outcome = home.writer().write(&numbered(2, change(&[(odd, Some("x"))])));
        let fault = failed(&outcome);
        assert!(fault.to_string().contains("no place"), "{fault}");
    }
    rival(&home, &[(LIST, Some("[]"))]);
    let outcome = home.writer().write(&numbered(2, change(&[(WEB, Some("web 2\n"))])));
    let fault = failed(&outcome);
    assert!(fault.to_string().contains(LIST), "{fault}");
}

#[test]
fn a_branch_that_is_not_made_yet_begins_at_its_base() {
    let home = home();
    let target = periplus_git::Target::new(home.remote().to_str().unwrap(), "proposed").unwrap();
    let open = || {
        let options = Options { base: Some("main".to_owned()), ..options() };
        Writer::open(&home.path().join("proposals"), target.clone(), options).unwrap()
    };
    let mut writer = open();
    assert_eq!(writer.owned().unwrap().len(), 2);
    let Outcome::Done { parent, .. } =
        writer.write(&numbered(2, change(&[(WEB, Some("web 2\n"))])))
    else {
        unreachable!()
    };
    let at = |branch: &str| git2_head(&home, branch);
    assert_eq!(parent, at("main"));
    assert_eq!(text(&home, WEB).unwrap(), "web 1\n");
    assert!(home.files("proposed").contains_key(MAP));
    // It goes on where it is, wherever its base goes.
    rival(&home, &[(MAP, Some("map by hand\n"))]);
    let before = at("proposed");
    let Outcome::Done { parent, .. } =
        writer.write(&numbered(3, change(&[(WEB, Some("web 3\n"))])))
    else {
        unreachable!()
    };
    assert_eq!(parent, before);
    // Whoever merges it may delete it: then it begins anew.
    git(&home.remote(), &["branch", "--quiet", "-D", "proposed"]);
    drop(writer);
    let Outcome::Done { parent, .. } =
        open().write(&numbered(4, change(&[(WEB, Some("web 4\n"))])))
    else {
        unreachable!()
    };
    assert_eq!(parent, at("main"));
    assert_eq!(home.files("proposed")[MAP], b"map by hand\n");
}

fn git2_head(home: &Home, branch: &str) -> Option<git2::Oid> {
    let repository = git2::Repository::open_bare(home.remote()).unwrap();
    repository.revparse_single(branch).ok().map(|object| object.id())
}
