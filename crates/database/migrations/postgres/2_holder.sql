-- The tracker that has the right to write, or had it last: one row. The token is a random number of each start.
CREATE TABLE holder (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    token BIGINT NOT NULL
);
