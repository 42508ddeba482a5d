//! The whitelist and the deny list. Their routes differ in names and texts alone.

use crate::app::App;
use crate::auth::Change;
use crate::http::{ACK, ApiError, Batches, InPath, Query, Search, with_type};
use crate::limits::{LIST_BATCH, STREAM_PAGE};
use api_contract::v1::{Ack, Added, LineCounts, ListedTorrents, Removed};
use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use control::management::{ListPage, ManagementError};
use futures_util::stream;
use primitives::{InfoHash, ListChange, TorrentList};
use std::fmt::Write as _;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A list with the error texts of its routes.
#[derive(Debug, Clone, Copy)]
struct ListRoute {
    list: TorrentList,
    add_failed: &'static str,
    remove_failed: &'static str,
    read_failed: &'static str,
    reload_failed: &'static str,
}

/// Defines the routes of a list as a module: its name in paths and in texts, and the verb for its additions.
macro_rules! list_routes {
    ($module:ident: $list:expr, name: $name:tt, title: $title:tt, verb: $verb:tt, capital_verb: $capital_verb:tt) => {
        pub(super) mod $module {
            use super::{
                Ack, Added, ApiError, App, InPath, InfoHash, Json, ListChange, ListRoute, ListedTorrents, OpenApiRouter,
                Query, Removed, Request, Response, Search, State, TorrentList, routes,
            };

            const LIST: ListRoute = ListRoute {
                list: $list,
                add_failed: concat!("failed to ", $verb, " torrent"),
                remove_failed: concat!("failed to remove torrent from ", $title),
                read_failed: concat!("failed to read ", $title),
                reload_failed: concat!("failed to reload ", $title),
            };

            pub(in crate::routes) fn routes() -> OpenApiRouter<App> {
                OpenApiRouter::new()
                    .routes(routes!(add, remove))
                    .routes(routes!(reload))
                    .routes(routes!(search))
                    .routes(routes!(get, add_lines, remove_lines))
            }

            #[utoipa::path(
                post, path = concat!("/api/v1/", $name, "/{info_hash}"), tag = $name,
                operation_id = concat!("add_to_", $name),
                summary = concat!($capital_verb, " a torrent"),
                params(("info_hash" = String, Path, pattern = "^[0-9a-fA-F]{40}$")),
                responses((status = 200, description = "It is on the list", body = Ack)),
            )]
            async fn add(State(app): State<App>, InPath(torrent): InPath<InfoHash>) -> Result<Json<Ack>, ApiError> {
                LIST.change_one(&app, ListChange::Add, torrent).await
            }

            #[utoipa::path(
                delete, path = concat!("/api/v1/", $name, "/{info_hash}"), tag = $name,
                operation_id = concat!("remove_from_", $name),
                summary = concat!("Remove a torrent from the ", $title),
                params(("info_hash" = String, Path, pattern = "^[0-9a-fA-F]{40}$")),
                responses((status = 200, description = "It is off the list, as far as this API had put it there", body = Ack)),
            )]
            async fn remove(State(app): State<App>, InPath(torrent): InPath<InfoHash>) -> Result<Json<Ack>, ApiError> {
                LIST.change_one(&app, ListChange::Remove, torrent).await
            }

            #[utoipa::path(
                get, path = concat!("/api/v1/", $name, "/reload"), tag = $name,
                operation_id = concat!("reload_", $name),
                summary = concat!("Reload the stored ", $title, " and its file"),
                responses((status = 200, description = "Read", body = Ack)),
            )]
            async fn reload(State(app): State<App>) -> Result<Json<Ack>, ApiError> {
                LIST.reload(&app).await
            }

            #[utoipa::path(
                get, path = concat!("/api/v1/", $name, "/search"), tag = $name,
                operation_id = concat!("search_", $name),
                summary = concat!("Torrents of the ", $title, " whose info hashes begin with some digits"),
                description = "A whole info hash is looked up; anything shorter takes a scan of the list, seconds with millions of \
                    entries. Four scans run at a time; others wait.",
                params(
                    ("prefix" = Option<String>, Query, description = "Hexadecimal digits; default: empty",
                        pattern = "^[0-9a-fA-F]{0,40}$"),
                    ("limit" = Option<u64>, Query, description = "Default 50, at most 1,000"),
                ),
                responses(
                    (status = 200, description = "The torrents", body = ListedTorrents),
                    (status = 400, description = "A parameter is wrong", body = String, content_type = "text/plain"),
                ),
            )]
            async fn search(State(app): State<App>, query: Query) -> Result<Json<ListedTorrents>, ApiError> {
                LIST.search(&app, &Search::parse(&query)?).await
            }

            #[utoipa::path(
                get, path = concat!("/api/v1/", $name), tag = $name,
                operation_id = concat!("get_", $name),
                summary = concat!("The whole ", $title, ", one info hash per line"),
                responses((status = 200, description = "The list", body = String, content_type = "text/plain")),
            )]
            async fn get(State(app): State<App>) -> Result<Response, ApiError> {
                LIST.download(&app).await
            }

            #[utoipa::path(
                post, path = concat!("/api/v1/", $name), tag = $name,
                operation_id = concat!("add_lines_to_", $name),
                summary = concat!($capital_verb, " the torrents of a body, one info hash per line"),
                request_body(content = Option<String>, content_type = "text/plain"),
                responses((status = 200, description = "What became of the lines", body = Added)),
            )]
            async fn add_lines(State(app): State<App>, request: Request) -> Result<Json<Added>, ApiError> {
                let (added, lines) = LIST.change_many(&app, ListChange::Add, request).await?;
                Ok(Json(Added { added, lines }))
            }

            #[utoipa::path(
                delete, path = concat!("/api/v1/", $name), tag = $name,
                operation_id = concat!("remove_lines_from_", $name),
                summary = concat!("Remove the torrents of a body from the ", $title, ", one info hash per line"),
                request_body(content = Option<String>, content_type = "text/plain"),
                responses((status = 200, description = "What became of the lines", body = Removed)),
            )]
            async fn remove_lines(State(app): State<App>, request: Request) -> Result<Json<Removed>, ApiError> {
                let (removed, lines) = LIST.change_many(&app, ListChange::Remove, request).await?;
                Ok(Json(Removed { removed, lines }))
            }
        }
    };
}

list_routes!(
    whitelist: TorrentList::Allowed, name: "whitelist", title: "whitelist", verb: "whitelist", capital_verb: "Whitelist"
);
list_routes!(
    denylist: TorrentList::Denied, name: "denylist", title: "deny list", verb: "deny", capital_verb: "Deny"
);

impl ListRoute {
    async fn change(&self, app: &App, change: ListChange, torrents: Vec<InfoHash>) -> Result<(), ApiError> {
        let failed = match change {
            ListChange::Add => self.add_failed,
            ListChange::Remove => self.remove_failed,
        };
        app.tracker.lists().change(self.list, change, torrents).await.map_err(ApiError::failed(failed))
    }

    async fn change_one(
        &self,
        app: &App,
        change: ListChange,
        torrent: InfoHash,
    ) -> Result<Json<Ack>, ApiError> {
        self.change(app, change, vec![torrent]).await.map(|()| ACK)
    }

    /// Changes the list in batches while the body arrives. Batches before an error are not undone.
    async fn change_many(
        &self,
        app: &App,
        change: ListChange,
        request: Request,
    ) -> Result<(u64, LineCounts), ApiError> {
        let _turn = app.bulk_requests.acquire().await;
        let (head, body) = request.into_parts();
        let (mut batches, mut done) = (Batches::new(body, LIST_BATCH, InfoHash::from_hex), 0);
        loop {
            let batch = batches.next().await?;
            let count = batch.len();
            if count > 0 {
                self.change(app, change, batch).await?;
            }
            done += count as u64;
            Change::set_subject_in(&head.extensions, format_args!("{done} info hashes"));
            if count < LIST_BATCH {
                return Ok((done, batches.invalid));
            }
        }
    }

    async fn reload(&self, app: &App) -> Result<Json<Ack>, ApiError> {
        let reloaded = app.tracker.lists().reload(self.list).await;
        reloaded.map(|()| ACK).map_err(ApiError::failed(self.reload_failed))
    }

    /// Looks up a whole info hash. For anything shorter, goes through the list page by page until it has found enough.
    async fn search(&self, app: &App, search: &Search) -> Result<Json<ListedTorrents>, ApiError> {
        if let Some(info_hash) = search.prefix.whole() {
            let listed = app.tracker.lists().contains(self.list, info_hash).await;
            let listed = listed.map_err(ApiError::failed(self.read_failed))?;
            let torrents = listed.then(|| info_hash.to_string()).into_iter().take(search.limit).collect();
            return Ok(Json(ListedTorrents { torrents, more: listed && search.limit == 0 }));
        }
        let _turn = app.bulk_requests.acquire().await;
        let (mut torrents, mut place) = (Vec::new(), None);
        loop {
            let page = app.tracker.lists().page(self.list, place, STREAM_PAGE).await;
            let page = page.map_err(ApiError::failed(self.read_failed))?;
            let found = page.torrents.iter().map(InfoHash::to_string);
            torrents.extend(found.filter(|torrent| search.prefix.fits(torrent)));
            place = page.next;
            if place.is_none() || torrents.len() > search.limit {
                break;
            }
        }
        let more = torrents.len() > search.limit;
        torrents.truncate(search.limit);
        torrents.sort_unstable();
        Ok(Json(ListedTorrents { torrents, more }))
    }

    /// Streams all entries, one per line, page by page as the client reads.
    async fn download(&self, app: &App) -> Result<Response, ApiError> {
        let list = self.list;
        let first = app.tracker.lists().page(list, None, STREAM_PAGE).await;
        let first = first.map_err(ApiError::failed(self.read_failed))?;
        let tracker = Arc::clone(&app.tracker);
        let pages = stream::try_unfold((Some(first), None), move |(first, place)| {
            let tracker = Arc::clone(&tracker);
            async move {
                let page = match (first, place) {
                    (Some(first), _) => first,
                    (None, Some(_)) => tracker.lists().page(list, place, STREAM_PAGE).await?,
                    (None, None) => return Ok::<_, ManagementError>(None),
                };
                Ok(Some((text_of(&page), (None, page.next))))
            }
        });
        Ok(with_type("text/plain; charset=utf-8", Body::from_stream(pages)))
    }
}

fn text_of(page: &ListPage) -> String {
    let text = String::with_capacity(page.torrents.len() * (InfoHash::HEX_DIGITS + 1));
    page.torrents.iter().fold(text, |mut text, info_hash| {
        writeln!(text, "{info_hash}").expect("writing to a string never fails");
        text
    })
}
