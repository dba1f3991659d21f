//! The desktop's keyring, by the Secret Service API (<https://specifications.freedesktop.org/secret-service/latest/>).
//!
//! Secrets cross the session bus as they are (session algorithm `plain`): a program that can read that bus can also ask the keyring.
//! An item has the attributes `application` and `name`. A locked keyring keeps no one waiting: its prompt is opened, and the
//! answer is an error until the person has unlocked it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use zbus::proxy::CacheProperties;
use zbus::zvariant::Type;
use zbus::{Connection, ObjectPath, OwnedObjectPath, OwnedVariant, Variant};

use crate::daemon::bus::client::connect;

use super::health::BackendProblem;

/// The attribute `application` of every item of ours.
const APPLICATION: &str = "open-sesame-extensions";
/// The schema of `secret-tool`, so that it finds these items and these find its own.
const SCHEMA: &str = "org.freedesktop.Secret.Generic";
/// What stands for nothing in answers.
const NONE: &str = "/";
/// How long a prompt may stay open.
const PROMPT: Duration = Duration::from_mins(5);

/// A secret as it crosses the bus: `(oayays)`.
#[derive(Debug, Serialize, Deserialize, Type)]
struct SecretValue {
    session: OwnedObjectPath,
    parameters: Vec<u8>,
    value: Vec<u8>,
    content_type: String,
}

#[zbus::proxy(
    interface = "org.freedesktop.Secret.Service",
    default_service = "org.freedesktop.secrets",
    default_path = "/org/freedesktop/secrets"
)]
trait Service {
    fn open_session(&self, algorithm: &str, input: &Variant<'_>) -> zbus::Result<(OwnedVariant, OwnedObjectPath)>;

    /// Those that are unlocked, and those that are locked.
    fn search_items(
        &self,
        attributes: &HashMap<&str, &str>,
    ) -> zbus::Result<(Vec<OwnedObjectPath>, Vec<OwnedObjectPath>)>;

    /// What needed no prompt, and the prompt for the others.
    fn unlock(&self, objects: &[ObjectPath<'_>]) -> zbus::Result<(Vec<OwnedObjectPath>, OwnedObjectPath)>;

    fn read_alias(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
}

#[zbus::proxy(interface = "org.freedesktop.Secret.Collection", default_service = "org.freedesktop.secrets")]
trait Collection {
    /// The item, and a prompt if one is needed.
    fn create_item(
        &self,
        properties: &HashMap<&str, Variant<'_>>,
        secret: &SecretValue,
        replace: bool,
    ) -> zbus::Result<(OwnedObjectPath, OwnedObjectPath)>;

    #[zbus(property)]
    fn locked(&self) -> zbus::Result<bool>;
}

#[zbus::proxy(interface = "org.freedesktop.Secret.Item", default_service = "org.freedesktop.secrets")]
trait Item {
    fn get_secret(&self, session: &ObjectPath<'_>) -> zbus::Result<(SecretValue,)>;

    fn delete(&self) -> zbus::Result<OwnedObjectPath>;

    #[zbus(property)]
    fn attributes(&self) -> zbus::Result<HashMap<String, String>>;
}

#[zbus::proxy(interface = "org.freedesktop.Secret.Session", default_service = "org.freedesktop.secrets")]
trait Session {
    fn close(&self) -> zbus::Result<()>;
}

#[zbus::proxy(interface = "org.freedesktop.Secret.Prompt", default_service = "org.freedesktop.secrets")]
trait Prompt {
    fn prompt(&self, window_id: &str) -> zbus::Result<()>;

    #[zbus(signal)]
    fn completed(&self, dismissed: bool, result: Variant<'_>) -> zbus::Result<()>;
}

/// The keyring that answers on a session bus.
#[derive(Clone)]
pub(super) struct Keyring {
    /// Of the bus, for connections of their own: an open prompt belongs to the connection that opened it.
    address: Arc<str>,
    /// Whether a prompt is open.
    prompting: Arc<AtomicBool>,
}

impl Keyring {
    pub(super) fn new(address: &str) -> Self {
        Self { address: address.into(), prompting: Arc::default() }
    }

    /// The value of a secret; none if there is none of this name.
    pub(super) async fn get(&self, connection: &Connection, name: &str) -> Result<Option<String>, BackendProblem> {
        let service = service(connection).await?;
        let attributes = HashMap::from([("application", APPLICATION), ("name", name)]);
        let (unlocked, locked) = service.search_items(&attributes).await.map_err(failed)?;
        let Some(found) = unlocked.first() else {
            return match locked.first() {
                Some(item) => Err(self.locked(item).await),
                None => self.absent(connection, &service).await.map(|()| None),
            };
        };
        let session = open_session(&service).await?;
        let item = ItemProxy::builder(connection).path(found.clone());
        let item = item.cache_properties(CacheProperties::No).build().await.map_err(failed)?;
        let secret = item.get_secret(&session).await;
        close(connection, session).await;
        match secret {
            Ok((secret,)) => Ok(Some(text(secret.value)?)),
            Err(error) if is_locked(&error) => Err(self.locked(found).await),
            Err(error) => Err(failed(error)),
        }
    }

    /// Sets a secret, in the default collection.
    pub(super) async fn set(&self, connection: &Connection, name: &str, value: &str) -> Result<(), BackendProblem> {
        let service = service(connection).await?;
        let path = default_collection(&service).await?;
        let session = open_session(&service).await?;
        let collection = collection(connection, &path).await?;
        let attributes = HashMap::from([("application", APPLICATION), ("name", name), ("xdg:schema", SCHEMA)]);
        let properties = HashMap::from([
            ("org.freedesktop.Secret.Item.Label", Variant::from(format!("Sesame: {name}"))),
            ("org.freedesktop.Secret.Item.Attributes", Variant::from(attributes)),
        ]);
        let secret = SecretValue {
            session: session.clone(),
            parameters: Vec::new(),
            value: value.as_bytes().to_vec(),
            content_type: "text/plain; charset=utf8".to_owned(),
        };
        let created = collection.create_item(&properties, &secret, true).await;
        close(connection, session).await;
        match created {
            Ok((_, prompt)) if prompt.as_str() == NONE => Ok(()),
            Ok(_) => Err(self.locked(&path).await),
            Err(error) if is_locked(&error) => Err(self.locked(&path).await),
            Err(error) => Err(failed(error)),
        }
    }

    /// Removes a secret; says whether there was one.
    pub(super) async fn remove(&self, connection: &Connection, name: &str) -> Result<bool, BackendProblem> {
        let service = service(connection).await?;
        let attributes = HashMap::from([("application", APPLICATION), ("name", name)]);
        let (unlocked, locked) = service.search_items(&attributes).await.map_err(failed)?;
        if let Some(item) = locked.first() {
            return Err(self.locked(item).await);
        }
        for path in &unlocked {
            let item = ItemProxy::builder(connection).path(path.clone());
            let item = item.cache_properties(CacheProperties::No).build().await.map_err(failed)?;
            match item.delete().await {
                Ok(prompt) if prompt.as_str() == NONE => {}
                Ok(_) => return Err(self.locked(path).await),
                Err(error) if is_locked(&error) => return Err(self.locked(path).await),
                Err(error) => return Err(failed(error)),
            }
        }
        if unlocked.is_empty() {
            self.absent(connection, &service).await?;
        }
        Ok(!unlocked.is_empty())
    }

    /// The names of all secrets of ours, sorted.
    pub(super) async fn names(&self, connection: &Connection) -> Result<Vec<String>, BackendProblem> {
        let service = service(connection).await?;
        let (unlocked, locked) =
            service.search_items(&HashMap::from([("application", APPLICATION)])).await.map_err(failed)?;
        if unlocked.is_empty() && locked.is_empty() {
            self.absent(connection, &service).await?;
        }
        let mut names = Vec::new();
        for path in unlocked.into_iter().chain(locked) {
            let item = ItemProxy::builder(connection).path(path);
            let item = item.cache_properties(CacheProperties::No).build().await.map_err(failed)?;
            names.extend(item.attributes().await.map_err(failed)?.remove("name"));
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// Nothing was found. Some services find nothing in a locked collection, so that is an error, too.
    async fn absent(&self, connection: &Connection, service: &ServiceProxy<'_>) -> Result<(), BackendProblem> {
        let path = default_collection(service).await?;
        if collection(connection, &path).await?.locked().await.map_err(failed)? {
            return Err(self.locked(&path).await);
        }
        Ok(())
    }

    /// Opens the desktop's prompt to unlock something, unless one is open, and says so.
    async fn locked(&self, object: &OwnedObjectPath) -> BackendProblem {
        let problem = BackendProblem::new("the keyring is locked; the desktop asks for its password: try again then")
            .hint("unlock the keyring");
        if self.prompting.swap(true, Ordering::SeqCst) {
            return problem;
        }
        let (address, prompting, object) = (self.address.clone(), self.prompting.clone(), object.clone());
        tokio::spawn(async move {
            // Whether the person answers is seen the next time that something is asked of the keyring.
            let _ = tokio::time::timeout(PROMPT, prompt(&address, object)).await;
            prompting.store(false, Ordering::SeqCst);
        });
        problem
    }
}

/// Asks the person to unlock something, on a connection of its own. The prompt is never dismissed: some keyrings crash if it is.
async fn prompt(address: &str, object: OwnedObjectPath) -> zbus::Result<()> {
    let connection = connect(address).await.map_err(|error| zbus::Error::Failure(error.to_string()))?;
    let service = ServiceProxy::builder(&connection).cache_properties(CacheProperties::No).build().await?;
    let (_, prompt) = service.unlock(&[object.as_ref()]).await?;
    if prompt.as_str() == NONE {
        return Ok(());
    }
    let prompt = PromptProxy::builder(&connection).path(prompt).cache_properties(CacheProperties::No).build().await?;
    let mut completed = prompt.receive_completed().await?;
    prompt.prompt("").await?;
    completed.next().await;
    Ok(())
}

async fn service(connection: &Connection) -> Result<ServiceProxy<'static>, BackendProblem> {
    ServiceProxy::builder(connection).cache_properties(CacheProperties::No).build().await.map_err(failed)
}

async fn collection(
    connection: &Connection,
    path: &OwnedObjectPath,
) -> Result<CollectionProxy<'static>, BackendProblem> {
    let builder = CollectionProxy::builder(connection).path(path.clone());
    builder.cache_properties(CacheProperties::No).build().await.map_err(failed)
}

async fn default_collection(service: &ServiceProxy<'_>) -> Result<OwnedObjectPath, BackendProblem> {
    let path = service.read_alias("default").await.map_err(failed)?;
    if path.as_str() == NONE {
        return Err(BackendProblem::new("there is no default keyring")
            .hint("create one with your desktop's program for passwords, such as Seahorse or KWalletManager"));
    }
    Ok(path)
}

async fn open_session(service: &ServiceProxy<'_>) -> Result<OwnedObjectPath, BackendProblem> {
    let (_, session) = service.open_session("plain", &Variant::from("")).await.map_err(failed)?;
    Ok(session)
}

/// Closes a session. If that fails, it ends with the connection.
async fn close(connection: &Connection, session: OwnedObjectPath) {
    if let Ok(session) =
        SessionProxy::builder(connection).path(session).cache_properties(CacheProperties::No).build().await
    {
        let _ = session.close().await;
    }
}

fn text(value: Vec<u8>) -> Result<String, BackendProblem> {
    String::from_utf8(value).map_err(|_| BackendProblem::of_request("the secret is not UTF-8"))
}

fn is_locked(error: &zbus::Error) -> bool {
    matches!(error, zbus::Error::MethodError(name, ..) if name.as_str() == "org.freedesktop.Secret.Error.IsLocked")
}

fn failed(error: zbus::Error) -> BackendProblem {
    BackendProblem::new(format!("the keyring cannot be used: {error}"))
        .hint("start a keyring that has the Secret Service API, such as gnome-keyring, KWallet or KeePassXC, or set `secrets` in host.toml")
}
