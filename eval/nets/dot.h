// A net as a picture: the layers as a graph in Graphviz's language.
#pragma once

#include <string>

#include "eval/nets/net_spec.h"

namespace eval {

/// A digraph, one node a layer with its kind and output shape, one edge for each input.
std::string to_dot(const NetSpec& spec);

}  // namespace eval
