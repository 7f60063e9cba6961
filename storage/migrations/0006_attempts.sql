-- Every start of a stage: where it ran, how it ended, and how far it has come while it runs. Of what ran before this table there is one
-- attempt a stage, in no known slot.
CREATE TABLE attempt (
  stage        INTEGER NOT NULL REFERENCES stage (number),
  number       INTEGER NOT NULL,
  slot         INTEGER,
  host         TEXT,
  device       TEXT,
  threads      INTEGER,
  handle       TEXT,
  started_at   TEXT NOT NULL,
  finished_at  TEXT,
  end          TEXT CHECK (end IN ('done', 'failed', 'interrupted')),
  failure_kind TEXT,
  failure      TEXT,
  fraction     REAL,
  message      TEXT,
  PRIMARY KEY (stage, number)
) WITHOUT ROWID;
INSERT INTO attempt (stage, number, host, device, threads, started_at, finished_at, end, failure_kind, failure)
SELECT number, 1, host, device, threads, started_at, finished_at, iif(state IN ('done', 'failed', 'interrupted'), state, NULL),
       failure_kind, failure
FROM stage WHERE started_at IS NOT NULL AND state != 'pending';
