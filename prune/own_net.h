// A net that the user brought, made to fit: the data's classes, and other widths for the narrow control.
#pragma once

#include "eval/nets/net_spec.h"

namespace prune {

/// `spec` with `classes` class scores and every layer that can be cut at `width` (in (0, 1]) of its channels, at least one. Throws
/// storage::Error(invalid) where the net takes other images than those of `images`, gives no class scores, or would have to grow.
eval::NetSpec fitted(const eval::NetSpec& spec, double width, const eval::Shape& images, int classes);

/// `spec` with a batch norm behind each convolution that has none, but for the layer that makes the class scores. It is called after the
/// convolution, with "_bn" behind. A convolution has one where a batch norm alone reads it.
eval::NetSpec with_batch_norm(const eval::NetSpec& spec);

}  // namespace prune
