-- Refresh tokens that a system replaces at each use, sealed under a key that is not in here. `origin` is a fingerprint of the configured
-- token that each descends from.
CREATE TABLE tokens (
    connection TEXT PRIMARY KEY,
    origin     TEXT NOT NULL,
    sealed     BLOB NOT NULL,
    saved_at   INTEGER NOT NULL
) STRICT;
