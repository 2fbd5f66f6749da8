//! `config show`: which settings are in force, and where from.

use regcred_cli::failure::{Failure, exit};
use regcred_cli::output;
use regcred_keyring::choice::{Origin, VARIABLE, Wanted};
use serde_json::json;

use super::{OUTPUT, settings, wants_json};
use crate::cli::{Arguments, Command};
use crate::environment::Environment;

pub(super) static COMMAND: Command = Command {
    name: "config show",
    arguments: "",
    about: "Print the settings that are in force, and where each is from",
    details: "\
There is one setting, `store`: the keyring. The variable REGCRED_STORE goes before the config file, which is
${XDG_CONFIG_HOME:-~/.config}/regcred/config.toml:

  # auto, secret-service or keyutils on Linux; keychain on macOS; credential-manager on Windows
  store = \"keyutils\"

auto, the default, is on Linux the Secret Service if one answers, else the kernel's keyring; elsewhere it is the
system's own. What the file says wrongly, or what we don't know in it, is an error with its line and column.",
    options: &[OUTPUT],
    examples: "docker-credential-regcred config show",
    exit_codes: "0 done; 1 failed; 2 a setting is wrong.",
};

pub(super) fn run(arguments: &Arguments, environment: &Environment) -> Result<u8, Failure> {
    let json = wants_json(arguments)?;
    let settings = settings(environment)?;
    if let Wanted::Kind(kind) = settings.store
        && !kind.is_for_this_system()
    {
        let message = format!("`store` is {:?}, which is not a keyring of this system", kind.name());
        return Err(Failure::usage(message).hint("REGCRED_STORE outranks the config file"));
    }
    let origin = match settings.origin {
        Origin::Default => "default",
        Origin::Variable => "variable",
        Origin::ConfigFile => "configFile",
    };
    let exists = settings.config_file.as_ref().is_some_and(|file| file.exists());
    if json {
        let settings = json!({
            "apiVersion": "regcred/v1",
            "kind": "Settings",
            "configFile": settings.config_file.as_ref().map(|file| file.display().to_string()),
            "configFileExists": exists,
            "store": { "value": settings.store.to_string(), "from": origin },
        });
        return output::json(&settings).map(|()| exit::DONE);
    }
    let file = settings.config_file.as_ref().map_or_else(
        || "none: neither XDG_CONFIG_HOME nor HOME is set".to_owned(),
        |file| format!("{}{}", file.display(), if exists { "" } else { " (there is none)" }),
    );
    let origin = match settings.origin {
        Origin::Default => "the default".to_owned(),
        Origin::Variable => format!("from {VARIABLE}"),
        Origin::ConfigFile => "from the config file".to_owned(),
    };
    output::line(&format!("# config file: {file}"))?;
    output::line(&format!("store = \"{}\"  # {origin}", settings.store))?;
    Ok(exit::DONE)
}
