//! The program `spotfleet`.

use std::process::ExitCode;

fn main() -> ExitCode {
    spotfleet::cli::main()
}
