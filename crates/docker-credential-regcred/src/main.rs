//! The Docker credential helper of regcred; see the library for all it does.

use std::process::ExitCode;

use docker_credential_regcred::{environment::Environment, run};

fn main() -> ExitCode {
    let mut stdin = std::io::stdin().lock();
    let mut stdout = std::io::stdout().lock();
    let mut stderr = std::io::stderr().lock();
    run(&Environment::of_process(), &mut stdin, &mut stdout, &mut stderr)
}
