-- The documented interface for pandas, sqlite3 and scripts. A change here needs a migration (it may be empty), which makes all views anew.
-- In every view `stage` is the stage's fingerprint, `trial` the trial's number and `architecture` the hash of a net's specification.

CREATE VIEW experiments AS
SELECT number AS experiment, name, recorded_at, yaml, settings FROM experiment;

CREATE VIEW tasks AS
SELECT name AS task, dataset, target, classes FROM task;

CREATE VIEW architectures AS
SELECT hash AS architecture, params, macs, spec FROM architecture;

-- Which stage made a net from which, and the channels of the first net that are left.
CREATE VIEW lineage AS
SELECT fingerprint AS stage, architecture, parent, kept FROM stage WHERE architecture IS NOT NULL ORDER BY number;

-- How every net that is there was made: a base by training, the others by a cut of `parent`, or by training that on the task where it was cut
-- before. criterion (with its options) and request are JSON; eta is the threshold that the allocation found. Of a cut that was refitted:
-- validation accuracy as it was cut and with batch norm estimated anew, neither of which went on; accuracy_before_retraining is that of the
-- refitted net.
-- fp32_since: why it was trained in fp32 though bf16 was probed or asked for. fresh_layer: the layer of a file's net that told other classes
-- apart and began anew.
CREATE VIEW nets AS
SELECT made.fingerprint AS stage, made.kind, made.label, parent.fingerprint AS parent, net.hash AS architecture, net.params, net.macs,
       json_extract(made.parameters, '$.criterion') AS criterion, json_extract(made.parameters, '$.request') AS request,
       json_extract(made.parameters, '$.allocation') AS allocation, json_extract(made.result, '$.eta') AS eta,
       json_extract(made.result, '$.target_reached') AS target_reached, json_extract(made.result, '$.fp32_since') AS fp32_since,
       json_extract(made.result, '$.fresh_layer') AS fresh_layer,
       (SELECT value FROM metric
        WHERE stage = made.number AND split = 'val' AND name = 'accuracy_before_retraining' AND epoch IS NULL) AS accuracy_before_retraining,
       (SELECT value FROM metric WHERE stage = made.number AND split = 'val' AND name = 'accuracy' AND epoch IS NULL) AS accuracy_val,
       (SELECT value FROM metric WHERE stage = made.number AND split = 'val' AND name = 'accuracy_as_cut' AND epoch IS NULL) AS accuracy_as_cut,
       (SELECT value FROM metric
        WHERE stage = made.number AND split = 'val' AND name = 'accuracy_batch_norm' AND epoch IS NULL) AS accuracy_batch_norm
FROM stage AS made
JOIN architecture AS net ON net.hash = made.architecture
LEFT JOIN input ON input.stage = made.number AND input.role = iif(made.kind = 'transfer', 'start', 'net')
LEFT JOIN stage AS parent ON parent.number = input.source
WHERE made.state = 'done'
ORDER BY made.number;

-- dropped: of settings that were changed since; the last run had no use for it, and no trial needs it.
CREATE VIEW stages AS
SELECT fingerprint AS stage, kind, fingerprint, state, attempt, started_at, finished_at, wall_s, device, host, failure, label, threads,
       failure_kind, number, dropped
FROM stage ORDER BY number;

-- Every start of a stage: the first is attempt 1. `place` is the slot of the run; NULL where it is not known, of runs before version 6.
-- `fraction` (of the stage's work) and `message` are the last that a running stage said.
CREATE VIEW attempts AS
SELECT stage.fingerprint AS stage, attempt.number AS attempt, attempt.slot AS place, attempt.host, attempt.device, attempt.handle,
       attempt.started_at, attempt.finished_at, attempt.end, attempt.failure, attempt.failure_kind, attempt.threads, attempt.fraction,
       attempt.message
FROM attempt JOIN stage ON stage.number = attempt.stage
ORDER BY attempt.started_at, attempt.stage, attempt.number;

CREATE VIEW inputs AS
SELECT stage.fingerprint AS stage, input.role, source.fingerprint AS source
FROM input JOIN stage ON stage.number = input.stage JOIN stage AS source ON source.number = input.source
ORDER BY input.stage, input.position;

-- A value that is not finite is NULL here and its name, 'nan', 'inf' or '-inf', in `special`.
CREATE VIEW metrics AS
SELECT stage.fingerprint AS stage, metric.split, metric.name, iif(typeof(metric.value) = 'text', NULL, metric.value) AS value,
       iif(typeof(metric.value) = 'text', metric.value, NULL) AS special, metric.epoch
FROM metric JOIN stage ON stage.number = metric.stage;

CREATE VIEW artifacts AS
SELECT stage.fingerprint AS stage, artifact.name, artifact.hash, artifact.bytes
FROM artifact JOIN stage ON stage.number = artifact.stage;

CREATE VIEW layers AS
SELECT stage.architecture, layer.layer, layer.channels, layer.base_channels, layer.score_min, layer.score_mean, layer.score_max,
       layer.threshold, layer.floor_applied, stage.fingerprint AS stage, layer.cap_applied, layer.fixed
FROM layer JOIN stage ON stage.number = layer.stage;

-- A trial fails with any of its stages, and with any stage that they wait for: `blocked` follows the failures to all that wait.
CREATE VIEW trials AS
WITH RECURSIVE
  blocked (stage, root) AS (
    SELECT number, number FROM stage WHERE state = 'failed'
    UNION
    SELECT waiting.number, blocked.root
    FROM blocked JOIN input ON input.source = blocked.stage JOIN stage AS waiting ON waiting.number = input.stage
    WHERE waiting.state <> 'done'
  ),
  part (trial, step, stage) AS (
    SELECT trial, step, stage FROM trial_step
    UNION ALL
    SELECT trial, step, evaluation FROM trial_step WHERE evaluation IS NOT NULL
    UNION ALL
    SELECT trial, step, stage FROM step_measurement
  ),
  progress (trial, steps, undone, running, interrupted) AS (
    SELECT part.trial, max(part.step), sum(stage.state <> 'done'), sum(stage.state = 'running'), sum(stage.state = 'interrupted')
    FROM part JOIN stage ON stage.number = part.stage
    GROUP BY part.trial
  ),
  failed (trial, step, root) AS (
    SELECT part.trial, min(part.step), blocked.root FROM blocked JOIN part ON part.stage = blocked.stage GROUP BY part.trial
  )
SELECT trial.number AS trial, trial.name, trial.role, trial.task, trial.net, trial.criterion, trial.schedule, trial.seed, trial.fold,
       CASE
         WHEN failed.root IS NOT NULL THEN 'failed'
         WHEN progress.running > 0 THEN 'running'
         WHEN progress.interrupted > 0 THEN 'interrupted'
         WHEN progress.undone = 0 THEN 'done'
         ELSE 'pending'
       END AS state,
       ifnull(progress.steps, 0) AS steps, cause.failure, trial.width, trial.experiment
FROM trial
LEFT JOIN progress ON progress.trial = trial.number
LEFT JOIN failed ON failed.trial = trial.number
LEFT JOIN stage AS cause ON cause.number = failed.root
ORDER BY trial.number;

CREATE VIEW steps AS
SELECT trial.number AS trial, trial.task, trial.net, trial.criterion, trial.schedule, trial.seed, trial.fold, trial_step.step,
       made.fingerprint AS stage, made.architecture, net.params, net.macs,
       (SELECT value FROM metric
        WHERE stage = trial_step.stage AND split = 'val' AND name = 'accuracy' AND epoch IS NULL) AS accuracy_val,
       (SELECT value FROM metric
        WHERE stage = trial_step.evaluation AND split = 'test' AND name = 'accuracy' AND epoch IS NULL) AS accuracy_test,
       1.0 * net.params / base_net.params AS params_ratio, 1.0 * net.macs / base_net.macs AS macs_ratio, made.wall_s, trial.role,
       trial.width
FROM trial
JOIN trial_step ON trial_step.trial = trial.number
JOIN stage AS made ON made.number = trial_step.stage AND made.state = 'done'
LEFT JOIN architecture AS net ON net.hash = made.architecture
LEFT JOIN trial_step AS base ON base.trial = trial.number AND base.step = 0
LEFT JOIN stage AS base_made ON base_made.number = base.stage
LEFT JOIN architecture AS base_net ON base_net.hash = base_made.architecture
ORDER BY trial.number, trial_step.step;

-- Every stage that a trial needs, once: what makes its nets, what measures them, and all that these are made from. Summed up it is what the
-- trials would run one by one.
CREATE VIEW needs AS
WITH RECURSIVE need (trial, stage) AS (
  SELECT trial, stage FROM trial_step
  UNION SELECT trial, evaluation FROM trial_step WHERE evaluation IS NOT NULL
  UNION SELECT trial, stage FROM step_measurement
  UNION SELECT need.trial, input.source FROM need JOIN input ON input.stage = need.stage)
SELECT need.trial, stage.fingerprint AS stage, stage.kind, stage.state, stage.wall_s FROM need JOIN stage ON stage.number = need.stage
ORDER BY need.trial, need.stage;

CREATE VIEW baselines AS
SELECT task, net, width, seed, fold, params, macs, accuracy_val, accuracy_test, trial FROM steps WHERE role = 'baseline' AND step = 0;

-- `subject` is what a strategy decided about: a trial's name, or what its names begin with.
CREATE VIEW decisions AS
SELECT number AS decision, recorded_at, subject, choice, reason FROM decision ORDER BY number;

-- Of the experiment's objectives, over all nets of the task that were made so far: of bases and cuts, not of baselines. `epochs` of training
-- went before; what is maximised counts from 0, a cost from the largest base's, a loss from twice the base's.
CREATE VIEW hypervolumes AS
SELECT hypervolume.task, stage.fingerprint AS stage, hypervolume.recorded_at, hypervolume.epochs, hypervolume.value AS hypervolume
FROM hypervolume JOIN stage ON stage.number = hypervolume.stage ORDER BY hypervolume.number;

-- How fast each net is. `stage` made the net, `measured_by` measured it, on `device` with `threads` threads: milliseconds a batch, at the
-- median, at the 95th percentile and of the fastest run, and what the fastest runs of its layers add up to, where the search looked at them;
-- the bytes of the exported file, and of the activations that are alive at once at most.
CREATE VIEW latencies AS
SELECT made.fingerprint AS stage, measuring.fingerprint AS measured_by, measuring.device, measuring.threads,
       json_extract(each.value, '$.batch') AS batch, json_extract(each.value, '$.format') AS format,
       json_extract(each.value, '$.p50_ms') AS p50_ms, json_extract(each.value, '$.p95_ms') AS p95_ms,
       json_extract(each.value, '$.runs') AS runs, json_extract(each.value, '$.peak_activation_bytes') AS peak_activation_bytes,
       json_extract(measuring.result, '$.file_bytes') AS file_bytes, json_extract(each.value, '$.estimate_ms') AS estimate_ms,
       json_extract(each.value, '$.least_ms') AS least_ms
FROM stage AS measuring
JOIN input ON input.stage = measuring.number AND input.role = 'net'
JOIN stage AS made ON made.number = input.source, json_each(measuring.result, '$.latencies') AS each
WHERE measuring.kind = 'latency' AND measuring.state = 'done'
ORDER BY measuring.number, each.id;

-- What a net makes of test images that were changed. `kind`: noise, attack or spatial; `source`: 'self', or the net that an attack was made
-- on; `success`: share of the images that were right before and are wrong now; `images_hash`: of the changed images, equal for all nets but
-- where the attack is on the net itself.
CREATE VIEW robustness AS
SELECT made.fingerprint AS stage, measuring.fingerprint AS measured_by, json_extract(each.value, '$.kind') AS kind,
       json_extract(each.value, '$.name') AS name, json_extract(each.value, '$.level') AS level,
       json_extract(each.value, '$.source') AS source, json_extract(each.value, '$.images') AS images,
       json_extract(each.value, '$.clean_accuracy') AS clean_accuracy, json_extract(each.value, '$.accuracy') AS accuracy,
       json_extract(each.value, '$.clean_accuracy') - json_extract(each.value, '$.accuracy') AS accuracy_drop,
       json_extract(each.value, '$.success') AS success, json_extract(each.value, '$.options') AS options,
       json_extract(each.value, '$.images_hash') AS images_hash
FROM stage AS measuring
JOIN input ON input.stage = measuring.number AND input.role = 'net'
JOIN stage AS made ON made.number = input.source, json_each(measuring.result, '$.perturbations') AS each
WHERE measuring.kind = 'robustness' AND measuring.state = 'done'
ORDER BY measuring.number, each.id;
