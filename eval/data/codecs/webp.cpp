// Through libwebp.
#include <webp/decode.h>
#include <webp/demux.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "eval/data/codecs/codec.h"

namespace eval {
namespace {

Decoded decode_webp(std::string_view bytes, const ImageFrame& frame) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(data_of(bytes), bytes.size(), &features) != VP8_STATUS_OK) return {{}, "is a broken WebP: its header cannot be read"};
  if (features.has_animation != 0) return {{}, "is a moving picture; valid: a still one"};
  if (std::string wrong = check_size(features.width, features.height, frame); !wrong.empty()) return {{}, std::move(wrong)};
  cv::Mat rgba(features.height, features.width, CV_8UC4);
  const std::size_t row = rgba.step[0];
  if (WebPDecodeRGBAInto(data_of(bytes), bytes.size(), rgba.data, row * rgba.rows, static_cast<int>(row)) == nullptr)
    return {{}, "is a broken WebP: its pixels cannot be read"};
  return {on_black(rgba, frame), ""};
}

ImageHeader read_webp_header(std::string_view bytes) {
  ImageHeader header;
  return WebPGetInfo(data_of(bytes), bytes.size(), &header.width, &header.height) != 0 ? header : ImageHeader{};
}

/// What the chunk EXIF says.
int webp_orientation(std::string_view bytes) {
  const WebPData file{data_of(bytes), bytes.size()};
  const std::unique_ptr<WebPDemuxer, void (*)(WebPDemuxer*)> demuxer(WebPDemux(&file), &WebPDemuxDelete);
  WebPChunkIterator chunk{};
  int value = 1;
  if (demuxer && WebPDemuxGetChunk(demuxer.get(), "EXIF", 1, &chunk) != 0)
    value = exif_orientation({reinterpret_cast<const char*>(chunk.chunk.bytes), chunk.chunk.size});
  WebPDemuxReleaseChunkIterator(&chunk);
  return value;
}

}  // namespace

constinit const Codec webp_codec{"WebP",
                                 {".webp"},
                                 [](std::string_view bytes) { return bytes.starts_with("RIFF") && bytes.substr(0, 12).ends_with("WEBP"); },
                                 &decode_webp,
                                 &read_webp_header,
                                 &webp_orientation};

}  // namespace eval
