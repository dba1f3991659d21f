//! `doctor`: what is so is told, what is wrong has its next step, and no secret is shown.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::formats::schemas::validator;
use crate::support::artifact::{Artifact, component};
use crate::support::registry::Registry;
use crate::support::sandbox::{Run, Sandbox};

#[test]
fn where_all_is_well_everything_is_named() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    let reference = registry.push("org/a", "1.0.0", &Artifact::wkg(&component("a")));
    sandbox.want(&registry, &[("a", &reference)]);
    sandbox.ok(&["sync"]);
    let said = sandbox.ok(&["doctor"]).stdout;
    for text in [
        "good    sesame: ",
        "good    data: ",
        "good    key: ",
        "-       policy: this machine has none",
        "1 extension; it is in this folder or above",
        "good    lock: ",
        "1 extension in profile `default` (generation 1)",
        &format!("good    {}: reached over HTTP/1.1, no credentials", registry.host()),
    ] {
        assert!(said.contains(text), "no `{text}` in:\n{said}");
    }
    assert!(sandbox.ok(&["doctor", "-m", "sesame.toml"]).stdout.contains("; --manifest names it"));
    assert!(sandbox.ok(&["doctor", "--offline"]).stdout.contains("not asked, because of --offline"));
    let json: Value = serde_json::from_str(&sandbox.ok(&["doctor", "--json"]).stdout).unwrap();
    assert!(validator("output.json").is_valid(&json), "{json}");
    let before = sandbox.trace(&sandbox.path("home"));
    sandbox.ok(&["doctor"]);
    assert_eq!(sandbox.trace(&sandbox.path("home")), before, "looking changes nothing");
    // A set that another manifest made is not this one's.
    fs::create_dir_all(sandbox.path("project/other")).unwrap();
    sandbox.write("other/sesame.toml", "");
    let Run { status, stdout, .. } = sandbox.run(&["doctor", "-m", "other"]);
    assert!(status == 1 && stdout.contains("made by ") && stdout.contains("`profile = \"NAME\"`"), "{stdout}");
    // A registry that only mirrors stand for is not asked.
    let text = sandbox.read("sesame.toml");
    sandbox.ok(&["bundle", "export", "set"]);
    let settings = "plain-http = true\nmirrors = [\"oci-layout:set\"]\nmirrors-only = true";
    sandbox.write("sesame.toml", text.replace("plain-http = true", settings));
    registry.take_log();
    let said = sandbox.ok(&["doctor"]).stdout;
    assert!(said.contains("only its mirrors are asked") && said.contains("project/set: an OCI image layout"), "{said}");
    assert_eq!(registry.take_log(), Vec::<String>::new());
    fs::rename(sandbox.path("project/set"), sandbox.path("project/away")).unwrap();
    let Run { status, stdout, .. } = sandbox.run(&["doctor"]);
    assert!(status == 1 && stdout.contains("project/set: there is no OCI image layout\n"), "{stdout}");
}

#[test]
fn what_is_wrong_is_named_with_its_next_step() {
    let (sandbox, registry) = (Sandbox::new(), Registry::start());
    sandbox.run(&["doctor"]).fails(1, &[]);
    let reference = registry.push("org/a", "1.0.0", &Artifact::wkg(&component("a")));
    sandbox.want(&registry, &[("a", &reference)]);
    let wrong = |texts: &[&str]| {
        let Run { status, stdout, .. } = sandbox.run(&["doctor"]);
        assert_eq!(status, 1, "{stdout}");
        for text in texts {
            assert!(stdout.contains(text), "no `{text}` in:\n{stdout}");
        }
    };
    wrong(&["wrong   lock: there is no sesame.lock", "`sesame lock`", "nothing in profile `default`"]);
    sandbox.ok(&["sync"]);
    fs::set_permissions(sandbox.data().join("blobs"), Permissions::from_mode(0o777)).unwrap();
    wrong(&["wrong   folder: ", "others can write to it (mode 777)", "sesame verify --repair"]);
    sandbox.ok(&["verify", "--repair"]).fails(0, &["mended"]);
    sandbox.write("../home/config/pds/policy.toml", "limit = 1\n");
    wrong(&["wrong   policy: ", "policy.toml:1: "]);
    fs::remove_file(sandbox.path("home/config/pds/policy.toml")).unwrap();
    let text = sandbox.read("sesame.toml");
    sandbox.write("sesame.toml", text.replace("plain-http = true", "plain-http = false"));
    wrong(&["cannot be reached"]);
    sandbox.write("sesame.toml", "[extension]\n");
    wrong(&["wrong   manifest: 1 problem: sesame.toml:1: "]);
}

#[test]
fn no_secret_is_shown() {
    let sandbox = Sandbox::new();
    sandbox.write("sesame.toml", "[extensions]\n");
    sandbox.ok(&["sync"]);
    let mut command = sandbox.command(&["doctor", "-vvv"]);
    let run = Run::of(command.env("HTTPS_PROXY", "http://wanda:canary-9f1@proxy.example:8080"));
    assert!(run.stdout.contains("proxies: for https and http, but not for 127.0.0.1"), "{}", run.stdout);
    assert!(!run.stdout.contains("canary") && !run.stderr.contains("canary"));
}
