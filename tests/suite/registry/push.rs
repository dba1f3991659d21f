//! `extension push`: what is published, that it is the same each time, and that nothing is lost by it.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::formats::schemas::validator;
use crate::support::artifact::{Artifact, MANIFEST, component};
use crate::support::registry::{Fault, Registry, basic};
use crate::support::registry_fixture::{PASSWORD, USER, log_in, tokens};
use crate::support::sandbox::{Run, Sandbox};
use crate::support::{guest, layout};
use sesame::model::digest::Digest;

const TAG: &str = "/v2/my-org/greeting/manifests/0.1.0";
const LAYOUT: &str = "oci-layout:vendor:ghcr.io/my-org/greeting:0.1.0";

/// A component's file, a registry, and a reference in it.
fn start() -> (Sandbox, Registry, String) {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    sandbox.write("greeting.wasm", guest("greeting-0.1.0"));
    let reference = format!("{}/my-org/greeting:0.1.0", registry.host());
    (sandbox, registry, reference)
}

fn push(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    sandbox.run(&[&["extension", "push"], arguments].concat())
}

/// The manifest that a tag names.
fn manifest(registry: &Registry) -> Value {
    let (media_type, bytes) = registry.held(TAG).expect("the tag is there");
    assert_eq!(media_type, MANIFEST);
    serde_json::from_slice(&bytes).unwrap()
}

/// The bytes of a descriptor.
fn blob(registry: &Registry, descriptor: &Value) -> Vec<u8> {
    let digest = descriptor["digest"].as_str().unwrap();
    let (_, bytes) = registry.held(&format!("/v2/my-org/greeting/blobs/{digest}")).expect("the blob is there");
    assert_eq!((Digest::of(&bytes).to_string().as_str(), &descriptor["size"]), (digest, &json!(bytes.len())));
    bytes
}

/// What was asked for but looked at.
fn writes(registry: &Registry) -> Vec<String> {
    let log = registry.take_log();
    log.into_iter().filter(|line| !line.starts_with("GET ") && !line.starts_with("HEAD ")).collect()
}

#[test]
fn what_is_pushed_is_installed_and_called() {
    let (sandbox, registry, reference) = start();
    let run = push(&sandbox, &["greeting.wasm", &reference]);
    let (_, bytes) = registry.held(TAG).expect("the tag is there");
    run.fails(0, &[&format!("pushed {reference}@{}", Digest::of(&bytes)), "28.8 KiB"]);
    sandbox.ok(&["extension", "install", &reference, "--grant", "config-read"]).fails(0, &["installed greeting"]);
    assert_eq!(sandbox.ok(&["extension", "call", "greeting", "greet", "World"]).stdout, "Hello, World!\n");
}

#[test]
fn what_is_published_is_the_wasm_artifact_that_other_tools_read() {
    let (sandbox, registry, reference) = start();
    push(&sandbox, &["greeting.wasm", &reference]).fails(0, &["pushed"]);
    let manifest = manifest(&registry);
    assert_eq!((&manifest["schemaVersion"], &manifest["mediaType"]), (&json!(2), &json!(MANIFEST)));
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!((layers.len(), &layers[0]["mediaType"]), (1, &json!("application/wasm")));
    assert_eq!(layers[0]["annotations"], json!({ "org.opencontainers.image.title": "greeting.wasm" }));
    let component = guest("greeting-0.1.0");
    assert_eq!(blob(&registry, &layers[0]), component);
    let config: Value = serde_json::from_slice(&blob(&registry, &manifest["config"])).unwrap();
    assert_eq!((&config["created"], &config["os"]), (&json!("1970-01-01T00:00:00Z"), &json!("wasip2")));
    assert_eq!(config["layerDigests"], json!([Digest::of(&component).to_string()]));
    let world = json!({ "imports": ["open-sesame:host/config-read@0.1.0"], "exports": ["greet"] });
    assert_eq!(config["component"], world);
    assert!(!manifest.to_string().contains("created"), "there is no time but the epoch: {manifest}");
}

#[test]
fn the_same_again_is_there_already() {
    let (sandbox, registry, reference) = start();
    push(&sandbox, &["greeting.wasm", &reference]).fails(0, &["pushed"]);
    assert_eq!(writes(&registry).len(), 5, "two for each blob, and the manifest");
    for options in [&[][..], &["--force"]] {
        push(&sandbox, &[&["greeting.wasm", &reference], options].concat()).fails(0, &["there already"]);
        assert_eq!(writes(&registry), Vec::<String>::new());
    }
    // Under another tag only the manifest is new.
    push(&sandbox, &["greeting.wasm", &reference.replace("0.1.0", "latest")]).fails(0, &["pushed"]);
    assert_eq!(writes(&registry), ["PUT /v2/my-org/greeting/manifests/latest"]);
}

#[test]
fn the_digest_is_that_of_the_component_and_its_files_name() {
    let (sandbox, registry, reference) = start();
    sandbox.write("deep/er/greeting.wasm", guest("greeting-0.1.0"));
    sandbox.write("other.wasm", guest("greeting-0.1.0"));
    let pushed = |file: &str, tag: &str| {
        push(&sandbox, &[file, &reference.replace("0.1.0", tag)]).fails(0, &["pushed"]);
        registry.held(&TAG.replace("0.1.0", tag)).unwrap().1
    };
    let first = pushed("greeting.wasm", "1");
    assert_eq!(pushed("deep/er/greeting.wasm", "2"), first);
    assert_eq!(pushed(&sandbox.path("project/greeting.wasm").display().to_string(), "3"), first);
    assert_ne!(pushed("other.wasm", "4"), first);
}

#[test]
fn a_tag_that_is_taken_is_moved_only_by_force() {
    let (sandbox, registry, reference) = start();
    push(&sandbox, &["greeting.wasm", &reference]).fails(0, &["pushed"]);
    let before = registry.held(TAG).unwrap().1;
    sandbox.write("greeting.wasm", guest("greeting-0.2.0"));
    registry.take_log();
    let found = Digest::of(&before).to_string();
    push(&sandbox, &["greeting.wasm", &reference])
        .fails(77, &["is there already, with other content", &found, "hint: ", "`--force` moves this one"]);
    assert_eq!((writes(&registry), registry.held(TAG).unwrap().1), (Vec::new(), before));
    push(&sandbox, &["greeting.wasm", &reference, "--force"]).fails(0, &["pushed"]);
    assert_eq!(blob(&registry, &manifest(&registry)["layers"][0]), guest("greeting-0.2.0"));
}

#[test]
fn annotations_are_the_components_own_and_before_them_those_of_the_command() {
    let (sandbox, registry, reference) = start();
    let text = "(component (@custom \"licenses\" \"MIT\") (@custom \"version\" \"1.2.3\"))";
    sandbox.write("own.wasm", wat::parse_str(text).unwrap());
    let given = "--annotation=org.opencontainers.image.licenses=Apache-2.0";
    push(&sandbox, &["own.wasm", &reference, given, "--annotation", "a=b=c"]).fails(0, &["pushed"]);
    let (licenses, version) = ("org.opencontainers.image.licenses", "org.opencontainers.image.version");
    let expected = json!({ "a": "b=c", licenses: "Apache-2.0", version: "1.2.3" });
    assert_eq!(manifest(&registry)["annotations"], expected);
    push(&sandbox, &["own.wasm", &reference, "--force"]).fails(0, &["pushed"]);
    assert_eq!(manifest(&registry)["annotations"][licenses], "MIT");
    push(&sandbox, &["own.wasm", &reference, "--annotation", "nonsense"]).fails(2, &["KEY=VALUE"]);
}

#[test]
fn one_token_is_enough_for_a_push() {
    let (sandbox, registry, reference) = start();
    registry.want_tokens(tokens());
    log_in(&sandbox, &registry);
    let run = push(&sandbox, &["greeting.wasm", &reference, "-vvv"]);
    run.fails(0, &["pushed"]);
    assert!(!run.stderr.contains(PASSWORD) && !run.stderr.contains("secret-9c41"), "{}", run.stderr);
    let log = registry.take_log();
    let asked: Vec<&String> = log.iter().filter(|line| line.contains("/token")).collect();
    assert_eq!(asked, ["GET /token?service=test&scope=repository%3Amy-org%2Fgreeting%3Apull%2Cpush"]);
}

#[test]
fn a_fault_that_passes_is_survived_on_each_kind_of_request() {
    for fault in [Fault::Status(500), Fault::HangUp] {
        let (sandbox, registry, reference) = start();
        registry.want_tokens(tokens());
        log_in(&sandbox, &registry);
        let component = Digest::of(&guest("greeting-0.1.0")).to_string();
        for path in ["/token", &component, "/blobs/uploads/", "/blobs/uploads/1", "/manifests/0.1.0"] {
            registry.misbehave_times(path, 1, fault.clone());
        }
        // The tag is asked for twice, and then put twice.
        registry.misbehave_times("/manifests/0.1.0", 1, Fault::Delay(std::time::Duration::ZERO));
        registry.misbehave_times("/manifests/0.1.0", 1, fault.clone());
        push(&sandbox, &["greeting.wasm", &reference]).fails(0, &["pushed"]);
        assert_eq!(blob(&registry, &manifest(&registry)["layers"][0]), guest("greeting-0.1.0"));
        let log = registry.take_log();
        let count = |begin: &str| log.iter().filter(|line| line.starts_with(begin)).count();
        assert_eq!((count("GET /token"), count(&format!("PUT {TAG}"))), (2, 2), "{log:?}");
        assert_eq!(count("POST "), 3, "{log:?}");
    }
}

#[test]
fn an_upload_that_goes_elsewhere_takes_no_credentials_along() {
    let ((sandbox, registry, reference), elsewhere) = (start(), Registry::start());
    registry.want_basic(USER, PASSWORD);
    log_in(&sandbox, &registry);
    registry.upload_location(format!("http://{}/v2/my-org/greeting/blobs/uploads/7?state=a%2Bb", elsewhere.host()));
    push(&sandbox, &["greeting.wasm", &reference]).fails(0, &["pushed"]);
    assert_eq!(elsewhere.authorizations(), Vec::<String>::new());
    let log = elsewhere.take_log();
    let digest = Digest::of(&guest("greeting-0.1.0")).to_string().replace(':', "%3A");
    assert_eq!(log.len(), 2, "{log:?}");
    assert_eq!(log[1], format!("PUT /v2/my-org/greeting/blobs/uploads/7?state=a%2Bb&digest={digest}"));
    assert_eq!(blob(&elsewhere, &manifest(&registry)["layers"][0]), guest("greeting-0.1.0"));
    assert!(registry.authorizations().iter().all(|sent| *sent == basic(USER, PASSWORD)));
}

#[test]
fn who_may_not_write_is_told_and_nothing_is_stored() {
    let (sandbox, registry, reference) = start();
    registry.want_basic(USER, PASSWORD);
    push(&sandbox, &["greeting.wasm", &reference]).fails(77, &["wants credentials for", "there are none"]);
    assert_eq!((registry.authorizations(), writes(&registry)), (Vec::new(), Vec::new()));
    log_in(&sandbox, &registry);
    registry.misbehave("/blobs/uploads/", Fault::Status(403));
    push(&sandbox, &["greeting.wasm", &reference])
        .fails(77, &["does not let us write", "look whether these credentials may write there"]);
    assert_eq!(writes(&registry), ["POST /v2/my-org/greeting/blobs/uploads/"]);
    assert_eq!(registry.held(TAG), None);
}

#[test]
fn what_is_no_component_is_not_sent() {
    let (sandbox, registry, reference) = start();
    sandbox.write("module.wasm", wat::parse_str("(module)").unwrap());
    sandbox.write("broken.wasm", &component("a")[..90]);
    push(&sandbox, &["module.wasm", &reference])
        .fails(65, &["module.wasm is a core WebAssembly module", "wasm-tools component new"]);
    push(&sandbox, &["broken.wasm", &reference]).fails(65, &["broken.wasm is not usable"]);
    sandbox.write("text.wasm", "hello");
    push(&sandbox, &["nowhere.wasm", &reference]).fails(66, &["there is no file", "nowhere.wasm"]);
    push(&sandbox, &["text.wasm", LAYOUT]).fails(65, &["text.wasm is text"]);
    assert_eq!(registry.take_log(), Vec::<String>::new());
    assert!(!sandbox.path("project/vendor").exists());
}

/// The entries of the layout in `vendor`.
fn entries(sandbox: &Sandbox) -> Vec<Value> {
    let index: Value = serde_json::from_str(&sandbox.read("vendor/index.json")).unwrap();
    index["manifests"].as_array().unwrap().clone()
}

#[test]
fn a_layout_is_made_or_added_to_and_serves_a_project_offline() {
    for is_there in [false, true] {
        let (sandbox, ..) = start();
        let other = Artifact::wkg(&component("other"));
        if is_there {
            layout::write(&sandbox.path("project/vendor"), &[("ghcr.io/my-org/other:1", &other)]);
        }
        let before = if is_there { entries(&sandbox) } else { Vec::new() };
        let reference = "ghcr.io/my-org/greeting:0.1.0";
        push(&sandbox, &["greeting.wasm", LAYOUT]).fails(0, &[&format!("pushed {reference}@sha256:"), "vendor"]);
        let (mut after, files) = (entries(&sandbox), sandbox.trace(&sandbox.path("project/vendor")));
        let index = sandbox.read("vendor/index.json");
        push(&sandbox, &["greeting.wasm", LAYOUT]).fails(0, &["there already"]);
        assert_eq!(sandbox.read("vendor/index.json"), index);
        assert_eq!(sandbox.trace(&sandbox.path("project/vendor")), files);
        after.pop();
        assert_eq!(after, before);
        for path in sandbox.files(&sandbox.path("project/vendor/blobs")) {
            assert_eq!(Digest::of(&fs::read(&path).unwrap()).hex(), path.file_name().unwrap().to_str().unwrap());
        }
        let settings = "[registries.\"ghcr.io\"]\nmirrors = [\"oci-layout:vendor\"]\nmirrors-only = true\n";
        let others = if is_there { "other = \"ghcr.io/my-org/other:1\"\n" } else { "" };
        let greeting = format!("greeting = {{ oci = \"{reference}\", capabilities.config-read = true }}\n");
        sandbox.write("sesame.toml", format!("{settings}[extensions]\n{others}{greeting}"));
        sandbox.sync(None, &["--offline"]);
        assert_eq!(sandbox.ok(&["extension", "call", "greeting", "greet", "you"]).stdout, "Hello, you!\n");
    }
}

#[test]
fn a_layout_that_was_begun_is_gone_on_with_and_another_folder_is_left_alone() {
    let (sandbox, ..) = start();
    sandbox.write("vendor/notes.txt", "mine");
    push(&sandbox, &["greeting.wasm", LAYOUT]).fails(78, &["it has other files, and no `oci-layout`"]);
    assert!(!sandbox.path("project/vendor/blobs").exists());
    fs::remove_dir_all(sandbox.path("project/vendor")).unwrap();
    // A limit on the size of files stops a push at the component.
    let plain = sandbox.command(&["extension", "push", "greeting.wasm", LAYOUT]);
    let mut limited = Command::new("/bin/sh");
    limited.args(["-c", "ulimit -f 8; exec \"$0\" \"$@\""]).arg(plain.get_program()).args(plain.get_args());
    limited.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    assert_ne!(Run::of(limited.current_dir(sandbox.path("project"))).status, 0);
    assert!(sandbox.path("project/vendor/blobs").exists() && !sandbox.path("project/vendor/index.json").exists());
    push(&sandbox, &["greeting.wasm", LAYOUT]).fails(0, &["pushed"]);
}

#[test]
fn an_entry_of_a_layout_is_replaced_only_by_force() {
    let (sandbox, ..) = start();
    push(&sandbox, &["greeting.wasm", LAYOUT]).fails(0, &["pushed"]);
    let before = entries(&sandbox);
    sandbox.write("greeting.wasm", guest("greeting-0.2.0"));
    let trace = sandbox.trace(&sandbox.path("project/vendor"));
    push(&sandbox, &["greeting.wasm", LAYOUT]).fails(77, &["is there already, with other content", "`--force`"]);
    assert_eq!(sandbox.trace(&sandbox.path("project/vendor")), trace);
    push(&sandbox, &["greeting.wasm", LAYOUT, "--force"]).fails(0, &["pushed"]);
    let after = entries(&sandbox);
    assert_eq!((after.len(), &after[0]["annotations"]), (1, &before[0]["annotations"]));
    assert_ne!(after[0]["digest"], before[0]["digest"]);
}

#[test]
fn a_destination_without_a_reference_or_with_a_digest_is_a_wrong_command_line() {
    let (sandbox, registry, reference) = start();
    for destination in ["oci-layout:vendor", "oci-layout::ghcr.io/my-org/greeting:1"] {
        push(&sandbox, &["greeting.wasm", destination]).fails(2, &["write `oci-layout:FOLDER:REFERENCE`"]);
    }
    let pinned = format!("{reference}@{}", Digest::of(b"x"));
    let advice = format!("remove `@{}`", Digest::of(b"x"));
    push(&sandbox, &["greeting.wasm", &pinned]).fails(2, &["a digest is what publishing gives", &advice]);
    assert_eq!(registry.take_log(), Vec::<String>::new());
}

#[test]
fn json_is_one_document_of_the_schema() {
    let (sandbox, registry, reference) = start();
    let schema = validator("output.json");
    for (destination, unchanged) in [(reference.as_str(), false), (&reference, true), (LAYOUT, false)] {
        let run = push(&sandbox, &["greeting.wasm", destination, "--json"]);
        assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{}", run.stdout);
        let document: Value = serde_json::from_str(&run.stdout).unwrap();
        let errors: Vec<String> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty() && document["command"] == "extension push", "{errors:?} in {}", run.stdout);
        let (data, provenance) = (&document["data"], Digest::of(&registry.held(TAG).unwrap().1).to_string());
        let reference = destination.trim_start_matches("oci-layout:vendor:");
        assert_eq!(data["reference"], format!("{reference}@{provenance}"));
        assert_eq!((&data["provenance"], &data["unchanged"]), (&json!(provenance), &json!(unchanged)));
        assert_eq!(data["layout"].is_string(), destination == LAYOUT);
        assert_eq!(data["component"], Digest::of(&guest("greeting-0.1.0")).to_string());
    }
}

#[test]
fn a_destination_without_a_tag_is_told_to_have_one() {
    let (sandbox, _registry, reference) = start();
    let repository = reference.rsplit_once(':').unwrap().0;
    for destination in [repository, LAYOUT.rsplit_once(':').unwrap().0] {
        let run = push(&sandbox, &["greeting.wasm", destination]);
        run.fails(2, &["has no tag; add one, as in `"]);
        assert!(!run.stderr.contains("version"), "{}", run.stderr);
    }
}
