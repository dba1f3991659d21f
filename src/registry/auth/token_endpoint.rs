//! Where a registry may send us for a token: a hostile one would like our credentials, or a request from inside our
//! network.

use reqwest::Url;

use crate::model::registries::is_internal;
use crate::registry::error::{Error, RealmRefusal};
use crate::registry::http::endpoint::{Endpoint, authority};

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
pub(crate) async fn allowed_url(endpoint: &Endpoint, realm: &str, with_credentials: bool) -> Result<Url, Error> {
    let refused = |why| Error::Realm { host: endpoint.name.clone(), realm: endpoint.sent.redacted(realm), why };
    let url = Url::parse(realm).map_err(|_| refused(RealmRefusal::NoAddress))?;
    if endpoint.is_own(&url) {
        return Ok(url);
    }
    let encrypted = url.scheme() == "https";
    if !encrypted && (with_credentials || url.scheme() != "http" || !endpoint.connection.plain_http) {
        return Err(refused(RealmRefusal::PlainHttp));
    }
    if addresses(&url).await.any(|address| is_internal(&address))
        && !addresses(&endpoint.url("")?).await.all(|address| is_internal(&address))
    {
        return Err(refused(RealmRefusal::Inside));
    }
    let known = KNOWN.contains(&(&endpoint.name, url.host_str().unwrap_or_default()));
    let configured = endpoint.connection.token_host.as_ref();
    let configured = configured.is_some_and(|wanted| authority(&url) == with_port(wanted.as_str()));
    if with_credentials && !known && !configured {
        return Err(refused(RealmRefusal::Unknown));
    }
    Ok(url)
}

/// `host:port` of what may be a host alone.
fn with_port(host: &str) -> String {
    Url::parse(&format!("https://{host}")).map(|url| authority(&url)).unwrap_or_default()
}

/// A host as it is named, and what its name stands for here. Between this look-up and the connection a name may come to
/// stand for something else; over HTTPS the other host's certificate would still have to fit.
async fn addresses(url: &Url) -> impl Iterator<Item = String> {
    let name = url.host_str().unwrap_or_default().to_owned();
    let port = url.port_or_known_default().unwrap_or_default();
    let found = tokio::net::lookup_host((name.trim_matches(['[', ']']), port)).await;
    let found: Vec<String> = found.into_iter().flatten().map(|address| address.ip().to_string()).collect();
    // A name that cannot be looked up here, because a proxy does it, is judged by its text.
    if found.is_empty() { vec![name] } else { found }.into_iter()
}
