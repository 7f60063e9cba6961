// The activations of a net and of a cut one, carried side by side from layer to layer for as many images as memory has room for. Used by
// the refit.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "eval/nets/net.h"

namespace prune {

/// Batches of images, [N, C, H, W], one after the other, then nothing.
using ImageSource = std::function<std::optional<torch::Tensor>()>;

/// Images that a source is to give at a time where both nets' activations may take `memory` bytes. whole: the net before the cut.
int images_at_once(const eval::NetSpec& whole, std::int64_t memory);

class PairedActivations {
 public:
  /// What the layers of both nets gave on the same images; undefined where nothing reads it any more, and where the walk has not been.
  struct Batch {
    std::vector<torch::Tensor> whole, cut;  ///< by layer
  };

  /// Borrows the nets, which have the same layers. Images come as they are wanted: as many as both nets' activations have room for in
  /// `memory` bytes.
  PairedActivations(const eval::Net& whole, const eval::Net& cut, std::int64_t memory, ImageSource images);

  /// Takes as many images as there is room for from `layer` on, and brings them there: maps shrink on their way, so that later layers,
  /// which have fewer places and more inputs, see more images. Some are taken only where they are as many again, since each batch is a
  /// pass, and into half of the room: weights gain in size on the way, too.
  void take_images(int layer);

  /// Runs one layer of both nets, unless that was done, and frees what nothing reads after it.
  void advance(int layer);

  /// An output that is put in here is not computed anew.
  std::vector<Batch>& batches() { return batches_; }

  /// Taken so far.
  std::int64_t images() const { return taken_; }

 private:
  void merge_batches(int layer);
  void advance(const eval::Net& net, std::vector<torch::Tensor>& outputs, int layer) const;

  const eval::Net& whole_;
  const eval::Net& cut_;
  std::int64_t memory_;
  ImageSource source_;                     ///< of the images to come
  std::optional<torch::Tensor> rest_;      ///< of the last batch of these, for which there was no room
  std::vector<std::vector<int>> readers_;  ///< by layer
  std::vector<std::int64_t> bytes_;        ///< by layer, of an image from there on
  std::vector<Batch> batches_;
  std::int64_t taken_ = 0;
};

}  // namespace prune
