//! Publishes to a registry: blobs, then the manifest under its tag, as the distribution specification says (sections
//! "Pushing blobs" and "Pushing manifests").

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode};

use crate::model::digest::Digest;
use crate::model::reference::OciReference;
use crate::registry::artifact::MANIFEST;
use crate::registry::auth::scope::TokenAction;
use crate::registry::error::Error;
use crate::registry::http::failure::RequestFailure;
use crate::registry::http::retry::RetryTimer;
use crate::registry::http::timeouts::RETRIES;
use crate::registry::source::remote::RemoteSource;
use crate::registry::source::selection::SourceSelector;

use super::package::{ComponentArtifact, ExistingTag};
use super::upload::Upload;

/// What a push did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    New,
    /// The tag names this very package already.
    AlreadyPresent,
}

impl SourceSelector {
    /// Publishes a package under a reference.
    ///
    /// # Errors
    /// [`Error::TagTaken`] if the tag names something else, and is not to be moved.
    pub async fn push(
        &self,
        reference: &OciReference,
        package: &ComponentArtifact,
        taken: ExistingTag,
    ) -> Result<Pushed, Error> {
        let repository = reference.repository();
        let remote = RemoteSource::new(self.client_for(reference.registry(), &repository, RETRIES)?, "");
        let name = reference.to_string();
        match remote.read_document(&repository, reference.revision(), TokenAction::Push, &name).await {
            Ok(found) if found.digest == package.digest() => return Ok(Pushed::AlreadyPresent),
            Ok(found) if taken == ExistingTag::Refuse => {
                return Err(Error::TagTaken { reference: name, found: found.digest });
            }
            Ok(_) | Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        for bytes in package.blobs() {
            let mut retries = RetryTimer::new(&remote.client.endpoint);
            while let Err(failure) = remote.send_blob(&repository, bytes).await {
                retries.wait_or_fail(failure).await?;
            }
        }
        let mut retries = RetryTimer::new(&remote.client.endpoint);
        while let Err(failure) = remote.send_manifest(&repository, reference.revision(), &name, package).await {
            retries.wait_or_fail(failure).await?;
        }
        Ok(Pushed::New)
    }
}

impl RemoteSource {
    /// Sends a blob that the repository does not have, in one piece.
    async fn send_blob(&self, repository: &str, bytes: &Bytes) -> Result<(), RequestFailure> {
        let digest = Digest::of(bytes);
        let what = digest.to_string();
        let request = |method, path: &str| self.request(method, repository, path, TokenAction::Push, &what);
        match self.client.send_checked(&request(Method::HEAD, &format!("blobs/{digest}"))?).await {
            Ok(_) => return Ok(()),
            Err(RequestFailure { error: Error::NotFound { .. }, .. }) => {}
            Err(failure) => return Err(failure),
        }
        let mut start = request(Method::POST, "blobs/uploads/")?;
        start.body = Some(Upload(Bytes::new()));
        let begun = self.client.send_checked(&start).await?;
        let unfit = |why: &str| {
            let (host, message) = (self.client.endpoint.name.clone(), why.to_owned());
            Error::Status { host, what: what.clone(), status: begun.response.status().as_u16(), message }
        };
        if begun.response.status() != StatusCode::ACCEPTED {
            return Err(unfit("it does not begin an upload").into());
        }
        let location = begun.response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let mut url = location.and_then(|location| start.url.join(location).ok());
        url = url.filter(|url| url.scheme() == start.url.scheme() || url.scheme() == "https");
        let mut url = url.ok_or_else(|| unfit("it does not say where to upload to"))?;
        url.query_pairs_mut().append_pair("digest", &what);
        drop(begun);
        let mut put = request(Method::PUT, "")?;
        put.url = url;
        put.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        put.body = Some(Upload(bytes.clone()));
        self.client.send_checked(&put).await.map(drop)
    }

    async fn send_manifest(
        &self,
        repository: &str,
        tag: &str,
        name: &str,
        package: &ComponentArtifact,
    ) -> Result<(), RequestFailure> {
        let mut put = self.request(Method::PUT, repository, &format!("manifests/{tag}"), TokenAction::Push, name)?;
        put.headers.insert(CONTENT_TYPE, HeaderValue::from_static(MANIFEST));
        put.body = Some(Upload(package.manifest.clone()));
        self.client.send_checked(&put).await.map(drop)
    }
}
