-- Version 1. A table holds one kind of thing and is named for one of it; readers use the views.
-- Texts that hold JSON: settings, parameters, result, kept, spec. Times are ISO 8601 in UTC.
-- A number that is not finite is stored as the text 'nan', 'inf' or '-inf', since SQLite would turn NaN into NULL.

-- One row for each content that the experiment file has had; the last row is in force.
CREATE TABLE experiment (
  number      INTEGER PRIMARY KEY,
  name        TEXT NOT NULL,
  yaml        TEXT NOT NULL,
  settings    TEXT NOT NULL,
  recorded_at TEXT NOT NULL
);

CREATE TABLE task (
  name    TEXT PRIMARY KEY,
  dataset TEXT NOT NULL,
  target  TEXT NOT NULL,
  classes INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE architecture (
  hash   TEXT PRIMARY KEY,
  spec   TEXT NOT NULL,
  params INTEGER NOT NULL,
  macs   INTEGER NOT NULL
);

-- The lineage (parent, kept) is the stage's: two stages can cut their way to the same architecture from different nets.
CREATE TABLE stage (
  number       INTEGER PRIMARY KEY,
  fingerprint  TEXT NOT NULL UNIQUE,
  kind         TEXT NOT NULL,
  label        TEXT NOT NULL,
  parameters   TEXT NOT NULL,
  state        TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'running', 'done', 'failed', 'interrupted')),
  attempt      INTEGER NOT NULL DEFAULT 0,
  device       TEXT,
  threads      INTEGER,
  host         TEXT,
  started_at   TEXT,
  finished_at  TEXT,
  wall_s       REAL,
  failure_kind TEXT,
  failure      TEXT,
  result       TEXT,
  architecture TEXT REFERENCES architecture (hash),
  parent       TEXT,
  kept         TEXT
);
CREATE INDEX stage_failed ON stage (number) WHERE state = 'failed';

CREATE TABLE input (
  stage    INTEGER NOT NULL REFERENCES stage (number),
  position INTEGER NOT NULL,
  role     TEXT NOT NULL,
  source   INTEGER NOT NULL REFERENCES stage (number),
  PRIMARY KEY (stage, position)
) WITHOUT ROWID;
CREATE INDEX input_source ON input (source);

-- epoch is NULL for a stage's result and set for a point of its training curve.
CREATE TABLE metric (
  stage INTEGER NOT NULL REFERENCES stage (number),
  split TEXT NOT NULL,
  name  TEXT NOT NULL,
  epoch INTEGER,
  value REAL NOT NULL
);
CREATE UNIQUE INDEX metric_result ON metric (stage, split, name) WHERE epoch IS NULL;
CREATE UNIQUE INDEX metric_curve ON metric (stage, split, name, epoch) WHERE epoch IS NOT NULL;

CREATE TABLE layer (
  stage         INTEGER NOT NULL REFERENCES stage (number),
  layer         TEXT NOT NULL,
  channels      INTEGER NOT NULL,
  base_channels INTEGER NOT NULL,
  score_min     REAL,
  score_mean    REAL,
  score_max     REAL,
  threshold     REAL,
  floor_applied INTEGER NOT NULL,
  cap_applied   INTEGER NOT NULL,
  UNIQUE (stage, layer)
);

CREATE TABLE artifact (
  stage INTEGER NOT NULL REFERENCES stage (number),
  name  TEXT NOT NULL,
  hash  TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  UNIQUE (stage, name)
);

CREATE TABLE trial (
  number     INTEGER PRIMARY KEY,
  experiment INTEGER NOT NULL REFERENCES experiment (number),
  name       TEXT NOT NULL UNIQUE,
  role       TEXT NOT NULL CHECK (role IN ('pruned', 'baseline')),
  task       TEXT NOT NULL REFERENCES task (name),
  net        TEXT NOT NULL,
  criterion  TEXT,
  schedule   TEXT,
  width      REAL NOT NULL,
  seed       INTEGER NOT NULL,
  fold       INTEGER
);

-- Step 0 is the base. `stage` makes the net of the step, `evaluation` measures it on test data.
CREATE TABLE trial_step (
  trial      INTEGER NOT NULL REFERENCES trial (number),
  step       INTEGER NOT NULL,
  stage      INTEGER NOT NULL REFERENCES stage (number),
  evaluation INTEGER REFERENCES stage (number),
  PRIMARY KEY (trial, step)
) WITHOUT ROWID;
CREATE INDEX trial_step_stage ON trial_step (stage);
CREATE INDEX trial_step_evaluation ON trial_step (evaluation);
