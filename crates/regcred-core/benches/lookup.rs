//! How fast a pull's credentials are found, and how that grows with what its pull secrets hold.
//!
//! A lookup decodes every Secret, as the kubelet does for each pull. One element of criterion's throughput is one
//! lookup, one image reference or one edit.

#![expect(clippy::unwrap_used, reason = "a benchmark that can't be set up has nothing to report")]

use std::fmt::Write as _;
use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use regcred_core::credential::{Credential, SecretString};
use regcred_core::docker_config::{DockerConfig, Form};
use regcred_core::image::ImageReference;
use regcred_core::kubelet::{Referenced, lookup};
use regcred_core::stored::Stored;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    lookups(&mut criterion);
    images(&mut criterion);
    edits(&mut criterion);
    criterion.final_summary();
}

/// A `.dockerconfigjson` with an entry for each of these registries.
fn docker_config(registries: impl Iterator<Item = usize>) -> String {
    let mut auths = String::new();
    for registry in registries {
        let auth = STANDARD.encode(format!("robot-{registry}:3f1d0a6e5b7c4f2d9a8e{registry:016x}"));
        let comma = if auths.is_empty() { "" } else { "," };
        write!(auths, r#"{comma}"{}":{{"auth":"{auth}"}}"#, registry_key(registry)).unwrap();
    }
    format!(r#"{{"auths":{{{auths}}}}}"#)
}

fn registry_key(registry: usize) -> String {
    format!("registry-{registry}.example.com/team")
}

fn lookups(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lookup");
    group.throughput(Throughput::Elements(1));
    for (secrets, entries) in [(1, 1), (1, 10), (1, 100), (1, 1_000), (10, 1_000)] {
        let each = entries / secrets;
        let data: Vec<_> =
            (0..secrets).map(|secret| docker_config(secret * each..(secret + 1) * each)).collect();
        let secrets: Vec<_> = data.iter().map(|data| referenced(data)).collect();
        // One entry matches, somewhere in the middle.
        let image = format!("{}/app:1.0", registry_key(entries / 2)).parse().unwrap();
        assert_eq!(lookup(&secrets, &image).unwrap().tried.len(), 1);

        let id = BenchmarkId::new(format!("{} secrets", secrets.len()), format!("{entries} entries"));
        group.bench_function(id, |bencher| bencher.iter(|| lookup(black_box(&secrets), black_box(&image))));
    }
    group.finish();
}

fn referenced(data: &str) -> Referenced<'_> {
    let stored = Stored {
        kind: "kubernetes.io/dockerconfigjson",
        docker_config_json: Some(data.as_bytes()),
        dockercfg: None,
    };
    Referenced { name: "regcred", stored: Some(stored) }
}

fn images(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("image");
    group.throughput(Throughput::Elements(1));
    let digest = "10d1f5b58f74683ad34eb29287e07dab1e90f10af243f151bb50aa5dbb4d62ee";
    let pinned = format!("registry.example.com:5000/team/some-service/app:1.2.3@sha256:{digest}");
    for (name, text) in [("short", "nginx"), ("pinned", &pinned)] {
        group.bench_function(name, |bencher| bencher.iter(|| black_box(text).parse::<ImageReference>()));
    }
    group.finish();
}

fn edits(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("edit of 1000 entries");
    group.throughput(Throughput::Elements(1));
    let text = docker_config(0..1_000);
    let config = DockerConfig::parse(text.as_str(), Form::Config).unwrap();
    let present = registry_key(500);
    let credential = Credential {
        username: "robot".to_owned(),
        password: SecretString::new("hunter2".to_owned()),
        email: None,
    };
    group.bench_function("parse", |bencher| {
        bencher.iter(|| DockerConfig::parse(black_box(text.as_str()), Form::Config));
    });
    group.bench_function("list", |bencher| bencher.iter(|| black_box(&config).entries().len()));
    for (name, key) in [("replace one", present.as_str()), ("add one", "ghcr.io")] {
        group.bench_function(name, |bencher| {
            let edit = |mut config: DockerConfig| {
                config.set_entry(black_box(key), &credential);
                config
            };
            bencher.iter_batched(|| config.clone(), edit, BatchSize::LargeInput);
        });
    }
    group.bench_function("remove one", |bencher| {
        let edit = |mut config: DockerConfig| {
            config.remove_entry(black_box(&present));
            config
        };
        bencher.iter_batched(|| config.clone(), edit, BatchSize::LargeInput);
    });
    group.finish();
}
