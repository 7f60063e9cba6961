-- Stages of settings that were changed since: the last run's plan had them not, and no trial needs them.
ALTER TABLE stage ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;
