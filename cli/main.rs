//! The `periplus` command. Everything is in the library beside it, so that tests can use it.

use std::process::ExitCode;

fn main() -> ExitCode {
    periplus::run(std::env::args_os())
}
