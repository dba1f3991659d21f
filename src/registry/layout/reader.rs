//! The one reader of OCI layouts, whether a folder or a tar archive of one. Of an archive only regular files with a layout's
//! names are taken, and nothing is ever unpacked by the names that stand in it.
//!
//! The archive is that of POSIX (ustar, <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html>), without
//! extensions: what a longer name or another size would be written in is refused.

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tar::{Archive, EntryType};

use crate::model::digest::Digest;
use crate::named_files;
use crate::registry::error::Error;
use crate::registry::layout::LayoutFault;

/// The most files that an archive may have. A set of ten thousand extensions has thirty thousand.
const MOST_FILES: usize = 200_000;

/// Where the blobs are.
const BLOBS: &str = "blobs/sha256/";

/// An opened layout.
#[derive(Debug)]
pub struct LayoutReader {
    path: PathBuf,
    files: LayoutFiles,
}

#[derive(Debug)]
enum LayoutFiles {
    Folder,
    /// The archive, and where in it each file begins and how long it is.
    Archive(File, HashMap<String, (u64, u64)>),
}

/// A file of a layout.
pub struct LayoutFile<'a> {
    pub bytes: Box<dyn Read + 'a>,
    /// In bytes.
    pub size: u64,
}

impl LayoutReader {
    /// A folder, of which nothing is read yet.
    pub fn of_folder(path: &Path) -> Self {
        Self { path: path.to_owned(), files: LayoutFiles::Folder }
    }

    /// Opens a folder, or looks through an archive.
    ///
    /// # Errors
    /// [`Error::NotABundle`] if it is neither, or has what no layout has.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if path.is_dir() {
            return Ok(Self::of_folder(path));
        }
        let mut file = match named_files::open(path) {
            Ok(Some(file)) => file,
            Ok(None) => return Err(io_error(path)(ErrorKind::NotFound.into())),
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                return Err(bad(path, LayoutFault::NotAFile));
            }
            Err(error) => return Err(io_error(path)(error)),
        };
        let length = file.metadata().map_err(io_error(path))?.len();
        let places = index_archive(path, &mut file, length)?;
        Ok(Self { path: path.to_owned(), files: LayoutFiles::Archive(file, places) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a file by its name in the layout; none if it is not there.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if it is no regular file, or why it cannot be opened.
    pub fn open_file(&self, name: &str) -> std::io::Result<Option<LayoutFile<'_>>> {
        match &self.files {
            LayoutFiles::Folder => {
                let Some(file) = named_files::open(&self.path.join(name))? else { return Ok(None) };
                let size = file.metadata()?.len();
                Ok(Some(LayoutFile { bytes: Box::new(file), size }))
            }
            LayoutFiles::Archive(file, places) => {
                let part = |(at, size): &(u64, u64)| FilePart { file, at: *at, end: at + size };
                Ok(places.get(name).map(|place| LayoutFile { bytes: Box::new(part(place)), size: place.1 }))
            }
        }
    }
}

/// Whether a path is to be an archive, and not a folder.
pub fn is_archive(path: &Path) -> bool {
    !path.is_dir() && path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tar"))
}

/// The name of a blob in a layout.
pub fn blob_name(digest: Digest) -> String {
    format!("{BLOBS}{}", digest.hex())
}

/// The header of a file in an archive: the same for the same name and size, whoever writes it, where and when.
pub fn tar_header(name: &str, size: u64) -> std::io::Result<tar::Header> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name)?;
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    Ok(header)
}

/// Finds every file of an archive.
fn index_archive(path: &Path, file: &mut File, length: u64) -> Result<HashMap<String, (u64, u64)>, Error> {
    let mut places = HashMap::new();
    // What is said of a file that is something else quotes its bytes.
    let unread = |_: std::io::Error| bad(path, LayoutFault::NotAnArchive);
    file.seek(SeekFrom::Start(0)).map_err(io_error(path))?;
    let mut archive = Archive::new(file);
    for entry in archive.entries_with_seek().map_err(unread)?.raw(true) {
        let entry = entry.map_err(unread)?;
        let bytes = entry.path_bytes();
        let name = String::from_utf8_lossy(&bytes);
        let name = name.strip_prefix("./").unwrap_or(&name);
        let is_folder = ["", "blobs/", "blobs/sha256/", "blobs", "blobs/sha256"].contains(&name);
        match entry.header().entry_type() {
            EntryType::Directory if is_folder => continue,
            EntryType::Regular if is_layout_name(name) => {}
            kind => return Err(bad(path, LayoutFault::StrangeEntry { entry: describe(kind, name) })),
        }
        let (at, size) = (entry.raw_file_position(), entry.size());
        if at.checked_add(size).is_none_or(|end| end > length) {
            return Err(bad(path, LayoutFault::Cut { name: name.to_owned() }));
        }
        if places.insert(name.to_owned(), (at, size)).is_some() {
            return Err(bad(path, LayoutFault::Twice { name: name.to_owned() }));
        }
        if places.len() > MOST_FILES {
            return Err(bad(path, LayoutFault::TooManyFiles { limit: MOST_FILES }));
        }
    }
    Ok(places)
}

/// Whether a file of a layout can have this name.
fn is_layout_name(name: &str) -> bool {
    let is_blob = |hex: &str| format!("sha256:{hex}").parse::<Digest>().is_ok();
    ["oci-layout", "index.json"].contains(&name) || name.strip_prefix(BLOBS).is_some_and(is_blob)
}

fn describe(kind: EntryType, name: &str) -> String {
    let kind = match kind {
        EntryType::Regular => "the file",
        EntryType::Directory => "the folder",
        EntryType::Symlink | EntryType::Link => "the link",
        EntryType::XHeader | EntryType::XGlobalHeader | EntryType::GNULongName | EntryType::GNULongLink => {
            "the extension of the format"
        }
        _ => "the special file",
    };
    format!("{kind} `{name}`")
}

fn bad(path: &Path, source: LayoutFault) -> Error {
    Error::NotABundle { path: path.to_owned(), source }
}

/// For `map_err` where the I/O happens.
pub(crate) fn io_error(path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.to_owned();
    move |error| Error::Io { path: path.clone(), source: Arc::new(error) }
}

/// A part of a file, read without moving the place of others that read it.
struct FilePart<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for FilePart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
