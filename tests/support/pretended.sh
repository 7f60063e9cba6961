# An experiment whose stages tests/support/fake_worker pretends to run: sourced by scripts.

# pretended NAME ROOT SEEDS: its YAML, on standard output. ROOT has MNIST's files; a seed is ten stages.
pretended() {
  cat <<END
schema: 1
name: $1
tasks: [{name: clothes, dataset: fashion}]
data: {fashion: {format: idx, root: $2}}
nets: [{name: squeezenet1_1, width: 0.25}]
train: {epochs: 1, precision: fp32}
prune:
  criteria: [l1, random]
  schedules: [{name: gradual, keep: [0.5, 0.25]}]
  retrain: {epochs: 1}
search: {strategy: sweep, seeds: $3}
END
}
