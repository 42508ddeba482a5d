-- Keys that were deleted because they had expired, with their accounts.
CREATE TABLE deleted_keys (
    auth_key CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    valid_until BIGINT,
    uploaded BIGINT NOT NULL,
    downloaded BIGINT NOT NULL,
    last_seen BIGINT,
    deleted_at BIGINT NOT NULL
) ENGINE=InnoDB;
