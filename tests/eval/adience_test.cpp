#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

#include "eval/data/dataset.h"
#include "tests/support/cache_home.h"
#include "tests/support/image_files.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/throws.h"

using namespace eval;
using Catch::Contains;
using Catch::EndsWith;
using storage::Json;

namespace fs = std::filesystem;

namespace {

constexpr const char* header =
    "user_id\toriginal_image\tface_id\tage\tgender\tx\ty\tdx\tdy\ttilt_ang\tfiducial_yaw_angle\tfiducial_score\n";

/// Fold files with two users a fold, four faces each; ages and genders go round.
struct Folds {
  support::TemporaryDirectory directory;
  support::CacheHome cache;
  std::map<int, std::string> more;  ///< further rows of a fold

  static std::string row(const std::string& user, int image, const std::string& age, const std::string& gender) {
    return user + "\t" + std::to_string(image) + ".jpg\t7\t" + age + "\t" + gender + "\t0\t0\t9\t9\t0\t0\t9\n";
  }
  fs::path face(const std::string& user, int image) const {
    return directory.path() / "aligned" / user / ("landmark_aligned_face.7." + std::to_string(image) + ".jpg");
  }

  Json settings(const Json& options = Json::object()) const {
    static const char* const ages[] = {"(0, 2)", "(4, 6)", "(8, 12)", "(15, 20)", "(25, 32)", "(38, 43)", "(48, 53)", "(60, 100)"};
    int number = 0;
    for (int fold = 0; fold < 5; ++fold) {
      std::ofstream file(directory.path() / ("fold_" + std::to_string(fold) + "_data.txt"));
      file << header;
      for (int i = 0; i < 8; ++i, ++number) {
        const std::string user = "u" + std::to_string(2 * fold + i / 4);
        file << row(user, number, ages[number % 8], number % 3 == 0 ? "f" : "m");
        if (!fs::exists(face(user, number))) support::write_gray(face(user, number), static_cast<std::uint8_t>(number));
      }
      if (more.count(fold) > 0) file << more.at(fold);
    }
    Json settings{{"format", "adience"}, {"root", directory.path().string()}, {"size", 16}, {"gray", true}};
    settings.update(options);
    return settings;
  }
  std::string message(const Json& options = Json::object()) const {
    return support::error_of([&] { open_dataset(settings(options), "age"); }).what();
  }
};

/// The first and last pixel values of a split; images are numbered by their value.
std::pair<int, int> range(const Dataset& data, Split split) {
  return {data.pixels(data.split(split).front())[0], data.pixels(data.split(split).back())[0]};
}

}  // namespace

TEST_CASE("the paper's split is by folds, and images are found by user, face and name") {
  const Folds folds;
  const auto age = open_dataset(folds.settings(), "age"), gender = open_dataset(folds.settings(), "gender");
  CHECK(range(*age, Split::train) == std::pair(0, 23));
  CHECK(range(*age, Split::validation) == std::pair(24, 31));
  CHECK(range(*age, Split::test) == std::pair(32, 39));
  CHECK(age->ordered());
  CHECK_FALSE(gender->ordered());
  CHECK(age->class_names().at(3) == "(15, 20)");
  CHECK(gender->class_names() == std::vector<std::string>{"m", "f"});
  CHECK(age->labels()[11] == 3);
  CHECK(gender->labels()[9] == 1);
  CHECK(gender->labels()[10] == 0);
}

TEST_CASE("each of five folds tests once, and validation has subjects of its own") {
  const Folds folds;
  CHECK(describe_dataset(folds.settings({{"protocol", "5-fold"}}), "age").folds == 5);
  CHECK(describe_dataset(folds.settings(), "age").folds == 0);
  std::set<std::int64_t> tested;
  for (int fold = 0; fold < 5; ++fold) {
    const auto data = open_dataset(folds.settings({{"protocol", "5-fold"}, {"fold", fold}, {"validation", 0.25}}), "age");
    CHECK(range(*data, Split::test) == std::pair(8 * fold, 8 * fold + 7));
    tested.insert(data->split(Split::test).begin(), data->split(Split::test).end());
    CHECK(data->split(Split::validation).size() == 8);  // of 32 images: two users of four
    CHECK(data->split(Split::train).size() == 24);
    std::map<int, Split> split_of_user;
    for (const Split split : all_splits)
      for (const std::int64_t image : data->split(split))
        CHECK(split_of_user.emplace(data->pixels(image)[0] / 4, split).first->second == split);
  }
  CHECK(tested.size() == 40);
}

TEST_CASE("labels that are none leave an image out of the splits, merged ones go to the nearest group") {
  Folds folds;
  const std::pair<const char*, int> ages[] = {
      {"None", -1}, {"(25, 23)", 4}, {"(27, 32)", 4}, {"(38, 42)", 5}, {"(38, 48)", 5}, {"(8, 23)", 3}, {"2", 0},
      {"3", 1},     {"13", 2},       {"22", 3},       {"23", 4},       {"29", 4},       {"34", 4},      {"35", 5},
      {"36", 5},    {"45", 5},       {"46", 6},       {"55", 6},       {"57", 7},       {"58", 7},      {"", -1}};
  int image = 100;
  for (const auto& [text, group] : ages) {
    folds.more[0] += Folds::row("u0", image, text, image % 2 == 0 ? "u" : "");
    support::write_gray(folds.face("u0", image++), 200);
  }
  const auto strict = open_dataset(folds.settings(), "age"), merged = open_dataset(folds.settings({{"labels", "merged"}}), "age");
  for (std::size_t i = 0; i < std::size(ages); ++i) {
    INFO(ages[i].first);
    CHECK(strict->labels()[8 + i] == -1);
    CHECK(merged->labels()[8 + i] == ages[i].second);
  }
  CHECK(strict->split(Split::train).size() == 24);
  CHECK(merged->split(Split::train).size() == 24 + 19);
  CHECK(open_dataset(folds.settings(), "gender")->split(Split::train).size() == 24);
}

TEST_CASE("an image with several rows comes once, with the label that one of them has") {
  Folds folds;
  folds.more[0] = Folds::row("u0", 0, "None", "f") + Folds::row("u0", 50, "None", "") + Folds::row("u0", 50, "(4, 6)", "m");
  support::write_gray(folds.face("u0", 50), 50);
  const auto age = open_dataset(folds.settings(), "age");
  CHECK(age->labels().size() == 41);
  CHECK(age->labels()[8] == 1);
  CHECK(dataset_details(folds.settings())["folds"][0]["repeated"] == 2);
  folds.more[0] += Folds::row("u0", 50, "(8, 12)", "m");
  CHECK_THAT(folds.message(),
             EndsWith("\n  fold_0_data.txt:13: gives aligned/u0/landmark_aligned_face.7.50.jpg another age than fold_0_data.txt:11 does"));
}

TEST_CASE("broken rows, missing faces and missing fold files are told") {
  Folds folds;
  folds.more[2] = "u4\tonly three\t1\n" + Folds::row("../u4", 60, "(4, 6)", "m") + Folds::row("u4", 61, "(4, 6)", "m");
  CHECK_THAT(folds.message(), EndsWith(" cannot be used; `bad_images: skip` goes on without them"
                                       "\n  fold_2_data.txt:10: has 3 columns, not 12"
                                       "\n  fold_2_data.txt:11: names no image: user_id and original_image are parts of a file's name"));
  folds.more[2] = Folds::row("u4", 61, "(4, 6)", "m");
  CHECK_THAT(folds.message(), EndsWith("\n  aligned/u4/landmark_aligned_face.7.61.jpg (fold_2_data.txt:10): is not there"));
  const auto data = open_dataset(folds.settings({{"bad_images", "skip"}}), "age");
  CHECK(data->left_out().size() == 1);
  CHECK(data->split(Split::train).size() == 24);

  const Json settings = folds.settings();
  fs::remove(folds.directory.path() / "fold_3_data.txt");
  CHECK_THAT(support::error_of([&] { describe_dataset(settings, "age"); }).what(),
             Contains(": holds no file fold_3_data.txt. Adience comes from https://"));
}

TEST_CASE("the original fold files", "[data]") {
  const char* root = std::getenv("NAS_DATA_ROOT");
  if (root == nullptr || !fs::exists(fs::path(root) / "adience-folds")) return;
  const Json settings{{"format", "adience"}, {"root", (fs::path(root) / "adience-folds").string()}};
  const Json details = dataset_details(settings);
  // By awk over the files: rows, images with several rows, m, f, the eight groups, and their sum.
  const int expected[5][13] = {{4496, 12, 2049, 1958, 960, 495, 213, 155, 1580, 555, 219, 139, 4316},
                               {3745, 15, 1607, 2017, 84, 483, 601, 525, 635, 469, 146, 158, 3101},
                               {3953, 59, 1410, 1781, 840, 373, 475, 274, 777, 277, 120, 203, 3339},
                               {3459, 11, 1505, 1813, 151, 238, 499, 473, 898, 494, 104, 118, 2975},
                               {3834, 17, 1621, 1842, 484, 574, 344, 228, 1060, 505, 241, 257, 3693}};
  const char* const groups[] = {"(0, 2)", "(4, 6)", "(8, 12)", "(15, 20)", "(25, 32)", "(38, 43)", "(48, 53)", "(60, 100)"};
  for (int fold = 0; fold < 5; ++fold) {
    INFO("fold " << fold);
    const Json& counts = details["folds"][fold];
    CHECK(counts["rows"] == expected[fold][0]);
    CHECK(counts["repeated"] == expected[fold][1]);
    CHECK(counts["gender"]["m"] == expected[fold][2]);
    CHECK(counts["gender"]["f"] == expected[fold][3]);
    for (int group = 0; group < 8; ++group) CHECK(counts["age"][groups[group]] == expected[fold][4 + group]);
    CHECK(counts["age_total"] == expected[fold][12]);
    CHECK(counts["gender_total"] == expected[fold][2] + expected[fold][3]);
  }
  for (const char* target : {"age", "gender"}) CHECK(details["subjects"][target]["shared"] == 0);
}
