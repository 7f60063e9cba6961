// Which fields of a Layer its kind uses: one list for the JSON writer, the JSON reader and the check of a spec.
#pragma once

#include <string_view>

#include "eval/nets/net_spec.h"

namespace eval {

/// A field that JSON has only where it is not the default: files that were written before it was known, and their fingerprints, stay as
/// they are.
inline bool is_later_field(std::string_view key) {
  return key == "count_padding";
}

/// Calls visit(key, pointer to member) for every field of the kind besides name, kind and inputs. `visit` takes members of the types
/// int, bool, double, std::array<int, 2> and std::vector<int>.
template <class Visit>
void visit_fields(LayerKind kind, Visit&& visit) {
  switch (kind) {
    case LayerKind::input:
      visit("channels", &Layer::channels);
      visit("extent", &Layer::extent);
      return;
    case LayerKind::convolution:
      visit("channels", &Layer::channels);
      visit("kernel", &Layer::kernel);
      visit("stride", &Layer::stride);
      visit("padding", &Layer::padding);
      visit("dilation", &Layer::dilation);
      visit("groups", &Layer::groups);
      visit("bias", &Layer::bias);
      return;
    case LayerKind::linear:
      visit("channels", &Layer::channels);
      visit("bias", &Layer::bias);
      return;
    case LayerKind::batch_norm:
      visit("epsilon", &Layer::epsilon);
      return;
    case LayerKind::local_response_norm:
      visit("size", &Layer::size);
      visit("alpha", &Layer::alpha);
      visit("beta", &Layer::beta);
      visit("k", &Layer::k);
      return;
    case LayerKind::max_pool:
      visit("kernel", &Layer::kernel);
      visit("stride", &Layer::stride);
      visit("padding", &Layer::padding);
      visit("dilation", &Layer::dilation);
      visit("ceil_mode", &Layer::ceil_mode);
      return;
    case LayerKind::average_pool:
      visit("kernel", &Layer::kernel);
      visit("stride", &Layer::stride);
      visit("padding", &Layer::padding);
      visit("ceil_mode", &Layer::ceil_mode);
      visit("count_padding", &Layer::count_padding);
      return;
    case LayerKind::adaptive_average_pool:
      visit("size", &Layer::size);
      return;
    case LayerKind::zero_pad:
      visit("padding", &Layer::padding);
      visit("padding_end", &Layer::padding_end);
      return;
    case LayerKind::select:
      visit("indices", &Layer::indices);
      return;
    case LayerKind::dropout:
      visit("rate", &Layer::rate);
      return;
    case LayerKind::leaky_relu:
      visit("slope", &Layer::slope);
      return;
    case LayerKind::relu:
    case LayerKind::relu6:
    case LayerKind::silu:
    case LayerKind::gelu:
    case LayerKind::hard_swish:
    case LayerKind::sigmoid:
    case LayerKind::hard_sigmoid:
    case LayerKind::prelu:
    case LayerKind::concat:
    case LayerKind::add:
    case LayerKind::multiply:
    case LayerKind::flatten:
      return;
  }
}

}  // namespace eval
