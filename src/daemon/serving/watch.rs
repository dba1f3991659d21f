//! Notices when files change that the host runs under. Watches their folders, since files are replaced; where a folder does not
//! exist yet, the nearest that does.

use std::ffi::{OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io, thread};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::store::memo::fingerprint::Fingerprint;

/// How long further changes are waited for, so that a file is not read while it is being written.
const SETTLE: Duration = Duration::from_millis(10);

/// How often the files are looked at although no change was noticed: some disks report none.
const TICK: Duration = Duration::from_secs(2);

/// How often the thread that reads the kernel's events looks whether it is still wanted.
const CHECK: Duration = Duration::from_millis(500);

/// Some files, and how they looked the last time.
pub(in crate::daemon) struct Watch {
    /// None where the kernel gives no watch: then only the tick helps.
    inotify: Option<Arc<OwnedFd>>,
    /// The names of files that something happened to, in whatever folder.
    names: UnboundedReceiver<OsString>,
    seen: Vec<(PathBuf, Option<Fingerprint>)>,
}

impl Watch {
    /// Begins to watch.
    pub(in crate::daemon) fn begin(files: Vec<PathBuf>) -> Self {
        let (sender, names) = unbounded_channel();
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok().map(Arc::new);
        let inotify = inotify.filter(|inotify| {
            let inotify = inotify.clone();
            let reading = thread::Builder::new().name("sesame-watch".to_owned());
            reading.spawn(move || read_names(&inotify, &sender)).is_ok()
        });
        let mut watch = Self { inotify, names, seen: Vec::new() };
        watch.look(files);
        watch
    }

    /// Waits until one of the files has changed since it was looked at.
    pub(in crate::daemon) async fn changed(&mut self) {
        loop {
            let noticed = tokio::time::timeout(TICK, self.noticed()).await.map_err(drop);
            let mut named = noticed == Ok(true);
            if noticed.is_ok() {
                tokio::time::sleep(SETTLE).await;
                named |= self.drain();
            }
            self.arm();
            if named || self.seen.iter().any(|(path, seen)| look(path) != *seen) {
                return;
            }
        }
    }

    /// These are the files from now on, as they are now.
    pub(in crate::daemon) fn look(&mut self, files: Vec<PathBuf>) {
        self.seen = files.into_iter().map(|path| (path.clone(), look(&path))).collect();
        self.arm();
    }

    /// The same, if other files are to be watched now: those that were, as they were looked at.
    pub(in crate::daemon) fn look_again(&mut self, files: Vec<PathBuf>) {
        let known = std::mem::take(&mut self.seen);
        let was = |path: &PathBuf| known.iter().find(|(known, _)| known == path).map(|(_, seen)| *seen);
        self.seen = files.into_iter().map(|path| (path.clone(), was(&path).unwrap_or_else(|| look(&path)))).collect();
        self.arm();
    }

    /// Waits for an event in a folder; says whether it was of one of the files.
    async fn noticed(&mut self) -> bool {
        match self.names.recv().await {
            Some(name) => self.is_watched(&name),
            None => std::future::pending().await,
        }
    }

    /// Takes all events that came meanwhile; says whether one was of one of the files.
    fn drain(&mut self) -> bool {
        let mut named = false;
        while let Ok(name) = self.names.try_recv() {
            named |= self.is_watched(&name);
        }
        named
    }

    fn is_watched(&self, name: &OsStr) -> bool {
        self.seen.iter().any(|(path, _)| path.file_name() == Some(name))
    }

    /// Watches the folders of all files, by whatever links they are reached.
    fn arm(&self) {
        let Some(inotify) = &self.inotify else { return };
        let links = self.seen.iter().filter_map(|(path, _)| fs::canonicalize(path).ok());
        for path in self.seen.iter().map(|(path, _)| path.clone()).chain(links) {
            if let Some(folder) = path.ancestors().skip(1).find(|folder| folder.is_dir()) {
                // A folder that is gone by now is watched the next time.
                let _ = watch_folder(inotify, folder);
            }
        }
    }
}

/// Hands on the names in the kernel's events, until no one wants them any more.
fn read_names(inotify: &OwnedFd, names: &UnboundedSender<OsString>) {
    let check = Timespec { tv_sec: 0, tv_nsec: CHECK.subsec_nanos().into() };
    while !names.is_closed() {
        let mut ready = [PollFd::new(inotify, PollFlags::IN)];
        if !matches!(poll(&mut ready, Some(&check)), Ok(1..)) {
            continue;
        }
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = Reader::new(inotify, &mut buffer);
        while let Ok(event) = events.next() {
            let name = event.file_name().map(|name| OsString::from_vec(name.to_bytes().to_vec()));
            let _ = names.send(name.unwrap_or_default());
        }
    }
}

fn watch_folder(inotify: &OwnedFd, folder: &Path) -> io::Result<()> {
    let changes = WatchFlags::CLOSE_WRITE
        | WatchFlags::MODIFY
        | WatchFlags::ATTRIB
        | WatchFlags::CREATE
        | WatchFlags::DELETE
        | WatchFlags::MOVED_FROM
        | WatchFlags::MOVED_TO
        | WatchFlags::ONLYDIR;
    inotify::add_watch(inotify, folder, changes)?;
    Ok(())
}

/// How a file looks, links followed.
fn look(path: &Path) -> Option<Fingerprint> {
    fs::metadata(path).ok().map(|metadata| Fingerprint::from(&metadata))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test changes files")]
mod tests {
    use std::time::Instant;

    use super::*;

    /// How long it takes to notice what `change` does.
    async fn noticed(watch: &mut Watch, change: impl FnOnce()) -> Duration {
        change();
        let began = Instant::now();
        tokio::time::timeout(Duration::from_secs(10), watch.changed()).await.expect("it must be noticed");
        let files = watch.seen.iter().map(|(path, _)| path.clone()).collect();
        watch.look(files);
        began.elapsed()
    }

    #[tokio::test]
    async fn every_way_to_change_a_file_is_noticed_soon() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/b/policy.toml");
        let dotfiles = folder.path().join("dotfiles");
        fs::create_dir(&dotfiles).unwrap();
        let mut watch = Watch::begin(vec![file.clone()]);
        // Well before the tick, on a busy machine too.
        let soon = TICK / 2;
        let written = noticed(&mut watch, || {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, "a").unwrap();
        });
        assert!(written.await < soon);
        assert!(noticed(&mut watch, || fs::write(&file, "b").unwrap()).await < soon);
        let replaced = noticed(&mut watch, || {
            fs::write(folder.path().join("new"), "c").unwrap();
            fs::rename(folder.path().join("new"), &file).unwrap();
        });
        assert!(replaced.await < soon);
        assert!(noticed(&mut watch, || fs::remove_file(&file).unwrap()).await < soon);
        let linked = noticed(&mut watch, || {
            fs::write(dotfiles.join("policy"), "d").unwrap();
            std::os::unix::fs::symlink(dotfiles.join("policy"), &file).unwrap();
        });
        assert!(linked.await < soon);
        assert!(noticed(&mut watch, || fs::write(dotfiles.join("policy"), "ee").unwrap()).await < soon);
        assert!(noticed(&mut watch, || fs::remove_dir_all(folder.path().join("a")).unwrap()).await < soon);
        let other = tokio::time::timeout(Duration::from_millis(100), watch.changed());
        fs::write(folder.path().join("other"), "x").unwrap();
        assert!(other.await.is_err(), "another file is none of its business");
    }
}
