use crate::app::{App, now_unix_ms};
use crate::http::{ACK, ApiError, InPath, PathValue as _, Query, Search, bad_query};
use crate::limits::{PEERS_MAX, SORTED_TORRENTS_DEFAULT, TORRENTS_DEFAULT, TORRENTS_MAX};
use api_contract::v1::{
    Ack, Event, InfoHashText, Order, Peer, PeerIdentity, Refusal, Torrent, TorrentItem, TorrentOrUnknown,
    TorrentsPage,
};
use axum::Json;
use axum::extract::State;
use control::management::{SORTED_TORRENTS_MAX, TorrentPage};
use metrics::Gauge;
use primitives::{AnnounceEvent, ClientTag, InfoHash, PeerInfo, PeerStatus, TorrentInfo, TorrentOrder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const FAILED: &str = "failed to ask for torrents";

fn item_of(info: TorrentInfo) -> TorrentItem {
    let TorrentInfo { info_hash, seeders, leechers, completed } = info;
    TorrentItem { info_hash: info_hash.to_string(), seeders, completed, leechers }
}

const fn event_of(event: AnnounceEvent) -> Event {
    match event {
        AnnounceEvent::None => Event::None,
        AnnounceEvent::Completed => Event::Completed,
        AnnounceEvent::Started => Event::Started,
        AnnounceEvent::Stopped => Event::Stopped,
    }
}

fn peer_of(now_unix_ms: u64, info: &PeerInfo) -> Peer {
    let ago_ms = u64::from(info.heard_s_ago) * 1000;
    let details = info.details;
    let left_unknown = u64::from(info.status == PeerStatus::Leecher);
    Peer {
        peer_id: PeerIdentity {
            id: format!("0x{}", hex::encode(details.map_or([0; 20], |details| details.peer_id.0))),
            client: details.and_then(|details| ClientTag::of(&details.peer_id).name()).map(Into::into),
        },
        peer_addr: info.address.to_string(),
        updated: now_unix_ms.saturating_sub(ago_ms),
        updated_milliseconds_ago: ago_ms,
        uploaded: details.map_or(0, |details| details.uploaded),
        downloaded: details.map_or(0, |details| details.downloaded),
        left: details.map_or(left_unknown, |details| details.left),
        event: details.map_or(Event::None, |details| event_of(details.event)),
    }
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_torrent, drop_torrent))
        .routes(routes!(get_torrents))
        .routes(routes!(get_sorted_torrents))
        .routes(routes!(search_torrents))
}

/// A torrent with its peers
#[utoipa::path(
    get, path = "/api/v1/torrent/{info_hash}", tag = "torrents",
    params(("info_hash" = String, Path, pattern = "^[0-9a-fA-F]{40}$")),
    responses((status = 200, description = "The torrent, or `\"torrent not known\"`", body = TorrentOrUnknown)),
)]
async fn get_torrent(
    State(app): State<App>,
    InPath(info_hash): InPath<InfoHash>,
) -> Result<Json<TorrentOrUnknown>, ApiError> {
    let found =
        app.tracker.torrents().torrent(info_hash, PEERS_MAX).await.map_err(ApiError::failed(FAILED))?;
    let now = now_unix_ms();
    Ok(Json(match found {
        Some(found) => TorrentOrUnknown::Known(Torrent {
            item: item_of(found.info),
            peers: found.peers.iter().map(|peer| peer_of(now, peer)).collect(),
        }),
        None => TorrentOrUnknown::Unknown("torrent not known".to_owned()),
    }))
}

/// Remove all peers of a torrent
#[utoipa::path(
    delete, path = "/api/v1/torrent/{info_hash}", tag = "torrents",
    params(("info_hash" = String, Path, pattern = "^[0-9a-fA-F]{40}$")),
    responses(
        (status = 200, description = "Forgotten", body = Ack),
        (status = 404, description = "It has no swarm", body = Refusal),
    ),
)]
async fn drop_torrent(
    State(app): State<App>,
    InPath(info_hash): InPath<InfoHash>,
) -> Result<Json<Ack>, ApiError> {
    let had_swarm = app
        .tracker
        .torrents()
        .drop_torrent(info_hash)
        .await
        .map_err(ApiError::failed("failed to drop torrent"))?;
    if had_swarm { Ok(ACK) } else { Err(ApiError::unknown("torrent not known")) }
}

/// A page of torrents, or the torrents that the query names
///
/// Pages are ordered by info hash, the lowest first, and contain every torrent exactly once as long as none is added or
/// removed. Named torrents are in the order of the query; those without a swarm are left out.
#[utoipa::path(
    get, path = "/api/v1/torrents", tag = "torrents",
    params(
        ("offset" = Option<u64>, Query, description = "How many are left out; default 0"),
        ("limit" = Option<u64>, Query, description = "Default 4,000, at most 100,000"),
        ("info_hash" = Option<Vec<InfoHashText>>, Query, explode, description = "These, and no paging"),
    ),
    responses(
        (status = 200, description = "The torrents", body = Vec<TorrentItem>),
        (status = 400, description = "A parameter is wrong", body = String, content_type = "text/plain"),
    ),
)]
async fn get_torrents(State(app): State<App>, query: Query) -> Result<Json<Vec<TorrentItem>>, ApiError> {
    let named = query.all("info_hash").map(InfoHash::parse).collect::<Result<Vec<_>, _>>()?;
    let page = page_of(&query, TorrentOrder::InfoHash, TORRENTS_DEFAULT)?;
    let found = if named.is_empty() {
        app.tracker.torrents().page(page).await
    } else {
        app.tracker.torrents().named(named).await
    };
    let found = found.map_err(ApiError::failed(FAILED))?;
    Ok(Json(found.into_iter().map(item_of).collect()))
}

/// Torrents in a given order, with their total number
///
/// Orders by a count may be up to ten seconds old.
#[utoipa::path(
    get, path = "/api/v1/torrents/sorted", tag = "torrents",
    params(
        ("order" = Option<Order>, Query, description = "Default `info_hash`, the lowest first. By a count the most \
            come first, and of equals the lowest info hash"),
        ("offset" = Option<u64>, Query, description = "How many are left out; default 0. In an order by a count, \
            `offset` and `limit` together may be 100,000 at most"),
        ("limit" = Option<u64>, Query, description = "Default 100, at most 100,000"),
    ),
    responses(
        (status = 200, description = "The page", body = TorrentsPage),
        (status = 400, description = "A parameter is wrong", body = String, content_type = "text/plain"),
    ),
)]
async fn get_sorted_torrents(State(app): State<App>, query: Query) -> Result<Json<TorrentsPage>, ApiError> {
    let order = order_of(query.text("order").unwrap_or("info_hash"))?;
    let page = page_of(&query, order, SORTED_TORRENTS_DEFAULT)?;
    let last = page.offset.saturating_add(page.torrents_max as u64);
    if order != TorrentOrder::InfoHash && last > SORTED_TORRENTS_MAX as u64 {
        let reason = format!("offset and limit together may be {SORTED_TORRENTS_MAX} at most in this order");
        return Err(bad_query(&reason));
    }
    let total = app.tracker.statistics().gauge(Gauge::Torrents);
    let torrents = app.tracker.torrents().page(page).await.map_err(ApiError::failed(FAILED))?;
    Ok(Json(TorrentsPage { total, torrents: torrents.into_iter().map(item_of).collect() }))
}

/// Torrents whose info hashes begin with some digits
///
/// They are ordered by info hash, the lowest first.
#[utoipa::path(
    get, path = "/api/v1/torrents/search", tag = "torrents",
    params(
        ("prefix" = Option<String>, Query, description = "Hexadecimal digits; default: empty",
                        pattern = "^[0-9a-fA-F]{0,40}$"),
        ("limit" = Option<u64>, Query, description = "Default 50, at most 1,000"),
    ),
    responses(
        (status = 200, description = "The torrents", body = Vec<TorrentItem>),
        (status = 400, description = "A parameter is wrong", body = String, content_type = "text/plain"),
    ),
)]
async fn search_torrents(State(app): State<App>, query: Query) -> Result<Json<Vec<TorrentItem>>, ApiError> {
    let Search { prefix, limit } = Search::parse(&query)?;
    let torrents = app.tracker.torrents();
    // A whole info hash is looked up, anything shorter takes a scan of all swarms.
    let found = match prefix.whole() {
        Some(info_hash) => torrents.named(vec![info_hash]).await,
        None => {
            let _turn = app.bulk_requests.acquire().await;
            torrents.first_from(prefix.first(), limit).await
        }
    };
    let found = found.map_err(ApiError::failed(FAILED))?;
    Ok(Json(found.into_iter().map(item_of).filter(|item| prefix.fits(&item.info_hash)).collect()))
}

fn order_of(name: &str) -> Result<TorrentOrder, ApiError> {
    match name {
        "info_hash" => Ok(TorrentOrder::InfoHash),
        "seeders" => Ok(TorrentOrder::Seeders),
        "leechers" => Ok(TorrentOrder::Leechers),
        "peers" => Ok(TorrentOrder::Peers),
        "completed" => Ok(TorrentOrder::Completed),
        _ => Err(bad_query("order: one of info_hash, seeders, leechers, peers, completed")),
    }
}

fn page_of(query: &Query, order: TorrentOrder, default: usize) -> Result<TorrentPage, ApiError> {
    let offset = query.number("offset")?.unwrap_or(0);
    let limit = query.number("limit")?.map_or(default, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(TorrentPage { order, offset, torrents_max: limit.min(TORRENTS_MAX) })
}
