//! The demo project: the main job on what is in the repository, without network and server.

use std::fs;

use crate::support::fixture;
use crate::support::sandbox::Sandbox;

#[test]
fn the_demo_is_live_after_one_command_and_up_to_date_after_two() {
    let sandbox = Sandbox::new();
    let demo = fixture("demo/sesame.toml");
    let lock = fixture("demo/sesame.lock");
    let before = fs::metadata(&lock).unwrap().modified().unwrap();
    let run = sandbox.sync(None, &["--locked", "--offline", "--manifest", demo.to_str().unwrap()]);
    for text in ["greeting-extension", "wordcount", "2 extensions are live in profile `demo` (generation 1)"] {
        assert!(run.stderr.contains(text), "{}", run.stderr);
    }
    assert_eq!(fs::metadata(&lock).unwrap().modified().unwrap(), before);
}

#[test]
fn the_demos_lock_is_what_a_fresh_resolve_gives() {
    let sandbox = Sandbox::new();
    for file in ["sesame.toml", "extensions/wordcount.toml"] {
        let text = fs::read_to_string(fixture("demo").join(file)).unwrap();
        sandbox.write(
            file,
            text.replace("oci-layout:vendor", &format!("oci-layout:{}", fixture("demo/vendor").display())),
        );
    }
    sandbox.ok(&["lock"]);
    assert_eq!(sandbox.read("sesame.lock"), fs::read_to_string(fixture("demo/sesame.lock")).unwrap());
}

#[test]
fn the_guests_import_the_committed_interfaces() {
    for (guest, interface) in [("greeting", "config-read"), ("greeting", "secret-read")] {
        let copy = fixture(&format!("guests/{guest}/wit/deps/open-sesame-host/{interface}.wit"));
        let own = fixture(&format!("../wit/{interface}.wit"));
        assert_eq!(fs::read_to_string(copy).unwrap(), fs::read_to_string(own).unwrap(), "{interface}");
    }
}
