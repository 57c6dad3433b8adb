-- What a person is asked about a call, and what they answered.

-- The question of the last plan; NULL where nobody is asked.
ALTER TABLE calls ADD COLUMN question TEXT;
UPDATE calls SET question = (SELECT json_extract(p.decision, '$.review') FROM plans p WHERE p.call = calls.seq AND p.number = calls.plan)
  WHERE plan > 0;
CREATE INDEX calls_asking ON calls(seq) WHERE question IS NOT NULL;

-- Every answer stays; of a call the highest number counts. `contact` is filled in later where the answer makes the record.
CREATE TABLE answers (
  call     INTEGER NOT NULL REFERENCES calls(seq),
  number   INTEGER NOT NULL,
  kind     TEXT NOT NULL,
  contact  TEXT,
  other    TEXT,
  identity TEXT NOT NULL,
  actor    TEXT NOT NULL,
  reason   TEXT NOT NULL,
  at       INTEGER NOT NULL,
  PRIMARY KEY (call, number)
) WITHOUT ROWID;
