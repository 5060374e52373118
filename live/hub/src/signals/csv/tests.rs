//! Files that grow, are cut off, are replaced, and are not what they should be.

use std::fs::{self, OpenOptions};
use std::io::Write;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

struct Place {
    folder: TempDir,
    tail: Tail,
}

impl Place {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("demand.csv");
        fs::write(&file, text).unwrap();
        Self { tail: Tail::new(file), folder }
    }

    fn append(&self, text: &str) {
        let mut file = OpenOptions::new().append(true).open(&self.tail.file).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Time in seconds, app, rate.
    fn look(&mut self) -> Vec<(i64, String, u64)> {
        let (found, _) = self.tail.look().unwrap();
        told(&found)
    }
}

fn told(found: &Found) -> Vec<(i64, String, u64)> {
    let one =
        |(at, place, rate): &(i64, usize, u64)| (at / 1_000, found.series[*place].0.clone(), *rate);
    found.points.iter().map(one).collect()
}

fn row(at: i64, app: &str, rate: u64) -> (i64, String, u64) {
    (at, app.to_owned(), rate)
}

const HEAD: &str = "time,app,zone,rps\n";

#[test]
fn of_what_is_there_the_newest_counts_and_of_what_comes_everything() {
    let mut place = Place::new("time,app,zone,rps\n1,a,z,1\n2,a,z,2\n1970-01-01T00:00:01Z,b,z,5\n");
    assert_eq!(place.look(), [row(1, "b", 5_000), row(2, "a", 2_000)]);
    assert!(place.look().is_empty());
    place.append("3,a,z,3\n4,a,z,4\n5,a,");
    assert_eq!(place.look(), [row(3, "a", 3_000), row(4, "a", 4_000)]);
    assert!(place.look().is_empty());
    place.append("z,5\r\n");
    assert_eq!(place.look(), [row(5, "a", 5_000)]);
}

#[test]
fn columns_are_found_by_name() {
    let mut place = Place::new("\u{feff}zone, rps,note,app,time\n\"z\",1.5,x,a,7\n");
    assert_eq!(place.look(), [row(7, "a", 1_500)]);
    let mut place = Place::new("time,app,rps\n");
    let fault = place.tail.look().unwrap_err().to_string();
    assert!(fault.contains("no column `zone`: its first line must name `time,app,zone,rps`"));
    fs::write(&place.tail.file, "time,app,zone,rps\n1,a,z,1\n").unwrap();
    assert_eq!(place.look(), [row(1, "a", 1_000)]);
}

#[test]
fn a_file_that_is_written_anew_is_read_anew() {
    for longer in ["1,a,z,1\n9,b,z,2\n", "9,b,z,2\n8,c,z,1\n8,d,z,1\n8,e,z,1\n8,f,z,1\n8,g,z,1\n"] {
        let mut place = Place::new(&format!("{HEAD}1,a,z,1\n2,a,z,2\n"));
        place.look();
        fs::write(&place.tail.file, format!("{HEAD}{longer}")).unwrap();
        assert!(place.look().contains(&row(9, "b", 2_000)), "{longer}");
        place.append("10,b,z,3\n");
        assert_eq!(place.look(), [row(10, "b", 3_000)]);
    }
}

#[test]
fn a_file_that_is_replaced_is_read_to_its_end_first() {
    let mut place = Place::new(&format!("{HEAD}1,a,z,1\n"));
    place.look();
    place.append("2,a,z,2\n");
    let old = place.folder.path().join("demand.csv.1");
    fs::rename(&place.tail.file, &old).unwrap();
    let (found, warning) = place.tail.look().unwrap();
    assert_eq!(told(&found), [row(2, "a", 2_000)]);
    assert!(warning.unwrap().ends_with("demand.csv is gone"));
    let mut late = OpenOptions::new().append(true).open(&old).unwrap();
    late.write_all(b"3,a,z,3\n").unwrap();
    fs::write(&place.tail.file, format!("{HEAD}4,a,z,4\n")).unwrap();
    assert_eq!(place.look(), [row(3, "a", 3_000), row(4, "a", 4_000)]);
}

#[test]
fn lines_that_are_none_are_counted_and_passed_over() {
    let mut place = Place::new(HEAD);
    place.look();
    let long = "x".repeat(2 * LINE_BYTES_MAX);
    place.append(&format!(
        "?,a,z,1\n1,a\n1,a,z,many\n1,,z,1\n1,a,z,-1\n1700000000000,a,z,1\n{long}"
    ));
    let (found, _) = place.tail.look().unwrap();
    let refused = found.refused;
    assert_eq!((refused.unreadable, refused.unnamed, refused.not_a_rate), (5, 1, 1));
    place.append(&long);
    assert!(place.look().is_empty());
    place.append(",a,z,1\n2,a,z,2\n");
    assert_eq!(place.look(), [row(2, "a", 2_000)]);
}

#[test]
fn the_past_of_a_long_file_is_not_read() {
    let note = "x".repeat(1_000);
    let mut text = format!("time,app,zone,rps,note\n1,old,z,1,{note}\n");
    for _ in 0..READ_BYTES_MAX / 1_000 {
        text.push_str(&format!("2,a,z,2,{note}\n"));
    }
    let mut place = Place::new(&text);
    assert_eq!(place.look(), [row(2, "a", 2_000)]);
    place.append("3,a,z,3\n");
    assert_eq!(place.look(), [row(3, "a", 3_000)]);
}

#[test]
fn a_file_that_is_not_there_is_a_fault_that_names_it() {
    let mut tail = Tail::new("/nowhere/demand.csv".into());
    assert!(tail.look().unwrap_err().to_string().starts_with("cannot read /nowhere/demand.csv: "));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the writer's bytes come in pieces, each line is read once.
    #[test]
    fn pieces_make_lines(cuts in prop::collection::vec(0_usize..400, 0..8)) {
        let rows: Vec<(i64, String, u64)> = (1..=20).map(|at| row(at, "a", 1_000)).collect();
        let text: String = rows.iter().map(|(at, app, _)| format!("{at},{app},z,1\n")).collect();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.push(text.len());
        cuts.sort_unstable();
        let mut place = Place::new(HEAD);
        place.look();
        let (mut from, mut read) = (0, Vec::new());
        for cut in cuts {
            place.append(&text[from..cut]);
            from = cut;
            read.append(&mut place.look());
        }
        prop_assert_eq!(read, rows);
    }
}
