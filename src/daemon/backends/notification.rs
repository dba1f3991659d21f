//! `notification`: the desktop's notification service, `org.freedesktop.Notifications`
//! (<https://specifications.freedesktop.org/notification-spec/latest/>). The program's name is always ours and the title begins
//! with the extension's, so that none can pose as another program.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use zbus::Variant;
use zbus::proxy::CacheProperties;

use crate::daemon::bus::link::without_nul;
use crate::host::backends::{Caller, Notification};
use crate::model::host_settings::NotificationBackend;
use crate::model::text::{cut, escape};

use super::desktop::Desktop;
use super::health::{BackendProblem, NOTIFICATION};
use super::rate::{Allowance, RateLimit};

/// What notifications say that they come from.
const PROGRAM: &str = "Sesame";
/// How many an extension may show in a minute.
const MOST: u64 = 5;
/// How much of a title is shown, in characters.
const MAX_TITLE: usize = 200;
/// How much of a body.
const MAX_BODY: usize = 2_000;

#[zbus::proxy(
    interface = "org.freedesktop.Notifications",
    default_service = "org.freedesktop.Notifications",
    default_path = "/org/freedesktop/Notifications"
)]
trait NotificationService {
    fn get_capabilities(&self) -> zbus::Result<Vec<String>>;

    #[expect(clippy::too_many_arguments, reason = "the specification has eight")]
    fn notify(
        &self,
        app_name: &str,
        replaces_id: u32,
        app_icon: &str,
        summary: &str,
        body: &str,
        actions: &[&str],
        hints: &HashMap<&str, Variant<'_>>,
        expire_timeout: i32,
    ) -> zbus::Result<u32>;
}

/// Where notifications go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Desktop,
    /// The host's log.
    Log,
}

/// Shows notifications of extensions.
pub(super) struct Notifications {
    desktop: Desktop,
    target: Target,
    rate: RateLimit,
}

impl Notifications {
    pub(super) fn new(desktop: &Desktop, target: Target) -> Self {
        Self { desktop: desktop.clone(), target, rate: RateLimit::new(MOST, Duration::from_mins(1)) }
    }

    async fn deliver(&self, title: String, body: String) -> Result<(), String> {
        match self.target {
            Target::Desktop => show(&self.desktop, title, body).await,
            Target::Log => {
                self.desktop.recorder.say(&format!("notification: {}: {}", escape(&title), escape(&body)));
                Ok(())
            }
        }
    }
}

#[async_trait]
impl Notification for Notifications {
    async fn show(&self, caller: &Caller, title: &str, body: &str) -> Result<(), String> {
        let name: Arc<str> = caller.extension.clone();
        let refused = || Err(format!("at most {MOST} notifications a minute are shown"));
        match self.rate.take(&name, 1, Instant::now()) {
            Allowance::Allowed => {
                let title = format!("{name}: {}", one_line(title, MAX_TITLE));
                self.deliver(title, cut(body, MAX_BODY).into_owned()).await
            }
            Allowance::FirstRefused => {
                let body = format!("It shows more than {MOST} a minute. The others of this minute are not shown.");
                self.deliver(format!("{name}: too many notifications"), body).await?;
                refused()
            }
            Allowance::Refused => refused(),
        }
    }
}

/// Shows a notification of the host itself, if notifications go to the desktop.
///
/// # Errors
/// Why it was not shown.
pub(in crate::daemon) async fn notify_person(desktop: &Desktop, title: &str, body: &str) -> Result<(), String> {
    if desktop.health.settings().notification == NotificationBackend::Desktop {
        show(desktop, title.to_owned(), cut(body, MAX_BODY).into_owned()).await?;
    }
    Ok(())
}

/// Shows a notification of the host itself, or of an extension.
pub(super) async fn show(desktop: &Desktop, title: String, body: String) -> Result<(), String> {
    let link = desktop.link.clone();
    let showing = async move {
        let connection = link.get().map_err(BackendProblem::new)?;
        let failed = |error: zbus::Error| {
            BackendProblem::new(format!("the notification service cannot be used: {error}"))
                .hint("start a notification service, such as that of your desktop, mako or dunst")
        };
        let service = NotificationServiceProxy::builder(&connection).cache_properties(CacheProperties::No).build();
        let service = service.await.map_err(failed)?;
        let has_markup = service.get_capabilities().await.map_err(failed)?.iter().any(|name| name == "body-markup");
        let (title, body) = (without_nul(&title), without_nul(&body));
        let body = if has_markup { without_markup(&body) } else { body };
        service.notify(PROGRAM, 0, "", &title, &body, &[], &HashMap::new(), -1).await.map_err(failed)?;
        Ok(())
    };
    desktop.run(NOTIFICATION, showing).await
}

/// A text in which nothing is markup.
fn without_markup(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A text in one line.
fn one_line(text: &str, most: usize) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut(line.trim(), most).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_line_and_a_body_has_no_markup() {
        assert_eq!(one_line(" Bank\r\nPassword\u{7} ", 200), "Bank  Password");
        assert_eq!(one_line(&"é".repeat(201), 200).chars().count(), 201);
        assert_eq!(without_markup("<b>&</b>"), "&lt;b&gt;&amp;&lt;/b&gt;");
    }
}
