//! Who else manages an object, so that a change of ours would be undone or make theirs fail.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// Annotations and labels by which tools mark what is theirs, and the tool.
const MARKS: [(&str, &str); 6] = [
    ("meta.helm.sh/release-name", "Helm"),
    ("argocd.argoproj.io/tracking-id", "Argo CD"),
    ("argocd.argoproj.io/instance", "Argo CD"),
    ("kustomize.toolkit.fluxcd.io/name", "Flux (kustomize-controller)"),
    ("helm.toolkit.fluxcd.io/name", "Flux (helm-controller)"),
    ("config.kubernetes.io/owning-inventory", "kpt"),
];

/// Who manages an object or one of its fields, in words. The field is a path as in `managedFields`, with `/` between
/// its parts: `f:spec/f:template`.
///
/// Recognised are owner references, the marks of Helm, Argo CD, Flux and kpt, and whoever applied the field.
pub(super) fn of(metadata: &ObjectMeta, field: &str) -> Option<String> {
    if let Some(owner) =
        metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
    {
        return Some(format!("{} {:?}", owner.kind, owner.name));
    }
    let mark = |name: &str| {
        let annotation = metadata.annotations.as_ref().and_then(|marks| marks.get(name));
        annotation.or_else(|| metadata.labels.as_ref().and_then(|marks| marks.get(name)))
    };
    if let Some((tool, value)) = MARKS.iter().find_map(|(name, tool)| Some((tool, mark(name)?))) {
        return Some(format!("{tool} ({value:?})"));
    }
    let applied = metadata.managed_fields.iter().flatten().find(|entry| {
        let owns = entry.fields_v1.as_ref().is_some_and(|fields| {
            field.split('/').try_fold(&fields.0, |fields, part| fields.get(part)).is_some()
        });
        entry.operation.as_deref() == Some("Apply") && owns
    });
    applied.and_then(|entry| entry.manager.as_ref()).map(|manager| format!("{manager:?}, who applied it"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn owner(metadata: Value) -> Option<String> {
        of(&serde_json::from_value(metadata).unwrap(), "f:imagePullSecrets")
    }

    #[test]
    fn owners_are_recognised() {
        assert_eq!(owner(json!({})), None);
        assert_eq!(
            owner(json!({"annotations": {"meta.helm.sh/release-name": "web"}})).as_deref(),
            Some("Helm (\"web\")")
        );
        assert_eq!(
            owner(json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}})).as_deref(),
            Some("Flux (kustomize-controller) (\"apps\")")
        );
        let reference =
            json!({"apiVersion": "v1", "kind": "Thing", "name": "t", "uid": "1", "controller": true});
        assert_eq!(owner(json!({"ownerReferences": [reference]})).as_deref(), Some("Thing \"t\""));
        let entry = |operation: &str, field: &str| json!({"managedFields": [{"manager": "gitops", "operation": operation, "fieldsV1": {field: {}}}]});
        assert_eq!(
            owner(entry("Apply", "f:imagePullSecrets")).as_deref(),
            Some("\"gitops\", who applied it")
        );
        let nested = json!({"managedFields": [{"manager": "gitops", "operation": "Apply", "fieldsV1": {"f:spec": {"f:template": {}}}}]});
        let nested: ObjectMeta = serde_json::from_value(nested).unwrap();
        assert!(of(&nested, "f:spec/f:template").is_some());
        assert_eq!(of(&nested, "f:spec/f:template/f:spec"), None);
        assert_eq!(owner(entry("Apply", "f:metadata")), None);
        assert_eq!(owner(entry("Update", "f:imagePullSecrets")), None);
    }
}
