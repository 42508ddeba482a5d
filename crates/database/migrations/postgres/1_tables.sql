-- list: 1 allowed, 2 denied
CREATE TABLE torrent_lists (
    list BIGINT NOT NULL,
    info_hash BYTEA NOT NULL,
    PRIMARY KEY (list, info_hash)
);

CREATE TABLE torrents (
    info_hash BYTEA NOT NULL PRIMARY KEY,
    completed BIGINT NOT NULL
);

CREATE TABLE auth_keys (
    auth_key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    valid_until BIGINT,
    uploaded BIGINT NOT NULL,
    downloaded BIGINT NOT NULL,
    last_seen BIGINT
);

-- kind: 1 client (beginning of its peer ids), 2 network
CREATE TABLE bans (
    kind BIGINT NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    reason TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (kind, value)
);

CREATE TABLE totals (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
