//! What must hold for any bytes that strangers may hand us, one function for each kind of file. Each says whether it was
//! taken for one, and panics where something does not hold.
//!
//! libFuzzer calls them with what it makes up (`fuzz_targets/`), `tests/suite/formats/fuzz_seeds.rs` with what is in `seeds/`. So
//! this uses the public library alone.

use std::borrow::Cow;
use std::io::{Read as _, Write as _};
use std::path::Path;

use serde_json::{Value, json};

use sesame::engine::inspect::{imports_only, inspect, read_interface, world_text};
use sesame::engine::metadata::annotations;
use sesame::model::bounds::MAX_COMPONENT;
use sesame::model::capability::{Capability, Scope};
use sesame::model::digest::Digest;
use sesame::model::file_kind::FileKind;
use sesame::model::lock::merge::{merge, split_conflict};
use sesame::model::lock::{Lock, LockEntry, LockedSource};
use sesame::model::manifest::edit::entry::{add_entry, remove_entry};
use sesame::model::manifest::edit::{EntryChange, WrittenSource};
use sesame::model::manifest::{ComponentSource, DropIn, Extension, Manifest, ManifestSource};
use sesame::model::name::ExtensionName;
use sesame::model::reference::{OciReference, OciRepository};
use sesame::model::text::escape;
use sesame::model::toml::problem::Problem;
use sesame::registry::artifact::{self, Artifact};
use sesame::registry::auth::challenge::{self, Challenge, TokenServer};
use sesame::registry::auth::credentials::{CredentialFile, CredentialLocation};
use sesame::registry::auth::docker_config::DockerConfig;
use sesame::registry::auth::secret::{Credential, Secret};
use sesame::registry::error::Error;
use sesame::registry::layout::bundle::Bundle;
use sesame::registry::layout::reader::{blob_name, tar_header};

/// A function of this file: whether the bytes were taken for what they should be.
pub type Target = fn(&[u8]) -> bool;

/// Every target by its name, which is also that of its folder in `seeds/`.
pub const TARGETS: [(&str, Target); 7] = [
    ("manifest", manifest),
    ("lock", lock),
    ("oci_manifest", oci_manifest),
    ("bundle", bundle),
    ("component", component),
    ("docker_config", docker_config),
    ("www_authenticate", www_authenticate),
];

/// A block of a tar archive, in bytes.
const BLOCK: usize = 512;

/// `sesame.toml`, and the same bytes as the drop-in of an extension `clock`. Problems have a place in the file and can be
/// shown; a manifest can be written again, and edited without changing what is not meant.
pub fn manifest(bytes: &[u8]) -> bool {
    let source = |file: &str, folder: &str, bytes: &[u8]| ManifestSource {
        file: file.to_owned(),
        folder: folder.into(),
        bytes: bytes.to_vec(),
    };
    let main = Manifest::parse(&source("sesame.toml", "/project", bytes), &[]);
    match (&main, std::str::from_utf8(bytes)) {
        (Ok(manifest), Ok(text)) => assert_edits(manifest, text),
        (Ok(_), Err(_)) => panic!("what is no text was read"),
        (Err(problems), _) => assert_shown(problems, bytes),
    }
    let drop_in =
        DropIn { stem: "clock".to_owned(), source: source("extensions/clock.toml", "/project/extensions", bytes) };
    let beside = Manifest::parse(&source("sesame.toml", "/project", b""), &[drop_in]);
    match &beside {
        Ok(manifest) => {
            assert_eq!(manifest.extensions.keys().map(ExtensionName::as_str).collect::<Vec<_>>(), ["clock"])
        }
        Err(problems) => assert_shown(problems, bytes),
    }
    for extension in main.iter().chain(&beside).flat_map(|manifest| manifest.extensions.values()) {
        assert_source(&extension.source);
    }
    main.is_ok() || beside.is_ok()
}

/// `sesame.lock`. What was read is written so that it is read again as the same, and the writing is canonical; of two sides
/// of a merge nothing comes that neither has.
pub fn lock(bytes: &[u8]) -> bool {
    if let Some(both) = std::str::from_utf8(bytes).ok().and_then(split_conflict)
        && let Ok(merged) = merge("sesame.lock", &both)
    {
        let [ours, theirs] = both.map(|side| Lock::parse("side", side.as_bytes()).expect("a side that was merged"));
        for (name, entry) in &merged.lock.entries {
            assert!([&ours, &theirs].iter().any(|side| side.entries.get(name) == Some(entry)), "{name}");
        }
    }
    match Lock::parse("sesame.lock", bytes) {
        Ok(lock) => {
            assert_canonical(&lock);
            true
        }
        Err(problems) => {
            assert_shown(&problems, bytes);
            false
        }
    }
}

/// The manifest or index of an artifact in a registry. It leads to a digest that stands in it, of a size that is fetched.
pub fn oci_manifest(bytes: &[u8]) -> bool {
    let found = match artifact::read(bytes) {
        Ok(found) => found,
        Err(refusal) => {
            let reference = "ghcr.io/o/a:1".parse().expect("a reference");
            let error = sesame::ops::error::Error::from(Error::Refused { reference, refusal });
            assert!(!error.fault().causes.is_empty() && !error.hints().is_empty());
            return false;
        }
    };
    let (holder, other, digest) = match found {
        Artifact::Component { digest, size } => {
            assert!(size <= MAX_COMPONENT, "{size}");
            ("layers", "manifests", digest)
        }
        Artifact::Index { manifest } => ("manifests", "layers", manifest),
    };
    // Numbers and nesting that this parser takes and that one does not stand where nobody looks.
    if let Ok(json) = serde_json::from_slice::<Value>(bytes) {
        assert!(json[other].is_null(), "it is two documents at once");
        assert!(json[holder].to_string().contains(&digest.to_string()), "{digest} is not in it");
    }
    true
}

/// The archive of a bundle; or what begins with `{` as the manifest of one, in an archive with all the right digests, which
/// chance never finds. What is read of it are whole files of the archive.
pub fn bundle(bytes: &[u8]) -> bool {
    if bytes.first() == Some(&b'{') {
        return open(&around(bytes));
    }
    let summed = with_sums(bytes);
    if summed != bytes {
        open(&summed);
    }
    open(bytes)
}

/// A component, which nobody has looked at yet. Its beginning has the same imports, and what it is said to have can be
/// locked.
pub fn component(bytes: &[u8]) -> bool {
    annotations(bytes);
    // Only what begins as a component comes as far as this; a core module is valid, too.
    let (FileKind::Component, Ok(interface)) = (FileKind::of(bytes), inspect(bytes)) else { return false };
    assert_eq!(read_interface(bytes).as_ref(), Ok(&interface));
    let part = imports_only(bytes).expect("a beginning of what was inspected");
    assert!(bytes.starts_with(part));
    assert_eq!(inspect(part).expect("a component").imports, interface.imports);
    let entry = LockEntry {
        source: LockedSource::Path("a.wasm".to_owned()),
        component: Digest::of(bytes),
        size: bytes.len() as u64,
        imports: interface.imports,
        exports: interface.exports,
    };
    assert_canonical(&Lock { entries: [(name("a"), entry)].into() });
    // Not every component can be written as WIT.
    let _ = world_text(bytes);
    true
}

/// Docker's file of credentials, read and changed. A host gets nothing that is kept for another one, and nothing that may be
/// shown has a word of the file.
pub fn docker_config(bytes: &[u8]) -> bool {
    const SECRET: &str = "a secret: of the fuzzer's";
    const HOSTS: [(&str, &str); 3] =
        [("ghcr.io", "ghcr.io"), ("docker.io", "https://index.docker.io/v1/"), ("localhost:5000", "localhost:5000")];
    if let Some(file) =
        std::str::from_utf8(bytes).ok().and_then(|text| CredentialFile::parse(CredentialLocation::Variable, text))
    {
        let json: Value = serde_json::from_slice(bytes).expect("JSON");
        let named: Vec<&String> = json["auths"].as_object().into_iter().flat_map(|auths| auths.keys()).collect();
        for (host, _) in HOSTS {
            for key in file.keys(host, "org/team/tool") {
                assert!(key.contains(host), "{key} is asked for {host}");
                if let Ok(Some(credential)) = file.entry(&key) {
                    assert!(named.iter().any(|named| named.contains(host)), "{host} gets what is another one's");
                    assert_secret(&credential);
                }
            }
        }
    }
    let mut file = match DockerConfig::parse(Path::new("config.json"), bytes) {
        Ok(file) => file,
        Err(error) => {
            assert_eq!(error.to_string(), "config.json is no JSON object, as docker writes it");
            return false;
        }
    };
    for (host, key) in HOSTS {
        let helper = file.helper(host);
        file.add(host, "me", &Secret::new(SECRET.to_owned()));
        assert_eq!(file.helper(host), helper);
        let text = file.render();
        let json: Value = serde_json::from_str(&text).expect("JSON");
        match CredentialFile::parse(CredentialLocation::Variable, &text).expect("JSON").entry(key) {
            _ if helper.is_some() => assert_eq!(json["auths"][key], json!({}), "a helper keeps it, and not the file"),
            Ok(found) => {
                let password = Secret::new(SECRET.to_owned());
                assert_eq!(found, Some(Credential::Password { user: "me".to_owned(), password }));
            }
            // Another entry is in nobody's format.
            Err(why) => assert_eq!(why, "they are not in docker's format"),
        }
        assert!(file.remove(host) && !file.remove(host), "{host} is forgotten once");
    }
    true
}

/// The `WWW-Authenticate` headers of a response, one a line. The first token server counts, whatever comes after it, and is
/// read from the header as it would be written.
pub fn www_authenticate(bytes: &[u8]) -> bool {
    // What the client lets through as the text of a header.
    let is_visible = |text: &str| text.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte));
    let text = String::from_utf8_lossy(bytes);
    let values: Vec<&str> = text.split('\n').filter(|line| is_visible(line)).collect();
    let found = challenge::read(values.iter().copied());
    if let Challenge::Bearer(TokenServer { realm, service }) = &found {
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let mut written = format!("Bearer realm=\"{}\"", quoted(realm));
        if let Some(service) = service {
            written.push_str(&format!(", service=\"{}\"", quoted(service)));
        }
        assert!(is_visible(&written), "{written:?}");
        assert_eq!(challenge::read([written.as_str()]), found);
    }
    let and_basic = challenge::read(values.iter().copied().chain(["Basic realm=\"x\""]));
    let is_known = found != Challenge::Unknown;
    assert_eq!(and_basic, if is_known { found } else { Challenge::Basic });
    is_known
}

fn name(name: &str) -> ExtensionName {
    name.parse().expect("a name")
}

/// Each problem has its place in the text, in order, and shows no control character.
fn assert_shown(problems: &[Problem], bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.split('\n').collect();
    assert!(!problems.is_empty(), "refused without a reason");
    assert!(problems.is_sorted_by_key(|problem| (problem.line, problem.column)), "{problems:?}");
    for problem in problems {
        let line = problem.line.checked_sub(1).and_then(|at| lines.get(at));
        let is_inside = line.is_some_and(|line| (1..=line.chars().count() + 1).contains(&problem.column));
        assert!(is_inside, "{}:{} is not in the text: {}", problem.line, problem.column, problem.message);
        for shown in problem.to_string().split('\n') {
            assert!(matches!(escape(shown), Cow::Borrowed(_)), "{shown:?}");
        }
    }
}

/// A source is written as it was read.
fn assert_source(source: &ComponentSource) {
    match source {
        ComponentSource::Oci(reference) => {
            assert_eq!(reference.to_string().parse::<OciReference>().as_ref(), Ok(reference))
        }
        ComponentSource::Range(range) => {
            let written = range.repository.to_string();
            assert_eq!(written.parse::<OciRepository>().as_ref(), Ok(&range.repository));
        }
        ComponentSource::Path(path) => {
            let mut parts = path.strip_prefix('/').unwrap_or(path).split('/').skip_while(|part| *part == "..");
            assert!(parts.all(|part| !["", ".", ".."].contains(&part)), "{path:?}");
        }
    }
}

/// With an entry more or less, a manifest says of everything else what it said before.
fn assert_edits(manifest: &Manifest, text: &str) {
    let parse = |text: &str| {
        let source = ManifestSource { file: "sesame.toml".into(), folder: "/project".into(), bytes: text.into() };
        Manifest::parse(&source, &[]).unwrap_or_else(|problems| panic!("{}\n{text}", problems[0]))
    };
    // An edit moves what stands below it.
    let without = |manifest: &Manifest, name: &ExtensionName| {
        let mut manifest = manifest.clone();
        manifest.extensions.remove(name);
        manifest.extensions.values_mut().for_each(|Extension { declared_at: place, .. }| place.clear());
        manifest
    };
    let new = name("added-by-the-fuzzer");
    let source = WrittenSource::Oci { reference: "ghcr.io/org/added:1.0.0".to_owned(), revision: "1.0.0".to_owned() };
    let change = EntryChange { source: Some(source), grants: [(Capability::ConfigRead, Scope::Whole)].into() };
    if !manifest.extensions.contains_key(&new)
        && let Ok(edited) = add_entry(text, &new, &change)
    {
        let edited = parse(&edited);
        assert!(edited.extensions[&new].capabilities == change.grants, "{text}");
        assert_eq!(without(&edited, &new), without(manifest, &new), "{text}");
    }
    for name in manifest.extensions.keys().take(8) {
        if let Ok(edited) = remove_entry(text, name) {
            let edited = parse(&edited);
            assert!(!edited.extensions.contains_key(name), "{text}");
            assert_eq!(without(&edited, name), without(manifest, name), "{text}");
        }
    }
}

/// What is written of a lock is read as the same lock, and written the same again.
fn assert_canonical(lock: &Lock) {
    let text = lock.render();
    let again = Lock::parse("sesame.lock", text.as_bytes());
    assert_eq!(again.as_ref(), Ok(lock), "{text}");
    assert_eq!(again.map(|again| again.render()), Ok(text));
}

/// A credential's debugging form has nothing of its secret.
fn assert_secret(credential: &Credential) {
    let expected = match credential {
        Credential::Password { user, .. } => format!("Password {{ user: {user:?}, password: Secret(…) }}"),
        Credential::Identity(_) => "Identity(Secret(…))".to_owned(),
    };
    assert_eq!(format!("{credential:?}"), expected);
}

/// Opens an archive as a bundle, and reads all that is in it.
fn open(archive: &[u8]) -> bool {
    let mut file = tempfile::Builder::new().suffix(".tar").tempfile().expect("a temporary file");
    file.write_all(archive).expect("a temporary file");
    let bundle = match Bundle::open(file.path()) {
        Ok(bundle) => bundle,
        // The file itself can be read; what is wrong is wrong with the bytes.
        Err(error @ Error::Io { .. }) => panic!("{error:?}"),
        Err(_) => return false,
    };
    let is_file =
        |bytes: &[u8]| archive.chunks(BLOCK).enumerate().any(|(at, _)| archive[at * BLOCK..].starts_with(bytes));
    let named = archive.chunks(BLOCK).filter_map(|block| {
        let block = block.strip_prefix(b"./").unwrap_or(block).strip_prefix(b"blobs/sha256/")?;
        format!("sha256:{}", std::str::from_utf8(block.get(..64)?).ok()?).parse::<Digest>().ok()
    });
    for digest in named {
        if let Some(mut blob) = bundle.blob(digest).expect("a file of the archive") {
            let mut bytes = Vec::new();
            blob.read_to_end(&mut bytes).expect("a file of the archive");
            assert!(is_file(&bytes), "{digest} is read from elsewhere");
        }
    }
    for bytes in bundle.project_files().into_iter().flat_map(|texts| texts.into_values()) {
        assert!(is_file(&bytes), "a text is read from elsewhere");
    }
    true
}

/// The archive of a bundle with this manifest. Besides it, it has an empty file and `{}`.
fn around(manifest: &[u8]) -> Vec<u8> {
    let index = json!({ "schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": Digest::of(manifest).to_string(),
        "size": manifest.len(),
    }]});
    let blob = |bytes: &[u8]| (blob_name(Digest::of(bytes)), bytes.to_vec());
    let mut files = vec![
        ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
        ("index.json".to_owned(), index.to_string().into_bytes()),
        blob(b""),
        blob(b"{}"),
    ];
    if manifest != b"{}" {
        files.push(blob(manifest));
    }
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let header = tar_header(&name, bytes.len() as u64).expect("a name that fits");
        archive.append(&header, bytes.as_slice()).expect("memory");
    }
    archive.into_inner().expect("memory")
}

/// The archive with the sums in its headers put right: whoever made it can add.
fn with_sums(archive: &[u8]) -> Vec<u8> {
    let mut archive = archive.to_vec();
    let mut at = 0_usize;
    while let Some(block) = archive.get_mut(at..).and_then(|rest| rest.get_mut(..BLOCK)) {
        if block.iter().all(|byte| *byte == 0) {
            break;
        }
        let mut header = tar::Header::from_byte_slice(block).clone();
        header.set_cksum();
        block.copy_from_slice(header.as_bytes());
        let size = header.entry_size().ok().and_then(|size| usize::try_from(size).ok());
        let next = size.and_then(|size| size.checked_next_multiple_of(BLOCK)?.checked_add(at + BLOCK));
        let Some(next) = next else { break };
        at = next;
    }
    archive
}
