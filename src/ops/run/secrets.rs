//! Secrets for development: a TOML file of strings, which only its owner can read. No replacement for a keyring.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use parking_lot::Mutex;
use toml_edit::{DocumentMut, Item};

use crate::host::backends::{Caller, SecretRead, SecretWrite};
use crate::model::bounds::MAX_PROJECT_FILE;
use crate::named_files;
use crate::ops::error::Error;
use crate::ops::error::run::{RunError, SecretsFault};
use crate::store::write;

/// A file of secrets: `name = "value"`, dotted names also as tables.
pub struct SecretsFile {
    path: PathBuf,
    document: Mutex<DocumentMut>,
}

impl SecretsFile {
    /// Opens a file of mode 0600 or stricter.
    ///
    /// # Errors
    /// [`RunError::Secrets`] if it is not there, is open to others, or is no TOML of strings.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let document = read(path).map_err(|source| RunError::Secrets { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), document: Mutex::new(document) })
    }

    /// The value of a secret.
    pub fn read(&self, name: &str) -> Option<String> {
        self.secrets().remove(name)
    }

    /// The names of all secrets, sorted.
    pub fn names(&self) -> Vec<String> {
        self.secrets().into_keys().collect()
    }

    /// Sets a secret, where it stands if there is one.
    ///
    /// # Errors
    /// A message for people; then the file is as it was.
    pub fn write(&self, name: &str, value: &str) -> Result<(), String> {
        self.change(|document| set(document, name, value))
    }

    /// Removes a secret; says whether there was one.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn remove(&self, name: &str) -> Result<bool, String> {
        if self.read(name).is_none() {
            return Ok(false);
        }
        self.change(|document| {
            remove(document.as_item_mut(), name);
            Ok(())
        })?;
        Ok(true)
    }

    fn secrets(&self) -> BTreeMap<String, String> {
        let mut secrets = BTreeMap::new();
        flatten("", self.document.lock().as_item(), &mut secrets);
        secrets
    }

    fn change(&self, change: impl FnOnce(&mut DocumentMut) -> Result<(), String>) -> Result<(), String> {
        let mut document = self.document.lock();
        let mut changed = document.clone();
        change(&mut changed)?;
        write::user_files::replace_user_file(&self.path, changed.to_string().as_bytes())
            .map_err(|error| error.to_string())?;
        *document = changed;
        Ok(())
    }
}

fn read(path: &Path) -> Result<DocumentMut, SecretsFault> {
    let file = named_files::open(path)?.ok_or(SecretsFault::Missing)?;
    let metadata = file.metadata()?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(SecretsFault::OwnedByOther { owner: metadata.uid() });
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(SecretsFault::ReadableByOthers { mode: metadata.mode() & 0o7777 });
    }
    let mut bytes = Vec::new();
    file.take(MAX_PROJECT_FILE as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_PROJECT_FILE {
        return Err(SecretsFault::TooLarge);
    }
    let text = String::from_utf8(bytes).map_err(|_| SecretsFault::NotUtf8)?;
    // What TOML's own messages quote of the file may be a secret.
    let document: DocumentMut = text.parse().map_err(|_| SecretsFault::NotToml)?;
    if let Some(name) = not_a_string("", document.as_item()) {
        return Err(SecretsFault::NotAString { name });
    }
    Ok(document)
}

#[async_trait]
impl SecretRead for SecretsFile {
    async fn get(&self, _: &Caller, name: &str) -> Result<Option<String>, String> {
        Ok(self.read(name))
    }
}

#[async_trait]
impl SecretWrite for SecretsFile {
    async fn set(&self, _: &Caller, name: &str, value: &str) -> Result<(), String> {
        self.write(name, value)
    }
}

/// Sets a secret where it stands, else under its whole name in quotes.
fn set(document: &mut DocumentMut, name: &str, value: &str) -> Result<(), String> {
    let mut item = document.as_item_mut();
    let mut rest = name;
    while let Some(table) = item.as_table_like_mut() {
        let key = table
            .iter()
            .map(|(key, _)| key.to_owned())
            .find(|key| rest.strip_prefix(key.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')));
        let Some(found) = key.and_then(|key| {
            let inner = &rest[key.len()..];
            rest = inner.strip_prefix('.').unwrap_or(inner);
            table.get_mut(&key)
        }) else {
            break;
        };
        item = found;
        if rest.is_empty() {
            if !item.is_str() {
                return Err(format!("`{name}` stands for several secrets"));
            }
            *item = Item::Value(value.into());
            return Ok(());
        }
    }
    document[name] = Item::Value(value.into());
    Ok(())
}

/// Removes the secret of this name, wherever its dots are.
fn remove(item: &mut Item, name: &str) {
    let Some(table) = item.as_table_like_mut() else { return };
    if table.get(name).is_some_and(Item::is_str) {
        table.remove(name);
        return;
    }
    let keys: Vec<String> = table.iter().map(|(key, _)| key.to_owned()).collect();
    for key in keys {
        if let Some(rest) = name.strip_prefix(&format!("{key}."))
            && let Some(inner) = table.get_mut(&key)
        {
            remove(inner, rest);
        }
    }
}

fn flatten(prefix: &str, item: &Item, secrets: &mut BTreeMap<String, String>) {
    if let Some(text) = item.as_str() {
        secrets.insert(prefix.to_owned(), text.to_owned());
    }
    for (key, item) in item.as_table_like().into_iter().flat_map(|table| table.iter()) {
        flatten(&joined(prefix, key), item, secrets);
    }
}

fn not_a_string(prefix: &str, item: &Item) -> Option<String> {
    match item.as_table_like() {
        Some(table) => table.iter().find_map(|(key, item)| not_a_string(&joined(prefix, key), item)),
        None => (!item.is_str()).then(|| prefix.to_owned()),
    }
}

fn joined(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_set_where_it_stands() {
        let mut document: DocumentMut = "# mine\n\"a.b\" = \"1\"\n[c]\nd = \"2\" # two\n".parse().unwrap();
        for (name, value) in [("a.b", "3"), ("c.d", "4"), ("e.f", "5")] {
            set(&mut document, name, value).unwrap();
        }
        assert!(set(&mut document, "c", "all of them").is_err());
        let mut secrets = BTreeMap::new();
        flatten("", document.as_item(), &mut secrets);
        let expected = [("a.b", "3"), ("c.d", "4"), ("e.f", "5")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(secrets, expected.into());
        assert!(document.to_string().starts_with("# mine\n\"a.b\" ="), "{document}");
        for name in ["a.b", "c.d", "e.f", "c", "nowhere"] {
            remove(document.as_item_mut(), name);
        }
        let mut left = BTreeMap::new();
        flatten("", document.as_item(), &mut left);
        assert!(left.is_empty() && document.to_string().contains("[c]"), "{document}");
    }
}
