//! Lets the desktop start the host: a unit of the user's systemd, and a file with which the session bus starts it on demand. Both
//! files are written anew each time, so that they always name the program that wrote them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use zbus::Connection;
use zbus::proxy::CacheProperties;

use crate::model::report::host::{HostSetupReport, SystemdState};
use crate::store::write;
use crate::store::write::user_files::{create_user_folder, replace_link, replace_user_file};

use super::bus::client::connect;
use super::bus::systemd::SystemdManagerProxy;
use super::error::DaemonError;
use super::names::{ACTIVATION_FILE, BUS_NAME, UNIT};

/// What the host may take beside the memory of its guests, in MiB: code, texts on their way, and the arguments of calls.
const BESIDE_GUESTS_MIB: u64 = 1024;

/// The target whose start starts the host: a desktop session.
const TARGET: &str = "graphical-session.target";

/// The variables that say where the person's folders are, where they are not where they usually are.
pub const FOLDER_VARIABLES: [&str; 4] = ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"];

/// Where the files go, and what they say.
#[derive(Debug, Clone)]
pub struct HostSetup {
    /// This program.
    pub program: PathBuf,
    /// `$XDG_CONFIG_HOME`
    pub configuration_home: PathBuf,
    /// `$XDG_DATA_HOME`
    pub data_home: PathBuf,
    /// Those of [`FOLDER_VARIABLES`] that are set.
    pub folders: BTreeMap<String, String>,
    /// The memory of all guests together, in MiB.
    pub memory_mib: u64,
    /// The session bus, if there is one.
    pub bus: Option<String>,
}

impl HostSetup {
    fn files(&self) -> [PathBuf; 3] {
        files(&self.configuration_home, &self.data_home)
    }

    /// Writes the files, and has systemd and the bus read them. If there is a systemd, it starts the host.
    ///
    /// # Errors
    /// [`DaemonError::Verb`] if a file cannot be written.
    pub async fn enable(&self) -> Result<HostSetupReport, DaemonError> {
        let [link, activation_file, unit] = self.files();
        for path in [&unit, &link, &activation_file] {
            if let Some(folder) = path.parent() {
                create_user_folder(folder)?;
            }
        }
        replace_user_file(&unit, self.unit_text().as_bytes())?;
        replace_link(&link, &unit)?;
        replace_user_file(&activation_file, self.activation_text().as_bytes())?;
        let systemd = self.reload(Change::Started).await;
        Ok(HostSetupReport { files: shown([unit, link, activation_file]), systemd })
    }

    /// Removes the files, and ends the host that systemd has started.
    ///
    /// # Errors
    /// [`DaemonError::Verb`] if a file cannot be removed.
    pub async fn disable(&self) -> Result<HostSetupReport, DaemonError> {
        let there: Vec<PathBuf> = self.files().into_iter().filter(|path| path.symlink_metadata().is_ok()).collect();
        let systemd = if there.is_empty() { SystemdState::NotNeeded } else { self.stop().await };
        for path in &there {
            write::remove(path)?;
        }
        if !there.is_empty() {
            self.reload(Change::Stopped).await;
        }
        Ok(HostSetupReport { files: shown(there), systemd })
    }

    /// Has systemd and the bus read the files again.
    async fn reload(&self, change: Change) -> SystemdState {
        let Some(connection) = self.connection().await else { return SystemdState::NoBus };
        if let Ok(bus) = zbus::fdo::DBusProxy::new(&connection).await {
            // If this fails, the bus notices the files by itself, or reads them when it next starts.
            let _ = bus.reload_config().await;
        }
        let Ok(systemd) = SystemdManagerProxy::builder(&connection).cache_properties(CacheProperties::No).build().await
        else {
            return SystemdState::Absent;
        };
        if systemd.reload().await.is_err() {
            return SystemdState::Absent;
        }
        match change {
            Change::Stopped => SystemdState::Stopped,
            Change::Started => match systemd.restart_unit(UNIT, "replace").await {
                Ok(_) => SystemdState::Started,
                Err(error) => SystemdState::Failed(error.to_string()),
            },
        }
    }

    async fn stop(&self) -> SystemdState {
        let Some(connection) = self.connection().await else { return SystemdState::NoBus };
        let systemd = SystemdManagerProxy::builder(&connection).cache_properties(CacheProperties::No).build().await;
        match systemd {
            Ok(systemd) if systemd.stop_unit(UNIT, "replace").await.is_ok() => SystemdState::Stopped,
            _ => SystemdState::Absent,
        }
    }

    async fn connection(&self) -> Option<Connection> {
        connect(self.bus.as_deref()?).await.ok()
    }

    fn unit_text(&self) -> String {
        let folders: String = self
            .folders
            .iter()
            .map(|(name, value)| format!("Environment={}\n", quoted(&format!("{name}={value}"), SYSTEMD)))
            .collect();
        format!(
            "# Written by `sesame host enable`.\n\
             [Unit]\n\
             Description=Open Sesame extensions\n\
             After={TARGET}\n\
             PartOf={TARGET}\n\
             \n\
             [Service]\n\
             Type=dbus\n\
             BusName={BUS_NAME}\n\
             ExecStart={} host run\n\
             {folders}\
             Restart=on-failure\n\
             RestartSec=2\n\
             UMask=0077\n\
             MemoryMax={}M\n\
             NoNewPrivileges=yes\n\
             LimitCORE=0\n\
             LockPersonality=yes\n\
             RestrictSUIDSGID=yes\n\
             SystemCallArchitectures=native\n\
             \n\
             [Install]\n\
             WantedBy={TARGET}\n",
            quoted(&self.program.display().to_string(), SYSTEMD),
            self.memory_mib + BESIDE_GUESTS_MIB,
        )
    }

    fn activation_text(&self) -> String {
        let folders = self.folders.iter().map(|(name, value)| quoted(&format!("{name}={value}"), BUS));
        let variables: String = match self.folders.is_empty() {
            true => String::new(),
            false => ["/usr/bin/env".to_owned()].into_iter().chain(folders).map(|word| word + " ").collect(),
        };
        format!(
            "# Written by `sesame host enable`.\n\
             [D-BUS Service]\n\
             Name={BUS_NAME}\n\
             Exec={variables}{} host run\n\
             SystemdService={UNIT}\n",
            quoted(&self.program.display().to_string(), BUS),
        )
    }
}

/// What is done after the files were read again.
#[derive(Debug, Clone, Copy)]
enum Change {
    Started,
    Stopped,
}

/// Characters that stand for themselves only if they are doubled.
const SYSTEMD: &[char] = &['%', '$'];
const BUS: &[char] = &[];

/// A word in quotes, as systemd.service(5) and the D-Bus specification's service files have them.
fn quoted(word: &str, doubled: &[char]) -> String {
    let mut quoted = String::from("\"");
    for c in word.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        } else if doubled.contains(&c) {
            quoted.push(c);
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// The files that `enable` writes, in the order in which they are removed: the link in the session's target, the file for the bus, the
/// unit.
pub fn files(configuration_home: &Path, data_home: &Path) -> [PathBuf; 3] {
    let units = configuration_home.join("systemd/user");
    [
        units.join(format!("{TARGET}.wants")).join(UNIT),
        data_home.join("dbus-1/services").join(ACTIVATION_FILE),
        units.join(UNIT),
    ]
}

fn shown(files: impl IntoIterator<Item = PathBuf>) -> Vec<String> {
    files.into_iter().map(|path| path.display().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_and_folders_stand_in_quotes_with_nothing_expanded() {
        let setup = HostSetup {
            program: "/home/me/my \"tools\"/100%/$HOME/sesame".into(),
            configuration_home: "/c".into(),
            data_home: "/d".into(),
            folders: [("XDG_DATA_HOME".to_owned(), "/my data".to_owned())].into(),
            memory_mib: 1024,
            bus: None,
        };
        let unit = setup.unit_text();
        assert!(unit.contains("ExecStart=\"/home/me/my \\\"tools\\\"/100%%/$$HOME/sesame\" host run\n"), "{unit}");
        assert!(
            unit.contains("Environment=\"XDG_DATA_HOME=/my data\"\n") && unit.contains("MemoryMax=2048M\n"),
            "{unit}"
        );
        let activation = setup.activation_text();
        assert!(activation.contains("Exec=/usr/bin/env \"XDG_DATA_HOME=/my data\" \"/home/me/my \\\"tools\\\"/100%/$HOME/sesame\" host run\n"), "{activation}");
    }
}
