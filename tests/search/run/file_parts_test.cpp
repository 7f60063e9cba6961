#include "search/run/file_parts.h"

#include <catch2/catch.hpp>

#include "search/run/executors/copying_channel.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/throws.h"

namespace {

struct Stores {
  support::TemporaryDirectory folder;
  storage::ArtifactStore here{folder.path() / "here"}, there{folder.path() / "there"};

  std::string put(const std::string& bytes) const {
    return here.put("weights", [&](const std::filesystem::path& path) { std::ofstream(path, std::ios::binary) << bytes; }).hash;
  }
  search::PartialFile partial(const std::string& hash) const { return {there, folder.path() / "partial", hash}; }
};

/// A worker that says what it was given to say.
class Saying : public search::Channel {
 public:
  std::vector<std::string> says, heard;

  bool send(const std::string& line) override {
    heard.push_back(line);
    return true;
  }
  search::Link receive(std::vector<std::string>& lines) override {
    lines.insert(lines.end(), says.begin(), says.end());
    says.clear();
    return search::Link::alive;
  }
  int descriptor() const override { return 0; }
  void stop(StopWorker) override {}
  search::WorkerEnd end() override { return {}; }
};

}  // namespace

TEST_CASE_METHOD(Stores, "a file that goes in parts is the same file, and of no other name") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{256} << 10, (std::size_t{512} << 10) + 7}) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 977);
    const std::string hash = put(bytes);
    search::PartialFile file = partial(hash);
    bool whole = false;
    for (int parts = 0; !whole; ++parts) {
      REQUIRE(parts < 4);
      whole = file.add(search::read_part(here, hash, file.bytes()));
      CHECK(there.contains(hash) == whole);
    }
    CHECK(storage::read_file(there.path(hash)) == bytes);
  }
}

TEST_CASE_METHOD(Stores, "a part that is missing, or another file, is no copy") {
  const std::string hash = put(std::string(600'000, 'x')), other = put("other");
  search::PartialFile file = partial(hash);
  file.add(search::read_part(here, hash, 0));
  CHECK_THROWS(file.add(search::read_part(here, hash, 0)));
  CHECK_THROWS(partial(hash).add(search::read_part(here, other, 0)));
  search::FilePart forged = search::read_part(here, other, 0);
  forged.hash = hash;
  CHECK_THAT(support::error_of([&] { partial(hash).add(forged); }).what(), Catch::Contains("came as " + other));
  CHECK_FALSE(there.contains(hash));
  CHECK(search::read_part(here, std::string(64, '0'), 0).size == -1);
}

TEST_CASE_METHOD(Stores, "a channel that copies answers what the worker lacks, takes what it sends, and passes on the rest") {
  const std::string wanted = put("of the base"),
                    made = storage::ArtifactStore(folder.path() / "host")
                               .put("weights", [](const auto&path) { std::ofstream(path) << "of the cut net"; })
                               .hash;
  auto worker = std::make_unique<Saying>();
  Saying& said = *worker;
  search::CopyingChannel channel(std::move(worker), folder.path() / "here");
  said.says = {to_line(search::FileWanted{wanted, 3}), to_line(search::read_part(storage::ArtifactStore(folder.path() / "host"), made, 0)),
               to_line(search::WorkerLeaves{"idle"})};
  std::vector<std::string> lines;
  CHECK(channel.receive(lines) == search::Link::alive);
  CHECK(lines == std::vector<std::string>{to_line(search::Alive()), to_line(search::Alive()), to_line(search::WorkerLeaves{"idle"})});
  CHECK(storage::read_file(here.path(made)) == "of the cut net");
  REQUIRE(said.heard.size() == 1);
  CHECK(std::get<search::FilePart>(search::message_from_line(said.heard[0])).bytes == "the base");
}
