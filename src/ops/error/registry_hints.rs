//! What to do about each error of a registry.

use crate::model::fault::hint::Hint;
use crate::model::registries::is_loopback;
use crate::model::text::list;
use crate::registry::Error;
use crate::registry::artifact::ArtifactRefusal;
use crate::registry::auth::credentials::CredentialLocation;
use crate::registry::error::{AccessKind, CertificateFault, RealmRefusal, TokenFault};

/// Where a person says what a project may not.
const POLICY: &str = "~/.config/pds/policy.toml";

/// What to do about it.
#[expect(clippy::too_many_lines, reason = "a flat table")]
pub(super) fn registry_hint(error: &Error) -> Option<Hint> {
    Some(match error {
        Error::NoTls { host } => {
            format!(
                    "if that is meant, add `plain-http = true` under `[registries.\"{host}\"]`, or write \
                 `http://{host}` where it is a mirror"
                )
                .into()
        }
        Error::Unreachable { host, .. } => {
            format!(
                "look at the network and the name `{host}`; a mirror can stand in (for tags only with `mirrors-only = true`)"
            ).into()
        }
        Error::NotFound { what, closest, .. } if !closest.is_empty() => {
            let repository = what.rsplit_once(':').map_or(what.as_str(), |(repository, _)| repository);
            format!("the closest tags that it has: {}; `sesame tags {repository}` lists all", list(closest)).into()
        }
        Error::NotFound { by_tag: true, .. } => {
            "name its entries by the full reference, or use a `[registries]` key that names this one repository".into()
        }
        Error::NoRepository { .. } => "create the repository there first; not every registry makes one for a push".into(),
        Error::EndlessTags { .. } => "name an exact tag in the reference, which needs no list of tags".into(),
        Error::Tls { .. } => {
            "check whether a proxy or another server answers in its place, and which TLS versions it supports".into()
        }
        Error::NotFound { .. } => "look whether the reference is right, and whether it is still published".into(),
        Error::Certificate { host, source } => certificate_hint(host, source),
        Error::Busy { .. } => "try again then; with credentials, registries often allow more".into(),
        Error::Denied { doing: AccessKind::Writing, .. } => "look whether these credentials may write there".into(),
        Error::Denied { host, .. } => {
            format!(
                "look whether the repository exists, and which credentials there are: `sesame registry check {host}`"
            ).into()
        }
        Error::NoCredentials { host, .. } => {
            format!(
                    "`sesame registry login {host}`; registries also want them for a repository that does not exist"
                )
                .into()
        }
        Error::Rejected { place: CredentialLocation::Given, .. } => {
            "look at the name and the password; some registries want an access token in its place".into()
        }
        Error::Rejected { host, .. } => {
            format!("`sesame registry login {host}` replaces docker's; mend any other where they are").into()
        }
        Error::Withheld { host, setting } => {
            format!(
                    "if you trust it with them, say `{setting}` under `[registries.\"{host}\"]` in {POLICY} instead"
                )
                .into()
        }
        Error::Realm { host, why: RealmRefusal::Unknown, .. } => {
            format!(
                    "if you know it to be its own, add `token-host = \"…\"` under `[registries.\"{host}\"]` in {POLICY}"
                )
                .into()
        }
        Error::Realm { .. } | Error::CredentialsReflected { .. } => {
            "do not use this registry before whoever runs it has mended it".into()
        }
        Error::TagTaken { .. } => "publish under another tag; `--force` moves this one".into(),
        Error::Forbidden(_) => "use another source, or ask whoever wrote that file".into(),
        Error::Ca { .. } => "name a file with certificates in the PEM format".into(),
        Error::Keep { .. } => "install the helper, or mend `credsStore` and `credHelpers` in docker's config.json".into(),
        Error::DockerFile(_) => "mend it, or name another folder with $DOCKER_CONFIG".into(),
        Error::BrokenOff { .. } => "run it again; a download goes on where it stopped".into(),
        Error::Status { status: 400, host, .. } if is_loopback(host) => {
            format!(
                    "on this machine HTTP is assumed; if it speaks TLS, add its `ca`, or `plain-http = false`, under \
                 `[registries.\"{host}\"]`"
                )
                .into()
        }
        Error::Token { source: TokenFault::Request(error), .. } => return registry_hint(error),
        Error::Status { .. } | Error::Token { .. } => "try again later; if it stays, tell whoever runs the registry".into(),
        Error::WrongDigest { .. }
        | Error::Header { .. }
        | Error::MediaType { .. }
        | Error::TooLong { .. }
        | Error::Encoded { .. } => {
            "nothing of it was kept; a proxy or mirror between may change bytes, or the registry is damaged".into()
        }
        Error::Refused { refusal, .. } => artifact_hint(refusal),
        Error::NotALayout { .. } | Error::LayoutDigest { .. } => {
            "`sesame push` and `skopeo copy … oci:FOLDER:REFERENCE` make one of an empty folder; or mend `mirrors`".into()
        }
        Error::DamagedBundle { .. } => "nothing of it was kept; copy it again".into(),
        Error::NotABundle { .. } => "make it again with `sesame bundle export`, and copy it whole".into(),
        Error::Ambiguous { .. } => "remove the entries that are not meant from its index.json".into(),
        Error::Offline { .. } => {
            "run it once without `--offline`; an `oci-layout:` mirror serves digests, and tags with `mirrors-only = true`".into()
        }
        Error::All { tried, .. } => return tried.iter().min_by_key(|error| error.kind()).and_then(registry_hint),
        Error::Proxy(_) => "mend https_proxy, http_proxy or all_proxy in the environment".into(),
        Error::Transport(_) | Error::Url { .. } | Error::Io { .. } | Error::Stopped => return None,
    })
}

/// What to do about a certificate that is not trusted.
fn certificate_hint(host: &str, fault: &CertificateFault) -> Hint {
    match fault {
        CertificateFault::Expired | CertificateFault::NotYet => {
            "check the clock of this machine; if it is right, ask the registry's operator for a new certificate".into()
        }
        CertificateFault::OtherName => "check the name; a certificate is valid only for the names in it".into(),
        CertificateFault::NoName => {
            "make it again with the name in it: `openssl req -x509 -addext subjectAltName=DNS:NAME …`".into()
        }
        CertificateFault::Malformed
        | CertificateFault::Algorithm
        | CertificateFault::OldVersion
        | CertificateFault::Unsupported => "ask the registry's operator for a new certificate".into(),
        CertificateFault::UnknownIssuer
        | CertificateFault::Signature
        | CertificateFault::CaItself
        | CertificateFault::NotSignedByCa => {
            format!("if it has a CA of its own, add `ca = \"FILE.pem\"` under `[registries.\"{host}\"]` in {POLICY}")
                .into()
        }
    }
}

/// What to do about an artifact that is no extension.
fn artifact_hint(refusal: &ArtifactRefusal) -> Hint {
    let text = match refusal {
        ArtifactRefusal::Json(_)
        | ArtifactRefusal::Both
        | ArtifactRefusal::MediaType(_)
        | ArtifactRefusal::LayerDigest(_)
        | ArtifactRefusal::LayerSize(_) => "tell whoever published it; its manifest is broken",
        ArtifactRefusal::EmptyIndex
        | ArtifactRefusal::NoEntry(_)
        | ArtifactRefusal::OtherLayers(_)
        | ArtifactRefusal::NoLayers => {
            "look whether this is a container image; an extension is pushed with `sesame push`"
        }
        ArtifactRefusal::Entries(_) | ArtifactRefusal::Nested => {
            "name the digest of the manifest that is meant, with `@sha256:…`"
        }
        ArtifactRefusal::WasmLayers(_) => "publish each component under a reference of its own",
        ArtifactRefusal::Spin => "publish the component itself with `sesame push`",
        ArtifactRefusal::Signature => "name the tag of the extension itself",
    };
    text.into()
}
