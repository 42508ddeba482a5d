//! Code shared by the routes of the whitelist and the deny list.

use crate::answer::{Ack, ApiError, with_type};
use crate::app::App;
use crate::change::Change;
use crate::limits::{INVALID_LINES_NAMED_MAX, LIST_BATCH, STREAM_PAGE};
use crate::lines::{Line, Lines};
use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use control::{ListPage, Management, ManagementError};
use futures_util::stream;
use primitives::{InfoHash, ListChange, TorrentList};
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;
use utoipa::ToSchema;

/// The invalid lines of a body.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct LineCounts {
    /// Number of invalid lines.
    invalid: u64,
    /// Line numbers of the first ten of them.
    #[schema(max_items = 10)]
    invalid_lines: Vec<u64>,
}

impl LineCounts {
    pub(crate) fn count_invalid(&mut self, number: u64) {
        self.invalid += 1;
        if self.invalid_lines.len() < INVALID_LINES_NAMED_MAX {
            self.invalid_lines.push(number);
        }
    }
}

/// The result of adding the info hashes of a body to a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Added {
    /// Info hashes that are on the list now.
    pub(crate) added: u64,
    #[serde(flatten)]
    pub(crate) lines: LineCounts,
}

/// The result of removing the info hashes of a body from a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Removed {
    /// Info hashes removed from the list, as far as they had been added through this API.
    pub(crate) removed: u64,
    #[serde(flatten)]
    pub(crate) lines: LineCounts,
}

/// A list with the error texts of its routes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListRoute {
    pub(crate) list: TorrentList,
    pub(crate) add_failed: &'static str,
    pub(crate) remove_failed: &'static str,
    pub(crate) read_failed: &'static str,
    pub(crate) reload_failed: &'static str,
}

impl ListRoute {
    const fn failed(&self, change: ListChange) -> &'static str {
        match change {
            ListChange::Add => self.add_failed,
            ListChange::Remove => self.remove_failed,
        }
    }

    pub(crate) async fn change_one(
        &self,
        app: &App,
        change: ListChange,
        info_hash: InfoHash,
    ) -> Result<Json<Ack>, ApiError> {
        let changed = app.tracker.lists().change(self.list, change, vec![info_hash]).await;
        changed.map_err(ApiError::failed(self.failed(change)))?;
        Ok(Ack::OK)
    }

    /// Changes the list in batches while the body arrives. Batches before an error are not undone.
    pub(crate) async fn change_many(
        &self,
        app: &App,
        change: ListChange,
        request: Request,
    ) -> Result<(u64, LineCounts), ApiError> {
        let _turn = app.bulk_requests.acquire().await;
        let (head, body) = request.into_parts();
        let (mut lines, mut counts, mut done) = (Lines::new(body), LineCounts::default(), 0);
        let mut batch = Vec::with_capacity(LIST_BATCH);
        while let Some(line) = lines.next().await? {
            match parse(line) {
                Ok(info_hash) => batch.push(info_hash),
                Err(number) => counts.count_invalid(number),
            }
            if batch.len() == LIST_BATCH {
                let full = std::mem::replace(&mut batch, Vec::with_capacity(LIST_BATCH));
                done += self.change_batch(app, change, full).await?;
                Change::set_subject_in(&head.extensions, format_args!("{done} info hashes"));
            }
        }
        if !batch.is_empty() {
            done += self.change_batch(app, change, batch).await?;
        }
        Change::set_subject_in(&head.extensions, format_args!("{done} info hashes"));
        Ok((done, counts))
    }

    async fn change_batch(
        &self,
        app: &App,
        change: ListChange,
        batch: Vec<InfoHash>,
    ) -> Result<u64, ApiError> {
        let count = batch.len() as u64;
        let changed = app.tracker.lists().change(self.list, change, batch).await;
        changed.map(|()| count).map_err(ApiError::failed(self.failed(change)))
    }

    pub(crate) async fn reload(&self, app: &App) -> Result<Json<Ack>, ApiError> {
        let reloaded = app.tracker.lists().reload(self.list).await;
        reloaded.map_err(ApiError::failed(self.reload_failed))?;
        Ok(Ack::OK)
    }

    /// Streams all entries, one per line, page by page as the client reads.
    pub(crate) async fn download(&self, app: &App) -> Result<Response, ApiError> {
        let list = self.list;
        let first = app.tracker.lists().page(list, None, STREAM_PAGE).await;
        let first = first.map_err(ApiError::failed(self.read_failed))?;
        let tracker = Arc::clone(&app.tracker);
        let pages = stream::unfold(Some(Ok(first)), move |page| next_page(Arc::clone(&tracker), list, page));
        Ok(with_type("text/plain; charset=utf-8", Body::from_stream(pages)))
    }
}

type Page = Result<ListPage, ManagementError>;

async fn next_page(
    tracker: Arc<dyn Management>,
    list: TorrentList,
    page: Option<Page>,
) -> Option<(Result<String, ManagementError>, Option<Page>)> {
    match page? {
        Err(error) => Some((Err(error), None)),
        Ok(page) => {
            let text = text_of(&page);
            let next = match page.next {
                Some(place) => Some(tracker.lists().page(list, Some(place), STREAM_PAGE).await),
                None => None,
            };
            Some((Ok(text), next))
        }
    }
}

fn text_of(page: &ListPage) -> String {
    let text = String::with_capacity(page.torrents.len() * (InfoHash::HEX_DIGITS + 1));
    page.torrents.iter().fold(text, |mut text, info_hash| {
        writeln!(text, "{info_hash}").expect("writing to a string never fails");
        text
    })
}

fn parse(line: Line) -> Result<InfoHash, u64> {
    match line {
        Line::Text(number, text) => InfoHash::from_hex(&text).ok_or(number),
        Line::TooLong(number) => Err(number),
    }
}
