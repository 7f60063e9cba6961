-- Why a strategy did what it did: once for each thing that it decided about and what it chose.
CREATE TABLE decision (
  number      INTEGER PRIMARY KEY,
  recorded_at TEXT NOT NULL,
  subject     TEXT NOT NULL,
  choice      TEXT NOT NULL,
  reason      TEXT NOT NULL,
  UNIQUE (subject, choice)
);

-- How the nets of a task grew better: the hypervolume of their objectives after each that was made.
CREATE TABLE hypervolume (
  number      INTEGER PRIMARY KEY,
  recorded_at TEXT NOT NULL,
  task        TEXT NOT NULL REFERENCES task (name),
  stage       INTEGER NOT NULL REFERENCES stage (number),
  epochs      REAL NOT NULL,
  value       REAL NOT NULL
);
