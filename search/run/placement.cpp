#include "search/run/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "storage/base/error.h"

namespace search {

namespace {

/// What an exclusive stage gets to itself.
const std::string& device_of(const Slot& slot) {
  return slot.exclusive.empty() ? slot.device : slot.exclusive;
}

}  // namespace

Placement::Placement(std::vector<Slot> slots) : slots_(std::move(slots)), running_(slots_.size()) {
  if (slots_.empty()) throw storage::Error(storage::ErrorKind::internal, "the executor has no slots");
}

std::optional<Placement::Start> Placement::next(const Queue& queue) {
  // Before anything is taken: the reserved stage does not depend on what else is ready.
  if (reserved_ && !is_busy(reserved_->device)) {
    const Reserved reserved = *std::exchange(reserved_, std::nullopt);
    return start(*idle_slot(reserved.device), reserved.stage, true);
  }
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    const std::string& device = device_of(slots_[slot]);
    if (running_[slot] || is_claimed(device)) continue;
    const std::optional<int> stage = queue.take();
    if (!stage) return std::nullopt;
    if (!queue.is_exclusive(*stage)) return start(static_cast<int>(slot), *stage, false);
    if (!is_busy(device)) return start(static_cast<int>(slot), *stage, true);
    if (const std::optional<int> idle = slot_of_idle_device()) return start(*idle, *stage, true);
    if (reserved_) {
      queue.put_back(*stage);
      return std::nullopt;
    }
    reserved_ = {*stage, device};
  }
  return std::nullopt;
}

Placement::Start Placement::start(int slot, int stage, bool exclusive) {
  running_[static_cast<std::size_t>(slot)] = {stage, exclusive, false, Clock::now()};
  return {slot, stage};
}

Placement::Running Placement::end(int slot) {
  std::optional<Running>& running = running_.at(static_cast<std::size_t>(slot));
  if (!running) throw storage::Error(storage::ErrorKind::internal, fmt::format("slot {} ends a stage that it does not run", slot));
  return *std::exchange(running, std::nullopt);
}

bool Placement::close(int slot) {
  const std::string& device = device_of(slots_.at(static_cast<std::size_t>(slot)));
  const auto is_left = [&](const Slot& each) { return device_of(each) != device && !closed_.contains(device_of(each)); };
  if (std::none_of(slots_.begin(), slots_.end(), is_left)) return false;
  closed_.insert(device);
  return true;
}

void Placement::set_waiting(int slot, bool waits) {
  Running& running = running_.at(static_cast<std::size_t>(slot)).value();
  running.waits = waits;
  running.since = Clock::now();
}

void Placement::rename(int slot, int stage) {
  running_.at(static_cast<std::size_t>(slot)).value().stage = stage;
}

std::optional<int> Placement::forget_reserved() {
  if (!reserved_) return std::nullopt;
  return std::exchange(reserved_, std::nullopt)->stage;
}

bool Placement::is_any_busy() const {
  return std::any_of(running_.begin(), running_.end(), [](const auto& running) { return running.has_value(); });
}

bool Placement::is_busy(const std::string& device) const {
  for (std::size_t slot = 0; slot < slots_.size(); ++slot)
    if (running_[slot] && device_of(slots_[slot]) == device) return true;
  return false;
}

/// An exclusive stage runs there, or waits for it; or nothing may start there any more.
bool Placement::is_claimed(const std::string& device) const {
  if (closed_.contains(device) || (reserved_ && reserved_->device == device)) return true;
  for (std::size_t slot = 0; slot < slots_.size(); ++slot)
    if (running_[slot] && running_[slot]->exclusive && device_of(slots_[slot]) == device) return true;
  return false;
}

std::optional<int> Placement::idle_slot(const std::string& device) const {
  for (std::size_t slot = 0; slot < slots_.size(); ++slot)
    if (!running_[slot] && device_of(slots_[slot]) == device) return static_cast<int>(slot);
  return std::nullopt;
}

std::optional<int> Placement::slot_of_idle_device() const {
  for (std::size_t slot = 0; slot < slots_.size(); ++slot)
    if (!is_busy(device_of(slots_[slot])) && !is_claimed(device_of(slots_[slot]))) return static_cast<int>(slot);
  return std::nullopt;
}

}  // namespace search
