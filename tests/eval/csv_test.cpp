#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <set>

#include "eval/data/dataset.h"
#include "eval/data/text_table.h"
#include "tests/support/cache_home.h"
#include "tests/support/image_files.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/throws.h"

using namespace eval;
using Catch::Contains;
using Catch::EndsWith;
using storage::Json;

namespace {

/// Images 0.jpg to 19.jpg and a table of them.
struct Table {
  support::TemporaryDirectory directory;
  support::CacheHome cache;

  Table() {
    for (int i = 0; i < 20; ++i) support::write_gray(directory.path() / (std::to_string(i) + ".jpg"), static_cast<std::uint8_t>(10 * i));
  }
  Json settings(const std::string& text, const Json& more = Json::object(), const std::string& name = "table.csv") const {
    std::ofstream(directory.path() / name) << text;
    Json settings{{"format", "csv"}, {"file", (directory.path() / name).string()}, {"size", 16}, {"gray", true}};
    settings.update(more);
    return settings;
  }
  std::string message(const std::string& text, const Json& more = Json::object()) const {
    return support::error_of([&] { open_dataset(settings(text, more)); }).what();
  }
};

/// A row an image: label "even" or "odd".
std::string rows(int count = 20) {
  std::string text = "path,label\n";
  for (int i = 0; i < count; ++i) text += std::to_string(i) + ".jpg," + (i % 2 == 0 ? "even" : "odd") + "\n";
  return text;
}

}  // namespace

TEST_CASE("cells may be quoted, lines may end as on Windows, and rows know their line") {
  support::TemporaryDirectory directory;
  const auto read = [&](const std::string& text, char separator) {
    std::ofstream(directory.path() / "t", std::ios::binary) << text;
    return read_text_table(directory.path() / "t", separator);
  };
  const TextTable quoted = read(
      "\xef\xbb\xbf"
      "a,b\r\n\"x, \"\"y\"\"\nz\",2\r\n\r\nlast,\"\"\n",
      ',');
  CHECK(quoted.header == std::vector<std::string>{"a", "b"});
  REQUIRE(quoted.rows.size() == 2);
  CHECK(quoted.rows[0].cells == std::vector<std::string>{"x, \"y\"\nz", "2"});
  CHECK(quoted.rows[1].cells == std::vector<std::string>{"last", ""});
  CHECK(quoted.rows[1].line == 5);
  const TextTable tabs = read("a\tb\n\"1\t\n1\n", '\t');
  CHECK(tabs.rows.at(0).cells == std::vector<std::string>{"\"1", ""});
  CHECK(tabs.broken == std::vector<std::pair<int, std::string>>{{3, "has 1 columns, not 2"}});
  CHECK(read("a  b \n 1 \t2", ' ').rows.empty());  // a blank in front makes three cells of two
  CHECK_THAT(support::error_of([&] { read("\n\n", ','); }).what(), EndsWith(": is empty; its first line names the columns"));
}

TEST_CASE("a table gives paths, labels and splits") {
  const Table table;
  std::string text = "label,split,path\n";
  for (int i = 0; i < 20; ++i)
    text += std::to_string(i % 3 + 9) + "," + (i < 12 ? "train" : i < 16 ? "val" : "test") + "," + std::to_string(i) + ".jpg\n";
  const auto data = open_dataset(table.settings(text));
  CHECK(data->class_names() == std::vector<std::string>{"9", "10", "11"});  // as numbers, not as texts
  CHECK(data->split(Split::train).size() == 12);
  CHECK(data->split(Split::validation).front() == 12);
  CHECK(data->split(Split::test).size() == 4);
  CHECK(data->labels()[4] == 1);
  CHECK(data->pixels(4)[0] == 40);
  CHECK_FALSE(data->ordered());
  CHECK(open_dataset(table.settings(text, {{"ordered", true}}))->ordered());
}

TEST_CASE("of a table the rows of classes that were not asked for are passed over") {
  const Table table;
  std::string text = rows();
  text.replace(text.find("0.jpg,even"), 10, "0.jpg,none");
  text.replace(text.find("1.jpg,odd"), 9, "1.jpg,none");
  const auto data = open_dataset(table.settings(text, {{"classes", {"odd", "even"}}}));
  CHECK(data->class_names() == std::vector<std::string>{"odd", "even"});
  CHECK(data->labels().size() == 18);
  CHECK(data->labels()[0] == 1);  // of 2.jpg
  CHECK(data->left_out().empty());
}

TEST_CASE("a group is never in two splits") {
  const Table table;
  std::string text = "path\tlabel\tgroup\n";
  for (int i = 0; i < 20; ++i)
    text += std::to_string(i) + ".jpg\t" + (i % 2 == 0 ? "even" : "odd") + "\tperson " + std::to_string(i / 4) + "\n";
  const auto data = open_dataset(table.settings(text, {{"test", 0.2}, {"validation", 0.25}}, "table.tsv"));
  std::map<std::int64_t, Split> split_of;
  std::size_t images = 0;
  for (const Split split : all_splits) {
    images += data->split(split).size();
    for (const std::int64_t image : data->split(split)) CHECK(split_of.emplace(image / 4, split).first->second == split);
  }
  CHECK(images == 20);
  CHECK(data->split(Split::test).size() == 4);
  CHECK(data->split(Split::validation).size() == 4);
  const std::string torn = "path,label,group,split\n0.jpg,a,x,train\n1.jpg,b,x,test\n";
  CHECK_THAT(table.message(torn), EndsWith("group 'x' is in train and in test; valid: each group in one split"));
}

TEST_CASE("rows without a group are groups by themselves") {
  const Table table;
  std::string text = "path,label,group\n";
  for (int i = 0; i < 20; ++i) text += std::to_string(i) + ".jpg," + (i % 2 == 0 ? "even" : "odd") + "," + (i < 16 ? "" : "person") + "\n";
  const auto data = open_dataset(table.settings(text, {{"test", 0.2}, {"validation", 0.25}}));
  CHECK(data->split(Split::test).size() >= 2);
  CHECK(data->split(Split::test).size() <= 7);  // 0.2 of 20, and at most the one group of four beside
  CHECK(data->split(Split::train).size() >= 8);
}

TEST_CASE("ordered labels are in the order of their numbers") {
  const Table table;
  const auto data = open_dataset(table.settings(
      "path,label\n0.jpg,0-2\n1.jpg,10-19\n2.jpg,3-9\n3.jpg,0-2\n4.jpg,10-19\n5.jpg,3-9\n6.jpg,3-9\n7.jpg,0-2\n8.jpg,10-19\n",
      {{"ordered", true}, {"validation", 0.34}, {"test", 0.34}}));
  CHECK(data->class_names() == std::vector<std::string>{"0-2", "3-9", "10-19"});
  const auto numbers = open_dataset(
      table.settings("path,label\n0.jpg,1.0\n1.jpg,10.0\n2.jpg,2.0\n3.jpg,1.0\n4.jpg,10.0\n5.jpg,2.0\n6.jpg,1.0\n7.jpg,10.0\n8.jpg,2.0\n",
                     {{"validation", 0.34}, {"test", 0.34}}));
  CHECK(numbers->class_names() == std::vector<std::string>{"1.0", "2.0", "10.0"});
}

TEST_CASE("labels that are called nan and inf are names, no numbers") {
  const Table table;
  std::string text = "path,label\n";
  for (int i = 0; i < 20; ++i) text += std::to_string(i) + ".jpg," + (i % 2 == 0 ? "nan" : "inf") + "\n";
  CHECK(open_dataset(table.settings(text))->class_names() == std::vector<std::string>{"inf", "nan"});
}

TEST_CASE("broken rows are told with their line") {
  const Table table;
  const std::string text = rows() +
                           "20.jpg,even\n"      // line 22: no such file
                           "0.jpg,odd\n"        // 23: again
                           ",even\n"            // 24
                           "1.jpg,even,x\n"     // 25
                           "2b.jpg,neither\n";  // 26: only with class_names
  const std::string message = table.message(text, {{"class_names", {"even", "odd"}}});
  CHECK_THAT(message, Contains("data of format csv: 4 of the images under "));
  CHECK_THAT(message, EndsWith("\n  table.csv:25: has 3 columns, not 2"
                               "\n  table.csv:23: lists 0.jpg a second time"
                               "\n  table.csv:24: names no image"
                               "\n  table.csv:26: label 'neither' is not one of even, odd"));
  CHECK_THAT(table.message(rows() + "20.jpg,even\n"), EndsWith("\n  20.jpg (table.csv:22): is not there"));
  const auto data = open_dataset(table.settings(text, {{"class_names", {"even", "odd"}}, {"bad_images", "skip"}}));
  CHECK(data->left_out().size() == 5);
  CHECK(data->split(Split::train).size() + data->split(Split::validation).size() + data->split(Split::test).size() == 20);
}

TEST_CASE("as many groups as splits fill them, however unequal") {
  const Table table;
  std::string text = "path,label,group\n";
  for (int i = 0; i < 20; ++i)
    text += std::to_string(i) + ".jpg," + (i % 2 == 0 ? "even" : "odd") + "," + (i < 2 ? std::to_string(i) : "many") + "\n";
  for (int seed = 1; seed <= 6; ++seed) {
    const auto data = open_dataset(table.settings(text, {{"split_seed", seed}}));
    for (const Split split : {Split::train, Split::validation, Split::test}) CHECK(data->split(split).size() >= 1);
  }
  CHECK_THAT(table.message(text, {{"validation_from", "last"}}),
             EndsWith("validation_from: last: groups have no order; valid: random, or no groups"));
}

TEST_CASE("classes are those of rows that can be used, each once") {
  const Table table;
  const auto data = open_dataset(table.settings(rows() + "20.jpg,even \n", {{"bad_images", "skip"}}));
  CHECK(data->class_names() == std::vector<std::string>{"even", "odd"});  // none that ends with a blank
  CHECK_THAT(table.message(rows(), {{"class_names", {"even", "odd", "even"}}}),
             EndsWith("data of format csv: class_names: 'even' is given twice; valid: each once"));
  CHECK_THAT(table.message("path,label\n,even\n", {{"bad_images", "skip"}}),
             Contains("1 of the images") && EndsWith("table.csv:2: names no image"));
}

TEST_CASE("a column that is missing is named, with those there are") {
  const Table table;
  CHECK_THAT(table.message("path,lable\n0.jpg,a\n"), EndsWith("table.csv: no column 'label' (did you mean 'lable'?)"));
  CHECK_THAT(table.message(rows(), {{"group_column", "person"}}), EndsWith("table.csv: no column 'person' (valid: path, label)"));
  CHECK_THAT(table.message("path,label\n"), EndsWith("table.csv: lists no image"));
  CHECK_THAT(support::error_of([] {
               open_dataset({{"format", "csv"}, {"file", "/nowhere/t.csv"}});
             }).what(),
             Contains("/nowhere/t.csv: no such file"));
}

TEST_CASE("a table in another form is refused by its form") {
  const Table table;
  CHECK_THAT(table.message("path,label\r0.jpg,even\r1.jpg,odd\r"),
             EndsWith("table.csv: ends its lines with CR alone, as old Macintoshes did; valid: LF, or CR and LF"));
  CHECK_THAT(table.message(std::string("\xff\xfep\0a\0t\0h\0", 10)), EndsWith("table.csv: is UTF-16; valid: UTF-8"));
  CHECK_THAT(table.message("path;label\n0.jpg;even\n"),
             EndsWith("table.csv: its columns are set apart by ';'; valid: commas, or tabs in a file that ends in .tsv"));
}

TEST_CASE("labels with blanks at their ends, and one image under two names, are named") {
  const Table table;
  CHECK_THAT(table.message(rows(19) + "19.jpg,odd \n"), Contains("table.csv:21: label 'odd ' begins or ends with a blank; valid: 'odd'"));
  CHECK_THAT(table.message(rows() + "./0.jpg,odd\n"), Contains("table.csv:22: lists ./0.jpg a second time"));
}

TEST_CASE("fewer groups than splits, and too few images, are said so") {
  const Table table;
  std::string grouped = "path,label,group\n";
  for (int i = 0; i < 20; ++i) grouped += std::to_string(i) + ".jpg," + (i % 2 == 0 ? "even" : "odd") + "," + (i < 10 ? "a" : "b") + "\n";
  CHECK_THAT(table.message(grouped), EndsWith("data of format csv: 2 groups cannot fill 3 splits; valid: a group for each at least"));
  CHECK_THAT(table.message("path,label\n0.jpg,even\n"),
             EndsWith("data of format csv: test would be 0 images; there are too few images with a label to take some"));
}

TEST_CASE("groups with blanks at their ends are named, so that a person is one group") {
  const Table table;
  std::string text = "path,label,group\n";
  for (int i = 0; i < 19; ++i) text += fmt::format("{}.jpg,{},person {}\n", i, i % 2, i / 3);
  CHECK_THAT(table.message(text + "19.jpg,1, person 1\n"),
             Contains("table.csv:21: group ' person 1' begins or ends with a blank; valid: 'person 1'"));
}

TEST_CASE("a table's test images are drawn from all classes, so that a task of some of them tests on none that others train on") {
  const Table table;
  std::string text = "path,label,group\n";  // of four classes, persons with images of several
  for (int i = 0; i < 20; ++i) text += fmt::format("{}.jpg,{},{}\n", i, "abcd"[(i * 7 / 3) % 4], i / 2);
  const auto names = [&](const Json& more, Split split) {
    const auto data = open_dataset(table.settings(text, more));
    std::set<int> images;
    for (const std::int64_t image : data->split(split)) images.insert(data->pixels(image)[0] / 10);
    return images;
  };
  for (const Json& classes : {Json{"a", "b"}, Json{"c", "b"}, Json{"d", "a", "c"}}) {
    const Json more{{"classes", classes}, {"test", 0.4}, {"validation", 0.25}};
    const std::set<int> all = names({{"test", 0.4}, {"validation", 0.25}}, Split::test);
    for (const int image : names(more, Split::test)) CHECK(all.contains(image));
    for (const int image : names(more, Split::train)) CHECK_FALSE(all.contains(image));
  }
}
