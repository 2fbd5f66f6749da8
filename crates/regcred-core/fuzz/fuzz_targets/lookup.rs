//! The kubelet's lookup: every entry is tried or missed once, and the linter agrees about what is fatal.

#![no_main]

use libfuzzer_sys::fuzz_target;
use regcred_core::docker_config::{DockerConfig, Form};
use regcred_core::image::ImageReference;
use regcred_core::kubelet::{Referenced, Stored, lookup};
use regcred_core::lint::{Level, Subject, lint};

// The input: an image, a line break, then docker configs, divided by NUL; the first byte of each chooses its form.
fuzz_target!(|input: &[u8]| {
    let Some(at) = input.iter().position(|&b| b == b'\n') else { return };
    let Some(image) =
        std::str::from_utf8(&input[..at]).ok().and_then(|text| text.parse::<ImageReference>().ok())
    else {
        return;
    };
    let configs: Vec<_> = input[at + 1..].split(|&b| b == 0).take(3).collect();
    let stored: Vec<_> = configs
        .iter()
        .map(|config| match config.split_first() {
            Some((b'L', text)) => (Form::Dockercfg, text),
            Some((_, text)) => (Form::Config, text),
            None => (Form::Config, &b""[..]),
        })
        .map(|(form, text)| {
            let stored = match form {
                Form::Config => Stored {
                    kind: "kubernetes.io/dockerconfigjson",
                    docker_config_json: Some(text),
                    dockercfg: None,
                },
                Form::Dockercfg => Stored {
                    kind: "kubernetes.io/dockercfg",
                    docker_config_json: None,
                    dockercfg: Some(text),
                },
            };
            (form, text, stored)
        })
        .collect();
    let secrets: Vec<_> =
        stored.iter().map(|(_, _, stored)| Referenced { name: "s", stored: Some(*stored) }).collect();
    let is_fatal = |stored: Stored<'_>| {
        let findings = lint(&Subject { stored, last_applied: None, now: chrono::DateTime::UNIX_EPOCH });
        findings.iter().any(|finding| finding.problem.level() == Level::Fatal)
    };
    let first_fatal = stored.iter().position(|(_, _, stored)| is_fatal(*stored));
    match lookup(&secrets, &image) {
        Err(fatal) => assert_eq!(Some(fatal.secret), first_fatal),
        Ok(found) => {
            assert_eq!(first_fatal, None);
            for (place, (form, text, _)) in stored.iter().enumerate() {
                let tried =
                    found.tried.iter().filter(|tier| tier.secret == place).flat_map(|tier| &tier.entries);
                let missed = found.missed.iter().filter(|miss| miss.secret == place);
                let mut seen: Vec<_> =
                    tried.map(|entry| entry.key.clone()).chain(missed.map(|miss| miss.key.clone())).collect();
                let Ok(config) = DockerConfig::parse(*text, *form) else { continue };
                let mut held: Vec<_> = config.entries().into_iter().map(|entry| entry.key).collect();
                seen.sort();
                held.sort();
                assert_eq!(seen, held);
            }
        }
    }
});
