use crate::declare::figures;
use primitives::{SwarmFamily, TorrentList};

figures! {
    /// Counters besides the outcomes of requests.
    pub enum Counter {
        /// Requests that one core sent to another. Over UDP there are no announces among them if steering works.
        ringtrack_mesh_hops_total {
            /// Announces over UDP that arrived on a core that does not own their torrent.
            AnnouncesOnWrongCore = "announces_on_wrong_core" [kind: "announce"],
            /// Scrapes over UDP that another core had to complete.
            ScrapesRouted = "scrapes_routed" [kind: "scrape"],
            /// HTTP requests and messages routed to the owners of their torrents, counted once for each owner.
            RoutedHttpRequests = "http_errands" [kind: "http"],
        }
        /// Completed events added to a swarm's download count.
        ringtrack_completed_total { Completed = "completed", }
        /// New peers that were answered but not stored because a limit was reached.
        ringtrack_peers_refused_total {
            PeersRefusedSwarms = "peers_refused_swarms" [reason: "swarms"],
            PeersRefusedPeers = "peers_refused_peers" [reason: "peers"],
            PeersRefusedSwarmPeers = "peers_refused_swarm_peers" [reason: "swarm_peers"],
            PeersRefusedMemory = "peers_refused_memory" [reason: "memory"],
        }
        /// Peers removed because they did not announce within their lifetime.
        ringtrack_peers_expired_total { PeersExpired = "peers_expired", }
        /// Bytes received: UDP payload, and bytes of HTTP connections with TLS.
        ringtrack_received_bytes_total {
            BytesReceived = "bytes_received" [protocol: "udp"],
            HttpBytesReceived = "http_bytes_received" [protocol: "http"],
        }
        /// Bytes sent: UDP payload of all replies, and bytes of HTTP connections with TLS.
        ringtrack_sent_bytes_total {
            BytesSent = "bytes_sent" [protocol: "udp"],
            HttpBytesSent = "http_bytes_sent" [protocol: "http"],
        }
        /// Receive calls that returned at least one datagram.
        ringtrack_udp_batches_received_total { BatchesReceived = "batches_received", }
        /// Replies that the kernel refused because of their destination, or that found the send buffer full.
        ringtrack_udp_replies_lost_total {
            RepliesRefused = "replies_refused" [reason: "refused"],
            RepliesUnsent = "replies_unsent" [reason: "unsent"],
        }
        /// Receive calls for datagrams that failed.
        ringtrack_udp_receive_errors_total { ReceiveErrors = "receive_errors", }
        /// Turns of the core's timer. A core whose count does not grow is stuck.
        ringtrack_timer_turns_total { TimerTurns = "timer_turns", }
        /// Total lateness of the turns of the core's timer.
        ringtrack_timer_lateness_seconds_total { TimerLatenessUs = "timer_lateness_us", }
        /// HTTP connections admitted.
        ringtrack_http_connections_total { HttpConnections = "http_connections", }
        /// HTTP connections refused because the core, or the prefix of their source, had reached its limit.
        ringtrack_http_connections_refused_total {
            HttpRefusedFull = "http_refused_full" [reason: "full"],
            HttpRefusedPrefix = "http_refused_prefix" [reason: "prefix"],
        }
        /// Accept calls that failed, usually because the process has no more file descriptors.
        ringtrack_http_accept_errors_total { HttpAcceptErrors = "http_accept_errors", }
        /// HTTP connections closed, by reason.
        ringtrack_http_connections_closed_total {
            HttpClosedByClient = "http_closed_by_client" [reason: "by_client"],
            /// The answer announced it.
            HttpClosedAfterAnswer = "http_closed_after_answer" [reason: "after_answer"],
            /// The first request was not complete in time.
            HttpClosedFirstRequest = "http_closed_first_request" [reason: "first_request"],
            /// A later request was not complete in time.
            HttpClosedSlowRequest = "http_closed_slow_request" [reason: "slow_request"],
            /// No further request arrived in time.
            HttpClosedIdle = "http_closed_idle" [reason: "idle"],
            /// The client did not read its answer in time.
            HttpClosedSlowAnswer = "http_closed_slow_answer" [reason: "slow_answer"],
            /// The client spoke another protocol.
            HttpClosedNotHttp = "http_closed_not_http" [reason: "not_http"],
            /// A proxy sent no valid PROXY protocol header.
            HttpClosedProxyHeader = "http_closed_proxy_header" [reason: "proxy_header"],
            HttpClosedTls = "http_closed_tls" [reason: "tls"],
            /// The socket failed, or the connection waited too long for the owner of a torrent.
            HttpClosedBroken = "http_closed_broken" [reason: "broken"],
            /// It was open when the tracker stopped.
            HttpClosedStop = "http_closed_stop" [reason: "stop"],
        }
        /// WebSockets closed by the tracker, by reason.
        ringtrack_ws_connections_closed_total {
            /// Nothing was received from the client for too long.
            WsClosedIdle = "ws_closed_idle" [reason: "idle"],
            /// The client read too slowly what is sent to it.
            WsClosedSlow = "ws_closed_slow" [reason: "slow"],
            /// The client violated RFC 6455, or sent a message that is too long.
            WsClosedProtocol = "ws_closed_protocol" [reason: "protocol"],
        }
        /// Offers passed on to other peers.
        ringtrack_ws_offers_passed_on_total { WsOffersPassedOn = "ws_offers_passed_on", }
        /// Offers and answers dropped: too long, their peer's connection was gone or full, or a core was too busy.
        ringtrack_ws_signals_dropped_total { WsSignalsDropped = "ws_signals_dropped", }
        /// Requests refused by the rules of access, over any protocol. Datagrams of banned networks are dropped instead.
        ringtrack_refusals_total {
            /// The key is missing or not valid.
            RefusedKeys = "refused_keys" [reason: "key"],
            RefusedTorrents = "refused_torrents" [reason: "torrent"],
            /// The client software.
            RefusedClients = "refused_clients" [reason: "client"],
            RefusedNetworks = "refused_networks" [reason: "network"],
            /// No peer can be reached at the address.
            RefusedAddresses = "refused_addresses" [reason: "address"],
        }
        /// Entries of tables rejected because a limit was reached.
        ringtrack_entries_refused_total {
            ListedTorrentsRefused = "listed_torrents_refused" [table: "listed_torrents"],
            /// Completed events and stored counts.
            CompletedRefused = "completed_refused" [table: "completed"],
            KeysRefused = "keys_refused" [table: "keys"],
            /// Announces not accounted to their keys.
            SessionReportsRefused = "session_reports_refused" [table: "session_reports"],
            PeerDetailsRefused = "peer_details_refused" [table: "peer_details"],
            /// Announces that started no forwarding of their torrent.
            ForwardedTorrentsRefused = "forwarded_torrents_refused" [table: "forwarded_torrents"],
            ExternalPeersRefused = "external_peers_refused" [table: "external_peers"],
        }
    }
}

figures! {
    /// Gauges: values that rise and fall.
    pub enum Gauge {
        /// Torrents that have a swarm in at least one family.
        ringtrack_torrents { Torrents = "torrents", }
        /// Torrents that have a peer in at least one family. The others are kept for their count of completed events.
        ringtrack_torrents_active { TorrentsActive = "torrents_active", }
        /// Swarms of peers of this family.
        ringtrack_swarms {
            SwarmsV4 = "swarms_v4" [family: "ipv4"],
            SwarmsV6 = "swarms_v6" [family: "ipv6"],
            SwarmsWebRtc = "swarms_webrtc" [family: "webrtc"],
        }
        /// Seeders in the swarms of this family.
        ringtrack_seeders {
            SeedersV4 = "seeders_v4" [family: "ipv4"],
            SeedersV6 = "seeders_v6" [family: "ipv6"],
            SeedersWebRtc = "seeders_webrtc" [family: "webrtc"],
        }
        /// Leechers in the swarms of this family.
        ringtrack_leechers {
            LeechersV4 = "leechers_v4" [family: "ipv4"],
            LeechersV6 = "leechers_v6" [family: "ipv6"],
            LeechersWebRtc = "leechers_webrtc" [family: "webrtc"],
        }
        /// Size of the swarms' tables and peers.
        ringtrack_swarm_memory_bytes { SwarmBytes = "swarm_bytes", }
        /// Size of the lists, keys, sessions and details of peers.
        ringtrack_access_memory_bytes { AccessBytes = "access_bytes", }
        /// Torrents on a list, from its file and from the management API.
        ringtrack_listed_torrents {
            AllowedTorrents = "allowed_torrents" [list: "allowed"],
            DeniedTorrents = "denied_torrents" [list: "denied"],
        }
        /// Torrents that are announced to upstream trackers, or have external peers.
        ringtrack_forwarded_torrents { ForwardedTorrents = "forwarded_torrents", }
        /// Peers that upstream trackers returned.
        ringtrack_external_peers { ExternalPeers = "external_peers", }
        /// HTTP connections open at present.
        ringtrack_http_connections_open { HttpConnectionsOpen = "http_connections_open", }
        /// WebSockets open at present, which are HTTP connections too.
        ringtrack_ws_connections_open { WsConnectionsOpen = "ws_connections_open", }
        /// Entries that waited in a queue of the core at the last turn of its timer.
        ringtrack_queue_length {
            /// In the rings from other cores.
            QueuedRequests = "queued_requests" [queue: "requests"],
            /// In the rings of messages that come back from other cores.
            QueuedReturns = "queued_returns" [queue: "returns"],
            /// Connections that have something to do, or wait for the owner of a torrent.
            ReadyConnections = "ready_connections" [queue: "ready_connections"],
            /// Of the control plane.
            QueuedTasks = "queued_tasks" [queue: "tasks"],
        }
        /// Maximum lateness of a turn of the core's timer since its start.
        ringtrack_timer_lateness_seconds_max { TimerLatenessUsMax = "timer_lateness_us_max", }
    }
}

impl Gauge {
    /// Swarms of each family.
    pub const SWARMS: [Self; SwarmFamily::ALL.len()] = [Self::SwarmsV4, Self::SwarmsV6, Self::SwarmsWebRtc];
    /// Seeders of each family.
    pub const SEEDERS: [Self; SwarmFamily::ALL.len()] =
        [Self::SeedersV4, Self::SeedersV6, Self::SeedersWebRtc];
    /// Leechers of each family.
    pub const LEECHERS: [Self; SwarmFamily::ALL.len()] =
        [Self::LeechersV4, Self::LeechersV6, Self::LeechersWebRtc];
    /// Torrents on each list, in the order of [`TorrentList::ALL`].
    pub const LISTED: [Self; TorrentList::ALL.len()] = [Self::AllowedTorrents, Self::DeniedTorrents];
}
