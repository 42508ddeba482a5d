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
            /// Its host had as many peers in a big swarm as it may.
            PeersRefusedHost = "peers_refused_host" [reason: "host"],
            /// The source had begun as many torrents as it may.
            PeersRefusedSourceTorrents = "peers_refused_source_torrents" [reason: "source_torrents"],
            /// The source had added as many peers as it may.
            PeersRefusedSourcePeers = "peers_refused_source_peers" [reason: "source_peers"],
        }
        /// Peers removed for newcomers at a limit: first those that announced once, then the least recently heard.
        ringtrack_peers_evicted_total {
            PeersEvictedSwarms = "peers_evicted_swarms" [reason: "swarms"],
            PeersEvictedPeers = "peers_evicted_peers" [reason: "peers"],
            PeersEvictedSwarmPeers = "peers_evicted_swarm_peers" [reason: "swarm_peers"],
            PeersEvictedMemory = "peers_evicted_memory" [reason: "memory"],
            /// For another peer of the same host in the same swarm.
            PeersEvictedHost = "peers_evicted_host" [reason: "host"],
        }
        /// Announces of known peers before the minimum interval was over.
        ringtrack_announces_early_total { AnnouncesEarly = "announces_early", }
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
        /// Announces and scrapes over UDP that were received with a connection id that their source never had, or too long ago.
        ringtrack_udp_wrong_connection_ids_total { WrongConnectionIds = "wrong_connection_ids", }
        /// Datagrams that the kernel dropped: by the filter, or because the receive buffer was full.
        ringtrack_udp_kernel_dropped_total { KernelDropped = "kernel_dropped", }
        /// Filters of UDP and TCP sockets that the kernel refused.
        ringtrack_udp_filter_errors_total { FilterErrors = "filter_errors", }
        /// Turns of the core's timer. A core whose count does not grow is stuck.
        ringtrack_timer_turns_total { TimerTurns = "timer_turns", }
        /// Total lateness of the turns of the core's timer.
        ringtrack_timer_lateness_seconds_total { TimerLatenessUs = "timer_lateness_us", }
        /// HTTP connections admitted.
        ringtrack_http_connections_total { HttpConnections = "http_connections", }
        /// HTTP connections refused because a limit of the tracker, or of their source, was reached.
        ringtrack_http_connections_refused_total {
            HttpRefusedFull = "http_refused_full" [reason: "full"],
            HttpRefusedPrefix = "http_refused_prefix" [reason: "prefix"],
            /// The source opened too many connections in a short time.
            HttpRefusedRate = "http_refused_rate" [reason: "rate"],
            /// The source began too many TLS handshakes in a short time.
            HttpRefusedHandshakes = "http_refused_handshakes" [reason: "handshakes"],
            /// The network of the source is banned. Only connections with TLS are refused for that, since a handshake costs
            /// more than an answer with the reason.
            HttpRefusedBanned = "http_refused_banned" [reason: "banned"],
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
            /// All places were taken, and another connection needed its place.
            HttpClosedForNewcomer = "http_closed_for_newcomer" [reason: "for_newcomer"],
            /// The connections of its core held more bytes than they may.
            HttpClosedBuffersFull = "http_closed_buffers_full" [reason: "buffers_full"],
        }
        /// WebSockets closed by the tracker, by reason.
        ringtrack_ws_connections_closed_total {
            /// Nothing was received from the client for too long.
            WsClosedIdle = "ws_closed_idle" [reason: "idle"],
            /// The client read too slowly what is sent to it.
            WsClosedSlow = "ws_closed_slow" [reason: "slow"],
            /// The client violated RFC 6455, or sent a message that is too long.
            WsClosedProtocol = "ws_closed_protocol" [reason: "protocol"],
            /// The source sent messages on and on, although it was banned or over its limit.
            WsClosedOverLimit = "ws_closed_over_limit" [reason: "over_limit"],
        }
        /// Pings and pongs over WebSockets that were ignored because their source was banned or over its limit.
        ringtrack_ws_control_frames_refused_total { WsControlRefused = "ws_control_refused", }
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
        /// Mean interval of the answers to announces in small swarms at the present load; of several cores, the longest.
        ringtrack_announce_interval_seconds { AnnounceIntervalUs = "announce_interval_us", }
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
        /// Cores for which the kernel filters datagrams at present.
        ringtrack_udp_filter {
            /// By their source: those of banned networks are dropped, and their connections.
            FilterNetworks = "filter_networks" [by: "network"],
            /// By their source too: those of sources far over their limit are dropped for some seconds.
            FilterSources = "filter_sources" [by: "source"],
            /// By their connection id, while a flood of wrong ones lasts.
            FilterIds = "filter_ids" [by: "connection_id"],
            /// By their info hash: a part of the requests for one torrent is dropped that overload the core.
            FilterHotTorrent = "filter_hot_torrent" [by: "hot_torrent"],
        }
        /// Banned networks that the filters of all cores have no memory for. Their datagrams reach the cores, and are dropped there.
        ringtrack_udp_filter_networks_left_out { FilterNetworksLeftOut = "filter_networks_left_out", }
        /// HTTP connections open at present.
        ringtrack_http_connections_open { HttpConnectionsOpen = "http_connections_open", }
        /// WebSockets open at present, which are HTTP connections too.
        ringtrack_ws_connections_open { WsConnectionsOpen = "ws_connections_open", }
        /// Bytes that HTTP connections hold: unread input, and output for which there was no room.
        ringtrack_http_buffered_bytes { HttpBufferedBytes = "http_buffered_bytes", }
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
    /// Gauges of which the maximum over several cores is meant, not the sum.
    pub(crate) const MAXIMA: [Self; 2] = [Self::AnnounceIntervalUs, Self::TimerLatenessUsMax];
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
