//! What a process costs: time, the processor's time, memory.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Of a process and those that it started.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    pub wall: Duration,
    pub cpu: Duration,
    /// The most that all of them held at a time, in bytes; looked at every 10 ms.
    pub peak: u64,
}

impl std::ops::AddAssign for Cost {
    /// One after the other.
    fn add_assign(&mut self, other: Self) {
        self.wall += other.wall;
        self.cpu += other.cpu;
        self.peak = self.peak.max(other.peak);
    }
}

/// Runs a command that must succeed.
pub fn cost(command: &mut Command) -> Cost {
    let (before, start) = (cpu_of_children(), Instant::now());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut peak = 0;
    let status = loop {
        peak = peak.max(memory(&child));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let wall = start.elapsed();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
    assert!(status.success(), "{command:?}: {said}");
    Cost { wall, cpu: cpu_of_children() - before, peak }
}

/// The most memory that the process of a short command ever held, in bytes, as the kernel notes it.
pub fn high_water(command: &mut Command) -> u64 {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let [program, status] = ["exe", "status"].map(|file| format!("/proc/{}/{file}", child.id()));
    let mut most = 0;
    loop {
        // Before it is the program, it is a copy of this process.
        let is_it = fs::read_link(&program).is_ok_and(|program| program.ends_with("sesame"));
        let text = fs::read_to_string(&status).ok().filter(|_| is_it).unwrap_or_default();
        let kib = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        most = most.max(kib.unwrap_or(0_u64));
        if child.try_wait().unwrap().is_some() {
            return most << 10;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// How long a short command takes, without looking at it meanwhile.
pub fn time(command: &mut Command) -> Duration {
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output().unwrap();
    let elapsed = start.elapsed();
    let said: String = String::from_utf8_lossy(&output.stderr).chars().take(2_000).collect();
    assert!(output.status.success(), "{command:?}: {said}");
    elapsed
}

pub fn median<T: PartialOrd + Copy>(mut figures: Vec<T>) -> T {
    figures.sort_by(|a, b| a.partial_cmp(b).unwrap());
    figures[figures.len() / 2]
}

/// The medians of some measurements that are made in turns, after one round that does not count.
pub fn in_turns<const N: usize>(rounds: usize, mut measure: impl FnMut(usize) -> Duration) -> [Duration; N] {
    let mut times: [Vec<Duration>; N] = std::array::from_fn(|_| Vec::new());
    for round in 0..=rounds {
        for (at, times) in times.iter_mut().enumerate() {
            let time = measure(at);
            if round > 0 {
                times.push(time);
            }
        }
    }
    times.map(median)
}

/// The processor's time of all children that have ended, in the kernel's ticks of 10 ms.
fn cpu_of_children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<u64> =
        stat.rsplit(')').next().unwrap().split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    Duration::from_millis((fields[13] + fields[14]) * 10)
}

/// What a process and its children hold, in bytes.
fn memory(child: &Child) -> u64 {
    let mut processes = BTreeSet::new();
    let mut pending = vec![child.id()];
    while let Some(process) = pending.pop() {
        processes.insert(process);
        for task in fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            pending.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    let resident = |process: &u32| {
        let status = fs::read_to_string(format!("/proc/{process}/statm")).unwrap_or_default();
        status.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
    };
    processes.iter().map(resident).sum()
}
