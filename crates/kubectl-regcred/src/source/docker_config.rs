//! `--from-docker-config`: credentials of docker and podman, and of the credential helpers that they use.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regcred_cli::client_files::ClientFiles;
use regcred_core::docker_config::{DockerConfig, Form};

use super::helper::Helpers;
use super::select::Holder;
use crate::environment::Environment;
use crate::failure::{Failure, exit};
use crate::file;

/// The variable that holds a whole docker config, as GitLab sets it; it outranks the file.
const IN_VARIABLE: &str = "DOCKER_AUTH_CONFIG";

/// The docker config that is named, or those that docker and podman use here.
pub(super) fn holders(
    path: Option<&Path>,
    helper_timeout: Duration,
    environment: &Environment,
) -> Result<Vec<Holder>, Failure> {
    let helpers = Helpers { path: environment.search_path(), timeout: helper_timeout };
    let read = |title: String, text: &[u8]| {
        let config = DockerConfig::parse(text, Form::Config).map_err(|error| {
            Failure::new(exit::FAILED, format!("{title} is not a docker config: {error}"))
        })?;
        Ok(Holder { title, config, helpers: Some(helpers.clone()) })
    };
    let open = |path: &PathBuf| read(format!("{path:?}"), &file::read(path)?);
    if let Some(path) = path {
        return Ok(vec![open(&path.to_owned())?]);
    }
    let mut holders = Vec::new();
    if let Some(text) = environment.var(IN_VARIABLE) {
        holders.push(read(format!("${IN_VARIABLE}"), text.as_encoded_bytes())?);
    }
    let files = ClientFiles::find(&|name| environment.var(name).map(OsStr::to_owned));
    let own = files.podman_own().filter(|path| Some(*path) != files.docker.as_ref());
    let usual: Vec<_> = files.docker.iter().chain(own).cloned().collect();
    for path in &usual {
        match open(path) {
            Ok(holder) => holders.push(holder),
            // Only what is surely not there is passed over.
            Err(failure) if failure.code == exit::NOT_FOUND => {}
            Err(failure) => return Err(failure),
        }
    }
    if holders.is_empty() {
        let looked: Vec<_> = usual.iter().map(|path| format!("{path:?}")).collect();
        return Err(Failure::new(
            exit::NOT_FOUND,
            format!("there is no docker config: looked for {}", looked.join(", ")),
        )
        .hint("log in with docker or podman first, or name the file: --from-docker-config=PATH"));
    }
    Ok(holders)
}
