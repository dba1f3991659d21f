//! Lists the tags of a repository, page after page, as the distribution specification says ("Listing Tags").

use std::collections::HashSet;
use std::time::Duration;

use reqwest::header::LINK;
use reqwest::{Method, Url};
use serde::Deserialize;
use tokio::time::Instant;

use crate::model::bounds::MAX_OCI_MANIFEST;
use crate::registry::auth::scope::TokenAction;
use crate::registry::error::Error;
use crate::registry::http::client::HttpRequest;
use crate::registry::http::failure::RequestFailure;
use crate::registry::http::retry::RetryTimer;

use super::remote::RemoteSource;

/// How many tags are asked for at once. A registry may give fewer.
const PAGE: usize = 1000;

/// How long all pages after the first may take together.
const MOST_TIME: Duration = Duration::from_secs(120);

/// The most pages that are read, and the most bytes of tags that are kept.
const MOST_PAGES: usize = 1000;
const MOST_BYTES: usize = 32 << 20;

#[derive(Deserialize)]
struct TagPage {
    /// Some registries say `null` where there are none.
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl RemoteSource {
    /// All tags of a repository; `what` names them in messages.
    pub(crate) async fn list_tags(&self, repository: &str, what: &str) -> Result<Vec<String>, Error> {
        let (mut tags, mut bytes, mut seen) = (Vec::new(), 0, HashSet::new());
        let mut end = None;
        let mut request =
            self.request(Method::GET, repository, &format!("tags/list?n={PAGE}"), TokenAction::Pull, what)?;
        while seen.insert(request.url.clone()) && seen.len() <= MOST_PAGES && bytes <= MOST_BYTES {
            let page = self.page_or_retry(&request);
            let (page, next) = match end {
                None => page.await?,
                Some(end) => tokio::time::timeout_at(end, page).await.unwrap_or_else(|_| {
                    let (host, what, seconds) =
                        (self.client.endpoint.name.clone(), what.to_owned(), MOST_TIME.as_secs());
                    Err(Error::EndlessTags { host, what, seconds, pages: seen.len() - 1 })
                })?,
            };
            end.get_or_insert_with(|| Instant::now() + self.client.endpoint.timeouts().scaled(MOST_TIME));
            let page = page.tags.unwrap_or_default();
            bytes += page.iter().map(|tag| tag.len() + size_of::<String>()).sum::<usize>();
            tags.extend(page);
            match next {
                Some(next) => request.url = next,
                None if tags.is_empty() => {
                    let (source_name, what) = (self.client.endpoint.source_name(), what.to_owned());
                    return Err(Error::NotFound {
                        source_name,
                        what,
                        by_tag: false,
                        closest: Vec::new(),
                        message: String::new(),
                    });
                }
                None => return Ok(tags),
            }
        }
        Err(self.unfit(&request, "its list of tags has no end".to_owned()))
    }

    async fn page_or_retry(&self, request: &HttpRequest) -> Result<(TagPage, Option<Url>), Error> {
        let mut retries = RetryTimer::new(&self.client.endpoint);
        loop {
            match self.page(request).await {
                Ok(page) => return Ok(page),
                Err(failure) => retries.wait_or_fail(failure).await?,
            }
        }
    }

    /// One page, and where the next one is.
    async fn page(&self, request: &HttpRequest) -> Result<(TagPage, Option<Url>), RequestFailure> {
        let body = self.client.send_checked(request).await?;
        let unfit = |why: &str| self.unfit(request, why.to_owned());
        let links: Result<Vec<String>, _> =
            body.response.headers().get_all(LINK).iter().map(|link| link.to_str().map(str::to_owned)).collect();
        let links = links.map_err(|_| unfit("its next page of tags cannot be read"))?;
        let bytes = body.read(MAX_OCI_MANIFEST, &request.what).await?;
        let page = serde_json::from_slice(&bytes).map_err(|_| unfit("what it lists is no list of tags"))?;
        let Some(link) = links.iter().find_map(|link| next(link)) else { return Ok((page, None)) };
        let linked = request.url.join(link).map_err(|_| unfit("its next page of tags cannot be read"))?;
        // Registries behind a proxy often name another scheme or host than they are reached by. What is asked next is the
        // host that was asked before: so no other gets what is meant for this one.
        let mut next = request.url.clone();
        next.set_path(linked.path());
        next.set_query(linked.query());
        Ok((page, Some(next)))
    }

    fn unfit(&self, request: &HttpRequest, message: String) -> Error {
        Error::Status { host: self.client.endpoint.name.clone(), what: request.what.clone(), status: 200, message }
    }
}

/// The address in a header `Link: <ADDRESS>; rel="next"`, which may have several (RFC 8288).
fn next(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some((address, after)) = rest.split_once('<').and_then(|(_, rest)| rest.split_once('>')) {
        let parameters = after.split('<').next().unwrap_or_default().replace([' ', '"'], "");
        if parameters.split([';', ',']).any(|parameter| parameter.eq_ignore_ascii_case("rel=next")) {
            return Some(address);
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_links() {
        assert_eq!(next("</v2/a/tags/list?n=2&last=b>; rel=\"next\""), Some("/v2/a/tags/list?n=2&last=b"));
        assert_eq!(next("</x>; rel=\"prev\", </y>; rel=next"), Some("/y"));
        assert_eq!(next("</x>; rel=\"prev\""), None);
        assert_eq!(next("</a,b?n=1>; title=\"x\"; rel = \"next\""), Some("/a,b?n=1"));
    }
}
