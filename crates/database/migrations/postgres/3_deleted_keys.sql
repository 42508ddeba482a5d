-- Keys that were deleted because they had expired, with their accounts.
CREATE TABLE deleted_keys (
    auth_key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    valid_until BIGINT,
    uploaded BIGINT NOT NULL,
    downloaded BIGINT NOT NULL,
    last_seen BIGINT,
    deleted_at BIGINT NOT NULL
);
