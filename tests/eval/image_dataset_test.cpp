#include "eval/data/image_dataset.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <set>
#include <thread>

#include "storage/base/file.h"
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

/// A folder of image files, and a cache of its own.
struct Images {
  support::TemporaryDirectory directory;
  support::CacheHome cache;

  fs::path root() const { return directory.path(); }
  void write(const std::string& name, std::uint8_t value) const { support::write_gray(root() / name, value); }

  Json settings(const Json& more = Json::object()) const {
    Json settings{{"format", "folder"}, {"root", root().string()}, {"size", 16}, {"gray", true}};
    settings.update(more);
    return settings;
  }
  std::string message(const Json& more = Json::object()) const {
    return support::error_of([&] { open_dataset(settings(more)); }).what();
  }
};

/// 20 cats of value 10 and up, 20 dogs of value 100 and up, without folders for splits.
void write_pets(const Images& images) {
  for (int i = 0; i < 20; ++i) {
    images.write("cat/" + std::to_string(i) + ".jpg", static_cast<std::uint8_t>(10 + i));
    images.write("dog/" + std::to_string(i) + ".JPEG", static_cast<std::uint8_t>(100 + i));
  }
}

std::set<std::int64_t> all_images(const Dataset& data) {
  std::set<std::int64_t> images;
  for (const Split split : all_splits) images.insert(data.split(split).begin(), data.split(split).end());
  return images;
}

/// The values of a split's images, which are plain.
std::set<int> values(const Dataset& data, Split split) {
  std::set<int> values;
  for (const std::int64_t image : data.split(split)) values.insert(data.pixels(image)[100]);
  return values;
}

}  // namespace

TEST_CASE("folders of classes are split by class and name, every image once") {
  const Images images;
  write_pets(images);
  images.write(".hidden/0.jpg", 1);
  support::write_bytes(images.root() / "cat/notes.txt", "not an image");
  const auto data = open_dataset(images.settings({{"test", 0.2}, {"validation", 0.25}}));
  CHECK(data->class_names() == std::vector<std::string>{"cat", "dog"});
  CHECK(data->shape() == Shape{1, 16, 16});
  CHECK(data->split(Split::test).size() == 8);
  CHECK(data->split(Split::validation).size() == 8);
  CHECK(data->split(Split::train).size() == 24);
  CHECK(all_images(*data).size() == 40);
  for (const Split split : all_splits) {
    std::int64_t dogs = 0;
    for (const std::int64_t image : data->split(split)) {
      CHECK(data->labels()[image] == (data->pixels(image)[0] > 60 ? 1 : 0));
      dogs += data->labels()[image];
    }
    CHECK(2 * dogs == std::ssize(data->split(split)));
  }
}

TEST_CASE("an image keeps its split when others come") {
  const Images images;
  write_pets(images);
  const std::set<int> before = values(*open_dataset(images.settings()), Split::test);
  for (int i = 20; i < 30; ++i) images.write("cat/" + std::to_string(i) + ".jpg", static_cast<std::uint8_t>(40 + i));
  const std::set<int> after = values(*open_dataset(images.settings()), Split::train);
  // Five test images join: none of the old ones had to leave for training, unless ten newcomers all hash below it.
  std::size_t moved = 0;
  for (const int value : before) moved += after.count(value);
  CHECK(moved <= 2);
  CHECK(values(*open_dataset(images.settings({{"split_seed", 2}})), Split::test) != values(*open_dataset(images.settings()), Split::test));
}

TEST_CASE("train, val and test folders are splits; ImageNet's val is what results are told of") {
  const Images images;
  for (const char* split : {"train", "val", "test"})
    for (int i = 0; i < 10; ++i)
      for (const char* name : {"a", "b"})
        images.write(std::string(split) + "/" + name + "/" + std::to_string(i) + ".jpg", split[0] == 't' ? split[1] : 'v');
  const auto whole = open_dataset(images.settings());
  CHECK(values(*whole, Split::train) == std::set<int>{'r'});
  CHECK(values(*whole, Split::validation) == std::set<int>{'v'});
  CHECK(values(*whole, Split::test) == std::set<int>{'e'});
  fs::remove_all(images.root() / "test");
  const auto imagenet = open_dataset(images.settings({{"validation", 0.1}}));
  CHECK(values(*imagenet, Split::test) == std::set<int>{'v'});
  CHECK(imagenet->split(Split::validation).size() == 2);
  CHECK(imagenet->split(Split::train).size() == 18);
  images.write("val/c/0.jpg", 1);
  CHECK_THAT(images.message(), EndsWith("val/c/0.jpg: is of a class that has no training image"));
}

TEST_CASE("names of splits are known in any case; classes named as splits, one class and empty ones are refused") {
  const Images images;
  for (const char* split : {"Training", "Testing"})
    for (int i = 0; i < 4; ++i) {
      images.write(std::string(split) + "/cat/" + std::to_string(i) + ".png", 10);
      images.write(std::string(split) + "/dog/" + std::to_string(i) + ".png", 100);
    }
  const std::unique_ptr<Dataset> data = open_dataset(images.settings());
  CHECK(data->class_names() == std::vector<std::string>{"cat", "dog"});
  CHECK(data->split(Split::test).size() == 8);

  const Images no_training;
  no_training.write("val/cat/1.png", 10);
  no_training.write("test/cat/1.png", 10);
  CHECK_THAT(no_training.message(), Contains("holds test, val, named as splits, and no folder for training"));
  const Images one;
  one.write("cat/1.png", 10);
  CHECK_THAT(one.message(), Contains("holds one class, 'cat'"));
  const Images empty;
  write_pets(empty);
  fs::create_directory(empty.root() / "emu");
  CHECK_THAT(empty.message(), Contains("emu: holds no JPEG, PNG, BMP, TIFF or WebP file"));
}

TEST_CASE("images that cannot be read are named, and no file is passed over") {
  const Images images;
  write_pets(images);
  support::write_bytes(images.root() / "dog/9.HEIC", "BM");
  CHECK_THAT(images.message(), Contains("1 of the images under") && Contains("`bad_images: skip` goes on") &&
                                   Contains("\n  dog/9.HEIC: is of a format that is not read; valid: JPEG, PNG"));
  const auto rest = open_dataset(images.settings({{"bad_images", "skip"}}));
  CHECK(rest->labels().size() == 40);
  CHECK(rest->left_out().size() == 1);
  fs::remove(images.root() / "dog/9.HEIC");
  support::write_bytes(images.root() / "dog/notes.txt", "no image, and none is expected");
  CHECK(open_dataset(images.settings())->labels().size() == 40);
  fs::create_symlink("gone.png", images.root() / "cat/link.png");
  CHECK_THAT(images.message(), Contains("cat/link.png: is a link that leads nowhere"));
  fs::remove(images.root() / "cat/link.png");
  fs::create_symlink("../cat/0.jpg", images.root() / "dog/linked.jpg");
  CHECK(open_dataset(images.settings())->labels().size() == 41);
  fs::create_directory_symlink("..", images.root() / "cat/again");
  CHECK_THAT(images.message(), Contains("cat/again: the link leads back"));
  // Two folders that link to each other have 2^40 paths; one that two links lead to would be there twice.
  fs::remove(images.root() / "cat/again");
  for (const char* link : {"one", "two"}) {
    fs::create_directory_symlink("../dog", images.root() / "cat" / link);
    fs::create_directory_symlink("../cat", images.root() / "dog" / link);
  }
  CHECK_THAT(images.message(), Contains("or to one that another link leads to"));
}

TEST_CASE("ordered classes are in the order of their numbers") {
  const Images images;
  for (const char* age : {"0-2", "3-9", "10-19"})
    for (int i = 0; i < 4; ++i) images.write(std::string(age) + "/" + std::to_string(i) + ".png", 10);
  CHECK(open_dataset(images.settings({{"ordered", true}}))->class_names() == std::vector<std::string>{"0-2", "3-9", "10-19"});
  CHECK(open_dataset(images.settings())->class_names() == std::vector<std::string>{"0-2", "10-19", "3-9"});
  const Images pets;
  write_pets(pets);
  CHECK_THAT(pets.message({{"ordered", true}}), Contains("cat, dog do not all begin with a number"));
}

TEST_CASE("the margin is kept around the image that a net takes") {
  const Images images;
  write_pets(images);
  const auto data = open_dataset(images.settings({{"size", 8}, {"margin", 4}}));
  CHECK(data->shape() == Shape{1, 8, 8});
  CHECK(data->margin() == 4);
  CHECK(data->pixels(0).size() == 16 * 16);
  CHECK(describe_dataset(images.settings({{"size", 8}, {"margin", 4}})).shape == Shape{1, 8, 8});
}

TEST_CASE("broken images stop the run with a list, or are left out and counted") {
  const Images images;
  write_pets(images);
  support::write_bytes(images.root() / "cat/3.jpg", "");
  support::write_bytes(images.root() / "dog/7.JPEG", "no image");
  CHECK(images.message() == "data of format folder: 2 of the images under " + images.root().string() +
                                " cannot be used; `bad_images: skip` goes on without them\n"
                                "  cat/3.jpg: is empty\n"
                                "  dog/7.JPEG: is no JPEG, PNG, BMP, TIFF or WebP: it begins with 6e 6f 20 69");
  const auto data = open_dataset(images.settings({{"bad_images", "skip"}}));
  CHECK(all_images(*data).size() == 38);
  REQUIRE(data->left_out().size() == 2);
  CHECK(data->left_out()[0].image == "cat/3.jpg");
  CHECK(data->left_out()[0].reason == "is empty");
}

TEST_CASE("of many broken images the first twenty are told, and how many more there are") {
  const Images images;
  for (int i = 0; i < 25; ++i) support::write_bytes(images.root() / ("a/" + std::to_string(100 + i) + ".jpg"), "");
  images.write("b/0.jpg", 1);
  const std::string message = images.message();
  CHECK_THAT(message, Contains(": 25 of the images under ") && EndsWith("\n  a/119.jpg: is empty\n  and 5 more"));
}

TEST_CASE("files of another size than asked for are broken") {
  const Images images;
  write_pets(images);
  support::write_bytes(images.root() / "dog/7.JPEG", support::jpeg_bytes(20, 16, support::plain_pixels(20, 16, {1})));
  CHECK_THAT(images.message({{"source_size", 16}}), EndsWith("\n  dog/7.JPEG: has 20 x 16 pixels, not 16 x 16"));
}

TEST_CASE("a root that is missing or empty says what was expected") {
  const Images images;
  Json settings = images.settings();
  settings["root"] = (images.root() / "nowhere").string();
  CHECK_THAT(support::error_of([&] { describe_dataset(settings); }).what(),
             Contains("nowhere: no such folder; expected is a folder a class") && Contains("image-net.org"));
  CHECK_THAT(support::error_of([&] { describe_dataset(images.settings()); }).what(),
             EndsWith(": holds no JPEG, PNG, BMP, TIFF or WebP file in a folder of a class"));
  images.write("0.jpg", 1);
  CHECK_THAT(support::error_of([&] { describe_dataset(images.settings()); }).what(), EndsWith("0.jpg: lies in no folder of a class"));
}

TEST_CASE("the identity is that of the files, wherever they lie") {
  const Images images, elsewhere;
  write_pets(images);
  write_pets(elsewhere);
  CHECK(dataset_identity(images.settings()) == dataset_identity(elsewhere.settings()));
  support::write_bytes(elsewhere.root() / "cat/3.jpg", "another size");
  CHECK(dataset_identity(images.settings()) != dataset_identity(elsewhere.settings()));
  CHECK(dataset_identity(images.settings()) != dataset_identity(images.settings({{"size", 8}})));
}

TEST_CASE("images are decoded once, and again when a file is replaced") {
  const Images images;
  write_pets(images);
  std::atomic<int> decoded{0};
  const DecodeOptions counting{0, [&](std::int64_t, std::int64_t) { ++decoded; }};
  open_dataset(images.settings(), "", counting);
  CHECK(decoded == 40);
  open_dataset(images.settings(), "", counting);
  CHECK(decoded == 40);
  images.write("cat/0.jpg", 200);
  CHECK(values(*open_dataset(images.settings(), "", counting), Split::train).count(200) +
            values(*open_dataset(images.settings()), Split::validation).count(200) +
            values(*open_dataset(images.settings()), Split::test).count(200) ==
        1);
  CHECK(decoded == 80);
}

TEST_CASE("of several that ask at once, one decodes") {
  const Images images;
  write_pets(images);
  std::atomic<int> decoded{0};
  const DecodeOptions counting{0, [&](std::int64_t, std::int64_t) { ++decoded; }};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { open_dataset(images.settings(), "", counting); });
  for (std::thread& thread : threads) thread.join();
  CHECK(decoded == 40);
}

TEST_CASE("images without labels are all for training, but for a part and a number that the options say") {
  const Images images;
  write_pets(images);
  const auto taken = [&](const Json& more) {
    Json settings = images.settings(more);
    settings["labels"] = "none";
    const auto data = open_dataset(settings);
    CHECK(data->split(Split::validation).empty());
    CHECK(data->split(Split::test).empty());
    return values(*data, Split::train);
  };
  const std::set<int> all = taken(Json::object()), first = taken({{"part_to", 0.5}}), second = taken({{"part_from", 0.5}}), both = [&] {
    std::set<int> joined = first;
    joined.insert(second.begin(), second.end());
    return joined;
  }();
  CHECK(all.size() == 40);
  CHECK(both == all);
  CHECK(first.size() + second.size() == 40);
  CHECK(first.size() > 5);
  CHECK(second.size() > 5);
  CHECK(taken({{"train_images", 7}}).size() == 7);
  CHECK_THAT(images.message({{"labels", "none"}, {"train_images", 41}}), EndsWith("train_images would be 41 images; valid are 1 to 40"));
  CHECK_THAT(images.message({{"labels", "none"}, {"part_from", 0.5}, {"part_to", 0.5}}), Contains("is not below part_to"));
  CHECK_THAT(images.message({{"labels", "none"}, {"test_images", 3}}),
             EndsWith("images without labels have no test_images; valid: train_images, part_from, part_to"));
}

TEST_CASE("a description that is damaged, or pixels that are missing, mean decoding anew") {
  const Images images;
  write_pets(images);
  open_dataset(images.settings());
  REQUIRE(cached_sets().size() == 1);
  const fs::path pixels = cached_sets()[0].file;
  storage::write_file(fs::path(pixels).replace_extension(".json"), "{");
  CHECK(open_dataset(images.settings())->labels().size() == 40);
  fs::resize_file(pixels, 100);
  CHECK(values(*open_dataset(images.settings()), Split::train).size() > 10);
}

TEST_CASE("a set that other processes remove while it is opened is decoded anew") {
  const Images images;
  write_pets(images);
  std::atomic<bool> done{false};
  const auto remove_all = [&] {
    while (!done)
      for (const CachedSet& set : cached_sets())
        if (set.file.extension() == ".pixels") remove_cached(set);
  };
  std::thread one(remove_all), other(remove_all);
  const std::int64_t limit = 40 * 16 * 16;  // so that each opening looks for sets that make room
  for (int i = 0; i < 50; ++i) CHECK_NOTHROW(open_dataset(images.settings(), "", {limit, {}}));
  done = true;
  one.join();
  other.join();
}

TEST_CASE("the cache keeps under its limit: what was not used for longest goes, too much is refused") {
  const Images images;
  write_pets(images);
  const std::int64_t bytes = 40 * 16 * 16;
  open_dataset(images.settings());
  open_dataset(images.settings({{"size", 8}, {"margin", 4}}), "", {bytes * 2, {}});  // the same pixels: one set
  REQUIRE(cached_sets().size() == 1);
  open_dataset(images.settings({{"fit", "stretch"}}), "", {bytes * 2, {}});
  CHECK(cached_sets().size() == 2);
  open_dataset(images.settings());
  open_dataset(images.settings({{"source_size", 16}}), "", {bytes * 2, {}});
  CHECK(cached_sets().size() == 2);
  const storage::Error error = support::error_of([&] { open_dataset(images.settings({{"size", 1024}}), "", {1 << 20, {}}); });
  CHECK(error.kind() == storage::ErrorKind::environment);
  CHECK_THAT(error.what(), Contains("the images need 40 MiB, and cache_limit allows 1 MiB"));
  for (const CachedSet& set : cached_sets()) remove_cached(set);
  CHECK(cached_sets().empty());
}

TEST_CASE("Tiny ImageNet's own tree: a list names the classes of val/images, test/images have none") {
  const Images images;
  for (int i = 0; i < 10; ++i) {
    images.write("train/n01/images/n01_" + std::to_string(i) + ".JPEG", static_cast<std::uint8_t>(10 + i));
    images.write("train/n02/images/n02_" + std::to_string(i) + ".JPEG", static_cast<std::uint8_t>(100 + i));
  }
  images.write("val/images/val_0.JPEG", 30);
  images.write("val/images/val_1.JPEG", 130);
  images.write("test/images/test_0.JPEG", 200);
  const std::string list = "val_0.JPEG\tn01\t0\t0\t15\t15\n";
  support::write_bytes(images.root() / "val/val_annotations.txt", list + "val_1.JPEG\tn02\t1\t1\t9\t9\n");
  const auto data = open_dataset(images.settings());
  CHECK(data->class_names() == std::vector<std::string>{"n01", "n02"});
  CHECK(values(*data, Split::test) == std::set<int>{30, 130});  // validation is drawn from the training images
  for (const std::int64_t image : data->split(Split::test)) CHECK(data->labels()[image] == (data->pixels(image)[100] == 130 ? 1 : 0));
  CHECK(all_images(*data).size() == 22);
  support::write_bytes(images.root() / "val/val_annotations.txt", list);
  CHECK_THAT(images.message(), EndsWith("val/val_annotations.txt: does not name val/images/val_1.JPEG"));
}

TEST_CASE("the content of image files is hashed with their decoding") {
  const Images images;
  write_pets(images);
  const std::string before = open_dataset(images.settings())->content();
  CHECK(before == open_dataset(images.settings())->content());
  const Json identity = dataset_identity(images.settings());
  const auto swap = [&](const char* one, const char* other) {
    fs::rename(images.root() / one, images.root() / "swapped");
    fs::rename(images.root() / other, images.root() / one);
    fs::rename(images.root() / "swapped", images.root() / other);
  };
  REQUIRE(fs::file_size(images.root() / "cat/0.jpg") == fs::file_size(images.root() / "dog/0.JPEG"));
  swap("cat/0.jpg", "dog/0.JPEG");  // names and sizes stay
  CHECK(dataset_identity(images.settings()) == identity);
  CHECK(open_dataset(images.settings())->content() != before);
  swap("cat/0.jpg", "dog/0.JPEG");
  CHECK(open_dataset(images.settings())->content() == before);
}

TEST_CASE("folders' test images are drawn from all classes, so that a task of some of them tests on none that others train on") {
  const Images images;
  const int sizes[] = {23, 27, 24, 25, 26};  // 125 images: how many of a class are drawn depends on the others
  for (int c = 0; c < 5; ++c)
    for (int i = 0; i < sizes[c]; ++i)
      images.write(std::string(1, static_cast<char>('a' + c)) + "/" + std::to_string(i) + ".png", static_cast<std::uint8_t>(50 * c + i));
  const Json drawn{{"test", 0.17}};
  const std::set<int> all = values(*open_dataset(images.settings(drawn)), Split::test);
  for (const Json& classes : {Json{"b", "e"}, Json{"d", "a", "c"}, Json{"e", "d", "c", "b"}}) {
    const auto data = open_dataset(images.settings({{"test", 0.17}, {"classes", classes}}));
    CHECK(data->class_names() == classes.get<std::vector<std::string>>());
    for (const int value : values(*data, Split::test)) CHECK(all.contains(value));
    for (const Split split : {Split::train, Split::validation})
      for (const int value : values(*data, split)) CHECK_FALSE(all.contains(value));
    const auto identity = [&] { return dataset_identity(images.settings({{"test", 0.17}, {"classes", classes}})); };
    const Json before = identity();
    images.write("a/new.png", 1);  // of a class that is left out, or not: either way others may be drawn for the test
    CHECK(identity() != before);
    fs::remove(images.root() / "a/new.png");
    for (const std::int64_t image : all_images(*data))
      CHECK(classes[static_cast<std::size_t>(data->labels()[image])] ==
            std::string(1, static_cast<char>('a' + data->pixels(image)[0] / 50)));
  }
}
