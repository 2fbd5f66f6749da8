//! A cluster full of pull secrets and of what uses them.

use std::io::Write as _;
use std::ops::Range;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::programs::Programs;
use crate::cluster::Up;
use crate::failure::{Context as _, Failure, Result};
use crate::interrupt;

/// Pull secrets in each namespace.
pub(super) const SECRETS: usize = 10;
/// How many of them somebody uses: one user each.
pub(super) const USED: usize = 7;
/// How many of them have one finding each.
pub(super) const FINDINGS: usize = 1;

/// How many times kubectl is at it.
const WRITERS: usize = 4;
/// How many namespaces it gets at once. Few, for the memory that this program takes counts in what is measured.
const BATCH: usize = 20;
/// How long the controllers may take to do their part.
const PATIENCE: Duration = Duration::from_mins(5);

/// Fills these namespaces, and waits until the controllers have nothing left to do.
pub(super) fn seed(programs: &Programs, up: &Up, namespaces: Range<usize>) -> Result<()> {
    let end = namespaces.end;
    let numbers: Vec<_> = namespaces.collect();
    thread::scope(|scope| {
        let share = numbers.len().div_ceil(WRITERS);
        let writers = numbers.chunks(share).map(|numbers| {
            scope.spawn(|| numbers.chunks(BATCH).try_for_each(|batch| create(programs, up, batch)))
        });
        let writers: Vec<_> = writers.collect();
        writers
            .into_iter()
            .try_for_each(|writer| writer.join().unwrap_or_else(|_| Err(Failure::new("a writer panicked"))))
    })?;
    wait(programs, up, end)
}

fn create(programs: &Programs, up: &Up, numbers: &[usize]) -> Result<()> {
    let namespaces = numbers.iter().map(
        |number| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace(*number)}}),
    );
    let objects = namespaces.chain(numbers.iter().flat_map(|number| objects(&namespace(*number))));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects.collect::<Vec<_>>()}).to_string();
    let mut command =
        programs.command(&programs.kubectl, &["create", "-f", "-"], Some(&up.layout.kubeconfig()));
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().cannot("start kubectl")?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(list.as_bytes()).cannot("hand objects to kubectl")?;
    }
    let output = child.wait_with_output().cannot("wait for kubectl")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(Failure::new(format!("can't seed: {}", said.trim()))) }
}

fn namespace(number: usize) -> String {
    format!("bench-{number:04}")
}

/// The pull secrets of a namespace: `r-0` has a finding, `r-0` to `r-6` are used.
fn objects(namespace: &str) -> Vec<Value> {
    let object = |api: &str, kind: &str, name: &str, more: Value| {
        let mut object =
            json!({"apiVersion": api, "kind": kind, "metadata": {"namespace": namespace, "name": name}});
        if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
            object.extend(more);
        }
        object
    };
    let spec = |more: Value| {
        let container = json!({"name": "app", "image": "registry-1.example.com/team/app:1.2",
            "env": [{"name": "MODE", "value": "production"}], "ports": [{"containerPort": 8080}]});
        let mut spec = json!({"containers": [container], "serviceAccountName": "builder"});
        if let (Value::Object(spec), Value::Object(more)) = (&mut spec, more) {
            spec.extend(more);
        }
        spec
    };
    let pulls = |names: &[&str]| -> Value {
        json!({"imagePullSecrets": names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()})
    };
    let template = |spec: Value| json!({"selector": {"matchLabels": {"app": "x"}}, "template": {"metadata": {"labels": {"app": "x"}}, "spec": spec}});
    let with_replicas = |mut spec: Value, replicas: u32| {
        spec["replicas"] = replicas.into();
        json!({"spec": spec})
    };
    let mut objects: Vec<_> = (0..SECRETS)
        .map(|number| {
            let server = if number == 0 {
                "hub.docker.com".to_owned()
            } else {
                format!("registry-{number}.example.com")
            };
            let password = format!("s3cret-{namespace}-{number}");
            let auth = STANDARD.encode(format!("robot:{password}"));
            let config =
                json!({"auths": {server: {"username": "robot", "password": password, "auth": auth}}});
            let data = json!({".dockerconfigjson": STANDARD.encode(config.to_string())});
            let more = json!({"type": "kubernetes.io/dockerconfigjson", "data": data});
            object("v1", "Secret", &format!("r-{number}"), more)
        })
        .collect();
    let volume = json!({"volumes": [{"name": "login", "secret": {"secretName": "r-6"}}]});
    let mut job = spec(pulls(&["r-4"]));
    job["restartPolicy"] = "Never".into();
    let cron_job = json!({"schedule": "0 3 * * *", "suspend": true,
        "jobTemplate": {"spec": {"template": {"spec": job}}}});
    objects.extend([
        object("v1", "ServiceAccount", "builder", pulls(&["r-2", "r-3"])),
        object("apps/v1", "Deployment", "web", with_replicas(template(spec(pulls(&["r-0", "r-1"]))), 1)),
        object("apps/v1", "StatefulSet", "db", with_replicas(template(spec(pulls(&["r-5"]))), 0)),
        object("batch/v1", "CronJob", "night", json!({"spec": cron_job})),
        object("v1", "ServiceAccount", "plain", json!({})),
        object(
            "v1",
            "Pod",
            "bare",
            json!({"spec": {"containers": [{"name": "c", "image": "x"}],
            "serviceAccountName": "plain", "volumes": volume["volumes"]}}),
        ),
    ]);
    objects
}

/// Waits until so many namespaces have what the controllers make: a pod for each Deployment, the accounts.
fn wait(programs: &Programs, up: &Up, namespaces: usize) -> Result<()> {
    let start = Instant::now();
    let count = |resource: &str, selector: &[&str]| {
        let arguments = [&["get", resource, "-A", "-o", "name"], selector].concat();
        let text = Programs::text(&mut programs.command(
            &programs.kubectl,
            &arguments,
            Some(&up.layout.kubeconfig()),
        ))?;
        Ok::<_, Failure>(text.lines().count())
    };
    let is_done = || {
        Ok::<_, Failure>(
            count("pods", &["-l", "app=x"])? >= namespaces
                && count("serviceaccounts", &["--field-selector=metadata.name=default"])? >= namespaces
                && count("configmaps", &["--field-selector=metadata.name=kube-root-ca.crt"])? >= namespaces,
        )
    };
    while !is_done()? {
        interrupt::check()?;
        if start.elapsed() > PATIENCE {
            return Err(Failure::new("the controllers don't come to an end with what was seeded"));
        }
        thread::sleep(Duration::from_millis(500));
    }
    // Each has a status to write at last.
    thread::sleep(Duration::from_secs(5));
    Ok(())
}
