// The DDL that CMake embeds from storage/migrations and storage/views.sql. Internal to storage/.
#pragma once

#include <vector>

namespace storage {

/// migrations()[i] brings a database from user_version i to i + 1.
const std::vector<const char*>& migrations();

/// Makes all views; run after the last migration, where there are none.
const char* views();

}  // namespace storage
