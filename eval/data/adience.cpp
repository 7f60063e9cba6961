// Adience (Eidinger, Enbar, Hassner 2014): faces of Flickr users with age group and gender, in five folds of which no two share a user.
// Protocols: five-fold cross-validation (Levi and Hassner 2015), and one split of the folds (Tian, Arbel, Clark 2021).
#include "eval/data/adience.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "eval/data/formats.h"
#include "eval/data/image_dataset.h"
#include "eval/data/text_table.h"
#include "storage/base/error.h"

namespace eval {
namespace {

namespace fs = std::filesystem;
using storage::Json;
using storage::OptionKind;

constexpr const char* where_from =
    "Adience comes from https://talhassner.github.io/home/projects/Adience/Adience-data.html: fold_0_data.txt to fold_4_data.txt beside "
    "aligned/ (or faces/)";

std::string fold_name(int fold) {
  return fmt::format("fold_{}_data.txt", fold);
}

/// The numbers in "34" or "(27, 32)"; none in "None".
std::vector<int> numbers_in(const std::string& text) {
  std::vector<int> numbers;
  for (const char *at = text.data(), *end = at + text.size(); at < end;) {
    int number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    if (error == std::errc()) numbers.push_back(number);
    at = error == std::errc() ? next : at + 1;
  }
  return numbers;
}

/// The group whose years are nearest to the age, or to the middle of a span; of two as near the older one.
int nearest_group(const std::string& age) {
  const std::vector<int> numbers = numbers_in(age);
  if (numbers.empty() || numbers.size() > 2) return -1;
  const double years = (numbers.front() + numbers.back()) / 2.0;
  int best = -1;
  double least = 1e9;
  for (std::size_t group = 0; group < age_groups.size(); ++group) {
    const double away = std::max({0.0, age_groups[group].from - years, years - age_groups[group].to});
    if (away <= least) {
      least = away;
      best = static_cast<int>(group);
    }
  }
  return best;
}

int age_label(const std::string& age, bool merged) {
  for (std::size_t group = 0; group < age_groups.size(); ++group)
    if (age == age_groups[group].name) return static_cast<int>(group);
  return merged ? nearest_group(age) : -1;
}

int gender_label(const std::string& gender) {
  return gender == "m" ? 0 : gender == "f" ? 1 : -1;
}

std::vector<std::string> class_names(const std::string& target) {
  if (target == "gender") return {"m", "f"};
  std::vector<std::string> names;
  for (const AgeGroup& group : age_groups) names.emplace_back(group.name);
  return names;
}

/// One row of a fold file.
struct Face {
  int fold = 0, line = 0;
  std::string user, image, id, age, gender;

  /// Relative to the root.
  std::string file(bool aligned) const {
    return fmt::format("{}/{}/{}.{}.{}", aligned ? "aligned" : "faces", user,
                       aligned ? "landmark_aligned_face" : "coarse_tilt_aligned_face", id, image);
  }
  std::string row() const { return fmt::format("{}:{}", fold_name(fold), line); }
};

/// All rows, and those that are broken.
struct Faces {
  std::vector<Face> rows;
  std::vector<LeftOut> broken;
};

Faces read_folds(const fs::path& root) {
  require_root(root, "the folder of Adience's fold files and faces", where_from);
  Faces faces;
  for (int fold = 0; fold < adience_folds; ++fold) {
    const fs::path path = root / fold_name(fold);
    std::error_code error;
    if (!fs::is_regular_file(path, error))
      throw storage::Error(storage::ErrorKind::invalid,
                           fmt::format("{}: holds no file {}. {}", root.string(), fold_name(fold), where_from));
    const TextTable table = read_text_table(path, '\t');
    const std::size_t user = table.column("user_id", path.string()), image = table.column("original_image", path.string()),
                      id = table.column("face_id", path.string()), age = table.column("age", path.string()),
                      gender = table.column("gender", path.string());
    for (const auto& [line, reason] : table.broken) faces.broken.push_back({fmt::format("{}:{}", fold_name(fold), line), reason});
    for (const TextTable::Row& row : table.rows) {
      Face face{fold, row.line, row.cells[user], row.cells[image], row.cells[id], row.cells[age], row.cells[gender]};
      const bool names = !face.user.empty() && !face.image.empty() && (face.user + face.image + face.id).find('/') == std::string::npos;
      if (names)
        faces.rows.push_back(std::move(face));
      else
        faces.broken.push_back({face.row(), "names no image: user_id and original_image are parts of a file's name"});
    }
  }
  return faces;
}

/// Which fold is in which split. In 5-fold, validation is drawn from the training folds.
Split split_of_fold(int fold, const Json& options) {
  if (options.at("protocol") == "paper") return fold < 3 ? Split::train : fold == 3 ? Split::validation : Split::test;
  return fold == options.value("fold", 0) ? Split::test : Split::train;
}

ImageTable read_adience(const Json& options, const std::string& target) {
  const fs::path root = options.at("root").get<std::string>();
  const bool aligned = options.at("faces") == "aligned", merged = options.at("labels") == "merged";
  Faces faces = read_folds(root);
  ImageTable table;
  table.files.root = root;
  table.broken = std::move(faces.broken);
  table.class_names = class_names(target);
  table.ordered = target == "age";
  table.folds = options.at("protocol") == "5-fold" && !options.contains("fold") ? adience_folds : 0;
  for (int fold = 0; fold < adience_folds; ++fold) table.listings.push_back(root / fold_name(fold));

  std::map<std::string, std::size_t> known;  // some images have several rows
  std::vector<std::string> users;
  std::vector<int> folds;
  for (const Face& face : faces.rows) {
    const int label = target == "age" ? age_label(face.age, merged) : gender_label(face.gender);
    const auto [entry, added] = known.emplace(face.file(aligned), table.files.names.size());
    if (added) {
      table.files.names.push_back(entry->first);
      table.rows.push_back(face.row());
      table.labels.push_back(label);
      users.push_back(face.user);
      folds.push_back(face.fold);
    } else if (table.labels[entry->second] < 0) {
      table.labels[entry->second] = label;
    } else if (label >= 0 && label != table.labels[entry->second]) {
      table.broken.push_back(
          {face.row(), fmt::format("gives {} another {} than {} does", entry->first, target, table.rows[entry->second])});
    }
  }
  for (std::size_t i = 0; i < table.labels.size(); ++i)
    if (table.labels[i] >= 0) table.splits[split_of_fold(folds[i], options)].push_back(static_cast<std::int64_t>(i));
  SplitOptions split;
  split.validation = options.at("validation");
  split.seed = options.at("split_seed");
  table.splits = complete_splits(table.labels, std::move(table.splits), {users, /*groups=*/true}, split, "data of format adience");
  return table;
}

/// How many subjects each split has, and how many are in more than one.
Json count_subjects(const Json& options, const std::string& target) {
  const ImageTable table = read_adience(options, target);
  std::map<std::string, std::set<Split>> splits_of;
  Json counts{{"shared", 0}};
  for (const Split split : all_splits) {
    std::set<std::string> subjects;
    for (const std::int64_t image : table.splits[split]) {
      const std::string user = fs::path(table.files.names[image]).parent_path().filename().string();
      subjects.insert(user);
      splits_of[user].insert(split);
    }
    counts[to_string(split)] = subjects.size();
  }
  counts["shared"] = std::count_if(splits_of.begin(), splits_of.end(), [](const auto& entry) { return entry.second.size() > 1; });
  return counts;
}

/// Rows by fold and class, before repeated images are merged.
Json describe_folds(const Json& options) {
  const Faces faces = read_folds(options.at("root").get<std::string>());
  const bool merged = options.at("labels") == "merged";
  Json folds = Json::array();
  for (int fold = 0; fold < adience_folds; ++fold) {
    Json counts{{"fold", fold}, {"rows", 0}, {"age", Json::object()}, {"gender", Json::object()}, {"age_total", 0}, {"gender_total", 0}};
    for (const char* target : {"age", "gender"})
      for (const std::string& name : class_names(target)) counts[target][name] = 0;
    std::map<std::string, int> rows_of;
    const auto count = [](Json& number) { number = number.get<int>() + 1; };
    for (const Face& face : faces.rows) {
      if (face.fold != fold) continue;
      count(counts["rows"]);
      ++rows_of[face.file(true)];
      if (const int age = age_label(face.age, merged); age >= 0) {
        count(counts["age"][age_groups[static_cast<std::size_t>(age)].name]);
        count(counts["age_total"]);
      }
      if (const int gender = gender_label(face.gender); gender >= 0) {
        count(counts["gender"][gender == 0 ? "m" : "f"]);
        count(counts["gender_total"]);
      }
    }
    counts["repeated"] = std::count_if(rows_of.begin(), rows_of.end(), [](const auto& entry) { return entry.second > 1; });
    folds.push_back(std::move(counts));
  }
  const fs::path root = options.at("root").get<std::string>();
  std::error_code error;
  const bool present = fs::is_directory(root / (options.at("faces") == "aligned" ? "aligned" : "faces"), error);
  return {{"folds", std::move(folds)},
          {"images_present", present},
          {"subjects", {{"age", count_subjects(options, "age")}, {"gender", count_subjects(options, "gender")}}}};
}

}  // namespace

DatasetEntry adience_format() {
  storage::Options options{
      {.name = "root", .kind = OptionKind::path, .doc = "folder of the fold files, aligned/ and faces/"},
      {.name = "faces",
       .kind = OptionKind::choice,
       .fallback = "aligned",
       .doc = "which of Adience's two crops",
       .choices = {"aligned", "coarse"}},
      {.name = "labels",
       .kind = OptionKind::choice,
       .fallback = "strict",
       .doc = "strict: the eight age groups as published; merged: other ages go to the nearest group, of two the older",
       .choices = {"strict", "merged"}},
      {.name = "protocol",
       .kind = OptionKind::choice,
       .fallback = "paper",
       .doc = "paper: folds 0 to 2 train, 3 validates, 4 tests; 5-fold: each fold tests once, and subjects drawn from the others validate",
       .choices = {"paper", "5-fold"}},
      {.name = "fold",
       .kind = OptionKind::integer,
       .doc = "5-fold: the fold that tests; all in turn if absent",
       .min = 0,
       .max = 4,
       .optional = true},
      {.name = "validation",
       .kind = OptionKind::real,
       .fallback = 0.15,
       .doc = "5-fold: share of the training images to validate on, whole subjects",
       .min = 0,
       .max = 1},
      {.name = "split_seed", .kind = OptionKind::integer, .fallback = 1, .doc = "seed of that draw", .min = 0},
      {.name = "images",
       .kind = OptionKind::choice,
       .fallback = "required",
       .doc = "optional: `nas-run validate` counts the labels where the faces are not there",
       .choices = {"required", "optional"}},
  };
  DatasetEntry entry =
      image_format("adience", "Adience: faces with age group and gender", std::move(options), {"age", "gender"}, read_adience);
  entry.details = describe_folds;
  return entry;
}

}  // namespace eval
