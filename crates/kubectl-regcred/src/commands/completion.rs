//! `kubectl regcred completion`.

use clap::{Args, ValueEnum};

use crate::failure::Failure;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  # For `kubectl regcred`, in every shell that completes kubectl: a program
  # that kubectl asks. Its folder has to be on PATH.
  kubectl regcred completion kubectl > ~/.local/bin/kubectl_complete-regcred &&
    chmod +x ~/.local/bin/kubectl_complete-regcred

  # For `kubectl-regcred` typed directly: in this bash, and in all to come
  source <(kubectl regcred completion bash)
  kubectl regcred completion bash > \\
    ~/.local/share/bash-completion/completions/kubectl-regcred

  # In zsh, into a folder of $fpath; in fish
  kubectl regcred completion zsh > ~/.zfunc/_kubectl-regcred
  kubectl regcred completion fish > \\
    ~/.config/fish/completions/kubectl-regcred.fish

  # In PowerShell, for $PROFILE
  kubectl regcred completion powershell

`kubectl regcred setup` puts them into these places, but for PowerShell's.";

/// Print a script that completes commands, flags and names
///
/// Names are looked up in the kubeconfig, the docker config and the cluster, as the flags on the line say. Nothing is
/// offered if that takes longer than two seconds. No Secret's data is read, and nobody is asked for a password.
///
/// A link named `kubectl_complete-regcred` to this program does what the script for kubectl does.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionArgs {
    /// What completes: kubectl, or a shell in which kubectl-regcred is typed
    program: Completer,
}

/// What completes a command line.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Completer {
    Kubectl,
    Bash,
    Zsh,
    Fish,
    Powershell,
}

pub(crate) fn run(args: &CompletionArgs) -> Result<(), Failure> {
    output::write_stdout(script(args.program))
}

/// The script, or for kubectl the program.
pub(super) fn script(completer: Completer) -> &'static str {
    match completer {
        Completer::Kubectl => include_str!("../completion/scripts/kubectl_complete-regcred"),
        Completer::Bash => include_str!("../completion/scripts/kubectl-regcred.bash"),
        Completer::Zsh => include_str!("../completion/scripts/_kubectl-regcred"),
        Completer::Fish => include_str!("../completion/scripts/kubectl-regcred.fish"),
        Completer::Powershell => include_str!("../completion/scripts/kubectl-regcred.ps1"),
    }
}
