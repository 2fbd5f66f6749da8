//! `--from-file [KEY=]PATH`: files that go into the Secret as they are.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use regcred_core::docker_config::{DockerConfig, Form};
use regcred_core::json::{Json, Kind};
use regcred_core::metadata::check_data_key;
use regcred_core::pull_secret::{DATA_KEY, PullSecretError};
use zeroize::Zeroizing;

use crate::failure::{Failure, exit};
use crate::output;

pub(super) fn gather(sources: &[String]) -> Result<BTreeMap<String, Zeroizing<Vec<u8>>>, Failure> {
    let mut data = BTreeMap::new();
    for source in sources {
        let (key, path) = split(source)?;
        let text = read(Path::new(path))?;
        if key == DATA_KEY {
            check_docker_config(path, &text)?;
        }
        if data.insert(key.to_owned(), text).is_some() {
            return Err(Failure::usage(format!("--from-file gives the key {key:?} twice")));
        }
    }
    if !data.contains_key(DATA_KEY) {
        return Err(Failure::usage(format!("--from-file: {}", PullSecretError::NoDockerConfig))
            .hint("leave the key out: `--from-file PATH`"));
    }
    Ok(data)
}

/// `KEY=PATH`, or `PATH` for the key that the kubelet reads.
fn split(source: &str) -> Result<(&str, &str), Failure> {
    let (key, path) = source.split_once('=').unwrap_or((DATA_KEY, source));
    if path.is_empty() || path.contains('=') {
        return Err(Failure::usage(format!("--from-file {source:?} is neither PATH nor KEY=PATH")));
    }
    check_data_key(key).map_err(|error| Failure::usage(format!("--from-file: {error}")))?;
    Ok((key, path))
}

/// Reads a file that may hold passwords.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    fs::read(path).map(Zeroizing::new).map_err(|error| {
        let code = if error.kind() == io::ErrorKind::NotFound { exit::NOT_FOUND } else { exit::FAILED };
        Failure::new(code, format!("can't read {path:?}: {}", reason(&error)))
    })
}

/// An I/O error in words, without the `(os error N)` that means nothing to a reader.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

fn check_docker_config(path: &str, text: &[u8]) -> Result<(), Failure> {
    let malformed = |error: PullSecretError| {
        Failure::new(exit::FAILED, format!("{path:?} can't be a docker config: {error}"))
            .hint("the kubelet reads a JSON object: {\"auths\":{\"REGISTRY\":{\"auth\":\"…\"}}}")
    };
    let json = Json::parse(text).map_err(|error| malformed(error.into()))?;
    if json.root().kind() != Kind::Object {
        return Err(malformed(PullSecretError::NotAnObject));
    }
    let holds_login = DockerConfig::parse(text, Form::Config)
        .is_ok_and(|config| config.entries().iter().any(|entry| !matches!(entry.login(), Ok(None))));
    if !holds_login {
        output::warning(&format!(
            "{path:?} holds no password: the kubelet asks no credential helper, so pulls stay anonymous; \
             --from-docker-config={path} asks the helpers now and writes what they answer"
        ));
    }
    Ok(())
}
