//! A whole set in one file or folder: what comes out is what went in, no registry is asked, and what a stranger has made of a
//! bundle changes nothing.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;

use serde_json::{Value, json};
use tar::{EntryType, Header};

use crate::support::artifact::{Artifact, INDEX, component, importing, index};
use crate::support::greeting::{FIRST, SECOND, greets, upgrade, want};
use crate::support::registry::Registry;
use crate::support::sandbox::{Run, Sandbox};
use crate::support::{fixture, library_host};
use sesame::model::digest::Digest;
use sesame::ops::bundle::bundled_set::ExistingFiles;
use sesame::ops::bundle::import::{BundleConsentRequest, ImportOptions, import as import_set};
use sesame::ops::edit::consent::Consent;
use sesame::ops::error::Error;
use sesame::ops::error::edit::EditError;

/// Files of an archive, by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A machine with the greeting of a registry, a component of a file in a drop-in, and what an index leads to; and the archive
/// of them. The registry is gone by then.
fn exported(sandbox: &Sandbox) {
    let registry = Registry::start();
    let artifact = Artifact::wkg(&component("indexed"));
    let top = Artifact { media_type: INDEX, manifest: index(&[(&artifact, None)]), blobs: Vec::new() };
    registry.push("org/a", "1", &artifact);
    let reference = registry.push("org/a", "2", &top);
    want(sandbox, &registry, "0.1.0", &format!("indexed = \"{reference}\"\n"));
    sandbox.write("built/tool.wasm", component("tool"));
    sandbox.write("extensions/tool.toml", "[extension]\nname = \"tool\"\npath = \"../built/tool.wasm\"\n");
    sandbox.ok(&["sync"]);
    sandbox.ok(&["bundle", "export", "../set.tar"]);
}

fn archive(sandbox: &Sandbox) -> String {
    sandbox.path("set.tar").display().to_string()
}

/// What is live: digests, grants and all.
fn set(sandbox: &Sandbox) -> Value {
    let list: Value = serde_json::from_str(&sandbox.ok(&["--json", "extension", "list"]).stdout).unwrap();
    list["data"]["extensions"].clone()
}

pub fn read(path: &Path) -> Files {
    let mut archive = tar::Archive::new(File::open(path).unwrap());
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.path().unwrap().display().to_string(), bytes)
    });
    entries.collect()
}

/// One entry of an archive, whatever its name.
fn entry(kind: EntryType, name: &str, bytes: &[u8]) -> (Header, Vec<u8>) {
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(bytes.len() as u64);
    if matches!(kind, EntryType::Symlink | EntryType::Link) {
        header.set_link_name("/etc/passwd").unwrap();
    }
    header.set_cksum();
    (header, bytes.to_vec())
}

pub fn write(path: &Path, files: &Files, more: Vec<(Header, Vec<u8>)>) {
    let mut archive = tar::Builder::new(File::create(path).unwrap());
    let files = files.iter().map(|(name, bytes)| entry(EntryType::Regular, name, bytes));
    for (header, bytes) in files.chain(more) {
        archive.append(&header, bytes.as_slice()).unwrap();
    }
    archive.into_inner().unwrap().flush().unwrap();
}

fn blob(bytes: &[u8]) -> String {
    format!("blobs/sha256/{}", Digest::of(bytes).hex())
}

/// Changes the bundle's manifest, and what names it.
fn with_manifest(files: &Files, change: impl FnOnce(&mut Value, &mut Files)) -> Files {
    let mut files = files.clone();
    let mut index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
    let named = index["manifests"][0]["digest"].as_str().unwrap().replace("sha256:", "blobs/sha256/");
    let mut manifest: Value = serde_json::from_slice(&files[&named]).unwrap();
    change(&mut manifest, &mut files);
    let bytes = manifest.to_string().into_bytes();
    index["manifests"][0]["digest"] = json!(Digest::of(&bytes).to_string());
    index["manifests"][0]["size"] = json!(bytes.len());
    files.insert(blob(&bytes), bytes);
    files.insert("index.json".to_owned(), index.to_string().into_bytes());
    files
}

/// The layer of a text.
fn layer<'a>(manifest: &'a mut Value, title: &str) -> &'a mut Value {
    let layers = manifest["layers"].as_array_mut().unwrap();
    layers.iter_mut().find(|layer| layer["annotations"]["org.opencontainers.image.title"] == title).unwrap()
}

/// Changes one of the person's files in a bundle.
pub fn with_text(files: &Files, title: &str, change: impl FnOnce(&str) -> String) -> Files {
    with_manifest(files, |manifest, files| {
        let layer = layer(manifest, title);
        let named = layer["digest"].as_str().unwrap().replace("sha256:", "blobs/sha256/");
        let text = change(std::str::from_utf8(&files[&named]).unwrap()).into_bytes();
        layer["digest"] = json!(Digest::of(&text).to_string());
        layer["size"] = json!(text.len());
        files.insert(blob(&text), text);
    })
}

#[test]
fn an_empty_home_gets_the_same_set_without_a_network() {
    let (one, other) = (Sandbox::new(), Sandbox::new());
    exported(&one);
    fs::copy(one.path("set.tar"), other.path("set.tar")).unwrap();
    let run = other.ok(&["bundle", "import", &archive(&other), "--grant-all"]);
    assert!(run.stderr.contains("done: 3 extensions are live in profile `default` (generation 1)"), "{}", run.stderr);
    assert_eq!(set(&other), set(&one));
    assert_eq!(greets(&other), FIRST);
    for (from, to) in [
        ("sesame.toml", "sesame.toml"),
        ("sesame.lock", "sesame.lock"),
        ("extensions/tool.toml", "extensions/tool.toml"),
        ("built/tool.wasm", "built/tool.wasm"),
    ] {
        let to = other.path("home/config/pds").join(to);
        assert_eq!(fs::read(&to).unwrap(), fs::read(one.path("project").join(from)).unwrap(), "{}", to.display());
    }
    assert_eq!(other.ok(&["sync", "--locked", "--offline"]).stderr.lines().count(), 1, "nothing is left to do");
    assert_eq!(other.ok(&["verify"]).status, 0);
    other.ok(&["status", "-m", &other.path("home/config/pds").display().to_string()]);
    let again = other.ok(&["bundle", "import", &archive(&other)]);
    assert_eq!(again.stderr, "up to date: 3 extensions are live in profile `default` (generation 1)\n");
}

#[test]
#[ignore = "needs strace; .ci/run runs it"]
fn an_import_opens_no_socket_to_anywhere() {
    let (one, other) = (Sandbox::new(), Sandbox::new());
    exported(&one);
    let log = other.path("strace");
    let before = ["-f", "-e", "trace=%network", "-o", &log.display().to_string()];
    let mut strace = other.command_under("strace", &before, &["bundle", "import", &archive(&one), "--grant-all"]);
    assert_eq!(Run::of(&mut strace).status, 0);
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("exited with 0") && !log.contains("AF_INET") && !log.contains("connect("), "{log}");
}

#[test]
fn the_same_lock_gives_the_same_bytes() {
    let (one, other) = (Sandbox::new(), Sandbox::new());
    for sandbox in [&one, &other] {
        fs::create_dir_all(sandbox.path("project/fixtures")).unwrap();
        for file in ["sesame.toml", "sesame.lock", "extensions/wordcount.toml"] {
            sandbox.write(file, fs::read(fixture("demo").join(file)).unwrap());
        }
        let vendor = format!("oci-layout:{}", fixture("demo/vendor").display());
        sandbox.write("sesame.toml", sandbox.read("sesame.toml").replace("oci-layout:vendor", &vendor));
    }
    // The other has windows' line ends in its lock, and a set that is live.
    other.write("sesame.lock", other.read("sesame.lock").replace('\n', "\r\n"));
    other.ok(&["sync", "--locked"]);
    for sandbox in [&one, &other] {
        sandbox.ok(&["bundle", "export", "../set.tar"]);
    }
    let bytes = fs::read(one.path("set.tar")).unwrap();
    assert_eq!(bytes, fs::read(other.path("set.tar")).unwrap());
    one.ok(&["bundle", "export", "../set.tar"]);
    assert_eq!(bytes, fs::read(one.path("set.tar")).unwrap());
    // A folder has the same files.
    let said = one.ok(&["--json", "bundle", "export", "../set"]).stdout;
    let report: Value = serde_json::from_str(&said).unwrap();
    let files = read(&one.path("set.tar"));
    let size: usize = files.values().map(Vec::len).sum();
    assert_eq!((&report["data"]["size"], &report["data"]["written"]), (&json!(size), &json!(size)));
    let in_folder = one.files(&one.path("set"));
    assert_eq!(in_folder.len(), files.len());
    for path in in_folder {
        let name = path.strip_prefix(one.path("set")).unwrap().display().to_string();
        assert_eq!(fs::read(&path).unwrap(), files[&name], "{name}");
    }
}

#[test]
fn what_is_there_is_not_written_or_taken_again() {
    let (one, other, registry) = (Sandbox::new(), Sandbox::new(), Registry::start());
    let export =
        |to: &str| -> Value { serde_json::from_str(&one.ok(&["--json", "bundle", "export", to]).stdout).unwrap() };
    let import = |from: &Path, more: &[&str]| -> Value {
        let from = from.display().to_string();
        let arguments = ["--json", "bundle", "import", &from, "--grant-all"];
        serde_json::from_str(&other.ok(&[&arguments, more].concat()).stdout).unwrap()
    };
    let same = registry.push("org/same", "1", &Artifact::wkg(&component("same")));
    want(&one, &registry, "0.1.0", &format!("same = \"{same}\"\n"));
    one.ok(&["sync"]);
    export("../set");
    assert_eq!(import(&one.path("set"), &[])["data"]["blobs"], 4, "two components and their manifests");
    assert_eq!(export("../set")["data"]["written"], 0);
    let before = one.files(&one.path("set")).len();
    want(&one, &registry, "0.2.0", &format!("same = \"{same}\"\n"));
    one.ok(&["sync"]);
    let report = export("../set");
    let (size, written) = (report["data"]["size"].as_u64().unwrap(), report["data"]["written"].as_u64().unwrap());
    assert!(0 < written && written < size, "{written} of {size}");
    assert_eq!(one.files(&one.path("set")).len(), before, "what the new set does not need is gone");
    drop(registry);
    let report = import(&one.path("set"), &["--replace"]);
    assert_eq!(report["data"]["blobs"], 2, "{report}");
    assert_eq!(greets(&other), SECOND);
    other.ok(&["rollback"]);
    assert_eq!(greets(&other), FIRST);
}

#[test]
fn a_desired_state_that_is_there_is_replaced_only_if_asked() {
    let (one, other) = (Sandbox::new(), Sandbox::new());
    exported(&one);
    fs::copy(one.path("set.tar"), other.path("set.tar")).unwrap();
    let own = other.path("home/config/pds");
    fs::create_dir_all(own.join("extensions")).unwrap();
    fs::write(own.join("mine.wasm"), component("mine")).unwrap();
    fs::write(own.join("extensions/mine.toml"), "[extension]\nname = \"mine\"\npath = \"../mine.wasm\"\n").unwrap();
    let before = other.trace(&own);
    let texts = ["there already, with other content than the bundle's: ", "extensions/mine.toml", "--replace"];
    other.run(&["bundle", "import", &archive(&other), "--grant-all"]).fails(65, &texts);
    assert_eq!(other.trace(&own), before);
    assert_eq!(other.files(&other.data().join("blobs")), Vec::<std::path::PathBuf>::new());
    let run = other.ok(&["bundle", "import", &archive(&other), "--grant-all", "--replace"]);
    let mine = own.join("extensions/mine.toml");
    for said in [format!("  removes {}\n", mine.display()), format!("removed {}\n", mine.display())] {
        assert!(run.stderr.contains(&said), "no `{said}` in {}", run.stderr);
    }
    assert_eq!(set(&other), set(&one));
    assert!(own.join("mine.wasm").exists() && !own.join("extensions/mine.toml").exists());
    assert_eq!(other.trace(&own.join("extensions")).len(), 2, "nothing is left of what was removed");
    // What is no component is never written over.
    let elsewhere = other.path("elsewhere");
    fs::create_dir_all(elsewhere.join("built")).unwrap();
    fs::write(elsewhere.join("built/tool.wasm"), "mine").unwrap();
    let folder = elsewhere.display().to_string();
    for replace in [&[][..], &["--replace"]] {
        let arguments = ["bundle", "import", &archive(&other), "--grant-all", "-m", &folder, "--profile", "p"];
        other.run(&[&arguments, replace].concat()).fails(78, &["built/tool.wasm"]);
    }
    assert_eq!(fs::read(elsewhere.join("built/tool.wasm")).unwrap(), b"mine");
    fs::remove_file(elsewhere.join("built/tool.wasm")).unwrap();
    fs::write(elsewhere.join("sesame.toml"), "profile = \"p\"\n").unwrap();
    let run =
        other.ok(&["bundle", "import", &archive(&other), "--grant-all", "--replace", "-m", &folder, "--profile", "p"]);
    for said in ["  replaces FOLDER/sesame.toml\n", "  writes FOLDER/built/tool.wasm\n"] {
        let said = said.replace("FOLDER", &folder);
        assert!(run.stderr.contains(&said), "no `{said}` in {}", run.stderr);
    }
    // Of a set that only removes, that is what is said.
    fs::write(elsewhere.join("extensions/mine.toml"), "[extension]\nname = \"mine\"\npath = \"../x.wasm\"\n").unwrap();
    let run = other.run(&["bundle", "import", &archive(&other), "--replace", "-m", &folder, "--profile", "p"]);
    run.fails(77, &[&format!("the bundle removes {folder}/extensions/mine.toml")]);
    fs::remove_file(elsewhere.join("extensions/mine.toml")).unwrap();
    assert!(elsewhere.join("sesame.toml").exists() && elsewhere.join("extensions/tool.toml").exists());
}

#[test]
fn only_what_was_shown_is_written_and_removed() {
    let (one, other) = (Sandbox::new(), Sandbox::new());
    exported(&one);
    other.write("sesame.toml", "");
    let mine = other.path("project/extensions/mine.toml");
    let consent = |_: &BundleConsentRequest<'_>| {
        fs::create_dir_all(mine.parent().unwrap()).unwrap();
        fs::write(&mine, "[extension]\nname = \"mine\"\npath = \"../mine.wasm\"\n").unwrap();
        Consent::Granted(())
    };
    let bundle = one.path("set.tar");
    let wanted = ImportOptions { bundle, existing: ExistingFiles::Replace, consent: &consent, profile: None };
    let refused = import_set(&library_host::context(&other), &wanted).unwrap_err();
    assert!(matches!(refused, Error::Edit(EditError::ChangedMeanwhile(_))), "{refused:?}");
    assert!(mine.exists() && other.read("sesame.toml").is_empty());
    // The same for what is in a file that was shown.
    let edit = |_: &BundleConsentRequest<'_>| {
        other.write("sesame.toml", "# mine\n");
        Consent::Granted(())
    };
    let refused = import_set(&library_host::context(&other), &ImportOptions { consent: &edit, ..wanted }).unwrap_err();
    assert!(matches!(refused, Error::Edit(EditError::ChangedMeanwhile(_))), "{refused:?}");
    assert_eq!(other.read("sesame.toml"), "# mine\n");
}

#[test]
fn nothing_is_granted_without_consent_and_nothing_written_before() {
    let (one, other) = (Sandbox::new(), Sandbox::new());
    exported(&one);
    let run = other.run(&["bundle", "import", &archive(&one)]);
    run.fails(77, &["and grants config-read to `greeting`, which needs your consent", "--grant-all"]);
    assert_eq!(other.files(&other.path("home")), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_set_that_cannot_go_live_leaves_the_files_as_they_were() {
    let (one, other) = (Sandbox::new(), Sandbox::new());
    exported(&one);
    let files = read(&one.path("set.tar"));
    // The lock says of a component's imports what is not so; it is found out when it is compiled.
    let lying =
        with_text(&files, "sesame.lock", |lock| lock.replacen("exports = [\n    \"run\",\n]", "exports = []", 1));
    assert_ne!(lying, files);
    write(&other.path("set.tar"), &lying, Vec::new());
    other.run(&["bundle", "import", &archive(&other), "--grant-all"]).fails(76, &["is not what sesame.lock says"]);
    assert!(!other.path("home/config/pds").join("sesame.toml").exists());
    assert_eq!(other.files(&other.path("home/config")), Vec::<std::path::PathBuf>::new());
    assert_eq!(other.files(&other.data().join("profiles")), Vec::<std::path::PathBuf>::new());
    // And what a policy of the machine forbids is told before anything is taken.
    other.write("../home/config/pds/policy.toml", "allowed_registries = [\"ghcr.io\"]\n");
    other.run(&["bundle", "import", &archive(&one), "--grant-all"]).fails(77, &["policy", "greeting"]);
    assert_eq!(other.files(&other.path("home/config")).len(), 1);
}

#[test]
fn only_what_can_be_carried_is_exported() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "[extensions]\n");
    sandbox.run(&["bundle", "export", "../x.tar"]).fails(65, &["there is no sesame.lock", "sesame lock"]);
    fs::write(sandbox.path("outside.wasm"), component("outside")).unwrap();
    sandbox.write("sesame.toml", "[extensions.a]\npath = \"../outside.wasm\"\n");
    sandbox.ok(&["lock"]);
    let run = sandbox.run(&["bundle", "export", "../x.tar"]);
    run.fails(65, &["error: `a` is made from ../outside.wasm, which is not below the folder of the manifest"]);
    sandbox.write("inside.wasm", component("inside"));
    sandbox.write("sesame.toml", "[extensions.a]\npath = \"inside.wasm\"\n");
    sandbox.run(&["bundle", "export", "../x.tar"]).fails(65, &["sesame.lock is stale"]);
    sandbox.ok(&["lock"]);
    sandbox.run(&["bundle", "export", "../x.tar.gz"]).fails(2, &["FILE.tar, or a folder; bundles are not compressed"]);
    sandbox.run(&["bundle", "export", "."]).fails(78, &["holds something else than one bundle"]);
    assert_eq!(sandbox.files(&sandbox.path("project")).len(), 3, "manifest, lock and component");
    fs::write(sandbox.path("mine.tar"), "mine").unwrap();
    sandbox.run(&["bundle", "export", "../mine.tar"]).fails(78, &["mine.tar holds something else than one bundle"]);
    assert_eq!(fs::read(sandbox.path("mine.tar")).unwrap(), b"mine");
    sandbox.run(&["bundle", "export", "inside.wasm"]).fails(2, &["is not where a bundle can be written"]);
    sandbox.ok(&["bundle", "export", "../x.tar"]);
    assert_eq!(
        sandbox.trace(&sandbox.path("")).keys().filter(|path| path.to_string_lossy().contains("unfinished")).count(),
        0
    );
}

#[test]
fn a_folder_serves_as_a_mirror() {
    let (one, other) = (Sandbox::new(), Sandbox::new());
    exported(&one);
    one.ok(&["bundle", "export", "../set"]);
    for file in ["sesame.toml", "sesame.lock", "extensions/tool.toml"] {
        other.write(file, one.read(file));
    }
    other.write("built/tool.wasm", component("tool"));
    let vendor = format!("plain-http = true\nmirrors = [\"oci-layout:{}\"]", one.path("set").display());
    other.write("sesame.toml", other.read("sesame.toml").replace("plain-http = true", &vendor));
    other.ok(&["sync", "--locked", "--offline"]);
    assert_eq!(set(&other), set(&one));
}

/// What strangers make of a bundle, and what is said of it. Nothing of it reaches the home but what was checked.
#[test]
fn a_hostile_bundle_changes_nothing() {
    let (one, home) = (Sandbox::new(), Sandbox::new());
    exported(&one);
    let files = read(&one.path("set.tar"));
    let path = home.path("set.tar");
    let refused =
        |what: &str, status: i32, text: &str| {
            let run = home.run(&["bundle", "import", &archive(&home), "--grant-all"]);
            assert_eq!(run.status, status, "{what}: {}", run.stderr);
            assert!(run.stderr.contains(text), "{what}: {}", run.stderr);
            assert_eq!(home.files(&home.path("home/config")), Vec::<std::path::PathBuf>::new(), "{what}");
            assert_eq!(home.files(&home.data().join("profiles")), Vec::<std::path::PathBuf>::new(), "{what}");
            assert!(home.files(&home.data().join("blobs")).iter().all(|path| {
                Digest::of(&fs::read(path).unwrap()).hex() == path.file_name().unwrap().to_string_lossy()
            }));
        };
    let name = blob(b"x");
    let entries: [(EntryType, &str, &str); 13] = [
        (EntryType::Symlink, "blobs/sha256", "the link `blobs/sha256`"),
        (EntryType::Symlink, &name, "the link"),
        (EntryType::Link, "oci-layout", "the link"),
        (EntryType::Char, "null", "the special file"),
        (EntryType::Fifo, "index.json", "the special file"),
        (EntryType::Regular, "../../.bashrc", "the file `../../.bashrc`, which no layout has"),
        (EntryType::Regular, "/etc/passwd", "the file `/etc/passwd`"),
        (EntryType::Regular, "blobs/sha256/../../x", "the file"),
        (EntryType::Regular, "blobs/sha256/0", "the file"),
        (EntryType::Directory, "blobs/sha512/", "the folder"),
        (EntryType::Regular, "index.json", "it has `index.json` twice"),
        (EntryType::XHeader, "x", "the extension of the format"),
        (EntryType::GNULongName, "././@LongLink", "the extension of the format"),
    ];
    for (kind, name, text) in entries {
        let bytes: &[u8] = if kind == EntryType::XHeader { b"19 path=index.json\n" } else { b"" };
        write(&path, &files, vec![entry(kind, name, bytes)]);
        refused(name, 65, text);
    }
    let whole = fs::read(one.path("set.tar")).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    refused("half of it", 65, "set.tar is not a bundle that can be used");
    fs::write(&path, "no archive at all").unwrap();
    refused("a text", 65, "tar archive");
    fs::write(&path, "").unwrap();
    refused("nothing", 65, "it has no file `oci-layout`");
    let mut lying = entry(EntryType::Regular, &name, b"x");
    lying.0.set_size(1 << 60);
    lying.0.set_cksum();
    write(&path, &files, vec![lying]);
    refused("a size", 65, "it ends before");
    // One byte of each blob.
    for (name, bytes) in files.iter().filter(|(name, _)| name.starts_with("blobs/")) {
        let mut flipped = files.clone();
        let mut bytes = bytes.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        flipped.insert(name.clone(), bytes);
        write(&path, &flipped, Vec::new());
        // The empty config says nothing, and nobody reads it.
        if *name != blob(b"{}") {
            refused(name, 76, "set.tar is damaged: what it has as sha256:");
        }
        // What was good is kept, and would not be read again.
        let _ = fs::remove_dir_all(home.data());
    }
    let mut without = files.clone();
    without.remove(&blob(&component("indexed")));
    write(&path, &without, Vec::new());
    refused("without a component", 65, "which `indexed` needs");
    let title = "org.opencontainers.image.title";
    for (name, text) in [
        ("../../.bashrc", "which no project has"),
        ("policy.toml", "which no project has"),
        ("extensions/../x.toml", "which no project has"),
        ("extensions/tool.md", "which no project has"),
        ("sesame.lock", "twice"),
    ] {
        let renamed = with_manifest(&files, |manifest, _| {
            layer(manifest, "extensions/tool.toml")["annotations"][title] = json!(name);
        });
        write(&path, &renamed, Vec::new());
        refused(name, 65, text);
    }
    for (file, from, to, text) in [
        ("sesame.lock", "built/tool.wasm", "../tool.wasm", "write the component of `tool` to ../tool.wasm"),
        ("sesame.lock", "built/tool.wasm", "/tmp/tool.wasm", "write the component of `tool` to /tmp/tool.wasm"),
        ("sesame.lock", "built/tool.wasm", "sesame.toml", "write the component of `tool` to sesame.toml"),
        ("sesame.lock", "built/tool.wasm", "other.wasm", "its lock is not that of its manifest"),
        ("sesame.toml", "[extensions]", "[extension]", "sesame.toml of the bundle"),
        ("sesame.lock", "version = 1", "version = 2", "sesame.lock of the bundle"),
    ] {
        write(&path, &with_text(&files, file, |text| text.replacen(from, to, 1)), Vec::new());
        refused(to, 65, text);
    }
    let none = with_manifest(&files, |manifest, _| manifest["artifactType"] = json!("x/y"));
    write(&path, &none, Vec::new());
    refused("no bundle", 65, "it holds no bundle of sesame");
    let untitled = with_manifest(&files, |manifest, _| {
        layer(manifest, "sesame.toml").as_object_mut().unwrap().remove("annotations");
    });
    write(&path, &untitled, Vec::new());
    refused("a text without a name", 65, "has no name");
    home.run(&["bundle", "import", "../nothing.tar"]).fails(66, &["nothing.tar"]);
    // A folder is looked at no less.
    let folder = home.path("folder");
    for (name, bytes) in &files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let refused = |status: i32, text: &str| {
        let run = home.run(&["bundle", "import", &folder.display().to_string(), "--grant-all"]);
        run.fails(status, &[text]);
        assert_eq!(home.files(&home.path("home/config")), Vec::<std::path::PathBuf>::new());
    };
    let part = folder.join(blob(&component("indexed")));
    fs::write(&part, "damaged").unwrap();
    refused(65, "has 7 bytes in it, and 153 by its lock");
    fs::write(&part, vec![b' '; component("indexed").len()]).unwrap();
    refused(76, "folder is damaged: what it has as sha256:");
    fs::remove_file(&part).unwrap();
    refused(65, "which `indexed` needs");
    fs::create_dir(&part).unwrap();
    refused(65, "is no regular file");
    fs::remove_file(folder.join("oci-layout")).unwrap();
    refused(65, "it has no file `oci-layout`");
    home.run(&["bundle", "import", "/dev/null"]).fails(65, &["neither a folder nor a regular file"]);
    // Each of them stands beside a bundle that is whole.
    write(&path, &files, Vec::new());
    home.ok(&["bundle", "import", &archive(&home), "--grant-all"]);
}

#[test]
fn a_set_of_another_manifest_is_not_taken_over() {
    let (one, registry) = (Sandbox::new(), Registry::start());
    upgrade(&one, &registry, "");
    one.ok(&["bundle", "export", "../set.tar"]);
    let run = one.run(&["bundle", "import", &archive(&one), "--grant-all"]);
    run.fails(77, &["is managed by", "`--profile NAME` makes another live set\n"]);
    one.ok(&["bundle", "import", &archive(&one), "--grant-all", "--profile", "mine"]);
    assert_eq!(one.ok(&["generations", "--profile", "mine"]).stdout.lines().count(), 1);
    assert_eq!(greets(&one), SECOND);
}

#[test]
fn an_extension_that_nobody_can_run_is_not_imported() {
    let (one, home) = (Sandbox::new(), Sandbox::new());
    exported(&one);
    let files = read(&one.path("set.tar"));
    let (old, new) = (component("tool"), importing("tool", &["acme:other/thing@1.0.0"]));
    let mut changed = with_text(&files, "sesame.lock", |lock| {
        let (before, tool) = lock.split_once("name = \"tool\"").unwrap();
        let tool = tool
            .replace(&Digest::of(&old).to_string(), &Digest::of(&new).to_string())
            .replace(&format!("size = {}\n", old.len()), &format!("size = {}\n", new.len()))
            .replace("imports = []", "imports = [\n    \"acme:other/thing@1.0.0\",\n]");
        format!("{before}name = \"tool\"{tool}")
    });
    changed = with_manifest(&changed, |manifest, files| {
        files.insert(blob(&new), new.clone());
        let layers = manifest["layers"].as_array_mut().unwrap();
        layers.push(
            json!({ "mediaType": "application/wasm", "digest": Digest::of(&new).to_string(), "size": new.len() }),
        );
    });
    write(&home.path("set.tar"), &changed, Vec::new());
    let run = home.run(&["bundle", "import", &archive(&home), "--grant-all"]);
    run.fails(65, &["`tool` imports acme:other/thing@1.0.0, which this host does not have"]);
    assert_eq!(home.files(&home.path("home/config")), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_bundle_into_a_folder_that_is_not_there_names_the_folder() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "");
    sandbox.ok(&["sync"]);
    let run = sandbox.run(&["bundle", "export", "nowhere/set.tar"]);
    run.fails(74, &["project/nowhere\n", "caused by: No such file or directory (os error 2)\n"]);
}
