#include "search/run/spending.h"

#include "storage/base/time.h"

namespace search {

void Spending::Sum::add(const Stage& stage, double wall_s) {
  ++stages;
  epochs += stage.epochs;
  device_s += wall_s;
}

void Spending::adopt(const Plan& plan, const History& history) {
  spent_ = {};
  for (const Stage& stage : plan.stages) {
    const auto known = history.find(stage.fingerprint);
    if (known != history.end() && known->second.state == storage::StageState::done) spent_.add(stage, known->second.wall_s);
  }
}

void Spending::add(const Stage& stage, double wall_s) {
  spent_.add(stage, wall_s);
}

bool Spending::is_spent(const std::vector<Running>& running, Clock::time_point now) const {
  Sum sum = spent_;
  for (const Running& each : running) sum.add(*each.stage, each.seconds);
  const auto reached = [](double limit, double spent) { return limit > 0 && spent >= limit; };
  return reached(budget_.stages, sum.stages) || reached(budget_.epochs, sum.epochs) || reached(budget_.device_hours * 3600, sum.device_s) ||
         reached(static_cast<double>(budget_.time_s), storage::in_seconds(now - begin_));
}

}  // namespace search
