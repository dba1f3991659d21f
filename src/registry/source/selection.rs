//! The way in: what a run knows of its registries, and which of them it asks. Picks among sources: which are asked for
//! a reference, in which order, and what their failures mean.
//!
//! Mirrors serve digests, so they go first for blobs; for tags only the registry itself answers, unless
//! `mirrors-only` says that there is nobody else (invariant 6: the lock decides).

use crate::model::version::closest_tags;
use std::collections::{HashMap, HashSet};
use std::mem::{Discriminant, discriminant};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::model::digest::Digest;
use crate::model::fault::{Fault, FaultKind};
use crate::model::plan::step::{BlobDescriptor, BlobRole};
use crate::model::policy::{SourceRefusal, SourceRules};
use crate::model::reference::source_name::SourceName;
use crate::model::reference::{OciReference, OciRepository};
use crate::model::registries::{ConnectionSettings, LayeredRegistries, Mirror};
use crate::model::report::event::{Event, Observer};
use crate::model::report::warning::Warning;
use crate::registry::artifact::{self, Artifact, ArtifactRefusal};
use crate::registry::auth::credentials::{CredentialSources, Keyring};
use crate::registry::error::Error;
use crate::registry::http::client::Client;
use crate::registry::http::endpoint::Endpoint;
use crate::registry::http::timeouts::{FEW_RETRIES, RETRIES, Timeouts};
use crate::registry::http::transport::{Proxies, Transport};
use crate::registry::layout::LayoutSource;

use super::remote::RemoteSource;
use super::{OciDocument, Sink, Source};

/// Whether requests may leave this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkMode {
    Online,
    /// Only layouts, which are folders, are asked.
    Offline,
}

/// What the environment says of the network.
#[derive(Debug, Clone, Default)]
pub struct Network {
    pub proxies: Proxies,
    pub credentials: CredentialSources,
    pub(crate) timeouts: Timeouts,
}

impl Network {
    pub fn new(proxies: Proxies, credentials: CredentialSources) -> Self {
        Self { proxies, credentials, timeouts: Timeouts::default() }
    }
}

/// Reads extensions from wherever they are.
pub struct SourceSelector {
    settings: LayeredRegistries,
    rules: SourceRules,
    network_mode: NetworkMode,
    transport: Arc<Transport>,
    keyring: Arc<Keyring>,
    observer: Arc<dyn Observer>,
    sources: Mutex<HashMap<SourceAddress, Arc<dyn Source>>>,
    /// The tags of repositories that were asked for them.
    listings: Mutex<HashMap<OciRepository, Arc<Listing>>>,
    /// What was told already.
    warned: Mutex<HashSet<WarningCause>>,
}

/// What a reference was resolved to.
#[derive(Debug)]
pub struct Resolution {
    /// The digest of what the tag names.
    pub provenance: Digest,
    /// The manifest's digest, where `provenance` is an index.
    pub manifest: Option<Digest>,
    pub component: Digest,
    /// The component's size in bytes, as its manifest says.
    pub size: u64,
    /// The index and the manifest themselves.
    pub documents: Vec<(BlobDescriptor, Vec<u8>)>,
}

/// The source that gave cause for a warning, and the kind of its error, if it was one.
type WarningCause = (SourceName, Option<Discriminant<Error>>);

/// A source to ask, or why it must not be asked.
type NamedSource = (SourceName, Result<Arc<dyn Source>, Error>);

/// The tags of a repository, once they are there.
type Listing = OnceCell<Arc<Vec<String>>>;

#[derive(Clone, PartialEq, Eq, Hash)]
enum SourceAddress {
    Layout { folder: PathBuf, bare_tags: bool },
    Remote { host: String, prefix: String, connection: ConnectionSettings, retries: usize },
}

impl SourceAddress {
    /// What it is called in messages.
    fn name(&self) -> SourceName {
        match self {
            Self::Layout { folder, .. } => SourceName::Layout(folder.clone()),
            Self::Remote { host, .. } => SourceName::Registry(host.clone()),
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy)]
enum Lookup<'a> {
    /// What a tag names.
    Tag(&'a OciReference),
    /// Which tags there are.
    Tags,
    Digest(Digest),
}

impl Lookup<'_> {
    /// What is asked for of a repository, in messages.
    fn describe(self, repository: &OciRepository) -> String {
        match self {
            Self::Tag(reference) => reference.without_provenance().to_string(),
            Self::Tags => format!("the tag list of {repository}"),
            Self::Digest(digest) => digest.to_string(),
        }
    }
}

impl SourceSelector {
    pub fn new(
        settings: LayeredRegistries,
        rules: SourceRules,
        network_mode: NetworkMode,
        network: Network,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self {
            settings,
            rules,
            network_mode,
            transport: Arc::new(Transport::new(network.proxies, network.timeouts)),
            keyring: Arc::new(Keyring::new(network.credentials, Arc::clone(&observer))),
            observer,
            sources: Mutex::default(),
            listings: Mutex::default(),
            warned: Mutex::default(),
        }
    }

    /// Follows a reference to its component. A pinned reference asks for no tag.
    pub async fn resolve(&self, reference: &OciReference) -> Result<Resolution, Error> {
        let first = match reference.provenance() {
            Some(pin) => self.document(reference, pin).await?,
            None => {
                let lookup = Lookup::Tag(reference);
                let answer = self
                    .first_answer(reference.without_revision(), lookup, async |source| source.tagged(reference).await)
                    .await;
                match answer {
                    Err(missing) if missing.is_not_found() => return Err(self.with_closest(reference, missing).await),
                    answer => answer?,
                }
            }
        };
        let refused = |refusal| Error::Refused { reference: reference.clone(), refusal };
        let provenance = first.digest;
        match artifact::read(&first.bytes).map_err(refused)? {
            Artifact::Component { digest, size } => {
                let blob = BlobDescriptor { digest: provenance, role: BlobRole::Manifest };
                let documents = vec![(blob, first.bytes)];
                Ok(Resolution { provenance, manifest: None, component: digest, size, documents })
            }
            Artifact::Index { manifest } => {
                let second = self.document(reference, manifest).await?;
                let Artifact::Component { digest, size } = artifact::read(&second.bytes).map_err(refused)? else {
                    return Err(refused(ArtifactRefusal::Nested));
                };
                let index = BlobDescriptor { digest: provenance, role: BlobRole::Index };
                let named = BlobDescriptor { digest: manifest, role: BlobRole::Manifest };
                let documents = vec![(index, first.bytes), (named, second.bytes)];
                Ok(Resolution { provenance, manifest: Some(manifest), component: digest, size, documents })
            }
        }
    }

    /// The error of a tag that is missing, with the closest that there are. That they cannot be listed adds nothing to it.
    async fn with_closest(&self, reference: &OciReference, missing: Error) -> Error {
        match self.tags(reference.without_revision()).await {
            Ok(tags) => missing.with_closest(&closest_tags(reference.revision(), tags.iter())),
            Err(_) => missing,
        }
    }

    /// The manifest or index with a digest, from the first source that has it.
    pub async fn document(&self, reference: &OciReference, digest: Digest) -> Result<OciDocument, Error> {
        let lookup = Lookup::Digest(digest);
        self.first_answer(reference.without_revision(), lookup, async |source| source.document(reference, digest).await)
            .await
    }

    /// Sends a blob of `size` bytes to `sink`, from the first source that has its bytes. Where one stopped, the next
    /// goes on.
    pub async fn blob(
        &self,
        reference: &OciReference,
        digest: Digest,
        size: u64,
        sink: &mut dyn Sink,
    ) -> Result<(), Error> {
        self.first_answer(reference.without_revision(), Lookup::Digest(digest), async |source| {
            let answer = source.blob(reference, digest, size, sink).await;
            if answer.as_ref().is_err_and(|error| error.kind() == FaultKind::Integrity) {
                sink.restart()?;
            }
            answer
        })
        .await
    }

    /// The tags of a repository, in no order. It is asked once, however often they are wanted.
    pub async fn tags(&self, repository: &OciRepository) -> Result<Arc<Vec<String>>, Error> {
        let listing = {
            let mut listings = self.listings.lock();
            Arc::clone(listings.entry(repository.clone()).or_default())
        };
        listing.get_or_try_init(|| self.list(repository)).await.cloned()
    }

    async fn list(&self, repository: &OciRepository) -> Result<Arc<Vec<String>>, Error> {
        let mut tags =
            self.first_answer(repository, Lookup::Tags, async |source| source.tags(repository).await).await?;
        tags.retain(|tag| repository.at(tag).is_ok());
        Ok(Arc::new(tags))
    }

    /// Asks one source after the other, and gives the first answer.
    ///
    /// # Errors
    /// What each of them failed with, if none answers.
    async fn first_answer<T>(
        &self,
        repository: &OciRepository,
        lookup: Lookup<'_>,
        mut ask: impl AsyncFnMut(&dyn Source) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let what = lookup.describe(repository);
        let mut tried = Vec::new();
        for (name, source) in self.sources(repository, lookup) {
            let answer = match source {
                Ok(source) => ask(&*source).await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(answer) => {
                    self.warn_of_failed(&tried);
                    return Ok(answer);
                }
                // It is the caller who takes no more.
                Err(Error::Stopped) => return Err(Error::Stopped),
                Err(error) => tried.push((name, error)),
            }
        }
        Err(all_failed(&what, tried.into_iter().map(|(_, error)| error).collect()))
    }

    /// Tells of mirrors that were of no use, although another source has helped: each kind of fault once, whatever was
    /// asked for, and nothing of content that a mirror does not have.
    fn warn_of_failed(&self, tried: &[(SourceName, Error)]) {
        let is_news = |error: &Error| !matches!(error, Error::NotFound { .. } | Error::Offline { .. });
        for (source, error) in tried.iter().filter(|(_, error)| is_news(error)) {
            let fault = Fault::new(error.kind(), error, None);
            let warning = Warning::MirrorPassedOver { source: source.to_string(), fault };
            self.warn_once(source.clone(), Some(discriminant(error)), &warning);
        }
    }

    /// Warns, unless a source has given cause for the same before.
    fn warn_once(&self, source: SourceName, cause: Option<Discriminant<Error>>, warning: &Warning) {
        if self.warned.lock().insert((source, cause)) {
            self.observer.notice(&Event::Warning(warning));
        }
    }

    /// The sources to ask by their names, in order. One that must not be asked is an error in its place.
    fn sources(&self, repository: &OciRepository, lookup: Lookup<'_>) -> Vec<NamedSource> {
        let (registry, name) = (repository.registry(), repository.name());
        if let Err(refusal) = self.rules.check(registry, &name) {
            return vec![(SourceName::Registry(registry.to_owned()), Err(refusal.into()))];
        }
        let settings = self.settings.project.settings_for(repository);
        let mut places = Vec::new();
        if let Some((pattern, settings)) = settings
            && (matches!(lookup, Lookup::Digest(_)) || settings.mirrors_only)
        {
            places.extend(settings.mirrors.iter().map(|mirror| match mirror {
                Mirror::Layout(folder) => {
                    SourceAddress::Layout { folder: folder.clone(), bare_tags: pattern.is_repository(repository) }
                }
                Mirror::Registry { registry, prefix, scheme } => {
                    let connection = self.settings.connection(registry, &format!("{prefix}{name}"), Some(*scheme));
                    SourceAddress::Remote {
                        host: registry.clone(),
                        prefix: prefix.clone(),
                        connection,
                        retries: FEW_RETRIES,
                    }
                }
            }));
        }
        if !settings.is_some_and(|(_, settings)| settings.mirrors_only) {
            places.push(SourceAddress::Remote {
                host: registry.to_owned(),
                prefix: String::new(),
                connection: self.settings.connection(registry, &name, None),
                retries: RETRIES,
            });
        }
        // There is nobody to wait for after the last that may be asked.
        let open = |place: &&mut SourceAddress| {
            matches!(place, SourceAddress::Remote { .. }) && self.allows(place, repository).is_ok()
        };
        if let Some(SourceAddress::Remote { retries, .. }) = places.iter_mut().rev().find(open) {
            *retries = RETRIES;
        }
        places.into_iter().map(|place| (place.name(), self.source(place, repository, lookup))).collect()
    }

    /// Checks that the machine lets extensions come from a place. Folders are on the machine already.
    fn allows(&self, place: &SourceAddress, repository: &OciRepository) -> Result<(), SourceRefusal> {
        match place {
            SourceAddress::Remote { host, prefix, .. } => {
                self.rules.check(host, &format!("{prefix}{}", repository.name()))
            }
            SourceAddress::Layout { .. } => Ok(()),
        }
    }

    fn source(
        &self,
        place: SourceAddress,
        repository: &OciRepository,
        lookup: Lookup<'_>,
    ) -> Result<Arc<dyn Source>, Error> {
        self.allows(&place, repository)?;
        if let (NetworkMode::Offline, SourceAddress::Remote { host, .. }) = (self.network_mode, &place) {
            let what = lookup.describe(repository);
            return Err(Error::Offline { host: host.clone(), what });
        }
        let mut sources = self.sources.lock();
        let made = sources.entry(place.clone()).or_insert_with(|| match place {
            SourceAddress::Layout { folder, bare_tags } => {
                Arc::new(LayoutSource::new(&folder, bare_tags)) as Arc<dyn Source>
            }
            SourceAddress::Remote { host, prefix, connection, retries } => {
                Arc::new(RemoteSource::new(self.client(&host, connection, retries), &prefix))
            }
        });
        Ok(Arc::clone(made))
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The client of a registry, for one of its repositories.
    pub(crate) fn client_for(&self, registry: &str, repository: &str, retries: usize) -> Result<Client, Error> {
        if self.network_mode == NetworkMode::Offline {
            let what = if repository.is_empty() { registry } else { repository };
            return Err(Error::Offline { host: registry.to_owned(), what: what.to_owned() });
        }
        Ok(self.client(registry, self.settings.connection(registry, repository, None), retries))
    }

    fn client(&self, name: &str, connection: ConnectionSettings, retries: usize) -> Client {
        if connection.insecure && !connection.plain_http {
            self.warn_once(
                SourceName::Registry(name.to_owned()),
                None,
                &Warning::CertificateUnchecked { host: name.to_owned() },
            );
        }
        let (transport, observer) = (Arc::clone(&self.transport), Arc::clone(&self.observer));
        Client::new(Endpoint::new(transport, observer, name, connection, retries), Arc::clone(&self.keyring))
    }
}

fn all_failed(what: &str, mut tried: Vec<Error>) -> Error {
    match tried.len() {
        1 => tried.remove(0),
        _ => Error::All { what: what.to_owned(), tried },
    }
}
