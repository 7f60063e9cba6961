#include "search/report/lineage.h"

#include <catch2/catch.hpp>

using storage::Json;

namespace {

Json net(const std::string& stage, const Json& parent, const Json& request, double before, double after) {
  return {{"stage", stage},
          {"kind", parent.is_null() ? "train" : "prune"},
          {"label", "net " + stage},
          {"parent", parent},
          {"architecture", "hash " + stage},
          {"params", 100},
          {"macs", parent.is_null() ? 4000 : 2000},
          {"criterion", parent.is_null() ? Json() : Json(R"({"name": "lda", "options": {"variant": "wilks"}})")},
          {"request", request},
          {"allocation", parent.is_null() ? Json() : Json("greedy")},
          {"eta", nullptr},
          {"target_reached", parent.is_null() ? Json() : Json(1)},
          {"accuracy_before_retraining", parent.is_null() ? Json() : Json(before)},
          {"accuracy_val", after}};
}

Json layer(const std::string& stage, const std::string& name, int channels, int base, int floor = 0) {
  return {{"stage", stage}, {"layer", name}, {"channels", channels}, {"base_channels", base}, {"floor_applied", floor}, {"cap_applied", 0}};
}

/// a is cut to b, b to c; d is another cut of a.
const Json nets{net("a", nullptr, nullptr, 0, 0.9), net("b", "a", R"({"keep": 0.5, "of": "macs"})", 0.7, 0.89),
                net("c", "b", R"({"eta": 0.3})", 0.6, 0.85), net("d", "a", R"({"keep": 0.1, "of": "params"})", 0.2, 0.5)};
const Json layers{layer("b", "conv1", 6, 8),  layer("b", "conv2", 16, 16), layer("c", "conv1", 3, 8, 1),
                  layer("c", "conv2", 9, 16), layer("d", "conv1", 8, 8),   layer("d", "conv2", 2, 16)};

}  // namespace

TEST_CASE("a cut lists the layers that lost channels against its parent, and those that a floor held") {
  const Json made = search::lineage(nets, layers);
  CHECK(made[0]["cut"].empty());
  CHECK(made[1]["cut"] == Json::array({{{"layer", "conv1"}, {"from", 8}, {"to", 6}}}));
  CHECK(made[2]["cut"] == Json::array({{{"layer", "conv1"}, {"from", 6}, {"to", 3}}, {{"layer", "conv2"}, {"from", 16}, {"to", 9}}}));
  CHECK(made[2]["floors"] == Json::array({"conv1"}));
  CHECK(made[3]["cut"] == Json::array({{{"layer", "conv2"}, {"from", 16}, {"to", 2}}}));
}

TEST_CASE("the way to a net begins at its base") {
  const Json way = search::ancestors(search::lineage(nets, layers), "c");
  REQUIRE(way.size() == 3);
  CHECK(way[0]["stage"] == "a");
  CHECK(way[2]["stage"] == "c");
  CHECK(search::ancestors(nets, "nowhere").empty());
}

TEST_CASE("lineage in words and as a graph") {
  Json slow = nets;
  slow[3]["fp32_since"] = "bf16 is wrong";
  slow[0]["fresh_layer"] = "classifier.1";
  slow[1]["macs"] = 600;
  CHECK_THAT(search::lineage_to_text(search::lineage(slow, layers)),
             Catch::Contains("  trained in fp32, since bf16 is wrong\n") &&
                 Catch::Contains("  classifier.1 of its file told other classes apart and began anew\n") &&
                 Catch::Contains("net b\n  100 parameters, 600 multiply-accumulates\n") &&
                 Catch::Contains("  0.15 are left, far less than"));
  const Json made = search::lineage(nets, layers);
  CHECK(search::lineage_to_text(search::ancestors(made, "c")) ==
        "net a\n  100 parameters, 4000 multiply-accumulates\n  trained: validation 90.00 %\n"
        "net b\n  100 parameters, 2000 multiply-accumulates\n  lda-wilks to 0.5 of the macs, greedy\n"
        "  validation 70.00 % after the cut, 89.00 % after retraining\n  cut: conv1 8 -> 6\n"
        "net c\n  100 parameters, 2000 multiply-accumulates\n  lda-wilks by eta 0.3, greedy\n"
        "  validation 60.00 % after the cut, 85.00 % after retraining\n  cut: conv1 6 -> 3, conv2 16 -> 9\n  held by a floor or a cap: "
        "conv1\n");
  const std::string dot = search::lineage_to_dot(made);
  CHECK_THAT(dot, Catch::Contains("  0 -> 1 [label=\"lda-wilks to 0.5 of the macs\"];\n") && Catch::Contains("  0 -> 3 ") &&
                      Catch::Contains("  1 -> 2 "));
}

TEST_CASE("a net that was only trained on is said to be") {
  Json further = net("e", "b", nullptr, 0, 0.91);
  further["criterion"] = nullptr;
  const Json made = search::lineage({nets[0], nets[1], further}, layers);
  CHECK_THAT(search::lineage_to_text(made),
             Catch::Contains("net e\n  100 parameters, 2000 multiply-accumulates\n  trained on: validation 91.00 %"));
  CHECK_THAT(search::lineage_to_dot(made), Catch::Contains("1 -> 2 [label=\"trained on\"]"));
}
