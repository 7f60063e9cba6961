#include "eval/data/image_dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <set>
#include <unordered_set>

#include "storage/base/error.h"
#include "storage/base/fingerprint.h"

namespace eval {
namespace {

namespace fs = std::filesystem;
using storage::Json;
using storage::OptionKind;

constexpr std::size_t shown_broken = 20;

Shape shape_of(const Json& options) {
  const int side = options.at("size");
  return {options.at("gray").get<bool>() ? 1 : 3, side, side};
}

ImageFrame frame_of(const Json& options) {
  return {.side = options.at("size").get<int>() + 2 * options.at("margin").get<int>(),
          .gray = options.at("gray"),
          .stretch = options.at("fit") == "stretch",
          .source_side = options.value("source_size", 0),
          .turn = options.at("orientation") == "exif"};
}

std::string name_of(const ImageTable& table, std::size_t image) {
  const std::string& file = table.files.names[image];
  return table.rows.empty() ? file : fmt::format("{} ({})", file, table.rows[image]);
}

[[noreturn]] void refuse(const std::string& format, const ImageTable& table, const std::vector<LeftOut>& broken) {
  std::string list;
  for (std::size_t i = 0; i < std::min(broken.size(), shown_broken); ++i)
    list += fmt::format("\n  {}: {}", broken[i].image, broken[i].reason);
  if (broken.size() > shown_broken) list += fmt::format("\n  and {} more", broken.size() - shown_broken);
  storage::refuse(fmt::format("data of format {}: {} of the images under {} cannot be used; `bad_images: skip` goes on without them{}",
                              format, broken.size(), table.files.root.string(), list));
}

/// Takes the broken images out of the splits.
void leave_out(ImageTable& table, const std::vector<std::pair<std::int64_t, std::string>>& broken) {
  std::unordered_set<std::int64_t> numbers;
  for (const auto& [image, reason] : broken) numbers.insert(image);
  for (const Split split : all_splits) {
    std::vector<std::int64_t>& images = table.splits[split];
    images.erase(std::remove_if(images.begin(), images.end(), [&](std::int64_t image) { return numbers.count(image) > 0; }), images.end());
  }
}

std::unique_ptr<Dataset> open_images(const std::string& format, const Json& options, ImageTable table, const DecodeOptions& decoding) {
  const bool skip = options.at("bad_images") == "skip";
  if (!table.broken.empty() && (!skip || table.files.names.empty())) refuse(format, table, table.broken);
  const ImageFrame frame = frame_of(options);
  DecodedImages decoded = cached_images(table.files, frame, decoding);
  std::vector<LeftOut> broken = std::move(table.broken);
  for (const auto& [image, reason] : decoded.broken) broken.push_back({name_of(table, static_cast<std::size_t>(image)), reason});
  if (!skip && !broken.empty()) refuse(format, table, broken);
  leave_out(table, decoded.broken);
  for (const Split split : all_splits) {
    if (table.splits[split].empty() && (split == Split::train || !is_unlabelled(options)))
      storage::refuse(
          fmt::format("data of format {}: no {} image under {} can be used", format, to_string(split), table.files.root.string()));
  }

  StoredImages images;
  images.shape = shape_of(options);
  images.margin = options.at("margin");
  images.pixels = std::move(decoded.pixels);
  images.content = std::move(decoded.content);
  images.labels = std::move(table.labels);
  images.class_names = std::move(table.class_names);
  images.ordered = table.ordered;
  images.splits = std::move(table.splits);
  images.left_out = std::move(broken);
  return std::make_unique<StoredDataset>(std::move(images));
}

/// Fails where a listing names a file twice, or puts an image into two splits.
void check_once(const std::string& format, const ImageTable& table) {
  std::unordered_set<std::string> names;
  for (std::size_t image = 0; image < table.files.names.size(); ++image)
    if (!names.insert(table.files.names[image]).second)
      storage::refuse(fmt::format("data of format {}: {} is listed a second time; valid: each image once", format, name_of(table, image)));
  std::vector<bool> taken(table.files.names.size());
  for (const Split split : all_splits)
    for (const std::int64_t image : table.splits[split]) {
      if (taken[static_cast<std::size_t>(image)])
        storage::refuse(fmt::format("data of format {}: {} is in two splits, or twice in one; valid: each image in one", format,
                                    name_of(table, static_cast<std::size_t>(image))));
      taken[static_cast<std::size_t>(image)] = true;
    }
}

/// The names and sizes of all files, and the content of the listings.
Json identity_of(const ImageTable& table) {
  std::string listing;
  for (const std::string& name : table.files.names) {
    std::error_code error;
    const std::uintmax_t bytes = fs::file_size(table.files.root / name, error);
    listing += fmt::format("{}\n{}\n", name, error ? -1 : static_cast<std::int64_t>(bytes));
  }
  Json listings = Json::array();
  for (const fs::path& file : table.listings) listings.push_back(storage::text_identity(file));
  Json identity{{"images", storage::sha256(listing)}, {"listings", std::move(listings)}};
  if (!table.drawn_from.empty()) identity["drawn_from"] = table.drawn_from;
  return identity;
}

DatasetInfo info_of(const Json& options, const ImageTable& table) {
  std::error_code error;
  return {.shape = shape_of(options),
          .classes = static_cast<int>(table.class_names.size()),
          .train = std::ssize(table.splits.train),
          .validation = std::ssize(table.splits.validation),
          .test = std::ssize(table.splits.test),
          .images = std::ssize(table.files.names),
          .folds = table.folds,
          .synthetic = fs::exists(table.files.root / synthetic_mark, error)};
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

}  // namespace

const storage::Options& image_options() {
  static const storage::Options options{
      {.name = "size",
       .kind = OptionKind::integer,
       .fallback = 224,
       .doc = "pixels a side of the images that a net takes",
       .min = 8,
       .max = 1024},
      {.name = "margin",
       .kind = OptionKind::integer,
       .fallback = 0,
       .doc = "pixels kept around that on each side: a crop in training shows them, evaluation takes the middle",
       .min = 0,
       .max = 256},
      {.name = "gray", .kind = OptionKind::boolean, .fallback = false, .doc = "one channel instead of red, green and blue"},
      {.name = "fit",
       .kind = OptionKind::choice,
       .fallback = "crop",
       .doc = "how other shapes become squares: crop keeps the middle, stretch keeps all",
       .choices = {"crop", "stretch"}},
      {.name = "orientation",
       .kind = OptionKind::choice,
       .fallback = "exif",
       .doc = "exif: pictures are turned as their files say, as viewers show them; ignore: they are taken as they lie",
       .choices = {"exif", "ignore"}},
      {.name = "source_size",
       .kind = OptionKind::integer,
       .doc = "pixels a side that every file must have",
       .min = 1,
       .max = 65535,
       .optional = true},
      {.name = "bad_images",
       .kind = OptionKind::choice,
       .fallback = "stop",
       .doc = "what a missing or broken image does: stop ends the run before training, skip leaves it out and records it",
       .choices = {"stop", "skip"}},
  };
  return options;
}

DatasetEntry image_format(std::string format, std::string doc, storage::Options options, std::vector<std::string> targets, ReadTable read) {
  options.insert(options.end(), image_options().begin(), image_options().end());
  const auto any_target = targets.empty() ? std::string() : targets.front();
  const ReadTable checked = [format, read](const Json& values, const std::string& target) {
    ImageTable table = read(values, target);
    check_once(format, table);
    return table;
  };
  return {format,
          std::move(doc),
          std::move(options),
          std::move(targets),
          [format, checked](const Json& values, const std::string& target, const DecodeOptions& decoding) {
            return open_images(format, values, checked(values, target), decoding);
          },
          [read, any_target](const Json& values) { return identity_of(read(values, any_target)); },
          [checked](const Json& values, const std::string& target) { return info_of(values, checked(values, target)); }};
}

namespace {

/// Pictures that are not decoded here: named rather than passed over.
bool is_other_image(const fs::path& path) {
  static const std::vector<std::string> endings{".gif", ".heic", ".heif", ".avif", ".jp2", ".ppm", ".pgm", ".jxl"};
  return std::find(endings.begin(), endings.end(), lower(path.extension().string())) != endings.end();
}

/// A link to a folder that it lies in itself.
bool leads_back(const fs::path& link) {
  std::error_code error;
  const fs::path target = fs::canonical(link, error), here = fs::canonical(link.parent_path(), error);
  return error || std::mismatch(target.begin(), target.end(), here.begin(), here.end()).first == target.end();
}

}  // namespace

std::vector<std::string> list_images(const fs::path& folder, std::vector<LeftOut>& unread) {
  std::vector<std::string> names;
  std::error_code error;
  fs::path last = folder;
  std::set<fs::path> linked;  // folders, by where links to them lead
  for (fs::recursive_directory_iterator entry(folder, fs::directory_options::follow_directory_symlink, error), end; !error && entry != end;
       entry.increment(error)) {
    last = entry->path();
    const std::string name = last.lexically_relative(folder).generic_string();
    std::error_code no_status;
    const fs::file_status status = entry->status(no_status);
    if (last.filename().string().front() == '.') {
      if (fs::is_directory(status)) entry.disable_recursion_pending();
    } else if (fs::is_directory(status)) {
      if (entry->is_symlink() && (leads_back(last) || !linked.insert(fs::canonical(last)).second))
        storage::refuse(
            fmt::format("{}: the link leads back to a folder that it lies in, or to one that another link leads to", last.string()));
    } else if (!fs::exists(status)) {
      unread.push_back({name, "is a link that leads nowhere"});
    } else if (fs::is_regular_file(status) && ends_as_image(lower(last.extension().string()))) {
      names.push_back(name);
    } else if (is_other_image(last)) {
      unread.push_back({name, fmt::format("is of a format that is not read; valid: {}", image_formats())});
    }
  }
  if (error) storage::refuse(fmt::format("{}: cannot be read: {}", last.string(), error.message()));
  std::sort(unread.begin(), unread.end(), [](const LeftOut& a, const LeftOut& b) { return a.image < b.image; });
  std::sort(names.begin(), names.end());
  return names;
}

void drop_unlabelled(ImageTable& table, bool was_drawn) {
  if (std::none_of(table.labels.begin(), table.labels.end(), [](std::int32_t label) { return label < 0; })) return;
  if (was_drawn) table.drawn_from = storage::sha256(fmt::format("{}", fmt::join(table.files.names, "\n")));
  std::vector<std::int64_t> number(table.labels.size(), -1);
  std::int64_t next = 0;
  for (std::size_t image = 0; image < number.size(); ++image) {
    if (table.labels[image] < 0) continue;
    number[image] = next++;
    const auto now = static_cast<std::size_t>(number[image]);
    table.labels[now] = table.labels[image];
    if (now == image) continue;
    table.files.names[now] = std::move(table.files.names[image]);
    if (!table.rows.empty()) table.rows[now] = std::move(table.rows[image]);
  }
  const auto kept = static_cast<std::size_t>(next);
  table.labels.resize(kept);
  table.files.names.resize(kept);
  if (!table.rows.empty()) table.rows.resize(kept);
  for (const Split split : all_splits)
    for (std::int64_t& image : table.splits[split]) image = number[static_cast<std::size_t>(image)];
}

namespace {

/// The number that a label begins with, as 0 of "0-2" and of "(0, 2)".
std::optional<double> leading_number(const std::string& label) {
  const char* begin = label.c_str() + (label.starts_with("(") ? 1 : 0);
  char* end = nullptr;
  const double number = std::strtod(begin, &end);
  return end == begin || !std::isfinite(number) ? std::nullopt : std::optional(number);
}

}  // namespace

std::vector<std::string> in_order(std::vector<std::string> labels, bool ordered) {
  const bool numbered =
      std::all_of(labels.begin(), labels.end(), [](const std::string& label) { return leading_number(label).has_value(); });
  if (ordered && !numbered)
    storage::refuse(
        fmt::format("ordered: the classes {} do not all begin with a number that would order them; valid: class_names, in their order",
                    fmt::join(labels, ", ")));
  const auto is_before = [](const std::string& a, const std::string& b) { return *leading_number(a) < *leading_number(b); };
  std::sort(labels.begin(), labels.end());
  if (ordered) std::stable_sort(labels.begin(), labels.end(), is_before);
  return labels;
}

void require_root(const fs::path& root, const std::string& what, const std::string& where_from) {
  std::error_code error;
  if (fs::is_directory(root, error)) return;
  storage::refuse(fmt::format("{}: no such folder; expected is {}. {}", root.string(), what, where_from));
}

}  // namespace eval
