#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>

#include "eval/data/dataset.h"
#include "storage/base/file.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/throws.h"

using namespace eval;
using Catch::Contains;
using storage::Json;

namespace {

/// A CIFAR-100 of 2 coarse and 3 fine classes; pixel p of image i is (i + p) mod 251.
class TinyCifar {
 public:
  TinyCifar() {
    write("fine_label_names.txt", "apple\nbear\nclock\n");
    write("coarse_label_names.txt", "fruit\r\nother\r\n");
    for (int i = 0; i < 12; ++i) train += record(i);
    for (int i = 12; i < 15; ++i) test += record(i);
    write("train.bin", train);
    write("test.bin", test);
  }

  static int fine(int image) { return image % 3; }
  static int coarse(int image) { return fine(image) == 0 ? 0 : 1; }

  static std::string record(int image) {
    std::string bytes{static_cast<char>(coarse(image)), static_cast<char>(fine(image))};
    for (int p = 0; p < 3072; ++p) bytes += static_cast<char>((image + p) % 251);
    return bytes;
  }

  void write(const std::string& name, const std::string& bytes) const { storage::write_file(directory.path() / name, bytes); }
  Json settings() const {
    return {{"format", "cifar100"}, {"root", directory.path().string()}, {"validation", 0.25}, {"validation_from", "last"}};
  }
  std::string error() const {
    return support::error_of([&] { open_dataset(settings()); }).what();
  }

  support::TemporaryDirectory directory;
  std::string train, test;
};

std::vector<std::int64_t> images(const Dataset& data, Split split) {
  return {data.split(split).begin(), data.split(split).end()};
}

}  // namespace

TEST_CASE("CIFAR-100: pixels as planes, fine and coarse labels, the last of each class held out") {
  const TinyCifar files;
  const auto fine = open_dataset(files.settings()), coarse = open_dataset(files.settings(), "coarse");
  CHECK(fine->shape() == Shape{3, 32, 32});
  CHECK(fine->class_names() == std::vector<std::string>{"apple", "bear", "clock"});
  CHECK(coarse->class_names() == std::vector<std::string>{"fruit", "other"});
  REQUIRE(fine->labels().size() == 15);
  for (int i = 0; i < 15; ++i) {
    CHECK(fine->labels()[i] == TinyCifar::fine(i));
    CHECK(coarse->labels()[i] == TinyCifar::coarse(i));
    for (const int p : {0, 1023, 1024, 3071}) CHECK(fine->pixels(i)[p] == (i + p) % 251);
  }
  // Of 12 training images a quarter: one of each fine class, the last ones are 9, 10 and 11.
  CHECK(images(*fine, Split::validation) == std::vector<std::int64_t>{9, 10, 11});
  CHECK(images(*fine, Split::train) == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(images(*fine, Split::test) == std::vector<std::int64_t>{12, 13, 14});
  // Coarse: 4 of class 0, whose last is 9; 8 of class 1, whose last two are 10 and 11.
  CHECK(images(*coarse, Split::validation) == std::vector<std::int64_t>{9, 10, 11});

  const DatasetInfo info = describe_dataset(files.settings(), "coarse");
  CHECK(info.classes == 2);
  CHECK(info.shape == Shape{3, 32, 32});
  CHECK(info.train == 9);
  CHECK(info.validation == 3);
  CHECK(info.test == 3);
  CHECK_THROWS_WITH(open_dataset(files.settings(), "corse"), Contains("unknown target 'corse' (did you mean 'coarse'?)"));
}

TEST_CASE("CIFAR: the content is a hash of all records, for every target") {
  const TinyCifar files;
  // hashlib.sha256 of train.bin and test.bin, one behind the other.
  for (const char* target : {"fine", "coarse"})
    CHECK(open_dataset(files.settings(), target)->content() == "d3f6132bf501b1734fa421882088a1b8502c7a524d0bf747a96f65dfbb3326f1");
  std::string changed = files.train;
  changed[6 * 3074] = static_cast<char>(1 - changed[6 * 3074]);  // a coarse label, which the fine target does not read
  files.write("train.bin", changed);
  CHECK(open_dataset(files.settings())->content() != "d3f6132bf501b1734fa421882088a1b8502c7a524d0bf747a96f65dfbb3326f1");
}

TEST_CASE("CIFAR-100: a sub-task of coarse classes is described as it is opened") {
  const TinyCifar set;
  Json settings = set.settings();
  const auto whole = open_dataset(settings, "coarse");
  settings["classes"] = {whole->class_names()[1], whole->class_names()[0]};
  const auto part = open_dataset(settings, "coarse");
  const DatasetInfo info = describe_dataset(settings, "coarse");
  CHECK(info.classes == 2);
  for (const Split split : all_splits) CHECK(part->split(split).size() <= whole->split(split).size());
  CHECK(info.train == std::ssize(part->split(Split::train)));
  CHECK(info.test == std::ssize(part->split(Split::test)));
  for (const std::int64_t image : part->split(Split::train))
    CHECK(part->labels()[static_cast<std::size_t>(image)] == 1 - whole->labels()[static_cast<std::size_t>(image)]);
}

TEST_CASE("CIFAR files that are broken are refused with the record") {
  TinyCifar files;
  files.write("train.bin", files.train.substr(0, files.train.size() - 1));
  CHECK_THAT(files.error(), Contains("train.bin: has 36887 bytes, which are no whole number of records of 3074 bytes"));
  files.write("train.bin", "");
  CHECK_THAT(files.error(), Contains("train.bin: has 0 bytes"));
  std::string wrong = files.train;
  wrong[5 * 3074 + 1] = 3;
  files.write("train.bin", wrong);
  CHECK_THAT(files.error(), Contains("train.bin: record 5: label 3 is not in [0, 2]"));
  files.write("train.bin", files.train);
  files.write("fine_label_names.txt", "apple\napple\nclock\n");
  CHECK_THAT(files.error(), Contains("fine_label_names.txt: has 3 names; valid are 1 to 256, all distinct"));
  std::filesystem::remove(files.directory.path() / "test.bin");
  files.write("fine_label_names.txt", "apple\nbear\nclock\n");
  CHECK_THAT(files.error(), Contains("holds no file test.bin; expected is what cifar-100-binary.tar.gz"));
}

TEST_CASE("CIFAR-10: one label byte, five files for training") {
  const support::TemporaryDirectory directory;
  const auto write = [&](const std::string& name, const std::string& bytes) { storage::write_file(directory.path() / name, bytes); };
  write("batches.meta.txt", "plane\ncar\n\n");
  const auto record = [](char label, char pixel) { return std::string(1, label) + std::string(3072, pixel); };
  for (int batch = 1; batch <= 5; ++batch)
    write("data_batch_" + std::to_string(batch) + ".bin", record(0, static_cast<char>(batch)) + record(1, static_cast<char>(10 * batch)));
  write("test_batch.bin", record(1, 99));
  const auto data = open_dataset({{"format", "cifar10"}, {"root", directory.path().string()}, {"validation", 0.2}});
  CHECK(data->class_names() == std::vector<std::string>{"plane", "car"});
  CHECK(data->pixels(3)[7] == 20);
  CHECK(data->labels()[3] == 1);
  CHECK(data->pixels(10)[0] == 99);
  CHECK(data->content() == "0304d10beff9a946ecffecff995a84340d622e6c876acd98a394d190a9e18186");  // hashlib.sha256 of the six files
  CHECK(data->split(Split::train).size() == 8);
}

TEST_CASE("the official bytes of CIFAR-100, where NAS_DATA_ROOT has them: balance and the paper's validation") {
  const char* root = std::getenv("NAS_DATA_ROOT");
  if (root == nullptr) return;
  const auto data = open_dataset({{"format", "cifar100"},
                                  {"root", (std::filesystem::path(root) / "cifar-100-binary").string()},
                                  {"validation", 0.2},
                                  {"validation_from", "last"}});
  CHECK(data->class_names().size() == 100);
  std::map<int, std::vector<std::int64_t>> by_class;
  for (const std::int64_t image : data->split(Split::train)) by_class[data->labels()[image]].push_back(image);
  std::map<int, std::vector<std::int64_t>> held_out;
  for (const std::int64_t image : data->split(Split::validation)) held_out[data->labels()[image]].push_back(image);
  for (int c = 0; c < 100; ++c) {
    CHECK(held_out[c].size() * 4 == by_class[c].size());
    CHECK(held_out[c].front() > by_class[c].back());
  }
}
