//! What the documents say is so: commands run as shown, links lead somewhere, generated pages are current.
//!
//! A block marked `console` is run, in a folder of its document in which `docs`, `scenarios` and `tests` are there. A line
//! that begins with `$ ` is a command, and what follows is what it says; `…` stands for anything, alone in a
//! line for any lines. A command ends with 0 unless `$ echo $?` follows it and shows another number. What is
//! not meant to be run is marked `sh`. With `PERIPLUS_BLESS` set, what commands say and the generated pages are
//! written anew; `./bless` does that.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod tree;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tree::{files, root};

fn blessing() -> bool {
    std::env::var_os("PERIPLUS_BLESS").is_some()
}

#[test]
fn commands_in_documents_say_what_is_shown() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let run = run_again(&text, &page);
        if blessing() && text != run {
            fs::write(&page, run).unwrap();
        } else {
            let both = text.lines().zip(run.lines()).enumerate();
            let differs = both.into_iter().find(|(_, (shown, said))| shown != said);
            if let Some((line, (shown, said))) = differs {
                panic!("{}:{}\n  shown: {shown}\n  said:  {said}", page.display(), line + 1);
            }
            assert_eq!(text, run, "{}", page.display());
        }
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, _) = link.split_once('#').unwrap_or((link, ""));
            if file.is_empty() || file.contains("://") {
                continue;
            }
            let target = page.parent().unwrap().join(file);
            assert!(target.exists(), "{}: nothing is at {link}", page.display());
        }
    }
}

#[test]
fn the_reference_is_as_the_types_are() {
    let page = root().join("docs/guide/reference.md");
    let current = periplus_spec::schema::reference();
    let current = format!("{}\n", current.trim_end());
    if blessing() {
        fs::write(&page, current).unwrap();
        return;
    }
    let kept = fs::read_to_string(&page).unwrap();
    assert!(kept == current, "docs/guide/reference.md is old: `./bless`");
}

#[test]
fn the_guide_lists_each_of_its_pages() {
    let folder = root().join("docs/guide");
    let summary = fs::read_to_string(folder.join("SUMMARY.md")).unwrap();
    let mut there: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "md"))
        .collect();
    there.remove("SUMMARY.md");
    let unlisted: Vec<&String> =
        there.iter().filter(|name| !summary.contains(&format!("]({name})"))).collect();
    assert_eq!(unlisted, Vec::<&String>::new());
}

#[test]
fn every_decision_is_numbered_and_says_what_would_reverse_it() {
    let mut names: Vec<String> = fs::read_dir(root().join("docs/decisions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let numbers: BTreeSet<&str> = names.iter().map(|name| &name[..5]).collect();
    assert_eq!(numbers.len(), names.len(), "two decisions have the same number: {names:?}");
    for name in &names {
        let (number, _) = name.split_once('-').unwrap();
        assert!(number.len() == 4 && number.parse::<u16>().is_ok(), "{name} has no number");
        let text = fs::read_to_string(root().join("docs/decisions").join(name)).unwrap();
        for heading in ["## Context", "## Decision", "## Alternatives", "## What would reverse it"]
        {
            assert!(text.contains(&format!("\n{heading}\n")), "{name} has no `{heading}`");
        }
    }
}

#[test]
fn every_test_that_the_architecture_names_is_there() {
    let page = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let (_, invariants) = page.split_once("## What must hold\n").unwrap();
    let (invariants, _) = invariants.split_once("\n## ").unwrap();
    let is_name = |text: &&str| text.contains('_') && !text.contains(['/', ' ', '.', ':']);
    let named: BTreeSet<&str> = invariants.split('`').skip(1).step_by(2).filter(is_name).collect();
    assert!(named.len() > 10, "{named:?}");
    let code: String = files("rs").iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    for name in named {
        assert!(code.contains(&format!("fn {name}(")), "there is no test called {name}");
    }
}

/// The pages that people read.
fn pages() -> Vec<PathBuf> {
    let found = files("md");
    assert!(found.len() > 20, "{found:?}");
    found
}

/// The page with its blocks as they come out now. What matches what is shown stays as it is shown.
fn run_again(text: &str, page: &Path) -> String {
    let place = Place::new();
    let mut lines = text.lines().peekable();
    let mut out = Vec::new();
    let mut inside = false;
    while let Some(line) = lines.next() {
        out.push(line.to_owned());
        if let Some(mark) = line.strip_prefix("```") {
            inside = !inside && mark == "console";
            continue;
        }
        let Some(command) = line.strip_prefix("$ ").filter(|_| inside) else { continue };
        let mut shown = Vec::new();
        while let Some(line) =
            lines.next_if(|line| !line.starts_with("$ ") && !line.starts_with("```"))
        {
            shown.push(line.to_owned());
        }
        let asks = lines.peek() == Some(&"$ echo $?");
        let (said, code) = place.run(command);
        assert!(
            asks || code == 0,
            "{}: `{command}` ends with {code}:\n{}",
            page.display(),
            said.join("\n")
        );
        out.extend(if matches(&shown, &said) { shown } else { said });
        if asks {
            out.push(lines.next().unwrap().to_owned());
            lines.next();
            out.push(code.to_string());
        }
    }
    out.join("\n") + "\n"
}

/// Whether what was said is what is shown, where `…` stands for anything.
fn matches(shown: &[String], said: &[String]) -> bool {
    let Some((first, rest)) = shown.split_first() else { return said.is_empty() };
    if first == "…" {
        return (0..=said.len()).any(|skipped| matches(rest, &said[skipped..]));
    }
    said.split_first().is_some_and(|(line, more)| fits(first, line) && matches(rest, more))
}

fn fits(shown: &str, said: &str) -> bool {
    let Some((before, after)) = shown.split_once('…') else { return shown == said };
    let Some(rest) = said.strip_prefix(before) else { return false };
    rest.char_indices().any(|(place, _)| fits(after, &rest[place..])) || fits(after, "")
}

/// Where the commands of a page run, one after the other.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        for shared in ["docs", "scenarios", "tests"] {
            symlink(root().join(shared), folder.path().join(shared)).unwrap();
        }
        Self { folder }
    }

    /// What a command says, and how it ends.
    fn run(&self, command: &str) -> (Vec<String>, i32) {
        let built = Path::new(env!("CARGO_BIN_EXE_periplus")).parent().unwrap();
        let command = command.replace("cargo run --release -- ", "periplus ");
        let output = Command::new("bash")
            .args(["-c", &format!("exec 2>&1\n{command}")])
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", built.display()))
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let lines = said.lines().map(|line| without_clock(line.trim_end())).collect();
        (lines, output.status.code().unwrap())
    }
}

/// Leaves out how fast it was.
fn without_clock(line: &str) -> String {
    match line.strip_suffix(" inputs/s").map(|before| before.rsplit_once(", ")) {
        Some(Some((kept, _))) => format!("{kept}, … inputs/s"),
        Some(None) => "… inputs/s".to_owned(),
        None => line.to_owned(),
    }
}

#[test]
fn dots_stand_for_anything() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let said = lines("a 12 b\nc\nd");
    for shown in ["a 12 b\nc\nd", "a … b\n…\nd", "…", "…\nd", "a 12 b\n…", "a …\nc\nd"]
    {
        assert!(matches(&lines(shown), &said), "{shown}");
    }
    for shown in ["", "a … c\nc\nd", "a 12 b\nd", "…\nc"] {
        assert!(!matches(&lines(shown), &said), "{shown}");
    }
}
