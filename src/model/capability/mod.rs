//! Capabilities: the permissions of an extension, and what a manifest grants of them. Deny by default.

pub mod grant;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

/// A permission: to use one interface of the package `open-sesame:host`, or to see something through WASI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    ClipboardWrite,
    ConfigRead,
    Env,
    FsRead,
    FsWrite,
    IpcPublish,
    Notification,
    SecretRead,
    SecretWrite,
}

/// How a capability is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeForm {
    /// `true`
    Whole,
    /// `true`, or a list of what is meant.
    WholeOrList,
    /// A list of what is meant.
    List,
}

/// How much of a capability is granted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "WrittenScope", into = "WrittenScope")]
pub enum Scope {
    Whole,
    /// Secrets by name, configuration by key prefix, folders by path, variables by name. Never empty.
    Only(BTreeSet<String>),
}

/// What a manifest grants to one extension.
pub type Grants = BTreeMap<Capability, Scope>;

impl Capability {
    /// Those whose items are folders.
    pub const FOLDERS: [Self; 2] = [Self::FsRead, Self::FsWrite];

    pub const ALL: [Self; 9] = [
        Self::ClipboardWrite,
        Self::ConfigRead,
        Self::Env,
        Self::FsRead,
        Self::FsWrite,
        Self::IpcPublish,
        Self::Notification,
        Self::SecretRead,
        Self::SecretWrite,
    ];

    /// The name in manifests; for a capability with an interface of the host, also the interface's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClipboardWrite => "clipboard-write",
            Self::ConfigRead => "config-read",
            Self::Env => "env",
            Self::FsRead => "fs-read",
            Self::FsWrite => "fs-write",
            Self::IpcPublish => "ipc-publish",
            Self::Notification => "notification",
            Self::SecretRead => "secret-read",
            Self::SecretWrite => "secret-write",
        }
    }

    pub const fn form(self) -> ScopeForm {
        match self {
            Self::ConfigRead | Self::SecretRead => ScopeForm::WholeOrList,
            Self::Env | Self::FsRead | Self::FsWrite => ScopeForm::List,
            Self::ClipboardWrite | Self::IpcPublish | Self::Notification | Self::SecretWrite => ScopeForm::Whole,
        }
    }

    /// The one function of its interface in `wit/`; none for what goes through WASI.
    pub const fn function(self) -> Option<&'static str> {
        match self {
            Self::ConfigRead | Self::SecretRead => Some("get"),
            Self::SecretWrite => Some("set"),
            Self::IpcPublish => Some("publish"),
            Self::ClipboardWrite => Some("write"),
            Self::Notification => Some("show"),
            Self::Env | Self::FsRead | Self::FsWrite => None,
        }
    }

    /// Why a text cannot be an item of its list.
    pub fn invalid_item_reason(self, item: &str) -> Option<&'static str> {
        match self {
            _ if item.is_empty() => Some("an item is empty"),
            _ if item.contains('\0') => Some("an item contains a NUL"),
            Self::Env if item.contains('=') => Some("the name of a variable has no `=`"),
            Self::ConfigRead if item.split('.').any(str::is_empty) => Some("a segment of the key is empty"),
            _ => None,
        }
    }

    /// What it allows, for people: `reads …`.
    pub const fn description(self) -> &'static str {
        match self {
            Self::ClipboardWrite => "replaces what is in the clipboard",
            Self::ConfigRead => "reads the settings that it is given in [config]",
            Self::Env => "sees environment variables",
            Self::FsRead => "reads files in folders",
            Self::FsWrite => "reads and writes files in folders",
            Self::IpcPublish => "publishes messages on the desktop's bus",
            Self::Notification => "shows notifications",
            Self::SecretRead => "reads your secrets",
            Self::SecretWrite => "sets your secrets",
        }
    }
}

impl Capability {
    /// The same for as much of it as is granted.
    pub const fn describe(self, scope: &Scope) -> &'static str {
        match (self, scope) {
            (Self::SecretRead, Scope::Only(_)) => "reads these secrets of yours",
            (Self::ConfigRead, Scope::Only(_)) => "reads the settings under these keys",
            _ => self.description(),
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Scope {
    /// What of this is not in `other`; none if nothing.
    pub fn minus(&self, other: Option<&Self>) -> Option<Self> {
        match (self, other) {
            (_, None) => Some(self.clone()),
            (_, Some(Self::Whole)) => None,
            (Self::Whole, Some(Self::Only(_))) => Some(Self::Whole),
            (Self::Only(items), Some(Self::Only(others))) => Self::only(items.difference(others).cloned()),
        }
    }

    /// A scope of items; `None` where there are none, which grants nothing.
    pub fn only(items: impl IntoIterator<Item = String>) -> Option<Self> {
        let items: BTreeSet<String> = items.into_iter().collect();
        (!items.is_empty()).then_some(Self::Only(items))
    }

    /// The items; none where everything is granted.
    pub fn items(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::Whole => None,
            Self::Only(items) => Some(items.iter().map(String::as_str)),
        }
        .into_iter()
        .flatten()
    }

    /// Whether a name is meant, by its whole text.
    pub fn contains_name(&self, name: &str) -> bool {
        match self {
            Self::Whole => true,
            Self::Only(items) => items.contains(name),
        }
    }

    /// Whether a dotted key is meant, by a prefix of whole segments: `ui` means `ui` and `ui.theme`, not `uid`.
    pub fn contains_key(&self, key: &str) -> bool {
        let within =
            |prefix: &str| key.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        match self {
            Self::Whole => true,
            Self::Only(items) => items.iter().any(|prefix| within(prefix)),
        }
    }
}

/// What is left of some grants without others.
pub fn without_grants(grants: &Grants, others: &Grants) -> Grants {
    let left = |(capability, scope): (&Capability, &Scope)| Some((*capability, scope.minus(others.get(capability))?));
    grants.iter().filter_map(left).collect()
}

/// What is granted with [`additions`] to `existing`.
pub fn with_additions(existing: &Grants, additions: &Grants) -> Grants {
    let mut all = existing.clone();
    for (capability, scope) in additions {
        if all.get(capability) == Some(&Scope::Whole) {
            all.remove(capability);
        }
        add(&mut all, *capability, scope.clone());
    }
    all
}

/// Every capability as a whole: what the host could give at most.
pub fn all_grants() -> Grants {
    Capability::ALL.into_iter().map(|capability| (capability, Scope::Whole)).collect()
}

/// Adds a grant; two lists become one, and the whole swallows any list.
pub fn add(grants: &mut Grants, capability: Capability, scope: Scope) {
    match (grants.get_mut(&capability), scope) {
        (Some(Scope::Whole), _) => {}
        (Some(Scope::Only(items)), Scope::Only(more)) => items.extend(more),
        (_, scope) => drop(grants.insert(capability, scope)),
    }
}

/// What has to be written so that `granted` holds beside `existing`. Items take the place of a whole capability.
pub fn additions(granted: &Grants, existing: &Grants) -> Grants {
    let new = granted.iter().filter_map(|(capability, scope)| match (scope, existing.get(capability)) {
        (Scope::Only(_), Some(Scope::Whole)) => Some((*capability, scope.clone())),
        (scope, existing) => Some((*capability, scope.minus(existing)?)),
    });
    new.collect()
}

/// A scope in a file: `true`, or an array.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WrittenScope {
    Whole(bool),
    Only(BTreeSet<String>),
}

impl From<Scope> for WrittenScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Whole => Self::Whole(true),
            Scope::Only(items) => Self::Only(items),
        }
    }
}

impl TryFrom<WrittenScope> for Scope {
    type Error = &'static str;

    fn try_from(written: WrittenScope) -> Result<Self, &'static str> {
        match written {
            WrittenScope::Whole(true) => Ok(Self::Whole),
            WrittenScope::Whole(false) => Err("a grant that is `false` is not written"),
            WrittenScope::Only(items) => Self::only(items).ok_or("a grant of nothing is not written"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_whole_segments() {
        let scope = Scope::only(["ui".to_owned(), "net.proxy".to_owned()]).unwrap();
        for (key, granted) in
            [("ui", true), ("ui.theme", true), ("uid", false), ("net", false), ("net.proxy.host", true), ("", false)]
        {
            assert_eq!(scope.contains_key(key), granted, "{key}");
        }
        assert!(Scope::Whole.contains_key("anything"));
    }

    #[test]
    fn all_capabilities_are_listed() {
        let schema = schemars::schema_for!(Capability).to_value();
        let named = schema["enum"].as_array().into_iter().flatten();
        let constants = schema["oneOf"].as_array().into_iter().flatten().map(|one| &one["const"]);
        let mut names: Vec<&str> = named.chain(constants).filter_map(serde_json::Value::as_str).collect();
        let mut listed: Vec<&str> = Capability::ALL.into_iter().map(Capability::as_str).collect();
        names.sort_unstable();
        listed.sort_unstable();
        assert_eq!(listed, names);
    }
}
