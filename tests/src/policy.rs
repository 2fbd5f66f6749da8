//! Rules of the cluster itself, which refuse or change what is created: admission policies, built into the API
//! server.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::{Namespace, cluster};
use crate::sandbox::Sandbox;

/// A policy that holds for the Secrets of one namespace; it goes away with this value.
pub struct Policy {
    kind: &'static str,
    name: String,
}

impl Policy {
    /// Refuses every Secret that is created in `namespace`. `message` is a CEL expression.
    pub fn refuse(namespace: &Namespace<'_>, message: &str) -> Self {
        let spec = json!({
            "failurePolicy": "Fail",
            "matchConstraints": secrets_created(),
            "validations": [{"expression": "false", "messageExpression": message}],
        });
        let policy = Self::apply(
            "ValidatingAdmissionPolicy",
            namespace,
            &spec,
            json!({"validationActions": ["Deny"]}),
        );
        policy.wait_until(namespace, |probe| probe.code != Some(0));
        policy
    }

    /// Gives every Secret that is created in `namespace` an annotation `policy`. `value` is a CEL expression.
    pub fn annotate(namespace: &Namespace<'_>, value: &str) -> Self {
        let expression =
            format!("Object{{metadata: Object.metadata{{annotations: {{\"policy\": {value}}}}}}}");
        let spec = json!({
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConstraints": secrets_created(),
            "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}],
        });
        let policy = Self::apply("MutatingAdmissionPolicy", namespace, &spec, json!({}));
        policy.wait_until(namespace, |probe| probe.stdout.contains("\"policy\""));
        policy
    }

    fn apply(kind: &'static str, namespace: &Namespace<'_>, spec: &Value, mut binding: Value) -> Self {
        let name = namespace.name().to_owned();
        binding["policyName"] = json!(name);
        binding["matchResources"] =
            json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}});
        let object = |kind: &str, spec: &Value| json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec});
        let list = json!({
            "apiVersion": "v1", "kind": "List",
            "items": [object(kind, spec), object(&format!("{kind}Binding"), &binding)],
        });
        let sandbox = Sandbox::new(cluster());
        sandbox.run_with_stdin("kubectl", ["create", "-f", "-"], list.to_string().as_bytes()).success();
        Self { kind, name }
    }

    /// The API server learns of a new policy with a delay.
    fn wait_until(&self, namespace: &Namespace<'_>, is_in_force: impl Fn(&crate::output::Output) -> bool) {
        let probe = ["create", "secret", "generic", "probe", "--dry-run=server", "--output=json"];
        for _ in 0..200 {
            if is_in_force(&namespace.kubectl(probe)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{} {} is not in force after 10 s", self.kind, self.name);
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        for kind in [self.kind.to_owned(), format!("{}Binding", self.kind)] {
            // Best effort: it holds for a namespace that goes away.
            let _ = cluster().kubectl(["delete", &kind, &self.name, "--wait=false"]);
        }
    }
}

fn secrets_created() -> Value {
    json!({"resourceRules": [{
        "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"],
    }]})
}
