// LFWA's layout: lfw/First_Last/First_Last_0001.jpg, attributes and the suggested split in MATLAB files of version 7.3. Last names begin
// with every letter, in both halves of the split. Attributes tell what is drawn; those that never are drawn are 0.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "eval/data/face_attributes.h"
#include "eval/samples/faces.h"
#include "eval/samples/mat_writer.h"
#include "eval/samples/sample_files.h"

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
  Person person;
  int images = 1;
};

std::vector<Identity> draw_identities(const SampleRequest& request) {
  std::vector<Identity> people;
  for (std::int64_t i = 0; i < std::clamp(request.images / 4, 2 * letters, most_people); ++i) {
    const std::int64_t round = i / letters;
    const bool male = (i / 2 + round) % 2 == 0;
    const std::uint64_t seed = mix_seed(mix_seed(request.seed, 0), static_cast<std::uint64_t>(i));
    Identity identity;
    identity.name =
        fmt::format("{}_{}", (male ? men : women)[static_cast<std::size_t>(round)], last_names[static_cast<std::size_t>(i % letters)]);
    identity.training = (i + round) % 2 == 0;
    identity.person = draw_person(male, Draws(seed).between(16, 80), mix_seed(seed, 1));
    people.push_back(std::move(identity));
  }
  Draws draws(mix_seed(request.seed, 1));
  for (auto left = request.images - std::ssize(people); left > 0; --left)
    ++people[static_cast<std::size_t>(draws.index(static_cast<int>(people.size())))].images;
  std::sort(people.begin(), people.end(), [](const Identity& a, const Identity& b) { return a.name < b.name; });
  return people;
}

struct Attribute {
  const char* name;
  bool (*shown)(const Face& face);
};

bool has_hair(const Face& face) {
  return !face.person.bald() && !face.hat;
}

bool has_colour(const Face& face, HairColour colour) {
  return has_hair(face) && face.person.grey < 0.5 && face.person.hair_colour == colour;
}

const std::vector<Attribute>& drawn_attributes() {
  static const std::vector<Attribute> attributes{
      {"5_o_Clock_Shadow", [](const Face& face) { return face.person.beard == Beard::stubble; }},
      {"Bags_Under_Eyes", [](const Face& face) { return face.person.years > 58; }},
      {"Bald", [](const Face& face) { return face.person.bald() && !face.hat; }},
      {"Bangs", [](const Face& face) { return has_hair(face) && face.person.fringe; }},
      {"Black_Hair", [](const Face& face) { return has_colour(face, HairColour::black); }},
      {"Blond_Hair", [](const Face& face) { return has_colour(face, HairColour::blond); }},
      {"Brown_Hair", [](const Face& face) { return has_colour(face, HairColour::brown); }},
      {"Eyeglasses", [](const Face& face) { return face.glasses; }},
      {"Goatee", [](const Face& face) { return face.person.beard == Beard::goatee; }},
      {"Gray_Hair", [](const Face& face) { return has_hair(face) && face.person.grey >= 0.5; }},
      {"Male", [](const Face& face) { return face.person.male; }},
      {"Mouth_Slightly_Open", [](const Face& face) { return face.open_mouth; }},
      {"Mustache", [](const Face& face) { return face.person.beard > Beard::stubble; }},
      {"No_Beard", [](const Face& face) { return face.person.beard == Beard::none; }},
      {"Pale_Skin", [](const Face& face) { return face.person.skin < 0.15; }},
      {"Receding_Hairline", [](const Face& face) { return has_hair(face) && face.person.recession > 0.45; }},
      {"Smiling", [](const Face& face) { return face.smile > 0.3; }},
      {"Straight_Hair", [](const Face& face) { return has_hair(face) && !face.person.curly; }},
      {"Wavy_Hair", [](const Face& face) { return has_hair(face) && face.person.curly; }},
      {"Wearing_Hat", [](const Face& face) { return face.hat; }},
      {"Wearing_Lipstick", [](const Face& face) { return face.person.lipstick; }},
      {"Young", [](const Face& face) { return face.person.years < 38; }},
  };
  return attributes;
}

/// Image after image within each of the 40 columns.
std::vector<double> labels_of(const std::vector<Face>& faces) {
  std::vector<double> labels;
  for (const std::string& name : face_attributes()) {
    const auto attribute =
        std::find_if(drawn_attributes().begin(), drawn_attributes().end(), [&](const Attribute& each) { return each.name == name; });
    for (const Face& face : faces) labels.push_back(attribute != drawn_attributes().end() && attribute->shown(face) ? 1 : 0);
  }
  return labels;
}

void draw_lfwa(const SampleRequest& request, const fs::path& folder) {
  std::vector<std::string> names;  // with MATLAB's backslash
  std::vector<Face> faces;
  std::vector<double> images[2], identities[2];  // for training, for test; counted from 1
  const std::vector<Identity> people = draw_identities(request);
  for (std::size_t i = 0; i < people.size(); ++i) {
    make_folder(folder / "lfw" / people[i].name);
    const int half = people[i].training ? 0 : 1;
    identities[half].push_back(static_cast<double>(i + 1));
    for (int image = 1; image <= people[i].images; ++image) {
      names.push_back(fmt::format("{}\\{}_{:04}.jpg", people[i].name, people[i].name, image));
      faces.push_back(draw_face(people[i].person, mix_seed(mix_seed(request.seed, 2), names.size())));
      images[half].push_back(static_cast<double>(names.size()));
    }
  }
  MatWriter attributes, indices;
  attributes.texts("AttrName", face_attributes());
  attributes.matrix("label", faces.size(), face_attributes().size(), labels_of(faces));
  attributes.texts("name", names);
  write_sample_file(folder / "lfw_att_40.mat", attributes.bytes());
  indices.matrix("indices_img_train", images[0].size(), 1, images[0]);
  indices.matrix("indices_img_test", images[1].size(), 1, images[1]);
  indices.matrix("indices_identity_train", identities[0].size(), 1, identities[0]);
  indices.matrix("indices_identity_test", identities[1].size(), 1, identities[1]);
  write_sample_file(folder / "indices_train_test.mat", indices.bytes());
  draw_each(request, std::ssize(faces), [&](std::int64_t i) {
    std::string name = names[static_cast<std::size_t>(i)];
    std::replace(name.begin(), name.end(), '\\', '/');
    write_sample_file(folder / "lfw" / name, encode_jpeg(paint(faces[static_cast<std::size_t>(i)], request.size)));
  });
}

}  // namespace

SampleEntry lfwa_sample() {
  return {.name = "lfwa",
          .format = "lfwa",
          .doc = "faces with 40 attributes in LFWA's folders and MATLAB files",
          .images = 400,
          .least_images = 2 * letters,
          .size = 96,
          .least_size = 16,
          .most_size = 1024,
          .draw = draw_lfwa};
}

}  // namespace eval
