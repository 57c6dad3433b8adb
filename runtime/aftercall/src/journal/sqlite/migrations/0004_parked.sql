-- Calls that wait for a system which is left alone: no time is set for them, they are woken when it is back.
CREATE TABLE parked (
  call       INTEGER NOT NULL REFERENCES calls(seq),
  connection TEXT NOT NULL,
  PRIMARY KEY (call, connection)
) WITHOUT ROWID;
CREATE INDEX parked_connection ON parked(connection, call);
