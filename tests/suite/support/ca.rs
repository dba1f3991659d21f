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
        let (certificate, key) = self.sign(names, Validity::Now);
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        Arc::new(builder.with_single_cert(vec![certificate.der().clone()], key).unwrap())
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
