//! Hosts of registries, and what may be written where a reference is expected.

use std::net::Ipv6Addr;
use std::str::FromStr;

use super::error::ReferenceError;

/// A registry's host, with its port if it has one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RegistryHost(String);

impl RegistryHost {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RegistryHost {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(ReferenceError::Scheme(format!("{scheme}://")));
        }
        check_registry(text).map_err(|why| ReferenceError::Registry { registry: text.to_owned(), why })?;
        Ok(Self(text.to_owned()))
    }
}

/// Whether a first path part is meant as a host: it has a dot, a port or brackets, or is `localhost`.
pub(crate) fn looks_like_host(part: &str) -> bool {
    part == "localhost" || part.contains(['.', ':', '['])
}

/// Checks `host[:port]`, with an IPv6 host in brackets. Says why not.
pub(crate) fn check_registry(registry: &str) -> Result<(), &'static str> {
    let (host, port) = match registry.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']').ok_or("the bracket of an IPv6 address is not closed")?;
            address.parse::<Ipv6Addr>().map_err(|_| "the text in brackets is no IPv6 address")?;
            match after.strip_prefix(':') {
                Some(port) => (None, Some(port)),
                None if after.is_empty() => (None, None),
                None => return Err("after the bracket comes `:` and a port, or nothing"),
            }
        }
        None => match registry.split_once(':') {
            Some((host, port)) => (Some(host), Some(port)),
            None => (Some(registry), None),
        },
    };
    if let Some(port) = port {
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        if !digits || !matches!(port.parse::<u32>(), Ok(1..=65535)) {
            return Err("a port is a number from 1 to 65535");
        }
    }
    match host {
        Some(host) => check_host(host),
        None => Ok(()),
    }
}

pub(crate) fn check_host(host: &str) -> Result<(), &'static str> {
    if host.is_empty() {
        return Err("the host is missing");
    }
    if host.len() > 253 {
        return Err("a host name has at most 253 characters");
    }
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err("write it in lower case");
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.split('.').all(label) {
        Ok(())
    } else {
        Err("a host name is made of a-z, 0-9, `-` and `.`, and each part begins and ends with a letter or digit")
    }
}
