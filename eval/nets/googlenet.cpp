// GoogLeNet (Szegedy et al. 2014) without auxiliary heads, in three variants:
//   googlenet         torchvision's: batch norm, and a 3x3 where the paper has a 5x5
//   googlenet_v1      the original: biases, true 5x5, local response norm
//   googlenet_v1_3x3  each 5x5 as two 3x3, the first as wide as the 1x1 before it (6.69 M parameters: the ImageNet net of Tian et al. 2021)
// Layout small: the first convolution is 3x3 with stride 1, and maxpool1 and maxpool2 are left out, so that an image of 32 pixels reaches
// the inception modules at 32, 16 and 8 pixels.
#include <string>
#include <utility>

#include "eval/nets/families.h"
#include "eval/nets/net_builder.h"

namespace eval {
namespace {

enum class Variant { torchvision, original, two_3x3 };

struct Module {
  const char* name;
  int one, reduce3, three, reduce5, five, pool;
};
constexpr Module modules3[] = {{"inception3a", 64, 96, 128, 16, 32, 32}, {"inception3b", 128, 128, 192, 32, 96, 64}};
constexpr Module modules4[] = {{"inception4a", 192, 96, 208, 16, 48, 64},
                               {"inception4b", 160, 112, 224, 24, 64, 64},
                               {"inception4c", 128, 128, 256, 24, 64, 64},
                               {"inception4d", 112, 144, 288, 32, 64, 64},
                               {"inception4e", 256, 160, 320, 32, 128, 128}};
constexpr Module modules5[] = {{"inception5a", 256, 160, 320, 32, 128, 128}, {"inception5b", 384, 192, 384, 48, 128, 128}};

/// Adds the net's parts to one builder at the width and in the variant asked for.
class Assembly {
 public:
  Assembly(NetBuilder& net, Variant variant, double width) : net_(net), variant_(variant), width_(width) {}

  /// Convolution name + ".conv", in torchvision's variant batch norm name + ".bn", ReLU name + ".relu". Kernels above 1 are padded.
  int unit(const std::string& name, int from, int channels, int kernel = 1, int stride = 1) {
    const bool batch_norm = variant_ == Variant::torchvision;
    int layer = net_.convolution(name + ".conv", from, scaled(channels, width_), {kernel, stride, kernel / 2}, !batch_norm);
    if (batch_norm) layer = net_.batch_norm(name + ".bn", layer, 0.001);
    return net_.relu(name + ".relu", layer);
  }

  int pool(const std::string& name, int from, int kernel = 3) {
    return net_.max_pool(name, from, {.kernel = kernel, .stride = 2, .ceil_mode = true});
  }

  int local_response_norm(const std::string& name, int from) {
    return variant_ == Variant::torchvision ? from : net_.local_response_norm(name, from, 5, 1e-4, 0.75, 1);
  }

  int inception(const Module& module, int from) {
    const std::string prefix = std::string(module.name) + ".";
    const int one = unit(prefix + "branch1", from, module.one);
    int three = unit(prefix + "branch2.0", from, module.reduce3);
    three = unit(prefix + "branch2.1", three, module.three, 3);
    int pooled = net_.max_pool(prefix + "branch4.0", from, {.kernel = 3, .padding = 1, .ceil_mode = true});
    pooled = unit(prefix + "branch4.1", pooled, module.pool);
    return net_.concat(prefix + "concat", {one, three, wide_branch(prefix + "branch3.", module, from), pooled});
  }

 private:
  /// The branch that is 5x5 in the paper.
  int wide_branch(const std::string& prefix, const Module& module, int from) {
    const int reduced = unit(prefix + "0", from, module.reduce5);
    switch (variant_) {
      case Variant::torchvision:
        return unit(prefix + "1", reduced, module.five, 3);
      case Variant::original:
        return unit(prefix + "1", reduced, module.five, 5);
      case Variant::two_3x3:
        return unit(prefix + "2", unit(prefix + "1", reduced, module.reduce5, 3), module.five, 3);
    }
    return reduced;
  }

  NetBuilder& net_;
  Variant variant_;
  double width_;
};

Variant variant_of(const std::string& name) {
  if (name == "googlenet") return Variant::torchvision;
  return name == "googlenet_v1" ? Variant::original : Variant::two_3x3;
}

}  // namespace

NetSpec make_googlenet(const std::string& name, const NetOptions& options) {
  const Variant variant = variant_of(name);
  const bool small = resolved_layout(options) == Layout::small;
  NetBuilder net(name, options.input);
  Assembly parts(net, variant, options.width);
  int layer = parts.unit("conv1", net.input(), 64, small ? 3 : 7, small ? 1 : 2);
  if (!small) layer = parts.pool("maxpool1", layer);
  layer = parts.local_response_norm("norm1", layer);
  layer = parts.unit("conv2", layer, 64);
  layer = parts.unit("conv3", layer, 192, 3);
  layer = parts.local_response_norm("norm2", layer);
  if (!small) layer = parts.pool("maxpool2", layer);
  for (const Module& module : modules3) layer = parts.inception(module, layer);
  layer = parts.pool("maxpool3", layer);
  for (const Module& module : modules4) layer = parts.inception(module, layer);
  layer = parts.pool("maxpool4", layer, variant == Variant::torchvision ? 2 : 3);
  for (const Module& module : modules5) layer = parts.inception(module, layer);
  layer = net.adaptive_average_pool("avgpool", layer, 1);
  layer = net.flatten("flatten", layer);
  layer = net.dropout("dropout", layer, options.dropout);
  net.linear("fc", layer, options.classes);
  return std::move(net).build();
}

}  // namespace eval
