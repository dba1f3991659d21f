//! The words: what people read of a whole life of a set, held as snapshots, at any width and at 60 columns. Times are made the
//! same; `UPDATE_FIXTURES=1` writes them.

use unicode_width::UnicodeWidthStr as _;

use crate::support::artifact::{component, importing};
use crate::support::sandbox::{Run, Sandbox};
use crate::support::{expect_text, fixture, timeless};

/// A scene: commands in their order, with all that they say.
struct Transcript {
    sandbox: Sandbox,
    columns: Option<usize>,
    told: String,
}

impl Transcript {
    fn runs(&mut self, line: &str) {
        let arguments: Vec<&str> = line.split(' ').collect();
        let mut command = self.sandbox.command(&arguments);
        command.envs(self.columns.map(|columns| ("COLUMNS", columns.to_string())));
        let Run { status, stdout, stderr } = Run::of(&mut command);
        let status = if status == 0 { String::new() } else { format!("[{status}]\n") };
        let place = self.sandbox.path("x").display().to_string();
        let text = format!("{stderr}{stdout}{status}").replace(place.trim_end_matches("/x"), "/home/me");
        self.told.push_str(&format!("$ sesame {line}\n{}\n", sizeless(&timeless(&text))));
    }

    fn push(&mut self, component: &[u8], reference: &str) {
        self.sandbox.write("pushed.wasm", component);
        self.sandbox.ok(&["extension", "push", "pushed.wasm", &format!("oci-layout:registry:{reference}")]);
    }
}

/// The sizes of compiled code are of a machine.
fn sizeless(text: &str) -> String {
    let size = r"\d+(\.\d+)? ([KM]i)?B";
    let code = regex::Regex::new(&format!(r"{size} of compiled|ready, {size}|\({size}\)")).unwrap();
    let same = |found: &regex::Captures<'_>| regex::Regex::new(size).unwrap().replace(&found[0], "9 KiB").into_owned();
    code.replace_all(text, same).into_owned()
}

/// The life of a set.
fn life(columns: Option<usize>) -> String {
    let mut scene = Transcript { sandbox: Sandbox::new(), columns, told: String::new() };
    let config = "open-sesame:host/config-read@0.1.0";
    let secret = "open-sesame:host/secret-read@0.1.0";
    scene.push(&importing("one", &[config]), "ghcr.io/my-org/greeting:1.0.0");
    scene.runs("sync");
    scene.runs("init");
    let manifest = scene.sandbox.read("sesame.toml");
    let registry = "[registries.\"ghcr.io\"]\nmirrors = [\"oci-layout:registry\"]\nmirrors-only = true\n";
    scene.sandbox.write("sesame.toml", format!("{manifest}\n{registry}"));
    scene.runs("add ghcr.io/my-org/greeting");
    scene.runs("add ghcr.io/my-org/greeting --grant config-read=greeting,ui");
    scene.sandbox.write("日本語.wasm", component("wide"));
    scene.runs("add --path 日本語.wasm --name clock-with-a-long-name --no-sync");
    scene.runs("lock --check");
    scene.runs("diff");
    scene.runs("status");
    scene.runs("sync");
    scene.runs("sync");
    scene.runs("extension list");
    scene.runs("extension info greeting");
    scene.runs("graph");
    scene.push(&importing("two", &[config, secret]), "ghcr.io/my-org/greeting:1.1.0");
    scene.runs("outdated");
    scene.runs("add ghcr.io/my-org/greeting");
    scene.runs("add ghcr.io/my-org/greeting --grant secret-read");
    scene.runs("sync --dry-run");
    scene.runs("generations");
    scene.runs("generations diff 1 2");
    scene.runs("rollback");
    scene.runs("status");
    scene.runs("rollback 9");
    scene.runs("rollback --hold 1");
    scene.runs("sync");
    scene.runs("sync --check");
    scene.runs("rollback --release");
    scene.runs("sync");
    scene.runs("grant greeting notification");
    scene.runs("grant greeting notification --yes");
    scene.runs("revoke greeting config-read=ui --yes");
    scene.runs("revoke greeting config-read=ui --yes");
    scene.runs("why greeting");
    scene.runs("why notification");
    scene.runs("tags greeting");
    scene.push(&importing("three", &[config]), "ghcr.io/my-org/greeting:1.2.0");
    scene.runs("outdated");
    scene.runs("upgrade --dry-run");
    scene.runs("upgrade greeting");
    scene.runs("profile list");
    scene.runs("profile rename default work");
    scene.runs("profile rename work default");
    scene.runs("profile delete work");
    scene.runs("call greeting");
    scene.runs("verify");
    scene.runs("gc --dry-run");
    scene.runs("bundle export set");
    scene.runs("remove clock-with-a-long-nam");
    scene.runs("remove clock-with-a-long-name");
    scene.runs("extension call greeting f -1");
    scene.runs("extension log greeting");
    let manifest = scene.sandbox.read("sesame.toml");
    scene.sandbox.write("sesame.toml", manifest.replace("mirrors-only", "mirror-only"));
    scene.runs("sync");
    scene.sandbox.write("sesame.toml", manifest.replace("^1.0.0", "^3"));
    scene.runs("sync --locked");
    scene.runs("sync");
    scene.runs("sync --nonsense");
    scene.runs("nonsense");
    scene.told
}

#[test]
fn a_life_is_told_in_the_same_words() {
    expect_text(&fixture("snapshots/life.txt"), &life(None));
}

#[test]
fn it_is_told_at_60_columns() {
    let told = life(Some(60));
    expect_text(&fixture("snapshots/life-60.txt"), &told);
    // What stands in columns fits; sentences are the terminal's to wrap, and a digest is longer than that.
    let tables = ["extension list", "extension info greeting", "outdated", "status"];
    for command in told.split("$ sesame ").filter(|told| tables.iter().any(|table| told.starts_with(table))) {
        for line in command.lines().filter(|line| line.starts_with("  ") && !line.contains("hint: ")) {
            let is_long = line.contains("sha256:") || line.trim().starts_with("~ ");
            assert!(line.width() <= 60 || is_long, "{line}");
        }
    }
}
