//! Jobs and pods can't change their list: what can be done instead, and the manifest for a new one.

use serde_json::{Map, Value, json};

use super::report::target;
use crate::cluster::attach::Object;
use crate::cluster::consumers::Kind;
use crate::failure::Failure;

/// What the API server and its controllers write into the metadata of every object.
const SET_BY_SERVER: [&str; 6] =
    ["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"];

/// Labels by which the job controller tells the pods of one Job from another's.
const OF_ONE_JOB: [&str; 4] =
    ["controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"];

/// Says the two ways there are, where a bare Job or pod refuses.
pub(super) fn explain(object: &Object, secret: &str, failure: Failure) -> Failure {
    if !is_fixed(object) {
        return failure;
    }
    let what = target(object);
    let references = object.references();
    let first = match references.as_slice() {
        [] => String::new(),
        names => format!(
            "create or mend the Secret under a name that it refers to already ({}), and the kubelet tries again; or ",
            names.join(", ")
        ),
    };
    failure.hint(format!(
        "{first}make it anew: `kubectl regcred attach {secret} {what} -n {} -o yaml` prints a manifest for that",
        object.namespace()
    ))
}

/// A manifest for a new Job or pod with the reference, or without it; `None` for what can be changed in place.
pub(super) fn anew(object: &Object, secret: &str, attached: bool) -> Option<Value> {
    if !is_fixed(object) {
        return None;
    }
    let mut manifest = object.to_manifest();
    let fields = manifest.as_object_mut()?;
    fields.remove("status");
    let metadata = fields.get_mut("metadata")?.as_object_mut()?;
    for name in SET_BY_SERVER {
        metadata.remove(name);
    }
    if object.kind() == Kind::Job {
        without_ids(metadata);
        let spec = fields.get_mut("spec")?.as_object_mut()?;
        if spec.get("manualSelector").and_then(Value::as_bool) != Some(true) {
            spec.remove("selector");
        }
        if let Some(template) =
            spec.get_mut("template").and_then(|template| template["metadata"].as_object_mut())
        {
            without_ids(template);
            template.remove("creationTimestamp");
        }
    }
    let spec = match object.kind() {
        Kind::Job => manifest["spec"]["template"]["spec"].as_object_mut()?,
        _ => manifest["spec"].as_object_mut()?,
    };
    if object.kind() == Kind::Pod {
        without_admission(spec);
    }
    let mut list: Vec<_> = object.references().into_iter().filter(|name| *name != secret).collect();
    if attached {
        list.push(secret);
    }
    spec.insert("imagePullSecrets".to_owned(), list.iter().map(|name| json!({ "name": name })).collect());
    Some(manifest)
}

fn is_fixed(object: &Object) -> bool {
    matches!(object.kind(), Kind::Job | Kind::Pod) && object.controller().is_none()
}

fn without_ids(metadata: &mut Map<String, Value>) {
    if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
        for name in OF_ONE_JOB {
            labels.remove(name);
        }
    }
}

/// What admission and the scheduler put into a pod, and would put there again.
fn without_admission(spec: &mut Map<String, Value>) {
    const TOKEN: &str = "kube-api-access-";
    spec.remove("nodeName");
    let is_token = |value: &Value| value["name"].as_str().is_some_and(|name| name.starts_with(TOKEN));
    let retain = |list: Option<&mut Value>| {
        if let Some(list) = list.and_then(Value::as_array_mut) {
            list.retain(|value| !is_token(value));
        }
    };
    retain(spec.get_mut("volumes"));
    for containers in ["containers", "initContainers"] {
        for container in spec.get_mut(containers).and_then(Value::as_array_mut).into_iter().flatten() {
            retain(container.get_mut("volumeMounts"));
        }
    }
    if let Some(tolerations) = spec.get_mut("tolerations").and_then(Value::as_array_mut) {
        let by_default = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
        tolerations.retain(|toleration| {
            let is_default = toleration["key"].as_str().is_some_and(|key| by_default.contains(&key));
            !(is_default && toleration["tolerationSeconds"] == 300)
        });
    }
}
