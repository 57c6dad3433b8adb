-- What the call log is filtered, counted and searched by, kept where it is written, so that a page needs no scan at a million calls.

-- The verdict of the last plan: whose record it is. NULL before there is one.
ALTER TABLE calls ADD COLUMN verdict TEXT;
UPDATE calls SET verdict = (SELECT json_extract(p.decision, '$.verdict') FROM plans p WHERE p.call = calls.seq AND p.number = calls.plan)
  WHERE plan > 0;

CREATE INDEX calls_source ON calls(source);
CREATE INDEX calls_pipeline ON calls(pipeline) WHERE pipeline IS NOT NULL;
CREATE INDEX calls_verdict ON calls(verdict) WHERE verdict IS NOT NULL;
CREATE INDEX writes_connection ON writes(connection, call) WHERE state <> 'skipped';
CREATE INDEX writes_record ON writes(record_id) WHERE record_id IS NOT NULL;
CREATE INDEX payloads_unrecognised_at ON payloads(received_at) WHERE kind = 'unrecognised';

-- How many calls there are of each kind in each hour and in each week of UTC (168 hours from 1970), and between which numbers they are. '' stands
-- for NULL. A long time is weeks with some hours at its ends.
CREATE TABLE calls_by_time (
  hours    INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  source   TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  verdict  TEXT NOT NULL,
  status   TEXT NOT NULL,
  calls    INTEGER NOT NULL,
  first    INTEGER NOT NULL,
  last     INTEGER NOT NULL,
  PRIMARY KEY (hours, at, source, pipeline, verdict, status)
) STRICT, WITHOUT ROWID;
INSERT INTO calls_by_time
  SELECT 1, received_at / 3600000000, source, coalesce(pipeline, ''), coalesce(verdict, ''), status, count(*), min(seq), max(seq)
  FROM calls GROUP BY 2, 3, 4, 5, 6;
INSERT INTO calls_by_time
  SELECT 168, at / 168, source, pipeline, verdict, status, sum(calls), min(first), max(last)
  FROM calls_by_time WHERE hours = 1 GROUP BY 2, 3, 4, 5, 6;

-- By triggers: then they hold, whoever changes a call. One statement for each change, since every call pays for it; a kind that no call is of
-- any more stays with a count of 0.
CREATE TRIGGER calls_counted AFTER INSERT ON calls BEGIN
  INSERT INTO calls_by_time VALUES
    (1, new.received_at / 3600000000, new.source, coalesce(new.pipeline, ''), coalesce(new.verdict, ''), new.status, 1, new.seq, new.seq),
    (168, new.received_at / 604800000000, new.source, coalesce(new.pipeline, ''), coalesce(new.verdict, ''), new.status, 1, new.seq, new.seq)
    ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, first = min(first, excluded.first), last = max(last, excluded.last);
END;
CREATE TRIGGER calls_recounted AFTER UPDATE OF status, pipeline, verdict ON calls
  WHEN old.status <> new.status OR old.pipeline IS NOT new.pipeline OR old.verdict IS NOT new.verdict BEGIN
  INSERT INTO calls_by_time VALUES
    (1, old.received_at / 3600000000, old.source, coalesce(old.pipeline, ''), coalesce(old.verdict, ''), old.status, -1, old.seq, old.seq),
    (168, old.received_at / 604800000000, old.source, coalesce(old.pipeline, ''), coalesce(old.verdict, ''), old.status, -1, old.seq, old.seq),
    (1, new.received_at / 3600000000, new.source, coalesce(new.pipeline, ''), coalesce(new.verdict, ''), new.status, 1, new.seq, new.seq),
    (168, new.received_at / 604800000000, new.source, coalesce(new.pipeline, ''), coalesce(new.verdict, ''), new.status, 1, new.seq, new.seq)
    ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, first = min(first, excluded.first), last = max(last, excluded.last);
END;
CREATE TRIGGER calls_uncounted AFTER DELETE ON calls BEGIN
  INSERT INTO calls_by_time VALUES
    (1, old.received_at / 3600000000, old.source, coalesce(old.pipeline, ''), coalesce(old.verdict, ''), old.status, -1, old.seq, old.seq),
    (168, old.received_at / 604800000000, old.source, coalesce(old.pipeline, ''), coalesce(old.verdict, ''), old.status, -1, old.seq, old.seq)
    ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, first = min(first, excluded.first), last = max(last, excluded.last);
END;

-- The words by which people look for a call, one row for each call under its number: names, numbers from behind ("n" and the digits
-- reversed), the address and the platform's id ("e" and "i" and their letters and digits). No text is
-- kept. Deleting the row takes the call out; its words leave the file when the index is merged, which 'optimize' does at once.
CREATE VIRTUAL TABLE call_words USING fts5(
  words, content = '', contentless_delete = 1, detail = none, 
  tokenize = 'unicode61 remove_diacritics 2 categories ''L* N* Co Mc Mn'''
);
INSERT INTO call_words (rowid, words)
  SELECT c.seq, concat_ws(' ',
    json_extract(o.outcome, '$.caller.name'), json_extract(o.outcome, '$.caller.first_name'), json_extract(o.outcome, '$.caller.last_name'),
    json_extract(o.outcome, '$.caller.company'),
    (WITH RECURSIVE r(text, at, kept) AS (
        SELECT lower(json_extract(o.outcome, '$.caller.email')), 1, 'e'
        UNION ALL
        SELECT text, at + 1, CASE WHEN substr(text, at, 1) GLOB '[0-9a-z]' THEN kept || substr(text, at, 1) ELSE kept END
          FROM r WHERE at <= length(text))
      SELECT kept FROM r WHERE length(kept) > 1 ORDER BY at DESC LIMIT 1),
    (WITH RECURSIVE r(text, at, digits) AS (
        SELECT json_extract(o.outcome, '$.caller.phone'), 1, 'n'
        UNION ALL
        SELECT text, at + 1, CASE WHEN substr(text, -at, 1) GLOB '[0-9]' THEN digits || substr(text, -at, 1) ELSE digits END
          FROM r WHERE at <= length(text))
      SELECT digits FROM r WHERE length(digits) > 1 ORDER BY at DESC LIMIT 1),
    (WITH RECURSIVE r(text, at, digits) AS (
        SELECT json_extract(o.outcome, '$.caller.callback_phone'), 1, 'n'
        UNION ALL
        SELECT text, at + 1, CASE WHEN substr(text, -at, 1) GLOB '[0-9]' THEN digits || substr(text, -at, 1) ELSE digits END
          FROM r WHERE at <= length(text))
      SELECT digits FROM r WHERE length(digits) > 1 ORDER BY at DESC LIMIT 1),
    (WITH RECURSIVE r(text, at, kept) AS (
        SELECT lower(substr(c.id, instr(c.id, ':') + 1)), 1, 'i'
        UNION ALL
        SELECT text, at + 1, CASE WHEN substr(text, at, 1) GLOB '[0-9a-z]' THEN kept || substr(text, at, 1) ELSE kept END
          FROM r WHERE at <= length(text))
      SELECT kept FROM r ORDER BY at DESC LIMIT 1))
  FROM calls c JOIN outcomes o ON o.call = c.seq AND o.revision = c.revision
  WHERE json_valid(o.outcome);
