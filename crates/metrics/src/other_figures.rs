//! The figures that no core counts. Those who know their values publish them.

use crate::declare::figures;

figures! {
    /// Figures of the control plane.
    pub enum ControlFigure {
        /// 1 while the database accepts writes, 0 while it is away. Absent without a database.
        ringtrack_database_up { DatabaseUp = "database_up", }
        /// Changes that wait to be written to the database.
        ringtrack_database_changes_waiting { DatabaseChangesWaiting = "database_changes_waiting", }
        /// Time that the oldest of these changes has waited, 0 if none waits.
        ringtrack_database_oldest_change_seconds { DatabaseOldestChange = "database_oldest_change_us", }
        /// Changes written to the database.
        ringtrack_database_changes_written_total { DatabaseChangesWritten = "database_changes_written", }
        /// Changes refused because too many waited for the database.
        ringtrack_database_changes_lost_total { DatabaseChangesLost = "database_changes_lost", }
        /// Failed attempts to write to the database.
        ringtrack_database_writes_failed_total { DatabaseWritesFailed = "database_writes_failed", }
        /// Keys of a private tracker.
        ringtrack_keys { Keys = "keys", }
        /// Bans of clients and networks, stored and temporary ones.
        ringtrack_bans {
            BansStored = "bans_stored" [kind: "stored"],
            BansTemporary = "bans_temporary" [kind: "temporary"],
        }
        /// Sources banned for their requests.
        ringtrack_sources_banned_total { SourcesBanned = "sources_banned", }
        /// Begin of the last snapshot of this run since the Unix epoch. Absent before there is one.
        ringtrack_snapshot_time_seconds { SnapshotTime = "snapshot_time_us", }
        /// Time in which the last snapshot was written.
        ringtrack_snapshot_duration_seconds { SnapshotDuration = "snapshot_duration_us", }
        /// Size of the last snapshot.
        ringtrack_snapshot_size_bytes { SnapshotSize = "snapshot_size_bytes", }
        /// Snapshots that could not be written. Absent without a directory for them.
        ringtrack_snapshots_failed_total { SnapshotsFailed = "snapshots_failed", }
        /// Size that the swarms may have at present. It is lower while the process has more memory than its ceiling allows.
        ringtrack_swarm_memory_max_bytes { SwarmBytesMax = "swarm_bytes_max", }
    }
}

figures! {
    /// Figures of each upstream tracker, with its name in the label `upstream`.
    pub enum UpstreamFigure {
        /// Announces to an upstream tracker, by outcome.
        ringtrack_forwarding_announces_total { Announces = "forwarding_announces", }
        /// Announces put off because too many waited for an upstream tracker.
        ringtrack_forwarding_shed_total { Shed = "forwarding_shed", }
        /// Peers that an upstream tracker returned.
        ringtrack_forwarding_peers_total { Peers = "forwarding_peers", }
        /// Peers of an upstream tracker dropped because the core of their torrent had no time.
        ringtrack_forwarding_peers_dropped_total { PeersDropped = "forwarding_peers_dropped", }
        /// 1 while announces are sent to an upstream tracker, 0 while it is paused or failing. Absent while it is suspended.
        ringtrack_forwarding_up { Up = "forwarding_up", }
        /// Torrents announced to an upstream tracker.
        ringtrack_forwarding_torrents { Torrents = "forwarding_torrents", }
        /// Announces that wait for an upstream tracker.
        ringtrack_forwarding_waiting { Waiting = "forwarding_waiting", }
        /// Announces that an upstream tracker has not answered yet.
        ringtrack_forwarding_in_flight { InFlight = "forwarding_in_flight", }
        /// Moving average of the time in which an upstream tracker answers.
        ringtrack_forwarding_latency_seconds { Latency = "forwarding_latency_us", }
    }
}

figures! {
    /// Figures of the process, as Prometheus' client libraries name them, and of the program.
    pub enum ProcessFigure {
        /// The version of the program; the value is 1.
        ringtrack_build_info { BuildInfo = "build_info", }
        /// Processor time of the process, in user and in kernel mode.
        process_cpu_seconds_total { CpuTime = "process_cpu_us", }
        /// Resident memory of the process.
        process_resident_memory_bytes { ResidentMemory = "process_resident_memory_bytes", }
        /// Virtual memory of the process.
        process_virtual_memory_bytes { VirtualMemory = "process_virtual_memory_bytes", }
        /// Open file descriptors of the process.
        process_open_fds { OpenFds = "process_open_fds", }
        /// Limit on open file descriptors of the process.
        process_max_fds { MaxFds = "process_max_fds", }
        /// Threads of the process.
        process_threads { Threads = "process_threads", }
        /// Start of the process since the Unix epoch.
        process_start_time_seconds { StartTime = "process_start_time_us", }
    }
}

figures! {
    /// The shares of the memory of the whole process. Each is the most that a part of the tracker may take; the sum is the
    /// ceiling.
    pub enum MemoryShare {
        /// Most memory that a part of the tracker may take, of `limits.memory_max_mib`.
        ringtrack_memory_share_bytes {
            Program = "memory_share_program" [share: "program"],
            Cores = "memory_share_cores" [share: "cores"],
            Sources = "memory_share_sources" [share: "sources"],
            Datagrams = "memory_share_datagrams" [share: "datagrams"],
            Rings = "memory_share_rings" [share: "rings"],
            Signals = "memory_share_signals" [share: "signals"],
            Connections = "memory_share_connections" [share: "connections"],
            Lists = "memory_share_lists" [share: "lists"],
            Keys = "memory_share_keys" [share: "keys"],
            Sessions = "memory_share_sessions" [share: "sessions"],
            Details = "memory_share_details" [share: "details"],
            Forwarding = "memory_share_forwarding" [share: "forwarding"],
            Changes = "memory_share_changes" [share: "changes"],
            Swarms = "memory_share_swarms" [share: "swarms"],
        }
    }
}

figures! {
    /// Histograms. They are in the Prometheus format alone.
    pub enum Histogram {
        /// Datagrams of a received batch.
        ringtrack_udp_batch_datagrams { BatchDatagrams = "batch_datagrams", }
        /// Latency of replies, from the read that completed the request to the return of the send call.
        ringtrack_reply_seconds { Reply = "reply_us", }
        /// Latency of sampled UDP replies, from the kernel's receive time stamp to the return of the send call.
        ringtrack_reply_from_kernel_seconds { ReplyFromKernel = "reply_from_kernel_us", }
        /// Processor time of a turn of expiry of one core, during which it answers no requests.
        ringtrack_expiry_turn_seconds { ExpiryTurn = "expiry_turn_us", }
    }
}
