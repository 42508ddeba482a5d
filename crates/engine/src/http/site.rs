use super::failure::Failure;
use super::service::{ClientRequest, HttpService, Served};
use super::stream_body::{PageBody, StreamBody};
use crate::limits::ROOM;
use crate::shard::Shard;
use core::ops::Range;
use http_protocol::{
    ContentCoding, ContentType, PageResponse, Request, SitePath, Status, write_redirect, write_status,
};
use metrics::HttpOutcome;
use primitives::{AddressFamily, StatisticsPages};
use std::sync::Arc;

/// The body of `/robots.txt`.
const ROBOTS: &[u8] = b"User-agent: *\nAllow: /stats\nDisallow: /announce\nDisallow: /scrape\n";

/// The body of `/favicon.ico`: a ring with a peer on it.
const FAVICON: &[u8] = include_bytes!("favicon.svg");

/// Seconds for which files that change with the version only may be cached: a day.
const FILE_AGE_S: u32 = 86_400;

/// Seconds for which the statistics may be cached, which are rendered once a second.
const STATISTICS_AGE_S: u32 = 1;

/// Files need nothing but themselves.
const NOTHING_ELSE: &str = "default-src 'none'";

impl HttpService {
    /// Answers a request of a browser.
    pub(super) fn site(
        &self,
        shard: &mut Shard,
        asked: ClientRequest<'_>,
        path: SitePath,
        out: &mut [u8],
    ) -> Served {
        let (request, mut outcome) = (asked.request, HttpOutcome::Elsewhere);
        let served = match (path, &self.statistics, &self.policy.redirect) {
            (SitePath::Statistics | SitePath::StatisticsJson, Some(pages), _) => match admit(shard, asked) {
                Ok(()) => {
                    outcome = HttpOutcome::Statistics;
                    write_statistics(request, pages, path, out)
                }
                Err(status) => {
                    outcome = HttpOutcome::BadRequest;
                    Served::Written(write_status(out, request.framing, status).expect(ROOM))
                }
            },
            (SitePath::Root, _, Some(place)) => {
                Served::Written(write_redirect(out, request.framing, place).expect(ROOM))
            }
            (SitePath::Robots, ..) => Served::Written(write_file(request, ContentType::Text, ROBOTS, out)),
            (SitePath::Favicon, ..) => Served::Written(write_file(request, ContentType::Svg, FAVICON, out)),
            _ => {
                // Browsers and monitoring look for `/` of their own accord.
                if path != SitePath::Root {
                    outcome = HttpOutcome::NotFound;
                }
                Served::Written(write_status(out, request.framing, Status::NotFound).expect(ROOM))
            }
        };
        shard.statistics.count_http(asked.client.map_or(asked.family, AddressFamily::of), outcome);
        served
    }
}

/// Checks whether the client may see the statistics. Otherwise, returns the status of the answer.
fn admit(shard: &mut Shard, asked: ClientRequest<'_>) -> Result<(), Status> {
    match asked.admitted {
        Ok(_) => Ok(()),
        Err(Failure::Refused(refusal)) => {
            refusal.count(&mut shard.statistics);
            Err(Status::Forbidden)
        }
        Err(_) => Err(Status::BadRequest),
    }
}

/// Writes a file, which is shorter than the buffer.
fn write_file(request: &Request<'_>, content_type: ContentType, body: &[u8], out: &mut [u8]) -> Range<usize> {
    let response = PageResponse {
        framing: request.framing,
        content_type,
        coding: ContentCoding::Identity,
        max_age_s: FILE_AGE_S,
        security_policy: NOTHING_ELSE,
        body,
    };
    response.write(out).expect(ROOM).0
}

/// Writes the statistics in the form and coding that the client prefers, as far as there is room.
fn write_statistics(
    request: &Request<'_>,
    pages: &StatisticsPages,
    path: SitePath,
    out: &mut [u8],
) -> Served {
    let is_json = path == SitePath::StatisticsJson || request.headers.prefers_json();
    let (page, content_type) =
        if is_json { (&pages.json, ContentType::Json) } else { (&pages.html, ContentType::Html) };
    let coding = request.accepted_coding;
    let bytes = match coding {
        ContentCoding::Identity => &page.identity,
        ContentCoding::Gzip => &page.gzip,
    };
    let response = PageResponse {
        framing: request.framing,
        content_type,
        coding,
        max_age_s: STATISTICS_AGE_S,
        security_policy: pages.security_policy,
        body: bytes,
    };
    let (written, left) = response.write(out).expect(ROOM);
    match left {
        0 => Served::Written(written),
        _ => {
            let body = PageBody::new(Arc::clone(bytes), bytes.len() - left);
            Served::Stream(written, StreamBody::Page(body))
        }
    }
}
