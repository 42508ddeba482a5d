-- The tracker that has the right to write, or had it last: one row. The token is a random number of each start.
CREATE TABLE holder (
    id BIGINT NOT NULL PRIMARY KEY,
    name VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL,
    token BIGINT NOT NULL
) ENGINE=InnoDB;
