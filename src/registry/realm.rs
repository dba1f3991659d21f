//! Where a registry may send us for a token: a hostile one would like our credentials, or a request from inside our
//! network.

use reqwest::Url;

use super::error::Error;
use super::host::{Host, authority};
use crate::model::registries::is_internal;

/// Hosts that give tokens for another registry, by that registry.
const KNOWN: [(&str, &str); 3] = [
    ("docker.io", "auth.docker.io"),
    ("registry.gitlab.com", "gitlab.com"),
    ("registry.digitalocean.com", "api.digitalocean.com"),
];

/// The address that a token is asked of.
///
/// # Errors
/// [`Error::Realm`] if the registry may not send us there.
pub(super) async fn check(host: &Host, realm: &str, with_credentials: bool) -> Result<Url, Error> {
    let refused = |why: &'static str| Error::Realm { host: host.name.clone(), realm: host.sent.shown(realm), why };
    let url = Url::parse(realm).map_err(|_| refused("which is no address"))?;
    if host.is_own(&url) {
        return Ok(url);
    }
    match url.scheme() {
        "https" => {}
        "http" if with_credentials => return Err(refused("over plain HTTP, which shows the credentials")),
        "http" if host.contact.plain_http => {}
        _ => return Err(refused("over plain HTTP")),
    }
    let name = url.host_str().unwrap_or_default();
    if reaches_inside(&url).await && !reaches_inside(&host.url("")?).await {
        return Err(refused("which is inside this network"));
    }
    let known = KNOWN.iter().any(|(registry, tokens)| *registry == host.name && *tokens == name);
    let configured =
        host.contact.token_host.as_ref().is_some_and(|wanted| authority(&url) == with_port(wanted.as_str()));
    if with_credentials && !known && !configured {
        return Err(refused("which is not known to be its own"));
    }
    Ok(url)
}

/// `host:port` of what may be a host alone.
fn with_port(host: &str) -> String {
    Url::parse(&format!("https://{host}")).map(|url| authority(&url)).unwrap_or_default()
}

/// Whether an address is on this machine or in its network. Where names are a proxy's to look up, only by its text.
async fn reaches_inside(url: &Url) -> bool {
    let name = url.host_str().unwrap_or_default();
    if is_internal(name) {
        return true;
    }
    let port = url.port_or_known_default().unwrap_or_default();
    match tokio::net::lookup_host((name, port)).await {
        Ok(mut addresses) => addresses.any(|address| is_internal(&address.ip().to_string())),
        Err(_) => false,
    }
}
