//! The credentials that people already have: the files of docker and podman, and the helpers that these name.
//!
//! Reads them when a host asks for credentials, not before. Never writes, and never shows a value: what is told of a
//! credential is where it was found. Formats: containers-auth.json(5), and the `config.json` of the docker CLI
//! (<https://docs.docker.com/reference/cli/docker/login/>).

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use serde_json::{Value, json};
use tokio::sync::Mutex as AsyncMutex;

use crate::model::report::event::{Event, Observer};
use crate::model::report::warning::{CredentialsProblem, Warning};
use crate::named_files;

use super::credential_helper::{self, HelperError};
use super::secret::{Credential, Secret};

/// The most that is read of a file with credentials, in bytes.
const MAX_CREDENTIAL_FILE: u64 = 1 << 20;

/// The name under which docker keeps the credentials of its own registry.
const DOCKER_HUB: [&str; 4] = ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"];

/// Where credentials are looked for, in this order, and where `login` keeps new ones.
#[derive(Debug, Clone, Default)]
pub struct CredentialSources {
    /// The one to use, instead of looking for one.
    pub credential_override: Option<Credential>,
    /// Files of the format of docker and podman; each may be absent.
    pub files: Vec<PathBuf>,
    /// What `$DOCKER_AUTH_CONFIG` holds: such a file's text. Looked at last.
    pub variable: Option<Secret>,
    /// Docker's own file.
    pub docker: PathBuf,
}

/// A credential and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundCredential {
    pub credential: Credential,
    pub location: CredentialLocation,
}

/// Where a credential is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialLocation {
    File(PathBuf),
    /// A program, and the file (or variable) that names it.
    Helper {
        name: String,
        named_by: Box<CredentialLocation>,
    },
    /// `$DOCKER_AUTH_CONFIG`
    Variable,
    /// Nowhere yet: it is only tried.
    Given,
}

impl fmt::Display for CredentialLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Helper { name, named_by } => write!(f, "`docker-credential-{name}`, which {named_by} names"),
            Self::Variable => f.write_str("$DOCKER_AUTH_CONFIG"),
            Self::Given => f.write_str("this login"),
        }
    }
}

/// Finds credentials, each once a run.
pub(crate) struct Keyring {
    places: CredentialSources,
    observer: Arc<dyn Observer>,
    files: OnceLock<Vec<CredentialFile>>,
    /// Locked while a helper is run, so that none is run twice.
    asked: AsyncMutex<HelperCache>,
}

/// What came of looking.
#[derive(Default)]
struct HelperCache {
    /// By the place and the name.
    found: HashMap<(usize, String), Option<FoundCredential>>,
    /// Helpers that did not answer in time.
    slow: HashSet<String>,
}

/// What a place holds, parsed.
pub struct CredentialFile {
    place: CredentialLocation,
    json: Value,
}

impl Keyring {
    pub(crate) fn new(places: CredentialSources, observer: Arc<dyn Observer>) -> Self {
        Self { places, observer, files: OnceLock::new(), asked: AsyncMutex::default() }
    }

    /// The credential for a repository of a host, from the first place that has one. What cannot be read is a warning.
    pub(crate) async fn find(&self, host: &str, repository: &str) -> Option<FoundCredential> {
        if let Some(credential) = self.places.credential_override.clone() {
            return Some(FoundCredential { credential, location: CredentialLocation::Given });
        }
        let files = self.files.get_or_init(|| self.read());
        let mut asked = self.asked.lock().await;
        for (at, file) in files.iter().enumerate() {
            for key in file.keys(host, repository) {
                let asking = (at, key);
                if !asked.found.contains_key(&asking) {
                    let found = self.find_in_file(file, &asking.1, &mut asked.slow).await;
                    asked.found.insert(asking.clone(), found);
                }
                if let Some(Some(found)) = asked.found.get(&asking) {
                    return Some(found.clone());
                }
            }
        }
        None
    }

    fn read(&self) -> Vec<CredentialFile> {
        let files = self.places.files.iter().filter_map(|path| match read(path) {
            Ok(text) => text.map(|text| (CredentialLocation::File(path.clone()), text)),
            Err(error) => {
                let place = path.display().to_string();
                self.ignored(place, None, CredentialsProblem::Unreadable { error: error.to_string() });
                None
            }
        });
        let variable = self.places.variable.iter();
        let texts = files.chain(variable.map(|text| (CredentialLocation::Variable, text.reveal().to_owned())));
        let parsed = texts.filter_map(|(place, text)| {
            let file = CredentialFile::parse(place.clone(), &text);
            if file.is_none() {
                self.ignored(place.to_string(), None, CredentialsProblem::NotJson);
            }
            file
        });
        parsed.collect()
    }

    /// What a file, or the helper that it names, has under a name.
    async fn find_in_file(
        &self,
        file: &CredentialFile,
        key: &str,
        slow: &mut HashSet<String>,
    ) -> Option<FoundCredential> {
        let has_helper = file.json["credHelpers"][key].as_str().is_some_and(|name| !name.is_empty());
        let entry = if has_helper { Ok(None) } else { file.entry(key) };
        let (place, looked) = match (entry, helper_for(&file.json, key)) {
            (Ok(None), Some(name)) => {
                let answer = query_helper(&name, key, slow).await.map_err(|error| error.to_string());
                (CredentialLocation::Helper { name, named_by: Box::new(file.place.clone()) }, answer)
            }
            (entry, _) => (file.place.clone(), entry.map_err(str::to_owned)),
        };
        match looked {
            Ok(credential) => credential.map(|credential| FoundCredential { credential, location: place }),
            Err(why) => {
                self.ignored(place.to_string(), Some(key.to_owned()), CredentialsProblem::Unusable { error: why });
                None
            }
        }
    }

    fn ignored(&self, place: String, registry: Option<String>, why: CredentialsProblem) {
        self.observer.notice(&Event::Warning(&Warning::CredentialsIgnored { place, registry, why }));
    }
}

impl CredentialFile {
    /// Reads the text of a file; none if it is no JSON.
    pub fn parse(place: CredentialLocation, text: &str) -> Option<Self> {
        let mut json: Value = serde_json::from_str(text).ok()?;
        normalize(&mut json);
        Some(Self { place, json })
    }

    /// What the file itself has under a name.
    ///
    /// # Errors
    /// What is wrong with it, without a word of it.
    pub fn entry(&self, key: &str) -> Result<Option<Credential>, &'static str> {
        let Some(entry) = self.json["auths"].get(key) else { return Ok(None) };
        // Alone, so that no other of its names is taken, and no helper is run by who reads it.
        let entry = json!({ "auths": { key: entry } }).to_string();
        match get_credential_from_reader(entry.as_bytes(), key) {
            // As docker does, which writes such an entry beside a helper's.
            Ok(DockerCredential::UsernamePassword(user, password)) if user.is_empty() && password.is_empty() => {
                Ok(None)
            }
            Ok(DockerCredential::UsernamePassword(user, password)) => {
                Ok(Some(Credential::Password { user, password: Secret::new(password) }))
            }
            Ok(DockerCredential::IdentityToken(token)) => Ok(Some(Credential::Identity(Secret::new(token)))),
            Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
            Err(CredentialRetrievalError::CredentialDecodingError) => Err("they are not base64 of `user:password`"),
            Err(CredentialRetrievalError::CredentialMismatchError) => {
                Err("`auth` does not agree with `username` and `password`")
            }
            Err(_) => Err("they are not in docker's format"),
        }
    }

    /// The names under which something may be kept for a repository, the most specific first.
    pub fn keys(&self, host: &str, repository: &str) -> Vec<String> {
        let has = |key: &str| ["auths", "credHelpers"].iter().any(|table| self.json[table].get(key).is_some());
        let mut keys = Vec::new();
        let mut name = format!("{host}/{repository}");
        while let Some((shorter, _)) = name.rsplit_once('/') {
            if has(&name) {
                keys.push(name.clone());
            }
            name = shorter.to_owned();
        }
        match host {
            "docker.io" => {
                let others = DOCKER_HUB.into_iter().skip(1).filter(|key| has(key));
                keys.extend(std::iter::once(DOCKER_HUB[0]).chain(others).map(str::to_owned));
            }
            _ => keys.push(host.to_owned()),
        }
        keys
    }
}

/// Makes entries as docker reads them: white space in base64 means nothing, an empty value is none, the name of a whole
/// registry (`https://HOST/v1/`) is that of its host, and so is any other URL where credentials are.
pub(crate) fn normalize(json: &mut Value) {
    for table in ["auths", "credHelpers"] {
        let Some(entries) = json.get_mut(table).and_then(Value::as_object_mut) else { continue };
        for entry in entries.values_mut().filter_map(Value::as_object_mut) {
            if let Some(Value::String(auth)) = entry.get_mut("auth") {
                auth.retain(|c| !c.is_ascii_whitespace());
            }
            entry.retain(|key, value| !["auth", "identitytoken"].contains(&key.as_str()) || value != "");
        }
        let rules: &[fn(&str) -> Option<&str>] =
            if table == "auths" { &[whole_host, host_of_url] } else { &[whole_host] };
        for host_of in rules {
            let of_hosts = entries.iter().filter_map(|(key, entry)| Some((host_of(key)?.to_owned(), entry.clone())));
            for (host, entry) in of_hosts.collect::<Vec<_>>() {
                entries.entry(host).or_insert(entry);
            }
        }
    }
}

/// Asks a helper; one that did not answer in time is not asked again.
async fn query_helper(name: &str, key: &str, slow: &mut HashSet<String>) -> Result<Option<Credential>, HelperError> {
    if slow.contains(name) {
        return Err(HelperError::Slow);
    }
    let answer = credential_helper::get(name, key).await;
    if answer == Err(HelperError::Slow) {
        slow.insert(name.to_owned());
    }
    answer
}

/// The helper that a file of docker's names for a host.
///
/// An empty one in `credHelpers` means that the file itself has the entry, whatever `credsStore` says.
pub(crate) fn helper_for(json: &Value, host: &str) -> Option<String> {
    let named = json["credHelpers"][host].as_str().or(json["credsStore"].as_str());
    named.filter(|name| !name.is_empty()).map(str::to_owned)
}

/// The name under which docker keeps what is for a host.
pub(crate) fn docker_key(host: &str) -> &str {
    if host == "docker.io" { DOCKER_HUB[0] } else { host }
}

/// Whether a name under which something is kept is of a host as a whole: docker has written URLs, too.
pub(crate) fn is_key_of(key: &str, host: &str) -> bool {
    let hosts = if host == "docker.io" { &DOCKER_HUB[..] } else { &[host] };
    [Some(key), whole_host(key), host_of_url(key)].into_iter().flatten().any(|name| hosts.contains(&name))
}

/// The host of a name that is of a whole registry, with or without what its URLs have around it: `https://HOST/v1/`,
/// `HOST/`. None for a name of a part of one.
fn whole_host(key: &str) -> Option<&str> {
    let bare = key.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
    let bare = bare.strip_suffix("/v1").or_else(|| bare.strip_suffix("/v2")).unwrap_or(bare);
    (!bare.contains('/')).then_some(bare)
}

/// The host of a URL, whatever its path is. None for what is no URL.
fn host_of_url(key: &str) -> Option<&str> {
    key.split_once("://")?.1.split('/').next()
}

/// A file's text; none if there is no such file.
fn read(path: &Path) -> std::io::Result<Option<String>> {
    let Some(bytes) = named_files::read_whole(path, MAX_CREDENTIAL_FILE)? else { return Ok(None) };
    let not_text = |_| std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not UTF-8");
    String::from_utf8(bytes).map(Some).map_err(not_text)
}
