//! What a disk holds after a power cut: of a traced command, what was synced by then, and of the rest whatever chance keeps.
//!
//! The model is the weakest that POSIX allows: a name is safe once its folder was synced, bytes are once their file was, and
//! what is not safe may be lost, kept, cut short or turned to zeros, each for itself and in no order.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::sandbox::{Run, Sandbox};
use super::seeded_rng::SeededRng;

/// The calls that a trace needs.
const CALLS: &str = "openat,write,pwrite64,writev,ftruncate,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,\
                     fsync,fdatasync,chmod,fchmod,fchmodat,link,linkat,symlink,symlinkat,copy_file_range,sendfile,fallocate";

/// One call that changed the disk, or made a change safe.
#[derive(Debug, Clone)]
enum Event {
    Create { path: PathBuf, mode: u32, is_emptied: bool },
    Append { path: PathBuf, bytes: Vec<u8> },
    Truncate { path: PathBuf, length: usize },
    Mode { path: PathBuf, mode: u32 },
    Rename { from: PathBuf, to: PathBuf },
    Unlink { path: PathBuf },
    Folder { path: PathBuf, mode: u32 },
    Sync { path: PathBuf },
}

/// What a command did to the disk, in order.
pub struct Trace(Vec<Event>);

/// A file or a folder.
#[derive(Debug, Clone, Default)]
struct Node {
    is_folder: bool,
    now: Content,
    /// What a power cut leaves for certain.
    safe: Content,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Content {
    bytes: Vec<u8>,
    mode: u32,
}

/// A file system: nodes, their names now, and the names that are safe with those that are not yet.
struct Disk {
    nodes: Vec<Node>,
    now: BTreeMap<PathBuf, usize>,
    safe: BTreeMap<PathBuf, usize>,
    pending: Vec<(PathBuf, Option<usize>)>,
}

impl Trace {
    /// Runs a command and writes down what it does below the sandbox.
    pub fn of(sandbox: &Sandbox, command: &[&str]) -> (Self, Run) {
        let log = sandbox.path("tmp/strace");
        let (log_name, trace) = (log.display().to_string(), format!("trace={CALLS}"));
        let before = ["-f", "-y", "-xx", "-s", "1000000000", "-o", &log_name, "-e", &trace];
        let mut strace = sandbox.command_under("strace", &before, command);
        let run = Run::of(&mut strace);
        let (root, log) = (sandbox.path(""), fs::read_to_string(log).unwrap());
        let mut begun: BTreeMap<&str, String> = BTreeMap::new();
        let mut events = Vec::new();
        for (thread, line) in log.lines().filter_map(|line| line.split_once(' ')) {
            let line = line.trim_start();
            if let Some(begin) = line.strip_suffix(" <unfinished ...>") {
                begun.insert(thread, begin.to_owned());
                continue;
            }
            let whole = match line.split_once(" resumed>") {
                Some((_, rest)) => begun.remove(thread).unwrap() + rest,
                None => line.to_owned(),
            };
            events.extend(event(&whole, &root));
        }
        (Self(events), run)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// The event of a call that did something below `root`.
fn event(line: &str, root: &Path) -> Option<Event> {
    let (call, rest) = line.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let arguments = arguments.trim_end().strip_suffix(')')?;
    if result.trim_start().starts_with('-') {
        return None;
    }
    // A file is told by its name, or by what is open: both are written as bytes.
    let decode = |text: &str| -> Vec<u8> {
        let byte = |hex: &str| u8::from_str_radix(&hex[..2], 16).unwrap();
        text.split("\\x").skip(1).map(byte).collect()
    };
    let quoted: Vec<Vec<u8>> = arguments.split('"').skip(1).step_by(2).map(decode).collect();
    let names: Vec<PathBuf> = quoted.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned().into()).collect();
    let opened = || -> Option<PathBuf> {
        let first = arguments.split(',').next()?;
        let path = first.split_once('<')?.1.split('>').next()?;
        Some(String::from_utf8_lossy(&decode(path)).into_owned().into())
    };
    let last_number = |radix| {
        let last = arguments.rsplit(", ").next()?;
        usize::from_str_radix(last, radix).ok()
    };
    let mode = || last_number(8).map(|mode| mode as u32);
    let named = || names.first().cloned();
    let event = match call {
        "openat" if arguments.contains("O_CREAT") => {
            Event::Create { path: named()?, mode: mode()?, is_emptied: arguments.contains("O_TRUNC") }
        }
        "openat" if arguments.contains("O_TRUNC") => Event::Truncate { path: named()?, length: 0 },
        "openat" => return None,
        "write" | "pwrite64" | "writev" => Event::Append { path: opened()?, bytes: quoted.concat() },
        "ftruncate" => Event::Truncate { path: opened()?, length: last_number(10)? },
        "fchmod" => Event::Mode { path: opened()?, mode: mode()? },
        "chmod" => Event::Mode { path: named()?, mode: mode()? },
        "rename" | "renameat" | "renameat2" => Event::Rename { from: named()?, to: names.get(1)?.clone() },
        "unlink" | "unlinkat" | "rmdir" => {
            // Those that walk through a folder name what is in it alone.
            let name = named()?;
            Event::Unlink { path: if name.is_absolute() { name } else { opened()?.join(name) } }
        }
        "mkdir" | "mkdirat" => Event::Folder { path: named()?, mode: mode()? },
        "fsync" | "fdatasync" => Event::Sync { path: opened()? },
        // Of a thread that ended at that moment.
        "???" => return None,
        other => panic!("the model does not know {other}: {arguments}"),
    };
    let (Event::Create { path, .. }
    | Event::Append { path, .. }
    | Event::Truncate { path, .. }
    | Event::Mode { path, .. }
    | Event::Rename { from: path, .. }
    | Event::Unlink { path }
    | Event::Folder { path, .. }
    | Event::Sync { path }) = &event;
    path.starts_with(root).then_some(event)
}

impl Disk {
    /// Everything below a folder, all of it safe.
    fn of(folder: &Path) -> Self {
        let mut disk = Self { nodes: Vec::new(), now: BTreeMap::new(), safe: BTreeMap::new(), pending: Vec::new() };
        let mut paths = vec![folder.to_owned()];
        while let Some(path) = paths.pop() {
            let metadata = fs::metadata(&path).unwrap();
            let is_folder = metadata.is_dir();
            if is_folder {
                paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
            let bytes = if is_folder { Vec::new() } else { fs::read(&path).unwrap() };
            let content = Content { bytes, mode: metadata.permissions().mode() & 0o7777 };
            disk.nodes.push(Node { is_folder, safe: content.clone(), now: content });
            disk.safe.insert(path, disk.nodes.len() - 1);
        }
        disk.now = disk.safe.clone();
        disk
    }

    fn name(&mut self, path: &Path, node: Option<usize>) {
        match node {
            Some(node) => drop(self.now.insert(path.to_owned(), node)),
            None => drop(self.now.remove(path)),
        }
        self.pending.push((path.to_owned(), node));
    }

    fn add(&mut self, path: &Path, mode: u32, is_folder: bool) {
        let content = Content { bytes: Vec::new(), mode };
        self.nodes.push(Node { is_folder, safe: content.clone(), now: content });
        self.name(path, Some(self.nodes.len() - 1));
    }

    fn happens(&mut self, event: &Event) {
        match event {
            Event::Create { path, mode, .. } if !self.now.contains_key(path) => self.add(path, *mode, false),
            Event::Create { path, is_emptied: true, .. } => self.now(path, |content| content.bytes.clear()),
            Event::Create { .. } => {}
            Event::Append { path, bytes } => self.now(path, |content| content.bytes.extend(bytes)),
            Event::Truncate { path, length } => self.now(path, |content| content.bytes.resize(*length, 0)),
            Event::Mode { path, mode } => self.now(path, |content| content.mode = *mode),
            Event::Rename { from, to } => {
                let node = self.now[from];
                self.name(to, Some(node));
                self.name(from, None);
            }
            Event::Unlink { path } => self.name(path, None),
            Event::Folder { path, mode } => self.add(path, *mode, true),
            Event::Sync { path } => {
                if let Some(node) = self.now.get(path) {
                    self.nodes[*node].safe = self.nodes[*node].now.clone();
                }
                let (safe, pending) =
                    std::mem::take(&mut self.pending).into_iter().partition(|(name, _)| name.parent() == Some(path));
                self.pending = pending;
                self.keep(safe);
            }
        }
    }

    /// Changes what a file holds, or its mode. One that has no name any more is nobody's.
    fn now(&mut self, path: &Path, change: impl FnOnce(&mut Content)) {
        if let Some(node) = self.now.get(path) {
            change(&mut self.nodes[*node].now);
        }
    }

    /// These changes of names are safe from now on.
    fn keep(&mut self, changes: Vec<(PathBuf, Option<usize>)>) {
        for (path, node) in changes {
            match node {
                Some(node) => drop(self.safe.insert(path, node)),
                None => drop(self.safe.remove(&path)),
            }
        }
    }

    /// The power goes. Of what was not safe, `kept` in ten names stay, and bytes as chance has it.
    fn cut(&mut self, chance: &mut SeededRng, kept: u64) {
        let pending = std::mem::take(&mut self.pending);
        self.keep(pending.into_iter().filter(|_| chance.below(10) < kept).collect());
        for node in self.nodes.iter_mut().filter(|node| !node.is_folder && node.now != node.safe) {
            let mut lost = node.now.clone();
            let length = lost.bytes.len() as u64;
            match chance.below(5) {
                0 => {}
                1 => lost.bytes.truncate(chance.below(length + 1) as usize),
                2 => lost.bytes.fill(0),
                3 => {
                    let from = chance.below(length + 1) as usize;
                    lost.bytes[from..].fill(0);
                }
                _ => lost = node.safe.clone(),
            }
            node.safe = lost;
        }
    }

    /// Writes what is safe to the real disk.
    fn write(&self, folder: &Path) {
        fs::remove_dir_all(folder).unwrap();
        for (path, node) in &self.safe {
            let (node, parent) = (&self.nodes[*node], path.parent().unwrap());
            // What was in a folder that is lost is lost with it.
            if path != folder && !self.safe.contains_key(parent) || !parent.exists() {
                continue;
            }
            if node.is_folder {
                fs::create_dir(path).unwrap()
            } else {
                fs::write(path, &node.safe.bytes).unwrap()
            }
            fs::set_permissions(path, Permissions::from_mode(node.safe.mode)).unwrap();
        }
    }
}

/// The files that a traced command leaves where nothing is cut.
pub fn undisturbed(folder: &Path, trace: &Trace) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut disk = Disk::of(folder);
    trace.0.iter().for_each(|event| disk.happens(event));
    let files = disk.now.iter().filter(|(_, node)| !disk.nodes[**node].is_folder);
    files.map(|(path, node)| (path.clone(), disk.nodes[*node].now.bytes.clone())).collect()
}

/// Puts on the disk what is left of a traced command if the power goes after so many of its events. `folder` holds what was
/// there before it.
pub fn power_cut(folder: &Path, trace: &Trace, after: usize, chance: &mut SeededRng) {
    let mut disk = Disk::of(folder);
    for event in &trace.0[..after] {
        disk.happens(event);
    }
    let kept = [0, 5, 10][chance.below(3) as usize];
    disk.cut(chance, kept);
    disk.write(folder);
}
