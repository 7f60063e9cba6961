#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <set>

#include "eval/data/dataset.h"
#include "eval/data/text_table.h"
#include "eval/samples/sample.h"
#include "storage/base/file.h"
#include "storage/base/fingerprint.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/throws.h"

using namespace eval;
using Catch::Contains;
using storage::ErrorKind;
using storage::Json;

namespace fs = std::filesystem;

namespace {

/// A sample, of the least size where nothing else is asked for, with a cache of decoded images of its own.
class Drawn {
 public:
  explicit Drawn(const std::string& name, std::uint64_t seed = 1, std::int64_t images = 0, int size = 0) : entry(sample_entry(name)) {
    setenv("XDG_CACHE_HOME", (directory.path() / "cache").c_str(), 1);
    const SampleRequest request = make_request(entry, images > 0 ? images : entry.least_images, size > 0 ? size : entry.least_size, seed);
    REQUIRE(draw_sample(entry, request, root()));
  }
  ~Drawn() { unsetenv("XDG_CACHE_HOME"); }

  fs::path root() const { return directory.path() / "drawn"; }

  std::unique_ptr<Dataset> open(const std::string& target, Json settings = Json::object()) const {
    settings.update({{"format", entry.format}, {"root", root().string()}});
    if (entry.format != "cifar100") settings["size"] = 16;
    return open_dataset(settings, target);
  }

  DatasetInfo describe(const std::string& target) const {
    return describe_dataset({{"format", entry.format}, {"root", root().string()}}, target);
  }

  /// Names and contents of all files.
  std::string hash() const {
    std::map<std::string, std::string> files;
    for (const fs::directory_entry& file : fs::recursive_directory_iterator(root()))
      if (file.is_regular_file()) files[fs::relative(file.path(), root()).string()] = storage::sha256_file(file.path());
    return storage::fingerprint(files);
  }

  support::TemporaryDirectory directory;
  const SampleEntry& entry;
};

/// Images of each class in a split.
std::map<int, int> classes_in(const Dataset& data, Split split) {
  std::map<int, int> counts;
  for (const std::int64_t image : data.split(split)) ++counts[data.labels()[static_cast<std::size_t>(image)]];
  return counts;
}

/// How alike pixels some steps apart are, across and down, in each channel: no matter where in the image a wave begins.
std::vector<double> features(const Dataset& data, std::int64_t image) {
  const Shape shape = data.shape();
  const auto pixels = data.pixels(image);
  const auto at = [&](int c, int y, int x) {
    return static_cast<double>(pixels[static_cast<std::size_t>((c * shape.height + y) * shape.width + x)]);
  };
  std::vector<double> features;
  for (int c = 0; c < shape.channels; ++c) {
    double sum = 0;
    for (int y = 0; y < shape.height; ++y)
      for (int x = 0; x < shape.width; ++x) sum += at(c, y, x);
    const double mean = sum / (shape.height * shape.width);
    for (const bool down : {false, true})
      for (int lag = 0; lag <= 8; ++lag) {
        double product = 0;
        for (int y = 0; y < shape.height - (down ? lag : 0); ++y)
          for (int x = 0; x < shape.width - (down ? 0 : lag); ++x)
            product += (at(c, y, x) - mean) * (at(c, y + (down ? lag : 0), x + (down ? 0 : lag)) - mean);
        features.push_back(product / (shape.height * shape.width));
      }
  }
  return features;
}

/// The share of the test images that are nearest to the mean of their own class's training images.
double told_apart(const Dataset& data) {
  std::map<int, std::vector<double>> means;
  for (const auto& [label, count] : classes_in(data, Split::train)) means[label].resize(features(data, 0).size());
  const std::map<int, int> counts = classes_in(data, Split::train);
  for (const std::int64_t image : data.split(Split::train)) {
    const int label = data.labels()[static_cast<std::size_t>(image)];
    const std::vector<double> found = features(data, image);
    for (std::size_t i = 0; i < found.size(); ++i) means[label][i] += found[i] / counts.at(label);
  }
  int right = 0;
  for (const std::int64_t image : data.split(Split::test)) {
    const std::vector<double> found = features(data, image);
    const auto distance = [&](const std::vector<double>& mean) {
      double sum = 0;
      for (std::size_t i = 0; i < found.size(); ++i) sum += (found[i] - mean[i]) * (found[i] - mean[i]);
      return sum;
    };
    const auto nearest = std::min_element(
        means.begin(), means.end(), [&](const auto& one, const auto& other) { return distance(one.second) < distance(other.second); });
    right += nearest->first == data.labels()[static_cast<std::size_t>(image)] ? 1 : 0;
  }
  return static_cast<double>(right) / static_cast<double>(data.split(Split::test).size());
}

std::size_t images_in(const Dataset& data) {
  return data.split(Split::train).size() + data.split(Split::validation).size() + data.split(Split::test).size();
}

}  // namespace

TEST_CASE("samples: the same seed draws the same bytes, another seed others") {
  for (const SampleEntry& entry : sample_registry()) {
    INFO(entry.name);
    const std::string hash = Drawn(entry.name, 3).hash();
    CHECK(Drawn(entry.name, 3).hash() == hash);
    CHECK(Drawn(entry.name, 4).hash() != hash);
  }
}

TEST_CASE("samples say that they are synthetic, in a file and in what describes the data") {
  for (const SampleEntry& entry : sample_registry()) {
    INFO(entry.name);
    const Drawn drawn(entry.name);
    CHECK(fs::is_regular_file(drawn.root() / "SYNTHETIC.txt"));
    const std::vector<std::string>& targets = dataset_entry(entry.format).targets;
    const std::string target = targets.empty() ? "" : targets.front();
    CHECK(drawn.describe(target).synthetic);
    fs::remove(drawn.root() / "SYNTHETIC.txt");
    CHECK_FALSE(drawn.describe(target).synthetic);
  }
}

TEST_CASE("sample adience: every age group in every fold, both targets, both protocols") {
  const Drawn drawn("adience");  // 40 subjects of two rows
  // 79 images, as one row repeats another's. Of subjects 7, 16, 25 and 34 one has no age; of 3, 12, 21, 30 and 39 one has no gender.
  const auto age = drawn.open("age"), gender = drawn.open("gender");
  CHECK(age->labels().size() == 79);
  CHECK(images_in(*age) == 75);
  CHECK(images_in(*gender) == 74);
  CHECK(age->ordered());
  for (const Split split : all_splits) {
    CHECK(classes_in(*age, split).size() == 8);
    CHECK(classes_in(*gender, split).size() == 2);
  }
  for (int fold = 0; fold < 5; ++fold)
    CHECK(classes_in(*drawn.open("age", {{"protocol", "5-fold"}, {"fold", fold}}), Split::test).size() == 8);
  CHECK(drawn.open("gender", {{"protocol", "5-fold"}, {"fold", 2}})->labels().size() == 79);
  CHECK(images_in(*drawn.open("age", {{"faces", "coarse"}})) == 75);
}

TEST_CASE("sample adience: the original's twelve columns, its odd labels, and no user in two folds") {
  const Drawn drawn("adience");
  std::map<std::string, std::set<int>> folds_of;
  std::map<std::string, int> genders, rows;
  int without_age = 0;
  for (int fold = 0; fold < 5; ++fold) {
    const TextTable table = read_text_table(drawn.root() / ("fold_" + std::to_string(fold) + "_data.txt"), '\t');
    CHECK(table.header == std::vector<std::string>{"user_id", "original_image", "face_id", "age", "gender", "x", "y", "dx", "dy",
                                                   "tilt_ang", "fiducial_yaw_angle", "fiducial_score"});
    CHECK(table.broken.empty());
    for (const TextTable::Row& row : table.rows) {
      folds_of[row.cells[0]].insert(fold);
      ++rows[row.cells[1]];
      ++genders[row.cells[4]];
      without_age += row.cells[3] == "None";
    }
  }
  CHECK(folds_of.size() == 40);
  for (const auto& [user, folds] : folds_of) CHECK(folds.size() == 1);
  CHECK(without_age == 4);
  // Of the five without a gender, 3 is of the first age group: 3 / 5 = 0. The groups of 12, 21, 30 and 39 are 2, 4, 6 and 7.
  CHECK(genders["u"] == 1);
  CHECK(genders[""] == 4);
  CHECK(genders["m"] + genders["f"] == 75);
  CHECK(std::count_if(rows.begin(), rows.end(), [](const auto& entry) { return entry.second == 2; }) == 1);
}

TEST_CASE("sample lfwa: MATLAB files that tell what is drawn; last names from R to Z validate") {
  const Drawn drawn("lfwa");  // 52 people of one image: the alphabet twice, each letter once in each half
  const auto smiling = drawn.open("Smiling");
  CHECK(smiling->split(Split::test).size() == 26);
  CHECK(smiling->split(Split::validation).size() == 9);
  CHECK(smiling->split(Split::train).size() == 17);
  CHECK(classes_in(*smiling, Split::train).size() == 2);
  CHECK(classes_in(*smiling, Split::test).size() == 2);
  const auto male = drawn.open("Male");
  CHECK(std::count(male->labels().begin(), male->labels().end(), 1) == 28);  // of 26 letters two of four from the first, then the other two
}

TEST_CASE("sample lfwa: a header as MATLAB writes it, then HDF5") {
  const Drawn drawn("lfwa");
  for (const char* name : {"lfw_att_40.mat", "indices_train_test.mat"}) {
    const std::string bytes = storage::read_file(drawn.root() / name);
    CHECK(bytes.substr(0, 19) == "MATLAB 7.3 MAT-file");
    CHECK(bytes.substr(124, 4) == std::string("\0\2IM", 4));
    CHECK(bytes.substr(512, 8) == "\x89HDF\r\n\x1a\n");
  }
}

TEST_CASE("sample cifar100: all classes in both files, five fine ones to a coarse one") {
  const Drawn drawn("cifar100");  // 500 images: four for training and one for test of each fine class
  const auto fine = drawn.open("fine"), coarse = drawn.open("coarse");
  CHECK(fine->class_names().size() == 100);
  CHECK(coarse->class_names().size() == 20);
  CHECK(images_in(*fine) == 500);
  CHECK(classes_in(*fine, Split::test).size() == 100);
  std::map<int, std::set<int>> fine_of;
  for (std::size_t image = 0; image < 500; ++image) {
    fine_of[coarse->labels()[image]].insert(fine->labels()[image]);
    const std::string& name = fine->class_names()[static_cast<std::size_t>(fine->labels()[image])];
    CHECK_THAT(name, Catch::EndsWith("_" + coarse->class_names()[static_cast<std::size_t>(coarse->labels()[image])]));
  }
  for (const auto& [label, members] : fine_of) CHECK(members.size() == 5);
  for (const auto& [label, images] : classes_in(*coarse, Split::test)) CHECK(images == 5);
}

TEST_CASE("sample imagenet: ten classes, val/ is for test") {
  const Drawn drawn("imagenet");  // 50 images, a fifth under val/; a tenth of the others validates
  const auto data = drawn.open("");
  CHECK(data->class_names().size() == 10);
  CHECK(classes_in(*data, Split::test).size() == 10);
  CHECK(data->split(Split::test).size() == 10);
  CHECK(data->split(Split::validation).size() == 4);
  CHECK(data->split(Split::train).size() == 36);
}

TEST_CASE("samples can be learnt: the means of each class tell test images apart") {
  // Of CIFAR's 100 classes by chance 1 of 100 would be right, of ten 1 of 10, of two 1 of 2.
  CHECK(told_apart(*Drawn("cifar100", 1, 2000).open("fine")) > 0.5);
  CHECK(told_apart(*Drawn("cifar100", 1, 2000).open("coarse")) > 0.6);
  CHECK(told_apart(*Drawn("imagenet", 1, 400, 32).open("", {{"size", 32}})) > 0.8);
  CHECK(told_apart(*Drawn("adience", 1, 400, 32).open("age", {{"size", 32}})) > 0.7);
  CHECK(told_apart(*Drawn("adience", 1, 400, 32).open("gender", {{"size", 32}})) > 0.8);
  CHECK(told_apart(*Drawn("lfwa", 1, 2000, 32).open("Smiling", {{"size", 32}})) > 0.6);
}

TEST_CASE("samples take no folder that holds something, and no number out of range") {
  const support::TemporaryDirectory directory;
  const SampleEntry& entry = sample_entry("imagenet");
  const SampleRequest request = make_request(entry, 50, 16, 1);
  const auto refusal = [&](const fs::path& target) { return support::error_of([&] { draw_sample(entry, request, target); }); };
  const fs::path full = directory.path() / "full", file = full / "mine.txt", empty = directory.path() / "empty";
  fs::create_directories(full);
  fs::create_directories(empty);
  storage::write_file(file, "mine");
  CHECK(refusal(full).kind() == ErrorKind::usage);
  CHECK_THAT(refusal(full).what(), Contains("full is not empty; valid: a folder that is not there yet, or an empty one"));
  CHECK_THAT(refusal(file).what(), Contains("mine.txt is no folder"));
  CHECK(storage::read_file(file) == "mine");
  CHECK(refusal(file / "below").kind() == ErrorKind::environment);
  CHECK(draw_sample(entry, request, empty / ""));
  CHECK(fs::exists(empty / "train"));

  const auto range = [](const char* name, std::optional<std::int64_t> images, std::optional<int> size) {
    return std::string(support::error_of([&] { make_request(sample_entry(name), images, size, 1); }).what());
  };
  CHECK_THAT(range("adience", 79, {}), Contains("sample adience: --images is 79; valid: 80 to 1000000"));
  CHECK_THAT(range("cifar100", {}, 64), Contains("sample cifar100: --size is 64; valid: 32"));
  const storage::Error unknown = support::error_of([] { sample_entry("adiense"); });
  CHECK(unknown.kind() == ErrorKind::usage);
  CHECK_THAT(unknown.what(), Contains("sample 'adiense' is not known (did you mean 'adience'?)"));
}

TEST_CASE("a sample that is stopped leaves nothing") {
  const support::TemporaryDirectory directory;
  SampleRequest request = make_request(sample_entry("lfwa"), 52, 16, 1);
  request.stopped = [] { return true; };
  CHECK_FALSE(draw_sample(sample_entry("lfwa"), request, directory.path() / "drawn"));
  CHECK(fs::is_empty(directory.path()));
}
