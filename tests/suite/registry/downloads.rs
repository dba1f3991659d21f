//! Downloads: how much is fetched again after a cut or a kill, and how often and how busily a registry is asked.

use std::sync::OnceLock;
use std::time::Duration;

use crate::support::artifact::{Artifact, component};
use crate::support::registry::{Fault, Registry};
use crate::support::registry_fixture::{log_in, tokens};
use crate::support::sandbox::Sandbox;
use sesame::model::digest::Digest;

const MIB: usize = 1 << 20;

/// Numbers that are the same each time: xorshift64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// A component with so many bytes of letters, and a memory that has room for them.
fn large_component(size: usize) -> Vec<u8> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut letters = String::with_capacity(size + 8);
    while letters.len() < size {
        letters.extend(random.next().to_le_bytes().map(|byte| char::from(b'a' + byte % 26)));
    }
    let pages = letters.len() / (64 << 10) + 1;
    let text = format!(
        "(component
           (core module $m (memory {pages}) (data (i32.const 0) \"{letters}\")
             (func (export \"run\") (result i32) i32.const 7))
           (core instance $i (instantiate $m))
           (func (export \"run\") (result u32) (canon lift (core func $i \"run\"))))"
    );
    wat::parse_str(&text).unwrap()
}

/// A component of 16 MiB.
fn large() -> &'static [u8] {
    static LARGE: OnceLock<Vec<u8>> = OnceLock::new();
    LARGE.get_or_init(|| large_component(16 * MIB))
}

/// Not a tenth more than the component itself was sent.
fn assert_sent_about_once(registry: &Registry, component: &[u8]) {
    let (sent, size) = (registry.bytes_sent(), component.len() as u64);
    println!("{sent} bytes were sent for a component of {size}");
    assert!(sent >= size && sent < size + size / 10, "{sent} bytes were sent for {size}");
}

/// A component that is cut twenty times, somewhere in each twentieth.
fn cut_twenty_times(component: &[u8]) {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(component));
    sandbox.want(&registry, &[("a", &a)]);
    let (mut random, digest) = (Random(20), Digest::of(component).to_string());
    for _ in 0..20 {
        let at = usize::try_from(random.next()).unwrap() % (component.len() / 20);
        registry.misbehave_times(&digest, 1, Fault::CutAt(at));
    }
    let succeeds = |_: &usize| sandbox.run(&["sync"]).status == 0;
    assert!((0..21).any(|run| succeeds(&run)), "21 syncs are not enough");
    assert_sent_about_once(&registry, component);
    sandbox.sync(Some(&registry), &[]);
}

#[test]
fn a_component_that_is_cut_twenty_times_costs_hardly_more_than_once() {
    cut_twenty_times(large());
}

#[test]
#[ignore = "100 MiB; .ci/full runs it"]
fn a_component_of_100_mib_that_is_cut_twenty_times_costs_hardly_more_than_once() {
    cut_twenty_times(&large_component(100 * MIB));
}

#[test]
fn a_host_that_breaks_off_and_never_goes_on_is_given_up() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let component = large_component(4 * MIB);
    let a = registry.push("org/a", "1", &Artifact::wkg(&component));
    sandbox.want(&registry, &[("a", &a)]);
    let digest = Digest::of(&component).to_string();
    registry.misbehave(&digest, Fault::CutAt(2 * MIB));
    registry.misbehave(&digest, Fault::NoRange);
    sandbox.run(&["lock"]).fails(69, &["a: "]);
    assert!(registry.take_log().len() < 15);
}

#[test]
fn a_download_goes_on_after_the_process_was_killed() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(large()));
    sandbox.want(&registry, &[("a", &a)]);
    registry.misbehave(&Digest::of(large()).to_string(), Fault::Stall(8 * MIB));
    let mut killed = sandbox.command(&["sync", "--quiet"]).env_remove("SESAME_TEST_PACE").spawn().unwrap();
    let on_disk = || sandbox.trace(&sandbox.path("home")).values().map(|look| look.1).sum::<u64>();
    let mut waits = 0;
    while on_disk() < 7 * MIB as u64 {
        assert!(waits < 3000, "the bytes never reach the disk");
        std::thread::sleep(Duration::from_millis(10));
        waits += 1;
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(registry.ranges(), Vec::<String>::new());
    registry.behave();
    sandbox.sync(Some(&registry), &[]);
    assert_eq!(registry.ranges().len(), 1, "{:?}", registry.ranges());
    assert_sent_about_once(&registry, large());
}

#[test]
fn twenty_revisions_of_one_repository_cost_one_token() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    want_twenty(&sandbox, &registry, |n| ("org/a".to_owned(), n.to_string()));
    registry.want_tokens(tokens());
    log_in(&sandbox, &registry);
    sandbox.sync(Some(&registry), &[]);
    let log = registry.take_log();
    assert_eq!(log.iter().filter(|line| line.contains("/token")).count(), 1, "{log:?}");
}

#[test]
fn at_most_six_requests_a_host_go_on_at_once() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    want_twenty(&sandbox, &registry, |n| (format!("org/e{n}"), "1".to_owned()));
    registry.misbehave("", Fault::Delay(Duration::from_millis(200)));
    sandbox.sync(Some(&registry), &[]);
    let most = registry.most_at_once();
    assert!((4..=6).contains(&most), "{most} requests at once");
}

/// Publishes twenty extensions, each in a repository and under a tag, and writes a manifest that wants them.
fn want_twenty(sandbox: &Sandbox, registry: &Registry, place: impl Fn(usize) -> (String, String)) {
    let extensions = (0..20).map(|n| {
        let (repository, tag) = place(n);
        let name = format!("e{n}");
        let reference = registry.push(&repository, &tag, &Artifact::wkg(&component(&name)));
        (name, reference)
    });
    let extensions: Vec<(String, String)> = extensions.collect();
    let wanted: Vec<(&str, &str)> = extensions.iter().map(|(name, from)| (name.as_str(), from.as_str())).collect();
    sandbox.want(registry, &wanted);
}
