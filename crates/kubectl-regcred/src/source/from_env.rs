//! `--from-env USER_VAR,PASS_VAR`: user name and password from environment variables.

use regcred_core::credential::SecretString;

use crate::environment::Environment;
use crate::failure::{Failure, exit};

pub(super) fn gather(names: &str, environment: &Environment) -> Result<(String, SecretString), Failure> {
    let parts: Vec<_> = names.split(',').collect();
    let [username, password] = parts.as_slice() else {
        // Not quoted: somebody may have put the values here.
        return Err(Failure::usage("--from-env takes the names of two variables: USER_VAR,PASS_VAR"));
    };
    let value = |name: &str| {
        if !is_name(name) {
            return Err(Failure::usage("--from-env takes the names of two variables, not their values"));
        }
        let value = environment.var(name).ok_or_else(|| {
            Failure::new(exit::NOT_FOUND, format!("the environment variable {name} is not set, or empty"))
        })?;
        value
            .to_str()
            .map(str::to_owned)
            .ok_or_else(|| Failure::usage(format!("the environment variable {name} is not UTF-8")))
    };
    Ok((value(username)?, SecretString::new(value(password)?)))
}

/// Whether a shell would take this for the name of a variable.
fn is_name(name: &str) -> bool {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    plain && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())
}
