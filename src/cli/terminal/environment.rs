//! What the environment says: folders, proxies, credentials, where we are. The only file that reads it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::{env, io};

use etcetera::base_strategy::{BaseStrategy as _, Xdg};

use sesame::clock::Clock;
use sesame::model::capability::grant::Grant;
use sesame::model::capability::{Capability, Scope};
use sesame::ops::context::UserPaths;
use sesame::ops::project::search::Search;
use sesame::registry::auth::credentials::CredentialSources;
use sesame::registry::auth::secret::Secret;
use sesame::registry::http::transport::Proxies;
use sesame::registry::source::selection::Network;
use sesame::store::paths::StorePaths;

/// Why the environment cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    #[error("cannot tell the current folder")]
    CurrentFolder(#[source] io::Error),
    #[error("HOME is not set")]
    NoHome,
}

/// The name of our folder in each of the user's.
const FOLDER: &str = "pds";

#[derive(Clone)]
pub struct Environment {
    pub start: PathBuf,
    pub paths: StorePaths,
    pub network: Network,
    pub clock: Clock,
    /// This very program.
    pub program: PathBuf,
    home: PathBuf,
    configuration: PathBuf,
    manifest: Option<PathBuf>,
    /// The address of the session bus, if there is one.
    #[cfg(feature = "daemon")]
    pub bus: Option<String>,
    /// The program of the user's shell, as `$SHELL` says.
    pub shell: Option<PathBuf>,
}

impl Environment {
    /// Reads it. XDG folders that are not absolute are ignored, as their specification says
    /// (<https://specifications.freedesktop.org/basedir-spec/latest/>).
    pub fn read() -> Result<Self, EnvironmentError> {
        let start = env::current_dir().map_err(EnvironmentError::CurrentFolder)?;
        let xdg = Xdg::new().map_err(|_| EnvironmentError::NoHome)?;
        let state = xdg.state_dir().unwrap_or_else(|| xdg.home_dir().join(".local/state"));
        Ok(Self {
            start,
            paths: StorePaths {
                data: xdg.data_dir().join(FOLDER),
                cache: xdg.cache_dir().join(FOLDER),
                state: state.join(FOLDER),
            },
            network: Network::new(proxies(), credentials(&xdg)),
            clock: clock(),
            program: program(),
            home: xdg.home_dir().to_owned(),
            configuration: xdg.config_dir().join(FOLDER),
            manifest: env::var_os("SESAME_MANIFEST").filter(|path| !path.is_empty()).map(PathBuf::from),
            #[cfg(feature = "daemon")]
            bus: bus(&xdg),
            shell: env::var_os("SHELL").map(PathBuf::from),
        })
    }

    /// `$XDG_DATA_HOME`
    pub fn data_home(&self) -> PathBuf {
        self.paths.data.parent().map(Path::to_owned).unwrap_or_default()
    }

    /// `$XDG_CONFIG_HOME`
    pub fn configuration_home(&self) -> PathBuf {
        self.configuration.parent().map(Path::to_owned).unwrap_or_default()
    }

    /// What is this user's besides the store.
    pub fn user(&self) -> UserPaths {
        UserPaths {
            home: Some(self.home.clone()),
            configuration: self.configuration.clone(),
            policies: vec![self.configuration.join("policy.toml"), PathBuf::from("/etc/pds/policy.toml")],
        }
    }

    /// A grant from the command line, whose folders are relative to the current one: absolute, or below `~`.
    pub fn absolute(&self, grant: &Grant) -> Grant {
        let Grant { capability, scope } = grant;
        let (Capability::FsRead | Capability::FsWrite, Scope::Only(folders)) = (capability, scope) else {
            return grant.clone();
        };
        let absolute = |folder: &String| {
            if folder == "~" || folder.starts_with("~/") {
                return folder.clone();
            }
            let path = normalized(&self.start.join(folder));
            match path.strip_prefix(&self.home) {
                Ok(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
                Ok(rest) => format!("~/{}", rest.display()),
                Err(_) => path.display().to_string(),
            }
        };
        Grant { capability: *capability, scope: Scope::Only(folders.iter().map(absolute).collect()) }
    }

    /// Every variable whose name and value are text, for the extensions that are granted one.
    pub fn variables() -> BTreeMap<String, String> {
        let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        env::vars_os().filter_map(text).collect()
    }

    /// Where to look for a manifest.
    pub fn search(&self, named: Option<PathBuf>) -> Search {
        Search {
            named,
            from_environment: self.manifest.clone(),
            start: self.start.clone(),
            home: Some(self.home.clone()),
            configuration: self.configuration.clone(),
        }
    }
}

/// Where this program is. Its file may have been replaced since it was started. Without `/proc` it is what it was started
/// as, which is looked for as the shell has.
fn program() -> PathBuf {
    let named = env::current_exe().ok().filter(|path| path.exists());
    let open = || Some(PathBuf::from("/proc/self/exe")).filter(|path| path.exists());
    named.or_else(open).or_else(|| env::args_os().next().map(PathBuf::from)).unwrap_or_else(|| PathBuf::from("sesame"))
}

/// A path without `.` and `..`, by its text.
fn normalized(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            part => normal.push(part),
        }
    }
    normal
}

/// How many columns lines may have where there is no terminal to ask, if that is said.
#[expect(clippy::disallowed_methods, reason = "this is the file that reads the environment")]
pub fn columns_variable() -> Option<usize> {
    env::var("COLUMNS").ok()?.parse().ok()
}

/// The session bus: the first address that the variable names, else the socket where systemd puts it. `disabled:` and
/// `autolaunch:` are none.
#[cfg(feature = "daemon")]
#[expect(clippy::disallowed_methods, reason = "this is the file that reads the environment")]
fn bus(xdg: &Xdg) -> Option<String> {
    let named = env::var("DBUS_SESSION_BUS_ADDRESS").ok().filter(|address| !address.is_empty());
    match named {
        Some(addresses) => addresses.split(';').find(|address| address.starts_with("unix:")).map(str::to_owned),
        None => {
            let socket = xdg.runtime_dir()?.join("bus");
            socket.exists().then(|| format!("unix:path={}", socket.display()))
        }
    }
}

/// Where podman and docker keep credentials, in the order in which podman looks.
#[expect(clippy::disallowed_methods, reason = "this is the file that reads the environment")]
fn credentials(xdg: &Xdg) -> CredentialSources {
    let path = |name: &str| env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let docker = path("DOCKER_CONFIG").unwrap_or_else(|| xdg.home_dir().join(".docker")).join("config.json");
    let runtime = xdg.runtime_dir().map(|folder| folder.join("containers/auth.json"));
    let files = [path("REGISTRY_AUTH_FILE"), runtime, Some(xdg.config_dir().join("containers/auth.json"))];
    let variable = env::var("DOCKER_AUTH_CONFIG").ok().filter(|text| !text.is_empty()).map(Secret::new);
    let files = files.into_iter().flatten().chain([docker.clone()]).collect();
    CredentialSources { credential_override: None, files, variable, docker }
}

/// The clock, which the tests of this program set ahead with `$SESAME_TEST_AHEAD`, in seconds, and whose waits they shorten
/// with `$SESAME_TEST_PACE`, a factor below 1.
#[cfg(feature = "test-clock")]
#[expect(clippy::disallowed_methods, reason = "this is the file that reads the environment")]
fn clock() -> Clock {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<f64>().ok());
    let ahead = std::time::Duration::from_secs_f64(number("SESAME_TEST_AHEAD").unwrap_or(0.0));
    Clock::of_tests(ahead, number("SESAME_TEST_PACE").unwrap_or(1.0))
}

#[cfg(not(feature = "test-clock"))]
fn clock() -> Clock {
    Clock::SYSTEM
}

/// The variables that curl reads, in its order of preference.
#[expect(clippy::disallowed_methods, reason = "this is the file that reads the environment")]
fn proxies() -> Proxies {
    let first = |names: &[&str]| names.iter().filter_map(|name| env::var(name).ok()).find(|value| !value.is_empty());
    Proxies {
        https: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]).map(Secret::new),
        http: first(&["http_proxy", "all_proxy", "ALL_PROXY"]).map(Secret::new),
        none_for: first(&["no_proxy", "NO_PROXY"]),
    }
}
