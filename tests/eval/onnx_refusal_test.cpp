// What the ONNX reader refuses, and that it says why.
#include <catch2/catch.hpp>

#include "storage/base/error.h"
#include "storage/base/file.h"
#include "support/onnx_model.h"
#include "support/tiny_nets.h"

using eval::set_attribute;
using File = support::OnnxFile;
using Model = support::OnnxModel;
using torch::Tensor;

TEST_CASE("what is not covered is refused with the file and the node") {
  const File file;
  Model model;
  SECTION("an unknown operator") {
    model.node("Mish", "act", {"x"}, "a");
    model.flat_classifier("a");
    file.refused(model, "node 'act' (Mish): this operator is not covered; covered are Add, AveragePool,");
  }
  SECTION("transposed convolutions, slopes for other channels, another hard sigmoid") {
    model.floats("up.weight", {1, 1, 2, 2}, {1, 1, 1, 1});
    Model transposed = model, learnt = model;
    transposed.node("ConvTranspose", "up", {"x", "up.weight"}, "a");
    transposed.flat_classifier("a");
    file.refused(transposed, "node 'up' (ConvTranspose): a transposed convolution is not covered");
    learnt.node("PRelu", "slopes", {"x", "up.weight"}, "a");
    learnt.flat_classifier("a");
    file.refused(learnt, "node 'slopes' (PRelu): its slopes have the size [1, 1, 2, 2]");
    model.node("HardSigmoid", "keras", {"x"}, "a");  // by default alpha is 0.2
    model.flat_classifier("a");
    file.refused(model, "node 'keras' (HardSigmoid): clips 0.2 * x + 0.5 to [0, 1]; covered is x / 6 + 0.5");
  }
  SECTION("products that are no gate") {
    model.floats("half", {}, {0.5});
    Model scaled = model, row = model, as_map = model;
    scaled.node("Mul", "scale", {"x", "half"}, "a");
    scaled.flat_classifier("a");
    file.refused(scaled, "node 'scale' (Mul): multiplies by a constant");
    row.floats("w", {2, 1, 1, 1}, {1, 1});
    row.node("Conv", "two", {"x", "w"}, "two");
    row.node("GlobalAveragePool", "mean", {"two"}, "gate");
    row.node("Mul", "product", {"x", "gate"}, "a");
    row.flat_classifier("a");
    file.refused(row, "node 'product' (Mul): layer 'product' (multiply): its gate is 2x1x1");
    set_attribute(as_map.node("Flatten", "early", {"x"}, "f"), "axis", std::int64_t{1});
    as_map.integers("shape", {0, 16, 1, 1});
    as_map.node("Reshape", "maps", {"f", "shape"}, "m");
    as_map.node("GlobalAveragePool", "pool", {"m"}, "a");
    as_map.flat_classifier("a");
    file.refused(as_map, "node 'pool' (GlobalAveragePool): reads a flat vector as a map, which only Mul may");
  }
  SECTION("a GELU by tanh, and half of one") {
    Model approximate(20), half = model, other = model;
    set_attribute(approximate.node("Gelu", "act", {"x"}, "a"), "approximate", "tanh");
    approximate.flat_classifier("a");
    file.refused(approximate, "node 'act' (Gelu): its approximation by tanh is not covered");
    half.floats("root", {}, {1.4142135F});
    half.node("Div", "scaled", {"x", "root"}, "s");
    half.node("Erf", "erf", {"s"}, "e");
    half.flat_classifier("e");
    file.refused(half, "node 'flat' (Flatten): reads 'e', a map and a constant, which are covered as parts of GELU");
    other.node("Erf", "erf", {"x"}, "e");
    other.flat_classifier("e");
    file.refused(other, "node 'erf' (Erf): is covered only as a part of GELU");
  }
  SECTION("an operator of another domain, in a node without a name") {
    model.node("Relu", "", {"x"}, "a").set_domain("com.example");
    model.flat_classifier("a");
    file.refused(model, "node 0 (com.example:Relu): this operator is not covered");
  }
  SECTION("pads that differ from side to side before a maximum of what may be below 0") {
    onnx::NodeProto& pool = model.node("MaxPool", "pool", {"x"}, "a");
    set_attribute(pool, "kernel_shape", {2, 2});
    set_attribute(pool, "pads", {0, 0, 1, 1});
    model.flat_classifier("a");
    file.refused(model, "node 'pool' (MaxPool): pads [0, 0, 1, 1] that differ from side to side");
  }
  SECTION("pads that do not count in the mean and differ from side to side") {
    onnx::NodeProto& pool = model.node("AveragePool", "pool", {"x"}, "a");
    set_attribute(pool, "kernel_shape", {3, 3});
    set_attribute(pool, "pads", {0, 1, 1, 1});
    model.flat_classifier("a");
    file.refused(model, "node 'pool' (AveragePool): pads that do not count");
  }
  SECTION("weights in another file") {
    onnx::TensorProto& tensor = model.floats("w", {1, 1, 1, 1}, {});
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    model.node("Conv", "conv", {"x", "w"}, "a");
    model.flat_classifier("a");
    file.refused(model, "tensor 'w' lies in ''; valid: a file in the model's folder");
    const auto lies_in = [&](const std::string& key, const std::string& value) {
      onnx::StringStringEntryProto& entry = *model.proto.mutable_graph()->mutable_initializer(0)->add_external_data();
      entry.set_key(key);
      entry.set_value(value);
    };
    for (const std::string place : {"/etc/passwd", "../w.bin", "a/../../w.bin"}) {
      model.proto.mutable_graph()->mutable_initializer(0)->clear_external_data();
      lies_in("location", place);
      file.refused(model, "tensor 'w' lies in '" + place + "'; valid: a file in the model's folder");
    }
    model.proto.mutable_graph()->mutable_initializer(0)->clear_external_data();
    lies_in("location", "w.bin");
    file.refused(model, "w.bin, which is not there or no file");
    std::ofstream(file.folder() / "w.bin") << "12345678";
    file.refused(model, "tensor 'w' of size [1, 1, 1, 1] needs 1 elements, its data has 8 bytes");
    lies_in("offset", "6");
    lies_in("length", "4");
    file.refused(model, "tensor 'w' lies at bytes 6 to 10 of 'w.bin', which has 8");
    lies_in("offset", "9223372036854775807");
    file.refused(model, "tensor 'w' lies at bytes 9223372036854775807");
    file.refused(model, "to 9223372036854775811 of 'w.bin', which has 8");
    lies_in("offset", "-1");
    file.refused(model, "its offset '-1' is no number of bytes");
    model.proto.mutable_graph()->mutable_initializer(0)->clear_external_data();
    lies_in("location", "link.bin");
    std::filesystem::create_symlink("w.bin", file.folder() / "link.bin");
    file.refused(model, "link.bin, which is a link");
    model.proto.mutable_graph()->mutable_initializer(0)->clear_external_data();
    lies_in("location", std::string(300, 'w'));  // longer than a file's name can be
    file.refused(model, "which is not there or no file");
  }
  SECTION("a constant that is no bias") {
    model.floats("c", {1}, {1});
    model.node("Add", "shift", {"x", "c"}, "a");
    model.flat_classifier("a");
    file.refused(model, "node 'shift' (Add): adds a constant that is not the bias");
  }
  SECTION("a bias of a layer whose output something else reads") {
    model.floats("w", {1, 1, 1, 1}, {1});
    model.floats("b", {1, 1, 1, 1}, {1});
    model.node("Conv", "conv", {"x", "w"}, "a");
    model.node("Add", "shift", {"a", "b"}, "c");
    model.node("Add", "sum", {"a", "c"}, "d");
    model.flat_classifier("d");
    file.refused(model, "node 'shift' (Add): adds a constant that is not the bias");
  }
  SECTION("a map of 1x1 that Pad made larger, by the gate of the smaller one") {
    model.integers("pads", {0, 0, 1, 1, 0, 0, 1, 1});
    model.node("GlobalAveragePool", "mean", {"x"}, "m");
    model.node("Sigmoid", "gate", {"m"}, "g");
    model.node("Pad", "pad", {"m", "pads"}, "padded");
    model.node("Mul", "product", {"padded", "g"}, "a");
    model.node("GlobalAveragePool", "again", {"a"}, "n");
    model.flat_classifier("n");
    file.refused(model, "node 'product' (Mul): reads the zeros of a Pad");
  }
  SECTION("a window over a flat vector") {
    set_attribute(model.node("Flatten", "early", {"x"}, "a"), "axis", std::int64_t{1});
    model.node("GlobalAveragePool", "pool", {"a"}, "b");
    model.flat_classifier("b");
    file.refused(model, "node 'pool' (GlobalAveragePool): reads [N, features]");
  }
  SECTION("maps as output") {
    model.node("Relu", "relu", {"x"}, "y");
    file.refused(model, "output 'y': the output is 1x4x4");
  }
  SECTION("a size that is no number") {
    model.proto.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(2)->set_dim_param(
        "height");
    model.flat_classifier("x");
    file.refused(model, "input 'x': dimension 2 is 'height'; [N, C, H, W] needs numbers");
  }
  SECTION("two inputs, two outputs, an old operator set") {
    model.flat_classifier("x");
    Model two = model;
    two.proto.mutable_graph()->add_input()->set_name("z");
    file.refused(two, "has the inputs 'x' and 'z'");
    two = model;
    two.proto.mutable_graph()->add_output()->set_name("features");
    file.refused(two, "has 2 outputs");
    model.proto.mutable_opset_import(0)->set_version(6);
    file.refused(model, "operator set 6 is not in [7, 24]");
  }
}

TEST_CASE("hostile ONNX files are refused") {
  const File file;
  Model model;
  SECTION("bytes that are no model") {
    file.refused(std::string(), "not a valid ONNX file");
    file.refused(std::string(1000, '\xff'), "not a valid ONNX file");
    torch::manual_seed(1);
    for (int i = 0; i < 200; ++i) {
      const Tensor noise = torch::randint(0, 256, {64}, torch::kUInt8);
      const std::string bytes(static_cast<const char*>(noise.data_ptr()), 64);
      CHECK(support::error_of([&] { file.read(bytes); }).kind() == storage::ErrorKind::invalid);
    }
  }
  SECTION("a file cut off anywhere, or with a byte changed, is refused or read, and nothing else happens") {
    support::TemporaryDirectory directory;
    const eval::NetSpec spec = support::plain_net();
    eval::write_onnx(directory.path() / "net.onnx", spec, eval::initial_weights(spec, 1));
    const std::string whole = storage::read_file(directory.path() / "net.onnx");
    for (std::size_t length = 0; length < whole.size(); length += 7) {
      CHECK(support::error_of([&] { file.read(whole.substr(0, length)); }).kind() == storage::ErrorKind::invalid);
    }
    for (std::size_t i = 0; i < whole.size(); i += 3) {
      std::string changed = whole;
      changed[i] = static_cast<char>(changed[i] ^ (1 << (i % 8)));
      try {
        file.read(changed);
      } catch (const storage::Error& error) {
        CHECK(error.kind() == storage::ErrorKind::invalid);
      }
    }
  }
  SECTION("sizes beyond the data") {
    model.floats("w", {std::int64_t{1} << 40, std::int64_t{1} << 40, 3, 3}, {1});
    model.node("Conv", "conv", {"x", "w"}, "a");
    model.flat_classifier("a");
    file.refused(model, "node 'conv' (Conv): tensor 'w' has the size 1099511627776, out of range");
    model.proto.mutable_graph()->mutable_initializer(0)->set_dims(0, 1);
    file.refused(model, "node 'conv' (Conv): tensor 'w' of size [1, 1099511627776, 3, 3] needs");
    model.proto.mutable_graph()->mutable_initializer(0)->set_dims(1, -1);
    file.refused(model, "node 'conv' (Conv): tensor 'w' has the size -1, out of range");
    onnx::TensorProto& none = *model.proto.mutable_graph()->mutable_initializer(0);  // of no elements
    none.clear_float_data();
    for (const auto& [axis, size] :
         {std::pair(0, std::int64_t{0}), std::pair(1, std::int64_t{1} << 62), std::pair(2, std::int64_t{1} << 62)})
      none.set_dims(axis, size);
    file.refused(model, "node 'conv' (Conv): tensor 'w' has the size 4611686018427387904, out of range");
  }
  SECTION("windows out of range") {
    onnx::NodeProto& pool = model.node("MaxPool", "pool", {"x"}, "a");
    set_attribute(pool, "kernel_shape", {2, 2});
    set_attribute(pool, "strides", {0, std::int64_t{1} << 40});
    set_attribute(pool, "auto_pad", "SAME_UPPER");
    model.flat_classifier("a");
    file.refused(model, "node 'pool' (MaxPool): strides 0 is not in [1, 1048576]");
  }
  SECTION("an attribute of another type, one given twice, one that nobody knows") {
    onnx::NodeProto& pool = model.node("MaxPool", "pool", {"x"}, "a");
    model.flat_classifier("a");
    set_attribute(pool, "kernel_shape", std::int64_t{2});
    file.refused(model, "node 'pool' (MaxPool): attribute 'kernel_shape' is not a list of integers");
    set_attribute(pool, "kernel_shape", std::int64_t{2});
    file.refused(model, "node 'pool' (MaxPool): has attribute 'kernel_shape' twice");
    pool.clear_attribute();
    set_attribute(pool, "kernel\n", std::int64_t{2});
    file.refused(model, "node 'pool' (MaxPool): attribute 'kernel?' is not covered");
  }
  SECTION("nodes that are not sorted, or form a cycle, or read what nothing makes") {
    model.node("Relu", "late", {"b"}, "a");
    model.node("Relu", "early", {"x"}, "b");
    model.flat_classifier("a");
    file.refused(model, "node 'late' (Relu): reads 'b' before node 'early' (Relu) makes it");
    model.proto.mutable_graph()->mutable_node(0)->set_input(0, "a");
    file.refused(model, "node 'late' (Relu): reads 'a' before node 'late' (Relu) makes it");
    model.proto.mutable_graph()->mutable_node(0)->set_input(0, "nowhere");
    file.refused(model, "node 'late' (Relu): reads 'nowhere', which nothing makes");
  }
  SECTION("a name given twice") {
    model.node("Relu", "first", {"x"}, "a");
    model.node("Relu", "second", {"x"}, "a");
    model.flat_classifier("a");
    file.refused(model, "node 'second' (Relu): the name 'a' of its output is given twice");
  }
  SECTION("a weight that so many nodes share that memory would run out") {
    model.floats("w", {1, 1, 64, 64}, std::vector<float>(4096, 1));
    std::string last = "x";
    for (int i = 0; i < 100; ++i) {
      set_attribute(model.node("Conv", "conv" + std::to_string(i), {last, "w"}, "a" + std::to_string(i)), "pads", {32, 32, 32, 32});
      last = "a" + std::to_string(i);
    }
    model.flat_classifier(last);
    file.refused(model, "more than 8 times as large as the file");
  }
  SECTION("what is met first may only serve what is not covered") {
    model.integers("one", {1});
    model.node("Shape", "shape", {"x"}, "sizes");
    model.node("Div", "half", {"sizes", "one"}, "halves");
    model.node("Split", "chunk", {"x", "halves"}, "c");
    model.node("Mish", "act", {"c"}, "a");
    model.flat_classifier("a");
    file.refused(model,
                 "node 'half' (Div): only single numbers of a Shape are computed with; further on the net has Mish, not covered either");
  }
  SECTION("an arrangement of maps that is no layer") {
    set_attribute(model.node("Transpose", "turn", {"x"}, "t"), "perm", {0, 1, 3, 2});
    model.node("Relu", "act", {"t"}, "a");
    model.flat_classifier("a");
    file.refused(model, "reads 't', which 'turn' made of layer 'input' and which is neither its maps flattened");
    Model beyond;
    beyond.integers("shape", {0, 7});
    beyond.node("Reshape", "odd", {"x", "shape"}, "features");
    beyond.classifier("features");
    file.refused(beyond, "node 'odd' (Reshape): cannot be computed: its numbers do not fit");
    Model far;
    far.integers("place", {0, 99});
    far.node("GatherND", "gather", {"x", "place"}, "a");
    far.flat_classifier("a");
    file.refused(far, "node 'gather' (GatherND): gathers beyond what it reads");
  }
  SECTION("more parts than a model can have") {
    std::string bytes = model.proto.SerializeAsString(), nodes;
    for (int i = 0; i < 1'100'000; ++i) nodes += std::string("\x0a\x00", 2);
    const std::size_t length = nodes.size();  // a second graph, merged into the first: field 7, the length as a varint of four bytes
    bytes += '\x3a';
    for (int shift = 0; shift < 28; shift += 7) bytes += static_cast<char>(((length >> shift) & 0x7f) | (shift < 21 ? 0x80 : 0));
    file.refused(bytes + nodes, "has more than 1000000 nodes");
  }
  SECTION("more fields than a model can have, of no known number or another type, and groups; numbers of lists are no fields") {
    model.flat_classifier("x");
    const std::string bytes = model.proto.SerializeAsString();
    const auto times = [](int count, const std::string& part) {
      std::string all;
      for (int i = 0; i < count; ++i) all += part;
      return all;
    };
    const std::string unknown("\x78\x00", 2), wrong("\x38\x00", 2);  // field 15, and 7, the graph, as numbers
    CHECK_NOTHROW(file.read(bytes + times(1000, unknown) + times(1000, wrong)));
    file.refused(bytes + times(1'100'000, unknown), "has more than 1000000 nodes");
    file.refused(bytes + times(1'100'000, wrong), "has more than 1000000 nodes");
    file.refused(bytes + "\x7b" + unknown + "\x7c", "not a valid ONNX file");
    const auto message = [](char tag, const std::string& content) {  // the length as a varint of four bytes
      std::string made(1, tag);
      for (int shift = 0; shift < 28; shift += 7) made += static_cast<char>(((content.size() >> shift) & 0x7f) | (shift < 21 ? 0x80 : 0));
      return made + content;
    };
    const std::string numbers = times(1'100'000, std::string("\x25\0\0\0\0", 5));  // of float_data, one by one
    CHECK_NOTHROW(file.read(bytes + message('\x3a', message('\x2a', "\x42\x04more" + numbers))));
  }
  SECTION("more whole numbers in lists than a model can have: eight bytes of memory for one of the file") {
    model.flat_classifier("x");
    std::string bytes = model.proto.SerializeAsString();
    const std::uint64_t numbers = (std::uint64_t{1} << 29) + 1;
    // The graph's initializer's int64_data, each length as a varint of five bytes; the numbers, zeros, are a hole in the file.
    for (const auto& [tag, size] : {std::pair('\x3a', numbers + 12), std::pair('\x2a', numbers + 6), std::pair('\x3a', numbers)}) {
      bytes += tag;
      for (int shift = 0; shift < 35; shift += 7) bytes += static_cast<char>(((size >> shift) & 0x7f) | (shift < 28 ? 0x80 : 0));
    }
    const auto path = file.folder() / "zeros.onnx";
    storage::write_file(path, bytes);
    std::filesystem::resize_file(path, bytes.size() + numbers);
    CHECK_THAT(support::error_of([&] { eval::read_onnx(path); }).what(),
               Catch::Contains("has more than 512 MiB of whole numbers in lists"));
  }
}
