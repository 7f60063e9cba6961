#include "eval/formats/python_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "storage/base/error.h"
#include "storage/base/json.h"

namespace eval {

PythonCode& PythonCode::operator<<(const std::string& text) {
  texts_.back() += text;
  return *this;
}

PythonCode& PythonCode::operator<<(const Slot& slot) {
  slots_.push_back(slot);
  texts_.emplace_back();
  return *this;
}

PythonCode& PythonCode::operator<<(const PythonCode& code) {
  texts_.back() += code.texts_.front();
  texts_.insert(texts_.end(), code.texts_.begin() + 1, code.texts_.end());
  slots_.insert(slots_.end(), code.slots_.begin(), code.slots_.end());
  return *this;
}

PythonCode PythonCode::mapped(const std::function<std::string(const std::string&)>& change) const {
  PythonCode changed = *this;
  for (std::string& text : changed.texts_) text = change(text);
  return changed;
}

bool PythonCode::is_line() const {
  return std::none_of(texts_.begin(), texts_.end(), [](const std::string& text) { return text.find('\n') != std::string::npos; });
}

std::size_t PythonCode::length() const {
  return filled([&](std::size_t slot) { return std::to_string(slots_[slot].value); }).size();
}

std::string PythonCode::key() const {
  return filled([](std::size_t) { return std::string("\x01"); });
}

std::string PythonCode::filled(const std::function<std::string(std::size_t)>& shown) const {
  std::string text = texts_.front();
  for (std::size_t i = 0; i < slots_.size(); ++i) text += shown(i) + texts_[i + 1];
  return text;
}

PythonParameters::PythonParameters(const std::vector<const PythonCode*>& members) {
  const std::size_t slots = members.front()->slots().size();
  for (std::size_t slot = 0; slot < slots; ++slot) {
    std::vector<int> values;
    for (const PythonCode* member : members) values.push_back(member->slots()[slot].value);
    if (std::all_of(values.begin(), values.end(), [&](int value) { return value == values.front(); })) {
      parameter_of_.push_back(-1);
      continue;
    }
    const auto known = std::find(values_.begin(), values_.end(), values);
    parameter_of_.push_back(static_cast<int>(known - values_.begin()));
    if (known != values_.end()) continue;
    const std::string wish = is_python_name(members.front()->slots()[slot].name) ? members.front()->slots()[slot].name : "channels";
    std::string name = wish;
    for (int number = 2; std::find(names_.begin(), names_.end(), name) != names_.end(); ++number) name = fmt::format("{}{}", wish, number);
    names_.push_back(name);
    values_.push_back(std::move(values));
  }
}

std::string PythonParameters::filled(const PythonCode& code) const {
  return code.filled([&](std::size_t slot) {
    const int parameter = parameter_of_[slot];
    return parameter < 0 ? std::to_string(code.slots()[slot].value) : names_[static_cast<std::size_t>(parameter)];
  });
}

bool owns_tensors(LayerKind kind) {
  return has_filters(kind) || kind == LayerKind::batch_norm || kind == LayerKind::prelu;
}

bool is_module_of_torch(LayerKind kind) {
  return kind != LayerKind::input && kind != LayerKind::concat && kind != LayerKind::select && kind != LayerKind::add &&
         kind != LayerKind::multiply;
}

namespace {

std::string pair_text(const std::array<int, 2>& numbers) {
  return fmt::format("({}, {})", numbers[0], numbers[1]);
}

/// Code of one layer, argument by argument.
class Arguments {
 public:
  Arguments(const std::string& function, std::string name) : name_(std::move(name)) { code_ << function + "("; }

  Arguments& integer(int value, const std::string& what, const char* key = "") {
    separate(key);
    code_ << PythonCode::Slot{what.empty() ? name_ : what[0] == '_' ? name_ + what : what, value};
    return *this;
  }
  Arguments& pair(const std::array<int, 2>& numbers, const char* what, const char* key = "") {
    if (numbers[0] == numbers[1]) return integer(numbers[0], std::string("_") + what, key);
    separate(key);
    code_ << pair_text(numbers);
    return *this;
  }
  Arguments& pair_unless(const std::array<int, 2>& numbers, const std::array<int, 2>& fallback, const char* what) {
    return numbers == fallback ? *this : pair(numbers, what, what);
  }
  Arguments& text(const std::string& value, const char* key = "") {
    separate(key);
    code_ << value;
    return *this;
  }
  PythonCode code() { return code_ << ")"; }

 private:
  void separate(const char* key) {
    if (!is_first_) code_ << ", ";
    is_first_ = false;
    if (*key) code_ << std::string(key) + "=";
  }

  std::string name_;
  PythonCode code_;
  bool is_first_ = true;
};

Arguments windowed(const std::string& function, const Layer& layer, const std::string& x = "") {
  Arguments arguments(function, layer.name);
  if (!x.empty()) arguments.text(x);
  arguments.pair(layer.kernel, "kernel").pair_unless(layer.stride, layer.kernel, "stride").pair_unless(layer.padding, {0, 0}, "padding");
  if (layer.kind == LayerKind::max_pool) arguments.pair_unless(layer.dilation, {1, 1}, "dilation");
  if (layer.ceil_mode) arguments.text("True", "ceil_mode");
  if (!layer.count_padding) arguments.text("False", "count_include_pad");
  return arguments;
}

std::string plain(const PythonCode& code) {
  return code.filled([&](std::size_t slot) { return std::to_string(code.slots()[slot].value); });
}

/// Left, right, top, bottom, as torch has it.
std::string pads(const Layer& layer) {
  return fmt::format("({}, {}, {}, {})", layer.padding[1], layer.padding_end[1], layer.padding[0], layer.padding_end[0]);
}

std::string norm_numbers(const Layer& layer) {
  return fmt::format("{}, alpha={}, beta={}, k={}", layer.size, layer.alpha, layer.beta, layer.k);
}

}  // namespace

PythonCode constructor(const Layer& layer, int input_channels, bool flat, const std::string& name) {
  const auto plain_module = [](const std::string& text) { return PythonCode() << text; };
  switch (layer.kind) {
    case LayerKind::convolution: {
      Arguments arguments("nn.Conv2d", name);
      arguments.integer(input_channels, "inputs").integer(layer.channels, "").pair(layer.kernel, "kernel");
      arguments.pair_unless(layer.stride, {1, 1}, "stride").pair_unless(layer.padding, {0, 0}, "padding");
      arguments.pair_unless(layer.dilation, {1, 1}, "dilation");
      if (layer.groups != 1) arguments.integer(layer.groups, "_groups", "groups");
      if (!layer.bias) arguments.text("False", "bias");
      return arguments.code();
    }
    case LayerKind::linear: {
      Arguments arguments("nn.Linear", name);
      arguments.integer(input_channels, "inputs").integer(layer.channels, "");
      if (!layer.bias) arguments.text("False", "bias");
      return arguments.code();
    }
    case LayerKind::batch_norm: {
      Arguments arguments(flat ? "nn.BatchNorm1d" : "nn.BatchNorm2d", name);
      arguments.integer(input_channels, "");
      if (layer.epsilon != Layer().epsilon) arguments.text(fmt::format("{}", layer.epsilon), "eps");
      return arguments.code();
    }
    case LayerKind::prelu:
      return Arguments("nn.PReLU", name).integer(input_channels, "").code();
    case LayerKind::local_response_norm:
      return plain_module(fmt::format("nn.LocalResponseNorm({})", norm_numbers(layer)));
    case LayerKind::relu:
      return plain_module("nn.ReLU()");
    case LayerKind::relu6:
      return plain_module("nn.ReLU6()");
    case LayerKind::leaky_relu:
      return plain_module(fmt::format("nn.LeakyReLU({})", layer.slope));
    case LayerKind::silu:
      return plain_module("nn.SiLU()");
    case LayerKind::gelu:
      return plain_module("nn.GELU()");
    case LayerKind::hard_swish:
      return plain_module("nn.Hardswish()");
    case LayerKind::sigmoid:
      return plain_module("nn.Sigmoid()");
    case LayerKind::hard_sigmoid:
      return plain_module("nn.Hardsigmoid()");
    case LayerKind::max_pool:
      return windowed("nn.MaxPool2d", layer).code();
    case LayerKind::average_pool:
      return windowed("nn.AvgPool2d", layer).code();
    case LayerKind::adaptive_average_pool:
      return plain_module(fmt::format("nn.AdaptiveAvgPool2d({})", layer.size));
    case LayerKind::zero_pad:
      return plain_module(fmt::format("nn.ZeroPad2d({})", pads(layer)));
    case LayerKind::flatten:
      return plain_module("nn.Flatten()");
    case LayerKind::dropout:
      return plain_module(fmt::format("nn.Dropout({})", layer.rate));
    case LayerKind::input:
    case LayerKind::concat:
    case LayerKind::select:
    case LayerKind::add:
    case LayerKind::multiply:
      return {};
  }
  return {};
}

std::string python_function(const Layer& layer, const std::vector<std::string>& x, bool flat_gate) {
  const std::string argument = without_parentheses(x[0]);
  const auto of = [&](const char* function) { return fmt::format("{}({})", function, argument); };
  const auto pooled = [&](const char* function) { return plain(windowed(function, layer, argument).code()); };
  switch (layer.kind) {
    case LayerKind::local_response_norm:
      return fmt::format("F.local_response_norm({}, {})", argument, norm_numbers(layer));
    case LayerKind::relu:
      return of("F.relu");
    case LayerKind::relu6:
      return of("F.relu6");
    case LayerKind::leaky_relu:
      return fmt::format("F.leaky_relu({}, {})", argument, layer.slope);
    case LayerKind::silu:
      return of("F.silu");
    case LayerKind::gelu:
      return of("F.gelu");
    case LayerKind::hard_swish:
      return of("F.hardswish");
    case LayerKind::sigmoid:
      return of("torch.sigmoid");
    case LayerKind::hard_sigmoid:
      return of("F.hardsigmoid");
    case LayerKind::max_pool:
      return pooled("F.max_pool2d");
    case LayerKind::average_pool:
      return pooled("F.avg_pool2d");
    case LayerKind::adaptive_average_pool:
      return fmt::format("F.adaptive_avg_pool2d({}, {})", argument, layer.size);
    case LayerKind::zero_pad:
      return fmt::format("F.pad({}, {})", argument, pads(layer));
    case LayerKind::concat:
      return fmt::format("torch.cat([{}], 1)", fmt::join(x, ", "));
    case LayerKind::select:
      if (is_slice(layer)) return fmt::format("{}[:, {}:{}]", x[0], layer.indices.front(), layer.indices.back() + 1);
      return fmt::format("{}[:, [{}]]", x[0], fmt::join(layer.indices, ", "));
    case LayerKind::add:
      return fmt::format("({})", fmt::join(x, " + "));
    case LayerKind::multiply:
      return fmt::format("({} * {}{})", x[0], x[1], flat_gate ? "[:, :, None, None]" : "");
    case LayerKind::flatten:
      return fmt::format("torch.flatten({}, 1)", argument);
    case LayerKind::dropout:
      return fmt::format("F.dropout({}, {}, self.training)", argument, layer.rate);
    case LayerKind::input:
    case LayerKind::convolution:
    case LayerKind::linear:
    case LayerKind::batch_norm:
    case LayerKind::prelu:
      break;
  }
  throw storage::Error(storage::ErrorKind::internal, fmt::format("layer {} is no function", layer.name));
}

std::string without_parentheses(const std::string& expression) {
  if (expression.empty() || expression.front() != '(') return expression;
  int depth = 0;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    depth += expression[i] == '(' ? 1 : expression[i] == ')' ? -1 : 0;
    if (depth == 0) return i + 1 == expression.size() ? expression.substr(1, i - 1) : expression;
  }
  return expression;
}

std::string python_text(const std::string& text) {
  return storage::Json(text).dump(-1, ' ', /*ensure_ascii=*/false, storage::Json::error_handler_t::replace);
}

bool is_python_name(const std::string& name) {
  static const std::set<std::string> keywords{
      "False", "None", "True",   "and",     "as",     "assert", "async",  "await", "break",  "class", "continue", "def",    "del",
      "elif",  "else", "except", "finally", "for",    "from",   "global", "if",    "import", "in",    "is",       "lambda", "nonlocal",
      "not",   "or",   "pass",   "raise",   "return", "try",    "while",  "with",  "yield",  "x",     "F",        "nn",     "torch"};
  const auto is_letter = [](unsigned char c) { return std::isalnum(c) || c == '_'; };
  return !name.empty() && !std::isdigit(static_cast<unsigned char>(name[0])) && std::all_of(name.begin(), name.end(), is_letter) &&
         !keywords.contains(name) && !is_module_attribute(name);
}

bool is_module_attribute(const std::string& name) {
  static const std::set<std::string> attributes{"T_destination",
                                                "add_module",
                                                "apply",
                                                "bfloat16",
                                                "buffers",
                                                "call_super_init",
                                                "children",
                                                "clear",
                                                "compile",
                                                "cpu",
                                                "cuda",
                                                "double",
                                                "dump_patches",
                                                "eval",
                                                "extra_repr",
                                                "float",
                                                "forward",
                                                "get_buffer",
                                                "get_extra_state",
                                                "get_parameter",
                                                "get_submodule",
                                                "half",
                                                "ipu",
                                                "items",
                                                "keys",
                                                "load_state_dict",
                                                "modules",
                                                "mtia",
                                                "named_buffers",
                                                "named_children",
                                                "named_modules",
                                                "named_parameters",
                                                "parameters",
                                                "pop",
                                                "register_backward_hook",
                                                "register_buffer",
                                                "register_forward_hook",
                                                "register_module",
                                                "register_parameter",
                                                "requires_grad_",
                                                "self",
                                                "set_extra_state",
                                                "set_submodule",
                                                "share_memory",
                                                "state_dict",
                                                "to",
                                                "to_empty",
                                                "train",
                                                "training",
                                                "type",
                                                "update",
                                                "values",
                                                "xpu",
                                                "zero_grad"};
  return attributes.contains(name) || name.starts_with("__");
}

}  // namespace eval
