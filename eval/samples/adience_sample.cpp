// Adience's layout: five fold files beside aligned/ and faces/, subjects in one fold each. Every fold has subjects of every age group. As
// in the real set, some rows lack a label and one image has two rows: of each ninth subject the second picture has no gender, of each other
// ninth no age, and the second row of the first subject repeats its first. One grating tells the age group, another the gender.
#include <fmt/format.h>

#include <algorithm>

#include "eval/data/adience.h"
#include "eval/samples/sample_files.h"
#include "eval/samples/texture.h"

namespace eval {
namespace {

namespace fs = std::filesystem;

constexpr const char* header =
    "user_id\toriginal_image\tface_id\tage\tgender\tx\ty\tdx\tdy\ttilt_ang\tfiducial_yaw_angle\tfiducial_score\n";

constexpr int subjects_a_round = adience_folds * static_cast<int>(age_groups.size());

struct Subject {
  int fold = 0;
  std::size_t group = 0;
  std::string user;
  bool male = false;
  int rows = 0;
};

Subject draw_subject(int number, std::uint64_t seed) {
  Draws draws(mix_seed(seed, static_cast<std::uint64_t>(number)));
  Subject subject;
  const int round = number / adience_folds;
  subject.fold = number % adience_folds;
  subject.group = static_cast<std::size_t>(round) % age_groups.size();
  subject.male = (round + round / static_cast<int>(age_groups.size()) + subject.fold) % 2 == 0;
  subject.user = fmt::format("{}{:05}@N0{}", 100 + draws.index(900), number, draws.index(9));
  return subject;
}

/// Two rows each, and the others drawn.
std::vector<Subject> draw_subjects(const SampleRequest& request) {
  const auto rounds = std::max<std::int64_t>(1, request.images / (5 * subjects_a_round));
  std::vector<Subject> subjects;
  for (int i = 0; i < rounds * subjects_a_round; ++i) subjects.push_back(draw_subject(i, mix_seed(request.seed, 0)));
  Draws draws(mix_seed(request.seed, 1));
  for (Subject& subject : subjects) subject.rows = 2;
  for (auto left = request.images - 2 * std::ssize(subjects); left > 0; --left)
    ++subjects[static_cast<std::size_t>(draws.index(static_cast<int>(subjects.size())))].rows;
  return subjects;
}

/// One picture and its row of a fold file.
struct Picture {
  std::vector<int> gratings;
  std::uint64_t seed = 0;
  std::string folder, file;  ///< a user's, and what follows the kind of the crop
  std::string row;
};

Picture draw_picture(const Subject& subject, int number, int index, std::uint64_t seed) {
  const std::uint64_t own = mix_seed(seed, static_cast<std::uint64_t>(number) << 20 | static_cast<std::uint64_t>(index));
  Draws draws(own);
  Picture picture;
  picture.gratings = {static_cast<int>(subject.group), static_cast<int>(age_groups.size()) + (subject.male ? 1 : 0)};
  picture.seed = mix_seed(own, 1);
  const std::string image = fmt::format("{}{:06}_{:010x}_o.jpg", 10000 + number, index, mix_seed(own, 2) >> 24);
  const int face_id = number + 1, side = 200 + draws.index(1200);
  picture.folder = subject.user;
  picture.file = fmt::format("{}.{}", face_id, image);
  const bool no_gender = index == 1 && number % 9 == 3, no_age = index == 1 && number % 9 == 7;
  const char* gender = no_gender ? subject.group == 0 ? "u" : "" : subject.male ? "m" : "f";
  picture.row = fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", subject.user, image, face_id,
                            no_age ? "None" : age_groups[subject.group].name, gender, draws.index(2000), draws.index(1500), side, side,
                            5 * (draws.index(7) - 3), 15 * (draws.index(5) - 2), 15 + draws.index(120));
  return picture;
}

void draw_adience(const SampleRequest& request, const fs::path& folder) {
  const std::vector<Subject> subjects = draw_subjects(request);
  std::vector<Picture> pictures;
  std::array<std::string, adience_folds> folds;
  folds.fill(header);
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    const std::size_t first = pictures.size();
    for (const char* kind : {"aligned", "faces"}) make_folder(folder / kind / subjects[i].user);
    for (int index = 0; index < subjects[i].rows; ++index) {
      std::string& fold = folds[static_cast<std::size_t>(subjects[i].fold)];
      const bool repeated = i == 0 && index == 1;
      if (!repeated) pictures.push_back(draw_picture(subjects[i], static_cast<int>(i), index, mix_seed(request.seed, 2)));
      fold += repeated ? pictures[first].row : pictures.back().row;
    }
  }
  for (std::size_t fold = 0; fold < folds.size(); ++fold) write_sample_file(folder / fmt::format("fold_{}_data.txt", fold), folds[fold]);
  draw_each(request, std::ssize(pictures), [&](std::int64_t i) {
    const Picture& picture = pictures[static_cast<std::size_t>(i)];
    const auto draw = [&](const char* kind, const char* prefix, std::uint64_t seed) {
      write_sample_file(folder / kind / picture.folder / (prefix + picture.file),
                        encode_jpeg(draw_texture(picture.gratings, {request.size, request.size}, seed)));
    };
    draw("aligned", "landmark_aligned_face.", picture.seed);
    draw("faces", "coarse_tilt_aligned_face.", mix_seed(picture.seed, 1));
  });
}

}  // namespace

SampleEntry adience_sample() {
  return {.name = "adience",
          .format = "adience",
          .doc = "textures for eight age groups and two genders in Adience's five folds, aligned and coarse",
          .images = 1000,
          .least_images = 2 * subjects_a_round,
          .size = 96,
          .least_size = 16,
          .most_size = 1024,
          .draw = draw_adience};
}

}  // namespace eval
