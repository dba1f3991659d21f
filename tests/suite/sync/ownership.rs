//! A manifest cannot take over a live set that another one made, unasked.

use std::time::Duration;

use crate::support::artifact::{Artifact, component, importing};
use crate::support::registry::{Fault, Registry};
use crate::support::sandbox::{Run, Sandbox};
use sesame::model::digest::Digest;

fn in_folder(sandbox: &Sandbox, folder: &str, arguments: &[&str]) -> Run {
    Run::of(sandbox.command(arguments).current_dir(sandbox.path(folder)))
}

#[test]
fn a_clone_of_somebody_elses_dotfiles_is_refused_and_shows_what_it_would_change() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("mine"));
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\nextensions.b = { path = \"a.wasm\" }\n");
    sandbox.sync(None, &[]);
    let theirs = importing("theirs", &["open-sesame:host/secret-read@0.1.0"]);
    sandbox.write("../theirs/a.wasm", theirs);
    sandbox.write("../theirs/sesame.toml", "extensions.a = { path = \"a.wasm\", capabilities.secret-read = true }\n");

    let texts = [
        "profile `default` is managed by",
        "project/sesame.toml",
        "- b  a.wasm",
        "~ a  not locked yet, grants: +secret-read",
        "`sesame sync --adopt`",
        "`--profile NAME`",
    ];
    for arguments in [&["sync"][..], &["sync", "--dry-run"], &["sync", "--check"]] {
        let run = in_folder(&sandbox, "theirs", arguments);
        assert_eq!(run.status, 77, "{arguments:?}: {}", run.stderr);
    }
    in_folder(&sandbox, "theirs", &["sync"]).fails(77, &texts[..3]);
    in_folder(&sandbox, "theirs", &["lock"]).fails(0, &["+ a"]);
    let run = in_folder(&sandbox, "theirs", &["sync"]);
    run.fails(77, &["~ a", "grants: +secret-read", "- b  a.wasm", texts[4], texts[5]]);
    in_folder(&sandbox, "theirs", &["sync", "--frozen"]).fails(77, &["grants: +secret-read"]);
    sandbox.run(&["sync"]).fails(0, &["up to date"]);

    in_folder(&sandbox, "theirs", &["sync", "--profile", "theirs"]).fails(0, &["profile `theirs`"]);
    in_folder(&sandbox, "theirs", &["sync", "--adopt"]).fails(0, &["profile `default` (generation 2)"]);
    in_folder(&sandbox, "theirs", &["sync"]).fails(0, &["up to date"]);
    sandbox.run(&["sync"]).fails(77, &["theirs/sesame.toml"]);
}

#[test]
fn another_component_in_a_copied_folder_shows() {
    let sandbox = Sandbox::new();
    sandbox.write("a.wasm", component("mine"));
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
    sandbox.sync(None, &[]);
    sandbox.write("../copy/sesame.toml", sandbox.read("sesame.toml"));
    sandbox.write("../copy/sesame.lock", sandbox.read("sesame.lock"));
    sandbox.write("../copy/a.wasm", component("theirs"));
    in_folder(&sandbox, "copy", &["sync"]).fails(77, &["~ a  not locked yet", "~ the set passes from"]);
    in_folder(&sandbox, "copy", &["sync", "--locked"]).fails(77, &["~ a  not locked yet"]);
    std::fs::remove_file(sandbox.path("copy/a.wasm")).unwrap();
    in_folder(&sandbox, "copy", &["sync"]).fails(77, &["~ a  not locked yet"]);
}

#[test]
fn who_waited_for_the_store_looks_again_at_whose_set_is_live() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let bytes = component("slow");
    let a = registry.push("org/a", "1", &Artifact::wkg(&bytes));
    sandbox.want(&registry, &[("a", &a)]);
    sandbox.write("../theirs/a.wasm", component("theirs"));
    sandbox.write("../theirs/sesame.toml", "extensions.b = { path = \"a.wasm\" }\n");
    registry.misbehave(&Digest::of(&bytes).to_string(), Fault::Delay(Duration::from_secs(2)));
    let mut mine = sandbox.command(&["sync", "-q"]).env_remove("SESAME_TEST_PACE").spawn().unwrap();
    registry.wait_for(&Digest::of(&bytes).to_string());
    in_folder(&sandbox, "theirs", &["sync"]).fails(77, &["waiting for `sesame sync`", "is managed by", "+ b"]);
    assert!(mine.wait().unwrap().success());
    sandbox.run(&["sync"]).fails(0, &["up to date"]);
}

#[test]
fn a_linked_manifest_is_the_same_wherever_it_is_reached() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let a = registry.push("org/a", "1", &Artifact::wkg(&component("a")));
    sandbox.want(&registry, &[("a", &a)]);
    std::fs::create_dir_all(sandbox.path("home/config/pds")).unwrap();
    std::fs::create_dir(sandbox.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(sandbox.path("project/sesame.toml"), sandbox.path("home/config/pds/sesame.toml"))
        .unwrap();
    in_folder(&sandbox, "elsewhere", &["sync"]).fails(0, &["generation 1"]);
    // Lock and drop-ins stay with the folder that it is reached through.
    assert!(sandbox.path("home/config/pds/sesame.lock").exists() && !sandbox.path("project/sesame.lock").exists());
    assert_eq!(in_folder(&sandbox, "project", &["status"]).status, 1);
    in_folder(&sandbox, "project", &["sync"]).fails(0, &["~ the set passes from", "generation 2"]);
    assert!(sandbox.path("project/sesame.lock").exists());
    in_folder(&sandbox, "project", &["upgrade"]).fails(0, &[]);
    in_folder(&sandbox, "elsewhere", &["sync"]).fails(0, &["generation 3"]);
    // A copy is another manifest.
    sandbox.write("../copy/sesame.toml", sandbox.read("sesame.toml"));
    in_folder(&sandbox, "copy", &["sync"]).fails(77, &["is managed by"]);
}

#[test]
fn of_a_manifest_that_was_moved_it_is_said_that_the_old_one_is_gone() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "[extensions]\n");
    sandbox.ok(&["sync"]);
    std::fs::rename(sandbox.path("project"), sandbox.path("moved")).unwrap();
    std::fs::create_dir(sandbox.path("project")).unwrap();
    let gone = "project/sesame.toml, which no longer exists";
    in_folder(&sandbox, "moved", &["sync"]).fails(77, &[gone, "run `sesame sync --adopt`"]);
    let doctor = in_folder(&sandbox, "moved", &["doctor", "--offline"]);
    assert!(doctor.status == 1 && doctor.stdout.contains("`sesame sync --adopt`"), "{}", doctor.stdout);
    in_folder(&sandbox, "moved", &["sync", "--adopt"]).fails(0, &[]);
}

#[test]
fn a_link_that_came_with_a_clone_is_not_the_users_manifest() {
    let sandbox = Sandbox::new();
    sandbox.write("../home/config/pds/sesame.toml", "[extensions]\n");
    std::fs::create_dir(sandbox.path("elsewhere")).unwrap();
    in_folder(&sandbox, "elsewhere", &["sync"]).fails(0, &[]);
    sandbox.write("../clone/extensions/evil.toml", "[extension]\nname = \"evil\"\npath = \"../evil.wasm\"\n");
    sandbox.write("../clone/evil.wasm", component("evil"));
    let own = sandbox.path("home/config/pds/sesame.toml");
    std::os::unix::fs::symlink(own, sandbox.path("clone/sesame.toml")).unwrap();
    in_folder(&sandbox, "clone", &["sync"]).fails(77, &["is managed by", "+ evil"]);
}
