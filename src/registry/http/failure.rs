//! Requests that failed: whether another try can help, and when a host wants it (`Retry-After`).

use std::time::{Duration, SystemTime};

use chrono::DateTime;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::registry::error::Error;

use super::timeouts::LONGEST_PAUSE;

/// A try that failed.
#[derive(Debug, Clone)]
pub(crate) struct RequestFailure {
    pub error: Error,
    pub retry: RetryDecision,
}

/// Whether another try can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryDecision {
    Never,
    Soon,
    /// The host wants to be left alone for so long.
    After(Duration),
}

impl From<Error> for RequestFailure {
    fn from(error: Error) -> Self {
        Self { error, retry: RetryDecision::Never }
    }
}

impl RequestFailure {
    /// A failure that may pass.
    pub(crate) fn transient(error: Error) -> Self {
        Self { error, retry: RetryDecision::Soon }
    }

    /// The failure of an answer with a bad status: some pass, and a host may say when.
    pub(crate) fn of_status(host: &str, status: StatusCode, headers: &HeaderMap, error: Error) -> Self {
        match pause(headers, SystemTime::now()) {
            _ if !is_transient(status) => error.into(),
            None => Self::transient(error),
            Some(pause) if pause > LONGEST_PAUSE => {
                let limit = LONGEST_PAUSE.as_secs();
                Error::Busy { host: host.to_owned(), seconds: pause.as_secs(), limit }.into()
            }
            Some(pause) => Self { error, retry: RetryDecision::After(pause) },
        }
    }
}

/// Whether an answer with this status may be another one soon.
pub(crate) fn is_transient(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

/// What `Retry-After` asks for: seconds, or a date. Nonsense asks for nothing.
fn pause(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = SystemTime::from(DateTime::parse_from_rfc2822(value).ok()?);
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_each_of_its_forms() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            pause(&headers, now)
        };
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        assert_eq!(read("Sun, 06 Nov 1994 08:50:07 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:07 GMT"), Some(Duration::ZERO));
        assert_eq!(read("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        for nonsense in ["", "soon", "-1", "1.5", "Sun, 99 Nov"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
        assert_eq!(pause(&HeaderMap::new(), now), None);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let again = |status: u16, after: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.extend(after.map(|after| (RETRY_AFTER, after.parse().unwrap())));
            let status = StatusCode::from_u16(status).unwrap();
            let error = Error::Stopped;
            let failure = RequestFailure::of_status("ghcr.io", status, &headers, error);
            (failure.retry, matches!(failure.error, Error::Busy { .. }))
        };
        assert_eq!(again(500, None), (RetryDecision::Soon, false));
        assert_eq!(again(408, None), (RetryDecision::Soon, false));
        assert_eq!(again(429, Some("60")), (RetryDecision::After(LONGEST_PAUSE), false));
        assert_eq!(again(429, Some("61")), (RetryDecision::Never, true));
        assert_eq!(again(503, Some("nonsense")), (RetryDecision::Soon, false));
        for status in [400, 401, 403, 404, 416] {
            assert_eq!(again(status, Some("1")), (RetryDecision::Never, false));
        }
    }
}
