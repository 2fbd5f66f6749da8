//! Server URLs and registry keys: under which names a registry's credential is stored and found.
//!
//! There are two notions of "the same registry", and this module keeps them apart. [`Server`] is the credential
//! helper's: spellings that mean one server are one value. The kubelet's own reading of the keys of a pull secret
//! is literal and lives elsewhere; here is only [`pull_secret_key`], which spells a key so that the kubelet finds it.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use thiserror::Error;

/// Docker Hub's key, as `docker login` and `kubectl create secret docker-registry` write it
/// (moby `registry/config.go`, `IndexServer`).
pub const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// The one of Docker Hub's names that image names use; stands for all of them in a [`Server`].
const DOCKER_HUB_HOST: &str = "docker.io";

/// Hosts that mean Docker Hub and share its accounts:
const DOCKER_HUB_ALIASES: [&str; 5] = [
    DOCKER_HUB_HOST,
    // Where docker, podman and the kubelet keep Hub's credential (moby `IndexHostname`).
    "index.docker.io",
    // The registry itself (moby `DefaultRegistryHost`); podman keeps it under index.docker.io
    // (containers/image `pkg/docker/config`, `normalizeRegistry`).
    "registry-1.docker.io",
    // The web site, and the registry's former name that CI configurations still carry: people log in to both.
    "hub.docker.com",
    "registry.hub.docker.com",
];

/// The paths under which `docker login` keeps Hub's tokens beside its password.
const DOCKER_HUB_TOKENS: [&str; 2] = ["v1/access-token", "v1/refresh-token"];

/// The paths of the registry API's versions, which are no namespaces.
const API_VERSIONS: [&str; 2] = ["v1", "v2"];

const HTTPS_PORT: u16 = 443;

/// A server that credentials are for: all spellings of its URL as one value.
///
/// Equal are spellings that differ in the scheme (`https://`, `http://` or none), the case of scheme and host, the
/// port 443 or none, slashes at the end, and the path `/v1` or `/v2`. Docker Hub's hosts `docker.io`,
/// `index.docker.io`, `registry-1.docker.io`, `hub.docker.com` and `registry.hub.docker.com` are one host, unless
/// another port is named. Other ports, and other paths including their case, make other servers: `host/team` is a
/// namespace with its own credential, and so is `host/v1/team`. Hub's tokens at `…/v1/access-token` and
/// `…/v1/refresh-token` are servers of their own.
///
/// [`Display`](fmt::Display) prints [`docker_key`](Self::docker_key), which parses to the same value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Server {
    /// Lower-case; any of Docker Hub's aliases as [`DOCKER_HUB_HOST`].
    host: String,
    /// Never 443.
    port: Option<u16>,
    /// Without the slash before it and those after it.
    path: String,
}

impl Server {
    /// Reads a server URL with or without a scheme; it is also the [`FromStr`] of this type.
    ///
    /// See [`ServerError`] for what is refused. The text is not trimmed.
    pub fn parse(url: &str) -> Result<Self, ServerError> {
        // First, so that no other error describes a part of a password. No registry or repository has an `@`.
        if url.contains('@') {
            return Err(ServerError::UserInfo);
        }
        check_registry_key(url)?;
        if url.contains(['?', '#']) {
            return Err(ServerError::QueryOrFragment);
        }
        let (scheme, rest) = split_scheme(url);
        if scheme.is_some_and(|scheme| !is_http(scheme)) {
            return Err(ServerError::UnsupportedScheme);
        }

        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = split_port(authority)?;
        let mut host = host.to_ascii_lowercase();
        if port.is_none() && DOCKER_HUB_ALIASES.contains(&host.as_str()) {
            DOCKER_HUB_HOST.clone_into(&mut host);
        }

        let path = path.trim_end_matches('/');
        let path = if API_VERSIONS.contains(&path) { "" } else { path };
        Ok(Self { host, port, path: path.to_owned() })
    }

    /// The host in lower case, an IPv6 address in its brackets; `docker.io` for each of Docker Hub's.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, if it is not 443.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The namespace or other path, without slashes around it; empty for the registry itself.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether this is Docker Hub itself: neither a namespace on it nor one of its tokens.
    pub fn is_docker_hub(&self) -> bool {
        self.is_on_docker_hub() && self.path.is_empty()
    }

    /// Whether this is where `docker login` keeps an access or refresh token for Docker Hub.
    ///
    /// Such a token is no password: it must not be sent as one, nor a password be handed out in its place.
    pub fn is_docker_hub_token(&self) -> bool {
        self.is_on_docker_hub() && DOCKER_HUB_TOKENS.contains(&self.path.as_str())
    }

    /// The key under which docker itself would store this server's credential: [`DOCKER_HUB`] for Docker Hub, that
    /// and the token's name for its tokens, else `host[:port][/path]`.
    pub fn docker_key(&self) -> String {
        if self.is_docker_hub() {
            return DOCKER_HUB.to_owned();
        }
        if self.is_docker_hub_token() {
            return format!("https://index.docker.io/{}", self.path);
        }
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let slash = if self.path.is_empty() { "" } else { "/" };
        format!("{}{port}{slash}{}", self.host, self.path)
    }

    /// The server without its path, where a credential for all of the host would be kept; `None` if there is no
    /// path, or if the path names a token of Docker Hub.
    pub fn without_path(&self) -> Option<Self> {
        let has_namespace = !self.path.is_empty() && !self.is_docker_hub_token();
        has_namespace.then(|| Self { path: String::new(), ..self.clone() })
    }

    /// Every spelling of this server that programs are known to write, in lower case.
    ///
    /// For a store that can be asked for exact keys only. Another case of the letters, or more slashes at the
    /// end, are the same server too, but are not among these.
    pub fn spellings(&self) -> Vec<String> {
        let aliases = &DOCKER_HUB_ALIASES[..];
        let hosts = if self.is_on_docker_hub() { aliases } else { &[self.host.as_str()] };
        let port = self.port.map(|port| format!(":{port}"));
        let ports = if let Some(port) = &port { &[port.as_str()][..] } else { &["", ":443"] };
        let path = format!("/{}", self.path);
        let with_slash = format!("{path}/");
        let no_path = ["", "/", "/v1/", "/v2/", "/v1", "/v2"];
        let paths = if self.path.is_empty() { &no_path[..] } else { &[path.as_str(), with_slash.as_str()] };
        let mut spellings = Vec::with_capacity(3 * hosts.len() * ports.len() * paths.len());
        for scheme in ["", "https://", "http://"] {
            for host in hosts {
                for port in ports {
                    spellings.extend(paths.iter().map(|path| format!("{scheme}{host}{port}{path}")));
                }
            }
        }
        spellings
    }

    fn is_on_docker_hub(&self) -> bool {
        self.port.is_none() && self.host == DOCKER_HUB_HOST
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.docker_key())
    }
}

impl FromStr for Server {
    type Err = ServerError;

    fn from_str(url: &str) -> Result<Self, ServerError> {
        Self::parse(url)
    }
}

/// Why a text is no server URL, or no key for a registry.
///
/// Of the text an error holds at most one character: what was meant as a server may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServerError {
    /// There is no text.
    #[error("a server is not empty")]
    Empty,
    /// White space, a control character, `<`, `>` or `"`: no URL has them, and pasted text often does.
    #[error("a server has no {character:?}, but there is one at byte {offset}")]
    ForbiddenCharacter {
        /// The first such character.
        character: char,
        /// Its position in the text, in bytes from the start.
        offset: usize,
    },
    /// A scheme other than `http` and `https`.
    #[error("a server starts with `https://`, `http://` or its host name, not with another scheme")]
    UnsupportedScheme,
    /// An `@`: a user name and maybe a password are in the URL.
    #[error("a server has no `@`: leave user name and password out of it")]
    UserInfo,
    /// A `?` or `#`.
    #[error("a server has no query (`?`) and no fragment (`#`)")]
    QueryOrFragment,
    /// Nothing is where the host should be, as in `https:///v2/` or `:5000`.
    #[error("a server has a host, such as `registry.example.com`")]
    NoHost,
    /// The host is neither a name nor an IPv6 address in brackets.
    #[error("a server's host is a name of letters, digits, `-`, `.` and `_`, or an IPv6 address in brackets")]
    BadHost,
    /// The port is no number from 1 to 65535.
    #[error("a server's port is a number from 1 to 65535")]
    BadPort,
}

/// Whether `key` can be written, verbatim, as the key of an entry in a docker config.
///
/// Refuses ([`ServerError::Empty`], [`ServerError::ForbiddenCharacter`]) only what is surely a mistake; `kubectl
/// create secret docker-registry` writes even that. Patterns such as `*.example.com`, URLs and everything else that
/// the kubelet may understand pass.
pub fn check_registry_key(key: &str) -> Result<(), ServerError> {
    if key.is_empty() {
        return Err(ServerError::Empty);
    }
    match key.char_indices().find(|&(_, character)| is_forbidden(character)) {
        Some((offset, character)) => Err(ServerError::ForbiddenCharacter { character, offset }),
        None => Ok(()),
    }
}

/// Whether the name of a server can be passed on as it is: it has no control character
/// ([`ServerError::ForbiddenCharacter`]).
///
/// For names that need not be URLs. No server has such a character, and what a name passes through cuts or joins it there
/// (D-Bus at a NUL, Go's credential helpers at a newline), so that another server would be meant.
pub fn check_control_characters(name: &str) -> Result<(), ServerError> {
    match name.char_indices().find(|(_, character)| character.is_control()) {
        Some((offset, character)) => Err(ServerError::ForbiddenCharacter { character, offset }),
        None => Ok(()),
    }
}

/// A registry key as it can be shown: what stands before an `@` may be a password, and is left out.
pub fn shown_key(key: &str) -> Cow<'_, str> {
    let Some((_, host)) = key.rsplit_once('@') else { return Cow::Borrowed(key) };
    let scheme = match split_scheme(key) {
        (Some(scheme), _) if is_http(scheme) => format!("{scheme}://"),
        _ => String::new(),
    };
    Cow::Owned(format!("{scheme}[redacted]@{host}"))
}

/// The key under which an entry found under `key` in a docker config belongs into a pull secret, so that the
/// kubelet finds it (Kubernetes `pkg/credentialprovider/keyring.go`, `Add` and `Lookup`).
///
/// The kubelet takes keys literally where docker does not. Hence every spelling of Docker Hub becomes
/// [`DOCKER_HUB`], and of a namespace on it `docker.io/namespace`; the scheme becomes lower-case; and a path that
/// is exactly `/v1` or `/v2` goes, because only `/v1/` and `/v2/` are ignored. Everything else stays as it is:
/// patterns, ports (443 too), other paths, the case of the host, and what is no server at all.
///
/// Two keys may become one; which entry is kept is the caller's choice.
pub fn pull_secret_key(key: &str) -> String {
    if let Ok(server) = Server::parse(key)
        && server.is_on_docker_hub()
        && !server.is_docker_hub_token()
        && (server.is_docker_hub() || !names_docker_io(key))
    {
        return server.docker_key();
    }

    let (scheme, rest) = split_scheme(key);
    let scheme = match scheme {
        Some(scheme) if is_http(scheme) => format!("{}://", scheme.to_ascii_lowercase()),
        Some(scheme) => format!("{scheme}://"),
        None => String::new(),
    };
    let rest = match rest.split_once('/') {
        Some((authority, path)) if API_VERSIONS.contains(&path) => authority,
        _ => rest,
    };
    scheme + rest
}

/// Whether two registry keys name one server; what is no server URL (a pattern, say) is compared as it is.
pub fn same_registry(a: &str, b: &str) -> bool {
    match (Server::parse(a), Server::parse(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// The key under which docker asks for what a docker config has under `key`: [`DOCKER_HUB`], else the host and port as
/// they are written there, which is how images name them (docker's `ConvertToHostname`).
///
/// `credHelpers` are looked up by exactly this key.
pub fn docker_lookup_key(key: &str) -> String {
    match Server::parse(key) {
        Ok(server) if server.is_docker_hub_token() => server.docker_key(),
        Ok(server) if server.is_on_docker_hub() => DOCKER_HUB.to_owned(),
        _ => written_host(key).to_owned(),
    }
}

/// The same for podman and skopeo (containers/image `normalizeRegistry`): `docker.io` for Docker Hub.
pub fn podman_lookup_key(key: &str) -> String {
    if Server::parse(key).is_ok_and(|server| server.is_on_docker_hub()) {
        return DOCKER_HUB_HOST.to_owned();
    }
    written_host(key).to_owned()
}

/// Whether podman takes a key for a path in a registry, such as `ghcr.io/team`, and not for all of the registry
/// (containers/image `normalizeAuthFileKey`): behind a scheme, it ignores the path.
pub fn is_path_key(key: &str) -> bool {
    let (scheme, rest) = split_scheme(key);
    scheme.is_none() && rest.trim_end_matches('/').contains('/')
}

fn written_host(key: &str) -> &str {
    let (_, rest) = split_scheme(key);
    rest.split('/').next().unwrap_or(rest)
}

/// Whether `key` already has the host, in the case and without the port, that the kubelet compares with.
fn names_docker_io(key: &str) -> bool {
    let (_, rest) = split_scheme(key);
    rest.split('/').next() == Some(DOCKER_HUB_HOST)
}

/// The text before a `://` that starts a URL, and what follows; `://` inside a path is part of that.
fn split_scheme(url: &str) -> (Option<&str>, &str) {
    match url.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => (Some(scheme), rest),
        _ => (None, url),
    }
}

fn is_http(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
}

/// Divides `host[:port]` and checks both; the port 443 is returned as none.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), ServerError> {
    let host_length = if authority.starts_with('[') {
        authority.find(']').map_or(authority.len(), |end| end + ']'.len_utf8())
    } else if authority.matches(':').count() > 1 {
        // An IPv6 address without its brackets; not some host with a strange port.
        return Err(ServerError::BadHost);
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, rest) = authority.split_at(host_length);
    if host.is_empty() {
        return Err(ServerError::NoHost);
    }
    if !is_host_name(host) && !is_bracketed_ipv6(host) {
        return Err(ServerError::BadHost);
    }
    if rest.is_empty() {
        return Ok((host, None));
    }
    let port = rest.strip_prefix(':').ok_or(ServerError::BadHost)?;
    // `parse` alone would let a sign through.
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ServerError::BadPort);
    }
    match port.parse::<u16>() {
        Ok(0) | Err(_) => Err(ServerError::BadPort),
        Ok(HTTPS_PORT) => Ok((host, None)),
        Ok(port) => Ok((host, Some(port))),
    }
}

/// Letters beyond ASCII pass: the helper is asked about servers of other programs, and `_` is in use.
fn is_host_name(host: &str) -> bool {
    host.chars().all(|character| character.is_alphanumeric() || matches!(character, '-' | '.' | '_'))
}

fn is_bracketed_ipv6(host: &str) -> bool {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

/// White space beyond ASCII is pasted along just as easily.
fn is_forbidden(character: char) -> bool {
    character.is_whitespace() || character.is_control() || matches!(character, '<' | '>' | '"')
}
