//! The cluster's certificate authority, and what it signs.

use std::fmt;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};

use super::layout::Layout;
use crate::failure::{Context as _, Result};

/// The names under which the API server is reached: from here, and from pods (the first address of the
/// service range).
const SERVER_NAMES: [&str; 4] = ["localhost", "127.0.0.1", "10.96.0.1", "kubernetes.default.svc"];

/// A certificate and its key, both as PEM.
#[derive(Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").finish_non_exhaustive()
    }
}

/// The authority of one cluster.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    /// Makes the authority and all keys of a new cluster, and writes them into its folder.
    pub fn create(layout: &Layout) -> Result<Self> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(layout.pki())
            .cannot_at("create", &layout.pki())?;
        let key = new_key()?;
        let parameters = authority_parameters();
        let certificate = parameters.self_signed(&key).cannot("make the cluster's authority")?.pem();
        write_private(&layout.authority_key(), &key.serialize_pem())?;
        write_private(&layout.authority_certificate(), &certificate)?;
        let authority = Self { issuer: Issuer::new(parameters, key), certificate };

        let server = authority.sign_server()?;
        write_private(&layout.server_certificate(), &server.certificate)?;
        write_private(&layout.server_key(), &server.key)?;

        let tokens = new_key()?;
        write_private(&layout.service_account_key(), &tokens.serialize_pem())?;
        write_private(&layout.service_account_public_key(), &tokens.public_key_pem())?;
        Ok(authority)
    }

    /// The authority of a running cluster.
    pub fn load(layout: &Layout) -> Result<Self> {
        let path = layout.authority_key();
        let text = std::fs::read_to_string(&path).cannot_at("read", &path)?;
        let key = KeyPair::from_pem(&text).cannot_at("understand", &path)?;
        let path = layout.authority_certificate();
        let certificate = std::fs::read_to_string(&path).cannot_at("read", &path)?;
        // The authority's name is ours, so nobody needs to parse it out of the certificate.
        Ok(Self { issuer: Issuer::new(authority_parameters(), key), certificate })
    }

    /// The authority's own certificate, as PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A client certificate: the API server takes its common name for the user and its organisation for a
    /// group.
    ///
    /// One group at most: rcgen can't write a second organisation into one name.
    pub fn sign_client(&self, user: &str, group: Option<&str>) -> Result<Pair> {
        self.sign(&client_parameters(user, group))
    }

    /// A client certificate that held for the year 2020.
    pub fn sign_expired_client(&self, user: &str) -> Result<Pair> {
        let mut parameters = client_parameters(user, None);
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2021, 1, 1);
        self.sign(&parameters)
    }

    fn sign_server(&self) -> Result<Pair> {
        let mut parameters =
            CertificateParams::new(SERVER_NAMES.map(String::from).to_vec()).cannot("name the API server")?;
        parameters.distinguished_name = common_name("kube-apiserver");
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&parameters)
    }

    fn sign(&self, parameters: &CertificateParams) -> Result<Pair> {
        let key = new_key()?;
        let certificate = parameters.signed_by(&key, &self.issuer).cannot("sign a certificate")?;
        Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

fn client_parameters(user: &str, group: Option<&str>) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    let mut name = DistinguishedName::new();
    if let Some(group) = group {
        name.push(DnType::OrganizationName, group);
    }
    name.push(DnType::CommonName, user);
    parameters.distinguished_name = name;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    parameters
}

fn authority_parameters() -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = common_name("regcred-test-cluster");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn new_key() -> Result<KeyPair> {
    KeyPair::generate().cannot("make a key")
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .cannot_at("create", path)?;
    file.write_all(text.as_bytes()).cannot_at("write", path)
}
