#include "eval/data/image_header.h"

#include "eval/data/codecs/codec.h"

namespace eval {

std::optional<ImageHeader> read_image_header(std::string_view bytes) {
  const Codec* codec = find_codec(bytes);
  const ImageHeader header = codec == nullptr ? ImageHeader{} : codec->header(bytes);
  return header.width > 0 && header.height > 0 ? std::optional(header) : std::nullopt;
}

}  // namespace eval
