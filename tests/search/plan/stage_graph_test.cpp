#include "search/plan/stage_graph.h"

#include <catch2/catch.hpp>

#include "storage/base/error.h"
#include "tests/support/fake_run.h"

using search::Stage;
using support::stage;

TEST_CASE("the graph of a diamond") {
  //   a(1) -> b(2) -> d(4)
  //       \-> c(8) --/
  const Stage a = stage("a", {}, 1), b = stage("b", {a}, 2), c = stage("c", {a}, 8), d = stage("d", {b, c}, 4);
  const search::StageGraph graph({a, b, c, d});
  CHECK(graph.size() == 4);
  CHECK(graph.successors(0) == std::vector<int>{1, 2});
  CHECK(graph.predecessors(3) == std::vector<int>{1, 2});
  CHECK(graph.predecessors(0).empty());
  CHECK(graph.critical_path(3) == 4);
  CHECK(graph.critical_path(2) == 12);  // c, d
  CHECK(graph.critical_path(1) == 6);   // b, d
  CHECK(graph.critical_path(0) == 13);  // a, c, d
}

TEST_CASE("a graph does not depend on the order of its stages") {
  const Stage a = stage("a", {}, 1), b = stage("b", {a}, 2);
  const search::StageGraph graph({b, a});
  CHECK(graph.critical_path(1) == 3);
  CHECK(graph.successors(1) == std::vector<int>{0});
}

TEST_CASE("stages that form no DAG are refused") {
  Stage a = stage("a"), b = stage("b", {a});
  SECTION("a cycle") {
    a.inputs = {{"net", b.fingerprint}};
    CHECK_THROWS_WITH(search::StageGraph({a, b}), Catch::Contains("cycle"));
  }
  SECTION("an input that is not planned") {
    CHECK_THROWS_WITH(search::StageGraph({b}), Catch::Contains("not planned"));
  }
  SECTION("a stage twice") {
    CHECK_THROWS_WITH(search::StageGraph({a, a}), Catch::Contains("twice"));
  }
}

TEST_CASE("a graph as DOT") {
  const Stage a = stage("say \"a\""), b = stage("b", {a});
  CHECK(search::to_dot({a, b}) ==
        "digraph stages {\n"
        "  node [shape=box];\n"
        "  0 [label=\"train say \\\"a\\\"\"];\n"
        "  1 [label=\"train b\"];\n"
        "  0 -> 1 [label=\"0\"];\n"
        "}\n");
}
