// What a program must know of a net besides the net, to feed it and to read what it says: in the files that nets are exported to, and in
// those that they come from.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "eval/nets/net_spec.h"
#include "storage/base/json.h"

namespace eval {

struct NetInfo {
  std::string task;                      ///< of the experiment, as "age"; "": not known
  std::vector<std::string> class_names;  ///< in the order of the scores; empty: not known
  std::vector<float> mean, deviation;  ///< by channel, of pixels in [0, 1]: the net takes (byte / 255 - mean) / deviation; empty: not known

  bool knows_pixels() const { return !mean.empty(); }
  bool operator==(const NetInfo&) const = default;
};

/// {"task", "class_names", "mean", "deviation"}, less what is not known.
storage::Json to_json(const NetInfo& info);

/// The inverse; other keys are passed over. Throws storage::Error(invalid) for a value of another type, a mean that is not finite, or a
/// deviation that is not finite and above 0.
NetInfo net_info_from_json(const storage::Json& json);

/// As texts for a file's metadata: the keys of to_json, lists as JSON, and of the net's input "input_size" ("[3, 32, 32]": channels,
/// height, width) and "colours" ("RGB" or "grey"). Empty where nothing is known.
std::map<std::string, std::string> to_metadata(const NetInfo& info, const NetSpec& spec);

/// What a file's metadata say; keys of others are passed over, as are texts that are not UTF-8 and values that are not of these keys' form.
NetInfo net_info_from_metadata(const std::map<std::string, std::string>& metadata);

/// The info less what is of another number of classes or channels than the net: another program's keys, or another head.
NetInfo fitting(NetInfo info, const NetSpec& spec);

}  // namespace eval
