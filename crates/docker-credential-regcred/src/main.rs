//! The Docker credential helper of regcred; see the library for all it does.

use std::process::ExitCode;

use docker_credential_regcred::{environment::Environment, run};

fn main() -> ExitCode {
    regcred_cli::core_dumps::forbid();
    run(&Environment::of_process())
}
