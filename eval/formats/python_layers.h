// Layers as Python text: the modules and functions of torch that compute them, and code whose numbers may become parameters of a class.
// Used by python_modules.cpp and python.cpp.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "eval/nets/net_spec.h"

namespace eval {

/// Text with integers in it that may differ between two blocks of one class.
class PythonCode {
 public:
  struct Slot {
    std::string name;  ///< of the parameter, if it becomes one
    int value = 0;
  };

  PythonCode& operator<<(const std::string& text);
  PythonCode& operator<<(const Slot& slot);
  PythonCode& operator<<(const PythonCode& code);

  /// The texts changed, each by itself.
  PythonCode mapped(const std::function<std::string(const std::string&)>& change) const;

  bool is_line() const;        ///< no line break in it
  std::size_t length() const;  ///< with its integers
  std::string key() const;     ///< equal for code that differs in its integers only
  const std::vector<Slot>& slots() const { return slots_; }

  /// The text, each integer as `shown` says.
  std::string filled(const std::function<std::string(std::size_t slot)>& shown) const;

 private:
  std::vector<std::string> texts_{""};  ///< one more than slots
  std::vector<Slot> slots_;
};

/// The parameters of a class from the code of its members, which have one key: integers that are not the same in all; those that go
/// together in all members share one.
class PythonParameters {
 public:
  explicit PythonParameters(const std::vector<const PythonCode*>& members);

  const std::vector<std::string>& names() const { return names_; }
  int value(std::size_t parameter, std::size_t member) const { return values_[parameter][member]; }

  /// The members' code, with the parameters by name.
  std::string filled(const PythonCode& code) const;

 private:
  std::vector<int> parameter_of_;  ///< by slot; -1: the same in all
  std::vector<std::string> names_;
  std::vector<std::vector<int>> values_;  ///< by parameter and member
};

/// Whether a module of torch with tensors of its own computes the kind: it must be constructed.
bool owns_tensors(LayerKind kind);

/// Whether there is a module of torch for the kind at all.
bool is_module_of_torch(LayerKind kind);

/// nn.Conv2d(3, 16, 3, padding=1): of a kind that is_module_of_torch, else empty. `name`: what parameters are called after.
PythonCode constructor(const Layer& layer, int input_channels, bool flat, const std::string& name);

/// F.max_pool2d(x, 2): of a kind that owns no tensors. x: its inputs; flat_gate: a flat vector multiplies maps.
std::string python_function(const Layer& layer, const std::vector<std::string>& x, bool flat_gate);

/// An expression without parentheses around all of it.
std::string without_parentheses(const std::string& expression);

/// A text as a literal.
std::string python_text(const std::string& text);

/// An identifier that is no keyword and nothing that torch.nn.Module has.
bool is_python_name(const std::string& name);

/// What a part of a torch.nn.Module, or of a ModuleDict, cannot be called.
bool is_module_attribute(const std::string& name);

}  // namespace eval
