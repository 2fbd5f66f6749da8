//! `kubectl regcred match`.

use std::path::PathBuf;

use clap::Args;
use regcred_core::image::ImageReference;
use regcred_core::kubelet::{Fatal, Lookup, Miss, Referenced, lookup};
use regcred_core::server::shown_key;
use serde_json::{Map, Value, json};

use crate::cli::ClusterArgs;
use crate::cluster;
use crate::environment::Environment;
use crate::failure::{Failure, exit};
use crate::manifest::{self, SecretData};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  # Which credentials a pod with these imagePullSecrets would pull with
  kubectl regcred match ghcr.io/team/app:1.2 --secret=ghcr --secret=hub

  # The same for manifests, or for a docker config, without a cluster
  kubectl regcred match nginx -f ghcr.yaml
  kubectl regcred match ghcr.io/team/app -f ~/.docker/config.json

Exit codes: 0 the kubelet tries credentials, or none; 1 a file can't be read;
2 wrong usage, or not an image name; 3 a Secret fails the pull; 4 not found;
6 the cluster refused or can't be reached.";

/// Show which credentials the kubelet tries for an image, and why it passes over the others
///
/// The Secrets are looked at in the order in which they are given, as if a pod named them in imagePullSecrets. What
/// the node itself is configured with can't be seen from here; the kubelet tries it after these.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct MatchArgs {
    /// The image, as a pod names it
    image: String,
    /// A file with Secret manifests in YAML or JSON, or a docker config; - for standard input (repeatable)
    #[arg(short, long, value_name = "FILE", conflicts_with = "secret", required_unless_present = "secret")]
    filename: Vec<PathBuf>,
    /// A Secret of the namespace (repeatable)
    #[arg(long, value_name = "SECRET")]
    secret: Vec<String>,
    /// Print an object instead of lines
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<output::ObjectFormat>,
}

/// A Secret as a pod refers to it: its name, and what is there under it.
struct PullSecret {
    name: String,
    stored: Option<SecretData>,
}

pub(crate) fn run(args: &MatchArgs, cluster: &ClusterArgs, environment: &Environment) -> Result<u8, Failure> {
    let image: ImageReference = args.image.parse().map_err(|error| {
        Failure::usage(format!("{:?} is not an image name: {error}", args.image))
            .hint("name it as a pod does: [registry[:port]/]path[:tag][@digest]")
    })?;
    let secrets = if args.filename.is_empty() {
        super::block_on(from_cluster(args, cluster, environment))?
    } else {
        from_files(&args.filename)?
    };
    let referenced: Vec<_> = secrets
        .iter()
        .map(|secret| Referenced {
            name: &secret.name,
            stored: secret.stored.as_ref().map(SecretData::stored),
        })
        .collect();
    let result = lookup(&referenced, &image);
    match args.output {
        None => print(&image, &secrets, &result)?,
        Some(format) => format.print(&report(args, &image, &secrets, &result))?,
    }
    Ok(if result.is_err() { exit::PROBLEMS } else { exit::DONE })
}

fn from_files(paths: &[PathBuf]) -> Result<Vec<PullSecret>, Failure> {
    let mut secrets = Vec::new();
    for path in paths {
        for secret in manifest::read(path)? {
            let name = secret.name.clone().unwrap_or_else(|| path.display().to_string());
            secrets.push(PullSecret { name, stored: Some(secret) });
        }
    }
    Ok(secrets)
}

async fn from_cluster(
    args: &MatchArgs,
    cluster: &ClusterArgs,
    environment: &Environment,
) -> Result<Vec<PullSecret>, Failure> {
    let connection = cluster::connect(cluster, environment).await?;
    let mut secrets = Vec::new();
    for name in &args.secret {
        let stored = match cluster::secret(&connection, &connection.namespace, name).await {
            Ok(secret) => Some(secret),
            // The kubelet goes on without it, and so do we.
            Err(failure) if failure.code == exit::NOT_FOUND => None,
            Err(failure) => return Err(failure),
        };
        secrets.push(PullSecret { name: name.clone(), stored });
    }
    Ok(secrets)
}

fn print(
    image: &ImageReference,
    secrets: &[PullSecret],
    result: &Result<Lookup, Fatal>,
) -> Result<(), Failure> {
    let name = |secret: usize| &secrets[secret].name;
    output::line(&format!("image: {image}"))?;
    let lookup = match result {
        Ok(lookup) => lookup,
        Err(fatal) => {
            let entry = fatal.key.as_ref().map(|key| format!(" {:?}", shown_key(key))).unwrap_or_default();
            output::line(&format!("the pull fails: {}{entry}: {fatal}", name(fatal.secret)))?;
            return output::line("one such value fails every pull of the pod, whatever else it has");
        }
    };
    if lookup.tried.is_empty() {
        output::line(
            "none of these credentials is tried: the pull is anonymous, unless the node has its own",
        )?;
    } else {
        output::line("tried in this order, until one works:")?;
    }
    let mut place = 0;
    for tier in &lookup.tried {
        for entry in &tier.entries {
            place += 1;
            let user = &entry.credential.username;
            let remark = match (tier.entries.len() > 1, tier.hub_fallback) {
                (true, _) => "; a tie: the order is random",
                (false, true) => "; because no key matches this image of Docker Hub",
                (false, false) => "",
            };
            output::line(&format!(
                "  {place}. {} {:?}, user {user:?}{remark}",
                name(tier.secret),
                shown_key(&entry.key)
            ))?;
        }
    }
    if !lookup.missed.is_empty() || !lookup.ignored.is_empty() {
        output::line("not tried:")?;
    }
    for miss in &lookup.missed {
        output::line(&format!("  {} {:?}: {}", name(miss.secret), shown_key(&miss.key), detail(miss)))?;
    }
    for (secret, ignored) in &lookup.ignored {
        output::line(&format!("  {}: {ignored}", name(*secret)))?;
    }
    Ok(())
}

/// Why an entry is not tried. The reason quotes parts of the key, and one with an `@` may hold a password.
fn detail(miss: &Miss) -> String {
    if miss.key.contains('@') {
        "the key does not match (it holds a login: see `lint`)".to_owned()
    } else {
        miss.reason.to_string()
    }
}

fn report(
    args: &MatchArgs,
    image: &ImageReference,
    secrets: &[PullSecret],
    result: &Result<Lookup, Fatal>,
) -> Value {
    let name = |secret: usize| &secrets[secret].name;
    let mut report = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            report.insert(key.to_owned(), value);
        }
    };
    put("apiVersion", json!("regcred/v1"));
    put("kind", json!("Match"));
    put("image", json!(args.image));
    put("repository", json!(image.repository()));
    put("tag", json!(image.tag()));
    put("digest", json!(image.digest()));
    match result {
        Err(fatal) => {
            put("outcome", json!("fatal"));
            let mut object = json!({"secret": name(fatal.secret)});
            if let Some(key) = &fatal.key {
                object["key"] = json!(shown_key(key));
            }
            object["reason"] = json!(fatal.to_string());
            put("fatal", object);
        }
        Ok(lookup) => {
            put("outcome", json!(if lookup.tried.is_empty() { "none" } else { "credentials" }));
            let tried = lookup.tried.iter().flat_map(|tier| {
                tier.entries.iter().map(move |entry| {
                    json!({
                        "secret": name(tier.secret),
                        "key": shown_key(&entry.key),
                        "indexKey": shown_key(&tier.index_key),
                        "username": entry.credential.username,
                        "tie": tier.entries.len() > 1,
                        "hubFallback": tier.hub_fallback,
                    })
                })
            });
            put("tried", tried.collect());
            let missed = lookup.missed.iter().map(|miss| {
                let (reason, detail) = (miss.reason.code(), detail(miss));
                json!({"secret": name(miss.secret), "key": shown_key(&miss.key), "reason": reason, "detail": detail})
            });
            let ignored = lookup.ignored.iter().map(|(secret, ignored)| {
                json!({"secret": name(*secret), "reason": ignored.code(), "detail": ignored.to_string()})
            });
            put("missed", missed.chain(ignored).collect());
        }
    }
    Value::Object(report)
}
