#include "eval/formats/python_modules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <memory>
#include <set>

#include "eval/formats/python_layers.h"
#include "eval/nets/layer_shape.h"
#include "storage/base/error.h"

namespace eval {

namespace {

constexpr std::size_t inline_length = 60;

/// A dotted name's part in the tree of modules: a layer, or what has parts of its own.
struct Block {
  std::string name;
  std::vector<std::string> path;
  int layer = -1;  ///< of a leaf
  std::vector<std::unique_ptr<Block>> parts;

  // Found by Modules.
  std::vector<int> layers;    ///< of the subtree, ascending
  int entry = -1, exit = -1;  ///< what it reads of others, and what others read of it, where each is one layer
  bool is_module = false;     ///< has a forward of its own
  bool is_sequential = false;
  int height = 0;
  PythonCode made;  ///< the expression that constructs it

  bool is_leaf() const { return parts.empty(); }
};

std::vector<std::string> split_name(const std::string& name) {
  std::vector<std::string> parts{""};
  for (const char c : name) {
    if (c == '.')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

bool is_number(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c); });
}

std::string indented(const std::string& text) {
  std::string shifted;
  for (const char c : text) shifted += c == '\n' ? std::string("\n    ") : std::string(1, c);
  return shifted;
}

/// self.features, self["0"], getattr(self, "/conv"): how a module is reached from the one that holds it.
std::string reached(const std::string& from, const Block& holder, const Block& part) {
  if (!holder.is_module) return fmt::format("{}[{}]", from, python_text(part.name));  // a ModuleDict
  return is_python_name(part.name) ? fmt::format("{}.{}", from, part.name) : fmt::format("getattr({}, {})", from, python_text(part.name));
}

class Modules {
 public:
  explicit Modules(const NetSpec& spec) : spec_(spec), shapes_(output_shapes(spec)), flat_(flat_vectors(spec)), readers_(consumers(spec)) {
    for (int i = 1; i < std::ssize(spec.layers); ++i) place(i);
    describe(root_);
    root_.entry = 0;
    root_.exit = static_cast<int>(spec.layers.size()) - 1;
    root_.is_module = true;
    root_.is_sequential = false;
    for (int height = 1; height <= root_.height; ++height) make_classes(height);
  }

  std::vector<PythonClass> classes() && { return std::move(classes_); }

 private:
  /// What one statement of a forward computes: a layer, or a block by its own forward.
  struct Unit {
    const Block* block;
    std::string reach;  ///< from self
  };

  void place(int layer) {
    Block* at = &root_;
    const std::vector<std::string> parts = split_name(spec_.layers[layer].name);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const bool is_last = i + 1 == parts.size();
      const auto found = std::find_if(at->parts.begin(), at->parts.end(), [&](const auto& part) { return part->name == parts[i]; });
      if (found != at->parts.end() && (is_last || (*found)->layer >= 0)) refuse(layer, "its name is also that of a group of layers");
      if (found != at->parts.end()) {
        at = found->get();
        continue;
      }
      auto part = std::make_unique<Block>();
      part->name = parts[i];
      part->path = at->path;
      part->path.push_back(parts[i]);
      if (is_last) part->layer = layer;
      at->parts.push_back(std::move(part));
      at = at->parts.back().get();
    }
  }

  [[noreturn]] void refuse(int layer, const std::string& why) const {
    throw storage::Error(storage::ErrorKind::invalid,
                         fmt::format("layer '{}' cannot be written as Python: {}", spec_.layers[layer].name, why));
  }

  static int first_layer(const Block& block) { return block.is_leaf() ? block.layer : first_layer(*block.parts.front()); }

  /// Of what becomes a module.
  void check_name(const Block& block) const {
    const bool is_module = !block.is_leaf() || owns_tensors(spec_.layers[block.layer].kind);
    if (is_module && (block.name.empty() || is_module_attribute(block.name)))
      refuse(first_layer(block), fmt::format("torch.nn.Module has '{}' itself", block.name));
  }

  void describe(Block& block) {
    if (block.is_leaf()) {
      const Layer& layer = spec_.layers[block.layer];
      block.layers = {block.layer};
      block.exit = block.layer;
      block.entry = layer.inputs[0];
      block.made = constructor(layer, shapes_[layer.inputs[0]].channels, flat_[layer.inputs[0]], block.name);
      return;
    }
    std::set<int> entries, exits;
    for (const auto& part : block.parts) {
      check_name(*part);
      describe(*part);
      block.layers.insert(block.layers.end(), part->layers.begin(), part->layers.end());
    }
    std::sort(block.layers.begin(), block.layers.end());
    const auto is_inside = [&](int layer) { return std::binary_search(block.layers.begin(), block.layers.end(), layer); };
    for (const int layer : block.layers) {
      for (const int from : spec_.layers[layer].inputs)
        if (!is_inside(from)) entries.insert(from);
      if (readers_[layer].empty() || !std::all_of(readers_[layer].begin(), readers_[layer].end(), is_inside)) exits.insert(layer);
    }
    block.is_module = has_modules(block) && block.layers.size() > 1 && entries.size() == 1 && exits.size() == 1;
    if (block.is_module) {
      block.entry = *entries.begin();
      block.exit = *exits.begin();
    }
    std::sort(block.parts.begin(), block.parts.end(), [](const auto& a, const auto& b) { return a->layers[0] < b->layers[0]; });
    block.is_sequential = block.is_module && is_chain(block);
    for (const auto& part : block.parts) block.height = std::max(block.height, part->height + 1);
  }

  /// Parts called 0, 1, 2, ..., each of which reads the one before.
  bool is_chain(const Block& block) const {
    int before = block.entry;
    for (std::size_t i = 0; i < block.parts.size(); ++i) {
      const Block& part = *block.parts[i];
      if (part.name != std::to_string(i) || part.entry != before || (!part.is_leaf() && !part.is_module)) return false;
      if (part.is_leaf() && (!is_module_of_torch(spec_.layers[part.layer].kind) || needs_flattening(part.layer))) return false;
      before = part.exit;
    }
    return before == block.exit;
  }

  /// A linear layer that reads maps of 1x1.
  bool needs_flattening(int layer) const { return spec_.layers[layer].kind == LayerKind::linear && !flat_[spec_.layers[layer].inputs[0]]; }

  void collect(Block& block, int height, std::vector<Block*>& found) {
    for (const auto& part : block.parts) collect(*part, height, found);
    if (!block.is_leaf() && block.height == height) found.push_back(&block);
  }

  /// Constructs the blocks of one height; those that differ in numbers only share a class.
  void make_classes(int height) {
    std::vector<Block*> blocks;
    collect(root_, height, blocks);
    std::vector<std::pair<std::string, std::vector<Block*>>> groups;
    std::map<Block*, PythonCode> bodies;
    for (Block* block : blocks) {
      if (block->is_sequential) {
        block->made = sequence(*block);
      } else if (!block->is_module) {
        block->made = dictionary(*block);
      } else {
        bodies[block] = body(*block);
        const std::string key = bodies[block].key();
        auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& known) { return known.first == key; });
        if (group == groups.end()) group = groups.insert(groups.end(), {key, {}});
        group->second.push_back(block);
      }
    }
    for (const auto& [key, members] : groups) {
      std::vector<const PythonCode*> codes;
      for (Block* member : members) codes.push_back(&bodies[member]);
      const PythonParameters parameters(codes);
      const std::string name = members.front() == &root_ ? "Net" : class_name(*members.front());
      std::string head = "self";
      for (const std::string& parameter : parameters.names()) head += ", " + parameter;
      classes_.push_back({name, fmt::format("class {}(nn.Module):\n    def __init__({}):\n        super().__init__()\n{}", name, head,
                                            parameters.filled(*codes.front()))});
      for (std::size_t m = 0; m < members.size(); ++m) {
        PythonCode& made = members[m]->made;
        made << name + "(";
        for (std::size_t p = 0; p < parameters.names().size(); ++p) {
          if (p > 0) made << ", ";
          made << PythonCode::Slot{members[m]->name + "_" + parameters.names()[p], parameters.value(p, m)};
        }
        made << ")";
      }
    }
  }

  static PythonCode joined(const char* open, const char* close, const std::vector<PythonCode>& parts) {
    PythonCode line, lines;
    line << open;
    lines << open;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (i > 0) line << ", ";
      line << parts[i];
      lines << "\n    " << parts[i].mapped(indented) << ",";
    }
    line << close;
    lines << "\n" << close;
    return line.is_line() && line.length() <= inline_length ? line : lines;
  }

  static PythonCode sequence(const Block& block) {
    std::vector<PythonCode> parts;
    for (const auto& part : block.parts) parts.push_back(part->made);
    return joined("nn.Sequential(", ")", parts);
  }

  /// A group whose parts others read in between: it only gives them their names.
  PythonCode dictionary(const Block& block) const {
    std::vector<PythonCode> parts;
    for (const auto& part : block.parts) {
      if (!has_modules(*part)) continue;
      PythonCode entry;
      entry << python_text(part->name) + ": " << part->made;
      parts.push_back(entry);
    }
    return joined("nn.ModuleDict({", "})", parts);
  }

  /// What a holder must construct: not what is a function of torch.
  bool has_modules(const Block& block) const {
    return std::any_of(block.layers.begin(), block.layers.end(), [&](int layer) { return owns_tensors(spec_.layers[layer].kind); });
  }

  void add_units(const Block& holder, const std::string& reach, std::vector<Unit>& units) const {
    for (const auto& part : holder.parts) {
      const std::string from = reached(reach, holder, *part);
      if (part->is_leaf() || part->is_module)
        units.push_back({part.get(), from});
      else
        add_units(*part, from, units);
    }
  }

  /// The lines of __init__ and the forward of a block.
  PythonCode body(const Block& block) const {
    PythonCode code;
    for (const auto& part : block.parts) {
      if (!has_modules(*part)) continue;
      const PythonCode made = part->made.mapped(indented).mapped(indented);
      if (is_python_name(part->name))
        code << fmt::format("        self.{} = ", part->name) << made << "\n";
      else
        code << fmt::format("        self.add_module({}, ", python_text(part->name)) << made << ")\n";
    }
    std::vector<Unit> units;
    add_units(block, "self", units);
    std::sort(units.begin(), units.end(), [](const Unit& a, const Unit& b) { return a.block->layers[0] < b.block->layers[0]; });
    code << "\n    def forward(self, x):\n";
    add_forward(block, units, code);
    return code;
  }

  std::vector<int> read_by(const Unit& unit) const {
    if (unit.block->is_leaf()) return spec_.layers[unit.block->layer].inputs;
    return {unit.block->entry};
  }

  /// Statements that compute the units: one that only the next reads becomes a part of it, and a value that nobody reads any more leaves
  /// its name to the next.
  void add_forward(const Block& block, const std::vector<Unit>& units, PythonCode& code) const {
    std::map<int, std::string> values{{block.entry, "x"}};
    std::map<int, std::vector<std::size_t>> uses;  // by layer: the units that read it
    for (std::size_t u = 0; u < units.size(); ++u)
      for (const int from : read_by(units[u])) uses[from].push_back(u);
    std::map<std::string, int> held{{"x", block.entry}};  // by name: whose value it has
    for (std::size_t u = 0; u < units.size(); ++u) {
      const int made = units[u].block->exit;
      std::vector<std::string> operands;
      for (const int from : read_by(units[u])) operands.push_back(values.at(from));
      const std::string text = expression(units[u], operands);
      if (made == block.exit) {
        code << fmt::format("        return {}\n", without_parentheses(text));
        return;
      }
      const std::vector<std::size_t>& readers = uses[made];
      if (readers.size() == 1 && readers[0] == u + 1 && text.size() <= inline_length) {
        values[made] = text;
        continue;
      }
      const auto is_free = [&](const std::string& name) {
        const auto holder = held.find(name);
        if (holder == held.end()) return true;
        const std::vector<std::size_t>& of = uses[holder->second];
        return of.empty() || of.back() <= u;
      };
      std::string name = "x";
      if (!is_free(name)) {
        const std::string& own = units[u].block->name;
        name = is_python_name(own) ? own : "y";
        for (int number = 2; !is_free(name); ++number) name = fmt::format("y{}", number);
      }
      code << fmt::format("        {} = {}\n", name, without_parentheses(text));
      values[made] = name;
      held[name] = made;
    }
  }

  std::string expression(const Unit& unit, const std::vector<std::string>& x) const {
    if (!unit.block->is_leaf()) return fmt::format("{}({})", unit.reach, without_parentheses(x[0]));
    const Layer& layer = spec_.layers[unit.block->layer];
    const std::string flattened = needs_flattening(unit.block->layer) ? fmt::format("torch.flatten({}, 1)", x[0]) : x[0];
    if (owns_tensors(layer.kind)) return fmt::format("{}({})", unit.reach, without_parentheses(flattened));
    const bool flat_gate = layer.kind == LayerKind::multiply && !flat_[layer.inputs[0]] && flat_[layer.inputs[1]];
    return python_function(layer, x, flat_gate);
  }

  /// From the last part of the name that is no number: inception3a makes Inception, layer1.0 LayerBlock.
  std::string class_name(const Block& block) {
    std::string name;
    for (auto part = block.path.rbegin(); part != block.path.rend() && name.empty(); ++part)
      for (const char c : *part) {
        if (!std::isalpha(static_cast<unsigned char>(c))) break;
        name += name.empty() ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
      }
    if (name.empty() || is_number(block.name)) name += "Block";
    std::string unique = name;
    const auto is_taken = [&] {
      static const std::set<std::string> used{"Net", "F", "HERE", "WEIGHTS", "SIZE", "TASK", "CLASSES", "MEAN", "DEVIATION"};
      return used.contains(unique) ||
             std::any_of(classes_.begin(), classes_.end(), [&](const PythonClass& other) { return other.name == unique; });
    };
    for (int number = 2; is_taken(); ++number) unique = fmt::format("{}{}", name, number);
    return unique;
  }

  const NetSpec& spec_;
  const std::vector<Shape> shapes_;
  const std::vector<bool> flat_;
  const std::vector<std::vector<int>> readers_;
  Block root_;
  std::vector<PythonClass> classes_;
};

}  // namespace

std::vector<PythonClass> python_classes(const NetSpec& spec) {
  return Modules(spec).classes();
}

}  // namespace eval
