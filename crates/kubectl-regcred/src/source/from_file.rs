//! `--from-file [KEY=]PATH`: files that go into the Secret as they are.

use std::collections::BTreeMap;
use std::path::Path;

use regcred_core::json::{Json, Kind};
use regcred_core::metadata::check_data_key;
use regcred_core::pull_secret::PullSecretError;
use regcred_core::stored::KEY;
use zeroize::Zeroizing;

use crate::failure::{Failure, exit};
use crate::file;

pub(super) fn gather(sources: &[String]) -> Result<BTreeMap<String, Zeroizing<Vec<u8>>>, Failure> {
    let mut data = BTreeMap::new();
    for source in sources {
        let (key, path) = split(source)?;
        let text = file::read(Path::new(path))?;
        if key == KEY {
            check_docker_config(path, &text)?;
        }
        if data.insert(key.to_owned(), text).is_some() {
            return Err(Failure::usage(format!("--from-file gives the key {key:?} twice")));
        }
    }
    if !data.contains_key(KEY) {
        return Err(Failure::usage(format!("--from-file: {}", PullSecretError::NoDockerConfig))
            .hint("leave the key out: `--from-file PATH`"));
    }
    Ok(data)
}

/// `KEY=PATH`, or `PATH` for the key that the kubelet reads.
fn split(source: &str) -> Result<(&str, &str), Failure> {
    let (key, path) = source.split_once('=').unwrap_or((KEY, source));
    if path.is_empty() || path.contains('=') {
        return Err(Failure::usage(format!("--from-file {source:?} is neither PATH nor KEY=PATH")));
    }
    check_data_key(key).map_err(|error| Failure::usage(format!("--from-file: {error}")))?;
    Ok((key, path))
}

fn check_docker_config(path: &str, text: &[u8]) -> Result<(), Failure> {
    let malformed = |error: PullSecretError| {
        Failure::new(exit::FAILED, format!("{path:?} can't be a docker config: {error}"))
            .hint("the kubelet reads a JSON object: {\"auths\":{\"REGISTRY\":{\"auth\":\"…\"}}}")
    };
    let json = Json::parse(text).map_err(|error| malformed(error.into()))?;
    if json.root().kind() == Kind::Object { Ok(()) } else { Err(malformed(PullSecretError::NotAnObject)) }
}
