//! `wit`: the interfaces of the host, for authors of extensions.

use std::path::Path;

use crate::model::report::WitReport;
use crate::ops::error::Error;
use crate::ops::error::project::ProjectError;
use crate::ops::project::files::read_file;
use crate::store::write;

/// The files of `wit/`, which the host is built from.
pub const FILES: [(&str, &str); 8] = [
    ("config-read.wit", include_str!("../../../wit/config-read.wit")),
    ("clipboard-write.wit", include_str!("../../../wit/clipboard-write.wit")),
    ("extension.wit", include_str!("../../../wit/extension.wit")),
    ("ipc-publish.wit", include_str!("../../../wit/ipc-publish.wit")),
    ("log.wit", include_str!("../../../wit/log.wit")),
    ("notification.wit", include_str!("../../../wit/notification.wit")),
    ("secret-read.wit", include_str!("../../../wit/secret-read.wit")),
    ("secret-write.wit", include_str!("../../../wit/secret-write.wit")),
];

const PACKAGE: &str = "package open-sesame:host@0.1.0;\n";

/// The package as one text.
pub fn text() -> String {
    let mut text = String::new();
    for (at, (_, file)) in FILES.iter().enumerate() {
        text.push_str(&if at == 0 { (*file).to_owned() } else { file.replacen(PACKAGE, "", 1) });
    }
    text
}

/// Writes the package into a folder, which is made where there is none.
///
/// # Errors
/// [`ProjectError::WitExists`] if a file of another content stands there; then nothing is written.
pub fn write(folder: &Path) -> Result<WitReport, Error> {
    let mut missing = Vec::new();
    for (name, text) in FILES {
        let path = folder.join(name);
        match read_file(&path, text.len() as u64 + 1)? {
            Some(bytes) if bytes == text.as_bytes() => {}
            Some(_) => return Err(ProjectError::WitExists(path).into()),
            None => missing.push((path, text)),
        }
    }
    write::user_files::create_user_folder(folder)?;
    for (path, text) in &missing {
        write::user_files::create_user_file(path, text.as_bytes())?;
    }
    let files = missing.iter().map(|(path, _)| path.display().to_string());
    Ok(WitReport { files: files.collect(), text: None })
}
