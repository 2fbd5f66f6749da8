//! From the flags and the kubeconfig to a client.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use kube::client::ClientBuilder;
use kube::config::{AuthInfo, Cluster};
use kube::{Client, Config};
use regcred_core::credential::{SecretString, expiry};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use super::certificate::{self, Certificate};
use super::exec::Plugin;
use super::kubeconfig::{self, Target};
use super::proxy;
use super::reach::setup_failure;
use super::server::{Server, shown};
use super::transport::{PluginToken, Settings, Transport};
use super::untrusted::Probe;
use crate::cli::ClusterArgs;
use crate::environment::Environment;
use crate::failure::{Failure, exit};

/// How long a connection may take to be made: beyond this, a person would rather know.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A cluster that can be talked to, and the namespace to work in.
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    /// Where the API server is, for messages.
    pub(crate) server: Server,
}

/// Makes a client as kubectl would: from the flags, `--kubeconfig`, `KUBECONFIG`, `~/.kube/config`, or inside a
/// pod from its service account. Nothing is sent yet, but an exec plugin of the kubeconfig runs.
pub(crate) async fn connect(args: &ClusterArgs, environment: &Environment) -> Result<Connection, Failure> {
    args.one_namespace()?;
    let Target { cluster, mut user, namespace, login_is_by_flag } = kubeconfig::target(args, environment)?;
    let url = url(&cluster)?;
    let proxy = proxy::choose(&url, cluster.proxy_url.as_deref(), environment)?;
    if url.scheme_str() == Some("http") {
        check_unencrypted(&url, proxy.as_ref(), login_is_by_flag)?;
        // Like client-go; kube would send them.
        user = AuthInfo {
            impersonate: user.impersonate,
            impersonate_uid: user.impersonate_uid,
            impersonate_groups: user.impersonate_groups,
            impersonate_user_extra: user.impersonate_user_extra,
            ..AuthInfo::default()
        };
    }
    let token = log_in(&mut user, &cluster, environment, &shown(&url)).await?;

    let mut config = Config::new(url.clone());
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.root_cert = authorities(&cluster)?;
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
    config.tls_server_name = cluster.tls_server_name;
    config.proxy_url.clone_from(&proxy);
    config.auth_info = user;
    // It repeats POST too, and up to 15 times. Who retries should know what was sent.
    config.default_retry = false;

    let timeout = (!args.request_timeout.is_zero()).then_some(args.request_timeout);
    let server = Server {
        url: shown(&url),
        proxy: proxy.as_ref().map(shown),
        client_certificate: client_certificate(&config.auth_info),
        now: environment.now,
    };
    let settings = Arc::new(Settings { timeout, token, probe: Probe::new(&config) });
    let careful = tower::layer::layer_fn(|inner| Transport::new(inner, &settings));
    let client = ClientBuilder::try_from(config).map_err(|error| setup_failure(&error, &server))?;
    let namespace = args.one_namespace()?.map_or(namespace, str::to_owned);
    Ok(Connection { client: client.with_layer(&careful).build(), namespace, server })
}

fn url(cluster: &Cluster) -> Result<Uri, Failure> {
    let text = cluster.server.as_deref().ok_or_else(|| {
        Failure::new(exit::CLUSTER, "the kubeconfig does not say where the API server is")
            .hint("its cluster needs a `server`, or give --server")
    })?;
    // As client-go: what says nothing about TLS but has something to do with it, means it.
    let is_tls = cluster.certificate_authority.is_some()
        || cluster.certificate_authority_data.is_some()
        || cluster.insecure_skip_tls_verify == Some(true);
    let scheme = if is_tls { "https" } else { "http" };
    let full = if text.contains("://") { text.to_owned() } else { format!("{scheme}://{text}") };
    let uri: Option<Uri> = full.parse().ok();
    uri.filter(|uri| matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some()).ok_or_else(
        || {
            // It may hold a password, so it is not quoted.
            Failure::new(exit::CLUSTER, "the API server's address is not a URL")
                .hint("it looks like https://HOST:PORT; see `server` in the kubeconfig, or --server")
        },
    )
}

/// Passwords go to the API server and come back from it, so without TLS it has to be on this machine.
fn check_unencrypted(url: &Uri, proxy: Option<&Uri>, login_is_by_flag: bool) -> Result<(), Failure> {
    let server = shown(url);
    if proxy.is_some() || !is_loopback(url.host().unwrap_or_default()) {
        return Err(Failure::new(
            exit::CLUSTER,
            format!("{server} is not encrypted: passwords would cross the network readable by all"),
        )
        .hint("use the https:// address of the API server, or a tunnel that ends on localhost"));
    }
    if login_is_by_flag {
        return Err(Failure::usage(format!("{server} is not encrypted, and no login is sent there"))
            .hint("use its https:// address, or leave --token and --client-certificate out"));
    }
    Ok(())
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Gets the login that lies elsewhere, from a file or an exec plugin, and puts it into `user`; returns a token that
/// can be renewed.
async fn log_in(
    user: &mut AuthInfo,
    cluster: &Cluster,
    environment: &Environment,
    server: &str,
) -> Result<Option<PluginToken>, Failure> {
    check_auth_provider(user, environment, server)?;
    if user.token.is_none()
        && let Some(path) = user.token_file.take()
    {
        // kube would send the newline at its end too.
        let token = std::fs::read_to_string(&path).map_err(|error| {
            Failure::new(exit::CLUSTER, format!("can't log in to {server}: token file {path:?}: {error}"))
        })?;
        user.token = Some(token.trim().to_owned().into());
    }
    // kube would panic.
    let is_sendable = |text: &str| !text.chars().any(char::is_control);
    let secrets = [user.token.as_ref(), user.password.as_ref()].into_iter().flatten();
    if !secrets.map(secrecy::ExposeSecret::expose_secret).chain(user.username.as_deref()).all(is_sendable) {
        let message = format!("can't log in to {server}: the token or password holds a line break");
        return Err(Failure::new(exit::CLUSTER, message).hint("mend the `user` of the kubeconfig"));
    }
    // kube would not name the file that it can't read.
    if let Some((_, certificate)) = pem(
        "client certificate",
        user.client_certificate_data.as_deref(),
        user.client_certificate.as_deref(),
    )? {
        user.client_certificate_data = Some(STANDARD.encode(certificate));
    }
    if user.client_key_data.is_none()
        && let Some((_, key)) = pem("client key", None, user.client_key.as_deref())?
    {
        user.client_key_data = Some(STANDARD.encode(Zeroizing::new(key)).into());
    }
    let Some(exec) = user.exec.take() else { return Ok(None) };
    if user.token.is_some() || user.username.is_some() || user.auth_provider.is_some() {
        return Ok(None);
    }
    let plugin = Plugin::new(exec, cluster.clone(), environment, server.to_owned());
    let login = plugin.log_in().await?;
    if let Some((certificate, key)) = login.certificate {
        user.client_certificate_data = Some(STANDARD.encode(certificate));
        user.client_key_data = Some(STANDARD.encode(key.expose()).into());
    }
    Ok(login.token.map(|token| PluginToken::new(plugin, token)))
}

/// Of the auth-providers that client-go ever had, `oidc` is left. Its token is sent as long as it is valid; renewing
/// it would mean writing the kubeconfig, which kubectl does.
fn check_auth_provider(user: &AuthInfo, environment: &Environment, server: &str) -> Result<(), Failure> {
    let Some(provider) = &user.auth_provider else { return Ok(()) };
    let failed = |reason: String, hint| {
        Err(Failure::new(exit::CLUSTER, format!("can't log in to {server}: {reason}")).hint(hint))
    };
    if provider.name != "oidc" {
        let reason =
            format!("the kubeconfig's user names the auth-provider {:?}, which is gone", provider.name);
        return failed(reason, "use an exec plugin instead, as kubectl does since 1.26");
    }
    let token = provider.config.get("id-token").filter(|token| !token.is_empty());
    let Some(token) = token.map(|token| SecretString::new(token.clone())) else {
        let reason = "the kubeconfig's auth-provider \"oidc\" has no `id-token`".to_owned();
        return failed(reason, "log in first, with whatever wrote the kubeconfig");
    };
    match expiry(&token) {
        Some(at) if at <= environment.now => {
            let at = at.format("%Y-%m-%d %H:%M UTC");
            failed(
                format!("the token of the kubeconfig's auth-provider \"oidc\" expired on {at}"),
                "any kubectl command renews it, such as `kubectl version`; then run this one again",
            )
        }
        _ => Ok(()),
    }
}

/// The authorities to trust; none means those of the system.
fn authorities(cluster: &Cluster) -> Result<Option<Vec<Vec<u8>>>, Failure> {
    let what = "certificate authority";
    let data = cluster.certificate_authority_data.as_deref();
    let Some((from, pem)) = pem(what, data, cluster.certificate_authority.as_deref())? else {
        return Ok(None);
    };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.ok().filter(|found| !found.is_empty()).ok_or_else(|| {
        Failure::new(exit::CLUSTER, format!("{from} has no certificate in PEM"))
            .hint("a certificate begins with -----BEGIN CERTIFICATE-----")
    })?;
    Ok(Some(certificates.iter().map(|der| der.to_vec()).collect()))
}

/// What a kubeconfig holds as data or names as a file, and where it is from. Data wins.
fn pem(what: &str, data: Option<&str>, path: Option<&str>) -> Result<Option<(String, Vec<u8>)>, Failure> {
    let failed = |message| Failure::new(exit::CLUSTER, message);
    if let Some(data) = data {
        let pem = STANDARD.decode(data.trim());
        let pem = pem.map_err(|_| failed(format!("the {what} in the kubeconfig is not valid base64")))?;
        return Ok(Some((format!("the {what} in the kubeconfig"), pem)));
    }
    let Some(path) = path else { return Ok(None) };
    let pem = std::fs::read(Path::new(path));
    let pem = pem.map_err(|error| failed(format!("can't read the {what} {path:?}: {error}")))?;
    Ok(Some((format!("the {what} {path:?}"), pem)))
}

/// The certificate that we log in with, for messages; kube says what is wrong with it.
fn client_certificate(user: &AuthInfo) -> Option<Certificate> {
    let pem = STANDARD.decode(user.client_certificate_data.as_ref()?).ok()?;
    certificate::read(&CertificateDer::from_pem_slice(&pem).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(server: &str) -> Cluster {
        Cluster { server: Some(server.to_owned()), ..Cluster::default() }
    }

    #[test]
    fn an_address_without_a_scheme_is_completed_as_client_go_does() {
        assert_eq!(url(&cluster("localhost:8080")).unwrap(), "http://localhost:8080/");
        let tls = Cluster { insecure_skip_tls_verify: Some(true), ..cluster("example.com") };
        assert_eq!(url(&tls).unwrap(), "https://example.com/");
        for bad in ["ftp://example.com", "https://", "https://user:hunter2@bad host"] {
            let failure = url(&cluster(bad)).unwrap_err();
            assert!(!failure.message.contains("hunter2"), "{failure:?}");
        }
    }

    #[test]
    fn without_tls_the_server_has_to_be_here() {
        let check = |url: &str, proxy: Option<&str>, flag| {
            let proxy = proxy.map(|proxy| proxy.parse().unwrap());
            check_unencrypted(&url.parse().unwrap(), proxy.as_ref(), flag).map_err(|failure| failure.code)
        };
        for local in
            ["http://localhost:8001", "http://127.0.0.1:8001", "http://[::1]:8001", "http://127.1.2.3"]
        {
            assert_eq!(check(local, None, false), Ok(()), "{local}");
            assert_eq!(check(local, None, true), Err(exit::USAGE));
            assert_eq!(check(local, Some("http://proxy:3128"), false), Err(exit::CLUSTER));
        }
        for remote in ["http://10.0.0.1:8080", "http://localhost.example.com", "http://[fd00::1]"] {
            assert_eq!(check(remote, None, false), Err(exit::CLUSTER), "{remote}");
        }
    }
}
