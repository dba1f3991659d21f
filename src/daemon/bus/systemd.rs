//! What the host asks of the person's systemd, on the session bus (org.freedesktop.systemd1(5)).

use zbus::OwnedObjectPath;

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
pub(in crate::daemon) trait SystemdManager {
    /// Reads all units again.
    fn reload(&self) -> zbus::Result<()>;

    /// Answers with the job.
    fn restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;

    /// Answers with the job.
    fn stop_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;

    /// The environment of units, as `NAME=VALUE`.
    #[zbus(property)]
    fn environment(&self) -> zbus::Result<Vec<String>>;
}
