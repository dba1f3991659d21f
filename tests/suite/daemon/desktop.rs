//! A desktop without a screen: a session bus of its own, and whichever of keyring, display and notification service a test starts.
//! Needs the programs of Debian's packages dbus, gnome-keyring, libsecret-tools, dunst, xvfb and xclip.

use std::cell::RefCell;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::sandbox::{Run, Sandbox};

/// The host's name, and its interface.
pub const NAME: &str = "io.github.scopecreep_zip.OpenSesame.Extensions1";
/// Its object.
pub const OBJECT: &str = "/io/github/scopecreep_zip/OpenSesame/Extensions1";
/// The password of the keyring.
pub const PASSWORD: &str = "pw";

/// How long anything may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A session of a person. Everything that was started in it ends with the value.
pub struct Desktop {
    pub sandbox: Sandbox,
    children: RefCell<Vec<(&'static str, Child)>>,
    display: RefCell<Option<String>>,
}

impl Desktop {
    /// A session with nothing but a bus.
    pub fn start() -> Self {
        let desktop = Self { sandbox: Sandbox::new(), children: RefCell::default(), display: RefCell::default() };
        for folder in ["home/run", "home/data/dbus-1/services"] {
            fs::create_dir_all(desktop.sandbox.path(folder)).unwrap();
        }
        desktop.start_bus();
        desktop
    }

    /// Starts the bus, or starts it again.
    pub fn start_bus(&self) {
        let config = format!(
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
             \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n\
             <busconfig><type>session</type><keep_umask/><listen>unix:path={}</listen><auth>EXTERNAL</auth>\
             <servicedir>{}</servicedir><policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>\
             <allow eavesdrop=\"true\"/><allow own=\"*\"/></policy>\
             <limit name=\"service_start_timeout\">5000</limit></busconfig>\n",
            self.bus_socket().display(),
            self.sandbox.path("home/data/dbus-1/services").display()
        );
        let file = self.sandbox.path("home/bus.conf");
        fs::write(&file, config).unwrap();
        let _ = fs::remove_file(self.bus_socket());
        let mut bus = self.program("dbus-daemon");
        bus.arg(format!("--config-file={}", file.display())).args(["--nofork", "--nosyslog"]);
        self.spawn("bus", &mut bus);
        wait_for("the bus", || UnixStream::connect(self.bus_socket()).is_ok());
    }

    fn bus_socket(&self) -> PathBuf {
        self.sandbox.path("home/run/bus")
    }

    pub fn bus_address(&self) -> String {
        format!("unix:path={}", self.bus_socket().display())
    }

    /// A program of the session.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        let environment = self.sandbox.command(&[]);
        command.env_clear().envs(environment.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir(self.sandbox.path("project"));
        self.in_session(&mut command);
        command
    }

    /// `sesame` in the session.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.sandbox.command(arguments);
        self.in_session(&mut command);
        command
    }

    fn in_session(&self, command: &mut Command) {
        command
            .env("DBUS_SESSION_BUS_ADDRESS", self.bus_address())
            .env("XDG_RUNTIME_DIR", self.sandbox.path("home/run"))
            .stdin(Stdio::null());
        if let Some(display) = &*self.display.borrow() {
            command.env("DISPLAY", display);
        }
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(&mut self.command(arguments))
    }

    /// Runs what must succeed.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.status, 0, "{arguments:?}: {}", run.stderr);
        run
    }

    fn spawn(&self, name: &'static str, command: &mut Command) {
        let log = |end: &str| fs::File::create(self.sandbox.path(&format!("home/{name}.{end}"))).unwrap();
        let child = command.stdout(log("out")).stderr(log("err")).spawn();
        let child = child.unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        self.children.borrow_mut().push((name, child));
    }

    /// Ends a program at once.
    pub fn kill(&self, name: &str) {
        let mut children = self.children.borrow_mut();
        let at = children.iter().rposition(|(started, _)| *started == name).unwrap_or_else(|| panic!("no {name} runs"));
        let (_, mut child) = children.remove(at);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts the host, and waits until it answers.
    pub fn start_host(&self) {
        self.spawn("host", &mut self.command(&["host", "run"]));
        wait_for("the host", || self.run(&["host", "status"]).status == 0);
    }

    /// Calls a method of the host as a foreign program does: the status, standard output and standard error of `busctl`.
    pub fn busctl(&self, method: &str, arguments: &[&str]) -> Run {
        let mut busctl = self.program("busctl");
        busctl.args(["--user", "call", NAME, OBJECT, NAME, method]);
        if !arguments.is_empty() {
            busctl.arg("s".repeat(arguments.len())).args(arguments);
        }
        Run::of(&mut busctl)
    }

    /// Starts a keyring that is unlocked.
    pub fn start_keyring(&self) {
        let mut keyring = self.program("gnome-keyring-daemon");
        keyring.args(["--foreground", "--unlock", "--components=secrets"]).stdin(Stdio::piped());
        self.spawn("keyring", &mut keyring);
        let mut children = self.children.borrow_mut();
        children.last_mut().unwrap().1.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
        drop(children);
        self.wait_for_name("org.freedesktop.secrets");
    }

    pub fn lock_keyring(&self) {
        let service = ["org.freedesktop.secrets", "/org/freedesktop/secrets", "org.freedesktop.Secret.Service"];
        let mut busctl = self.program("busctl");
        busctl.args(["--user", "call"]).args(service);
        busctl.args(["Lock", "ao", "1", "/org/freedesktop/secrets/collection/login"]);
        assert_eq!(Run::of(&mut busctl).status, 0);
    }

    /// Unlocks it as a login does, without a prompt: the protocol of PAM's module on the keyring's control socket.
    pub fn unlock_keyring(&self) {
        let mut control = UnixStream::connect(self.sandbox.path("home/run/keyring/control")).unwrap();
        control.write_all(&[0]).unwrap();
        let numbers = [12 + PASSWORD.len() as u32, 1, PASSWORD.len() as u32].map(u32::to_be_bytes).concat();
        control.write_all(&[numbers, PASSWORD.into()].concat()).unwrap();
        let mut answer = [0; 8];
        control.read_exact(&mut answer).unwrap();
        assert_eq!(answer[4..], [0; 4], "the keyring did not unlock");
    }

    /// Puts a secret into the keyring as another program does.
    pub fn store_secret(&self, name: &str, value: &str) {
        let mut tool = self.program("secret-tool");
        tool.args(["store", "--label=x", "application", "open-sesame-extensions", "name", name]).stdin(Stdio::piped());
        let mut child = tool.spawn().unwrap();
        child.stdin.take().unwrap().write_all(value.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// Starts a display on a free number; what is started from now on knows it.
    pub fn start_display(&self) {
        let number = self.sandbox.path("home/display");
        let mut xvfb = self.program("sh");
        let script = format!("exec Xvfb -displayfd 5 -screen 0 640x480x24 -nolisten tcp 5>{}", number.display());
        xvfb.args(["-c", &script]);
        self.spawn("display", &mut xvfb);
        wait_for("the display", || fs::read_to_string(&number).is_ok_and(|text| text.ends_with('\n')));
        *self.display.borrow_mut() = Some(format!(":{}", fs::read_to_string(&number).unwrap().trim()));
    }

    /// The same display again, after it was killed.
    pub fn restart_display(&self) {
        let display = self.display.borrow().clone().unwrap();
        let mut xvfb = self.program("Xvfb");
        xvfb.args([&display, "-screen", "0", "640x480x24", "-nolisten", "tcp"]);
        self.spawn("display", &mut xvfb);
        let socket = PathBuf::from("/tmp/.X11-unix").join(display.replace(':', "X"));
        wait_for("the display", || UnixStream::connect(&socket).is_ok());
    }

    /// What is in the clipboard, as a target that its owner offers.
    pub fn clipboard(&self, target: &str) -> Option<String> {
        let mut xclip = self.program("timeout");
        xclip.args(["5", "xclip", "-selection", "clipboard", "-o", "-t", target]);
        let run = Run::of(&mut xclip);
        (run.status == 0).then_some(run.stdout)
    }

    pub fn start_notifications(&self) {
        // Each by itself, even if it is the same as the one before.
        let folder = self.sandbox.path("home/config/dunst");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("dunstrc"), "[global]\nstack_duplicates = false\n").unwrap();
        let mut dunst = self.program("dunst");
        dunst.arg("-print");
        self.spawn("notifications", &mut dunst);
        self.wait_for_name("org.freedesktop.Notifications");
    }

    /// The notifications that were shown: program, title and body as they were sent.
    pub fn notifications(&self) -> Vec<[String; 3]> {
        let dunstctl = |arguments: &[&str]| {
            let run = Run::of(self.program("dunstctl").args(arguments));
            assert_eq!(run.status, 0, "{}", run.stderr);
            run.stdout
        };
        dunstctl(&["close-all"]);
        std::thread::sleep(Duration::from_millis(100));
        let history: serde_json::Value = serde_json::from_str(&dunstctl(&["history"])).unwrap();
        let shown = history["data"][0].as_array().unwrap().iter().rev();
        let text = |one: &serde_json::Value, key: &str| one[key]["data"].as_str().unwrap().to_owned();
        shown.map(|one| ["appname", "summary", "body"].map(|key| text(one, key))).collect()
    }

    fn wait_for_name(&self, name: &str) {
        wait_for(name, || Run::of(self.program("busctl").args(["--user", "status", name])).status == 0);
    }

    /// The audit log, which must be whole.
    pub fn audit(&self) -> String {
        self.ok(&["host", "audit", "verify"]);
        self.ok(&["host", "audit", "show"]).stdout
    }

    /// The status of the host, as data.
    pub fn status(&self) -> serde_json::Value {
        let document: serde_json::Value = serde_json::from_str(&self.ok(&["--json", "host", "status"]).stdout).unwrap();
        document["data"].clone()
    }

    /// Writes a file below `$XDG_CONFIG_HOME/pds` as careful programs do: whole, under another name first.
    pub fn write_configuration(&self, name: &str, text: &str) {
        let folder = self.sandbox.path("home/config/pds");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("new"), text).unwrap();
        fs::rename(folder.join("new"), folder.join(name)).unwrap();
    }

    pub fn remove_configuration(&self, name: &str) {
        fs::remove_file(self.sandbox.path("home/config/pds").join(name)).unwrap();
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        for (_, child) in self.children.borrow_mut().iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until something is so.
#[track_caller]
pub fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The manifest of the snippets extension, with these grants beside those of its settings.
pub fn snippets_manifest(grants: &str) -> String {
    format!(
        "[extensions.snippets]\npath = \"snippets.wasm\"\ncapabilities = {{ config-read = true, {grants} }}\n\
         [extensions.snippets.config]\nsnippets = \"sig, plain\"\nsnippet.sig = \"Best, Ada <{{secret:mail}}>\"\n\
         snippet.plain = \"plain text\"\n"
    )
}

/// What a session needs at least to expand snippets.
pub const ALL_GRANTS: &str = "clipboard-write = true, notification = true, secret-read = [\"mail\"]";
