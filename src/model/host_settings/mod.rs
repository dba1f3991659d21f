//! `host.toml`: how the host of this machine runs extensions. It is the machine's and never a project's, so nothing that is
//! cloned can start code.

mod reader;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::name::{ExtensionName, ProfileName};

/// What `host.toml` says. Without the file, everything has its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSettings {
    /// The profile that the host serves.
    pub profile: ProfileName,
    /// The memory of all guests together, in MiB.
    pub memory_mib: u64,
    pub backends: BackendSettings,
    /// What runs by itself.
    pub runs: BTreeMap<ExtensionName, ScheduledRun>,
}

/// Which part of the desktop stands behind each capability.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackendSettings {
    pub secrets: SecretsBackend,
    pub clipboard: ClipboardBackend,
    pub notification: NotificationBackend,
    pub ipc: IpcBackend,
}

/// What stands behind `secret-read` and `secret-write`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SecretsBackend {
    /// The desktop's keyring, by the Secret Service API.
    #[default]
    SecretService,
    /// A TOML file of strings, mode 0600.
    File(PathBuf),
    None,
}

/// What stands behind `clipboard-write`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClipboardBackend {
    /// Wayland's data-control protocols where the compositor has them, else X11.
    #[default]
    Auto,
    None,
}

/// What stands behind `notification`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NotificationBackend {
    /// The desktop's notification service.
    #[default]
    Desktop,
    /// Lines in the host's log.
    Print,
    None,
}

/// What stands behind `ipc-publish`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IpcBackend {
    /// A signal on the session bus.
    #[default]
    Bus,
    None,
}

/// A function that the host calls by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledRun {
    pub when: Schedule,
    /// The function, as `call` names it. It takes no arguments.
    pub function: String,
}

/// When a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// Once, when the host has started.
    Start,
    /// Again and again, first when this long has passed.
    Every(Duration),
}

impl HostSettings {
    /// Most memory of all guests together, in MiB: 1 TiB.
    pub const MAX_MEMORY_MIB: u64 = 1 << 20;

    /// The shortest time between two runs.
    pub const MIN_INTERVAL: Duration = Duration::from_secs(1);
    /// The longest.
    pub const MAX_INTERVAL: Duration = Duration::from_hours(24 * 366);
}

impl Default for HostSettings {
    fn default() -> Self {
        Self {
            profile: ProfileName::default(),
            memory_mib: crate::model::bounds::DEFAULT_HOST_MEMORY_MIB,
            backends: BackendSettings::default(),
            runs: BTreeMap::new(),
        }
    }
}

/// As it is written in the file.
impl fmt::Display for SecretsBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecretService => f.write_str("secret-service"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::None => f.write_str("none"),
        }
    }
}

/// As it is written in the file.
impl fmt::Display for ClipboardBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::None => "none",
        })
    }
}

/// As it is written in the file.
impl fmt::Display for NotificationBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Desktop => "desktop",
            Self::Print => "print",
            Self::None => "none",
        })
    }
}

/// As it is written in the file.
impl fmt::Display for IpcBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bus => "bus",
            Self::None => "none",
        })
    }
}

/// As it is written in the file: `5m`.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Every(interval) = self else { return f.write_str("at the start") };
        let seconds = interval.as_secs();
        let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')];
        let (length, unit) = units.into_iter().find(|(length, _)| seconds % length == 0).unwrap_or((1, 's'));
        write!(f, "every {}{unit}", seconds / length)
    }
}

/// `host.toml`, for its JSON Schema alone.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HostToml {
    /// The profile that the host serves; `default` unless set.
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9-]{0,63}$"))]
    pub profile: Option<String>,
    /// The memory of all guests together, in MiB; 1024 unless set.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub memory_mib: Option<u64>,
    pub backends: Option<BackendsTable>,
    /// What runs by itself, by extension.
    #[schemars(extend("propertyNames" = { "pattern": "^[a-z0-9][a-z0-9-]{0,63}$" }))]
    pub run: Option<BTreeMap<String, RunTable>>,
}

/// Which part of the desktop stands behind each capability.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BackendsTable {
    /// `secret-service` (the default), `file:PATH` (a TOML file of strings, mode 0600, relative to this file) or `none`.
    #[schemars(regex(pattern = "^(secret-service|none|file:.+)$"))]
    pub secrets: Option<String>,
    /// `auto` (the default) or `none`.
    #[schemars(regex(pattern = "^(auto|none)$"))]
    pub clipboard: Option<String>,
    /// `desktop` (the default), `print` (lines in the host's log) or `none`.
    #[schemars(regex(pattern = "^(desktop|print|none)$"))]
    pub notification: Option<String>,
    /// `bus` (the default) or `none`.
    #[schemars(regex(pattern = "^(bus|none)$"))]
    pub ipc: Option<String>,
}

/// A function that the host calls by itself: `every` so often, or `at` one moment.
#[derive(JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["every"]}, {"required": ["at"]}]))]
pub struct RunTable {
    /// A whole number with `s`, `m`, `h` or `d`: from `1s` to `366d`.
    #[schemars(regex(pattern = "^[0-9]+[smhd]$"))]
    pub every: Option<String>,
    /// `start`: once, when the host has started.
    #[schemars(regex(pattern = "^start$"))]
    pub at: Option<String>,
    /// The function; it takes no arguments.
    #[schemars(regex(pattern = "."))]
    pub call: String,
}
