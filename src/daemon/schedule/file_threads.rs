//! Threads for the files of extensions that are granted folders: four for each, so that one that waits for a FIFO for ever stops
//! no other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::model::report::host::HostedExtension;

/// How long a thread without work stays.
const KEEP_ALIVE: Duration = Duration::from_millis(500);

/// How long a call waits for a free thread.
const WAIT: Duration = Duration::from_millis(200);

/// The runtime of one extension with granted folders.
pub(in crate::daemon) struct FileThreads {
    /// Gone once it is dropped.
    runtime: Option<Runtime>,
    /// Threads that there are, beside the one that drives timers.
    alive: Arc<AtomicUsize>,
    /// A task that waits for a free thread.
    probing: Arc<AtomicBool>,
}

impl FileThreads {
    /// # Errors
    /// If no thread can be started.
    pub(in crate::daemon) fn start() -> std::io::Result<Self> {
        let alive = Arc::new(AtomicUsize::new(0));
        let (started, stopped) = (alive.clone(), alive.clone());
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(HostedExtension::FILE_THREADS)
            .thread_keep_alive(KEEP_ALIVE)
            .thread_name("sesame-files")
            .on_thread_start(move || {
                started.fetch_add(1, Ordering::SeqCst);
            })
            .on_thread_stop(move || {
                stopped.fetch_sub(1, Ordering::SeqCst);
            })
            .enable_all()
            .build()?;
        Ok(Self { runtime: Some(runtime), alive, probing: Arc::default() })
    }

    pub(in crate::daemon) fn handle(&self) -> Option<&Handle> {
        self.runtime.as_ref().map(Runtime::handle)
    }

    /// How many threads are in use, or were within the last moment. When no call of the extension runs, they are stuck.
    pub(in crate::daemon) fn in_use(&self) -> usize {
        self.alive.load(Ordering::SeqCst).saturating_sub(1)
    }

    /// Waits a moment for a free thread; says whether there was one.
    pub(in crate::daemon) async fn has_free_thread(&self) -> bool {
        let Some(handle) = self.handle() else { return false };
        if self.in_use() < HostedExtension::FILE_THREADS {
            return true;
        }
        // Only one waits: others would queue up behind threads that never come back.
        if self.probing.swap(true, Ordering::SeqCst) {
            return false;
        }
        let probing = self.probing.clone();
        let probe = handle.spawn_blocking(move || probing.store(false, Ordering::SeqCst));
        tokio::time::timeout(WAIT, probe).await.is_ok()
    }
}

impl Drop for FileThreads {
    fn drop(&mut self) {
        // What is stuck cannot be waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_stuck_threads_are_counted_and_refuse_until_one_comes_back() {
        let driver = Builder::new_current_thread().enable_all().build().unwrap();
        let threads = FileThreads::start().unwrap();
        let free = || driver.block_on(threads.has_free_thread());
        assert!(free());
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let receiver = Arc::new(parking_lot::Mutex::new(receiver));
        for _ in 0..HostedExtension::FILE_THREADS {
            let receiver = receiver.clone();
            threads.handle().unwrap().spawn_blocking(move || receiver.lock().recv());
        }
        let began = std::time::Instant::now();
        while threads.in_use() < HostedExtension::FILE_THREADS {
            assert!(began.elapsed() < Duration::from_secs(10));
        }
        for _ in 0..3 {
            assert!(!free());
        }
        sender.send(()).unwrap();
        while !free() {
            assert!(began.elapsed() < Duration::from_secs(10));
        }
        drop(sender);
        while threads.in_use() > 0 {
            assert!(began.elapsed() < Duration::from_secs(20), "{}", threads.in_use());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
