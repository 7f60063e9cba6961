// Writes the database of support/report_run.h for the tests of the report in a browser: the small run, or one of very many trials.
// usage: make_report_run DIR [SEEDS]
#include <iostream>

#include "tests/support/report_run.h"

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::cerr << "usage: make_report_run DIR [SEEDS]\n";
    return 2;
  }
  support::ReportRun run;
  if (argc == 3) {  // 21 trials a seed of the task
    run.tasks = {"clothes"};
    run.criteria = {"lda-wilks", "lda-paper", "taylor", "l1", "random", "fpgm", "gm", "bn", "hrank", "chip"};
    run.seeds = std::stoi(argv[2]);
    run.layers = 16;
    run.epochs = 5;
    run.classes = 10;
    run.measurements = false;
  }
  storage::Repository repository(argv[1], storage::Repository::Access::write);
  run.record(repository);
}
