//! Every scenario under `scenarios/` comes out as it expects and as its golden tells: one test per file.
//!
//! The same code as `periplus test`. A failure ends with the command that repeats it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use periplus::case::{Golden, find, run_case};

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = match find(&[root.join("scenarios")]) {
        Ok(files) => files,
        Err(failure) => panic!("the scenarios cannot be read: {}", failure.brief()),
    };
    let trials = files.into_iter().map(|file| trial(root, file)).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// One scenario as a test, named by its place under `scenarios/`.
fn trial(root: &Path, file: PathBuf) -> Trial {
    let name = file.strip_prefix(root.join("scenarios")).unwrap_or(&file).with_extension("");
    let repeat = file.strip_prefix(root).unwrap_or(&file).to_path_buf();
    Trial::test(name.display().to_string(), move || {
        let failures = match run_case(&file, Golden::Compared) {
            Ok(result) => result.failures,
            Err(failure) => vec![failure.brief()],
        };
        if failures.is_empty() {
            return Ok(());
        }
        let repeat = format!("cargo run --release -- test {}", repeat.display());
        Err(Failed::from(format!("{}\nto repeat: {repeat}", failures.join("\n"))))
    })
}
