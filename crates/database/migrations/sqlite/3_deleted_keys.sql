-- Keys that were deleted because they had expired, with their accounts.
CREATE TABLE deleted_keys (
    auth_key TEXT NOT NULL PRIMARY KEY,
    valid_until INTEGER,
    uploaded INTEGER NOT NULL,
    downloaded INTEGER NOT NULL,
    last_seen INTEGER,
    deleted_at INTEGER NOT NULL
) WITHOUT ROWID;
