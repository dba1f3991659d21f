//! Lists the tags of a repository, page after page, as the distribution specification says ("Listing Tags").

use reqwest::Method;
use reqwest::header::LINK;
use serde::Deserialize;

use super::auth::Action;
use super::error::Error;
use super::host::Request;
use super::remote::Remote;
use super::retry::{Failure, Retries};
use crate::model::plan::MAX_MANIFEST;

/// How many tags are asked for at once. A registry may give fewer.
const PAGE: usize = 1000;

/// The most pages that are read.
const MOST_PAGES: usize = 1000;

#[derive(Deserialize)]
struct Page {
    /// Some registries say `null` where there are none.
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl Remote {
    /// All tags of a repository; `what` names them in messages.
    pub(super) async fn list_tags(&self, repository: &str, what: &str) -> Result<Vec<String>, Error> {
        let mut tags = Vec::new();
        let mut request = self.request(Method::GET, repository, &format!("tags/list?n={PAGE}"), Action::Pull, what)?;
        for _ in 0..MOST_PAGES {
            let mut retries = Retries::new(&self.host);
            let (page, next) = loop {
                match self.page(&request).await {
                    Ok(page) => break page,
                    Err(failure) => retries.after(failure).await?,
                }
            };
            tags.extend(page.tags.unwrap_or_default());
            match next {
                None => return Ok(tags),
                Some(next) => request.url = next,
            }
        }
        Err(self.unfit(&request, format!("it has more than {MOST_PAGES} pages of tags")))
    }

    /// One page, and where the next one is.
    async fn page(&self, request: &Request) -> Result<(Page, Option<reqwest::Url>), Failure> {
        let body = self.host.answer(request).await?;
        let link = body.response.headers().get(LINK).and_then(|link| link.to_str().ok()).and_then(next);
        let link = link.map(str::to_owned);
        let bytes = body.read(MAX_MANIFEST, &request.what).await?;
        let page = serde_json::from_slice(&bytes);
        let page = page.map_err(|_| self.unfit(request, "what it lists is no list of tags".to_owned()))?;
        let next = link.map(|link| request.url.join(&link)).transpose();
        // Where the next page is said to be on another host, that host would get what is meant for this one.
        let next = next.ok().filter(|next| next.as_ref().is_none_or(|next| next.origin() == request.url.origin()));
        match next {
            Some(Some(next)) if next == request.url => {
                Err(self.unfit(request, "its pages of tags go round in a circle".to_owned()).into())
            }
            Some(next) => Ok((page, next)),
            None => Err(self.unfit(request, "its next page of tags is on another host".to_owned()).into()),
        }
    }

    fn unfit(&self, request: &Request, message: String) -> Error {
        Error::Status { host: self.host.name.clone(), what: request.what.clone(), status: 200, message }
    }
}

/// The address in a header `Link: <ADDRESS>; rel="next"` (RFC 8288).
fn next(header: &str) -> Option<&str> {
    let link = header.split(',').find(|link| link.contains("rel=\"next\"") || link.contains("rel=next"))?;
    link.trim().strip_prefix('<')?.split('>').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_links() {
        assert_eq!(next("</v2/a/tags/list?n=2&last=b>; rel=\"next\""), Some("/v2/a/tags/list?n=2&last=b"));
        assert_eq!(next("</x>; rel=\"prev\", </y>; rel=next"), Some("/y"));
        assert_eq!(next("</x>; rel=\"prev\""), None);
    }
}
