#include "search/experiment/yaml/yaml_node.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/support/throws.h"

using namespace search;
using Catch::Contains;
using support::error_of;

namespace {

std::string parse_error(const std::string& text) {
  const storage::Error error = error_of([&] { parse_yaml(text, "f"); });
  CHECK(error.kind() == storage::ErrorKind::invalid);
  return error.what();
}

std::optional<std::string> environment(const std::string& name) {
  if (name == "FULL") return "value";
  if (name == "EMPTY") return "";
  if (name == "NESTED") return "${FULL}";
  return std::nullopt;
}

std::string filled(const std::string& text) {
  YamlNode node{.kind = YamlNode::Kind::scalar, .where = "f:1:1", .text = text};
  fill_environment(node, environment, "key");
  return node.text;
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

std::string override_error(const std::string& path, const std::string& value) {
  return error_of([&] {
           YamlNode root = parse_yaml("a: {b: 1}\nlist: [x, y]\nnone: []", "f");
           apply_override(root, path, value);
         })
      .what();
}

}  // namespace

TEST_CASE("a YAML tree keeps kinds, texts and places") {
  const YamlNode root = parse_yaml("a: 1\nlist:\n  - x\n  - {k: 'v'}\nnothing:\n", "f");
  REQUIRE(root.kind == YamlNode::Kind::mapping);
  REQUIRE(root.members.size() == 3);
  CHECK(root.find("a")->text == "1");
  CHECK(root.find("a")->where == "f:1:4");
  CHECK(root.members[1].where == "f:2:1");
  const YamlNode& list = *root.find("list");
  REQUIRE(list.items.size() == 2);
  CHECK(list.items[0].where == "f:3:5");
  CHECK(list.items[1].find("k")->text == "v");
  CHECK(root.find("nothing")->kind == YamlNode::Kind::null);
  CHECK(root.find("absent") == nullptr);
  CHECK(parse_yaml("", "f").kind == YamlNode::Kind::null);
}

TEST_CASE("an alias repeats its value and stands where it is used") {
  const YamlNode root = parse_yaml("a: &x {k: [1, 2]}\nb: *x\n", "f");
  CHECK(root.find("b")->find("k")->items[1].text == "2");
  CHECK(root.find("b")->where == "f:2:4");
}

TEST_CASE("a merge key takes over what the mapping does not have itself, and says where it was written") {
  const YamlNode root = parse_yaml(
      "x-a: &a {lr: 1, epochs: 2}\nx-b: &b {epochs: 3, batch: 4}\none: {<<: *a, lr: 9}\nboth: {<<: [*b, *a]}\nchain: {<<: {<<: *b, batch: "
      "5}}\nquoted: {'<<': *a}\n",
      "f");
  const YamlNode& one = *root.find("one");
  REQUIRE(one.members.size() == 2);
  CHECK(one.find("lr")->text == "9");
  CHECK(one.find("epochs")->text == "2");
  CHECK(one.find("epochs")->where == "f:1:25");
  const YamlNode& both = *root.find("both");
  REQUIRE(both.members.size() == 3);
  CHECK(both.find("epochs")->text == "3");
  CHECK(both.find("batch")->text == "4");
  CHECK(both.find("lr")->text == "1");
  CHECK(root.find("chain")->find("batch")->text == "5");
  CHECK(root.find("chain")->find("epochs")->text == "3");
  CHECK(root.find("quoted")->find("<<")->find("lr")->text == "1");
  CHECK(parse_yaml(to_yaml(root), "g").find("quoted")->find("<<")->find("lr")->text == "1");

  CHECK(parse_error("a: {<<: 3}") == "f:1:9: a.<<: '3' is not to be merged; valid: a mapping or a list of them, as in '<<: *name'");
  CHECK_THAT(parse_error("a: {<<: [{b: 1}, x]}"), Contains("f:1:18: a.<<: 'x' is not to be merged"));
  CHECK(parse_error("a: {<<: {}, <<: {}}") == "f:1:13: a.<<: '<<' is given twice, first at f:1:5");
}

TEST_CASE("keys of the root that begin with x- can be dropped") {
  YamlNode root = parse_yaml("x-a: 1\nb: {x-c: 2}\nx: 3\n", "f");
  drop_extensions(root);
  REQUIRE(root.members.size() == 2);
  CHECK(root.find("b")->find("x-c")->text == "2");
  CHECK(root.find("x")->text == "3");
}

TEST_CASE("what is often meant where YAML ends is said") {
  CHECK_THAT(parse_error("train:\n\tepochs: 3\n"), Contains("line 2 is indented by a tab; valid: spaces"));
  CHECK_THAT(parse_error("a: {file: ${VAR}/x.csv}\n"), Contains("the variable in line 1 stands in braces") && Contains("in quotes"));
  CHECK_THAT(parse_error("a: {file: '${VAR}', b: [}\n"), !Contains("variable"));
}

TEST_CASE("a tree written as YAML reads as the same tree") {
  const std::string text =
      "a: {b: [1, {c: '${X:-y}'}, [], {}], empty: '', none: ~}\nword: 'null'\n'x: y': \"line\\nnext # no comment\"\nd: ['- e', '!t', '*f', "
      "'&g']\nyes: no\n";
  const auto same = [](const auto& self, const YamlNode& one, const YamlNode& other) -> bool {
    if (one.kind != other.kind || one.text != other.text || one.items.size() != other.items.size()) return false;
    if (one.members.size() != other.members.size()) return false;
    for (std::size_t i = 0; i < one.items.size(); ++i)
      if (!self(self, one.items[i], other.items[i])) return false;
    for (std::size_t i = 0; i < one.members.size(); ++i)
      if (one.members[i].key != other.members[i].key || !self(self, one.members[i].value, other.members[i].value)) return false;
    return true;
  };
  const YamlNode tree = search::parse_yaml(text, "f");
  const std::string written = search::to_yaml(tree);
  INFO(written);
  CHECK(same(same, tree, search::parse_yaml(written, "g")));
}

TEST_CASE("a mapping of as many keys as fit is read in one pass") {
  std::string text;
  for (int i = 0; i < 50000; ++i) text += std::to_string(i) + ": 1\n";
  CHECK(search::parse_yaml(text, "f").members.size() == 50000);
  CHECK_THROWS(search::parse_yaml(text + "7: 1\n", "f"));
}

TEST_CASE("what is not one plain YAML document is refused with its place") {
  CHECK(parse_error("a: [1, 2\nb: 3") == "f:2:2: not YAML: end of sequence flow not found");
  CHECK(parse_error("a: {b: 1, b: 2}") == "f:1:11: a.b: 'b' is given twice, first at f:1:5");
  CHECK(parse_error("list:\n- {[x]: 1}") == "f:2:4: list.0: a list is not a key; valid: a word, as in 'epochs: 8'");
  CHECK(parse_error("a: &x [*x]") == "f:1:8: a.0: an alias of a value that contains it");
  CHECK_THAT(parse_error("a: *x"), Contains("f:1:4: not YAML: "));
  CHECK(parse_error("a: 1\n---\nb: 2") == "f:3:1: a second document; valid: one experiment a file");
}

TEST_CASE("hostile YAML is refused before it takes much") {
  CHECK(parse_error(std::string(max_yaml_bytes + 1, '#')) == "f: 1048577 bytes are too many for an experiment; valid: up to 1048576");
  CHECK_THAT(parse_error(std::string(100000, '[')), Contains("nested too deeply; valid: up to 32 levels"));
  CHECK_THAT(parse_error(repeated("- ", 10000)), Contains("nested too deeply"));

  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) laughs += fmt::format("a{}: &a{} [{}*a{}]\n", i, i, repeated(fmt::format("*a{}, ", i - 1), 9), i - 1);
  CHECK_THAT(parse_error(laughs), Contains("take too much memory"));
  CHECK_THAT(parse_error(fmt::format("a: &a {}\nb: [{}x]", std::string(500000, 'x'), repeated("*a, ", 1000))),
             Contains("take too much memory"));

  std::string chain = "a0: &a0 [x]\n";
  for (int i = 1; i < 40; ++i) chain += fmt::format("a{}: &a{} [*a{}]\n", i, i, i - 1);
  CHECK_THAT(parse_error(chain), Contains("nested too deeply"));
}

TEST_CASE("nesting and size up to the limits are read") {
  CHECK(parse_yaml(std::string(32, '[') + std::string(32, ']'), "f").kind == YamlNode::Kind::list);
  CHECK_THAT(parse_error(std::string(33, '[') + std::string(33, ']')), Contains("f:1:33: "));
  CHECK(parse_yaml("a: 1" + std::string(max_yaml_bytes - 4, '\n'), "f").find("a")->text == "1");
}

TEST_CASE("an override sets, adds and replaces") {
  YamlNode root = parse_yaml("a: {b: 1}\nlist: [x, {w: 2}]\nnone:", "f");
  apply_override(root, "a.b", "5");
  apply_override(root, "a.c.d", "[1, 2]");
  apply_override(root, "list.0", "{k: v}");
  apply_override(root, "list.1.w", "3");
  apply_override(root, "none.x", "y=z");
  CHECK(root.find("a")->find("b")->text == "5");
  CHECK(root.find("a")->find("c")->find("d")->items[1].text == "2");
  CHECK(root.find("list")->items[0].find("k")->text == "v");
  CHECK(root.find("list")->items[1].find("w")->text == "3");
  CHECK(root.find("none")->find("x")->text == "y=z");
  CHECK(root.find("a")->find("c")->find("d")->items[1].where == "-s a.c.d=[1, 2]");
}

TEST_CASE("an override that fits nothing names itself") {
  CHECK(override_error("list.2", "1") == "-s list.2=1: list: '2' is not an entry; valid: 0 to 1");
  CHECK(override_error("list.-1", "1") == "-s list.-1=1: list: '-1' is not an entry; valid: 0 to 1");
  CHECK(override_error("none.0", "1") == "-s none.0=1: none: '0' is not an entry; the list is empty");
  CHECK(override_error("a.b.c", "1") == "-s a.b.c=1: a.b: '1' has no keys, so 'c' can't be set");
  CHECK(override_error("a..b", "1") == "-s a..b=1: 'a..b' is not a key path; valid: as in train.epochs or nets.0.width");
  CHECK_THAT(override_error("a.b", "["), Contains("-s a.b=[") && Contains("not YAML"));
}

TEST_CASE("the environment fills scalars") {
  CHECK(filled("plain $FULL") == "plain $FULL");
  CHECK(filled("${FULL}") == "value");
  CHECK(filled("a/${FULL}/${ABSENT:-b}/c") == "a/value/b/c");
  CHECK(filled("${EMPTY:-default}") == "default");
  CHECK(filled("${ABSENT:-}") == "");
  CHECK(filled("${NESTED}") == "${FULL}");
  CHECK(error_of([] { filled("x${ABSENT}"); }).what() ==
        std::string("f:1:1: key: 'x${ABSENT}' names a variable that is not set; valid: set ABSENT, or write ${ABSENT:-default}"));
  CHECK(error_of([] { filled("${FULL"); }).what() ==
        std::string("f:1:1: key: '${FULL' has a '${' without '}'; valid: ${NAME} or ${NAME:-default}"));

  YamlNode root = parse_yaml("a: [1, '${ABSENT}']", "f");
  CHECK_THAT(error_of([&] { fill_environment(root, environment); }).what(), Contains("f:1:8: a.1: "));
}

TEST_CASE("a long value is shortened in messages") {
  const YamlNode node{.kind = YamlNode::Kind::scalar, .where = "", .text = std::string(61, 'x')};
  CHECK(describe(node) == fmt::format("'{}...'", std::string(60, 'x')));
}
