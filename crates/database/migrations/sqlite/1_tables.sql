-- list: 1 allowed, 2 denied
CREATE TABLE torrent_lists (
    list INTEGER NOT NULL,
    info_hash BLOB NOT NULL,
    PRIMARY KEY (list, info_hash)
) WITHOUT ROWID;

CREATE TABLE torrents (
    info_hash BLOB NOT NULL PRIMARY KEY,
    completed INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE auth_keys (
    auth_key TEXT NOT NULL PRIMARY KEY,
    valid_until INTEGER,
    uploaded INTEGER NOT NULL,
    downloaded INTEGER NOT NULL,
    last_seen INTEGER
) WITHOUT ROWID;

-- kind: 1 client (beginning of its peer ids), 2 network
CREATE TABLE bans (
    kind INTEGER NOT NULL,
    value TEXT NOT NULL,
    reason TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (kind, value)
) WITHOUT ROWID;

CREATE TABLE totals (
    name TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
