#include "prune/channel_graph.h"

#include <catch2/catch.hpp>

#include "prune/keep_mask.h"
#include "storage/base/error.h"
#include "support/tiny_nets.h"

using prune::ChannelGroups;
using storage::Json;

namespace {

const prune::ChannelGroup& group_of(const eval::NetSpec& spec, const ChannelGroups& groups, const std::string& layer) {
  return groups.groups[groups.outputs[eval::find_layer(spec, layer)][0].group];
}

std::vector<std::string> names(const eval::NetSpec& spec, const std::vector<int>& layers) {
  std::vector<std::string> result;
  for (int layer : layers) result.push_back(spec.layers[layer].name);
  return result;
}

}  // namespace

TEST_CASE("a plain chain has one group a layer, and the image and the scores are fixed") {
  const eval::NetSpec spec = support::plain_net();
  const ChannelGroups groups = prune::channel_groups(spec);
  REQUIRE(groups.groups.size() == 4);
  CHECK(groups.groups[0].fixed == "channels of the image");
  CHECK(groups.groups[1].name == "conv1");
  CHECK(groups.groups[1].size == 8);
  CHECK(groups.groups[1].fixed.empty());
  CHECK(groups.groups[2].size == 16);
  CHECK(groups.groups[3].name == "fc");
  CHECK(groups.groups[3].fixed == "output of the net");
}

TEST_CASE("adds, depthwise and grouped convolutions tie channels") {
  const eval::NetSpec spec = support::coupled_net();
  const ChannelGroups groups = prune::channel_groups(spec);
  // stem, body (through the add) and depthwise share their fate; the grouped convolution behind ties the blocks of 8 / 4 = 2 channels.
  const prune::ChannelGroup& trunk = group_of(spec, groups, "stem");
  CHECK(names(spec, trunk.producers) == std::vector<std::string>{"stem", "body", "depthwise"});
  CHECK(trunk.size == 2);
  const prune::ChannelGroup& grouped = group_of(spec, groups, "grouped");
  CHECK(grouped.size == 3);  // 12 channels in 4 groups
  // The concatenation keeps its parts apart; the flatten repeats every unit for its 2 x 2 locations.
  const auto& joined = groups.outputs[eval::find_layer(spec, "joined")];
  REQUIRE(joined.size() == 18);
  CHECK(&groups.groups[joined[0].group] == &grouped);
  CHECK(groups.groups[joined[12].group].name == "branch");
  const auto& flat = groups.outputs[eval::find_layer(spec, "flatten")];
  REQUIRE(flat.size() == 72);
  CHECK(flat[0] == flat[3]);
  CHECK_FALSE(flat[3] == flat[4]);
}

TEST_CASE("a gate shares the fate of the map that it multiplies") {
  const eval::NetSpec spec = support::gated_net();
  const ChannelGroups groups = prune::channel_groups(spec);
  CHECK(names(spec, group_of(spec, groups, "gated").producers) == std::vector<std::string>{"stem", "deep", "excite"});
  CHECK(names(spec, group_of(spec, groups, "gated_flat").producers) == std::vector<std::string>{"body", "widen"});
  CHECK(names(spec, group_of(spec, groups, "squeeze").producers) == std::vector<std::string>{"squeeze"});
  CHECK(spec.layers[prune::activation_site(spec, eval::find_layer(spec, "excite"))].name == "excite_act");
  CHECK(spec.layers[prune::activation_site(spec, eval::find_layer(spec, "body"))].name == "body_act");
}

TEST_CASE("protected layers are fixed with the reason; one of another net changes nothing") {
  const eval::NetSpec spec = support::plain_net();
  CHECK(prune::channel_groups(spec, {"conv2"}).groups[2].fixed == "protected: conv2");
  CHECK(prune::channel_groups(spec, {"conv3"}).groups[2].fixed.empty());
}

TEST_CASE("the activation site lies behind batch norm and ReLU") {
  const eval::NetSpec spec = support::coupled_net();
  const auto site = [&](const char* layer) { return spec.layers[prune::activation_site(spec, eval::find_layer(spec, layer))].name; };
  CHECK(site("stem") == "stem_relu");  // two readers follow: it ends there
  CHECK(site("body") == "body_bn");    // the add is no part of it
  CHECK(site("depthwise") == "depthwise_relu");
}

TEST_CASE("masks as JSON: read, refused, composed") {
  const eval::NetSpec spec = support::plain_net();
  const ChannelGroups groups = prune::channel_groups(spec);
  const prune::KeepMask mask = prune::kept_from_json(spec, groups, Json{{"conv1", {1, 5, 7}}});
  CHECK(prune::kept_counts(mask) == std::vector<int>{1, 3, 16, 4});
  const Json kept = prune::kept_to_json(spec, groups, mask);
  CHECK(kept["conv1"] == Json({1, 5, 7}));
  CHECK(prune::compose_kept(kept, Json{{"conv1", {0, 2}}}) == Json{{"conv1", {1, 7}}});

  const auto refused = [&](const Json& json, const std::string& why) {
    CHECK_THROWS_WITH(prune::kept_from_json(spec, groups, json), Catch::Contains(why));
  };
  refused(Json{{"conv9", {0}}}, "mask: 'conv9'");
  CHECK_THROWS_WITH(prune::kept_from_json(spec, groups, Json{{"conv1", {0, 0}}}, "kept.json"),
                    "kept.json: conv1: channel 0 is listed twice");
  refused(Json{{"conv1", {0, 8}}}, "valid: 0 to 7");
  refused(Json{{"conv1", {-1}}}, "-1 is no channel");
  refused(Json{{"conv1", {0, 0}}}, "listed twice");
  refused(Json{{"conv1", Json::array()}}, "at least one");
  refused(Json{{"fc", {0, 1}}}, "output of the net");
  const eval::NetSpec coupled = support::coupled_net();
  CHECK_THROWS_WITH(prune::kept_from_json(coupled, prune::channel_groups(coupled), Json{{"stem", {0, 2, 4, 6}}, {"body", {1, 3, 5, 7}}}),
                    Catch::Contains("tied"));
}
