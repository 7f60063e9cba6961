#include "eval/onnx_runtime.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "storage/base/error.h"

namespace eval {
namespace onnx_c {  // named, as OnnxSession::Impl holds what is in it

// The C interface, without its header, which Debian 12 and the package for Python lack. It is a table of functions whose places stay as
// they were in version 1 (onnxruntime_c_api.h, "OrtApi").
using Function = void (*)();
struct ApiBase {
  const Function* (*api)(std::uint32_t version);
  const char* (*library_version)();
};
struct Status;  // null: done
struct Handle;  // an OrtEnv, OrtSessionOptions, OrtSession, OrtMemoryInfo or OrtValue

enum Place : std::size_t {
  kGetErrorMessage = 2,
  kCreateEnv = 3,
  kCreateSessionFromArray = 8,
  kRun = 9,
  kCreateSessionOptions = 10,
  kSetIntraOpNumThreads = 24,
  kCreateTensorWithData = 49,
  kGetTensorMutableData = 51,
  kCreateCpuMemoryInfo = 69,
  kReleaseEnv = 92,
  kReleaseStatus = 93,
  kReleaseMemoryInfo = 94,
  kReleaseSession = 95,
  kReleaseValue = 96,
  kReleaseSessionOptions = 100
};
constexpr std::uint32_t kApiVersion = 1;
constexpr int kWarnings = 2, kDeviceAllocator = 0, kDefaultMemory = 0, kFloat = 1;  // of its enumerations

/// The library in the package of the active Python, or nothing.
std::string library_of_python() {
  constexpr const char* command =
      "python3 -c \"import glob, importlib.util as u; s = u.find_spec('onnxruntime'); "
      "print(*sorted(glob.glob(s.submodule_search_locations[0] + '/capi/libonnxruntime.so*'))[:1] if s else '', end='')\" 2>/dev/null";
  const std::unique_ptr<FILE, int (*)(FILE*)> output(popen(command, "r"), pclose);
  std::string printed;
  std::array<char, 4096> part{};
  while (output && std::fgets(part.data(), part.size(), output.get()) != nullptr) printed += part.data();
  return printed;
}

ApiBase* find_library() {
  std::vector<std::string> places{"libonnxruntime.so.1", "libonnxruntime.so"};
  if (const char* given = std::getenv("NAS_ONNXRUNTIME"); given != nullptr && *given != '\0') places = {given};
  void* library = nullptr;
  for (const std::string& place : places)
    if (library == nullptr) library = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr && places.size() > 1) library = dlopen(library_of_python().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nullptr;
  const auto base = reinterpret_cast<ApiBase* (*)()>(dlsym(library, "OrtGetApiBase"));
  return base == nullptr ? nullptr : base();
}

ApiBase* library() {
  static ApiBase* const found = find_library();
  return found;
}

class Api {
 public:
  Api() {
    if (library() == nullptr)
      throw storage::Error(storage::ErrorKind::environment,
                           "no ONNX Runtime is found; valid: pip install onnxruntime, or its libonnxruntime.so in NAS_ONNXRUNTIME");
    functions_ = library()->api(kApiVersion);
  }

  /// Calls a function that returns a status.
  template <class... Arguments>
  void call(Place place, Arguments... arguments) const {
    Status* status = at<Status*(Arguments...)>(place)(arguments...);
    if (status == nullptr) return;
    const std::string message = at<const char*(const Status*)>(kGetErrorMessage)(status);
    at<void(Status*)>(kReleaseStatus)(status);
    throw storage::Error(storage::ErrorKind::internal, fmt::format("ONNX Runtime: {}", message));
  }

  void release(Place place, Handle* handle) const { at<void(Handle*)>(place)(handle); }

 private:
  template <class Signature>
  Signature* at(Place place) const {
    return reinterpret_cast<Signature*>(functions_[place]);
  }

  const Function* functions_;
};

/// A thing of the library's, released with it.
class Owned {
 public:
  Owned(const Api& api, Place release) : api_(api), release_(release) {}
  ~Owned() { reset(); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Handle*& operator*() { return handle_; }
  void reset() {
    if (handle_ != nullptr) api_.release(release_, std::exchange(handle_, nullptr));
  }

 private:
  const Api& api_;
  Place release_;
  Handle* handle_ = nullptr;
};

}  // namespace onnx_c

using namespace onnx_c;

struct OnnxSession::Impl {
  Api api;
  Owned environment{api, kReleaseEnv}, options{api, kReleaseSessionOptions}, memory{api, kReleaseMemoryInfo}, session{api, kReleaseSession},
      scores{api, kReleaseValue};
  std::int64_t classes = 0;
};

std::string onnx_runtime_version() {
  return library() == nullptr ? "" : library()->library_version();
}

OnnxSession::OnnxSession(const std::string& model, std::int64_t classes, int threads) : impl_(std::make_unique<Impl>()) {
  impl_->classes = classes;
  const Api& api = impl_->api;
  api.call(kCreateEnv, kWarnings, "nas-run", &*impl_->environment);
  api.call(kCreateSessionOptions, &*impl_->options);
  api.call(kSetIntraOpNumThreads, *impl_->options, threads);
  api.call(kCreateCpuMemoryInfo, kDeviceAllocator, kDefaultMemory, &*impl_->memory);
  api.call(kCreateSessionFromArray, static_cast<const Handle*>(*impl_->environment), static_cast<const void*>(model.data()), model.size(),
           static_cast<const Handle*>(*impl_->options), &*impl_->session);
}

OnnxSession::~OnnxSession() = default;

torch::Tensor OnnxSession::run(const torch::Tensor& images) {
  const Api& api = impl_->api;
  Owned input(api, kReleaseValue);
  api.call(kCreateTensorWithData, static_cast<const Handle*>(*impl_->memory), static_cast<void*>(images.data_ptr<float>()), images.nbytes(),
           images.sizes().data(), images.sizes().size(), kFloat, &*input);
  const std::array<const char*, 1> input_names{"images"}, output_names{"scores"};
  const std::array<const Handle*, 1> inputs{*input};
  impl_->scores.reset();
  api.call(kRun, *impl_->session, static_cast<const void*>(nullptr), input_names.data(), inputs.data(), inputs.size(), output_names.data(),
           output_names.size(), &*impl_->scores);
  void* data = nullptr;
  api.call(kGetTensorMutableData, *impl_->scores, &data);
  return torch::from_blob(data, {images.size(0), impl_->classes});
}

}  // namespace eval
