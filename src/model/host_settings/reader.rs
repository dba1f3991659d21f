//! Reads `host.toml`, and reports every problem of it at once.

use std::path::Path;
use std::time::Duration;

use crate::model::bounds::DEFAULT_HOST_MEMORY_MIB;
use crate::model::toml::document::{SpannedValue, TableFields, TomlText, type_name};
use crate::model::toml::problem::Problem;

use super::{
    BackendSettings, ClipboardBackend, HostSettings, IpcBackend, NotificationBackend, Schedule, ScheduledRun,
    SecretsBackend,
};

/// What stands before the path of a file of secrets.
const FILE_PREFIX: &str = "file:";

impl HostSettings {
    /// Reads the file. A path in it is relative to `folder`.
    ///
    /// # Errors
    /// Every problem of the file.
    pub fn parse(file: &str, folder: &Path, bytes: &[u8]) -> Result<Self, Vec<Problem>> {
        read(file, folder, bytes)
    }
}

fn read(file: &str, folder: &Path, bytes: &[u8]) -> Result<HostSettings, Vec<Problem>> {
    let text = TomlText::new(file, bytes).map_err(|problem| vec![problem])?;
    let table = text.parse()?;
    let mut problems = Vec::new();
    let mut fields = TableFields::new(&text, table.get_ref(), 0..0, "host.toml");
    let mut settings = HostSettings::default();
    if let Some(profile) = fields.string("profile", &mut problems).and_then(|name| name.parse(&mut problems)) {
        settings.profile = profile;
    }
    let memory = fields.integer("memory_mib", 1..=HostSettings::MAX_MEMORY_MIB, &mut problems);
    settings.memory_mib = memory.map_or(DEFAULT_HOST_MEMORY_MIB, |memory| memory.value);
    if let Some(backends) = fields.table("backends", &mut problems) {
        settings.backends = read_backends(backends, folder, &mut problems);
    }
    if let Some(runs) = fields.table("run", &mut problems) {
        for (name, value) in runs.entries() {
            let Some(table) = value.get_ref().as_table() else {
                let message = format!("`{}` must be a table, found {}", name.value, type_name(value.get_ref()));
                problems.push(text.problem(value.span(), message));
                continue;
            };
            let run = TableFields::new(&text, table, value.span(), format!("`run.{}`", name.value));
            let (name, run) = (name.parse(&mut problems), read_run(run, &mut problems));
            settings.runs.extend(name.zip(run));
        }
    }
    fields.finish(&mut problems);
    if problems.is_empty() { Ok(settings) } else { Err(problems) }
}

fn read_backends(mut fields: TableFields<'_>, folder: &Path, problems: &mut Vec<Problem>) -> BackendSettings {
    let secrets = fields.string("secrets", problems).and_then(|value| match value.value.strip_prefix(FILE_PREFIX) {
        Some("") => {
            problems.push(value.problem("`file:` needs a path behind it"));
            None
        }
        Some(path) => Some(SecretsBackend::File(folder.join(path))),
        None => {
            let known = [("secret-service", SecretsBackend::SecretService), ("none", SecretsBackend::None)];
            one_of("secrets", &value, known, "`secret-service`, `file:PATH` or `none`", problems)
        }
    });
    let clipboard = fields.string("clipboard", problems).and_then(|value| {
        let known = [("auto", ClipboardBackend::Auto), ("none", ClipboardBackend::None)];
        one_of("clipboard", &value, known, "`auto` or `none`", problems)
    });
    let notification = fields.string("notification", problems).and_then(|value| {
        let known = [
            ("desktop", NotificationBackend::Desktop),
            ("print", NotificationBackend::Print),
            ("none", NotificationBackend::None),
        ];
        one_of("notification", &value, known, "`desktop`, `print` or `none`", problems)
    });
    let ipc = fields.string("ipc", problems).and_then(|value| {
        let known = [("bus", IpcBackend::Bus), ("none", IpcBackend::None)];
        one_of("ipc", &value, known, "`bus` or `none`", problems)
    });
    fields.finish(problems);
    BackendSettings {
        secrets: secrets.unwrap_or_default(),
        clipboard: clipboard.unwrap_or_default(),
        notification: notification.unwrap_or_default(),
        ipc: ipc.unwrap_or_default(),
    }
}

fn read_run(mut fields: TableFields<'_>, problems: &mut Vec<Problem>) -> Option<ScheduledRun> {
    let function = fields.string("call", problems);
    if function.is_none() && fields.get("call").is_none() {
        problems.push(fields.problem("`call` is missing: the function to call"));
    }
    let every = fields.string("every", problems);
    let at = fields.string("at", problems);
    let when = match (every, at) {
        (Some(every), None) => match parse_interval(every.value) {
            Ok(interval) => Some(Schedule::Every(interval)),
            Err(message) => {
                problems.push(every.problem(message));
                None
            }
        },
        (None, Some(at)) => one_of("at", &at, [("start", Schedule::Start)], "`start`", problems),
        (Some(_), Some(at)) => {
            problems.push(at.problem("`every` and `at` exclude each other"));
            None
        }
        (None, None) => {
            if fields.get("every").is_none() && fields.get("at").is_none() {
                problems.push(fields.problem("`every` or `at` is missing: when to call it"));
            }
            None
        }
    };
    let function = function.map(|function| function.value.to_owned());
    fields.finish(problems);
    Some(ScheduledRun { when: when?, function: function? })
}

/// The choice that a string names.
fn one_of<T, const N: usize>(
    key: &str,
    value: &SpannedValue<'_, &str>,
    known: [(&str, T); N],
    choices: &str,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let found = known.into_iter().find_map(|(name, choice)| (name == value.value).then_some(choice));
    if found.is_none() {
        problems.push(value.problem(format!("`{key}` must be {choices}, found `{}`", value.value)));
    }
    found
}

/// `30s`, `5m`, `1h`, `2d`.
fn parse_interval(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`every` must be a whole number with `s`, `m`, `h` or `d`, such as `5m`, found `{text}`");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let digits = &text[..text.len() - 1];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let interval = digits.parse().ok().and_then(|count: u64| count.checked_mul(seconds)).map(Duration::from_secs);
    interval
        .filter(|interval| (HostSettings::MIN_INTERVAL..=HostSettings::MAX_INTERVAL).contains(interval))
        .ok_or_else(|| format!("`every` must be from `1s` to `366d`, found `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<HostSettings, Vec<Problem>> {
        HostSettings::parse("host.toml", Path::new("/home/me/.config/pds"), text.as_bytes())
    }

    #[test]
    fn every_setting_is_read_and_each_has_a_default() {
        assert_eq!(parse("").unwrap(), HostSettings::default());
        let text = "profile = \"work\"\nmemory_mib = 256\n\
            [backends]\nsecrets = \"file:secrets.toml\"\nclipboard = \"none\"\nnotification = \"print\"\nipc = \"none\"\n\
            [run.clock]\nevery = \"5m\"\ncall = \"tick\"\n[run.greeting]\nat = \"start\"\ncall = \"warm-up\"\n";
        let settings = parse(text).unwrap();
        assert_eq!((settings.profile.as_str(), settings.memory_mib), ("work", 256));
        assert_eq!(settings.backends.secrets, SecretsBackend::File("/home/me/.config/pds/secrets.toml".into()));
        let runs: Vec<_> = settings.runs.iter().map(|(name, run)| (name.as_str(), run.when, &*run.function)).collect();
        let five_minutes = Schedule::Every(Duration::from_mins(5));
        assert_eq!(runs, [("clock", five_minutes, "tick"), ("greeting", Schedule::Start, "warm-up")]);
        assert_eq!(five_minutes.to_string(), "every 5m");
    }

    #[test]
    fn every_problem_is_reported_at_once_with_its_place() {
        let text = "profil = \"work\"\nmemory_mib = 0\n\
            [backends]\nsecrets = \"keyring\"\nclipboard = \"on\"\nnotification = 3\nipc = \"dbus\"\n\
            [run.Clock]\nevery = \"5 minutes\"\ncall = \"tick\"\n[run.a]\nevery = \"0s\"\n[run.b]\ncall = \"x\"\n\
            [run.c]\nevery = \"1h\"\nat = \"start\"\ncall = \"x\"\n[run]\nd = 5\n";
        let text = text.replace("[run]\nd = 5\n", "[run.e]\nevery = \"367d\"\ncall = \"x\"\n");
        let found = parse(&text).unwrap_err();
        let lines: Vec<usize> = found.iter().map(|problem| problem.line).collect();
        let messages: Vec<&str> = found.iter().map(|problem| problem.message.as_str()).collect();
        for expected in [
            "`memory_mib` must be from 1 to 1048576, found 0",
            "`secrets` must be `secret-service`, `file:PATH` or `none`, found `keyring`",
            "`clipboard` must be `auto` or `none`, found `on`",
            "`notification` must be a string, found a whole number",
            "`ipc` must be `bus` or `none`, found `dbus`",
            "`every` must be a whole number with `s`, `m`, `h` or `d`, such as `5m`, found `5 minutes`",
            "`call` is missing: the function to call",
            "`every` must be from `1s` to `366d`, found `0s`",
            "`every` or `at` is missing: when to call it",
            "`every` and `at` exclude each other",
            "`every` must be from `1s` to `366d`, found `367d`",
            "host.toml has no key `profil`",
        ] {
            assert!(messages.contains(&expected), "no `{expected}` in {messages:#?}");
        }
        assert!(lines.iter().all(|line| *line >= 1) && found.len() >= 13, "{messages:#?}");
    }
}
