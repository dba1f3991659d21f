//! What a bundle may write, and that all of it is shown before.

use std::fs;
use std::os::unix::fs::symlink;

use crate::bundles;
use crate::support::artifact::component;
use crate::support::sandbox::Sandbox;

use super::protected_paths::granted;

/// A bundle of one extension of a file, which is then said to be of this path.
fn bundle_with(path: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("tool.wasm", component("tool"));
    sandbox.write("sesame.toml", "extensions.tool = { path = \"tool.wasm\" }\n");
    sandbox.ok(&["lock"]);
    sandbox.ok(&["bundle", "export", "../set.tar"]);
    let set = sandbox.path("set.tar");
    let files = ["sesame.toml", "sesame.lock"].into_iter().fold(bundles::read(&set), |files, text| {
        bundles::with_text(&files, text, |text| text.replace("tool.wasm", path))
    });
    bundles::write(&set, &files, Vec::new());
    sandbox
}

#[test]
fn a_bundle_writes_components_alone_and_none_in_hidden_folders() {
    for path in ["GNUmakefile", ".bashrc", ".git/hooks/x.wasm", "policy.toml", "extensions", "a/.b/c.wasm", "x.wasm/y"]
    {
        let from = bundle_with(path);
        let machine = Sandbox::new();
        let run = machine.run(&["bundle", "import", from.path("set.tar").to_str().unwrap(), "--grant-all"]);
        run.fails(65, &[&format!("it would write the component of `tool` to {path}")]);
        assert!(!machine.path("home/config").exists(), "{path}");
    }
    let from = bundle_with("build/tool.wasm");
    let machine = Sandbox::new();
    machine.ok(&["bundle", "import", from.path("set.tar").to_str().unwrap(), "--grant-all"]);
    assert!(machine.path("home/config/pds/build/tool.wasm").is_file());
}

#[test]
fn an_export_refuses_what_no_import_would_take() {
    let sandbox = Sandbox::new();
    sandbox.write("tool", component("tool"));
    sandbox.write("sesame.toml", "extensions.tool = { path = \"tool\" }\n");
    sandbox.ok(&["lock"]);
    sandbox
        .run(&["bundle", "export", "../set"])
        .fails(65, &["`tool` is made from tool, and a bundle carries files named *.wasm"]);
}

#[test]
fn what_a_bundle_writes_is_shown_and_agreed_to_even_where_it_grants_nothing() {
    let from = bundle_with("tool.wasm");
    let set = from.path("set.tar");
    let machine = Sandbox::new();
    let run = machine.run(&["bundle", "import", set.to_str().unwrap()]);
    run.fails(77, &["the bundle writes ", "config/pds/tool.wasm", "config/pds/sesame.toml", "add `--grant-all`"]);
    assert!(!machine.path("home/config").exists() && !machine.data().join("profiles").exists());
    let run = machine.ok(&["bundle", "import", set.to_str().unwrap(), "--grant-all"]);
    for file in ["tool.wasm", "sesame.toml", "sesame.lock"] {
        let written = format!("  writes {}", machine.path("home/config/pds").join(file).display());
        assert!(run.stderr.contains(&written), "no `{written}` in {}", run.stderr);
    }
    // The same one again writes nothing, and asks nothing.
    machine.ok(&["bundle", "import", set.to_str().unwrap()]).fails(0, &["up to date"]);
}

#[test]
fn a_bundle_is_not_written_through_links() {
    let from = bundle_with("build/tool.wasm");
    let set = from.path("set.tar");
    for (link, leads) in [
        ("build", "../../outside"),
        ("extensions", "../../outside"),
        ("sesame.toml", "../../outside/z"),
        ("build/tool.wasm", "../../../outside/z"),
    ] {
        let machine = Sandbox::new();
        machine.write("../outside/z", "");
        let path = machine.path("home/config/pds").join(link);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(leads, &path).unwrap();
        let imported = ["bundle", "import", set.to_str().unwrap(), "--grant-all", "--replace"];
        let run = machine.run(&imported);
        if link == "extensions" {
            // It brings no drop-ins, so nothing goes there; but what is there may be taken away.
            assert_eq!(run.status, 0, "{}", run.stderr);
            machine.write("../outside/mine.toml", "[extension]\npath = \"/nowhere.wasm\"\n");
            let run = machine.run(&imported);
            run.fails(78, &[&path.display().to_string(), "is a link, which may lead outside of"]);
            fs::remove_file(machine.path("outside/mine.toml")).expect("it is still there");
            // A drop-in that is a link itself, as stow makes them, is one to remove.
            fs::remove_file(&path).unwrap();
            machine.write("../outside/z.toml", "");
            let drop_in = machine.path("home/config/pds/extensions/z.toml");
            fs::create_dir_all(drop_in.parent().unwrap()).unwrap();
            symlink("../../../outside/z.toml", &drop_in).unwrap();
            machine.ok(&imported);
            assert!(!drop_in.is_symlink());
            fs::remove_file(machine.path("outside/z.toml")).expect("what it leads to is still there");
        } else {
            run.fails(78, &[&path.display().to_string(), "is a link, which may lead outside of"]);
        }
        assert_eq!(fs::read_dir(machine.path("outside")).unwrap().count(), 1, "{link}");
    }
}

#[test]
fn what_is_granted_is_shown_so_that_nothing_in_it_is_hidden() {
    for (item, shown) in [
        ("~/no\u{200b}tes", "~/no\\u{200b}tes"),
        ("~/a\u{61c}b", "~/a\\u{61c}b"),
        ("~/a\u{2028}b", "~/a\\u{2028}b"),
        ("~/a\u{ad}b", "~/a\\u{ad}b"),
        ("~/a\u{e0041}b", "~/a\\u{e0041}b"),
        ("~/a\u{202e}b", "~/a\\u{202e}b"),
    ] {
        let sandbox = Sandbox::new();
        granted(&sandbox, item, "");
        for command in [
            &["sync", "--dry-run"][..],
            &["lock"],
            &["sync"],
            &["extension", "info", "notes"],
            &["extension", "list"],
            &["graph"],
        ] {
            let run = sandbox.run(command);
            let said = run.stdout + &run.stderr;
            assert!(!said.contains(item), "{command:?} shows {item:?} as it is:\n{said}");
            let grants = !matches!(command[0], "lock" | "graph");
            assert!(!grants || said.contains(shown), "{command:?} does not show {shown}:\n{said}");
        }
    }
}
