//! The kinds of object that are looked at.

use crate::cluster::pages::{self, Resource};
use crate::cluster::references::OwnerReference;

/// The kinds of object that are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    ServiceAccount,
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    Job,
    CronJob,
    Pod,
}

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::ServiceAccount,
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::ReplicaSet,
        Self::Job,
        Self::CronJob,
        Self::Pod,
    ];

    /// As manifests write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ServiceAccount => "ServiceAccount",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::Pod => "Pod",
        }
    }

    /// As URLs and RBAC write it.
    pub(crate) fn plural(self) -> &'static str {
        self.resource().plural
    }

    /// As [`pages`] reads it.
    /// As kubectl calls one before its name.
    pub(crate) fn singular(self) -> &'static str {
        self.resource().singular
    }

    pub(in crate::cluster) fn resource(self) -> Resource {
        let (api, plural, singular) = match self {
            Self::ServiceAccount => ("api/v1", "serviceaccounts", "serviceaccount"),
            Self::Deployment => ("apis/apps/v1", "deployments", "deployment"),
            Self::StatefulSet => ("apis/apps/v1", "statefulsets", "statefulset"),
            Self::DaemonSet => ("apis/apps/v1", "daemonsets", "daemonset"),
            Self::ReplicaSet => ("apis/apps/v1", "replicasets", "replicaset"),
            Self::Job => ("apis/batch/v1", "jobs", "job"),
            Self::CronJob => ("apis/batch/v1", "cronjobs", "cronjob"),
            Self::Pod => ("api/v1", "pods", "pod"),
        };
        Resource { api, plural, singular, page: pages::PAGE }
    }

    /// The kind that an owner reference means, if it is one of ours.
    pub(super) fn of_owner(owner: &OwnerReference) -> Option<Self> {
        let (group, _) = owner.api_version.split_once('/').unwrap_or(("", &owner.api_version));
        Self::ALL.into_iter().find(|kind| {
            let (_, api) = kind.resource().api.split_once('/').unwrap_or_default();
            let own_group = api.split_once('/').map_or("", |(group, _)| group);
            kind.name() == owner.kind && own_group == group
        })
    }
}
