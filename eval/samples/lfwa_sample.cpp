// LFWA's layout: lfw/First_Last/First_Last_0001.jpg, attributes and the suggested split in MATLAB files of version 7.3. Last names begin
// with every letter, in both halves of the split. An image has a grating for each of its attributes; Male goes by the first name, every
// other is there in half of the images.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "eval/data/face_attributes.h"
#include "eval/samples/mat_writer.h"
#include "eval/samples/sample_files.h"
#include "eval/samples/texture.h"

namespace eval {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 26> last_names{"Adler",  "Brook",   "Castle", "Dale",  "Ember", "Field", "Grove",  "Hill",  "Ivory",
                                                 "Jasper", "Kestrel", "Lake",   "Marsh", "North", "Oak",   "Pine",   "Quill", "River",
                                                 "Stone",  "Thorn",   "Umber",  "Vale",  "Wood",  "Xylo",  "Yarrow", "Zephyr"};
constexpr std::array<const char*, 20> men{"Aaron", "Bela", "Carl",  "David", "Emil",  "Felix", "Georg", "Hugo", "Ivan", "Jonas",
                                          "Karim", "Leo",  "Mateo", "Nils",  "Oscar", "Paul",  "Quinn", "Ravi", "Sven", "Tomas"};
constexpr std::array<const char*, 20> women{"Ada",  "Berta", "Clara", "Dora", "Elsa", "Frida", "Greta", "Hanna", "Ines", "Julia",
                                            "Kira", "Lena",  "Mara",  "Nora", "Olga", "Petra", "Rosa",  "Sofia", "Tara", "Uma"};
constexpr std::int64_t letters = last_names.size(), most_people = letters * static_cast<std::int64_t>(men.size());

struct Identity {
  std::string name;
  bool training = false;
  bool male = false;
  int images = 1;
};

std::vector<Identity> draw_identities(const SampleRequest& request) {
  std::vector<Identity> people;
  for (std::int64_t i = 0; i < std::clamp(request.images / 4, 2 * letters, most_people); ++i) {
    const std::int64_t round = i / letters;
    const bool male = (i / 2 + round) % 2 == 0;
    Identity identity;
    identity.name =
        fmt::format("{}_{}", (male ? men : women)[static_cast<std::size_t>(round)], last_names[static_cast<std::size_t>(i % letters)]);
    identity.training = (i + round) % 2 == 0;
    identity.male = male;
    people.push_back(std::move(identity));
  }
  Draws draws(mix_seed(request.seed, 1));
  for (auto left = request.images - std::ssize(people); left > 0; --left)
    ++people[static_cast<std::size_t>(draws.index(static_cast<int>(people.size())))].images;
  std::sort(people.begin(), people.end(), [](const Identity& a, const Identity& b) { return a.name < b.name; });
  return people;
}

/// The attributes that an image shows, by their places among the 40.
std::vector<int> draw_attributes(bool male, std::uint64_t seed) {
  Draws draws(seed);
  std::vector<int> shown;
  for (std::size_t i = 0; i < face_attributes().size(); ++i) {
    const bool drawn = draws.chance(0.5);
    if (face_attributes()[i] == "Male" ? male : drawn) shown.push_back(static_cast<int>(i));
  }
  return shown;
}

/// Image after image within each of the 40 columns.
std::vector<double> labels_of(const std::vector<std::vector<int>>& attributes) {
  std::vector<double> labels(face_attributes().size() * attributes.size());
  for (std::size_t image = 0; image < attributes.size(); ++image)
    for (const int attribute : attributes[image]) labels[static_cast<std::size_t>(attribute) * attributes.size() + image] = 1;
  return labels;
}

void draw_lfwa(const SampleRequest& request, const fs::path& folder) {
  std::vector<std::string> names;  // with MATLAB's backslash
  std::vector<std::vector<int>> shown;
  std::vector<double> images[2], identities[2];  // for training, for test; counted from 1
  const std::vector<Identity> people = draw_identities(request);
  for (std::size_t i = 0; i < people.size(); ++i) {
    make_folder(folder / "lfw" / people[i].name);
    const int half = people[i].training ? 0 : 1;
    identities[half].push_back(static_cast<double>(i + 1));
    for (int image = 1; image <= people[i].images; ++image) {
      names.push_back(fmt::format("{}\\{}_{:04}.jpg", people[i].name, people[i].name, image));
      shown.push_back(draw_attributes(people[i].male, mix_seed(mix_seed(request.seed, 2), names.size())));
      images[half].push_back(static_cast<double>(names.size()));
    }
  }
  MatWriter attributes, indices;
  attributes.texts("AttrName", face_attributes());
  attributes.matrix("label", shown.size(), face_attributes().size(), labels_of(shown));
  attributes.texts("name", names);
  write_sample_file(folder / "lfw_att_40.mat", attributes.bytes());
  indices.matrix("indices_img_train", images[0].size(), 1, images[0]);
  indices.matrix("indices_img_test", images[1].size(), 1, images[1]);
  indices.matrix("indices_identity_train", identities[0].size(), 1, identities[0]);
  indices.matrix("indices_identity_test", identities[1].size(), 1, identities[1]);
  write_sample_file(folder / "indices_train_test.mat", indices.bytes());
  draw_each(request, std::ssize(shown), [&](std::int64_t i) {
    std::string name = names[static_cast<std::size_t>(i)];
    std::replace(name.begin(), name.end(), '\\', '/');
    const std::uint64_t seed = mix_seed(mix_seed(request.seed, 3), static_cast<std::uint64_t>(i));
    write_sample_file(folder / "lfw" / name,
                      encode_jpeg(draw_texture(shown[static_cast<std::size_t>(i)], {request.size, request.size}, seed)));
  });
}

}  // namespace

SampleEntry lfwa_sample() {
  return {.name = "lfwa",
          .format = "lfwa",
          .doc = "textures for 40 attributes in LFWA's folders and MATLAB files",
          .images = 400,
          .least_images = 2 * letters,
          .size = 96,
          .least_size = 16,
          .most_size = 1024,
          .draw = draw_lfwa};
}

}  // namespace eval
