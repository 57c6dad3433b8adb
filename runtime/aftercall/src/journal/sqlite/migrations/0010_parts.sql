-- Configs in parts: versions share what they have in common, so that a change of one file does not keep all of them again.

CREATE TABLE config_parts (
  digest TEXT PRIMARY KEY,
  text   TEXT NOT NULL
) WITHOUT ROWID;

-- What was kept before is one part.
INSERT INTO config_parts (digest, text) SELECT hash, text FROM configs;
-- From here on, the digests of a config's parts, as a JSON list.
ALTER TABLE configs RENAME COLUMN text TO parts;
UPDATE configs SET parts = json_array(hash);
