-- Stages that measure the net of a step beyond its accuracy: latency, robustness.
CREATE TABLE step_measurement (
  trial INTEGER NOT NULL REFERENCES trial (number),
  step  INTEGER NOT NULL,
  stage INTEGER NOT NULL REFERENCES stage (number),
  PRIMARY KEY (trial, step, stage)
) WITHOUT ROWID;
CREATE INDEX step_measurement_stage ON step_measurement (stage);
