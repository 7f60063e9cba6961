// SHA-256 fingerprints of values and files: the keys of stages, artifacts and data.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "storage/base/json.h"

namespace storage {

/// A SHA-256 in progress, of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();

  void add(std::string_view bytes);

  /// 64 hex digits. Nothing may be added after it.
  std::string hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// SHA-256 of the bytes, 64 hex digits.
std::string sha256(std::string_view bytes);

/// SHA-256 of the bytes in base64, as content security policies name it.
std::string sha256_base64(std::string_view bytes);

/// SHA-256 of a file's content, streamed, 64 hex digits. Throws Error(invalid) where the file cannot be read.
std::string sha256_file(const std::filesystem::path& path);

/// The sorted, compact dump of a value: equal values have equal ones. Throws Error(invalid) where a text in it is not UTF-8.
std::string canonical(const Json& value);

/// The first 32 hex digits of the SHA-256 of a canonical dump, or of a value's.
std::string fingerprint_of(std::string_view canonical);
std::string fingerprint(const Json& value);

/// What identifies a data file cheaply: name, size and the SHA-256 of its first and last 64 KiB.
Json file_identity(const std::filesystem::path& path);

/// The same of a table, any line of which may be corrected: with the SHA-256 of all of it where its ends are not all.
Json text_identity(const std::filesystem::path& path);

}  // namespace storage
