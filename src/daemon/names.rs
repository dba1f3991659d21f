//! What the host is called on the session bus and by systemd. In one place, so that it can move.

/// The name that the host owns on the session bus.
pub const BUS_NAME: &str = "io.github.scopecreep_zip.OpenSesame.Extensions1";

/// Its only object.
pub const OBJECT_PATH: &str = "/io/github/scopecreep_zip/OpenSesame/Extensions1";

/// The interface of that object.
pub const INTERFACE: &str = "io.github.scopecreep_zip.OpenSesame.Extensions1";

/// What stands before the kind in the names of its errors.
pub(super) const ERROR_PREFIX: &str = "io.github.scopecreep_zip.OpenSesame.Extensions1.Error.";

/// The unit of the user's systemd.
pub const UNIT: &str = "open-sesame-extensions.service";

/// The file that lets the bus start the host.
pub const ACTIVATION_FILE: &str = "io.github.scopecreep_zip.OpenSesame.Extensions1.service";
