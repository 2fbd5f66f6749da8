//! Which cluster, as whom and in which namespace: from the flags, the kubeconfig files, or a pod's own files.
//!
//! What overrides what is as in client-go (`clientcmd/client_config.go`). One thing differs: a login that a
//! flag names is used alone. kubectl sends it beside the kubeconfig's, and then a client certificate wins over
//! `--token`.

use std::path::{Path, PathBuf};

use kube::config::{AuthInfo, Cluster, Context, Kubeconfig, KubeconfigError};

use regcred_core::metadata::check_namespace;

use crate::cli::ClusterArgs;
use crate::environment::Environment;
use crate::failure::{Failure, exit};

/// Where a pod finds the login of its service account.
const POD_FILES: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What is to be talked to. Texts in it that are there are not empty.
pub(super) struct Target {
    pub(super) cluster: Cluster,
    pub(super) user: AuthInfo,
    pub(super) namespace: String,
    /// Whether a flag names the login.
    pub(super) login_is_by_flag: bool,
}

/// Finds out what the flags, the files and the environment mean.
pub(super) fn target(args: &ClusterArgs, environment: &Environment) -> Result<Target, Failure> {
    let files = Files::of(args, environment);
    let mut target = match files.read()? {
        Some(kubeconfig) => chosen(&kubeconfig, args)?,
        None if args.context.is_some() || args.cluster.is_some() || args.user.is_some() => {
            return Err(files.missing(exit::NOT_FOUND));
        }
        None if args.server.is_some() => Target::default(),
        None => in_pod(environment)?.ok_or_else(|| files.missing(exit::CLUSTER))?,
    };
    target.override_cluster(args);
    target.override_user(args)?;
    target.without_empty_texts();
    target.check()?;
    Ok(target)
}

/// The names that the kubeconfig files have.
#[derive(Default)]
pub(crate) struct Listed {
    pub(crate) contexts: Vec<String>,
    pub(crate) clusters: Vec<String>,
    pub(crate) users: Vec<String>,
}

/// What the kubeconfig files list.
pub(crate) fn listed(args: &ClusterArgs, environment: &Environment) -> Result<Listed, Failure> {
    let kubeconfig = Files::of(args, environment).read()?.unwrap_or_default();
    Ok(Listed {
        contexts: kubeconfig.contexts.into_iter().map(|context| context.name).collect(),
        clusters: kubeconfig.clusters.into_iter().map(|cluster| cluster.name).collect(),
        users: kubeconfig.auth_infos.into_iter().map(|user| user.name).collect(),
    })
}

impl Default for Target {
    fn default() -> Self {
        Self {
            cluster: Cluster::default(),
            user: AuthInfo::default(),
            namespace: "default".to_owned(),
            login_is_by_flag: false,
        }
    }
}

/// The kubeconfig files.
struct Files {
    paths: Vec<PathBuf>,
    /// Whether they have to be there: client-go skips what is missing, unless a flag names it.
    must_exist: bool,
}

impl Files {
    fn of(args: &ClusterArgs, environment: &Environment) -> Self {
        if let Some(path) = &args.kubeconfig {
            return Self { paths: vec![path.clone()], must_exist: true };
        }
        let paths = match environment.var("KUBECONFIG") {
            Some(list) => std::env::split_paths(list).filter(|path| !path.as_os_str().is_empty()).collect(),
            None => environment.home().map(|home| home.join(".kube").join("config")).into_iter().collect(),
        };
        Self { paths, must_exist: false }
    }

    /// The merged kubeconfig; `None` if there is none, or it says nothing.
    fn read(&self) -> Result<Option<Kubeconfig>, Failure> {
        let mut merged = Kubeconfig::default();
        for path in &self.paths {
            // Only what is surely not there is passed over.
            if !is_missing(path) {
                merged = merged.merge(read(path)?).map_err(|error| kubeconfig_failure(&error))?;
            } else if self.must_exist {
                return Err(Failure::new(exit::NOT_FOUND, format!("there is no kubeconfig {path:?}")));
            }
        }
        let says_nothing =
            merged.contexts.is_empty() && merged.clusters.is_empty() && merged.current_context.is_none();
        Ok((!says_nothing).then_some(merged))
    }

    fn missing(&self, code: u8) -> Failure {
        if let Some(path) = self.paths.iter().find(|path| path.exists()) {
            return Failure::new(
                code,
                format!("the kubeconfig {path:?} has no current context, nor any other"),
            )
            .hint("`kubectl config view` shows what kubectl makes of it");
        }
        let looked: Vec<_> = self.paths.iter().map(|path| format!("{path:?}")).collect();
        Failure::new(code, format!("there is no kubeconfig: looked for {}", looked.join(", "))).hint(
            "name one with --kubeconfig or KUBECONFIG; without a cluster, --dry-run=client -o yaml prints the Secret",
        )
    }
}

fn is_missing(path: &Path) -> bool {
    std::fs::metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

fn read(path: &Path) -> Result<Kubeconfig, Failure> {
    Kubeconfig::read_from(path).map_err(|error| {
        let failure = kubeconfig_failure(&error);
        Failure { message: format!("{path:?}: {}", failure.message), ..failure }
    })
}

fn kubeconfig_failure(error: &KubeconfigError) -> Failure {
    let message = match error {
        // The parser quotes the lines around a mistake, and they may hold a token.
        KubeconfigError::Parse(error) => match error.location() {
            Some(at) => format!("the kubeconfig is not valid (line {}, column {})", at.line(), at.column()),
            None => "the kubeconfig is not valid".to_owned(),
        },
        KubeconfigError::ReadConfig(error, _) => format!("can't read the kubeconfig: {error}"),
        other => other.to_string(),
    };
    Failure::new(exit::CLUSTER, message).hint("`kubectl config view` shows what kubectl makes of it")
}

/// The context, cluster and user that are chosen.
fn chosen(kubeconfig: &Kubeconfig, args: &ClusterArgs) -> Result<Target, Failure> {
    let contexts: Vec<_> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
    let clusters: Vec<_> = kubeconfig.clusters.iter().map(|cluster| cluster.name.as_str()).collect();
    let users: Vec<_> = kubeconfig.auth_infos.iter().map(|user| user.name.as_str()).collect();
    check_listed("context", args.context.as_deref(), &contexts)?;
    check_listed("cluster", args.cluster.as_deref(), &clusters)?;
    check_listed("user", args.user.as_deref(), &users)?;
    let current = kubeconfig.current_context.as_deref().filter(|current| !current.is_empty());
    let name = args.context.as_deref().or(current);
    // Flags can say all that a context says.
    if name.is_none() && args.server.is_none() && args.cluster.is_none() {
        return Err(Failure::new(exit::CLUSTER, "the kubeconfig has no current context")
            .hint(format!("choose one with --context: {}", quoted(&contexts))));
    }
    if args.context.is_none() {
        check_listed("current context", current, &contexts)?;
    }
    let context = kubeconfig.contexts.iter().find(|context| Some(context.name.as_str()) == name);
    let context = context.and_then(|context| context.context.clone()).unwrap_or(Context {
        cluster: String::new(),
        user: None,
        namespace: None,
        extensions: None,
        other: std::collections::BTreeMap::new(),
    });

    let mut target = Target::default();
    let cluster = args.cluster.as_deref().unwrap_or(&context.cluster);
    if !cluster.is_empty() {
        check_listed("cluster", Some(cluster), &clusters)?;
        let found = kubeconfig.clusters.iter().find(|found| found.name == cluster);
        target.cluster = found.and_then(|found| found.cluster.clone()).unwrap_or_default();
    }
    if let Some(user) = args.user.as_deref().or(context.user.as_deref()).filter(|user| !user.is_empty()) {
        check_listed("user", Some(user), &users)?;
        let found = kubeconfig.auth_infos.iter().find(|found| found.name == user);
        target.user = found.and_then(|found| found.auth_info.clone()).unwrap_or_default();
    }
    if let Some(namespace) = context.namespace.filter(|namespace| !namespace.is_empty()) {
        // It becomes part of a URL.
        check_namespace(&namespace).map_err(|error| {
            let message = format!("the kubeconfig's context {:?}: {error}", name.unwrap_or_default());
            Failure::new(exit::CLUSTER, message)
                .hint("mend it with `kubectl config set-context`, or name one with -n")
        })?;
        target.namespace = namespace;
    }
    Ok(target)
}

fn check_listed(what: &str, name: Option<&str>, listed: &[&str]) -> Result<(), Failure> {
    match name {
        Some(name) if !listed.contains(&name) => {
            Err(Failure::new(exit::NOT_FOUND, format!("the kubeconfig has no {what} {name:?}"))
                .hint(format!("it has: {}", quoted(listed))))
        }
        _ => Ok(()),
    }
}

fn quoted(names: &[&str]) -> String {
    if names.is_empty() {
        return "none at all".to_owned();
    }
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

/// The service account of the pod that this program runs in, if it does.
fn in_pod(environment: &Environment) -> Result<Option<Target>, Failure> {
    let variable = |name| environment.var(name).map(|value| value.to_string_lossy().into_owned());
    let (Some(host), Some(port)) = (variable("KUBERNETES_SERVICE_HOST"), variable("KUBERNETES_SERVICE_PORT"))
    else {
        return Ok(None);
    };
    let file = |name: &str| format!("{POD_FILES}/{name}");
    let failed = |name: &str, error: &std::io::Error| {
        let message = format!("can't use the service account of this pod: {:?}: {error}", file(name));
        Failure::new(exit::CLUSTER, message)
            .hint("the pod's `automountServiceAccountToken` may be off; name a kubeconfig with --kubeconfig")
    };
    std::fs::metadata(file("token")).map_err(|error| failed("token", &error))?;
    let namespace =
        std::fs::read_to_string(file("namespace")).map_err(|error| failed("namespace", &error))?;
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    Ok(Some(Target {
        cluster: Cluster {
            server: Some(format!("https://{host}:{port}")),
            certificate_authority: Some(file("ca.crt")),
            ..Cluster::default()
        },
        user: AuthInfo { token_file: Some(file("token")), ..AuthInfo::default() },
        namespace: namespace.trim().to_owned(),
        login_is_by_flag: false,
    }))
}

impl Target {
    fn override_cluster(&mut self, args: &ClusterArgs) {
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        let cluster = &mut self.cluster;
        if args.insecure_skip_tls_verify == Some(true) || args.certificate_authority.is_some() {
            // The flags replace the kubeconfig's answer to whom to trust, all of it.
            cluster.insecure_skip_tls_verify = None;
            cluster.certificate_authority = args.certificate_authority.as_ref().map(text);
            cluster.certificate_authority_data = None;
        }
        if args.insecure_skip_tls_verify.is_some() {
            cluster.insecure_skip_tls_verify = args.insecure_skip_tls_verify;
        }
        if args.server.is_some() {
            cluster.server.clone_from(&args.server);
            // It was the name of another server.
            cluster.tls_server_name = None;
        }
        if args.tls_server_name.is_some() {
            cluster.tls_server_name.clone_from(&args.tls_server_name);
        }
    }

    fn override_user(&mut self, args: &ClusterArgs) -> Result<(), Failure> {
        let user = &mut self.user;
        if args.client_certificate.is_some() != args.client_key.is_some() {
            return Err(Failure::usage("--client-certificate and --client-key go together"));
        }
        self.login_is_by_flag = args.token.is_some() || args.client_certificate.is_some();
        if self.login_is_by_flag {
            let text = |path: &PathBuf| path.to_string_lossy().into_owned();
            *user = AuthInfo {
                token: args.token.as_ref().map(|token| token.expose().to_owned().into()),
                client_certificate: args.client_certificate.as_ref().map(text),
                client_key: args.client_key.as_ref().map(text),
                impersonate: user.impersonate.take(),
                impersonate_uid: user.impersonate_uid.take(),
                impersonate_groups: user.impersonate_groups.take(),
                impersonate_user_extra: user.impersonate_user_extra.take(),
                ..AuthInfo::default()
            };
        }
        if args.impersonate.is_some() {
            user.impersonate.clone_from(&args.impersonate);
        }
        if args.impersonate_uid.is_some() {
            user.impersonate_uid.clone_from(&args.impersonate_uid);
        }
        if !args.impersonate_group.is_empty() {
            user.impersonate_groups = Some(args.impersonate_group.clone());
        }
        if !args.impersonate_extra.is_empty() {
            let extra = user.impersonate_user_extra.insert(std::collections::HashMap::new());
            for (key, value) in &args.impersonate_extra {
                extra.entry(key.clone()).or_default().push(value.clone());
            }
        }
        Ok(())
    }

    /// In a kubeconfig, an empty text stands for none.
    fn without_empty_texts(&mut self) {
        let cluster = &mut self.cluster;
        for text in [
            &mut cluster.server,
            &mut cluster.certificate_authority,
            &mut cluster.certificate_authority_data,
            &mut cluster.proxy_url,
            &mut cluster.tls_server_name,
            &mut self.user.username,
            &mut self.user.token_file,
            &mut self.user.client_certificate,
            &mut self.user.client_certificate_data,
            &mut self.user.client_key,
            &mut self.user.impersonate,
            &mut self.user.impersonate_uid,
        ] {
            text.take_if(|text| text.is_empty());
        }
        for secret in [&mut self.user.password, &mut self.user.token, &mut self.user.client_key_data] {
            secret.take_if(|secret| secrecy::ExposeSecret::expose_secret(secret).is_empty());
        }
    }

    fn check(&self) -> Result<(), Failure> {
        let cluster = &self.cluster;
        let trusts = cluster.certificate_authority.is_some() || cluster.certificate_authority_data.is_some();
        if trusts && cluster.insecure_skip_tls_verify == Some(true) {
            return Err(Failure::usage(
                "a certificate authority to trust and --insecure-skip-tls-verify exclude each other",
            ));
        }
        let user = &self.user;
        let acts_as_more = user.impersonate_uid.is_some()
            || user.impersonate_groups.as_ref().is_some_and(|groups| !groups.is_empty())
            || user.impersonate_user_extra.as_ref().is_some_and(|extra| !extra.is_empty());
        if acts_as_more && user.impersonate.is_none() {
            return Err(Failure::usage("--as-group, --as-uid and --as-user-extra go with --as"));
        }
        Ok(())
    }
}
