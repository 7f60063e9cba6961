#include "eval/data/face_attributes.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <set>

#include "eval/data/dataset.h"
#include "eval/samples/mat_writer.h"
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

/// LFWA with six images and two attributes: Smiling has 1 0 1 0 1 0, Male 1 1 1 0 0 0.
struct Lfwa {
  support::TemporaryDirectory directory;
  support::CacheHome cache;
  std::vector<std::string> names{"Ann_Abel\\Ann_Abel_0001.jpg", "Bob_de_Rook\\Bob_de_Rook_0001.jpg", "Cher\\Cher_0001.jpg",
                                 "Ann_Abel\\Ann_Abel_0002.jpg", "Dan_Zoe\\Dan_Zoe_0001.jpg",         "Eve_Quast\\Eve_Quast_0001.jpg"};
  std::vector<double> train{1, 2, 3, 4, 5}, test{6};

  Json write() const {
    MatWriter attributes, indices;
    attributes.texts("name", names);
    attributes.texts("AttrName", {"Smiling", "Male"});
    attributes.matrix("label", 6, 2, {1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 0, 0});
    indices.matrix("indices_img_train", train.size(), 1, train);
    indices.matrix("indices_img_test", test.size(), 1, test);
    support::write_bytes(directory.path() / "lfw_att_40.mat", attributes.bytes());
    support::write_bytes(directory.path() / "anno" / "indices_train_test.mat", indices.bytes());
    for (std::size_t i = 0; i < names.size(); ++i) {
      std::string name = names[i];
      std::replace(name.begin(), name.end(), '\\', '/');
      support::write_gray(directory.path() / "lfw" / name, static_cast<std::uint8_t>(10 * i));
    }
    return {{"format", "lfwa"}, {"root", directory.path().string()}, {"size", 16}, {"gray", true}};
  }
};

std::vector<std::int64_t> images(const Dataset& data, Split split) {
  return {data.split(split).begin(), data.split(split).end()};
}

using Numbers = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("LFWA: the suggested split, last names from R to Z validate") {
  const Lfwa lfwa;
  const Json settings = lfwa.write();
  const auto smiling = open_dataset(settings, "Smiling"), male = open_dataset(settings, "Male");
  CHECK(images(*smiling, Split::train) == Numbers{0, 2, 3});    // Abel, Cher, Abel
  CHECK(images(*smiling, Split::validation) == Numbers{1, 4});  // Rook, Zoe
  CHECK(images(*smiling, Split::test) == Numbers{5});
  CHECK(std::vector<int>(smiling->labels().begin(), smiling->labels().end()) == std::vector<int>{1, 0, 1, 0, 1, 0});
  CHECK(std::vector<int>(male->labels().begin(), male->labels().end()) == std::vector<int>{1, 1, 1, 0, 0, 0});
  CHECK(male->class_names() == std::vector<std::string>{"not Male", "Male"});
  CHECK(male->pixels(4)[0] == 40);
}

TEST_CASE("LFWA: broken files say what is wrong") {
  Lfwa lfwa;
  const auto message = [&](const std::string& target = "Smiling") {
    return std::string(support::error_of([&] { open_dataset(lfwa.write(), target); }).what());
  };
  lfwa.train = {1, 2, 7};
  CHECK_THAT(message(), EndsWith("indices_train_test.mat: indices_img_train holds 7, which is no image; valid are 1 to 6"));
  lfwa.train = {1.5};
  CHECK_THAT(message(), Contains("indices_img_train holds 1.5"));
  lfwa.train = {1, 3};
  CHECK_THAT(message(), EndsWith("indices_train_test.mat: leaves no validation image"));
  lfwa.train = {1, 2, 3};
  lfwa.test = {6, 1};
  CHECK_THAT(message(),
             Contains("data of format lfwa: lfw/Ann_Abel/Ann_Abel_0001.jpg (lfw_att_40.mat: name 1) is in two splits, or twice in one"));
  lfwa.test = {6};
  CHECK_THAT(message("Eyeglasses"), EndsWith("lfw_att_40.mat: has no attribute 'Eyeglasses' (valid: Smiling, Male)"));
  CHECK_THAT(message("Smilling"), Contains("unknown target 'Smilling' (did you mean 'Smiling'?)"));
  lfwa.names.pop_back();
  CHECK_THAT(message(), EndsWith("lfw_att_40.mat: label is 6 x 2 for 5 images and 2 attributes"));

  const Lfwa damaged;
  const Json settings = damaged.write();
  fs::resize_file(damaged.directory.path() / "lfw_att_40.mat", 1000);
  CHECK_THAT(support::error_of([&] { describe_dataset(settings, "Male"); }).what(), Contains("lfw_att_40.mat: as HDF5 cannot be read: "));
  fs::remove(damaged.directory.path() / "lfw_att_40.mat");
  CHECK_THAT(support::error_of([&] { describe_dataset(settings, "Male"); }).what(),
             Contains(": holds no file lfw_att_40.mat. LFWA comes from https://"));
}

TEST_CASE("CelebA: text lists of attributes and splits") {
  const support::TemporaryDirectory directory;
  const support::CacheHome cache;
  const Json settings{{"format", "celeba"}, {"root", directory.path().string()}, {"size", 16}, {"gray", true}};
  const auto write = [&](const std::string& attributes, const std::string& partition) {
    std::ofstream(directory.path() / "list_attr_celeba.txt") << attributes;
    std::ofstream(directory.path() / "list_eval_partition.txt") << partition;
  };
  for (int i = 1; i <= 4; ++i)
    support::write_gray(directory.path() / "img_align_celeba" / (std::to_string(i) + ".jpg"), static_cast<std::uint8_t>(i));
  const std::string attributes = "4\nMale Smiling \n1.jpg -1  1\n2.jpg  1 -1\r\n3.jpg 1  1\n4.jpg -1 -1\n";
  write(attributes, "1.jpg 0\n2.jpg 1\n3.jpg 2\n4.jpg 0\n");
  const auto data = open_dataset(settings, "Smiling");
  CHECK(images(*data, Split::train) == Numbers{0, 3});
  CHECK(images(*data, Split::validation) == Numbers{1});
  CHECK(images(*data, Split::test) == Numbers{2});
  CHECK(std::vector<int>(data->labels().begin(), data->labels().end()) == std::vector<int>{1, 0, 1, 0});

  // A row whose cell says nothing of one target is of no split there, and the images are the same for both.
  Json skipping = settings;
  skipping["bad_images"] = "skip";
  write("4\nMale Smiling\n1.jpg -1 1\n2.jpg 1 -1\n3.jpg 1 1\n4.jpg -1 0\n", "1.jpg 0\n2.jpg 1\n3.jpg 2\n4.jpg 0\n");
  const auto smiling = open_dataset(skipping, "Smiling"), male = open_dataset(skipping, "Male");
  CHECK(images(*smiling, Split::train) == Numbers{0});
  CHECK(images(*male, Split::train) == Numbers{0, 3});
  REQUIRE(smiling->left_out().size() == 1);
  CHECK(smiling->left_out()[0].reason == "Smiling is 0, not 1 or -1");
  CHECK(smiling->content() == male->content());
  CHECK_FALSE(smiling->content().empty());

  write("7" + attributes.substr(1) + "5.jpg 1\n6.jpg 1 0\n7.jpg 1 1\n", "1.jpg 0\n2.jpg 1\n3.jpg 2\n4.jpg 3\n");
  CHECK_THAT(support::error_of([&] { open_dataset(settings, "Smiling"); }).what(),
             EndsWith("\n  list_eval_partition.txt:4: is not an image and 0, 1 or 2"
                      "\n  list_attr_celeba.txt:6: 4.jpg is not in list_eval_partition.txt"
                      "\n  list_attr_celeba.txt:7: has 2 columns, not 3"
                      "\n  list_attr_celeba.txt:8: Smiling is 0, not 1 or -1"
                      "\n  list_attr_celeba.txt:9: 7.jpg is not in list_eval_partition.txt"));
}

TEST_CASE("CelebA: its own tree, Kaggle's copy, and a list that was cut off") {
  const support::TemporaryDirectory directory;
  const support::CacheHome cache;
  const auto check = [&](const char* tree, const char* attributes, const char* partition, const char* folder, bool kaggle) {
    INFO(tree);
    const fs::path root = directory.path() / tree;
    support::write_bytes(root / attributes, kaggle ? "image_id,Male,Smiling\n1.jpg,-1,1\n2.jpg,1,-1\n3.jpg,1,1\n"
                                                   : "3\nMale Smiling\n1.jpg -1 1\n2.jpg 1 -1\n3.jpg 1 1\n");
    support::write_bytes(root / partition, kaggle ? "image_id,partition\n1.jpg,0\n2.jpg,1\n3.jpg,2\n" : "1.jpg 0\n2.jpg 1\n3.jpg 2\n");
    for (int i = 1; i <= 3; ++i) support::write_gray(root / folder / (std::to_string(i) + ".jpg"), static_cast<std::uint8_t>(10 * i));
    const auto data = open_dataset({{"format", "celeba"}, {"root", root.string()}, {"size", 16}, {"gray", true}}, "Smiling");
    CHECK(images(*data, Split::train) == Numbers{0});
    CHECK(images(*data, Split::test) == Numbers{2});
    CHECK(std::vector<int>(data->labels().begin(), data->labels().end()) == std::vector<int>{1, 0, 1});
    CHECK(data->pixels(2)[0] == 30);
  };
  check("own", "Anno/list_attr_celeba.txt", "Eval/list_eval_partition.txt", "Img/img_align_celeba", false);
  check("kaggle", "list_attr_celeba.csv", "list_eval_partition.csv", "img_align_celeba/img_align_celeba", true);
  check("flat", "list_attr_celeba.csv", "list_eval_partition.csv", "img_align_celeba", true);

  support::write_bytes(directory.path() / "own/Anno/list_attr_celeba.txt", "3\nMale Smiling\n1.jpg -1 1\n2.jpg 1 -1\n");
  CHECK_THAT(support::error_of([&] {
               describe_dataset({{"format", "celeba"}, {"root", (directory.path() / "own").string()}}, "Smiling");
             }).what(),
             EndsWith("list_attr_celeba.txt: says in line 1 that it lists 3 images, and lists 2; valid: the whole list"));
}

TEST_CASE("forty attributes, each once") {
  CHECK(face_attributes().size() == 40);
  CHECK(std::set<std::string>(face_attributes().begin(), face_attributes().end()).size() == 40);
}
