#include "eval/formats/python.h"

#include <fmt/format.h>

#include <algorithm>

#include "eval/cost.h"
#include "eval/formats/python_layers.h"
#include "eval/formats/python_modules.h"
#include "eval/nets/layer_shape.h"

namespace eval {

namespace {

constexpr std::size_t line_length = 100;

std::string list(const std::vector<float>& numbers) {
  return fmt::format("[{}]", fmt::join(numbers, ", "));
}

/// Lines of a docstring, which nothing in them can end.
std::string docstring(const std::vector<std::string>& lines) {
  std::string text = "\"\"\"";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::string line = lines[i];
    std::replace(line.begin(), line.end(), '\\', '/');
    std::replace(line.begin(), line.end(), '"', '\'');
    std::replace_if(
        line.begin(), line.end(), [](unsigned char c) { return c < 0x20; }, ' ');
    text += (i > 0 ? "\n" : "") + line;
  }
  return text + "\n\"\"\"\n";
}

constexpr const char* loading = R"(

def read(path):
    """A safetensors file: its header, and the bytes behind it."""
    data = pathlib.Path(path).read_bytes()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8:start]), data[start:]


def load(path=HERE / WEIGHTS):
    """The net with the weights of a safetensors file, in evaluation mode."""
    header, data = read(path)
    types = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64, "I64": torch.int64}
    state = {}
    for name, entry in header.items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            state[name] = torch.frombuffer(bytearray(data[first:last]), dtype=types[entry["dtype"]]).reshape(entry["shape"])
    net = Net()
    counters = {name: tensor for name, tensor in net.state_dict().items() if name.endswith("num_batches_tracked")}
    net.load_state_dict({**counters, **state})
    return net.eval()


def save(net, path):
    """Weights as safetensors, with the net's description from the file beside this one: nas-run reads it."""
    header, blobs, end = {"__metadata__": read(HERE / WEIGHTS)[0].get("__metadata__", {})}, [], 0
    for name, tensor in net.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            plain = tensor.detach().cpu().float().contiguous().flatten().view(torch.uint8)
            blobs.append(bytearray(plain.numel()))
            torch.frombuffer(blobs[-1], dtype=torch.uint8).copy_(plain)
            header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [end, end + len(blobs[-1])]}
            end += len(blobs[-1])
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))
)";

constexpr const char* preprocessing = R"(

def shares(source, target):
    """How much of each of the `target` pixels that a row is shrunk to is made of each of its `source` pixels. [target, source]"""
    edges, pixels = torch.arange(target + 1) * (source / target), torch.arange(source)
    inside = torch.minimum(edges[1:, None], pixels + 1) - torch.maximum(edges[:-1, None], pixels)
    return inside.clamp(min=0) * (target / source)


def preprocess(image):
    """An image of Pillow as a batch of one: {how}."""
    from PIL import Image, ImageOps

{turn}    if image.mode[0] == "I":  # 16 bits
        image = image.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")
    if "A" in image.getbands() or "transparency" in image.info:  # black shows through
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image.convert("RGBA"))
    pixels = torch.frombuffer(bytearray(image.convert("{mode}").tobytes()), dtype=torch.uint8).float()
    pixels = pixels.reshape(1, image.height, image.width, {channels}).permute(0, 3, 1, 2)
{size}    if width <= image.width and height <= image.height:
        pixels = shares(image.height, height) @ pixels @ shares(image.width, width).T
    else:
        pixels = F.interpolate(pixels, (height, width), mode="bilinear", align_corners=False)
    top, left = (height - {outer_height}) // 2 + {margin}, (width - {outer_width}) // 2 + {margin}
    pixels = pixels.round()[..., top:top + SIZE[1], left:left + SIZE[2]] / 255
    return (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]
)";

}  // namespace

std::string python_module(const NetSpec& spec, const NetInfo& info, const std::string& weights, const std::vector<std::string>& about,
                          const PythonImages& images) {
  const Shape input = output_shapes(spec).front();
  const Cost costs = cost(spec);
  std::vector<std::string> lines{fmt::format("{}: {} parameters, {} multiply-accumulates for an image of {}. Written by nas-run.",
                                             spec.name, costs.params, costs.macs, to_string(input)),
                                 ""};
  lines.insert(lines.end(), about.begin(), about.end());
  if (!about.empty()) lines.emplace_back();
  lines.push_back("    net = load()                      # the weights beside this file, in evaluation mode");
  if (info.knows_pixels()) lines.push_back("    scores = net(preprocess(image))   # of an image of Pillow");
  std::string text = docstring(lines);
  text += "import json\nimport pathlib\nimport struct\n\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n";
  text += fmt::format("HERE, WEIGHTS = pathlib.Path(__file__).resolve().parent, {}\nSIZE = ({}, {}, {})  # channels, height, width\n",
                      python_text(weights), input.channels, input.height, input.width);
  if (!info.task.empty()) text += fmt::format("TASK = {}\n", python_text(info.task));
  if (!info.class_names.empty()) {
    std::vector<std::string> names;
    for (const std::string& name : info.class_names) names.push_back(python_text(name));
    const std::string line = fmt::format("CLASSES = [{}]\n", fmt::join(names, ", "));
    text += line.size() <= line_length ? line : fmt::format("CLASSES = [\n    {},\n]\n", fmt::join(names, ",\n    "));
  }
  if (info.knows_pixels()) text += fmt::format("MEAN, DEVIATION = {}, {}  # of pixels in [0, 1]\n", list(info.mean), list(info.deviation));
  for (const PythonClass& each : python_classes(spec)) text += "\n\n" + each.text;
  text += loading;
  if (info.knows_pixels() && static_cast<int>(info.mean.size()) == input.channels && (input.channels == 1 || input.channels == 3)) {
    const int width = input.width + 2 * images.margin, height = input.height + 2 * images.margin;
    const std::string size = images.stretch ? fmt::format("    width, height = {}, {}\n", width, height)
                                            : fmt::format(
                                                  "    scale = max({0} / image.width, {1} / image.height)\n"
                                                  "    width = max({0}, int(image.width * scale + 0.5))\n"
                                                  "    height = max({1}, int(image.height * scale + 0.5))\n",
                                                  width, height);
    text +=
        fmt::format(preprocessing, fmt::arg("how", images.stretch ? "stretched to the net's size" : "its middle in the net's size"),
                    fmt::arg("turn", images.turn ? "    image = ImageOps.exif_transpose(image)\n" : ""), fmt::arg("size", size),
                    fmt::arg("outer_width", width), fmt::arg("outer_height", height), fmt::arg("mode", input.channels == 1 ? "L" : "RGB"),
                    fmt::arg("channels", input.channels), fmt::arg("margin", images.margin));
  }
  return text;
}

}  // namespace eval
