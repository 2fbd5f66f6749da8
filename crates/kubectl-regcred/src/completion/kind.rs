//! What a value names, told from what the help calls it.

use clap::Arg;

/// What there is to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file or folder, which the shell knows best.
    File,
    /// A context of the kubeconfig.
    Context,
    /// A cluster of the kubeconfig.
    Cluster,
    /// A user of the kubeconfig.
    User,
    /// A namespace.
    Namespace,
    /// A pull secret in the namespace.
    Secret,
    /// A pull secret in the namespace, or one elsewhere as NAMESPACE/NAME.
    SecretAnywhere,
    /// A service account in the namespace, as serviceaccount/NAME.
    ServiceAccount,
    /// A registry of the docker config.
    Registry,
}

impl Kind {
    /// The kind of an argument's values; none if there is nothing to choose from.
    pub(super) fn of(arg: &Arg) -> Option<Self> {
        Some(match arg.get_value_names()?.first()?.as_str() {
            "FILE" | "PATH" | "DIR" | "[KEY=]PATH" => Self::File,
            "CONTEXT" => Self::Context,
            "CLUSTER" => Self::Cluster,
            "KUBECONFIG_USER" => Self::User,
            "NAMESPACE" => Self::Namespace,
            "SECRET" => Self::Secret,
            "[NAMESPACE/]NAME" => Self::SecretAnywhere,
            // Other targets are too many to ask for while somebody types.
            "serviceaccount/NAME" | "TARGET" => Self::ServiceAccount,
            "HOST" => Self::Registry,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_command_but_create_completes_the_names_of_secrets() {
        let root = Cli::command();
        let taken = |arg: &&Arg| arg.is_positional() && arg.get_id() == "names";
        let mut count = 0;
        for command in root.get_subcommands().filter(|command| command.get_name() != "create") {
            for arg in command.get_arguments().filter(taken) {
                let name = command.get_name();
                assert_eq!(Kind::of(arg), Some(Kind::Secret), "{name}: call its value SECRET, not NAME");
                count += 1;
            }
        }
        assert!(count > 0);
    }
}
