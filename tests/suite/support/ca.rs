//! A certificate authority of a story's own.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;

#[derive(PartialEq)]
enum Validity {
    Now,
    Past,
}

/// Signs certificates that nobody trusts who was not told to.
pub struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Ca {
    /// A new one, with a key of its own.
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "CA of a sesame test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    /// Its own certificate, for those who are to trust it.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A server with a valid certificate for these names, which may be addresses. It speaks HTTP/1.1 alone.
    pub fn server_config(&self, names: &[&str]) -> Arc<ServerConfig> {
        self.server(names).0
    }

    /// The same, and its certificate in PEM.
    pub fn server(&self, names: &[&str]) -> (Arc<ServerConfig>, String) {
        let (certificate, key) = self.sign(names, Validity::Now);
        (server(&certificate, &key), certificate.pem())
    }

    /// A certificate and its key in PEM, for a server that reads files.
    pub fn issue(&self, names: &[&str]) -> (String, String) {
        let (certificate, key) = self.sign(names, Validity::Now);
        (certificate.pem(), key.serialize_pem())
    }

    /// The same, but it has expired.
    pub fn issue_expired(&self, names: &[&str]) -> (String, String) {
        let (certificate, key) = self.sign(names, Validity::Past);
        (certificate.pem(), key.serialize_pem())
    }

    fn sign(&self, names: &[&str], validity: Validity) -> (Certificate, KeyPair) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "server of a sesame test");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if validity == Validity::Past {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }
}

/// A certificate that signed itself and says that it is a CA's, as `openssl req -x509` makes one.
pub struct SelfSigned {
    certificate: Certificate,
    key: KeyPair,
}

impl SelfSigned {
    /// For these names, which may be addresses.
    pub fn new(names: &[&str]) -> Self {
        Self::valid_until(names, 2100)
    }

    /// The same, until the beginning of a year.
    pub fn valid_until(names: &[&str], year: i32) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "own server of a sesame test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        Self { certificate: params.self_signed(&key).unwrap(), key }
    }

    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A server that shows it.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        server(&self.certificate, &self.key)
    }
}

fn server(certificate: &Certificate, key: &KeyPair) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    Arc::new(builder.with_single_cert(vec![certificate.der().clone()], key).unwrap())
}
