//! Errors of registries and layouts, and of what comes from them.

use std::io;
use std::sync::Arc;

use sesame::model::digest::DigestError;
use sesame::model::policy::SourceRefusal;
use sesame::model::reference::OciReference;
use sesame::model::reference::source_name::SourceName;
use sesame::registry::Error;
use sesame::registry::artifact::ArtifactRefusal;
use sesame::registry::auth::credential_helper::HelperError;
use sesame::registry::auth::credentials::CredentialLocation;
use sesame::registry::error::{AccessKind, CaFault, CertificateFault, NetworkFault, RealmRefusal, TokenFault};
use sesame::registry::layout::fault::LayoutFault;

use super::{Catalogue, digest, home};

const HOST: &str = "ghcr.io";
const WHAT: &str = "ghcr.io/my-org/clock:1.0.0";

pub(super) fn render(catalogue: &mut Catalogue) {
    unreachable(catalogue);
    refused(catalogue);
    unbelievable(catalogue);
    layouts(catalogue);
    artifacts(catalogue);
}

pub(super) fn reference() -> OciReference {
    WHAT.parse().unwrap()
}

pub(super) fn not_found() -> Error {
    Error::NotFound {
        source_name: registry(),
        what: WHAT.into(),
        by_tag: false,
        closest: Vec::new(),
        message: "MANIFEST_UNKNOWN".into(),
    }
}

fn no_tag() -> Error {
    let closest = vec!["1.0.1".into(), "v1.0.0".into()];
    Error::NotFound { source_name: registry(), what: WHAT.into(), by_tag: false, closest, message: String::new() }
}

fn registry() -> SourceName {
    SourceName::Registry(HOST.into())
}

fn layout() -> SourceName {
    SourceName::Layout(home("dotfiles/vendor"))
}

/// An error of the HTTP library, which makes its own only from what fails.
fn http_error() -> Arc<reqwest::Error> {
    Arc::new(reqwest::Client::builder().user_agent("\n").build().unwrap_err())
}

fn unreachable(catalogue: &mut Catalogue) {
    let host = || HOST.to_owned();
    for fault in [
        NetworkFault::Failed { error: http_error() },
        NetworkFault::Silent { seconds: 30 },
        NetworkFault::Slow,
        NetworkFault::Incomplete,
        NetworkFault::RedirectToNoAddress,
        NetworkFault::RedirectToHttp,
        NetworkFault::TooManyRedirects,
    ] {
        catalogue.source(fault);
    }
    for source in [
        CertificateFault::Expired,
        CertificateFault::NotYet,
        CertificateFault::UnknownIssuer,
        CertificateFault::OtherName,
        CertificateFault::NoName,
        CertificateFault::Signature,
        CertificateFault::Malformed,
        CertificateFault::Algorithm,
        CertificateFault::CaItself,
        CertificateFault::NotSignedByCa,
        CertificateFault::OldVersion,
        CertificateFault::Unsupported,
    ] {
        catalogue.source(source.clone());
        catalogue.verb(Error::Certificate { host: host(), source });
    }
    for source in
        [CaFault::Io(Arc::new(io::Error::from(io::ErrorKind::PermissionDenied))), CaFault::Missing, CaFault::NotPem]
    {
        catalogue.source(source);
    }
    for source in [CaFault::Empty, CaFault::Malformed] {
        catalogue.source(source.clone());
        catalogue.verb(Error::Ca { path: home("ca.pem"), source });
    }
    for error in [
        Error::Unreachable { host: host(), source: NetworkFault::Silent { seconds: 30 } },
        Error::BrokenOff { host: host(), source: NetworkFault::Slow },
        Error::NoTls { host: host() },
        Error::Tls { host: host(), why: "it speaks no version of TLS that we do" },
        Error::Busy { host: host(), seconds: 3600, limit: 60 },
        Error::EndlessTags { host: host(), what: "ghcr.io/my-org/clock".into(), seconds: 300, pages: 700 },
        Error::Status { host: host(), what: WHAT.into(), status: 500, message: String::new() },
        Error::Status { host: "localhost:5000".into(), what: WHAT.into(), status: 400, message: String::new() },
        Error::Offline { host: host(), what: WHAT.into() },
        Error::Transport(http_error()),
        Error::Url { url: "https://ghcr.io:99999/v2/".into(), source: url::ParseError::InvalidPort },
        Error::Proxy("…@proxy".into()),
        Error::All { what: WHAT.into(), tried: vec![not_found(), Error::NoTls { host: "mirror".into() }] },
        Error::Stopped,
    ] {
        catalogue.verb(error);
    }
}

fn refused(catalogue: &mut Catalogue) {
    let (host, what) = (|| HOST.to_owned(), || WHAT.to_owned());
    let denied = |doing| Error::Denied { host: host(), doing, what: what(), status: 403, message: "DENIED".into() };
    for doing in [AccessKind::Reading, AccessKind::Writing] {
        catalogue.source(doing);
        catalogue.verb(denied(doing));
    }
    for why in [RealmRefusal::NoAddress, RealmRefusal::PlainHttp, RealmRefusal::Inside, RealmRefusal::Unknown] {
        catalogue.source(why);
        catalogue.verb(Error::Realm { host: host(), realm: "https://token.example".into(), why });
    }
    for fault in [
        TokenFault::Request(Box::new(Error::NoTls { host: "token.example".into() })),
        TokenFault::Status { host: "token.example".into(), status: 500 },
        TokenFault::NoChallenge,
        TokenFault::Encoded,
        TokenFault::NotJson,
        TokenFault::Missing,
        TokenFault::NotAHeader,
    ] {
        catalogue.source(fault);
    }
    for helper in [
        HelperError::Missing,
        HelperError::NotRun("Permission denied (os error 13)".into()),
        HelperError::Slow,
        HelperError::Failed("the keychain is locked".into()),
        HelperError::Answer,
    ] {
        catalogue.source(helper);
    }
    for refusal in [
        SourceRefusal::NotAllowed { source_name: HOST.into(), file: "/etc/pds/policy.toml".into() },
        SourceRefusal::Blocked { namespace: "ghcr.io/bad".into(), file: "/etc/pds/policy.toml".into() },
    ] {
        catalogue.source(refusal.clone());
        catalogue.verb(Error::Forbidden(refusal));
    }
    let docker = || CredentialLocation::File(home(".docker/config.json"));
    for error in [
        not_found(),
        no_tag(),
        Error::NotFound {
            source_name: layout(),
            what: what(),
            by_tag: true,
            closest: Vec::new(),
            message: String::new(),
        },
        Error::NoRepository { host: host(), what: what(), message: "NAME_UNKNOWN".into() },
        Error::NoCredentials { host: host(), what: what() },
        Error::Withheld { host: host(), setting: "insecure" },
        Error::Rejected { host: host(), place: docker() },
        Error::Rejected { host: host(), place: CredentialLocation::Given },
        Error::Token { host: host(), source: TokenFault::Missing },
        Error::TagTaken { reference: what(), found: digest(2) },
        Error::Keep { helper: "pass".into(), host: host(), source: HelperError::Missing },
        Error::DockerFile(home(".docker/config.json")),
    ] {
        catalogue.verb(error);
    }
}

fn unbelievable(catalogue: &mut Catalogue) {
    let host = || HOST.to_owned();
    for error in [
        Error::CredentialsReflected { host: host(), what: "an answer".into() },
        Error::WrongDigest { source_name: registry(), expected: digest(1), found: digest(2) },
        Error::Header { source_name: registry(), header: digest(1).to_string(), found: digest(2) },
        Error::MediaType { host: host(), header: "application/json".into(), found: "text/html".into() },
        Error::TooLong { source_name: registry(), what: WHAT.into(), limit: 4 << 20 },
        Error::Encoded { host: host(), encoding: "gzip".into() },
    ] {
        catalogue.verb(error);
    }
}

fn layouts(catalogue: &mut Catalogue) {
    let path = || home("dotfiles/vendor");
    let name = || "index.json".to_owned();
    for fault in [
        LayoutFault::NoFolder,
        LayoutFault::OtherFiles,
        LayoutFault::NotAFile,
        LayoutFault::NotAnArchive,
        LayoutFault::StrangeEntry { entry: "the link `blobs/x`".into() },
        LayoutFault::Cut { name: name() },
        LayoutFault::Twice { name: name() },
        LayoutFault::TooManyFiles { limit: 100_000 },
        LayoutFault::NoFile { name: name() },
        LayoutFault::NotARegularFile { name: name() },
        LayoutFault::TooLarge { name: name(), size: 5_000_000, limit: 4_194_304 },
        LayoutFault::Marker,
        LayoutFault::OtherVersion { version: "2.0.0".into() },
        LayoutFault::Index { error: "EOF while parsing a value at line 1 column 0".into() },
        LayoutFault::NoManifests,
        LayoutFault::IndexDigest(DigestError::Empty),
        LayoutFault::LayerDigest(DigestError::UpperCase),
        LayoutFault::NoBundle,
        LayoutFault::SeveralBundles,
        LayoutFault::NoName { digest: digest(1) },
    ] {
        catalogue.source(fault);
    }
    for error in [
        Error::NotALayout { path: path(), source: LayoutFault::NoFolder },
        Error::NotABundle { path: home("set.tar"), source: LayoutFault::NotAnArchive },
        Error::DamagedBundle { path: home("set.tar"), expected: digest(1), found: digest(2) },
        Error::LayoutDigest { path: path(), source: DigestError::Length(12) },
        Error::Ambiguous { path: path(), reference: reference(), count: 2 },
        Error::Io { path: path(), source: Arc::new(io::Error::from(io::ErrorKind::PermissionDenied)) },
    ] {
        catalogue.verb(error);
    }
}

fn artifacts(catalogue: &mut Catalogue) {
    let texts = || vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()];
    for refusal in [
        ArtifactRefusal::Json("EOF while parsing a value at line 1 column 0".into()),
        ArtifactRefusal::Both,
        ArtifactRefusal::MediaType("text/html".into()),
        ArtifactRefusal::EmptyIndex,
        ArtifactRefusal::NoEntry(texts()),
        ArtifactRefusal::Entries(2),
        ArtifactRefusal::Nested,
        ArtifactRefusal::NoLayers,
        ArtifactRefusal::WasmLayers(2),
        ArtifactRefusal::OtherLayers(vec!["application/vnd.oci.image.layer.v1.tar+gzip".into()]),
        ArtifactRefusal::Spin,
        ArtifactRefusal::Signature,
        ArtifactRefusal::LayerDigest(DigestError::Algorithm("md5".into())),
        ArtifactRefusal::LayerSize(-1),
    ] {
        catalogue.source(refusal.clone());
        catalogue.verb(Error::Refused { reference: reference(), refusal });
    }
}
