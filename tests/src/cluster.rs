//! The Kubernetes cluster that the tests share.

#![expect(
    clippy::disallowed_methods,
    reason = "`cargo xtask test` says in the environment where the cluster is"
)]

use std::ffi::OsStr;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::{Namespace as NamespaceObject, Secret, ServiceAccount};
use kube::api::{Api, DeleteParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig as KubeKubeconfig};
use serde_json::Value;
use xtask::cluster::layout::Layout;
use xtask::cluster::pki::{Authority, Pair};
use xtask::cluster::state::State;

use crate::output::Output;
use crate::sandbox;

/// A running cluster, as its administrator sees it.
pub struct Cluster {
    layout: Layout,
    state: State,
    runtime: tokio::runtime::Runtime,
    client: kube::Client,
}

/// The cluster that this run of the tests is given: the only way to get at it.
///
/// Fails the test if there is none, rather than pretend that there was nothing to test. From the first call
/// on, a failing test says where the servers' logs are.
pub fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let Some(root) = std::env::var_os(xtask::test::CLUSTER) else {
            panic!(
                "this test needs a cluster: run it with `cargo xtask test`, or bring one up and point the tests to it \
                 with `eval \"$(cargo xtask cluster up)\"`"
            );
        };
        let cluster = Cluster::at(Path::new(&root));
        cluster.name_logs_in_panics();
        cluster
    })
}

impl Cluster {
    /// The cluster whose folder is `root` (`xtask::cluster::layout`).
    pub fn at(root: &Path) -> Self {
        let layout = Layout::at(root);
        let state = State::read(&layout)
            .unwrap_or_else(|failure| panic!("{failure}"))
            .filter(|state| state.ready)
            .unwrap_or_else(|| {
                panic!("no cluster is up in {}: `cargo xtask cluster up` starts one", root.display())
            });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime for the administrator's client");
        let client = runtime.block_on(client_for(&layout.kubeconfig()));
        Self { layout, state, runtime, client }
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.layout.kubeconfig()
    }

    /// The folder with the servers' logs.
    pub fn logs(&self) -> PathBuf {
        self.layout.logs()
    }

    /// The folder with the kubectl of the cluster's version.
    pub fn kubectl_folder(&self) -> &Path {
        self.state.kubectl.parent().expect("kubectl lies in a folder")
    }

    /// The administrator's client; use it within [`Cluster::block_on`].
    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    /// Runs something asynchronous from a test, which is not.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Runs kubectl as the administrator.
    pub fn kubectl<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        let mut command = Command::new(&self.state.kubectl);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.layout.root())
            .env("KUBECONFIG", self.kubeconfig());
        sandbox::finish(command, b"")
    }

    /// Makes the user `name`, member of `group` if any, without any rights but what RBAC grants them; returns
    /// their kubeconfig, which lives as long as the cluster.
    pub fn user(&self, name: &str, group: Option<&str>) -> PathBuf {
        let pair = self.authority().sign_client(name, group).unwrap_or_else(|failure| panic!("{failure}"));
        self.kubeconfig_of(&pair)
    }

    /// The kubeconfig of a user whose certificate has expired.
    pub fn expired_user(&self, name: &str) -> PathBuf {
        let pair = self.authority().sign_expired_client(name).unwrap_or_else(|failure| panic!("{failure}"));
        self.kubeconfig_of(&pair)
    }

    fn authority(&self) -> Authority {
        Authority::load(&self.layout).unwrap_or_else(|failure| panic!("{failure}"))
    }

    fn kubeconfig_of(&self, pair: &Pair) -> PathBuf {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = self.layout.users();
        std::fs::create_dir_all(&folder).expect("a folder for users");
        // Test programs run side by side, and tests in them.
        let file = format!("{}-{}.kubeconfig", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = folder.join(file);
        let authority = self.authority();
        let kubeconfig = xtask::cluster::Kubeconfig {
            server: self.server(),
            authority: Some(authority.certificate()),
            user: Some(pair),
        };
        kubeconfig.write(&path).unwrap_or_else(|failure| panic!("{failure}"));
        path
    }

    /// The API server's URL.
    pub fn server(&self) -> &str {
        self.state.server.as_deref().expect("a cluster that is up has an address")
    }

    /// The file with the certificate that vouches for the API server.
    pub fn authority_certificate(&self) -> PathBuf {
        self.layout.authority_certificate()
    }

    /// Makes a namespace for the calling test, named after it, with its default service account; it goes away
    /// with the returned value.
    pub fn namespace(&self) -> Namespace<'_> {
        let object: NamespaceObject = serde_json::from_value(serde_json::json!({
            "metadata": { "generateName": format!("{}-", name_of_test()) }
        }))
        .expect("a namespace's manifest");
        let name = self.block_on(async {
            let namespaces: Api<NamespaceObject> = Api::all(self.client());
            let made =
                namespaces.create(&PostParams::default(), &object).await.expect("a namespace can be made");
            made.metadata.name.expect("an object has a name")
        });
        let namespace = Namespace { cluster: self, name };
        namespace.wait_for_service_account();
        namespace
    }

    fn name_logs_in_panics(&self) {
        let logs = self.logs();
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            usual(info);
            #[expect(clippy::print_stderr, reason = "it belongs to the panic's own message")]
            {
                eprintln!("the cluster's logs: {}", logs.display());
            }
        }));
    }
}

/// A client for `kubeconfig` that doesn't repeat requests by itself.
pub(crate) async fn client_for(kubeconfig: &Path) -> kube::Client {
    let kubeconfig = KubeKubeconfig::read_from(kubeconfig).expect("a readable kubeconfig");
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    let mut config = config.expect("a usable kubeconfig");
    config.default_retry = false;
    kube::Client::try_from(config).expect("a client for the cluster")
}

/// A test's own namespace, deleted when it goes out of scope.
pub struct Namespace<'a> {
    cluster: &'a Cluster,
    name: String,
}

impl Namespace<'_> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs kubectl in it as the administrator.
    pub fn kubectl<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        let mut line: Vec<_> = arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect();
        // Behind the command, where plugins get it too, but before a `--`.
        let end = line.iter().position(|argument| argument == "--").unwrap_or(line.len());
        line.insert(end, format!("--namespace={}", self.name).into());
        self.cluster.kubectl(line)
    }

    /// An object in it, as `kubectl get KIND NAME -o json` shows it; none if there is none.
    pub fn find(&self, kind: &str, name: &str) -> Option<Value> {
        let output = self.kubectl(["get", kind, name, "--output=json", "--ignore-not-found"]);
        output.success();
        if output.stdout.is_empty() { None } else { Some(output.json()) }
    }

    /// An object in it that has to be there.
    #[track_caller]
    pub fn get(&self, kind: &str, name: &str) -> Value {
        self.find(kind, name)
            .unwrap_or_else(|| panic!("there is no {kind} `{name}` in namespace {}", self.name))
    }

    /// Makes a pull secret with these auth entries.
    pub fn make_pull_secret(&self, name: &str, auths: &Value) {
        self.make_secret(name, &serde_json::json!({ "auths": auths }), &Value::Null);
    }

    /// Makes a pull secret with this docker config; the members of `more` are added to the object.
    pub fn make_secret(&self, name: &str, docker_config: &Value, more: &Value) {
        let mut secret = serde_json::json!({
            "metadata": {"name": name},
            "type": "kubernetes.io/dockerconfigjson",
            "stringData": {".dockerconfigjson": docker_config.to_string()}
        });
        for (member, value) in more.as_object().into_iter().flatten() {
            for (name, value) in value.as_object().into_iter().flatten() {
                secret[member][name] = value.clone();
            }
            if !value.is_object() {
                secret[member] = value.clone();
            }
        }
        let secret: Secret = serde_json::from_value(secret).expect("a Secret's manifest");
        let secrets: Api<Secret> = Api::namespaced(self.cluster.client(), &self.name);
        let made = self.cluster.block_on(secrets.create(&PostParams::default(), &secret));
        made.expect("a Secret can be made");
    }

    /// The docker config in a pull secret that has to be there.
    #[track_caller]
    pub fn docker_config(&self, name: &str) -> Value {
        let secret = self.get("secret", name);
        let data = secret["data"][".dockerconfigjson"].as_str().expect("a docker config");
        let text = STANDARD.decode(data).expect("the API server writes base64");
        serde_json::from_slice(&text).expect("a docker config is JSON")
    }

    /// Lets `user` do `verb` to `resource` in this namespace, and waits until the server goes by it.
    #[track_caller]
    pub fn allow(&self, user: &str, verb: &str, resource: &str) {
        let role = format!("{user}-{verb}-{}", resource.replace(['/', '.'], "-"));
        self.kubectl(["create", "role", &role, "--verb", verb, "--resource", resource]).success();
        self.kubectl(["create", "rolebinding", &role, "--role", &role, "--user", user]).success();
        self.wait_until_allowed(user, None, verb, resource);
    }

    /// Waits until the server lets `user` do it: its authorizer learns of new roles with a delay.
    #[track_caller]
    pub fn wait_until_allowed(&self, user: &str, group: Option<&str>, verb: &str, resource: &str) {
        let mut line = vec!["auth", "can-i", verb, resource, "--as", user];
        line.extend(group.into_iter().flat_map(|group| ["--as-group", group]));
        for _ in 0..100 {
            if self.kubectl(&line).code == Some(0) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{user} still can't {verb} {resource} in namespace {}", self.name);
    }

    fn wait_for_service_account(&self) {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.cluster.client(), &self.name);
        self.cluster.block_on(async {
            for _ in 0..600 {
                if accounts.get_opt("default").await.expect("service accounts can be read").is_some() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            panic!("namespace {} got no default service account", self.name);
        });
    }
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        let namespaces: Api<NamespaceObject> = Api::all(self.cluster.client());
        // Best effort: a test that failed because the server went away must not fail twice.
        let _ = self.cluster.block_on(namespaces.delete(&self.name, &DeleteParams::background()));
    }
}

/// The running test's name, as the start of a namespace's: lower-case letters, digits and hyphens, not too
/// long.
fn name_of_test() -> String {
    let thread = std::thread::current();
    let test = thread.name().and_then(|name| name.rsplit("::").next()).unwrap_or("test");
    let letters =
        test.bytes().map(|byte| if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' });
    let name: String = letters.map(char::from).take(50).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "test".to_owned() } else { name.to_owned() }
}
