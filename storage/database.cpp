#include "storage/database.h"

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include <cmath>
#include <string_view>

#include "storage/base/error.h"
#include "storage/base/json.h"

namespace storage {

namespace {

[[noreturn]] void fail(const std::filesystem::path& file, const SQLite::Exception& error) {
  const std::string name = file.string();
  switch (error.getErrorCode()) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw Error(ErrorKind::storage, fmt::format("{} is locked by another process: wait until it ends, or stop it", name));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      throw Error(
          ErrorKind::storage,
          fmt::format("{} is corrupt or no database of nas-run ({}): restore a copy, or move it away to start anew", name, error.what()));
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      throw Error(ErrorKind::environment, fmt::format("cannot use {}: {}", name, error.what()));
    default:
      if (std::string_view(error.what()).find("malformed JSON") != std::string_view::npos)
        throw Error(ErrorKind::storage, fmt::format("{}: a row holds no JSON where it belongs: restore a copy of it", name));
      throw Error(ErrorKind::internal, fmt::format("{}: {}", name, error.what()));
  }
}

template <class Work>
auto translated(const std::filesystem::path& file, Work work) {
  try {
    return work();
  } catch (const SQLite::Exception& error) {
    fail(file, error);
  }
}

/// Ends a statement's use on every path, so that no read lock outlives it.
struct Reset {
  SQLite::Statement& statement;
  ~Reset() { statement.tryReset(); }
};

void bind(SQLite::Statement& statement, int index, const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    statement.bind(index, *number);
  } else if (const auto* text_value = std::get_if<std::string>(&value)) {
    statement.bind(index, *text_value);
  } else if (const auto* real_value = std::get_if<double>(&value)) {
    if (std::isfinite(*real_value)) {
      statement.bind(index, *real_value);
    } else {
      statement.bind(index, number_to_json(*real_value).get<std::string>());
    }
  } else {
    statement.bind(index);
  }
}

Value value_of(const SQLite::Column& column) {
  if (column.isInteger()) return column.getInt64();
  if (column.isFloat()) return column.getDouble();
  if (column.isNull()) return std::monostate{};
  return column.getString();
}

/// A name that opens the file without its -wal and -shm neighbours, for a directory where they cannot be made.
std::string immutable_uri(const std::filesystem::path& file) {
  std::string uri = "file:";
  for (const char letter : std::filesystem::absolute(file).string()) {
    uri += letter == '%' || letter == '?' || letter == '#' ? fmt::format("%{:02x}", letter) : std::string(1, letter);
  }
  return uri + "?immutable=1";
}

/// Whether the file has tables, and not that of ours. In one statement, since another process may be making them.
bool lacks_table(SQLite::Database& connection, const std::string& table) {
  SQLite::Statement known(connection, "SELECT count(*) = 0 OR max(type = 'table' AND name = ?) FROM sqlite_master");
  known.bind(1, table);
  return !known.executeStep() || known.getColumn(0).getInt() == 0;
}

void refuse_foreign(SQLite::Database& connection, const std::filesystem::path& file, const std::string& table) {
  if (table.empty() || !lacks_table(connection, table)) return;
  throw Error(
      ErrorKind::storage,
      fmt::format("{} is a database of another program, and stays as it is: give another directory, or move it away", file.string()));
}

bool has_content(const std::filesystem::path& file) {
  std::error_code missing;
  const auto size = std::filesystem::file_size(file, missing);
  return !missing && size > 0;
}

}  // namespace

std::string text(const Value& value) {
  const auto* held = std::get_if<std::string>(&value);
  return held ? *held : "";
}

std::int64_t integer(const Value& value) {
  const auto* held = std::get_if<std::int64_t>(&value);
  return held ? *held : 0;
}

std::optional<double> real(const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) return std::nullopt;
  if (const auto* held = std::get_if<double>(&value)) return *held;
  if (const auto* held = std::get_if<std::int64_t>(&value)) return static_cast<double>(*held);
  return number_from_json(text(value));
}

Value null_if_empty(const std::string& value) {
  return value.empty() ? Value() : Value(value);
}

bool is_foreign(const std::filesystem::path& file, const std::string& table) {
  try {
    SQLite::Database connection(file.string(), SQLite::OPEN_READONLY);
    return lacks_table(connection, table);
  } catch (const SQLite::Exception& error) {
    if (error.getErrorCode() != SQLITE_NOTADB && error.getErrorCode() != SQLITE_CORRUPT) fail(file, error);
    return false;
  }
}

Database::Database(std::filesystem::path file, Access access, const std::string& table, std::chrono::milliseconds patience)
    : file_(std::move(file)), access_(access), patience_(patience) {
  translated(file_, [&] { open(table); });
}

Database::~Database() = default;

void Database::open(const std::string& table) {
  const int patience = static_cast<int>(patience_.count());
  if (access_ == Access::write) {
    connection_ = std::make_unique<SQLite::Database>(file_.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, patience);
    refuse_foreign(*connection_, file_, table);
    // FULL: a commit is on the disk when it returns, so that what was recorded outlives a power cut; NORMAL would only keep the file whole.
    // A cache of 16 MB and a checkpoint every 16 MB: commits are small and many, and each checkpoint waits for the disk.
    connection_->exec(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -16000; "
        "PRAGMA wal_autocheckpoint = 4000");
    return;
  }
  try {
    connection_ = std::make_unique<SQLite::Database>(file_.string(), SQLite::OPEN_READONLY, patience);
    connection_->execAndGet("PRAGMA schema_version");
  } catch (const SQLite::Exception& error) {
    const bool closed_directory = error.getErrorCode() == SQLITE_CANTOPEN || error.getErrorCode() == SQLITE_READONLY;
    if (!closed_directory || !std::filesystem::exists(file_) || has_content(file_.string() + "-wal")) throw;
    connection_ = std::make_unique<SQLite::Database>(immutable_uri(file_), SQLite::OPEN_READONLY | SQLite::OPEN_URI, patience);
  }
  refuse_foreign(*connection_, file_, table);
}

void Database::migrate(const std::vector<const char*>& migrations, const char* views) {
  const int known = static_cast<int>(migrations.size());
  const auto check = [&](int found) {
    if (found <= known) return;
    throw Error(ErrorKind::storage, fmt::format("{} has schema version {}; this nas-run knows up to version {}: use the newer nas-run",
                                                file_.string(), found, known));
  };
  check(version());
  if (version() == known) return;
  if (access_ == Access::read) copy_to_memory();
  for (bool finished = false; !finished;) {
    Transaction transaction(*this);
    const int found = version();  // Another process may have migrated since.
    check(found);
    if (found < known) {
      std::vector<std::string> old_views;
      each("SELECT name FROM sqlite_master WHERE type = 'view'", {}, [&](const Row& row) { old_views.push_back(text(row[0])); });
      for (const std::string& view : old_views) run_script(fmt::format("DROP VIEW \"{}\"", view));
      run_script(migrations[static_cast<std::size_t>(found)]);
      if (found + 1 == known) run_script(views);
      run_script(fmt::format("PRAGMA user_version = {}", found + 1));
    }
    finished = found + 1 >= known;
    transaction.commit();
  }
}

/// Goes on with a copy of the file, which stays as it is.
void Database::copy_to_memory() {
  statements_.clear();  // they are the file's
  translated(file_, [&] {
    auto copy = std::make_unique<SQLite::Database>(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    SQLite::Backup(*copy, *connection_).executeStep();
    connection_ = std::move(copy);
  });
}

int Database::version() {
  return static_cast<int>(integer(first("PRAGMA user_version").value()[0]));
}

int Database::run(const std::string& sql, const std::vector<Value>& values) {
  return translated(file_, [&] {
    SQLite::Statement& statement = prepared(sql, values);
    const Reset reset{statement};
    return statement.exec();
  });
}

void Database::each(const std::string& sql, const std::vector<Value>& values, const std::function<void(const Row&)>& take) {
  translated(file_, [&] {
    SQLite::Statement& statement = prepared(sql, values);
    const Reset reset{statement};
    Row row(static_cast<std::size_t>(statement.getColumnCount()));
    while (statement.executeStep()) {
      for (std::size_t i = 0; i < row.size(); ++i) row[i] = value_of(statement.getColumn(static_cast<int>(i)));
      take(row);
    }
  });
}

std::optional<Row> Database::first(const std::string& sql, const std::vector<Value>& values) {
  std::optional<Row> found;
  each(sql, values, [&](const Row& row) {
    if (!found) found = row;
  });
  return found;
}

std::vector<std::string> Database::columns(const std::string& sql) {
  return translated(file_, [&] {
    SQLite::Statement& statement = prepared(sql, {});
    std::vector<std::string> names;
    names.reserve(static_cast<std::size_t>(statement.getColumnCount()));
    for (int i = 0; i < statement.getColumnCount(); ++i) names.push_back(statement.getColumnName(i));
    return names;
  });
}

void Database::run_script(const std::string& sql) {
  translated(file_, [&] { connection_->exec(sql); });
}

SQLite::Statement& Database::prepared(const std::string& sql, const std::vector<Value>& values) {
  std::unique_ptr<SQLite::Statement>& statement = statements_[sql];
  if (!statement) statement = std::make_unique<SQLite::Statement>(*connection_, sql);
  for (std::size_t i = 0; i < values.size(); ++i) bind(*statement, static_cast<int>(i) + 1, values[i]);
  return *statement;
}

Transaction::Transaction(Database& database) : database_(database) {
  database_.run("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    database_.run("ROLLBACK");
  } catch (const Error&) {
    open_ = false;  // SQLite has undone it by itself, as it does on a full disk.
  }
}

void Transaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}

}  // namespace storage
