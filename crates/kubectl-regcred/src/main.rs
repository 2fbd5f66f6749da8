//! `kubectl-regcred`: see the library, and the README.

use std::process::ExitCode;

fn main() -> ExitCode {
    regcred_cli::core_dumps::forbid();
    kubectl_regcred::run(std::env::args_os(), &kubectl_regcred::environment::Environment::of_process())
}
