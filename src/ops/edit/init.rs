//! `init`: writes a commented `sesame.toml` to start from.

use std::path::Path;

use crate::model::report::InitReport;
use crate::ops::error::Error;
use crate::ops::error::project::ProjectError;
use crate::ops::project::MANIFEST;
use crate::store::write;

/// The text that is written. A test reads it, with its examples uncommented, as a manifest.
pub const TEMPLATE: &str = r#"# The extensions that this machine should have. `sesame sync` makes it so; commit this file and sesame.lock.

# profile = "default"        # which live set this file describes

[extensions]
# A name of your choice, and a reference: registry/principal/scope:revision
# greeting = "ghcr.io/my-org/greeting-extension:0.1.0"
# notes = { oci = "ghcr.io/my-org/notes", version = "^1.2" }     # the newest that fits; `sesame upgrade` moves it

# The long form grants capabilities, sets limits and passes settings:
# [extensions.clock]
# oci = "ghcr.io/acme/clock:1.4.2"          # or path = "clock.wasm", relative to this file
# capabilities = { config-read = true }     # everything else is denied
# limits = { max_memory_mib = 16, timeout_ms = 2_000 }
# config = { format = "%H:%M" }

# Settings shared by all extensions that are granted config-read:
# [config]
# locale = "en"

# How a registry is reached; an OCI layout works without a network:
# [registries."ghcr.io"]
# mirrors = ["oci-layout:./vendor"]
"#;

/// Writes the template to `path`, or into the folder `path`: what is one, or is not named as a TOML file is.
///
/// # Errors
/// [`ProjectError::Exists`] if there is a file already.
pub fn init(path: &Path, shown: &Path) -> Result<InitReport, Error> {
    let named_as_folder = path.extension().is_none_or(|extension| extension != "toml");
    let (path, shown) = if path.is_dir() || named_as_folder {
        (path.join(MANIFEST), shown.join(MANIFEST))
    } else {
        (path.to_owned(), shown.to_owned())
    };
    if path.symlink_metadata().is_ok() {
        return Err(ProjectError::Exists(shown).into());
    }
    if let Some(folder) = path.parent() {
        write::user_files::create_user_folder(folder)?;
    }
    write::user_files::create_user_file(&path, TEMPLATE.as_bytes())?;
    Ok(InitReport { manifest: shown.display().to_string() })
}
