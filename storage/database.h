// One SQLite file: opened with the project's pragmas, migrated, and used through statements that are prepared once. Internal to storage/.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace SQLite {
class Database;
class Statement;
}  // namespace SQLite

namespace storage {

/// What a column holds or a parameter takes; monostate is NULL. A number that is not finite is stored as the text of number_to_json.
using Value = std::variant<std::monostate, std::int64_t, double, std::string>;
using Row = std::vector<Value>;

std::string text(const Value& value);            ///< "" for NULL
std::int64_t integer(const Value& value);        ///< 0 for NULL
std::optional<double> real(const Value& value);  ///< nothing for NULL
Value null_if_empty(const std::string& value);

/// Whether the file is a database with tables, but without this one. False also for one that is damaged. Throws as Database does where it
/// is locked or not readable.
bool is_foreign(const std::filesystem::path& file, const std::string& table);

/// All methods throw Error(storage) on a file that is locked, corrupt, another program's or of a newer schema, Error(environment) where the
/// disk is full or not writable, and Error(internal) on a statement that SQLite refuses.
class Database {
 public:
  enum class Access { read, write };

  /// With `write` makes the file where it is missing. `table`: one of those that the first migration makes; a file that has others alone is
  /// another program's. Another connection's lock is waited for as long as `patience`.
  Database(std::filesystem::path file, Access access, const std::string& table = "",
           std::chrono::milliseconds patience = std::chrono::seconds(5));
  ~Database();

  /// Brings the file to version migrations.size(), each step in a transaction of its own, then makes the views anew. A file of an older
  /// version that was opened for reading stays as it is: a copy in memory is migrated and read.
  void migrate(const std::vector<const char*>& migrations, const char* views);

  int version();

  /// Runs one statement that gives no rows. Returns how many rows it changed.
  int run(const std::string& sql, const std::vector<Value>& values = {});

  /// Hands each row of the result to `take`, which must not run the same statement.
  void each(const std::string& sql, const std::vector<Value>& values, const std::function<void(const Row&)>& take);

  std::optional<Row> first(const std::string& sql, const std::vector<Value>& values = {});

  std::vector<std::string> columns(const std::string& sql);

 private:
  void open(const std::string& table);
  void copy_to_memory();
  void run_script(const std::string& sql);
  SQLite::Statement& prepared(const std::string& sql, const std::vector<Value>& values);

  std::filesystem::path file_;
  Access access_;
  std::chrono::milliseconds patience_;
  std::unique_ptr<SQLite::Database> connection_;
  std::unordered_map<std::string, std::unique_ptr<SQLite::Statement>> statements_;
};

/// Holds the write lock from its making on; undone unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace storage
