//! Which Secrets of its namespace an object names, read from no more of it than that takes.
//!
//! Of a pod these are the places that Kubernetes itself looks at (`pkg/api/v1/pod/util.go`, `VisitPodSecretNames`):
//! pull secrets, environments of all containers, and volumes of every kind.

use std::collections::BTreeSet;

use serde::Deserialize;

/// How an object uses a Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum How {
    /// To pull images: its `imagePullSecrets`.
    Pull,
    /// As files: a volume, or what a volume's driver logs in with.
    Volume,
    /// In environment variables: `env` or `envFrom`.
    Env,
    /// As one that the pods of this service account may mount: its `secrets`.
    Mountable,
}

/// The Secrets that an object names, and how.
pub(super) type References = BTreeSet<(String, How)>;

/// What matters of an object's `metadata`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) namespace: String,
    pub(super) name: String,
    #[serde(default)]
    owner_references: Vec<OwnerReference>,
}

impl Metadata {
    /// The object that this one is a part of.
    pub(super) fn controller(self) -> Option<OwnerReference> {
        self.owner_references.into_iter().find(|owner| owner.controller == Some(true))
    }
}

/// An object that another one is a part of.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OwnerReference {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    #[serde(default)]
    controller: Option<bool>,
}

/// The name in a reference to an object of the same namespace. One without a name refers to nothing.
#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

/// A list that may be missing or `null`.
type List<T> = Option<Vec<T>>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceAccount {
    pub(super) metadata: Metadata,
    #[serde(default)]
    image_pull_secrets: List<Named>,
    #[serde(default)]
    secrets: List<Named>,
}

impl ServiceAccount {
    pub(super) fn references(&self) -> References {
        let mut found = Found::default();
        found.names(How::Pull, self.image_pull_secrets.as_ref());
        found.names(How::Mountable, self.secrets.as_ref());
        found.0
    }
}

#[derive(Deserialize)]
pub(super) struct Pod {
    pub(super) metadata: Metadata,
    pub(super) spec: PodSpec,
}

/// A Deployment, StatefulSet, DaemonSet, ReplicaSet or Job.
#[derive(Deserialize)]
pub(super) struct Workload {
    pub(super) metadata: Metadata,
    pub(super) spec: WithTemplate,
}

#[derive(Deserialize)]
pub(super) struct WithTemplate {
    pub(super) template: Template,
}

#[derive(Deserialize)]
pub(super) struct Template {
    pub(super) spec: PodSpec,
}

#[derive(Deserialize)]
pub(super) struct CronJob {
    pub(super) metadata: Metadata,
    pub(super) spec: CronJobSpec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CronJobSpec {
    pub(super) job_template: JobTemplate,
}

#[derive(Deserialize)]
pub(super) struct JobTemplate {
    pub(super) spec: WithTemplate,
}

/// What of a pod can name a Secret.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodSpec {
    #[serde(default)]
    image_pull_secrets: List<Named>,
    #[serde(default)]
    containers: List<Container>,
    #[serde(default)]
    init_containers: List<Container>,
    #[serde(default)]
    ephemeral_containers: List<Container>,
    #[serde(default)]
    volumes: List<Volume>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    #[serde(default)]
    env: List<EnvVar>,
    #[serde(default)]
    env_from: List<EnvFrom>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvVar {
    #[serde(default)]
    value_from: Option<ValueFrom>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ValueFrom {
    #[serde(default)]
    secret_key_ref: Option<Named>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvFrom {
    #[serde(default)]
    secret_ref: Option<Named>,
}

/// A volume of any kind; one has one of these.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Volume {
    #[serde(default)]
    secret: Option<SecretVolume>,
    #[serde(default)]
    projected: Option<Projected>,
    #[serde(default)]
    azure_file: Option<SecretVolume>,
    #[serde(default)]
    cephfs: Option<Driver>,
    #[serde(default)]
    cinder: Option<Driver>,
    #[serde(default)]
    csi: Option<Csi>,
    #[serde(default, rename = "flexVolume")]
    flex: Option<Driver>,
    #[serde(default)]
    iscsi: Option<Driver>,
    #[serde(default)]
    rbd: Option<Driver>,
    #[serde(default, rename = "scaleIO")]
    scale_io: Option<Driver>,
    #[serde(default)]
    storageos: Option<Driver>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretVolume {
    #[serde(default)]
    secret_name: String,
}

#[derive(Deserialize)]
struct Projected {
    #[serde(default)]
    sources: List<Source>,
}

#[derive(Deserialize)]
struct Source {
    #[serde(default)]
    secret: Option<Named>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    #[serde(default)]
    secret_ref: Option<Named>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Csi {
    #[serde(default)]
    node_publish_secret_ref: Option<Named>,
}

impl PodSpec {
    pub(super) fn references(&self) -> References {
        let mut found = Found::default();
        found.names(How::Pull, self.image_pull_secrets.as_ref());
        for container in [&self.init_containers, &self.containers, &self.ephemeral_containers]
            .into_iter()
            .flatten()
            .flatten()
        {
            let variables =
                container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref());
            for value in variables {
                found.named(How::Env, value.secret_key_ref.as_ref());
            }
            for source in container.env_from.iter().flatten() {
                found.named(How::Env, source.secret_ref.as_ref());
            }
        }
        self.volumes.iter().flatten().for_each(|volume| found.volume(volume));
        found.0
    }
}

#[derive(Default)]
struct Found(References);

impl Found {
    fn name(&mut self, how: How, name: &str) {
        if !name.is_empty() {
            self.0.insert((name.to_owned(), how));
        }
    }

    fn named(&mut self, how: How, reference: Option<&Named>) {
        if let Some(reference) = reference {
            self.name(how, &reference.name);
        }
    }

    fn names(&mut self, how: How, references: Option<&Vec<Named>>) {
        references.into_iter().flatten().for_each(|reference| self.name(how, &reference.name));
    }

    fn volume(&mut self, volume: &Volume) {
        for secret in [&volume.secret, &volume.azure_file].into_iter().flatten() {
            self.name(How::Volume, &secret.secret_name);
        }
        for source in volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten()) {
            self.named(How::Volume, source.secret.as_ref());
        }
        let Volume { cephfs, cinder, flex, iscsi, rbd, scale_io, storageos, .. } = volume;
        for driver in [cephfs, cinder, flex, iscsi, rbd, scale_io, storageos].into_iter().flatten() {
            self.named(How::Volume, driver.secret_ref.as_ref());
        }
        let csi = volume.csi.as_ref().and_then(|csi| csi.node_publish_secret_ref.as_ref());
        self.named(How::Volume, csi);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of_pod(spec: Value) -> Vec<(String, How)> {
        let spec: PodSpec = serde_json::from_value(spec).unwrap();
        spec.references().into_iter().collect()
    }

    fn one(name: &str, how: How) -> Vec<(String, How)> {
        vec![(name.to_owned(), how)]
    }

    #[test]
    fn every_place_where_a_pod_can_name_a_secret_is_looked_at() {
        assert_eq!(
            of_pod(json!({"imagePullSecrets": [{"name": "s"}, {}, {"name": ""}]})),
            one("s", How::Pull)
        );
        for containers in ["containers", "initContainers", "ephemeralContainers"] {
            let env = json!([{"name": "A", "value": "x"}, {"name": "B", "valueFrom": {"fieldRef": {}}},
                             {"name": "C", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]);
            assert_eq!(of_pod(json!({containers: [{"name": "c", "env": env}]})), one("s", How::Env));
            let from = json!([{"configMapRef": {"name": "m"}}, {"secretRef": {"name": "s"}}]);
            assert_eq!(of_pod(json!({containers: [{"name": "c", "envFrom": from}]})), one("s", How::Env));
        }
        for volume in [
            json!({"secret": {"secretName": "s"}}),
            json!({"azureFile": {"secretName": "s", "shareName": "x"}}),
            json!({"projected": {"sources": [{"configMap": {"name": "m"}}, {"secret": {"name": "s"}}]}}),
            json!({"cephfs": {"secretRef": {"name": "s"}}}),
            json!({"cinder": {"secretRef": {"name": "s"}}}),
            json!({"csi": {"driver": "d", "nodePublishSecretRef": {"name": "s"}}}),
            json!({"flexVolume": {"secretRef": {"name": "s"}}}),
            json!({"iscsi": {"secretRef": {"name": "s"}}}),
            json!({"rbd": {"secretRef": {"name": "s"}}}),
            json!({"scaleIO": {"secretRef": {"name": "s"}}}),
            json!({"storageos": {"secretRef": {"name": "s"}}}),
        ] {
            assert_eq!(of_pod(json!({"volumes": [volume.clone()]})), one("s", How::Volume), "{volume}");
        }
        assert_eq!(of_pod(json!({"volumes": [{"emptyDir": {}}], "containers": null})), []);
    }

    #[test]
    fn a_service_account_names_secrets_to_pull_with_and_to_mount() {
        let account: ServiceAccount = serde_json::from_value(json!({
            "metadata": {"namespace": "n", "name": "default"},
            "imagePullSecrets": [{"name": "a"}, {"name": "b"}], "secrets": [{"name": "b"}],
        }))
        .unwrap();
        let expected =
            [("a".to_owned(), How::Pull), ("b".to_owned(), How::Pull), ("b".to_owned(), How::Mountable)];
        assert_eq!(account.references().into_iter().collect::<Vec<_>>(), expected);
    }
}
