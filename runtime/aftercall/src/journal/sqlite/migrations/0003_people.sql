-- An index of the people that a system holds: hashes of digits, addresses and names, and whose they are.
CREATE TABLE people (
    connection TEXT NOT NULL,
    key        INTEGER NOT NULL,
    id         TEXT NOT NULL,
    PRIMARY KEY (connection, key, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX people_by_id ON people (connection, id);
