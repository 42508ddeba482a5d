-- list: 1 allowed, 2 denied
CREATE TABLE torrent_lists (
    list BIGINT NOT NULL,
    info_hash BINARY(20) NOT NULL,
    PRIMARY KEY (list, info_hash)
) ENGINE=InnoDB;

CREATE TABLE torrents (
    info_hash BINARY(20) NOT NULL PRIMARY KEY,
    completed BIGINT NOT NULL
) ENGINE=InnoDB;

-- A binary collation: keys that differ by case are different keys.
CREATE TABLE auth_keys (
    auth_key CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    valid_until BIGINT,
    uploaded BIGINT NOT NULL,
    downloaded BIGINT NOT NULL,
    last_seen BIGINT
) ENGINE=InnoDB;

-- kind: 1 client (beginning of its peer ids), 2 network
CREATE TABLE bans (
    kind BIGINT NOT NULL,
    value VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    reason TEXT CHARACTER SET utf8mb4 NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (kind, value)
) ENGINE=InnoDB;

CREATE TABLE totals (
    name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
) ENGINE=InnoDB;
