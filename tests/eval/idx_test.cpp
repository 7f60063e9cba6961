#include <zlib.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "eval/data/dataset.h"
#include "storage/base/file.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/throws.h"

using namespace eval;
using Catch::Contains;
using storage::Json;
namespace fs = std::filesystem;

namespace {

using Bytes = std::string;

Bytes big_endian(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8), static_cast<char>(value)};
}

Bytes header(std::uint32_t magic, const std::vector<std::uint32_t>& dimensions) {
  Bytes bytes = big_endian(magic);
  for (const std::uint32_t dimension : dimensions) bytes += big_endian(dimension);
  return bytes;
}

Bytes gzipped(const Bytes& bytes) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes packed(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

/// A set of 20 training and 4 test images of 2 rows and 3 columns; pixel p of image i (over both files) is 10 * i + p, its label i mod 2.
struct IdxSet {
  support::TemporaryDirectory directory;
  Bytes train_images = images(0, 20), train_labels = labels(20), test_images = images(20, 4), test_labels = labels(4);

  static Bytes images(int first, int count) {
    Bytes bytes = header(0x803, {static_cast<std::uint32_t>(count), 2, 3});
    for (int i = first; i < first + count; ++i) {
      for (int pixel = 0; pixel < 6; ++pixel) bytes += static_cast<char>(10 * i + pixel);
    }
    return bytes;
  }

  static Bytes labels(int count) {
    Bytes bytes = header(0x801, {static_cast<std::uint32_t>(count)});
    for (int i = 0; i < count; ++i) bytes += static_cast<char>(i % 2);
    return bytes;
  }

  fs::path path(const char* name) const { return directory.path() / name; }

  /// Writes the four files raw and gives the settings that open them.
  Json write() const {
    storage::write_file(path("train-images-idx3-ubyte"), train_images);
    storage::write_file(path("train-labels-idx1-ubyte"), train_labels);
    storage::write_file(path("t10k-images-idx3-ubyte"), test_images);
    storage::write_file(path("t10k-labels-idx1-ubyte"), test_labels);
    return settings();
  }

  /// The training images are replaced by these bytes under the gzip name.
  Json write_with_gzip(const Bytes& packed) const {
    write();
    fs::remove(path("train-images-idx3-ubyte"));
    storage::write_file(path("train-images-idx3-ubyte.gz"), packed);
    return settings();
  }

  Json settings() const { return {{"format", "idx"}, {"root", directory.path().string()}, {"class_names", {"even", "odd"}}}; }
};

std::string idx_refusal(const Json& settings) {
  const storage::Error error = support::error_of([&] { open_dataset(settings); });
  CHECK(error.kind() == storage::ErrorKind::invalid);
  return error.what();
}

std::vector<int> pixels(const Dataset& data, std::int64_t image) {
  const std::span<const std::uint8_t> bytes = data.pixels(image);
  return {bytes.begin(), bytes.end()};
}

void check_contents(const Dataset& data) {
  CHECK(data.shape() == Shape{1, 2, 3});
  CHECK(data.labels().size() == 24);
  CHECK(data.labels()[0] == 0);
  CHECK(data.labels()[19] == 1);
  CHECK(data.labels()[20] == 0);
  CHECK(data.class_names() == std::vector<std::string>{"even", "odd"});
  CHECK(pixels(data, 0) == std::vector{0, 1, 2, 3, 4, 5});
  CHECK(pixels(data, 19) == std::vector{190, 191, 192, 193, 194, 195});
  CHECK(pixels(data, 20) == std::vector{200, 201, 202, 203, 204, 205});
  CHECK(pixels(data, 23) == std::vector{230, 231, 232, 233, 234, 235});
  CHECK(data.split(Split::train).size() == 18);
  CHECK(data.split(Split::validation).size() == 2);
  CHECK(data.split(Split::test).size() == 4);
  CHECK(data.split(Split::test)[0] == 20);
}

}  // namespace

TEST_CASE("digits are told by the names that are given, or by MNIST's first labels") {
  IdxSet set;
  Json settings = set.write();
  const auto digits = [&] { return describe_dataset(settings).digits; };
  CHECK_FALSE(digits());  // the names 0 to 9 are what a set gets that is given none
  settings["class_names"] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  CHECK(digits());
  settings["class_names"][3] = "three";
  CHECK_FALSE(digits());
  settings.erase("class_names");
  const Bytes mnist{5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5, 3, 6, 1, 7};
  set.train_labels.replace(8, mnist.size(), mnist);
  set.write();
  CHECK(digits());
}

TEST_CASE("IDX files are read raw, gzipped, and raw under the gzip name") {
  const IdxSet set;
  SECTION("raw") {
    check_contents(*open_dataset(set.write()));
  }
  SECTION("gzipped") {
    check_contents(*open_dataset(set.write_with_gzip(gzipped(set.train_images))));
  }
  SECTION("raw under the gzip name") {
    check_contents(*open_dataset(set.write_with_gzip(set.train_images)));
  }
}

TEST_CASE("padding surrounds each image with zeros") {
  const IdxSet set;
  Json settings = set.write();
  settings["pad"] = 1;
  const auto data = open_dataset(settings);
  CHECK(data->shape() == Shape{1, 4, 5});
  CHECK(pixels(*data, 1) == std::vector{0, 0, 0, 0, 0, 0, 10, 11, 12, 0, 0, 13, 14, 15, 0, 0, 0, 0, 0, 0});
  CHECK(pixels(*data, 20) == std::vector{0, 0, 0, 0, 0, 0, 200, 201, 202, 0, 0, 203, 204, 205, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("a sub-task has the classes it names, in their order") {
  IdxSet set;
  for (std::size_t i = 0; i < 20; ++i) set.train_labels[8 + i] = static_cast<char>(i % 4);
  for (std::size_t i = 0; i < 4; ++i) set.test_labels[8 + i] = static_cast<char>(i);
  Json settings = set.write();
  settings["class_names"] = {"a", "b", "c", "d"};
  settings["classes"] = {"d", "1"};
  const auto data = open_dataset(settings);
  CHECK(data->class_names() == std::vector<std::string>{"d", "b"});
  CHECK(data->labels()[3] == 0);
  CHECK(data->labels()[1] == 1);
  CHECK(data->labels()[0] == -1);
  CHECK(std::vector(data->split(Split::test).begin(), data->split(Split::test).end()) == std::vector<std::int64_t>{21, 23});
  const DatasetInfo info = describe_dataset(settings);
  CHECK(info.classes == 2);
  CHECK(info.train == 9);
  CHECK(info.validation == 1);
  CHECK(info.test == 2);

  settings["classes"] = {"d", "3"};
  CHECK_THAT(idx_refusal(settings), Contains("data of format idx: classes: 'd' is given twice"));
  settings["classes"] = {"d"};
  CHECK_THAT(idx_refusal(settings), Contains("classes: 1 given; valid: two or more"));
  settings["classes"] = {"d", "e"};
  CHECK_THAT(idx_refusal(settings), Contains("classes: no class is called 'e'") && Contains("or by number: 0 to 3"));
}

TEST_CASE("the split's options reach the split") {
  const IdxSet set;
  Json settings = set.write();
  settings["validation_images"] = 4;
  settings["train_images"] = 10;
  settings["test_images"] = 3;
  const auto data = open_dataset(settings);
  CHECK(data->split(Split::validation).size() == 4);
  CHECK(data->split(Split::train).size() == 10);
  CHECK(data->split(Split::test).size() == 3);
  settings["train_images"] = 17;
  CHECK_THAT(idx_refusal(settings), Contains("data of format idx: train_images would be 17 images; valid are 1 to 16"));
}

TEST_CASE("a description from the headers says what opening gives") {
  const IdxSet set;
  Json settings = set.write_with_gzip(gzipped(set.train_images));
  settings["pad"] = 1;
  settings["validation_images"] = 4;
  settings["test_images"] = 3;
  const DatasetInfo info = describe_dataset(settings);
  CHECK(info.shape == Shape{1, 4, 5});
  CHECK(info.classes == 2);
  CHECK(info.train == 16);
  CHECK(info.validation == 4);
  CHECK(info.test == 3);
}

TEST_CASE("classes are called 0 to 9 unless named, and labels must be among them") {
  IdxSet set;
  Json settings = set.write();
  settings.erase("class_names");
  CHECK(open_dataset(settings)->class_names() == std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"});
  settings["class_names"] = {"a", "a"};
  CHECK_THAT(idx_refusal(settings), Contains("class_names: 2 names, 1 distinct"));
  settings["class_names"] = Json::array();
  CHECK_THAT(idx_refusal(settings), Contains("class_names: 0 names"));
  set.test_labels.back() = 2;
  CHECK_THAT(idx_refusal(set.write()), Contains("t10k-labels-idx1-ubyte") && Contains("label 2 of image 3 is not in [0, 1]"));
  set.test_labels.back() = '\xff';
  CHECK_THAT(idx_refusal(set.write()), Contains("label 255 of image 3"));
}

TEST_CASE("a folder without the files says what is expected and where the data come from") {
  const IdxSet set;
  CHECK_THAT(idx_refusal({{"format", "idx"}, {"root", (set.directory.path() / "none").string()}}),
             Contains("none") && Contains("train-images-idx3-ubyte") && Contains("dataset-fashion-mnist"));
  set.write();
  fs::remove(set.path("t10k-labels-idx1-ubyte"));
  CHECK_THAT(idx_refusal(set.settings()), Contains("holds no file t10k-labels-idx1-ubyte[.gz]"));
  fs::create_directory(set.path("t10k-labels-idx1-ubyte"));
  CHECK_THAT(idx_refusal(set.settings()), Contains("holds no file t10k-labels-idx1-ubyte[.gz]"));
}

TEST_CASE("raw files whose header and size disagree are refused") {
  IdxSet set;
  SECTION("empty") {
    set.train_images.clear();
    CHECK_THAT(idx_refusal(set.write()), Contains("train-images-idx3-ubyte: ends after 0 bytes of 16"));
  }
  SECTION("cut in the header") {
    set.train_labels.resize(7);
    CHECK_THAT(idx_refusal(set.write()), Contains("train-labels-idx1-ubyte: ends after 7 bytes of 8"));
  }
  SECTION("labels where images should be") {
    set.train_images = set.train_labels;
    CHECK_THAT(idx_refusal(set.write()), Contains("begins with 0x00000801") && Contains("0x00000803"));
  }
  SECTION("another element type") {
    set.train_images[2] = 0x0d;
    CHECK_THAT(idx_refusal(set.write()), Contains("begins with 0x00000d03"));
  }
  SECTION("a byte too few") {
    set.train_images.pop_back();
    CHECK_THAT(idx_refusal(set.write()), Contains("declares 20 x 2 x 3, which is 136 bytes, but has 135"));
  }
  SECTION("a byte too many") {
    set.test_labels += '\0';
    CHECK_THAT(idx_refusal(set.write()), Contains("declares 4, which is 12 bytes, but has 13"));
  }
  SECTION("more images than memory") {
    set.train_images = header(0x803, {0xffffffff, 4096, 4096});
    CHECK_THAT(idx_refusal(set.write()), Contains("declares 4294967295 x 4096 x 4096"));
  }
  SECTION("no images") {
    set.train_images = header(0x803, {0, 2, 3});
    CHECK_THAT(idx_refusal(set.write()), Contains("declares no entries"));
  }
  SECTION("no pixels") {
    set.train_images = header(0x803, {20, 0, 3});
    CHECK_THAT(idx_refusal(set.write()), Contains("an image has 1 to 4096 pixels a side"));
  }
  SECTION("images too wide") {
    set.train_images = header(0x803, {1, 1, 4097});
    CHECK_THAT(idx_refusal(set.write()), Contains("an image has 1 to 4096 pixels a side"));
  }
  SECTION("fewer labels than images") {
    set.train_labels = IdxSet::labels(19);
    CHECK_THAT(idx_refusal(set.write()), Contains("train-labels-idx1-ubyte: has 19 labels for 20 images"));
  }
  SECTION("test images of another size") {
    set.test_images = header(0x803, {4, 3, 2}) + Bytes(24, '\0');
    CHECK_THAT(idx_refusal(set.write()), Contains("t10k-images-idx3-ubyte: has images of another size (4 x 3 x 2)"));
  }
}

TEST_CASE("damaged gzip files are refused") {
  const IdxSet set;
  const Bytes good = gzipped(set.train_images);
  SECTION("cut in the data") {
    CHECK_THAT(idx_refusal(set.write_with_gzip(good.substr(0, good.size() - 30))), Contains("train-images-idx3-ubyte.gz: ends after"));
  }
  SECTION("cut in the checksum") {
    CHECK_THAT(idx_refusal(set.write_with_gzip(good.substr(0, good.size() - 6))), Contains("ends inside its gzip stream"));
  }
  SECTION("wrong checksum") {
    Bytes bad = good;
    bad[bad.size() - 8] = static_cast<char>(bad[bad.size() - 8] ^ 1);
    CHECK_THAT(idx_refusal(set.write_with_gzip(bad)), Contains("is damaged") && Contains("incorrect data check"));
  }
  SECTION("invalid stream") {
    Bytes bad = good;
    bad[10] = '\x07';  // a block of the reserved type
    CHECK_THAT(idx_refusal(set.write_with_gzip(bad)), Contains("is damaged after 0 bytes of 16"));
  }
  SECTION("more than the header declares: a bomb stops at the declared size") {
    const Bytes bomb = gzipped(set.train_images + Bytes(1 << 20, '\0'));
    CHECK_THAT(idx_refusal(set.write_with_gzip(bomb)), Contains("goes on after the 136 bytes that its header (20 x 2 x 3) asks for"));
  }
  SECTION("more declared than the file can hold") {
    const Bytes huge = gzipped(header(0x803, {0xffffffff, 28, 28}) + Bytes(1000, '\0'));
    CHECK_THAT(idx_refusal(set.write_with_gzip(huge)), Contains("declares 4294967295 x 28 x 28") && Contains("too few to hold them"));
  }
  SECTION("more declared than there is, though the file could hold it") {
    const Bytes shorter = gzipped(header(0x803, {20, 2, 3}) + Bytes(100, '\0'));
    CHECK_THAT(idx_refusal(set.write_with_gzip(shorter)), Contains("ends after 116 bytes of 136"));
  }
}

TEST_CASE("settings are checked: format, keys, ranges") {
  const IdxSet set;
  const Json good = set.write();
  CHECK_THAT(idx_refusal(Json::object()), Contains("'format' is missing") && Contains("idx"));
  CHECK_THAT(idx_refusal({{"format", "idk"}}), Contains("data format 'idk' is not known (did you mean 'idx'?)"));
  Json settings = good;
  settings["paddin"] = 2;
  CHECK_THAT(idx_refusal(settings), Contains("data of format idx") && Contains("did you mean 'pad'?"));
  settings = good;
  settings["pad"] = -1;
  CHECK_THAT(idx_refusal(settings), Contains("pad"));
  CHECK(dataset_entry("idx").targets.empty());
}

TEST_CASE("the identity follows content and options, not place or spelled-out defaults") {
  IdxSet set, copy;
  const Json identity = dataset_identity(set.write());
  CHECK(dataset_identity(copy.write()) == identity);
  Json settings = set.settings();
  settings["pad"] = 0;
  settings["split_seed"] = 1;
  CHECK(dataset_identity(settings) == identity);
  settings["pad"] = 2;
  CHECK(dataset_identity(settings) != identity);
  set.test_labels.back() = 0;
  CHECK(dataset_identity(set.write()) != identity);
}

TEST_CASE("the content is a hash of all labels, then all pixels, wherever in a file they change") {
  IdxSet set;
  // hashlib.sha256 of 20 and 4 labels, 0 and 1 in turn, and of 24 images of 6 bytes.
  const std::string hash = "c5e8ee72fa4da4ef090d022428c13f5199a9d21af3482817b69792f041f3a1df";
  CHECK(open_dataset(set.write())->content() == hash);
  CHECK(open_dataset(set.write_with_gzip(gzipped(set.train_images)))->content() == hash);
  constexpr int many = 30000;  // 180 KB of pixels: more than the ends that the identity looks at
  set.train_images = IdxSet::images(0, many);
  set.train_labels = IdxSet::labels(many);
  const Json identity = dataset_identity(set.write());
  const std::string before = open_dataset(set.settings())->content();
  char& middle = set.train_images[16 + 90000];
  middle = static_cast<char>(middle + 1);
  CHECK(dataset_identity(set.write()) == identity);
  CHECK(open_dataset(set.settings())->content() != before);
  middle = static_cast<char>(middle - 1);
  CHECK(open_dataset(set.write())->content() == before);
  set.train_labels[8 + 100] = 1;
  CHECK(open_dataset(set.write())->content() != before);
}

TEST_CASE("splits have names") {
  CHECK(to_string(Split::train) == "train");
  CHECK(to_string(Split::validation) == "validation");
  CHECK(to_string(Split::test) == "test");
}

TEST_CASE("Fashion-MNIST as Debian installs it, where it is installed") {
  if (!fs::exists("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz")) return;
  const auto data = open_dataset({{"format", "idx"}, {"pad", 2}});
  CHECK(data->shape() == Shape{1, 32, 32});
  CHECK(data->labels().size() == 70000);
  CHECK(data->split(Split::train).size() == 54000);
  std::vector<int> counts(10);
  for (const std::int64_t image : data->split(Split::validation)) ++counts[data->labels()[image]];
  CHECK(counts == std::vector<int>(10, 600));
}

TEST_CASE("the four files lie where torchvision puts them, or have a dot in their names") {
  const IdxSet set;
  Json settings = set.write();
  const auto content = [](const Json& of) {
    const auto data = open_dataset(of);
    return std::vector<std::uint8_t>(data->pixels(23).begin(), data->pixels(23).end());
  };
  const std::vector<std::uint8_t> last{230, 231, 232, 233, 234, 235};
  REQUIRE(content(settings) == last);
  const fs::path raw = set.directory.path() / "tv" / "MNIST" / "raw";
  fs::create_directories(raw);
  for (const char* name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"})
    fs::copy_file(set.path(name), raw / name);
  settings["root"] = (set.directory.path() / "tv").string();
  CHECK(content(settings) == last);
  fs::rename(raw / "train-images-idx3-ubyte", raw / "train-images.idx3-ubyte");
  CHECK(content(settings) == last);
  fs::create_directories(set.directory.path() / "tv" / "FashionMNIST");
  fs::copy(raw, set.directory.path() / "tv" / "FashionMNIST" / "raw", fs::copy_options::recursive);
  CHECK_THAT(support::error_of([&] { open_dataset(settings); }).what(),
             Contains("MNIST/raw and in ") && Contains("valid: one of these as root"));
}
