#include "storage/base/fingerprint.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <memory>

#include "storage/base/error.h"
#include "storage/base/file.h"

namespace storage {

namespace {

/// Of each end of a file that goes into its identity.
constexpr std::uintmax_t end_bytes = 64 << 10;

void check(bool done) {
  if (!done) throw Error(ErrorKind::internal, "OpenSSL cannot compute SHA-256");
}

}  // namespace

struct Sha256::Context {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
};

Sha256::Sha256() : context_(new Context) {
  check(context_->digest && EVP_DigestInit_ex(context_->digest.get(), EVP_sha256(), nullptr));
}

Sha256::~Sha256() = default;

void Sha256::add(std::string_view bytes) {
  check(EVP_DigestUpdate(context_->digest.get(), bytes.data(), bytes.size()));
}

std::string Sha256::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  check(EVP_DigestFinal_ex(context_->digest.get(), digest, &size));
  return fmt::format("{:02x}", fmt::join(digest, digest + size, ""));
}

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.hex();
}

std::string sha256_base64(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  check(EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr));
  unsigned char text[2 * EVP_MAX_MD_SIZE];
  const int length = EVP_EncodeBlock(text, digest, static_cast<int>(size));
  return {text, text + length};
}

std::string sha256_file(const std::filesystem::path& path) {
  Sha256 hash;
  read_blocks(path, [&](std::string_view block) { hash.add(block); });
  return hash.hex();
}

std::string canonical(const Json& value) {
  try {
    return value.dump();
  } catch (const Json::type_error& error) {
    throw Error(ErrorKind::invalid, fmt::format("a text is not valid UTF-8: {}", error.what()));
  }
}

std::string fingerprint_of(std::string_view canonical) {
  return sha256(canonical).substr(0, 32);
}

std::string fingerprint(const Json& value) {
  return fingerprint_of(canonical(value));
}

Json text_identity(const std::filesystem::path& path) {
  Json identity = file_identity(path);
  if (identity.at("size") > 2 * end_bytes) identity["sha256"] = sha256_file(path);
  return identity;
}

Json file_identity(const std::filesystem::path& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file)
    throw Error(ErrorKind::invalid, fmt::format("cannot read {}: {}", path.string(), error ? error.message() : "no permission"));

  const std::uintmax_t head = std::min(size, end_bytes), tail = std::min(size - head, end_bytes);
  std::string ends(head + tail, '\0');
  file.read(ends.data(), static_cast<std::streamsize>(head));
  file.seekg(static_cast<std::streamoff>(size - tail));
  file.read(ends.data() + head, static_cast<std::streamsize>(tail));
  if (!file) throw Error(ErrorKind::invalid, fmt::format("cannot read {}: it changed while it was read", path.string()));
  return {{"name", path.filename().string()}, {"size", size}, {"sha256_of_ends", sha256(ends)}};
}

}  // namespace storage
