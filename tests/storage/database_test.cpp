#include "storage/database.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "storage/base/error.h"
#include "storage/base/file.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/throws.h"

using namespace storage;
using namespace std::chrono_literals;
using support::error_of;
using support::TemporaryDirectory;

namespace {

constexpr auto write_database = Database::Access::write;
constexpr auto read_database = Database::Access::read;
const char* const first_step = "CREATE TABLE thing (name TEXT, size REAL); INSERT INTO thing VALUES ('one', 1.5)";
const char* const first_views = "CREATE VIEW things AS SELECT name FROM thing";
const char* const second_step = "ALTER TABLE thing RENAME COLUMN name TO label";
const char* const second_views = "CREATE VIEW things AS SELECT label, size FROM thing";

std::string text_of(Database& database, const std::string& sql) {
  return text(database.first(sql).value()[0]);
}
std::int64_t integer_of(Database& database, const std::string& sql) {
  return integer(database.first(sql).value()[0]);
}

/// Runs `work` in a child without root's rights and returns its exit code.
template <class Work>
int in_unprivileged_child(Work work) {
  const pid_t child = fork();
  if (child == 0) {
    if (getuid() == 0 && setuid(65534) != 0) _exit(100);
    _exit(work());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 200;
}

}  // namespace

TEST_CASE("a database opens with the project's pragmas") {
  const TemporaryDirectory directory;
  Database database(directory.path() / "db", write_database);
  CHECK(text_of(database, "PRAGMA journal_mode") == "wal");
  CHECK(integer_of(database, "PRAGMA synchronous") == 2);  // FULL
  CHECK(integer_of(database, "PRAGMA foreign_keys") == 1);
}

TEST_CASE("values come back as they were bound, and no number becomes NULL") {
  const TemporaryDirectory directory;
  Database database(directory.path() / "db", write_database);
  database.run("CREATE TABLE kept (position INTEGER PRIMARY KEY, value REAL, other)");
  const double inf = std::numeric_limits<double>::infinity();
  const std::string bytes("a\0b'", 4);
  const std::vector<Value> values = {0.1, std::nan(""), inf, -inf, Value()};
  for (std::size_t i = 0; i < values.size(); ++i) {
    CHECK(database.run("INSERT INTO kept VALUES (?, ?, ?)", {static_cast<std::int64_t>(i), values[i], bytes}) == 1);
  }
  std::vector<Value> found;
  database.each("SELECT value, other FROM kept ORDER BY position", {}, [&](const Row& row) {
    found.push_back(row[0]);
    CHECK(row[1] == Value(bytes));
  });
  REQUIRE(found.size() == 5);
  CHECK(real(found[0]) == 0.1);
  CHECK(std::isnan(real(found[1]).value()));
  CHECK(real(found[2]) == inf);
  CHECK(real(found[3]) == -inf);
  CHECK_FALSE(real(found[4]).has_value());
  CHECK(integer_of(database, "SELECT count(*) FROM kept WHERE value IS NULL") == 1);
  CHECK(database.columns("SELECT position, value AS v FROM kept") == std::vector<std::string>{"position", "v"});
  CHECK_FALSE(database.first("SELECT 1 FROM kept WHERE position = ?", {std::int64_t{99}}).has_value());
}

TEST_CASE("a transaction that is not committed leaves no trace") {
  const TemporaryDirectory directory;
  Database database(directory.path() / "db", write_database);
  database.run("CREATE TABLE kept (value INTEGER)");
  {
    const Transaction transaction(database);
    database.run("INSERT INTO kept VALUES (1)");
  }
  CHECK(integer_of(database, "SELECT count(*) FROM kept") == 0);
  {
    Transaction transaction(database);
    database.run("INSERT INTO kept VALUES (1)");
    transaction.commit();
  }
  CHECK(integer_of(database, "SELECT count(*) FROM kept") == 1);
  CHECK(error_of([&] { database.run("INSERT INTO none VALUES (1)"); }).kind() == ErrorKind::internal);
}

TEST_CASE("migrations run once each, in order, and make the views anew") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "db";
  {
    Database database(file, write_database);
    CHECK(database.version() == 0);
    database.migrate({first_step}, first_views);
    database.migrate({first_step}, first_views);
    CHECK(database.version() == 1);
    CHECK(integer_of(database, "SELECT count(*) FROM things") == 1);
  }
  Database database(file, write_database);
  database.migrate({first_step, second_step}, second_views);
  CHECK(database.version() == 2);
  CHECK(database.columns("SELECT * FROM things") == std::vector<std::string>{"label", "size"});
  CHECK(text_of(database, "SELECT label FROM things") == "one");
}

TEST_CASE("a migration that fails leaves the version before it") {
  const TemporaryDirectory directory;
  Database database(directory.path() / "db", write_database);
  CHECK(error_of([&] { database.migrate({first_step, "CREATE TABLE half (x); nonsense"}, first_views); }).kind() == ErrorKind::internal);
  CHECK(database.version() == 1);
  CHECK(integer_of(database, "SELECT count(*) FROM sqlite_master WHERE name = 'half'") == 0);
  database.migrate({first_step, second_step}, second_views);
  CHECK(database.version() == 2);
}

TEST_CASE("a newer schema is refused and says which version is known") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "db";
  Database(file, write_database).migrate({first_step, second_step}, second_views);
  for (const auto access : {write_database, read_database}) {
    const Error error = error_of([&] { Database(file, access).migrate({first_step}, first_views); });
    CHECK(error.kind() == ErrorKind::storage);
    CHECK_THAT(error.what(), Catch::Contains(file.string()) && Catch::Contains("schema version 2") && Catch::Contains("up to version 1"));
  }
}

TEST_CASE("a reader migrates a copy, and the file stays as it is") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "db";
  Database(file, write_database).migrate({first_step}, first_views);
  Database reader(file, read_database);
  reader.migrate({first_step, second_step}, second_views);
  CHECK(reader.version() == 2);
  CHECK(reader.columns("SELECT * FROM things") == std::vector<std::string>{"label", "size"});
  CHECK(text_of(reader, "SELECT label FROM things") == "one");
  CHECK(Database(file, read_database).version() == 1);
}

TEST_CASE("a file that is no database is refused as corrupt") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "db";
  write_file(file, std::string(8192, 'x'));
  for (const auto access : {write_database, read_database}) {
    const Error error = error_of([&] { Database(file, access).migrate({first_step}, first_views); });
    CHECK(error.kind() == ErrorKind::storage);
    CHECK_THAT(error.what(), Catch::Contains(file.string()) && Catch::Contains("corrupt"));
  }
  CHECK(read_file(file) == std::string(8192, 'x'));
}

TEST_CASE("another program's database is refused, and not a byte of it changes") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "db";
  {
    SQLite::Database foreign(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    foreign.exec("CREATE TABLE contact (name TEXT); CREATE VIEW thing AS SELECT name FROM contact; PRAGMA user_version = 1");
  }
  const std::string before = read_file(file);
  for (const auto access : {write_database, read_database}) {
    const Error error = error_of([&] { const Database database(file, access, "thing", 0ms); });
    CHECK(error.kind() == ErrorKind::storage);
    CHECK_THAT(error.what(), Catch::Contains(file.string()) && Catch::Contains("another program"));
  }
  CHECK(read_file(file) == before);
  Database(directory.path() / "own", write_database, "thing", 0ms).migrate({first_step}, first_views);
  Database again(directory.path() / "own", write_database, "thing", 0ms);
  CHECK(text_of(again, "SELECT name FROM thing") == "one");
}

TEST_CASE("a file that lost its tail is refused as corrupt") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "db";
  Database(file, write_database).migrate({first_step}, first_views);
  write_file(file, read_file(file).substr(0, 4096));
  const Error error = error_of([&] { Database(file, read_database).first("SELECT * FROM things"); });
  CHECK(error.kind() == ErrorKind::storage);
  CHECK_THAT(error.what(), Catch::Contains("corrupt"));
}

TEST_CASE("a file that another writer holds is refused as locked") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "db";
  Database holder(file, write_database);
  holder.run("CREATE TABLE kept (value INTEGER)");
  const Transaction transaction(holder);
  Database other(file, write_database, "", 0ms);
  const Error error = error_of([&] { other.run("INSERT INTO kept VALUES (1)"); });
  CHECK(error.kind() == ErrorKind::storage);
  CHECK_THAT(error.what(), Catch::Contains(file.string()) && Catch::Contains("locked"));
}

TEST_CASE("a reader sees the last commit while a writer has a transaction open") {
  const TemporaryDirectory directory;
  const auto file = directory.path() / "db";
  Database writer(file, write_database);
  writer.run("CREATE TABLE kept (value INTEGER)");
  writer.run("INSERT INTO kept VALUES (1)");
  Transaction transaction(writer);
  writer.run("INSERT INTO kept VALUES (2)");
  Database reader(file, read_database, "", 0ms);
  CHECK(integer_of(reader, "SELECT sum(value) FROM kept") == 1);
  transaction.commit();
  CHECK(integer_of(reader, "SELECT sum(value) FROM kept") == 3);
  CHECK(error_of([&] { reader.run("INSERT INTO kept VALUES (3)"); }).kind() == ErrorKind::environment);
}

TEST_CASE("a directory that cannot be written can be read") {
  const TemporaryDirectory directory;
  const auto results = directory.path() / "results?#%";
  const auto file = results / "db";
  std::filesystem::create_directory(results);
  Database(file, write_database).migrate({first_step}, first_views);
  chmod(file.c_str(), 0444);
  chmod(results.c_str(), 0555);
  chmod(directory.path().c_str(), 0755);
  const int code = in_unprivileged_child([&] {
    try {
      Database database(file, read_database);
      return text_of(database, "SELECT name FROM things") == "one" ? 0 : 1;
    } catch (const Error&) {
      return 2;
    }
  });
  CHECK(code == 0);
  const int writing = in_unprivileged_child([&] {
    try {
      Database(file, write_database).run("INSERT INTO thing VALUES ('two', 2)");
      return 1;
    } catch (const Error& error) {
      return error.kind() == ErrorKind::environment ? 0 : 2;
    }
  });
  CHECK(writing == 0);
  chmod(results.c_str(), 0755);
}
