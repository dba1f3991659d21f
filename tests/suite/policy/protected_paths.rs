//! What a guest may write to, and what a bundle may: nothing that any project of this machine reads.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::artifact::component;
use crate::support::sandbox::{Run, Sandbox};

use super::grants::writer;

/// A project of a guest that writes files, granted one folder, beside other entries.
pub fn granted(sandbox: &Sandbox, folder: &str, others: &str) {
    sandbox.write("notes.wasm", writer());
    let entry = format!("notes = {{ path = \"notes.wasm\", capabilities.fs-write = [\"{folder}\"] }}");
    sandbox.write("sesame.toml", format!("[extensions]\n{entry}\n{others}"));
}

#[test]
fn nothing_that_this_project_reads_is_given_for_writing() {
    let sandbox = Sandbox::new();
    sandbox.write("build/clock.wasm", component("clock"));
    sandbox.write("vendor/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    sandbox.write("vendor/index.json", "{\"schemaVersion\":2,\"manifests\":[]}");
    sandbox.write("trust/ca.pem", "");
    sandbox.write(".git/hooks/x", "");
    sandbox.write("notes/x", "");
    fs::create_dir_all(sandbox.path("project/vendor/blobs/sha256")).unwrap();
    symlink("build", sandbox.path("project/linked")).unwrap();
    let others = "clock = { path = \"linked/clock.wasm\" }\n[registries.\"ghcr.io\"]\nmirrors = [\"oci-layout:vendor\"]\nca = \"trust/ca.pem\"\n";
    for (folder, read) in [
        (".", "project/"),
        ("build", "build/clock.wasm, the component of `clock` of"),
        ("vendor", "vendor, a mirror of"),
        ("vendor/blobs", "vendor/blobs/sha256, a mirror of"),
        ("trust", "trust/ca.pem, the certificates of"),
        (".git", ".git, the repository of"),
        (".git/hooks", ".git, the repository of"),
    ] {
        granted(&sandbox, folder, others);
        let run = sandbox.run(&["sync"]);
        run.fails(77, &["a folder that `notes` is granted cannot be given to it", "can be used to change", read]);
        run.fails(77, &["project/sesame.toml", "grant a folder that neither holds it nor lies in it"]);
    }
    // Two faults of one extension are no two extensions.
    sandbox.write(
        "sesame.toml",
        "extensions.notes = { path = \"notes.wasm\", capabilities = { fs-write = [\".\"], fs-read = [\"/proc\"] } }\n",
    );
    let said = ["project can be used to change", "/proc is, or lies in, /proc", "1 extension cannot be used"];
    sandbox.run(&["sync"]).fails(77, &said);
    granted(&sandbox, "notes", others);
    sandbox.ok(&["sync"]);
}

#[test]
fn nothing_that_another_active_manifest_or_a_policy_reads_is_given_for_writing() {
    let sandbox = Sandbox::new();
    // The dotfiles have a profile of their own; the manifest that is found leads to them.
    sandbox.write("../dotfiles/parts/tool.wasm", component("tool"));
    sandbox.write("../dotfiles/sesame.toml", "profile = \"mine\"\nextensions.tool = { path = \"parts/tool.wasm\" }\n");
    sandbox.write("../dotfiles/.git/config", "");
    sandbox.write("../policies/policy.toml", "[registries.\"ghcr.io\"]\nca = \"../trust/ca.pem\"\n");
    sandbox.write("../trust/ca.pem", "");
    fs::create_dir_all(sandbox.path("home/config/pds")).unwrap();
    symlink(sandbox.path("policies/policy.toml"), sandbox.path("home/config/pds/policy.toml")).unwrap();
    let dotfiles = sandbox.path("dotfiles");
    sandbox.ok(&["sync", "--manifest", dotfiles.to_str().unwrap()]);
    for (folder, read) in [
        ("~/dotfiles", "dotfiles/"),
        ("~/dotfiles/parts", "the component of `tool` of"),
        ("~/dotfiles/.git", "the repository of"),
        ("~/policies", "policies/policy.toml, a policy of"),
    ] {
        granted(&sandbox, folder, "");
        sandbox.run(&["sync"]).fails(77, &["can be used to change", read]);
        let call = ["extension", "call", "./notes.wasm", "run", "--grant", &format!("fs-write={folder}")[..]]
            .map(str::to_owned);
        let call: Vec<&str> = call.iter().map(String::as_str).collect();
        sandbox.run(&call).fails(77, &["can be used to change", read]);
    }
    // And for what the default profile reads.
    sandbox.write("../elsewhere/x", "");
    granted(&sandbox, "~/elsewhere", "");
    sandbox.ok(&["sync"]);
    let call = ["extension", "call", "./notes.wasm", "run", "--grant", "fs-write=."];
    let run = Run::of(sandbox.command(&call).current_dir(sandbox.path("project")));
    run.fails(77, &["can be used to change", "project/"]);
    // Also where it became so after it was granted.
    sandbox.ok(&["extension", "call", "notes", "run"]);
    sandbox.write("../elsewhere/late.wasm", component("late"));
    sandbox.write(
        "../dotfiles/sesame.toml",
        "profile = \"mine\"\nextensions.tool = { path = \"../elsewhere/late.wasm\" }\n",
    );
    let late = sandbox.run(&["sync", "--manifest", dotfiles.to_str().unwrap()]);
    late.fails(77, &["`notes` of profile `default` may write to", "elsewhere/late.wasm, the component of `tool`"]);
    sandbox.run(&["extension", "call", "notes", "run"]).fails(77, &["late.wasm, the component of `tool` of"]);
}

#[test]
fn repositories_and_drop_ins_are_found_through_links_and_worktrees() {
    let sandbox = Sandbox::new();
    // A manifest linked from a repository of dotfiles, as stow does it: a hook there could change the file.
    sandbox.write("../dotfiles/.git/hooks/x", "");
    sandbox.write("tool.wasm", component("tool"));
    let drop_in = |name: &str| format!("[extension]\nname = \"{name}\"\npath = \"../tool.wasm\"\n");
    sandbox.write("../dotfiles/sesame/tool.toml", drop_in("tool"));
    sandbox.write("../repositories/bare/hooks/x", "");
    sandbox.write("../repositories/bare/worktrees/side/commondir", "../..\n");
    sandbox.write("../worktrees/side/.git", "gitdir: ../../repositories/bare/worktrees/side\n");
    sandbox.write("../worktrees/side/other.toml", drop_in("other"));
    fs::create_dir_all(sandbox.path("project/extensions")).unwrap();
    symlink("../../dotfiles/sesame/tool.toml", sandbox.path("project/extensions/tool.toml")).unwrap();
    symlink("../../worktrees/side/other.toml", sandbox.path("project/extensions/other.toml")).unwrap();
    sandbox.write("notes.wasm", writer());
    for (folder, read) in [
        ("../dotfiles/sesame", "dotfiles/sesame/tool.toml, a drop-in of"),
        ("../dotfiles/.git/hooks", "dotfiles/.git, the repository of"),
        ("../worktrees/side", "worktrees/side/"),
        ("../repositories/bare/worktrees/side", "repositories/bare/worktrees/side, the repository of"),
        ("../repositories/bare/hooks", "repositories/bare, the repository of"),
    ] {
        granted(&sandbox, folder, "");
        sandbox.run(&["sync"]).fails(77, &["can be used to change", read]);
    }
}

#[test]
fn nothing_is_given_for_writing_while_an_active_manifest_cannot_be_read() {
    let sandbox = Sandbox::new();
    sandbox.write("../dotfiles/sesame.toml", "profile = \"mine\"\n");
    let dotfiles = sandbox.path("dotfiles");
    sandbox.ok(&["sync", "--manifest", dotfiles.to_str().unwrap()]);
    sandbox.write("../dotfiles/sesame.toml", "profile = \"mine\"\n[extensions\n");
    sandbox.write("notes/x", "");
    granted(&sandbox, "notes", "");
    sandbox
        .run(&["sync"])
        .fails(65, &["no folder can be granted for writing while ", "dotfiles/sesame.toml:2: ", "repair it"]);
    sandbox.write("sesame.toml", "extensions.notes = { path = \"notes.wasm\", capabilities.fs-read = [\"notes\"] }\n");
    sandbox.run(&["sync", "--dry-run"]).fails(0, &[]);
    // Nor while a drop-in of it leads nowhere.
    sandbox.write("../dotfiles/sesame.toml", "profile = \"mine\"\n");
    fs::create_dir(dotfiles.join("extensions")).unwrap();
    symlink("nowhere", dotfiles.join("extensions/tool.toml")).unwrap();
    granted(&sandbox, "notes", "");
    sandbox.run(&["sync"]).fails(74, &["no folder can be granted for writing while ", "dotfiles/sesame.toml"]);
    fs::remove_dir_all(dotfiles.join("extensions")).unwrap();
    // A manifest that is gone, or on a disk that is not mounted, reads nothing.
    fs::remove_file(dotfiles.join("sesame.toml")).unwrap();
    granted(&sandbox, "notes", "");
    sandbox.ok(&["sync"]);
    symlink("/mnt/gone/sesame.toml", dotfiles.join("sesame.toml")).unwrap();
    sandbox.ok(&["sync"]);
    // What is active stays so while manifests are edited; what was never agreed to waits.
    fs::remove_file(dotfiles.join("sesame.toml")).unwrap();
    for manifest in ["../dotfiles/sesame.toml", "sesame.toml"] {
        sandbox.write(manifest, "[extensions\n");
        sandbox.ok(&["extension", "call", "notes", "run"]);
        let call = ["extension", "call", "./notes.wasm", "run", "--grant", "fs-write=notes"];
        sandbox.run(&call).fails(65, &["no folder can be granted for writing while "]);
    }
}

#[test]
fn status_doctor_and_rollback_report_a_folder_that_sync_refuses() {
    let sandbox = Sandbox::new();
    sandbox.write("notes/x", "");
    granted(&sandbox, "notes", "");
    sandbox.ok(&["sync"]);
    sandbox.ok(&["doctor", "--offline"]).fails(0, &[]);
    // What another set reads by now is in the folder.
    sandbox.write("../project/notes/tool.wasm", component("tool"));
    sandbox.write("../dotfiles/sesame.toml", "profile = \"mine\"\n");
    let dotfiles = sandbox.path("dotfiles");
    let of_dotfiles = |command: &[&str]| sandbox.run(&[command, &["-m", dotfiles.to_str().unwrap()]].concat());
    of_dotfiles(&["sync"]).fails(0, &[]);
    let tool = "profile = \"mine\"\nextensions.tool = { path = \"../project/notes/tool.wasm\" }\n";
    sandbox.write("../dotfiles/sesame.toml", tool);
    let reads = "notes/tool.wasm, the component of `tool` of";
    for (command, status) in [(&["sync"][..], 77), (&["status"], 77), (&["doctor", "--offline"], 1)] {
        let run = sandbox.run(command);
        let said = run.stdout + &run.stderr;
        assert!(said.contains("can be used to change") && said.contains(reads), "{command:?}: {said}");
        assert_eq!(run.status, status, "{command:?}: {said}");
    }
    let writes = "`notes` of profile `default` may write to";
    of_dotfiles(&["sync"]).fails(77, &[writes, reads]);
    for (command, status) in [(&["status"][..], 77), (&["doctor", "--offline"], 1)] {
        let run = of_dotfiles(command);
        assert!(run.status == status && run.stdout.contains(writes), "{command:?}: {}", run.stdout);
    }
    // Nor is an earlier set made active that could.
    sandbox.write("sesame.toml", "extensions.notes = { path = \"notes.wasm\", capabilities.fs-read = [\"notes\"] }\n");
    sandbox.ok(&["sync"]);
    of_dotfiles(&["sync"]).fails(0, &[]);
    sandbox.run(&["rollback"]).fails(77, &["can be used to change", reads]);
    sandbox.ok(&["status"]);
}

#[test]
fn a_generation_that_reads_what_another_set_may_write_to_is_not_made_active_again() {
    let sandbox = Sandbox::new();
    sandbox.write("../notes/tool.wasm", component("tool"));
    let mine = sandbox.path("mine");
    let of_mine = |command: &[&str]| sandbox.run(&[command, &["-m", mine.to_str().unwrap()]].concat());
    sandbox.write("../mine/sesame.toml", "profile = \"mine\"\nextensions.tool = { path = \"../notes/tool.wasm\" }\n");
    of_mine(&["sync"]).fails(0, &[]);
    sandbox.write("../mine/sesame.toml", "profile = \"mine\"\n");
    of_mine(&["sync"]).fails(0, &[]);
    granted(&sandbox, "~/notes", "");
    sandbox.ok(&["sync"]);
    let said = ["`notes` of profile `default` may write to", "the component of `tool` of", "neither holds"];
    sandbox.run(&["rollback", "--profile", "mine"]).fails(77, &said);
    sandbox.ok(&["extension", "call", "notes", "run"]);
}

#[test]
fn a_link_that_a_guest_could_replace_leads_to_no_granted_folder() {
    let sandbox = Sandbox::new();
    sandbox.write("../elsewhere/x", "");
    sandbox.write("work/x", "");
    symlink("../../elsewhere", sandbox.path("project/work/current")).unwrap();
    symlink("work/current", sandbox.path("project/direct")).unwrap();
    sandbox.write("reader.wasm", writer());
    for capability in ["fs-read", "fs-write"] {
        for inner in ["work/current", "direct", "work/not-there"] {
            let reader = format!("reader = {{ path = \"reader.wasm\", capabilities.{capability} = [\"{inner}\"] }}");
            granted(&sandbox, "work", &reader);
            let lies = format!("project/{inner} lies in ");
            sandbox.run(&["sync"]).fails(77, &[&lies, "project/work, which is granted for writing"]);
        }
    }
    // Also where neither is there yet.
    granted(&sandbox, "later", "reader = { path = \"reader.wasm\", capabilities.fs-read = [\"later/sub\"] }");
    sandbox.run(&["sync"]).fails(77, &["project/later, which is granted for writing"]);
    // And the store's own folders, which may be links.
    let data = sandbox.data();
    fs::create_dir_all(sandbox.path("disk")).unwrap();
    fs::rename(&data, sandbox.path("disk/pds")).unwrap_or_else(|_| fs::create_dir(sandbox.path("disk/pds")).unwrap());
    fs::create_dir_all(data.parent().unwrap()).unwrap();
    symlink(sandbox.path("disk/pds"), &data).unwrap();
    let around = data.parent().unwrap().display().to_string();
    granted(&sandbox, &around, "");
    sandbox.run(&["sync"]).fails(77, &["which is sesame's own"]);
    sandbox.write("sesame.toml", sandbox.read("sesame.toml").replace("fs-write", "fs-read"));
    sandbox.ok(&["sync"]);
}

#[test]
fn a_component_that_is_only_called_cannot_write_to_the_project_around_it() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "");
    sandbox.write("notes.wasm", writer());
    sandbox.write("notes/x", "");
    let call = |folder: &str| {
        let grant = format!("fs-write={folder}");
        sandbox.run(&["extension", "call", "./notes.wasm", "run", "--grant", &grant])
    };
    // Nothing is active.
    call(".").fails(77, &["can be used to change", "project/"]);
    assert_eq!(call("notes").stdout, "wrote it\n");
    // Nor what is around a folder that something active is granted.
    sandbox.write("../mine/reader.wasm", writer());
    let entry = "reader = { path = \"reader.wasm\", capabilities.fs-read = [\"../project/notes/sub\"] }";
    sandbox.write("../mine/sesame.toml", format!("profile = \"mine\"\n[extensions]\n{entry}\n"));
    sandbox.ok(&["sync", "-m", sandbox.path("mine").to_str().unwrap()]);
    call("notes").fails(77, &["project/notes holds ", "notes/sub, which `reader` of profile `mine` is granted"]);
    sandbox.write("../other/x", "");
    assert_eq!(call("../other").stdout, "wrote it\n");
    sandbox.write("sesame.toml", "[extensions\n");
    call("../other").fails(65, &["no folder can be granted for writing while ", "project/sesame.toml"]);
    fs::remove_file(sandbox.path("project/sesame.toml")).unwrap();
    symlink("gone", sandbox.path("project/sesame.toml")).unwrap();
    call(".").fails(74, &["project/sesame.toml"]);
    let run = sandbox.ok(&["extension", "call", "./notes.wasm", "run", "--grant", "fs-read=."]);
    assert!(run.stdout.contains("denied"), "{}", run.stdout);
}

#[test]
fn what_sync_says_at_a_glance_is_what_status_says() {
    let sandbox = Sandbox::new();
    sandbox.write("notes.wasm", writer());
    sandbox.write("../mine/tool.wasm", component("tool"));
    let mirrored = "registries.\"ghcr.io\".mirrors = [\"oci-layout:../shared/vendor\"]";
    let tool = "extensions.tool = { path = \"tool.wasm\" }";
    sandbox.write("../mine/sesame.toml", format!("profile = \"mine\"\n{tool}\n{mirrored}\n"));
    let mine = sandbox.path("mine");
    let of_mine = |command: &[&str]| sandbox.run(&[command, &["-m", mine.to_str().unwrap()]].concat());
    of_mine(&["sync"]).fails(0, &[]);
    sandbox.leave_alone();
    of_mine(&["sync"]).fails(0, &["up to date"]);
    // Its disk is not mounted while another set is given what it reads.
    fs::rename(&mine, sandbox.path("away")).unwrap();
    granted(&sandbox, "~/shared", "");
    sandbox.ok(&["sync"]);
    fs::rename(sandbox.path("away"), &mine).unwrap();
    for command in [&["sync"][..], &["sync", "-v"]] {
        of_mine(command).fails(77, &["`notes` of profile `default` may write to"]);
    }
    assert_eq!(of_mine(&["status"]).status, 77);
    // Nor is it at a glance that a link of another set's leads elsewhere by now.
    sandbox.write("../elsewhere/x", "");
    fs::create_dir_all(sandbox.path("shared/vendor")).unwrap();
    symlink("elsewhere", sandbox.path("linked")).unwrap();
    granted(&sandbox, "~/linked", "");
    sandbox.ok(&["sync"]);
    sandbox.leave_alone();
    of_mine(&["sync"]).fails(0, &["up to date"]);
    fs::remove_file(sandbox.path("linked")).unwrap();
    symlink("shared", sandbox.path("linked")).unwrap();
    of_mine(&["sync"]).fails(77, &["`notes` of profile `default` may write to"]);
}

#[test]
fn a_folder_below_one_that_another_set_may_write_to_is_not_given() {
    let sandbox = Sandbox::new();
    sandbox.write("notes/sub/x", "");
    granted(&sandbox, "notes", "");
    sandbox.ok(&["sync"]);
    sandbox.write("../other/reader.wasm", writer());
    let entry = "reader = { path = \"reader.wasm\", capabilities.fs-read = [\"../project/notes/sub\"] }";
    sandbox.write("../other/sesame.toml", format!("profile = \"mine\"\n[extensions]\n{entry}\n"));
    let other = sandbox.path("other");
    let run = sandbox.run(&["sync", "-m", other.to_str().unwrap()]);
    run.fails(
        77,
        &["project/notes, which `notes` of profile `default` may write to", "grant that outer folder instead"],
    );
    // Nor the other way round: the set that came first goes on.
    granted(&sandbox, "sub", "");
    fs::create_dir(sandbox.path("project/sub")).unwrap();
    sandbox.ok(&["sync"]);
    sandbox.run(&["sync", "-m", other.to_str().unwrap()]).fails(0, &["1 extension is live"]);
    granted(&sandbox, "notes", "");
    let holds = ["project/notes holds ", "project/notes/sub, which `reader` of profile `mine` is granted"];
    sandbox.run(&["sync"]).fails(77, &holds);
    sandbox.run(&["rollback", "1"]).fails(77, &holds);
    granted(&sandbox, "notes/sub", "");
    sandbox.ok(&["sync"]);
}

#[test]
fn a_manifest_of_two_profiles_can_grant_a_wider_folder_in_both() {
    let sandbox = Sandbox::new();
    sandbox.write("notes/sub/x", "");
    granted(&sandbox, "notes/sub", "");
    let in_both = || {
        sandbox.ok(&["sync"]);
        sandbox.ok(&["sync", "--profile", "mine"]);
    };
    in_both();
    granted(&sandbox, "notes", "");
    in_both();
}

#[test]
fn a_document_has_no_raw_controls_wherever_it_goes() {
    let sandbox = Sandbox::new();
    let text = "(component (core module $m (memory (export \"memory\") 1)
          (data (i32.const 0) \"\\08\\00\\00\\00\\09\\00\\00\\00\\c2\\9b2J\\e2\\80\\aex!\")
          (func (export \"run\") (result i32) i32.const 0))
        (core instance $i (instantiate $m))
        (func (export \"run\") (result string) (canon lift (core func $i \"run\") (memory $i \"memory\"))))";
    sandbox.write("a.wasm", wat::parse_str(text).unwrap());
    let document = sandbox.ok(&["extension", "call", "./a.wasm", "run", "--json"]).stdout;
    assert!(document.contains("\\u009b2J\\u202ex!"), "{document}");
    let parsed: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(parsed["data"]["value"], "\u{9b}2J\u{202e}x!");
}

/// What a sync from nothing says; and with a lock there already.
fn said_by_syncs(sandbox: &Sandbox) -> [String; 2] {
    let unlocked = sandbox.ok(&["sync"]).stderr;
    fs::remove_dir_all(sandbox.data().join("profiles")).unwrap();
    [unlocked, sandbox.ok(&["sync"]).stderr]
}

#[test]
fn every_way_to_make_grants_active_shows_them() {
    let grants = "env=AWS_SECRET_ACCESS_KEY, fs-write=~/.ssh";
    let sandbox = Sandbox::new();
    sandbox.write("../home/.ssh/x", "");
    sandbox.write("notes.wasm", writer());
    let entry = "notes = { path = \"notes.wasm\", capabilities.fs-write = [\"~/.ssh\"], capabilities.env = [\"AWS_SECRET_ACCESS_KEY\"] }\n";
    sandbox.write("sesame.toml", format!("[extensions]\n{entry}"));
    let planned = sandbox.ok(&["sync", "--dry-run"]).stdout;
    for (way, said) in ["a first sync", "a first sync with a lock"].into_iter().zip(said_by_syncs(&sandbox)) {
        assert!(said.contains(&format!("+ notes  notes.wasm  grants: {grants}")), "{way}: {said}");
    }
    assert!(planned.contains(grants), "{planned}");
    // More is granted later: by hand, and by the command that adds.
    sandbox.write("other.wasm", component("other"));
    sandbox.write("sesame.toml", format!("[extensions]\n{entry}other = {{ path = \"other.wasm\" }}\n"));
    sandbox.ok(&["sync"]).fails(0, &["+ other  other.wasm"]);
    let granted = format!("[extensions]\n{entry}other = {{ path = \"other.wasm\", capabilities.env = [\"TOKEN\"] }}\n");
    sandbox.write("sesame.toml", granted);
    sandbox.ok(&["sync"]).fails(0, &["~ other  grants: +env=TOKEN"]);
    sandbox.ok(&["rollback"]).fails(0, &["~ other  grants: -env=TOKEN"]);
    sandbox.ok(&["rollback", "3"]).fails(0, &["~ other  grants: +env=TOKEN"]);
    let add = ["add", "--path", "other.wasm", "--name", "third", "--grant", "env=HOME"];
    sandbox.ok(&add).fails(0, &["added third  other.wasm  env=HOME"]);
    // A change of the manifest that an upgrade brings along.
    sandbox.write("notes.wasm", component("new notes"));
    sandbox.write("sesame.toml", sandbox.read("sesame.toml").replace("[\"TOKEN\"]", "[\"TOKEN\", \"LANG\"]"));
    sandbox.ok(&["upgrade"]).fails(0, &["~ notes", "~ other  grants: env=TOKEN → env=LANG,TOKEN"]);
    sandbox.ok(&["bundle", "export", "../set.tar"]);
    let machine = Sandbox::new();
    let imported =
        ["bundle", "import", &sandbox.path("set.tar").display().to_string(), "--grant-all"].map(str::to_owned);
    let imported: Vec<&str> = imported.iter().map(String::as_str).collect();
    machine.ok(&imported).fails(0, &[grants, "+ other  other.wasm  grants: env=LANG,TOKEN"]);
}

#[test]
fn a_generation_under_the_number_of_another_is_noticed() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "extensions.a = { path = \"a.wasm\" }\n");
    for seed in ["one", "two"] {
        sandbox.write("a.wasm", component(seed));
        sandbox.ok(&["sync"]);
    }
    let file = |number: u32| sandbox.data().join(format!("profiles/default/generations/{number}.toml"));
    fs::rename(file(1), sandbox.path("x")).unwrap();
    fs::rename(file(2), file(1)).unwrap();
    fs::rename(sandbox.path("x"), file(2)).unwrap();
    sandbox.run(&["verify"]).fails(76, &["1.toml", "it is generation 2", "2.toml", "it is generation 1"]);
    sandbox.run(&["extension", "call", "a", "run"]).fails(74, &["cannot tell what is live", "it is generation 1"]);
    sandbox.run(&["rollback", "1"]).fails(74, &["it is generation 2"]);
    fs::copy(file(1), file(3)).unwrap();
    let listed = sandbox.ok(&["generations"]).stdout;
    assert!(listed.contains("damaged: it is generation 2"), "{listed}");
}

#[test]
fn an_interface_is_granted_in_every_version_and_spelling_or_not_at_all() {
    let secret = |import: &str| {
        let sandbox = Sandbox::new();
        let text = format!(
            "(component (import \"{import}\" (instance (export \"get\" (func (param \"name\" string) (result (result (option string) (error string))))))))"
        );
        sandbox.write("a.wasm", wat::parse_str(text).unwrap());
        let run = |grants: &str| -> Run {
            sandbox.write("sesame.toml", format!("extensions.a = {{ path = \"a.wasm\", {grants} }}\n"));
            let _ = fs::remove_file(sandbox.path("project/sesame.lock"));
            sandbox.run(&["sync"])
        };
        (run(""), run("capabilities.config-read = true"), run("capabilities.secret-read = true"))
    };
    for served in [
        "open-sesame:host/secret-read@0.1.0",
        "open-sesame:host/secret-read@0.1.1",
        "open-sesame:host/secret-read@0.1.99",
    ] {
        let (nothing, other, granted) = secret(served);
        nothing.fails(77, &["needs", "secret-read"]);
        other.fails(77, &["secret-read"]);
        assert_eq!(granted.status, 0, "{served}: {}", granted.stderr);
    }
    for refused in [
        "open-sesame:host/secret-read@0.2.0",
        "open-sesame:host/secret-read@0.0.1",
        "open-sesame:host/secret-read@1.0.0",
        "open-sesame:host/secret-read@0.1.0-rc.1",
        "open-sesame:host/secret-read",
        "open-sesame:host/SECRET-READ@0.1.0",
        "open-sesame:host/secret-READ@0.1.0",
        "OPEN-SESAME:host/secret-read@0.1.0",
        "secret-read",
    ] {
        let Ok(_) = wat::parse_str(format!("(component (import \"{refused}\" (instance)))")) else {
            panic!("{refused} is no name")
        };
        for run in <[Run; 3]>::from(secret(refused)) {
            let said = ["which this host does not have", "is not a valid extern name"];
            assert!(run.status == 65 && said.iter().any(|said| run.stderr.contains(said)), "{refused}: {}", run.stderr);
        }
    }
}
