//! What to do about each error of a registry.

use crate::model::digest::Digest;
use crate::model::reference::source_name::SourceName;
use crate::model::registries::is_loopback;
use crate::registry::Error;
use crate::registry::auth::credentials::CredentialLocation;
use crate::registry::error::{AccessKind, CertificateFault, RealmRefusal};

/// Where a person says what a project may not.
const POLICY: &str = "~/.config/pds/policy.toml";

/// The next step, as one sentence without a period at its end.
#[expect(clippy::too_many_lines, reason = "a flat table")]
pub(crate) fn registry(error: &Error) -> Option<String> {
    let hint = match error {
        Error::NoTls { host } => {
            return Some(format!(
                "if that is meant, add `plain-http = true` under `[registries.\"{host}\"]`, or write \
                 `http://{host}` where it is a mirror"
            ));
        }
        Error::Unreachable { host, .. } => {
            return Some(format!(
                "look at the network and the name `{host}`; a mirror can stand in (for tags only with `mirrors-only = true`)"
            ));
        }
        Error::NotFound { source_name: SourceName::Layout(_), what, .. } if what.parse::<Digest>().is_err() => {
            "name its entries by the full reference, or use a `[registries]` key that names this one repository"
        }
        Error::NoRepository { .. } => "create the repository there first; not every registry makes one for a push",
        Error::EndlessTags { .. } => "name an exact tag in the reference, which needs no list of tags",
        Error::Tls { .. } => {
            "check whether a proxy or another server answers in its place, and which TLS versions it supports"
        }
        Error::NotFound { .. } => "look whether the reference is right, and whether it is still published",
        Error::Certificate { host, why } => {
            return Some(match why {
                CertificateFault::Expired | CertificateFault::NotYet => {
                    "check the clock of this machine; if it is right, ask the registry's operator for a new certificate"
                        .to_owned()
                }
                CertificateFault::OtherName => {
                    "check the name; a certificate is valid only for the names in it".to_owned()
                }
                CertificateFault::NoName => {
                    "make it again with the name in it: `openssl req -x509 -addext subjectAltName=DNS:NAME …`"
                        .to_owned()
                }
                CertificateFault::Malformed
                | CertificateFault::Algorithm
                | CertificateFault::OldVersion
                | CertificateFault::Unsupported => "ask the registry's operator for a new certificate".to_owned(),
                CertificateFault::UnknownIssuer
                | CertificateFault::Signature
                | CertificateFault::CaItself
                | CertificateFault::NotSignedByCa => {
                    format!(
                        "if it has a CA of its own, add `ca = \"FILE.pem\"` under `[registries.\"{host}\"]` in {POLICY}"
                    )
                }
            });
        }
        Error::Busy { .. } => "try again then; with credentials, registries often allow more",
        Error::Denied { doing: AccessKind::Writing, .. } => "look whether these credentials may write there",
        Error::Denied { host, .. } => {
            return Some(format!(
                "look whether the repository exists, and which credentials there are: `sesame registry check {host}`"
            ));
        }
        Error::NoCredentials { host, .. } => {
            return Some(format!(
                "`sesame registry login {host}`; registries also want them for a repository that does not exist"
            ));
        }
        Error::Rejected { place: CredentialLocation::Given, .. } => {
            "look at the name and the password; some registries want an access token in its place"
        }
        Error::Rejected { host, .. } => {
            return Some(format!("`sesame registry login {host}` replaces docker's; mend any other where they are"));
        }
        Error::Withheld { host, setting } => {
            return Some(format!(
                "if you trust it with them, say `{setting}` under `[registries.\"{host}\"]` in {POLICY} instead"
            ));
        }
        Error::Realm { host, why: RealmRefusal::Unknown, .. } => {
            return Some(format!(
                "if you know it to be its own, add `token-host = \"…\"` under `[registries.\"{host}\"]` in {POLICY}"
            ));
        }
        Error::Realm { .. } | Error::CredentialsReflected { .. } => {
            "do not use this registry before whoever runs it has mended it"
        }
        Error::TagTaken { .. } => "publish under another tag; `--force` moves this one",
        Error::Forbidden(_) => "use another source, or ask whoever wrote that file",
        Error::Ca { .. } => "name a file with certificates in the PEM format",
        Error::Keep { .. } => "install the helper, or mend `credsStore` and `credHelpers` in docker's config.json",
        Error::DockerFile(_) => "mend it, or name another folder with $DOCKER_CONFIG",
        Error::BrokenOff { .. } => "run it again; a download goes on where it stopped",
        Error::Status { status: 400, host, .. } if is_loopback(host) => {
            return Some(format!(
                "on this machine HTTP is assumed; if it speaks TLS, add its `ca`, or `plain-http = false`, under \
                 `[registries.\"{host}\"]`"
            ));
        }
        Error::Status { .. } | Error::Token { .. } => "try again later; if it stays, tell whoever runs the registry",
        Error::WrongDigest { .. }
        | Error::Header { .. }
        | Error::MediaType { .. }
        | Error::TooLong { .. }
        | Error::Encoded { .. } => {
            "nothing of it was kept; a proxy or mirror between may change bytes, or the registry is damaged"
        }
        Error::Refused { refusal, .. } => refusal.advice(),
        Error::NotALayout { .. } | Error::LayoutDigest { .. } => {
            "`sesame extension push` and `skopeo copy … oci:FOLDER:REFERENCE` make one of an empty folder; or mend `mirrors`"
        }
        Error::DamagedBundle { .. } => "nothing of it was kept; copy it again",
        Error::NotABundle { .. } => "make it again with `sesame bundle export`, and copy it whole",
        Error::Ambiguous { .. } => "remove the entries that are not meant from its index.json",
        Error::Offline { .. } => {
            "run it once without `--offline`; an `oci-layout:` mirror serves digests, and tags with `mirrors-only = true`"
        }
        Error::All { tried, .. } => return tried.iter().min_by_key(|error| error.kind()).and_then(registry),
        Error::Proxy(_) => "mend https_proxy, http_proxy or all_proxy in the environment",
        Error::Transport(_) | Error::Io { .. } | Error::Stopped => return None,
    };
    Some(hint.to_owned())
}
